//! Which container a request comes from: from who is at the other end of a connection, and from what a resource says of itself.
//!
//! ```text
//!  events, pictures -> table: address -> namespace -> lives (spaces: who shares one; names: containers by id)
//!                        |
//!  accept -> binding -> judge -> kernel -> life, or why not          who: what there is to say of a container, as bytes (pieces, image)
//!                                           |                         |
//!  resource -> said (one walk) -----------> name: the rules in order -+-> change
//! ```
//!
//! Nothing is guessed. A connection is bound to one run of one container and to nothing else for as long as it lasts; when that run ends it is
//! nobody's. What cannot be told for sure is passed on as it came and counted by its reason.

mod binding;
mod image;
mod judge;
mod kernel;
mod life;
mod names;
mod pieces;
mod reason;
mod said;
mod settle;
mod spaces;
mod table;
#[cfg(test)]
mod tests;
mod told;
mod who;

use std::{
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
};

use arc_swap::ArcSwap;
use jiff::Timestamp;
use tokio::{
    sync::{Semaphore, watch},
    time::Instant,
};

pub use self::{
    binding::Binding,
    reason::{Counts, Miss, Rule},
    who::Who,
};
use self::{
    binding::State,
    judge::Sight,
    kernel::{Files, Kernel},
    names::Index,
    said::Said,
    table::{Table, Telling},
    told::Told,
};
use super::caller::{Caller, Way};
use crate::{
    inventory::Reader,
    model::{Event, Glob},
    otlp::wire::{Group, splice::Change},
};

/// Questions to the kernel at a time: each is one thread.
const QUESTIONS: usize = 2;

/// Where the agent is, and what it is told.
#[derive(Clone, Debug)]
pub struct Around {
    /// The host's `/proc`.
    pub proc: PathBuf,
    /// The agent's own container by id or name, where it is in one.
    pub own: Option<Arc<str>>,
    /// The engine is on this machine: addresses of its containers are addresses here.
    pub local_engine: bool,
    /// `container.label.<key>` is written for labels of these names.
    pub labels: Vec<Glob>,
    /// `deployment.environment.name` of containers that say none.
    pub environment: Option<String>,
    /// `host.id`: the machine's id, where it is known.
    pub host_id: Option<Arc<str>>,
}

/// What becomes of one resource.
#[derive(Clone, Debug)]
pub struct Named {
    /// The container.
    pub who: Option<Arc<Who>>,
    /// What is done to the resource.
    pub change: Change,
    /// By which rule it is that one, or why there is none.
    pub by: Result<Rule, Miss>,
}

/// Names senders; cheap to clone, all clones are one.
#[derive(Clone, Debug)]
pub struct Attributor(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    reader: Reader,
    kernel: Arc<dyn Kernel>,
    sight: Sight,
    table: Mutex<Table>,
    index: ArcSwap<Index>,
    told: Told,
    /// Grows with everything heard or seen.
    news: watch::Sender<u64>,
    questions: Arc<Semaphore>,
    counts: Counts,
}

impl Attributor {
    /// One that knows nobody yet. It has to be there before the inventory begins, and to [`Self::hear`] every event.
    pub fn new(reader: Reader, around: Around) -> Self {
        let kernel = Arc::new(Files::new(around.proc.clone()));
        Self::with_kernel(reader, around, kernel)
    }

    fn with_kernel(reader: Reader, around: Around, kernel: Arc<dyn Kernel>) -> Self {
        let Around { own, local_engine, labels, environment, host_id, .. } = around;
        let sight = Sight { local_engine, kernel: kernel.sees_host() };
        let telling = Telling { own, labels, environment: environment.map(Into::into), host_id };
        let attributor = Self(Arc::new(Shared {
            reader,
            kernel,
            sight,
            table: Mutex::new(Table::new(telling)),
            index: ArcSwap::default(),
            told: Told::default(),
            news: watch::Sender::new(0),
            questions: Arc::new(Semaphore::new(QUESTIONS)),
            counts: Counts::default(),
        }));
        attributor.ring();
        attributor
    }

