//! What is known of every target: written by the one task that asks, read by the page, the API and the metrics.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use jiff::Timestamp;

use super::{
    outcome::{Outcome, Shown},
    plan::{End, Id, Life, Plan, Unreachable, Wanted},
};
use crate::{model::Durations, policy::probe::Kind};

/// How long a target is remembered whose container is gone: as long as its service is expected by default.
const REMEMBERED: Duration = Duration::from_secs(600);

/// What is known of one target. A new value with every change: who holds one may read it in peace.
#[derive(Clone, Debug)]
pub struct Record {
    /// Who it is.
    pub id: Id,
    /// What is spoken; `None` where a label does not say.
    pub kind: Option<Kind>,
    /// What is asked, for people; no query.
    pub target: Arc<str>,
    /// Time between two probes.
    pub interval: Duration,
    /// Budget of one probe.
    pub max_duration: Option<Duration>,
    /// It is asked for figures too.
    pub figures: bool,
    /// Why it is not asked.
    pub unreachable: Option<Unreachable>,
    /// Probes at its interval so far; those beside, after a first failure or a new start, are none of them.
    pub attempts: u64,
    /// Of these, those that failed.
    pub failures: u64,
    /// Of these, good ones that took longer than their budget.
    pub slow: u64,
    /// The last one, with its end; `None` before the first.
    pub last: Option<(Timestamp, Arc<Outcome>)>,
    /// When the first of the failures was that lasts until now.
    pub failing_since: Option<Timestamp>,
    /// The certificate shown last, kept while none is.
    pub shown: Option<Arc<Shown>>,
    /// The path which the convention led to.
    pub(super) found_path: Option<&'static str>,
    /// It has succeeded before.
    answered: bool,
    /// When the outage began, on the clock of the schedule.
    outage: Option<Duration>,
    life: Life,
    down: bool,
    /// Since when its container is gone, on the clock of the schedule.
    gone: Option<Duration>,
}

impl Record {
    /// Whether the last probe failed, as far as the target is within reach.
    pub fn failing(&self) -> bool {
        self.unreachable.is_none() && self.last.as_ref().is_some_and(|(_, outcome)| outcome.failure.is_some())
    }

    /// A target that was never asked.
    pub fn new(id: Id, interval: Duration) -> Self {
        Self {
            id,
            kind: None,
            target: Arc::default(),
            interval,
            max_duration: None,
            figures: false,
            unreachable: None,
            attempts: 0,
            failures: 0,
            slow: 0,
            last: None,
            failing_since: None,
            shown: None,
            found_path: None,
            answered: false,
            outage: None,
            life: None,
            down: false,
            gone: None,
        }
    }

    /// Takes over what is wanted; says whether something has happened to the target that calls for a probe.
    fn follow(&mut self, wanted: &Wanted) -> bool {
        let probe = wanted.probe.as_ref();
        self.kind = probe.map(|probe| probe.aim.kind);
        self.target = Arc::clone(&wanted.target);
        self.interval = wanted.interval;
        self.max_duration = probe.and_then(|probe| probe.max_duration);
        self.figures = probe.is_some_and(|probe| probe.figures);
        self.unreachable = match wanted.end {
            End::Unreachable(reason) => Some(reason),
            _ => None,
        };
        self.gone = None;
        // Nobody suffers from the end that somebody asked for.
        if self.unreachable == Some(Unreachable::Stopped) {
            (self.outage, self.failing_since) = (None, None);
        }
        let down = wanted.end == End::Down;
        let changed = self.life != wanted.life || self.down != down;
        self.life.clone_from(&wanted.life);
        self.down = down;
        changed
    }

    fn took(&mut self, outcome: Outcome, extra: bool, at: Timestamp, now: Duration) -> Option<Duration> {
        // Asked every second while it fails, a target would have more failures than its outage has shares of the time.
        let counts = u64::from(!extra);
        self.attempts += counts;
        self.found_path = outcome.facts.found_path;
        if let Some(shown) = &outcome.facts.shown {
            self.shown = Some(Arc::clone(shown));
        }
        let mut over = None;
        if outcome.failure.is_some() {
            // A target that never answered was not taken from anybody: its first start is no outage.
            if self.answered {
                self.outage.get_or_insert(now);
            }
            self.failures += counts;
            self.failing_since.get_or_insert(at);
        } else {
            self.answered = true;
            self.slow += counts * u64::from(self.max_duration.is_some_and(|budget| outcome.took > budget));
            over = self.outage.take().map(|began| now.saturating_sub(began));
            self.failing_since = None;
        }
        self.last = Some((at, Arc::new(outcome)));
        over
    }
}

/// What a new plan comes to.
#[derive(Debug)]
pub(super) struct Followed {
    /// To whom something has happened: they should be asked soon.
    pub(super) soon: Vec<Id>,
    /// Somebody is remembered whose container is gone.
    pub(super) remembers: bool,
}

/// Whose outages: project, service and probe.
pub type Outage = (Arc<str>, Arc<str>, Arc<str>);

