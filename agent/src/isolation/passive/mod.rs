//! The passive tier: what the kernel's lists of sockets show, without a capability and without sending anything.
//!
//! ```text
//!  Snapshot --> groups  which containers share a namespace, and whose it is
//!                 |
//!  /proc/<pid>/net, sock_diag --> space  sockets of one namespace; unchanged ones are not read again
//!                 |                 |
//!  Snapshot --> picture  whose an address is: a service, the host, the agent, nobody's, outside
//!                 |                 |
//!                 +---> ledger <----+   which row is which connection, from whom to whom, and is it new --> Observed --> graph
//! ```
//!
//! [`Sweeper`] owns what was seen before and is not shared. It blocks: sweeps belong on a thread for that. A connection between two
//! containers is in two namespaces and counts once, by its client's row where there is one.

mod graph;
mod groups;
mod host_side;
mod ledger;
mod owners;
mod past;
mod picture;
mod space;
mod sweep;

use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
    sync::Arc,
};

use super::Edge;
use crate::model::{Protocol, ServiceKey};

pub use graph::{Graph, Sighting};
pub use space::FULL_EVERY;
pub(in crate::isolation) use space::is_ephemeral;
pub use sweep::{Around, Ours, Sweeper};

/// Edges of one sweep, and of the graph, at most; of the graph half of them to addresses that are no service's.
pub const MAX_EDGES: usize = 8192;

/// Edges of one sweep from one service to addresses that are no service's, at most.
pub const MAX_LOOSE: usize = 256;

/// Connections from addresses of nobody that are told apart, at most.
pub const MAX_STRANGERS: usize = 256;

/// Sockets kept of one namespace at most.
pub const MAX_ROWS: usize = 16_384;

/// Sockets kept of all namespaces together at most.
pub const MAX_ALL_ROWS: usize = 65_536;

/// A way to a service from an address of a network of this host behind which is no container of the picture: all that is known of who
/// began. Whoever reads the picture through a filter has such neighbours, and so has whoever did not ask the engine for his address.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Stranger {
    /// Who was asked.
    pub to: ServiceKey,
    /// Port there.
    pub port: u16,
    /// TCP or UDP.
    pub protocol: Protocol,
    /// The engine's name of the network the address is in.
    pub network: Arc<str>,
    /// Where it came from.
    pub address: IpAddr,
}

/// Connections of one kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Count {
    /// That count in this sweep, as in [`Observed::flows`].
    pub seen: u64,
    /// Of these the ones that no earlier sweep has seen.
    pub fresh: u64,
}

/// Which ends of an edge stand for all who share a namespace with them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OneOf {
    /// Who begins.
    pub from: bool,
    /// Whom it goes to.
    pub to: bool,
}

/// What one sweep has seen.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Observed {
    /// Connections that were agreed on, or ended in order since the last sweep, with how many of each: those that are there now, and
    /// those whose end is seen for the first time. A `TIME_WAIT` row of the sweep before counts nothing.
    pub flows: BTreeMap<Edge, u64>,
    /// The part of `flows` that no earlier sweep has seen.
    pub fresh: BTreeMap<Edge, u64>,
    /// Connections to services from addresses that are nobody's.
    pub strangers: BTreeMap<Stranger, Count>,
    /// Services in one namespace, by the one whose network it is, where there is more than one.
    pub shared: BTreeMap<ServiceKey, BTreeSet<ServiceKey>>,
    /// Edges of `flows` and `attempts` of which nothing tells who of those in one namespace is meant.
    pub one_of: BTreeMap<Edge, OneOf>,
    /// Attempts that nobody answered, each once over all sweeps: `SYN_SENT` for a second (it was sent again), or in two sweeps.
    pub attempts: BTreeMap<Edge, u64>,
    /// Ports on which services listen for others, loopback left out. UDP ports that the kernel may have chosen (32768 to 60999) count once
    /// they have stayed for a sweep. Containers that share a namespace share its ports.
    pub listeners: BTreeMap<ServiceKey, BTreeSet<(Protocol, u16)>>,
    /// Ports on which the host itself listens for others on wildcard or gateway addresses, those published for containers left out. Empty
    /// where the host's pids are not seen.
    pub host_listeners: BTreeSet<(Protocol, u16)>,
    /// Services all of whose namespaces were read, or were unchanged.
    pub seen: BTreeSet<ServiceKey>,
    /// Services that could not be looked at, with the reason, for people.
    pub unseen: BTreeMap<ServiceKey, String>,
    /// What was seen and stands nowhere above.
    pub left_out: LeftOut,
    /// Namespaces of containers whose sockets were read.
    pub read: u64,
    /// Namespaces of containers whose counters say that nothing has changed.
    pub unchanged: u64,
}

/// What a sweep has seen and not attributed, in connections unless said otherwise, each once over all sweeps.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LeftOut {
    /// Sockets above [`MAX_ROWS`] or [`MAX_ALL_ROWS`], in this sweep.
    pub rows: u64,
    /// Connections of edges above [`MAX_EDGES`].
    pub edges: u64,
    /// Which side began is not known, as long as that is so; or the address changed its owner while nobody looked, or may have: a connection
    /// that had ended before the first sweep, with an address of a container that had started within a minute before.
    pub ambiguous: u64,
    /// Of those from addresses that are nobody's, above [`MAX_STRANGERS`].
    pub strangers: u64,
    /// To port 53 outside the containers, from a namespace in which the engine's resolver lives: it asks from in there, and its questions
    /// cannot be told from the container's own.
    pub resolver: u64,
    /// Lines of the kernel that were not understood, in this sweep.
    pub strange: u64,
}

impl LeftOut {
    /// Adds what another sweep has left out.
    pub fn add(&mut self, more: Self) {
        let Self { rows, edges, ambiguous, strangers, resolver, strange } = more;
        let mine = [
            (&mut self.rows, rows),
            (&mut self.edges, edges),
            (&mut self.ambiguous, ambiguous),
            (&mut self.strangers, strangers),
            (&mut self.resolver, resolver),
            (&mut self.strange, strange),
        ];
        mine.into_iter().for_each(|(mine, more)| *mine = mine.saturating_add(more));
    }
}

#[cfg(test)]
mod tests;
