//! One connection to the engine: closes the gap since the last one, then follows events until something breaks.
//!
//! ```text
//!  t1 = the engine's clock
//!  open the live stream since t1 - SLACK          events wait in a bounded queue
//!  history since what is known until t1           finite; applied at once
//!  list, inspect everything                       claims what neither told (ledger.rs)
//!  caught up: publish, then apply live events     heard twice is counted once
//! ```
//!
//! Everything asked of the engine runs beside the loop (errands.rs); the loop itself never waits for an answer.

use std::{sync::Arc, time::Duration};

use futures_util::StreamExt as _;
use jiff::{SignedDuration, Timestamp};
use tokio::time::{Instant, sleep_until, timeout};
use tokio_util::sync::CancellationToken;

use super::{
    Reader,
    errands::{Answer, Errands},
    ledger::Sight,
    live::{Live, Trouble, listen},
    outcome::Reaction,
    saved::Unsaved,
    schedule::{Schedule, period},
    state::State,
    store::Store,
};
use crate::{
    engine::{Engine, Error},
    model::{Container, ContainerId, Event},
    telemetry::Metrics,
};

/// Streams overlap by this much: the engine stamps an event a moment before it sends it.
pub(super) const SLACK: Duration = Duration::from_secs(2);

/// A fact older than this is not waiting as an event any more, in calm times.
pub(super) const SETTLE: Duration = Duration::from_secs(30);

/// An engine that tells of the past says the next thing within this: it has it in memory. A call's deadline covers headers only.
const HISTORY_SILENCE: Duration = Duration::from_secs(30);

/// A burst of changes becomes one picture.
const PUBLISH_WITHIN: Duration = Duration::from_millis(40);

/// What would be lost with the process is on disk after this.
const SAVE_WITHIN: Duration = Duration::from_secs(1);

/// What the engine would tell again can wait for company.
const SAVE_MINOR_WITHIN: Duration = Duration::from_secs(60);

/// A silent engine is asked whether it is still there: an open stream of a hung one looks like peace.
const PING_AFTER: Duration = Duration::from_secs(10);

/// The whole list is compared this often, in case an event was lost on its way.
const RELIST_EVERY: Duration = Duration::from_secs(300);

/// A container whose inspection failed for a reason of its own is asked for again after this.
const LOOK_AGAIN: Duration = Duration::from_secs(10);

/// Why a session ended.
pub(super) enum End {
    /// The agent is being shut down.
    Shutdown,
    /// The engine cannot be heard.
    Lost(Trouble),
}

/// What the watch lends to each session.
pub(super) struct Desk<F> {
    pub(super) engine: Engine,
    pub(super) state: State,
    pub(super) store: Arc<Store>,
    pub(super) reader: Reader,
    pub(super) changed: F,
    pub(super) metrics: Metrics,
    pub(super) shutdown: CancellationToken,
}

impl<F: Fn()> Desk<F> {
    /// Publishes the picture as it is now.
    pub(super) fn publish(&mut self) {
        self.reader.publish(self.state.picture());
        (self.changed)();
    }
}

/// The loop and its clocks.
struct Session<'desk, F> {
    desk: &'desk mut Desk<F>,
    /// The engine's clock minus ours.
    offset: SignedDuration,
    /// While the gap is being closed: facts older than this are not waiting as events.
    gap_horizon: Option<Timestamp>,
    errands: Errands,
    schedule: Schedule,
    publish_at: Option<Instant>,
    save_at: Option<Instant>,
    saving: bool,
    ping_at: Instant,
    relist_at: Instant,
}

/// Runs one session. Returns when the engine cannot be heard any more, or at shutdown.
pub(super) async fn run<F: Fn()>(desk: &mut Desk<F>) -> End {
    let shutdown = desk.shutdown.clone();
    let mut session = Session::new(desk);
    let opened = tokio::select! {
        () = shutdown.cancelled() => return End::Shutdown,
        opened = session.open() => opened,
    };
    let end = match opened {
        Err(trouble) => End::Lost(trouble),
        Ok(mut events) => session.follow(&mut events, &shutdown).await,
    };
    session.errands.end().await;
    end
}

impl<'desk, F: Fn()> Session<'desk, F> {
    fn new(desk: &'desk mut Desk<F>) -> Self {
        let now = Instant::now();
        let errands = Errands::new(desk.engine.clone());
        Self {
            desk,
            offset: SignedDuration::ZERO,
            gap_horizon: None,
            errands,
            schedule: Schedule::default(),
            publish_at: None,
            save_at: None,
            saving: false,
            ping_at: now + PING_AFTER,
            relist_at: now + RELIST_EVERY,
        }
    }

