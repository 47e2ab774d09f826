//! Keys of what happens to containers' lines. All of them can change while the agent runs.

use super::{Key, key, kinds};
use crate::{
    logs::{
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
