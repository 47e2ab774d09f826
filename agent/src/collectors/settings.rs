//! What the collectors are told once, at start.

use std::collections::BTreeSet;

use super::LabelPolicy;
use crate::model::metric::Group;

/// Settings of the collectors.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Groups on the page; [`Group::Agent`] is always on it.
    pub groups: BTreeSet<Group>,
    /// Which labels of a container its `container_*` series carry.
    pub labels: LabelPolicy,
    /// What `spyhop_build_info` says.
    pub build: Build,
}

impl Default for Settings {
    fn default() -> Self {
        Self { groups: Group::ALL.into(), labels: LabelPolicy::default(), build: Build::default() }
    }
}

/// Which program this is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Build {
    /// Version of the crate.
    pub version: &'static str,
    /// Source revision, given to the compiler as `SPYHOP_REVISION`; `unknown` without it.
    pub revision: &'static str,
}

impl Default for Build {
    fn default() -> Self {
        Self { version: env!("CARGO_PKG_VERSION"), revision: option_env!("SPYHOP_REVISION").unwrap_or("unknown") }
    }
}