    /// Closes the gap. Returns the live events, which wait from shortly before the gap ended.
    async fn open(&mut self) -> Result<Live, Trouble> {
        let engine = self.desk.engine.clone();
        let version = engine.version().await?;
        let info = engine.info().await?;
        self.heard();
        let ours = Timestamp::now();
        let t1 = info.system_time.unwrap_or(ours);
        self.offset = t1.duration_since(ours);
        self.desk.state.engine.version = Some(Arc::new(version));
        self.desk.state.engine.info = Some(Arc::new(info));

        let horizon = earlier(t1, SLACK);
        let events = listen(engine.clone(), horizon, self.desk.metrics.clone());
        self.replay(t1).await?;
        self.gap_horizon = Some(horizon);
        self.desk.metrics.reconciliations.inc();
        let ids = engine.containers().await?;
        let listed = self.desk.state.listed(&ids);
        for id in listed.absent {
            self.desk.state.absent(&id, t1);
            self.errands.looks.forget(&id);
        }
        self.desk.state.set_networks(engine.networks().await?);
        ids.iter().for_each(|id| self.errands.looks.want(id));
        while !self.errands.looks.idle() {
            self.ask();
            let Some(answer) = self.errands.next().await else { break };
            self.answered(answer)?;
        }
        self.gap_horizon = None;
        let status = &mut self.desk.state.engine;
        status.connected = true;
        status.trouble = None;
        status.ready_since.get_or_insert(ours);
        self.desk.state.caught_up(t1);
        self.desk.state.engine_changed();
        self.desk.publish();
        Ok(events)
    }

    /// Applies what the engine remembers of the time since it was last heard, until `t1` of its clock.
    async fn replay(&mut self, t1: Timestamp) -> Result<(), Trouble> {
        let Some(known) = self.desk.state.known_until() else { return Ok(()) };
        if known > t1 {
            self.desk.state.clock_set_back(t1);
        }
        let mut history = self.desk.engine.events(earlier(known.min(t1), SLACK), Some(t1));
        while let Some(event) = timeout(HISTORY_SILENCE, history.next()).await.map_err(|_| Trouble::Stalled)? {
            self.apply(&event?);
        }
        Ok(())
    }

    /// Follows events, answers and clocks.
    async fn follow(&mut self, events: &mut Live, shutdown: &CancellationToken) -> End {
        loop {
            self.ask();
            self.arm();
            let wake = self.next_wake();
            let outcome = tokio::select! {
                biased;
                () = shutdown.cancelled() => return End::Shutdown,
                event = events.recv() => match event {
                    Some(Ok(event)) => {
                        self.heard();
                        self.apply(&event);
                        Ok(())
                    }
                    Some(Err(trouble)) => Err(trouble),
                    None => Err(Trouble::Closed),
                },
                Some(answer) = self.errands.next() => self.answered(answer),
                () = sleep_until(wake) => {
                    self.woke(Instant::now());
                    Ok(())
                }
            };
            if let Err(trouble) = outcome {
                return End::Lost(trouble);
            }
        }
    }

    fn apply(&mut self, event: &Event) {
        self.desk.metrics.engine_events.inc();
        match self.desk.state.apply(event) {
            Reaction::Nothing => {}
            Reaction::Look(id) => self.errands.looks.want(&id),
            Reaction::Forget(id) => {
                self.errands.looks.forget(&id);
                self.schedule.remove(&id);
            }
            Reaction::Networks => self.errands.want_networks(),
        }
    }

    fn ask(&mut self) {
        let state = &mut self.desk.state;
        self.errands.send(|id| state.asked(id));
    }

    fn answered(&mut self, answer: Answer) -> Result<(), Trouble> {
        match answer {
            Answer::Look(id, answer) => return self.looked(&id, answer),
            Answer::Image(id, Ok(image)) => self.desk.state.set_image(id, image.and_then(|image| image.created)),
            Answer::Networks(Ok(networks)) => self.desk.state.set_networks(networks),
            Answer::List(asked_at, Ok(ids)) => self.relisted(asked_at, &ids),
            Answer::Ping(Ok(())) => {
                self.heard();
                self.desk.state.engine_changed();
                return Ok(());
            }
            Answer::Saved => {
                self.saving = false;
                return Ok(());
            }
            Answer::Image(_, Err(error))
            | Answer::Networks(Err(error))
            | Answer::List(_, Err(error))
            | Answer::Ping(Err(error)) => return tolerate(error),
        }
        self.heard();
        Ok(())
    }

