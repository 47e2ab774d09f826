//! What readers hold: an immutable picture of the inventory.

use std::sync::Arc;

use arc_swap::ArcSwap;
use jiff::Timestamp;

use crate::model::{
    Container, ContainerId, ContainerState, EngineInfo, EngineVersion, Network, ServiceCounters, ServiceKey,
};

/// One picture. Cheap to clone through its `Arc`; a container that did not change is the same `Arc` in the next picture.
#[derive(Clone, Debug, Default)]
pub struct Snapshot {
    /// Grows by one with every published change; the same while only [`EngineStatus::heard_at`] moves.
    pub generation: u64,
    /// Grows with the generation, but for changes that are none but in results of health checks, their failing streaks, and the time of an
    /// inspection: a hundred containers have one a second.
    pub shape: u64,
    /// `host` of every identity: the configured name, else the engine's; `None` until it has told one.
    pub host: Option<Arc<str>>,
    /// Containers of every state, sorted by (project, service, replica, id).
    pub containers: Vec<Arc<Entry>>,
    /// Containers which the engine has told of and not described, with the services they are of where that is known.
    pub undescribed: Vec<(ContainerId, Option<ServiceKey>)>,
    /// Services of containers that are not watched, sorted, each once.
    pub excluded: Vec<ServiceKey>,
    /// Expected services, sorted by key.
    pub services: Vec<Arc<ServiceEntry>>,
    /// Networks, sorted by name.
    pub networks: Vec<Arc<Network>>,
    /// The engine and how well we hear it.
    pub engine: EngineStatus,
}

/// One container with what the agent adds to the engine's view.
#[derive(Clone, Debug)]
pub struct Entry {
    /// The engine's view.
    pub container: Container,
    /// `replica` of every series: [`crate::model::Identity::replica`], or the container's name where two containers claim one identity.
    pub replica: Arc<str>,
    /// Somebody asked for the end of its last run (`docker stop`, `docker kill`).
    pub stopped_by_person: bool,
    /// Engine events `oom` of this container, over all its runs.
    pub oom_events: u64,
    /// When its image was built.
    pub image_created: Option<Timestamp>,
    /// When the engine last described it.
    pub inspected_at: Timestamp,
    /// How many events, of whatever, the inventory had heard when that description was asked for: what later ones say may not be in here
    /// yet. 0 where that is not known. A [`super::Listener`] that counts counts the same.
    pub asked_after: u64,
}

impl Entry {
    /// A container as the engine describes it, of which the agent knows nothing more.
    pub fn bare(container: Container, inspected_at: Timestamp) -> Self {
        let replica = Arc::clone(&container.identity.replica);
        let (stopped_by_person, oom_events, image_created, asked_after) = Default::default();
        Self { container, replica, stopped_by_person, oom_events, image_created, inspected_at, asked_after }
    }

    /// Whether the two are alike but for results of a health check, its failing streak, and when they were looked at.
    pub fn differs_in_results_alone(&self, other: &Self) -> bool {
        let told = |entry: &Self| (entry.stopped_by_person, entry.oom_events, entry.image_created);
        if told(self) != told(other) {
            return false;
        }
        let mut twin = other.container.clone();
        if let (Some(ours), Some(theirs)) = (&self.container.health, &mut twin.health) {
            theirs.results.clone_from(&ours.results);
            theirs.failing_streak = ours.failing_streak;
        }
        twin == self.container
    }

    /// It has done what it was started for, and nobody ended it.
    pub fn completed(&self) -> bool {
        self.container.completed() && !self.stopped_by_person
    }

    /// It does not run because somebody asked for its end.
    pub fn stopped(&self) -> bool {
        self.container.state == ContainerState::Exited && self.stopped_by_person
    }
}

/// One expected service, also when no container of it is left.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ServiceEntry {
    /// Project and service.
    pub key: ServiceKey,
    /// Agent-kept counters.
    pub counters: ServiceCounters,
    /// Replicas that should run: its containers without one-off and completed ones and without those which only claim another's
    /// identity; the last number once all are gone.
    pub expected: u64,
    /// Replicas running (paused included).
    pub running: u64,
    /// Replicas running whose health check passes, or which have none.
    pub healthy: u64,
    /// Replicas that did what they were started for.
    pub completed: u64,
    /// Replicas stopped by a person; all that are expected, when the last was stopped before it was removed.
    pub stopped: u64,
    /// A container of it has a health check.
    pub checked: bool,
}

/// How well the engine is heard.
#[derive(Clone, Debug, Default)]
pub struct EngineStatus {
    /// The event stream is open and the inventory complete.
    pub connected: bool,
    /// Last time the engine answered or sent anything; what it told is as old as this. `None` before the first answer.
    pub heard_at: Option<Timestamp>,
    /// Last reason for not being connected, for people; never holds a body or a secret.
    pub trouble: Option<Arc<str>>,
    /// `GET /version`.
    pub version: Option<Arc<EngineVersion>>,
    /// `GET /info`.
    pub info: Option<Arc<EngineInfo>>,
    /// Since when the first inventory is complete: the agent is ready.
    pub ready_since: Option<Timestamp>,
}

impl Snapshot {
    /// A container by id, linear: for people's requests, not for the scrape.
    pub fn container(&self, id: &ContainerId) -> Option<&Arc<Entry>> {
        self.containers.iter().find(|entry| entry.container.id == *id)
    }
}

/// The reading end: wait-free, never blocks on the owner.
#[derive(Clone, Debug, Default)]
pub struct Reader(Arc<ArcSwap<Snapshot>>);

impl Reader {
    /// A reader of an empty inventory, and the end to publish through ([`Self::publish`]).
    pub fn new() -> Self {
        Self::default()
    }

    /// The newest picture.
    pub fn load(&self) -> Arc<Snapshot> {
        self.0.load_full()
    }

    /// Replaces the picture; only the inventory's owner (and tests) call it.
    pub fn publish(&self, snapshot: Snapshot) {
        self.0.store(Arc::new(snapshot));
    }
}
