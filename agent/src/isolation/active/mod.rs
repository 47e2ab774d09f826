//! The active tier: connections that should not come about, begun from inside the namespaces of containers.
//!
//! ```text
//!  Intent, Snapshot, Observed --> plan (who asks whom, this round) --> run (helper's sockets, one answer each) --+
//!                                              ^                                                                  v
//!                                              +------------------------------------------------------------ memory --> Probed
//! ```
//!
//! Nothing is sent anywhere but to addresses of containers and of the host in the picture; a name of the world outside is asked for only
//! when the configuration has one. A connection that comes about is closed at once, by a reset, and nothing is sent over it.

mod dns;
mod memory;
mod own;
mod plan;
mod run;
#[cfg(test)]
mod tests;

use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

pub use dns::Name;
pub use own::Own;

use self::memory::Memory;
use super::{Edge, Intent, passive::Observed};
use crate::{helper, inventory::Snapshot, model::ServiceKey};

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

    /// Of several ways the one that counts: reachable before unknown before closed.
    const fn weight(self) -> u8 {
        match self {
            Self::Open => 0,
            Self::Refused => 1,
            Self::Unknown => 2,
            Self::Dropped => 3,
            Self::NoRoute => 4,
        }
    }

    /// The worse of two answers for the same edge.
    #[must_use]
    pub const fn or_worse(self, other: Self) -> Self {
        if other.weight() < self.weight() { other } else { self }
    }
}

/// What is known after a round.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Probed {
    /// The worst answer of each edge that was tried, over its addresses, families and replicas: reachable before unknown before closed. What
    /// was not tried again this round keeps its answer while both ends are as they were.
    pub edges: BTreeMap<Edge, Answer>,
    /// Of these the ones that were reached over a network which both ends were on when it was tried, and over nothing else: a picture
    /// in which one of them is about to start again shows no such network.
    pub beside: BTreeSet<Edge>,
    /// Whether a name of the world outside was resolved from inside internal networks, by service.
    pub resolves: BTreeMap<ServiceKey, bool>,
    /// Edges that were to be tried and could not be, with the reason, for people.
    pub untried: BTreeMap<Edge, String>,
    /// Connections of this round by what became of them, in the order of [`Answer::ALL`].
    pub asked: [u64; Answer::ALL.len()],
}

/// What a round goes by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Longest wait for an answer. What is closed costs all of it, twice.
    pub timeout: Duration,
    /// TCP ports of the host that are tried through gateways.
    pub host_ports: Vec<u16>,
    /// Ports on which the host was seen to listen for others are tried, too, as far as the kernel has not chosen them.
    pub host_listeners: bool,
    /// Edges that are allowed are tried, too, every ten minutes.
    pub allowed: bool,
    /// A name of the world outside that containers on internal networks alone must not be able to resolve; `None` asks for none.
    pub name: Option<Name>,
}

/// Tries what should not work; cheap to clone, all clones remember the same.
#[derive(Clone, Debug)]
pub struct Prober {
    helper: helper::Client,
    own: Own,
    /// The host's `/proc`.
    proc: PathBuf,
    memory: Arc<Mutex<Memory>>,
}

impl Prober {
    /// Asks `helper` for sockets in the namespaces of processes, which are found in the host's `/proc`, and writes down in `own` what it does.
    pub fn new(helper: helper::Client, own: Own, proc: PathBuf) -> Self {
        Self { helper, own, proc, memory: Arc::default() }
    }

    /// One round: every denied edge between replicas whose turn it is, and of what reaches an application, or is allowed, what was not tried
    /// for ten minutes. To be called one at a time.
    pub async fn round(
        &self,
        intent: &Intent,
        snapshot: &Snapshot,
        observed: Option<&Observed>,
        settings: &Settings,
    ) -> Probed {
        let now = Instant::now();
        let plan = {
            let mut memory = self.memory.lock().unwrap_or_else(PoisonError::into_inner);
            let input = plan::Input {
                snapshot,
                observed,
                host_ports: &settings.host_ports,
                host_listeners: settings.host_listeners,
                allowed: settings.allowed,
                ask_name: settings.name.is_some(),
                speaks: &|key| intent.speaks_of(key),
                ports: &|key| {
                    intent.service(key).map(|service| service.ports.iter().copied().collect()).unwrap_or_default()
                },
                allows: &|edge| intent.allows(edge),
            };
            memory.plan(&input, now)
        };
        let runner = run::Runner { helper: &self.helper, own: &self.own, proc: &self.proc, settings };
        let found = runner.run(&plan).await;
        let mut memory = self.memory.lock().unwrap_or_else(PoisonError::into_inner);
        memory.took(plan, found, now)
    }
}
