//! What exists on this host: containers, services, networks, and the counters that outlive them.
//!
//! ```text
//!  engine --events, answers--> watch (session) --> state + ledger --> picture --> Reader (snapshot)
//!                                                       |
//!                                                       +--> store (state file)
//! ```
//!
//! One task owns the state; everybody else reads [`Snapshot`]s through a [`Reader`] and never waits. How the counters stay
//! exact over gaps is told in `ledger.rs`, how a gap is closed in `session.rs`.

mod clock;
mod images;
mod ledger;
mod lock;
mod picture;
mod publisher;
mod reaction;
mod request;
mod saved;
mod schedule;
mod service;
mod session;
pub mod snapshot;
mod source;
mod state;
mod store;
#[cfg(test)]
mod tests;
mod tracked;
mod turnover;
mod watch;
mod writer;

use std::{collections::BTreeMap, path::PathBuf, sync::Arc, time::Duration};

use crate::model::{ContainerFilter, Event, ServiceKey};

#[cfg(any(test, fuzzing))]
pub use store::fuzz;

pub use lock::{Held, StateLock};
pub use snapshot::{EngineStatus, Entry, Reader, ServiceEntry, Snapshot};
pub use watch::watch;

/// Containers kept at once, excluded ones included.
pub const MAX_CONTAINERS: usize = crate::engine::MAX_CONTAINERS;

/// Services kept at once, those without a container included.
pub const MAX_SERVICES: usize = 10_000;

/// What the inventory is told by the configuration.
#[derive(Clone, Debug)]
pub struct Settings {
    /// `host` of every identity; `None` takes the engine's own name.
    pub host: Option<Arc<str>>,
    /// Folder of the state file; `None` keeps counters in memory only.
    pub state_dir: Option<PathBuf>,
    /// How long a service is expected after its last container was destroyed.
    pub forget_after: Duration,
    /// Which containers are watched at all.
    pub filter: ContainerFilter,
    /// Which services are expected whether they have a container or not.
    pub expect: Option<Expect>,
    /// Who else hears the engine's events.
    pub listener: Option<Listener>,
}

/// Hears each event of the engine when the inventory does: in the engine's order, some of them again after a gap. Must not block.
#[derive(Clone)]
pub struct Listener(Arc<dyn Fn(&Event) + Send + Sync>);

impl Listener {
    /// Calls `hear` with each event.
    pub fn new(hear: impl Fn(&Event) + Send + Sync + 'static) -> Self {
        Self(Arc::new(hear))
    }

    pub(crate) fn tell(&self, event: &Event) {
        (self.0)(event);
    }
}

/// Says which services are expected on this host whatever containers there are, with how many are to run at least. Called with each new
/// picture; must not block.
#[derive(Clone)]
pub struct Expect(Arc<dyn Expects>);

/// Whoever says which services are expected.
pub trait Expects: Send + Sync {
    /// Whether any may be: if not, nobody is asked further.
    fn expects(&self) -> bool;

    /// The services, with how many are to run at least, of a host with these containers.
    fn expected(&self, containers: &[Arc<Entry>], host: &str) -> BTreeMap<ServiceKey, u64>;

    /// Another number when the same containers may come to something else.
    fn version(&self) -> usize;
}

impl Expect {
    /// Asks `who`.
    pub fn new(who: impl Expects + 'static) -> Self {
        Self(Arc::new(who))
    }

    fn expects(&self) -> bool {
        self.0.expects()
    }

    fn ask(&self, containers: &[Arc<Entry>], host: &str) -> BTreeMap<ServiceKey, u64> {
        self.0.expected(containers, host)
    }

    fn version(&self) -> usize {
        self.0.version()
    }
}

impl std::fmt::Debug for Expect {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Expect")
    }
}

impl std::fmt::Debug for Listener {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Listener")
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            host: None,
            state_dir: None,
            forget_after: Duration::from_secs(600),
            filter: ContainerFilter::default(),
            expect: None,
            listener: None,
        }
    }
}
