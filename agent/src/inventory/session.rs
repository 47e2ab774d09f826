//! One connection to the engine, from the first question to the first trouble.
//!
//! A connection begins with closing the gap before it, in this order:
//!
//! 1. `T1` is the engine's clock. The live stream is opened from shortly before `T1` ([`SLACK`]); what it brings is held back.
//!    It is polled from here on, whatever else happens: the engine drops events for readers that fall behind.
//! 2. The engine's history from what was last known up to `T1` is applied. It overlaps with both sides; the ledgers do not mind.
//! 3. All containers are listed and inspected. Their ledgers claim what no event told and which is older than the beginning of
//!    the live stream: nothing of that can be among the held events.
//! 4. The held events are applied. What was missing on the list and is not explained by now is removed.
//!
//! Then the inventory is complete, and events are applied as they come. Each makes its container to be inspected: counters follow
//! events, but what a container *is* always comes from an inspection.

mod stream;

use std::{
    collections::{HashSet, VecDeque},
    time::Duration,
};

use futures_util::{StreamExt, stream::BoxStream};
use jiff::Timestamp;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::{
    clock::{ClockWatch, EngineClock},
    images::Unanswered,
    ledger::Sight,
    reaction::{Listed, Reaction},
    request::{Answer, Requests},
    schedule::{self, Schedule},
    source::{Source, Trouble},
    turnover::Turnover,
    watch::Watch,
};
use crate::model::{ContainerId, Event};

/// How far apart the time of a fact, the time of its event and the event's place in the stream may be.
pub(super) const SLACK: Duration = Duration::from_secs(2);

/// In calm times a fact older than this is not waiting as an event any more.
pub(super) const SETTLE: Duration = Duration::from_secs(30);

/// Events held back while a gap is closed. More come only from a host in a storm, which is then reconciled again.
const MAX_HELD: usize = 4096;

/// An engine of which nothing was heard for this long is asked whether it is there. Services are forgotten at this pace.
const QUIET: Duration = Duration::from_secs(5);

/// Pace of the comparison with the engine's list: a safety net.
const LIST_PERIOD: Duration = Duration::from_secs(300);

/// Joining and leaving networks comes in bursts; the list is asked for once for all of them.
const NETWORKS_DELAY: Duration = Duration::from_millis(200);

/// A list of networks that failed is asked for again after this, so many times.
const NETWORKS_RETRY: Duration = Duration::from_millis(500);
const NETWORKS_RETRIES: u32 = 5;

/// A container that could not be inspected is tried again after this.
const LOOK_RETRY: Duration = Duration::from_secs(5);

/// How far the gap before this session is closed.
enum Stage {
    /// The history has been asked for.
    History,
    /// The list has been asked for.
    Listing,
    /// These have not been inspected yet; those were known and absent from the list of that time.
    Looking { remaining: HashSet<ContainerId>, absent: Vec<ContainerId>, asked: Timestamp },
    /// Closed.
    Live,
}

/// See the head of this file.
pub(super) struct Session<'a, S, F> {
    watch: &'a mut Watch<S, F>,
    live: BoxStream<'static, Result<Event, Trouble>>,
    turnover: Turnover,
    requests: Requests<S>,
    schedule: Schedule,
    stage: Stage,
    held: VecDeque<Event>,
    overrun: bool,
    /// Since when, by our own clock, it is not known why an event is older than what is known; what comes is held back.
    doubt: Option<Timestamp>,
    /// Containers whose inspection got no answer while the gap was being closed; a ping says whether that means anything more.
    doubtful: Vec<ContainerId>,
    /// The engine's clock when the session began, and where the live stream begins.
    began: Timestamp,
    horizon: Timestamp,
    /// `None` while the engine has not told its clock.
    clock_watch: Option<ClockWatch>,
    /// The engine's clock was set back while we were away: its history may hold events from the future.
    clock_set_back: bool,
    /// The latest moment which the engine's clock is known to have shown.
    newest: Timestamp,
    images: Unanswered,
    networks_due: Option<Instant>,
    /// Lists of networks that failed since the last good one.
    networks_failed: u32,
    tick_due: Instant,
    list_due: Instant,
    last_heard: Instant,
}

