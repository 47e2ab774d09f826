//! The one task: the static tier judges each new picture at once, the others look once an interval. It costs nothing while no project
//! of the policy has a say.

mod confirm;
mod state;

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use futures_util::future::BoxFuture;
use jiff::Timestamp;
use tokio::{
    sync::Notify,
    time::{MissedTickBehavior, interval, sleep},
};
use tokio_util::sync::CancellationToken;

use self::state::Watch;
use super::{Intent, active::Probed, board::Board, passive::Observed, settings::Settings};
use crate::{
    inventory::{Reader, Snapshot},
    model::ContainerId,
    policy,
};

/// Pictures come in bursts; the last one of them is judged.
const GAP: Duration = Duration::from_millis(100);

/// Whoever reads the kernel's lists of sockets. It blocks.
pub trait Eyes: Send + 'static {
    /// One sweep. What it remembers from the last one is its own.
    fn sweep(&mut self, snapshot: &Snapshot, now: Timestamp) -> Observed;

    /// Hears of a picture between two sweeps: who came and went meanwhile had an address, too. It does not block.
    fn note(&mut self, _snapshot: &Snapshot, _now: Timestamp) {}
}

/// Whoever begins connections from inside the namespaces of containers.
pub trait Hands: Send + Sync + 'static {
    /// One round over what is not allowed, and now and then over what is.
    fn probe(&self, round: Round) -> BoxFuture<'static, Probed>;
}

/// What a round of probes goes by.
#[derive(Clone, Debug)]
pub struct Round {
    /// What is wanted.
    pub intent: Arc<Intent>,
    /// Who is there.
    pub snapshot: Arc<Snapshot>,
    /// Ports that services listen on, where a sweep has seen them.
    pub observed: Option<Arc<Observed>>,
    /// Ports, timeout, whether allowed edges are tried too.
    pub settings: Settings,
}

/// Who looks, or why nobody does.
pub struct Parts {
    /// Containers and networks.
    pub reader: Reader,
    /// The policy in force.
    pub policy: policy::Board,
    /// The agent's own container: flows to and from it are implied.
    pub own: Option<ContainerId>,
    /// The passive tier, or why there is none here.
    pub eyes: Result<Box<dyn Eyes>, String>,
    /// The active tier, or why there is none here.
    pub hands: Result<Arc<dyn Hands>, String>,
}

impl std::fmt::Debug for Parts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (eyes, hands) = (self.eyes.as_ref().err(), self.hands.as_ref().err());
        f.debug_struct("Parts").field("no_eyes", &eyes).field("no_hands", &hands).finish_non_exhaustive()
    }
}

/// The isolation checks of this agent; cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Isolation(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    board: Board,
    bell: Notify,
    settings: Mutex<Settings>,
}

impl Isolation {
    /// With what the configuration says.
    pub fn new(settings: Settings) -> Self {
        let isolation = Self::default();
        isolation.configure(settings);
        isolation
    }

    /// What is known.
    pub fn board(&self) -> &Board {
        &self.0.board
    }

    /// There is a new picture, or a new policy.
    pub fn ring(&self) {
        self.0.bell.notify_one();
    }

    /// Takes over another configuration.
    pub fn configure(&self, settings: Settings) {
        *self.0.settings.lock().unwrap_or_else(PoisonError::into_inner) = settings;
        self.ring();
    }

    fn settings(&self) -> Settings {
        self.0.settings.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Looks and judges until `shutdown`.
    pub async fn run(self, parts: Parts, shutdown: CancellationToken) {
        let mut watch = Watch::new(self, parts);
        loop {
            let every = watch.settings.interval;
            let mut ticks = interval(every);
            ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
            // Another interval, or none while nobody has a say: the clock is set anew.
            while watch.settings.interval == every {
                let awake = watch.is_awake();
                tokio::select! {
                    () = shutdown.cancelled() => return,
                    () = watch.isolation.0.bell.notified() => {
                        let Some(judged) = aside(watch, Watch::picture).await else { return };
                        watch = judged;
                        // Whatever rings meanwhile is heard after it.
                        tokio::select! {
                            () = shutdown.cancelled() => return,
                            () = sleep(GAP) => {}
                        }
                    }
                    _ = ticks.tick(), if awake => {
                        let Some(judged) = aside(watch, Watch::tick).await else { return };
                        watch = judged;
                    }
                    (eyes, observed, took) = done(&mut watch.sweeping), if watch.sweeping.is_some() => {
                        let swept = aside(watch, move |watch| watch.swept(eyes, observed, took));
                        let Some(judged) = swept.await else { return };
                        watch = judged;
                    }
                    (probed, took) = done(&mut watch.probing), if watch.probing.is_some() => {
                        let Some(judged) = aside(watch, move |watch| watch.probed(probed, took)).await else { return };
                        watch = judged;
                    }
                }
            }
        }
    }
}

/// Judges on a thread for what blocks: a host of thousands of listeners takes long enough for a scrape to be late. `None` when the runtime
/// ends, which takes no more such work.
async fn aside(mut watch: Watch, judge: impl FnOnce(&mut Watch) + Send + 'static) -> Option<Watch> {
    let work = tokio::task::spawn_blocking(move || {
        judge(&mut watch);
        watch
    });
    match work.await {
        Ok(watch) => Some(watch),
        Err(error) => error.try_into_panic().map(|mistake| std::panic::resume_unwind(mistake)).ok(),
    }
}

/// Waits for work that is under way, and takes it out when it is done.
async fn done<T>(work: &mut Option<BoxFuture<'static, T>>) -> T {
    match work {
        Some(under_way) => {
            let result = under_way.await;
            *work = None;
            result
        }
        None => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests;
