//! What has been counted of one container, and the rule which neither loses nor doubles a count.
//!
//! The engine tells a fact twice: as an event, when it happens, and in every later inspection, as `StartedAt`, `FinishedAt`,
//! `RestartCount` and the health record. Events are exact while they are heard. They are not heard while the agent or the
//! engine is down, and the engine repeats only its last 256, the noise of health checks included. So events count, and an
//! inspection counts what no event can tell any more.
//!
//! 1. A ledger keeps a **mark** for each kind of fact: the time of the newest one counted. An event counts if it is newer than
//!    its mark. The facts of one kind in one container come one after the other, so no two share a time, and an event heard
//!    twice (from the history and from the live stream, which overlap on purpose) counts once. Marks of different containers
//!    and kinds know nothing of each other: equal or slightly disordered times of distinct events do no harm.
//! 2. An inspection carries a **horizon**: facts older than it can no longer arrive as events which still wait to be applied.
//!    After a gap that is shortly before the live stream begins, by then the history before it has been applied; in calm times
//!    it is half a minute ago. A fact which is newer than its mark and older than the horizon was missed, and is *claimed*.
//!    What is younger than the horizon is left to its event, and the container is looked at again later.
//! 3. A claim moves the mark to the moment the inspection was answered. The engine logs an event before it answers an
//!    inspection which shows the fact, so the event of a claimed fact, should it come late, is older than the mark and is
//!    dropped. The next fact happens after the answer and is newer than the mark.
//!
//! So nothing is doubled: a fact is counted by its event or by a claim, and either moves the mark beyond the other. Nothing is
//! lost while the events arrive. When they do not, claims are lower bounds: a run known only by its start is one start, the
//! restart count adds those it proves, an end whose exit code was overwritten by the next run stays uncounted, because its
//! class would be a guess.
//!
//! A start time of the engine is compared with the time of an event throughout: `StartedAt` is a little older than the `start`
//! event, `FinishedAt` a little older than `die`, and both newer than any event of the run before.

mod claims;

use std::time::Duration;

use jiff::Timestamp;

use crate::model::{EventKind, ExitClass, HealthStatus, ServiceCounters};

/// A signal is held to be the reason of an end for this long. `docker stop` says so itself when it has waited longer.
const STOP_WINDOW: Duration = Duration::from_secs(300);

/// Signals which ask a program to end: INT, QUIT, KILL, TERM. (`docker kill -s HUP` is how people reload programs.)
const ENDING_SIGNALS: [i64; 4] = [2, 3, 9, 15];

/// Exit code of a program ended by SIGKILL: the only one which the kernel's out-of-memory killer can cause.
const KILLED: i64 = 137;

/// Marks and what goes with them. All times are the engine's.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Ledger {
    /// Mark of starts.
    pub(super) started: Option<Timestamp>,
    /// Mark of ends.
    pub(super) ended: Option<Timestamp>,
    /// Mark of `oom` events.
    pub(super) oom: Option<Timestamp>,
    /// Mark of changes to healthy and unhealthy.
    pub(super) health_changed: Option<Timestamp>,
    /// Mark of health-check results: the start of the newest one counted.
    pub(super) result: Option<Timestamp>,
    /// Health status as of the last change counted; `None` since the last start.
    pub(super) health: Option<HealthStatus>,
    /// `StartedAt` and `FinishedAt` as an inspection last showed them counted. After the engine's clock was set back they lie in its
    /// future, where no mark can say that they are known.
    pub(super) known_start: Option<Timestamp>,
    pub(super) known_end: Option<Timestamp>,
    /// Starts of the health-check results last shown, for the same reason. The engine keeps five.
    pub(super) known_results: Vec<Timestamp>,
    /// `RestartCount` when all starts behind it were counted.
    pub(super) restart_count: u64,
    /// Starts counted since then.
    pub(super) starts_since: u64,
    /// Ooms counted over all runs.
    pub(super) oom_events: u64,
    /// An oom was counted in the run since the last start.
    pub(super) oom_in_run: bool,
    /// When somebody asked for the end of the run.
    pub(super) stop_requested: Option<Timestamp>,
    /// Somebody asked for the end of the last run, and it ended.
    pub(super) stopped: bool,
    /// The engine told of an orderly stop of the last run (`docker stop`), not only of a signal: what is removed after it was taken down.
    pub(super) stop_told: bool,
    /// Start of the run whose first healthy moment has not come yet.
    pub(super) awaiting: Option<Timestamp>,
    /// The earliest moment at which a run is known to have begun or ended: a start after it is a restart.
    pub(super) ran: Option<Timestamp>,
    /// Exit code of the newest end that was counted.
    pub(super) last_exit: Option<i64>,
    /// An end which waits for its class.
    pub(super) pending: Option<PendingEnd>,
    /// No inspection has been asked for since the last event was counted: an answer on its way may be older.
    pub(super) unasked: bool,
}