    /// Takes an event when the inventory does: what it ends has ended, whatever is described later. Does not block.
    pub fn hear(&self, event: &Event) {
        self.table().hear(event, Instant::now());
        self.news();
    }

    /// There is a new picture. Does not block.
    pub fn ring(&self) {
        {
            let mut table = self.table();
            // Read behind the lock: an older picture is never taken after a newer one.
            table.see(&self.0.reader.load(), Instant::now());
            self.0.index.store(table.index());
        }
        self.news();
    }

    /// Binds a connection that was just accepted. Takes some microseconds of the kernel for a unix socket, nothing else.
    pub fn bind(&self, caller: &Caller) -> Binding {
        self.bind_at(caller, Timestamp::now())
    }

    fn bind_at(&self, caller: &Caller, wall: Timestamp) -> Binding {
        let new = || Binding::new(caller, wall, |pid| self.0.kernel.containers_of(pid));
        match caller.way {
            // A port is what a connection has, and what a proxy names has none.
            Way::Tcp { peer, local } if peer.port() == 0 => {
                self.0.told.bind((peer.ip(), local.ip()), &self.table(), new)
            }
            _ => new(),
        }
    }

    /// How often which rule named, and what was missed; whoever calls [`Self::name`] counts.
    pub fn counts(&self) -> &Counts {
        &self.0.counts
    }

    /// What becomes of one resource that came over a connection. [`Self::settle`] comes before it.
    ///
    /// The rules in order, each tried if those before have found nobody: the resource's `container.id`, the connection's container, the
    /// resource's `host.name`.
    pub fn name(&self, binding: &Binding, group: &Group<'_>) -> Named {
        let Ok(said) = Said::read(group) else { return Named::missed(Miss::Malformed) };
        let (index, state) = (self.0.index.load(), binding.state());
        if let Some(id) = said.container {
            // Whatever else is known of the connection is known of somebody else.
            return match index.find(id) {
                None => Named::missed(Miss::NoSuchContainer),
                Some(row) if index.is_own(&row.who) && !matches!(**state, State::Inside) => {
                    Named::missed(Miss::AgentItself)
                }
                Some(row) => Named::of(&said, Arc::clone(&row.who), Rule::ContainerId),
            };
        }
        let hosted = said.host.and_then(|host| index.of_host(host)).filter(|row| !index.is_own(&row.who));
        let by_host = |otherwise: Miss| match hosted {
            Some(row) => Named::of(&said, Arc::clone(&row.who), Rule::HostName),
            None => Named::missed(otherwise),
        };
        match &**state {
            State::Container(life, _) if life.is_over() => by_host(Miss::Ended),
            State::Container(life, rule) => {
                let who = life.who();
                match hosted {
                    _ if who.is_relay() => by_host(Miss::Relay),
                    // It passes on what another container sent, labelled or not.
                    Some(row) if row.who.container_id != who.container_id => by_host(Miss::Relay),
                    _ => Named::of(&said, who, *rule),
                }
            }
            State::Shared(pieces) => {
                let named = by_host(Miss::Ambiguous);
                if named.who.is_some() { named } else { Named { change: said.completed_by(pieces), ..named } }
            }
            State::Missed(miss, pieces) => {
                let named = by_host(*miss);
                match pieces {
                    Some(pieces) if named.who.is_none() => Named { change: said.completed_by(pieces), ..named },
                    _ => named,
                }
            }
            State::Open(miss) => by_host(*miss),
            State::Inside => match index.own() {
                Some(row) => Named::of(&said, Arc::clone(&row.who), Rule::Socket),
                None => Named::missed(Miss::AgentItself),
            },
        }
    }

    fn table(&self) -> std::sync::MutexGuard<'_, Table> {
        self.0.table.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn news(&self) {
        self.0.news.send_modify(|news| *news += 1);
    }
}

impl Named {
    fn of(said: &Said<'_>, who: Arc<Who>, rule: Rule) -> Self {
        Self { change: said.completed(&who), who: Some(who), by: Ok(rule) }
    }

    fn missed(miss: Miss) -> Self {
        Self { who: None, change: Change::default(), by: Err(miss) }
    }
}