/// Everything that is known; cheap to clone, all clones are the same board.
#[derive(Clone, Debug, Default)]
pub struct Board(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    records: Mutex<Records>,
    refused_declared: AtomicU64,
    refused_runs: AtomicU64,
    changes: AtomicU64,
}

#[derive(Debug, Default)]
struct Records {
    by_id: BTreeMap<Id, Arc<Record>>,
    outages: BTreeMap<Outage, Durations>,
}

impl Board {
    /// All targets, sorted by who they are.
    pub fn records(&self) -> Vec<Arc<Record>> {
        self.lock().by_id.values().cloned().collect()
    }

    /// Outages that are over, of every service of which a probe has ever failed.
    pub fn outages(&self) -> Vec<(Outage, Durations)> {
        self.lock().outages.iter().map(|(key, durations)| (key.clone(), *durations)).collect()
    }

    /// Another number when a target is there that was not, or is not any more, or one has begun or ceased to fail.
    pub fn changes(&self) -> u64 {
        self.0.changes.load(Ordering::Acquire)
    }

    fn changed(&self) {
        self.0.changes.fetch_add(1, Ordering::Release);
    }

    /// Declarations, and runs, that a ceiling left out.
    pub fn refused(&self) -> [(&'static str, u64); 2] {
        let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        [("declared", count(&self.0.refused_declared)), ("run", count(&self.0.refused_runs))]
    }

    /// Writes down what is known of a target, and outages of its service that are over. The task that asks has ways of its own; this one
    /// is for tests and benches of who reads the board.
    pub fn put(&self, record: Record, outages: Durations) {
        let mut records = self.lock();
        if record.failures > 0 {
            records.outages.insert(outage(&record.id), outages);
        }
        records.by_id.insert(record.id.clone(), Arc::new(record));
        self.changed();
    }

    pub(super) fn missed(&self, runs: u64) {
        self.0.refused_runs.fetch_add(runs, Ordering::Relaxed);
    }

    /// Takes over a plan. Targets that nobody declares any more are forgotten at once, those whose
    /// container is gone after a while: a container made anew goes on with what is known of the one before.
    pub(super) fn follow(&self, plan: &Plan, exists: impl Fn(&Id) -> bool, now: Duration) -> Followed {
        let mut records = self.lock();
        let mut soon = Vec::new();
        records.by_id.retain(|id, record| {
            if plan.wanted.contains_key(id) {
                return true;
            }
            let gone = *Arc::make_mut(record).gone.get_or_insert(now);
            Arc::make_mut(record).unreachable = Some(Unreachable::NoContainer);
            // Of whom nothing is known nothing is kept: one that Compose recreates bears another name for a moment.
            record.last.is_some() && !id.is_elsewhere() && !exists(id) && now.saturating_sub(gone) < REMEMBERED
        });
        for (id, wanted) in &plan.wanted {
            match records.by_id.get_mut(id) {
                Some(record) => {
                    let mut next = Record::clone(record);
                    if next.follow(wanted) {
                        soon.push(id.clone());
                    }
                    *record = Arc::new(next);
                }
                None => {
                    let mut record = Record::new(id.clone(), wanted.interval);
                    record.follow(wanted);
                    records.by_id.insert(id.clone(), Arc::new(record));
                }
            }
        }
        let Records { by_id, outages } = &mut *records;
        let keys: BTreeSet<Outage> = by_id.keys().map(outage).collect();
        outages.retain(|key, _| keys.contains(key));
        let remembers = by_id.values().any(|record| record.gone.is_some());
        drop(records);
        self.changed();
        self.0.refused_declared.fetch_max(plan.refused, Ordering::Relaxed);
        Followed { soon, remembers }
    }

    /// What is known of a target.
    pub(super) fn record(&self, id: &Id) -> Option<Arc<Record>> {
        self.lock().by_id.get(id).cloned()
    }

    /// A probe is over.
    pub(super) fn took(&self, id: &Id, outcome: Outcome, extra: bool, at: Timestamp, now: Duration) {
        let mut records = self.lock();
        let Records { by_id, outages } = &mut *records;
        let Some(record) = by_id.get_mut(id) else { return };
        let failed = record.last.as_ref().map(|(_, outcome)| outcome.failure.is_some());
        if failed != Some(outcome.failure.is_some()) {
            self.changed();
        }
        let over = Arc::make_mut(record).took(outcome, extra, at, now);
        // With the first failure, so that a rate sees the first outage, which is over later.
        if record.failures > 0 || record.outage.is_some() || over.is_some() {
            let durations = outages.entry(outage(id)).or_default();
            over.into_iter().for_each(|over| durations.observe(over));
        }
    }

    fn lock(&self) -> MutexGuard<'_, Records> {
        // Records are replaced as wholes: a panic elsewhere leaves nothing half done.
        self.0.records.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn outage(id: &Id) -> Outage {
    (Arc::clone(&id.project), Arc::clone(&id.service), Arc::clone(&id.probe))
}
