//! Section `logs`: what happens to containers' lines.

use super::{keys::logs as keys, layers::Values};
use crate::{
    logs::{
        Settings, redact,
        rules::{Rate, Rules},
    },
    model::ContainerFilter,
};

/// Takes its keys once.
pub(super) fn take(values: &mut Values) -> Settings {
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