impl<'a, S: Source, F: Fn()> Session<'a, S, F> {
    /// Opens a session; the gap is still to be closed.
    pub(super) async fn open(watch: &'a mut Watch<S, F>) -> Result<Self, Trouble> {
        let source = watch.source.clone();
        let version = source.version().await?;
        let before = source.clock();
        let info = match source.info().await {
            Ok(info) => Some(info),
            // One broken volume or network plug-in can make an engine hang in this answer alone, for ever. All the rest is worth having.
            Err(trouble) => {
                source.ping().await?;
                tracing::warn!(error = %trouble, "the engine does not tell about itself; going on without");
                None
            }
        };
        let after = source.clock();
        let told = info.as_ref().and_then(|info| info.system_time);
        let clock = told.map_or(watch.clock, |told| EngineClock::told(told, before, after));
        let began = told.unwrap_or_else(|| clock.at(after));
        watch.clock = clock;
        let state = &mut watch.state;
        state.engine.heard_at = Some(after);
        state.engine.version = Some(version.into());
        state.engine.info = info.map(Into::into).or(state.engine.info.take());
        state.engine_changed();
        let clock_set_back = state.known_until().is_some_and(|until| until > began + SLACK);
        if clock_set_back {
            tracing::warn!("the engine's clock was set back; what happened meanwhile is counted as far as it shows");
            state.clock_set_back(began);
        }
        let since = state.known_until().filter(|_| !clock_set_back);
        let horizon = since.map_or(began, |_| began - SLACK);
        let requests = Requests::new(source.clone());
        let stage = match since {
            Some(since) => {
                requests.ask_history(since.min(began) - SLACK, began);
                Stage::History
            }
            None => {
                requests.ask_list(clock.at(after));
                Stage::Listing
            }
        };
        requests.ask_networks();
        let now = Instant::now();
        Ok(Self {
            live: source.events(horizon, None),
            turnover: Turnover::new(clock.at(after).max(began)),
            watch,
            requests,
            schedule: Schedule::default(),
            stage,
            held: VecDeque::new(),
            overrun: false,
            doubt: None,
            doubtful: Vec::new(),
            began,
            horizon,
            clock_watch: told.map(|told| ClockWatch::told(told, now)),
            clock_set_back,
            newest: began,
            images: Unanswered::default(),
            networks_due: None,
            networks_failed: 0,
            tick_due: now + QUIET,
            list_due: now + LIST_PERIOD,
            last_heard: now,
        })
    }

    /// Runs until the engine is not heard any more, or until shutdown (`None`). The state stays as it is.
    pub(super) async fn run(&mut self, shutdown: &CancellationToken) -> Option<Trouble> {
        loop {
            let asked = self.engine_clock();
            let state = &mut self.watch.state;
            self.requests.look(asked, |id| state.asked(id));
            let due = self.next_due();
            let step = tokio::select! {
                () = shutdown.cancelled() => return None,
                event = self.live.next() => self.hear(event),
                answer = self.requests.next(), if !self.requests.is_empty() => answer.map_or(Ok(()), |a| self.take(a)),
                () = tokio::time::sleep_until(due) => { self.tick(); Ok(()) }
            };
            if let Err(trouble) = step {
                return Some(trouble);
            }
            self.watch.keep_up();
        }
    }

    fn apply(&mut self, event: &Event) {
        if let Some(listener) = &self.watch.listener {
            listener.tell(event);
        }
        match self.watch.state.apply(event) {
            Reaction::Nothing => {}
            Reaction::Look(id) => self.requests.looks.want(&id),
            Reaction::Forget(id) => self.drop_container(&id),
            Reaction::Networks => {
                self.networks_due.get_or_insert_with(|| Instant::now() + NETWORKS_DELAY);
            }
        }
    }

