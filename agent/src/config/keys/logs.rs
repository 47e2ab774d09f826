//! Keys of what happens to containers' lines. Those about lines themselves can change while the agent runs.

use std::time::Duration;

use super::{Key, key, kinds};
use crate::{
    logs::{
        SourceChoice,
        redact::{Names, OwnPattern},
        rules::{Matcher, Sample},
    },
    model::{ContainerFilter, LogLevel, Pattern},
};

pub(in crate::config) static INCLUDE: Key<Vec<Pattern>> = key(
    "logs.include",
    kinds::PATTERNS,
    || ContainerFilter::default().include,
    "Containers whose output is read, among those that are watched: those which at least one pattern matches.",
)
.reloads();

pub(in crate::config) static EXCLUDE: Key<Vec<Pattern>> = key(
    "logs.exclude",
    kinds::PATTERNS,
    Vec::new,
    "Containers whose output is not read although they are included. A container can also leave itself out with the label \
     spyhop.logs.enable=false.",
)
.reloads();

pub(in crate::config) static REDACT: Key<Names> = key(
    "logs.redact",
    kinds::REDACT,
    Names::default,
    "What is replaced by `[redacted:NAME]` before a line leaves the host. `default` stands for the four it is by default, so that \
     `[default, vin]` adds to them. `vin` are vehicle numbers with a valid check digit; `vin_any` all of their form, as European ones have \
     none. The label spyhop.logs.redact adds for one container.",
)
.reloads();

pub(in crate::config) static PATTERNS: Key<Vec<OwnPattern>> = key(
    "logs.patterns",
    kinds::OWN_PATTERNS,
    Vec::new,
    "Further patterns to replace, in every container: a name and a regular expression, of which the first group is replaced, or all where \
     there is none. At most 24, of 512 bytes. `\\w`, `\\d` and `(?i)` know ASCII.",
)
.reloads();

pub(in crate::config) static DROP: Key<Vec<Matcher>> = key(
    "logs.drop",
    kinds::MATCHERS,
    Vec::new,
    "Lines that are not sent: those which hold a text or which a regular expression matches. Counted with reason `rule`. The label \
     spyhop.logs.drop adds for one container.",
)
.reloads();

pub(in crate::config) static SAMPLE: Key<Vec<Sample>> = key(
    "logs.sample",
    kinds::SAMPLES,
    Vec::new,
    "Lines of which only one in N is sent; the first entry that means a line counts. Which ones follows from the lines and their times, so \
     that reading again decides the same. `1/N` alone means every line below the level error. Counted with reason `sampled`.",
)
.reloads();

pub(in crate::config) static MIN_LEVEL: Key<Option<LogLevel>> = key(
    "logs.min_level",
    kinds::LINE_LEVEL,
    || None,
    "Least serious lines to send; those of no known level are sent. Counted with reason `level`.",
)
.reloads();

pub(in crate::config) static RATE_LINES: Key<Option<u64>> = key(
    "logs.rate_lines",
    kinds::rate_lines(),
    || None,
    "Lines a second which are sent of each container, on average over ten seconds of the lines' own times. Counted with reason `rate_lines`. \
     The label spyhop.logs.rate can only lower it.",
)
.reloads();

pub(in crate::config) static RATE_SIZE: Key<Option<u64>> = key(
    "logs.rate_size",
    kinds::rate_size(),
    || None,
    "Bytes of lines a second which are sent of each container, counted as `logs.rate_lines` is, with reason `rate_size`.",
)
.reloads();

pub(in crate::config) static SOURCE: Key<SourceChoice> = key(
    "logs.source",
    kinds::LOG_SOURCE,
    SourceChoice::default,
    "Where lines are read: `auto` is the files of the driver json-file where they can be read, which costs the engine nothing, and the engine \
     for all others; `engine` asks it for all.",
);

pub(in crate::config) static BATCH_WAIT: Key<Duration> = key(
    "logs.batch_wait",
    kinds::duration::<50, 60_000>(),
    || Duration::from_secs(1),
    "Lines wait so long for others, at most, before they are sent.",
);

pub(in crate::config) static MAX_LINE_SIZE: Key<u64> = key(
    "logs.max_line_size",
    kinds::size::<32_768, 16_777_216>(),
    || 256 << 10,
    "Longest line the destination takes (Loki: `max_line_size`). Longer ones are cut, with a mark; room for redaction's marks is left below.",
);

// An hour below Loki's own week: clocks differ, and what is sent may wait.
pub(in crate::config) static MAX_AGE: Key<Duration> = key(
    "logs.max_age",
    kinds::duration::<60_000, 31_536_000_000>(),
    || Duration::from_secs((7 * 24 - 1) * 3600),
    "Lines older than this are not sent; Loki refuses those of more than a week (`reject_old_samples_max_age`). Counted with reason `too_old`.",
);

pub(in crate::config) static EVENTS: Key<bool> = key(
    "logs.events",
    kinds::SWITCH,
    || true,
    "Events of the engine are sent as lines of a service of their own, `docker-events`.",
);

pub(in crate::config) static OWN: Key<bool> = key(
    "logs.own",
    kinds::SWITCH,
    || true,
    "The agent's own log is sent as the service `spyhop`, all but what it says of sending. Its container is never read.",
);

pub(in crate::config) static SPOOL_SIZE: Key<u64> = key(
    "logs.spool_size",
    kinds::size::<1_048_576, 1_099_511_627_776>(),
    || 1 << 30,
    "Bytes on disk for each destination, below the state directory, for lines it has not acknowledged. When it is full the oldest give \
     way, and are counted.",
);

pub(in crate::config) static SPOOL_AGE: Key<Duration> = key(
    "logs.spool_age",
    kinds::duration::<60_000, 2_592_000_000>(),
    || Duration::from_secs(24 * 3600),
    "How long lines are kept there.",
);

pub(in crate::config) static STREAM_RATE: Key<u64> = key(
    "logs.stream_rate",
    kinds::size::<0, 1_073_741_824>(),
    || 2_000_000,
    "Bytes a second which are sent of one stream, before compression; 0 for no limit. Below Loki's own limit (`per_stream_rate_limit`, 3 MB), \
     because Loki does not always say what it dropped above it.",
);
