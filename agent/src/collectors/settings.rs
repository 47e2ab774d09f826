//! What the collectors are told once, at start.

use std::collections::BTreeSet;

use super::NamePatterns;
use crate::{history, isolation, logs::board::Board, model::metric::Group, policy, probes, targets::Targets, traces};

/// Settings of the collectors.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Groups on the page; [`Group::Agent`] is always on it.
    pub groups: BTreeSet<Group>,
    /// Which labels of a container its `container_*` series carry.
    pub labels: NamePatterns,
    /// Interfaces of the host without `node_network_*` series.
    pub hidden_interfaces: NamePatterns,
    /// What containers declare; `None` leaves the group out.
    pub targets: Option<Targets>,
    /// What the log pipeline counts; `None` while logs go nowhere, which leaves the group out.
    pub logs: Option<Board>,
    /// Who judges; `None` leaves the group out.
    pub policy: Option<policy::Board>,
    /// What probes came to; `None` leaves the group out.
    pub probes: Option<probes::Board>,
    /// Who reaches whom and should not; `None` leaves the group out.
    pub isolation: Option<isolation::board::Board>,
    /// What is taken, made and sent as OTLP; `None` leaves the group out.
    pub traces: Option<traces::figures::Board>,
    /// The last hour, for the page; `None` keeps none.
    pub history: Option<history::Board>,
    /// What `spyhop_build_info` says.
    pub build: Build,
}

/// The host's ends of containers' networks: each container has one under a random name, and a new one at each start. Their traffic
/// is `container_network_*`, under the container's own name.
pub const HIDDEN_INTERFACES: [&str; 1] = ["veth*"];

impl Default for Settings {
    fn default() -> Self {
        Self {
            groups: Group::ALL.into(),
            labels: NamePatterns::identity(),
            hidden_interfaces: NamePatterns::new(HIDDEN_INTERFACES),
            targets: None,
            logs: None,
            policy: None,
            probes: None,
            isolation: None,
            traces: None,
            history: None,
            build: Build::default(),
        }
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