    fn take(&mut self, answer: Answer) -> Result<(), Trouble> {
        match answer {
            Answer::Looked { id, asked, result } => self.looked(&id, asked, result.map(|found| found.map(|c| *c)))?,
            Answer::Image { id, result } => match result {
                Ok(image) => {
                    self.heard();
                    self.images.forget(&id);
                    self.watch.state.set_image(id, image.and_then(|image| image.created));
                }
                Err(trouble) => {
                    tracing::debug!(%trouble, image = &*id, "image not asked for");
                    self.images.failed(&id, Instant::now());
                }
            },
            Answer::Networks(result) => match result {
                Ok(networks) => {
                    self.heard();
                    self.networks_failed = 0;
                    self.watch.state.set_networks(networks);
                }
                Err(trouble) => {
                    tracing::debug!(%trouble, "networks not listed");
                    // Podman fails when a container goes while it lists, several times where many go. Not for ever: whoever is not
                    // allowed to ask never will be.
                    self.networks_failed = self.networks_failed.saturating_add(1);
                    if self.networks_failed <= NETWORKS_RETRIES {
                        self.networks_due.get_or_insert_with(|| Instant::now() + NETWORKS_RETRY);
                    }
                }
            },
            Answer::History(events) => {
                let events = events.or_else(|trouble| match trouble.local {
                    // It answers, but not this: its inspections have to do.
                    true => Ok(Vec::new()),
                    false => Err(trouble),
                })?;
                self.heard();
                events.iter().for_each(|event| self.apply(event));
                self.requests.ask_list(self.engine_clock());
                self.stage = Stage::Listing;
            }
            Answer::Listed { asked, result } => self.listed(asked, result)?,
            Answer::Informed { before, after, result } => match result {
                Ok(info) => self.informed(before, after, *info)?,
                Err(trouble) => {
                    tracing::debug!(%trouble, "the engine does not tell about itself");
                    self.uninformed()?;
                }
            },
            Answer::Pinged(result) => {
                result?;
                self.heard();
                if let Stage::Looking { remaining, .. } = &mut self.stage {
                    self.doubtful.drain(..).for_each(|id| drop(remaining.take(&id)));
                }
            }
        }
        self.finish_catching_up()
    }

    fn looked(
        &mut self,
        id: &ContainerId,
        asked: Timestamp,
        result: Result<Option<crate::model::Container>, Trouble>,
    ) -> Result<(), Trouble> {
        let wanted = self.requests.looks.done(id);
        let now = Instant::now();
        match result {
            Ok(Some(container)) if wanted => {
                self.heard();
                let sight = Sight { at: self.engine_clock(), horizon: self.horizon.max(asked - SETTLE) };
                let period = schedule::period(&container);
                let verdict = self.watch.state.inspected(container, sight, self.watch.source.clock());
                if verdict.kept {
                    self.schedule.set(id, now, if verdict.unsettled { period.min(SETTLE * 5 / 4) } else { period });
                }
                if verdict.unknown_network {
                    self.networks_due.get_or_insert_with(|| now + NETWORKS_DELAY);
                }
                if let Some(image) = verdict.image {
                    self.requests.want_image(image);
                }
            }
            Ok(None) if wanted => {
                self.heard();
                self.watch.state.vanished(id);
                self.schedule.remove(id);
            }
            Ok(_) => {}
            Err(trouble) => {
                tracing::debug!(%trouble, container = id.short(), "not inspected");
                self.watch.state.not_described(id);
                self.schedule.set_at(id, now + schedule::spread(LOOK_RETRY, id, 0));
                // While a gap is being closed, an engine which does not answer must not pass for one without containers; but one
                // that is silent about this container only must not keep the agent from ever being ready.
                if !trouble.local && !matches!(self.stage, Stage::Live) {
                    self.doubtful.push(id.clone());
                    self.requests.ping();
                    return Ok(());
                }
            }
        }
        if let Stage::Looking { remaining, .. } = &mut self.stage {
            remaining.remove(id);
        }
        Ok(())
    }

