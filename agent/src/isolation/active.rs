//! The active tier: connections that should not come about, begun from inside the namespaces of containers.

use std::collections::BTreeMap;

use super::Edge;
use crate::model::ServiceKey;

/// What became of an attempt to connect.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Answer {
    /// Somebody answered.
    Open,
    /// The way is open and the port is closed (RST): isolation is broken all the same.
    Refused,
    /// Nothing came back in time.
    Dropped,
    /// The kernel knows no way, or was told there is none (ICMP).
    NoRoute,
    /// It could not be tried, or says nothing (UDP without an answer).
    Unknown,
}

impl Answer {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Open, Self::Refused, Self::Dropped, Self::NoRoute, Self::Unknown];

    /// The label `result`, and the word in reports.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Refused => "refused",
            Self::Dropped => "dropped",
            Self::NoRoute => "no_route",
            Self::Unknown => "unknown",
        }
    }

    /// Whether packets get there and back: a closed port tells as much as an open one.
    pub const fn is_reachable(self) -> bool {
        matches!(self, Self::Open | Self::Refused)
    }
}

/// What one round has found out.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Probed {
    /// The worst answer of each edge that was tried: reachable before unknown before closed.
    pub edges: BTreeMap<Edge, Answer>,
    /// Whether a name of the world outside was resolved from inside internal networks, by service.
    pub resolves: BTreeMap<ServiceKey, bool>,
    /// Edges that were to be tried and could not be, with the reason, for people.
    pub untried: BTreeMap<Edge, String>,
}
