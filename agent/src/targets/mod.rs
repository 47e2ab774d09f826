//! The metrics endpoints which containers declare: found in the inventory's picture, handed to Prometheus, fetched for it.
//!
//! ```text
//!  Snapshot --declare (labels)--+
//!                               +--> list --> discovery -----------------------> /sd
//!  standpoint (own networks) ---+     |
//!                                     +--> gate --> dial --> fetch --> body ---> /proxy/<project>/<service>/<n>
//!                                                                      +-------> merge --> /metrics
//! ```
//!
//! Labels are untrusted: they say port and path, never a host. Whatever answers is untrusted too: it is bounded in time,
//! bytes and number, and what it says is passed on or parsed, never obeyed.

mod body;
mod declare;
mod dial;
mod discovery;
mod fetch;
#[cfg(any(test, fuzzing))]
pub mod fuzz;
mod gate;
mod list;
mod merge;
mod meter;
mod routes;
mod segment;
mod standpoint;
mod tls;
mod way;
mod wire;

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use arc_swap::{ArcSwap, ArcSwapOption};

use self::{body::Account, gate::Gate};
use crate::{
    inventory::Reader,
    telemetry::{Metrics, Reason, TargetOutcome},
};

pub use body::{Body, BodyError};
pub use declare::{Declaration, MAX_PER_CONTAINER, Mistake, Path, Scheme, Spelling, declared};
pub use dial::{Dial, Dialling, OwnNetwork, ThroughHelper};
pub use discovery::{Agent, Group, Mode, groups};
pub use fetch::{Ask, FetchError, Fetched, patience};
pub use list::{List, MAX_TARGETS, Target, Unreachable};
pub use merge::{MAX_MERGED, MergeSettings, Verdict};
pub use segment::NO_PROJECT;
pub use standpoint::Standpoint;
pub(crate) use standpoint::{View, network_owner};
pub use tls::Trust;
pub use way::{NoWay, Vantage, Way};
pub(crate) use wire::Wire;

/// How long a list may be old while the inventory does not change and a target waits for a bridge of this host.
const LIST_AGE: Duration = Duration::from_secs(2);

/// What the configuration says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// What `/sd` points at unless the request says.
    pub mode: Mode,
    /// Address of the agent for `/sd`; `None` takes the one the client used.
    pub external: Option<Agent>,
    /// Longest fetch through `/proxy`.
    pub timeout: Duration,
    /// Largest body, uncompressed.
    pub max_body: u64,
    /// Fetches through `/proxy` at once.
    pub max_fetches: usize,
    /// Merging them into `/metrics`.
    pub merge: MergeSettings,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            mode: Mode::Proxy,
            external: None,
            // Prometheus' own default; its header says when it is less.
            timeout: Duration::from_secs(10),
            max_body: 8 << 20,
            // Half of the connections which the server takes by default: a page is always to be had.
            max_fetches: 32,
            merge: MergeSettings::default(),
        }
    }
}

/// Why a request for a target has no answer.
#[derive(Debug, thiserror::Error)]
pub enum ProxyError {
    /// Nobody declares it.
    #[error("no running container declares this target; /sd lists those that do")]
    Unknown,
    /// It is declared and cannot be fetched from here.
    #[error("the target cannot be fetched: {}", .0.explain())]
    Unreachable(Unreachable),
    /// It is the agent.
    #[error("the target is the agent itself: its page is /metrics")]
    Itself,
    /// Too many fetches.
    #[error("too many fetches are under way")]
    Busy,
    /// It was tried.
    #[error(transparent)]
    Fetch(#[from] FetchError),
}

/// The targets of this host; cheap to clone, all clones share the ceilings.
#[derive(Clone, Debug)]
pub struct Targets(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    reader: Reader,
    standpoint: Standpoint,
    settings: Settings,
    dial: Arc<dyn Dial>,
    /// `None` speaks no TLS to anybody.
    trust: Option<Trust>,
    gate: Arc<Gate>,
    metrics: Metrics,
    cached: ArcSwapOption<Cached>,
    verdicts: ArcSwap<Vec<Verdict>>,
    /// One merge at a time: two would need twice the room.
    merging: Arc<tokio::sync::Mutex<()>>,
}

#[derive(Debug)]
struct Cached {
    generation: u64,
    made: Instant,
    list: Arc<List>,
}

impl Targets {
    /// The container the agent runs in, where it runs in one.
    pub fn own_container(&self) -> Option<crate::model::ContainerId> {
        self.0.standpoint.own_container().map(crate::model::ContainerId::new)
    }

    /// From where the agent sees containers.
    pub fn standpoint(&self) -> &Standpoint {
        &self.0.standpoint
    }

