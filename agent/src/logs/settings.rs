//! What the file says about lines, for every container.

use super::{redact, rules::Rules};
use crate::model::ContainerFilter;

/// Section `logs` as far as it is about lines.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Settings {
    /// Containers whose output is read, of those that are watched.
    pub containers: ContainerFilter,
    /// What is replaced.
    pub redact: redact::Settings,
    /// What is kept.
    pub rules: Rules,
}
