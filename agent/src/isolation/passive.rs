//! The passive tier: what the kernel's lists of sockets show.

use std::collections::{BTreeMap, BTreeSet};

use super::Edge;
use crate::model::{Protocol, ServiceKey};

/// What one sweep has seen.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Observed {
    /// Connections that were agreed on, or ended in order since the last sweep, with how many of each.
    pub flows: BTreeMap<Edge, u64>,
    /// Attempts that nobody answered: `SYN_SENT` in two sweeps, or one that began since the last.
    pub attempts: BTreeMap<Edge, u64>,
    /// Ports on which services listen for others, loopback left out.
    pub listeners: BTreeMap<ServiceKey, BTreeSet<(Protocol, u16)>>,
    /// Ports on which the host itself listens for others on wildcard or gateway addresses, those published for containers left out.
    pub host_listeners: BTreeSet<(Protocol, u16)>,
    /// Services all of whose namespaces were read, or were unchanged.
    pub seen: BTreeSet<ServiceKey>,
    /// Services that could not be looked at, with the reason, for people.
    pub unseen: BTreeMap<ServiceKey, String>,
}