    /// Reads what `reader` shows, sees it from `standpoint`, connects through `dial`, and believes whom `trust` says.
    pub fn new(
        reader: Reader,
        standpoint: Standpoint,
        settings: Settings,
        dial: Arc<dyn Dial>,
        trust: Option<Trust>,
        metrics: Metrics,
    ) -> Self {
        let gate = Gate::new(settings.max_fetches);
        Self(Arc::new(Inner {
            reader,
            standpoint,
            settings,
            dial,
            trust,
            gate,
            metrics,
            cached: ArcSwapOption::empty(),
            verdicts: ArcSwap::default(),
            merging: Arc::default(),
        }))
    }

    /// With an agent that stands on no machine: every target is out of reach, and nothing is ever connected to.
    pub fn unreachable(reader: Reader, metrics: Metrics) -> Self {
        let standpoint = Standpoint::with_roots(false, "/nowhere".as_ref(), "/nowhere".as_ref());
        Self::new(reader, standpoint, Settings::default(), Arc::new(OwnNetwork), None, metrics)
    }

    /// What the configuration says.
    pub fn settings(&self) -> &Settings {
        &self.0.settings
    }

    /// The targets of the newest picture.
    pub fn list(&self) -> Arc<List> {
        let snapshot = self.0.reader.load();
        let fresh = |cached: &Arc<Cached>| {
            cached.generation == snapshot.generation
                && (cached.made.elapsed() < LIST_AGE || !cached.list.hopes_for_a_bridge())
        };
        if let Some(cached) = self.0.cached.load_full().filter(fresh) {
            return Arc::clone(&cached.list);
        }
        let list = Arc::new(List::new(&snapshot, &self.0.standpoint, self.0.trust.is_some()));
        let cached = Cached { generation: snapshot.generation, made: Instant::now(), list: Arc::clone(&list) };
        let before = self.0.cached.swap(Some(Arc::new(cached)));
        // Counted once a picture, however often it is asked for.
        if before.is_none_or(|before| before.generation != snapshot.generation) {
            self.0.metrics.refuse(Reason::Targets, list.refused);
        }
        list
    }

    /// Whether the first inventory is complete: before, a list would say that everything is gone.
    pub fn ready(&self) -> bool {
        self.0.reader.load().engine.ready_since.is_some()
    }

    /// Fetches the target of an escaped path, and counts how that ended.
    ///
    /// # Errors
    /// Everything before the first byte of a good body; what comes later is an error of the body.
    pub async fn fetch(&self, proxy_path: &str, ask: &Ask) -> Result<Fetched, ProxyError> {
        let fetched = self.try_fetch(proxy_path, ask).await;
        if let Err(error) = &fetched {
            self.0.metrics.target_request(outcome(error));
        }
        fetched
    }

    /// How to greet a target that wants TLS.
    fn tls(&self, target: &Target) -> Option<fetch::Greeting<'_>> {
        self.0.trust.as_ref().zip(target.server_name())
    }

    async fn try_fetch(&self, proxy_path: &str, ask: &Ask) -> Result<Fetched, ProxyError> {
        let list = self.list();
        let target = list.find(proxy_path).ok_or(ProxyError::Unknown)?;
        let (declaration, way) = target.end.as_ref().map_err(|reason| ProxyError::Unreachable(*reason))?;
        if *way == Way::Itself {
            return Err(ProxyError::Itself);
        }
        let Some(mut place) = self.0.gate.enter(target.key()) else {
            self.0.metrics.refuse(Reason::Fetches, 1);
            return Err(ProxyError::Busy);
        };
        match fetch::fetch(self.0.dial.dial(way), self.tls(target), declaration, way, ask).await {
            Ok(mut fetched) => {
                fetched.body = fetched.body.on_account(Account { place, metrics: self.0.metrics.clone() });
                Ok(fetched)
            }
            Err(error) => {
                place.ended(false);
                Err(error.into())
            }
        }
    }
}

fn outcome(error: &ProxyError) -> TargetOutcome {
    match error {
        ProxyError::Unknown => TargetOutcome::Undeclared,
        ProxyError::Unreachable(_) | ProxyError::Itself => TargetOutcome::Unreachable,
        ProxyError::Busy => TargetOutcome::Busy,
        ProxyError::Fetch(error) => match error {
            FetchError::Connect(_) => TargetOutcome::Connect,
            FetchError::Tls(_) => TargetOutcome::Tls,
            FetchError::Timeout => TargetOutcome::Timeout,
            FetchError::Broken(_) | FetchError::Request(_) => TargetOutcome::Broken,
            FetchError::Status(_) => TargetOutcome::Status,
            FetchError::Redirect(_) => TargetOutcome::Redirect,
            FetchError::ContentType => TargetOutcome::ContentType,
            FetchError::Encoding => TargetOutcome::Encoding,
            FetchError::TooLarge(_) => TargetOutcome::TooLarge,
        },
    }
}

#[cfg(test)]
#[path = "tests/support.rs"]
mod tests;