/// An end by SIGKILL (or of unknown code) may be the out-of-memory killer's, whose event may come after the end's: the
/// inspection which follows each event settles it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct PendingEnd {
    /// As the event told it.
    pub(super) exit_code: Option<i64>,
}

/// When an inspection was made and what it may claim.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sight {
    /// The engine's clock when the answer had arrived.
    pub(super) at: Timestamp,
    /// Facts older than this are not waiting as events.
    pub(super) horizon: Timestamp,
}

impl Ledger {
    /// Counts an event, once. `false` when it had been counted before, or is none that counts.
    pub(super) fn apply(&mut self, time: Timestamp, kind: &EventKind, counters: &mut ServiceCounters) -> bool {
        let counted = match kind {
            EventKind::Started(_) => self.start(time, counters),
            EventKind::Died { exit_code, .. } => self.end(time, *exit_code, counters),
            EventKind::Oom(_) => self.out_of_memory(time, counters),
            EventKind::Health { status, .. } => self.health_change(time, *status, counters),
            EventKind::StopRequested { signal, .. } => self.stop_request(time, *signal),
            EventKind::Destroyed(_) => self.settle_end(false, counters),
            EventKind::Created(_) | EventKind::Changed(_) => false,
            EventKind::NetworkChanged | EventKind::Turnover | EventKind::Other => false,
        };
        self.unasked |= counted;
        counted
    }

    /// An inspection is about to be asked for; its answer will show every event counted so far.
    pub(super) fn asked(&mut self) {
        self.unasked = false;
    }

    /// Moves marks which lie in the future of a clock that was set back, so that new events count. What an inspection goes on to show
    /// from that future is told from new facts by its exact time.
    pub(super) fn clock_set_back(&mut self, to: Timestamp) {
        let Self { started, ended, oom, health_changed, result, ran, awaiting, .. } = self;
        for mark in [started, ended, oom, health_changed, result, ran, awaiting].into_iter().flatten() {
            *mark = (*mark).min(to);
        }
    }

    /// It runs, going by the newest start and the newest end that were counted.
    pub(super) fn runs(&self) -> bool {
        self.started > self.ended
    }

    /// The ledger as the file keeps it: without what concerns questions on their way.
    pub(super) fn kept(&self) -> Self {
        Self { unasked: false, known_results: Vec::new(), ..self.clone() }
    }

    fn start(&mut self, time: Timestamp, counters: &mut ServiceCounters) -> bool {
        if !advance(&mut self.started, time) {
            return false;
        }
        self.settle_end(false, counters);
        counters.starts += 1;
        counters.restarts += u64::from(self.ran_before(time));
        self.starts_since += 1;
        self.begin_run(time);
        true
    }

    fn end(&mut self, time: Timestamp, exit_code: Option<i64>, counters: &mut ServiceCounters) -> bool {
        if !advance(&mut self.ended, time) {
            return false;
        }
        self.settle_end(false, counters);
        self.note_run(Some(time));
        match exit_code {
            Some(code) if code != KILLED || self.oom_in_run => self.count_end(code, self.oom_in_run, counters),
            _ => self.pending = Some(PendingEnd { exit_code }),
        }
        // An end older than the newest start (which was claimed) says nothing of the run that lasts.
        if self.started.is_none_or(|started| time >= started) {
            self.note_stop(time);
        }
        true
    }

