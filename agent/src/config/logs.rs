//! Section `logs`: what happens to containers' lines.

use super::{keys::logs as keys, layers::Values};
use crate::{
    logs::{
        Options, Settings, redact,
        rules::{Rate, Rules},
    },
    model::ContainerFilter,
};

/// Takes its keys once.
pub(super) fn take(values: &mut Values) -> Options {
    Options {
        source: values.take(&keys::SOURCE),
        batch_wait: values.take(&keys::BATCH_WAIT),
        max_age: values.take(&keys::MAX_AGE),
        max_line_bytes: usize::try_from(values.take(&keys::MAX_LINE_SIZE)).unwrap_or(usize::MAX),
        lines: take_lines(values),
        events: values.take(&keys::EVENTS),
        own: values.take(&keys::OWN),
        spool_bytes: values.take(&keys::SPOOL_SIZE),
        spool_age: values.take(&keys::SPOOL_AGE),
        stream_rate: values.take(&keys::STREAM_RATE),
    }
}

fn take_lines(values: &mut Values) -> Settings {
    Settings {
        containers: ContainerFilter { include: values.take(&keys::INCLUDE), exclude: values.take(&keys::EXCLUDE) },
        redact: redact::Settings { names: values.take(&keys::REDACT), own: values.take(&keys::PATTERNS) },
        rules: Rules {
            drop: values.take(&keys::DROP),
            sample: values.take(&keys::SAMPLE),
            min_level: values.take(&keys::MIN_LEVEL),
            rate: Rate { lines: values.take(&keys::RATE_LINES), bytes: values.take(&keys::RATE_SIZE) },
        },
    }
}
