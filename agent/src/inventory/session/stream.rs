//! What the live stream brings: events in their turn, marks of a turnover, and the doubt which an event from the past raises.
//!
//! An event older than what is known already has one of two reasons: the engine's clock was set back, and from now on everything bears
//! such times; or the engine repeats itself, as Podman does when it turns its events over (`turnover.rs`). Counting on in the wrong belief
//! would lose or double everything, so the engine is asked what its clock shows, and what comes until it answers is held back.

use std::time::Duration;

use jiff::Timestamp;
use tokio::time::Instant;

use super::{MAX_HELD, SLACK, Session, Stage, unclocked};
use crate::{
    inventory::{
        clock::{ClockWatch, EngineClock},
        source::{Source, Trouble},
        turnover::Mark,
    },
    model::{EngineInfo, Event, EventKind},
    telemetry::Reason,
};

fn trouble(text: &str) -> Trouble {
    Trouble { text: text.into(), local: false }
}

impl<S: Source, F: Fn()> Session<'_, S, F> {
    /// An event from the live stream, or its end.
    pub(super) fn hear(&mut self, event: Option<Result<Event, Trouble>>) -> Result<(), Trouble> {
        let event = event.ok_or_else(|| trouble("the engine closed the event stream"))??;
        self.heard();
        if event.kind == EventKind::Turnover {
            return match self.turnover.mark(event.time, self.engine_clock(), Instant::now()) {
                Mark::Old => Ok(()),
                Mark::Turned => {
                    self.read_anew();
                    Ok(())
                }
                Mark::TooOften => Err(trouble("the engine turns its events over all the time")),
            };
        }
        self.turnover.hear(event.time);
        if matches!(self.stage, Stage::Live) && self.doubt.is_none() {
            self.follow(event);
        } else if self.held.len() < MAX_HELD {
            self.held.push_back(event);
        } else if self.doubt.is_some() {
            return Err(trouble("more events than can be held while the engine's clock is asked for"));
        } else {
            self.watch.metrics.refuse(Reason::Events, 1);
            self.overrun = true;
        }
        Ok(())
    }

    /// Events that were held back, in their turn.
    pub(super) fn follow_held(&mut self) {
        for event in std::mem::take(&mut self.held) {
            if self.doubt.is_none() {
                self.follow(event);
            } else {
                self.held.push_back(event);
            }
        }
    }

    /// Opens the stream anew, from what is known. What was missed comes now; the rest overlaps, which the ledgers do not mind.
    fn read_anew(&mut self) {
        tracing::debug!("the engine turned its events over: they are read anew");
        // What is held came from the old stream and will come again.
        self.held.clear();
        self.doubt = None;
        let known = self.watch.state.known_until().filter(|_| matches!(self.stage, Stage::Live));
        let since = known.map_or(self.horizon, |known| known - SLACK);
        self.newest = self.newest.min(since);
        self.live = self.watch.source.events(since, None);
    }

    /// An event in its turn.
    fn follow(&mut self, event: Event) {
        if self.clock_set_back && event.time > self.engine_clock() + SLACK {
            return; // Logged before the clock was set back; its marks were given up with it.
        }
        if event.time + SLACK < self.newest {
            self.doubt = Some(self.watch.source.clock());
            self.held.push_back(event);
            self.requests.ask_info();
            return;
        }
        if event.time > self.engine_clock() + SLACK {
            self.requests.ask_info();
        }
        self.newest = self.newest.max(event.time);
        self.apply(&event);
    }

    /// The engine's clock shows an earlier time than it did; `to` is before whatever happens from now on.
    fn set_back(&mut self, to: Timestamp) {
        tracing::warn!("the engine's clock was set back");
        self.watch.state.clock_set_back(to);
        self.newest = to;
        self.horizon = self.horizon.min(to);
    }

    /// The engine tells what its clock shows, and what else there is to know of its host. It was asked at `before` and answered at
    /// `after` of our own clock.
    pub(super) fn informed(&mut self, before: Timestamp, after: Timestamp, info: EngineInfo) -> Result<(), Trouble> {
        self.heard();
        let told = info.system_time;
        let mut set_back = false;
        if let Some(told) = told {
            let now = Instant::now();
            set_back = self.clock_watch.get_or_insert(ClockWatch::told(told, now)).set_back(told, now);
            // A time that never came was heard before: what followed it is no more in doubt than if the clock had gone back.
            set_back |= self.doubt.is_some() && self.newest > told + SLACK;
            self.watch.clock = EngineClock::told(told, before, after);
        }
        let info = Some(std::sync::Arc::new(info));
        if self.watch.state.engine.info.as_deref().map(unclocked) != info.as_deref().map(unclocked) {
            self.watch.state.engine.info = info;
            self.watch.state.engine_changed();
        }
        match (self.doubt, told) {
            // Asked before the doubt arose, it says nothing about it.
            (Some(since), _) if before < since && !set_back => self.requests.ask_info(),
            (Some(_), Some(_)) => return self.decide(set_back),
            (Some(_), None) => return self.uninformed(),
            (None, Some(told)) => {
                if set_back {
                    self.set_back(told);
                }
                self.newest = self.newest.max(told);
            }
            (None, None) => {}
        }
        Ok(())
    }

    /// The engine does not tell what its clock shows: the event that raised a doubt has to be believed.
    pub(super) fn uninformed(&mut self) -> Result<(), Trouble> {
        let Some(first) = self.held.front().map(|event| event.time).filter(|_| self.doubt.is_some()) else {
            return Ok(());
        };
        // Until the engine has said what its clock shows. Rather too late than too early: see `EngineClock`.
        let now = self.watch.source.clock();
        if self.watch.clock.at(now) > first + SLACK {
            self.watch.clock = EngineClock::told(first + SLACK, now, now);
        }
        self.decide(true)
    }

    /// Ends a doubt.
    fn decide(&mut self, set_back: bool) -> Result<(), Trouble> {
        self.doubt = None;
        if !set_back {
            if !self.turnover.reopen(self.engine_clock(), Instant::now()) {
                return Err(trouble("the engine repeats itself all the time"));
            }
            self.read_anew();
            return Ok(());
        }
        if let Some(first) = self.held.front().map(|event| event.time) {
            self.set_back(first - Duration::from_nanos(1));
        }
        self.follow_held();
        Ok(())
    }
}