    fn looked(&mut self, id: &ContainerId, answer: Result<Option<Box<Container>>, Error>) -> Result<(), Trouble> {
        let wanted = self.errands.looks.done(id);
        let now = Instant::now();
        match answer {
            Err(error) => {
                self.schedule.set_at(id, now + LOOK_AGAIN);
                return tolerate(error);
            }
            Ok(None) => self.desk.state.vanished(id),
            Ok(Some(_)) if !wanted => {}
            Ok(Some(container)) => {
                let at = self.engine_now();
                let horizon = self.gap_horizon.unwrap_or_else(|| earlier(at, SETTLE));
                let every = period(&container);
                let verdict = self.desk.state.inspected(*container, Sight { at, horizon }, Timestamp::now());
                if verdict.kept {
                    let every = if verdict.unsettled { every.min(SETTLE + SLACK) } else { every };
                    self.schedule.set(id, now, every);
                }
                if let Some(image) = verdict.image {
                    // Until the answer is there it is known to have no date: a hundred containers of one image ask once.
                    self.desk.state.set_image(Arc::clone(&image), None);
                    self.errands.want_image(image);
                }
            }
        }
        self.heard();
        Ok(())
    }

    fn relisted(&mut self, asked_at: Timestamp, ids: &[ContainerId]) {
        let listed = self.desk.state.listed(ids);
        listed.unknown.iter().for_each(|id| self.errands.looks.want(id));
        for id in listed.absent {
            if self.desk.state.absent(&id, asked_at) {
                self.errands.looks.forget(&id);
                self.schedule.remove(&id);
            }
        }
    }

    /// Notes that the engine said something.
    fn heard(&mut self) {
        self.desk.state.engine.heard_at = Some(Timestamp::now());
        self.ping_at = Instant::now() + PING_AFTER;
    }

    /// Sets the clocks that changes start.
    fn arm(&mut self) {
        let now = Instant::now();
        if self.desk.state.changed() && self.publish_at.is_none() {
            self.publish_at = Some(now + PUBLISH_WITHIN);
        }
        let save_at = match self.desk.state.unsaved() {
            Unsaved::Nothing => None,
            Unsaved::Minor => Some(now + SAVE_MINOR_WITHIN),
            Unsaved::Major => Some(now + SAVE_WITHIN),
        };
        self.save_at = match (self.save_at, save_at) {
            (Some(set), Some(wanted)) => Some(set.min(wanted)),
            (set, wanted) => set.or(wanted),
        };
    }

    fn next_wake(&mut self) -> Instant {
        let save_at = self.save_at.filter(|_| !self.saving);
        let clocks = [self.publish_at, save_at, self.schedule.next(), Some(self.relist_at)];
        clocks.into_iter().flatten().fold(self.ping_at, Instant::min)
    }

    fn woke(&mut self, now: Instant) {
        while let Some(id) = self.schedule.pop(now) {
            self.errands.looks.want(&id);
        }
        if self.ping_at <= now {
            self.ping_at = now + PING_AFTER;
            self.desk.state.forget(Timestamp::now());
            self.errands.ping();
        }
        if self.relist_at <= now {
            self.relist_at = now + RELIST_EVERY;
            self.errands.list(self.engine_now());
        }
        if self.publish_at.is_some_and(|at| at <= now) {
            self.publish_at = None;
            self.desk.state.forget(Timestamp::now());
            self.desk.publish();
        }
        if !self.saving && self.save_at.is_some_and(|at| at <= now) {
            self.save_at = None;
            self.saving = true;
            self.errands.save(Arc::clone(&self.desk.store), self.desk.state.save());
        }
    }

    fn engine_now(&self) -> Timestamp {
        Timestamp::now().saturating_add(self.offset).unwrap_or(Timestamp::MAX)
    }
}

/// An engine that answers with a refusal or nonsense is alive: only a silent or vanished one ends the session.
fn tolerate(error: Error) -> Result<(), Trouble> {
    match error {
        Error::Refused { .. } | Error::Malformed { .. } | Error::TooLarge { .. } | Error::InvalidId { .. } => {
            tracing::warn!(%error, "the engine's answer is of no use");
            Ok(())
        }
        lost => Err(lost.into()),
    }
}

fn earlier(time: Timestamp, by: Duration) -> Timestamp {
    SignedDuration::try_from(by).ok().and_then(|by| time.checked_sub(by).ok()).unwrap_or(Timestamp::MIN)
}