    fn listed(&mut self, asked: Timestamp, result: Result<Vec<ContainerId>, Trouble>) -> Result<(), Trouble> {
        let live = matches!(self.stage, Stage::Live);
        let ids = match result {
            Err(trouble) if live => {
                tracing::debug!(%trouble, "containers not listed");
                return Ok(());
            }
            result => result?,
        };
        self.heard();
        self.watch.metrics.reconciliations.inc();
        let Listed { unknown, known, absent } = self.watch.state.listed(&ids);
        unknown.iter().for_each(|id| self.requests.looks.want(id));
        if live {
            self.remove_absent(&absent, asked);
        } else {
            known.iter().for_each(|id| self.requests.looks.want(id));
            let remaining = unknown.into_iter().chain(known).collect();
            self.stage = Stage::Looking { remaining, absent, asked };
        }
        Ok(())
    }

    /// The last step of closing the gap, once everything has been inspected.
    fn finish_catching_up(&mut self) -> Result<(), Trouble> {
        let Stage::Looking { remaining, absent, asked } = &mut self.stage else { return Ok(()) };
        if !remaining.is_empty() {
            return Ok(());
        }
        let (absent, asked) = (std::mem::take(absent), *asked);
        self.stage = Stage::Live;
        self.watch.state.caught_up(self.began);
        self.follow_held();
        self.remove_absent(&absent, asked);
        if self.overrun {
            return Err(Trouble { text: "more events than can be held while catching up".into(), local: false });
        }
        self.watch.connected();
        Ok(())
    }

    fn remove_absent(&mut self, absent: &[ContainerId], asked: Timestamp) {
        for id in absent {
            if self.watch.state.absent(id, asked - SLACK) {
                self.drop_container(id);
            }
        }
    }

    fn drop_container(&mut self, id: &ContainerId) {
        self.requests.looks.forget(id);
        self.schedule.remove(id);
        if let Stage::Looking { remaining, .. } = &mut self.stage {
            remaining.remove(id);
        }
    }

    /// Whatever has come due.
    fn tick(&mut self) {
        let now = Instant::now();
        if matches!(self.stage, Stage::Live) {
            while let Some(id) = self.schedule.pop(now) {
                self.requests.looks.want(&id);
            }
        }
        for id in self.images.take_due(now) {
            if self.watch.state.lacks_image(&id) {
                self.requests.want_image(id);
            } else {
                self.images.forget(&id);
            }
        }
        if self.networks_due.is_some_and(|due| due <= now) {
            self.networks_due = None;
            self.requests.ask_networks();
        }
        if self.tick_due <= now {
            self.tick_due = now + QUIET;
            if now.duration_since(self.last_heard) >= QUIET {
                self.requests.ping();
            }
            if self.watch.state.engine.info.is_none() {
                self.requests.ask_info();
            }
            self.watch.housekeeping();
        }
        if self.list_due <= now {
            self.list_due = now + LIST_PERIOD;
            self.requests.ask_info();
            if matches!(self.stage, Stage::Live) {
                self.requests.ask_list(self.engine_clock());
            }
        }
    }

    fn next_due(&mut self) -> Instant {
        let looks = self.schedule.next().filter(|_| matches!(self.stage, Stage::Live));
        let images = self.images.next();
        let own = [Some(self.tick_due), Some(self.list_due), self.networks_due, images, looks, self.watch.next_due()];
        own.into_iter().flatten().min().unwrap_or(self.tick_due)
    }

    fn heard(&mut self) {
        self.last_heard = Instant::now();
        self.watch.state.engine.heard_at = Some(self.watch.source.clock());
    }

    fn engine_clock(&self) -> Timestamp {
        self.watch.clock.at(self.watch.source.clock())
    }
}

/// What is worth a new picture: the clock alone is not.
fn unclocked(info: &crate::model::EngineInfo) -> crate::model::EngineInfo {
    crate::model::EngineInfo { system_time: None, ..info.clone() }
}