    fn out_of_memory(&mut self, time: Timestamp, counters: &mut ServiceCounters) -> bool {
        if !advance(&mut self.oom, time) {
            return false;
        }
        counters.oom_kills += 1;
        self.oom_events += 1;
        self.oom_in_run = true;
        true
    }

    fn health_change(&mut self, time: Timestamp, status: HealthStatus, counters: &mut ServiceCounters) -> bool {
        if !advance(&mut self.health_changed, time) {
            return false;
        }
        // Docker announces changes, Podman every check.
        if self.health.replace(status) == Some(status) {
            return false;
        }
        self.count_health(status, time, counters);
        true
    }

    fn stop_request(&mut self, time: Timestamp, signal: Option<i64>) -> bool {
        if signal.is_some_and(|signal| !ENDING_SIGNALS.contains(&signal)) {
            return false;
        }
        if time <= self.started.max(self.ended).unwrap_or(Timestamp::MIN) {
            return false; // Of an earlier run, or heard before.
        }
        let over = self.ended.is_some_and(|ended| self.started.is_none_or(|started| ended >= started));
        self.stop_told |= signal.is_none();
        match signal {
            // The engine logs `stop` when the run has ended.
            None if over => !std::mem::replace(&mut self.stopped, true),
            Some(_) if over => false,
            _ => self.stop_requested.replace(time).is_none(),
        }
    }

    /// Gives a waiting end its class. An end whose code nobody knows is not counted.
    fn settle_end(&mut self, oom: bool, counters: &mut ServiceCounters) -> bool {
        let Some(code) = self.pending.take().and_then(|pending| pending.exit_code) else { return false };
        self.count_end(code, oom || self.oom_in_run, counters);
        true
    }

    fn count_end(&mut self, code: i64, oom: bool, counters: &mut ServiceCounters) {
        let class = ExitClass::of(code, oom && code == KILLED);
        for (count, _) in counters.exits.iter_mut().zip(ExitClass::ALL).filter(|(_, each)| *each == class) {
            *count += 1;
        }
        self.last_exit = Some(code);
    }

    /// What was known of earlier runs is over. Of a run whose start is claimed late, later things may be known already.
    fn begin_run(&mut self, at: Timestamp) {
        self.note_run(Some(at));
        let later = |mark: Option<Timestamp>| mark.is_some_and(|mark| mark >= at);
        self.oom_in_run &= later(self.oom);
        self.stopped &= later(self.ended);
        self.stop_told &= later(self.ended);
        self.awaiting = Some(at).filter(|_| !later(self.health_changed));
        self.stop_requested = self.stop_requested.filter(|asked| *asked >= at);
        self.health = self.health.filter(|_| later(self.health_changed));
    }

    fn note_run(&mut self, at: Option<Timestamp>) {
        self.ran = self.ran.into_iter().chain(at).min();
    }

    fn ran_before(&self, time: Timestamp) -> bool {
        self.ran.is_some_and(|ran| ran < time)
    }

    /// Counts a change of health, and how long the run took to its first good one.
    fn count_health(&mut self, status: HealthStatus, at: Timestamp, counters: &mut ServiceCounters) {
        match status {
            HealthStatus::Healthy => {
                counters.became_healthy += 1;
                let began = self.awaiting.take();
                // A clock set back in between leaves nothing to count.
                let took = began.and_then(|began| Duration::try_from(at.duration_since(began)).ok());
                took.into_iter().for_each(|took| counters.startup.observe(took));
            }
            HealthStatus::Unhealthy => counters.became_unhealthy += 1,
            HealthStatus::Starting | HealthStatus::Unknown => {}
        }
    }

    fn note_stop(&mut self, ended: Timestamp) {
        let asked = self.stop_requested.take();
        self.stopped = asked.is_some_and(|asked| ended.duration_since(asked).unsigned_abs() <= STOP_WINDOW);
    }
}

/// Moves a mark forward; `false` when `time` is not newer.
fn advance(mark: &mut Option<Timestamp>, time: Timestamp) -> bool {
    let newer = mark.is_none_or(|mark| time > mark);
    if newer {
        *mark = Some(time);
    }
    newer
}
