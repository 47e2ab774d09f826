//! Which objectives are kept, by what this agent has seen.
//!
//! What is sampled in Prometheus is known here from each change to the next, to the millisecond: a state is held against the time it lasted.
//! What is counted is what counters grew by from one reading to the next. Both fall into spans of five minutes, of which the last hour is
//! made, and of an hour, of which the window is. Nothing is known of the time in which the agent was off: [`Objective::covers`] says so.

mod buckets;
mod keep;
mod sight;
#[cfg(test)]
mod tests;

use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, SystemTime},
};

pub(super) use self::keep::CEILING;
use self::{
    buckets::{Buckets, Passed},
    sight::{Counts, Sight},
};
use super::{Judge, Objective};
use crate::{
    inventory::Snapshot,
    model::ServiceKey,
    policy::{
        Policy,
        objectives::{self, Unknown, Whose},
    },
    probes::Record,
};

/// Objectives of services kept at once.
pub(super) const MAX_SERIES: usize = 512;

/// Spans of an hour that all of them keep together, sixteen bytes each; each keeps a day whatever the others do.
const MAX_HOURS: usize = 40_000;
const LEAST_HOURS: usize = 24;

const MINUTES: Duration = Duration::from_secs(300);
const HOUR: Duration = Duration::from_secs(3_600);
/// Spans of five minutes: an hour and the one that runs.
const KEPT_MINUTES: usize = 13;

/// How long a service that has vanished is missed, where unknown time counts as bad: as the rules have it.
const MISSED: Duration = Duration::from_secs(86_400);

/// A time on both clocks.
#[derive(Clone, Copy, Debug)]
pub struct Moment {
    /// By the wall clock: milliseconds since 1970; 0 before.
    pub wall_ms: u64,
    /// On a clock that never jumps.
    pub elapsed: Duration,
}

impl Moment {
    /// Now, `elapsed` after the clock that never jumps began.
    pub fn now(elapsed: Duration) -> Self {
        let wall = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        Self { wall_ms: u64::try_from(wall.as_millis()).unwrap_or(u64::MAX), elapsed }
    }
}

/// What an objective is of.
type Key = (Arc<str>, ServiceKey);

/// One objective of one service.
#[derive(Clone, Debug, PartialEq)]
struct Series {
    /// What is counted, see [`sight::kind`].
    kind: Arc<str>,
    minutes: Buckets,
    hours: Buckets,
    /// It serves or not, since the last look.
    state: Option<bool>,
    /// Counters at the last reading, by replica.
    counted: Vec<(Arc<str>, Counts)>,
    /// It was wanted when it was last seen, which was then.
    wanted: Option<Duration>,
}

impl Series {
    fn new(kind: Arc<str>) -> Self {
        let (minutes, hours) = (Buckets::new(MINUTES), Buckets::new(HOUR));
        Self { kind, minutes, hours, state: None, counted: Vec::new(), wanted: None }
    }

    fn pass(&mut self, now: Moment, took: Duration, what: Passed, hours: usize) {
        self.minutes.pass(now.wall_ms, took, what, KEPT_MINUTES);
        self.hours.pass(now.wall_ms, took, what, hours);
    }

    /// Takes in counters: what each grew by. One seen for the first time says nothing yet, and one that fell has begun anew.
    fn count(&mut self, now: Moment, counts: Vec<(Arc<str>, Counts)>, hours: usize) {
        if counts.is_empty() {
            // Nobody counts now. Whoever goes on later goes on from what was known.
            return;
        }
        let mut grown = Counts::default();
        for (replica, count) in &counts {
            let Some((_, before)) = self.counted.iter().find(|(known, _)| known == replica) else { continue };
            let more = |now: u64, before: u64| if now >= before { now - before } else { now };
            grown.bad += more(count.bad, before.bad);
            grown.total += more(count.total, before.total);
        }
        self.counted = counts;
        self.minutes.count(now.wall_ms, grown.bad, grown.total, KEPT_MINUTES);
        self.hours.count(now.wall_ms, grown.bad, grown.total, hours);
    }
}

/// All of it.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    policy: Option<Arc<Policy>>,
    objectives: Vec<objectives::Objective>,
    series: BTreeMap<Key, Series>,
    /// When states and counters were last looked at.
    looked: Option<Duration>,
    read: Option<Duration>,
    left_out: usize,
    /// Something happened since it was last kept.
    changed: bool,
}

impl Ledger {
    /// Whether any objective is of what the agent sees: if not, there is nothing to look at.
    pub(super) fn follow(&mut self, policy: &Arc<Policy>) -> bool {
        if self.policy.as_ref().is_none_or(|known| !Arc::ptr_eq(known, policy)) {
            (self.objectives, _) = objectives::resolve(policy);
            self.policy = Some(Arc::clone(policy));
            let Self { objectives, series, .. } = self;
            // Under the same name something else may be meant now.
            series.retain(|(slo, _), series| {
                objectives.iter().any(|one| one.slo == *slo && sight::kind(one) == series.kind)
            });
        }
        self.objectives.iter().any(sight::is_seen_here)
    }

    /// Hours that each may keep.
    fn hours(&self, window: Duration) -> usize {
        let share = MAX_HOURS / self.series.len().max(1);
        let whole = usize::try_from(window.as_secs() / HOUR.as_secs()).unwrap_or(usize::MAX);
        share.max(LEAST_HOURS).min(whole.saturating_add(1))
    }

    /// The time since the last look belongs to the states that were seen then.
    fn advance(&mut self, now: Moment) {
        let Some(took) = self.looked.replace(now.elapsed).map(|before| now.elapsed.saturating_sub(before)) else {
            return;
        };
        for objective in &self.objectives {
            let hours = self.hours(objective.window);
            for (_, series) in of_mut(&mut self.series, &objective.slo) {
                if let Some(good) = series.state {
                    series.pass(now, took, Passed::Time(!good), hours);
                    self.changed |= !took.is_zero();
                }
            }
        }
    }

    /// Looks at who serves. How many more objectives have no place than at the look before.
    pub(super) fn look(&mut self, snapshot: &Snapshot, now: Moment) -> usize {
        self.advance(now);
        self.each(snapshot, &[], |objective, key, series, sight| {
            if let Sight::State(mut state) = sight {
                match sight::entry(snapshot, key) {
                    Some(entry) => series.wanted = (sight::wanted(entry) > 0).then_some(now.elapsed),
                    None if objective.unknown == Unknown::Bad => {
                        let missed = series.wanted.is_some_and(|seen| now.elapsed.saturating_sub(seen) < MISSED);
                        state = missed.then_some(false);
                    }
                    None => {}
                }
                series.state = state;
            }
        })
    }

    /// Looks at who serves, and reads every counter. `probes` are the records of all, sorted.
    pub(super) fn read(&mut self, snapshot: &Snapshot, probes: &[Arc<Record>], now: Moment) -> usize {
        let more = self.look(snapshot, now);
        let took = self.read.replace(now.elapsed).map(|before| now.elapsed.saturating_sub(before));
        let windows: BTreeMap<_, _> =
            self.objectives.iter().map(|one| (Arc::clone(&one.slo), self.hours(one.window))).collect();
        let mut changed = false;
        self.each(snapshot, probes, |objective, _, series, sight| {
            let Sight::Counts(counts) = sight else { return };
            let hours = windows.get(&objective.slo).copied().unwrap_or(LEAST_HOURS);
            if let Some(took) = took.filter(|_| !series.counted.is_empty() && !counts.is_empty()) {
                series.pass(now, took, Passed::Looked, hours);
                changed = true;
            }
            series.count(now, counts, hours);
        });
        self.changed |= changed;
        more
    }

    /// Calls `take` with each objective of each service that the agent sees, where there is room for it.
    fn each(
        &mut self,
        snapshot: &Snapshot,
        probes: &[Arc<Record>],
        mut take: impl FnMut(&objectives::Objective, &ServiceKey, &mut Series, Sight),
    ) -> usize {
        let mut left_out = 0;
        for objective in self.objectives.iter().filter(|objective| sight::is_seen_here(objective)) {
            for service in sight::services(objective, snapshot) {
                let sight = sight::look(objective, &service, snapshot, probes);
                let key = (Arc::clone(&objective.slo), service);
                if !self.series.contains_key(&key) {
                    if self.series.len() >= MAX_SERIES && !make_room(&mut self.series, snapshot) {
                        left_out += 1;
                        continue;
                    }
                    self.series.insert(key.clone(), Series::new(sight::kind(objective)));
                }
                if let Some(series) = self.series.get_mut(&key) {
                    take(objective, &key.1, series, sight);
                }
            }
            // Of a pattern, services that are gone: they serve nobody, and are wanted by nobody.
            if matches!(objective.whose, Whose::Pattern { .. }) {
                for ((_, key), series) in of_mut(&mut self.series, &objective.slo) {
                    if sight::entry(snapshot, key).is_none() {
                        take(objective, key, series, sight::look(objective, key, snapshot, probes));
                    }
                }
            }
        }
        let before = std::mem::replace(&mut self.left_out, left_out);
        left_out.saturating_sub(before)
    }

    /// The objectives in the order of the policy, as they stand now.
    pub(super) fn objectives(&mut self, now: Moment) -> Vec<Objective> {
        self.advance(now);
        let mut all = Vec::new();
        for objective in &self.objectives {
            if !sight::is_seen_here(objective) {
                all.push(shown(objective, named(&objective.whose), None, now));
                continue;
            }
            let before = all.len();
            let of = of(&self.series, &objective.slo);
            // A service of a pattern that is gone, and of which nothing is known any more, is none.
            let seen = of.filter(|(_, series)| {
                let known = || series.hours.sum(now.wall_ms, objective.window).total > 0 || series.state.is_some();
                !matches!(objective.whose, Whose::Pattern { .. }) || known()
            });
            all.extend(seen.map(|((_, key), series)| shown(objective, key.clone(), Some(series), now)));
            if all.len() == before && !matches!(objective.whose, Whose::Pattern { .. }) {
                all.push(shown(objective, named(&objective.whose), None, now));
            }
        }
        all
    }

    /// Objectives of services that have no place.
    pub(super) const fn left_out(&self) -> usize {
        self.left_out
    }
}

/// Takes the place of a service that is gone, of which the newest is the oldest; `false` when there is none.
fn make_room(series: &mut BTreeMap<Key, Series>, snapshot: &Snapshot) -> bool {
    let gone = series.iter().filter(|((_, key), _)| sight::entry(snapshot, key).is_none());
    let oldest = gone.min_by_key(|(_, one)| one.hours.newest()).map(|(key, _)| key.clone());
    oldest.is_some_and(|key| series.remove(&key).is_some())
}

/// Whose it is, as far as it is of one service.
fn named(whose: &Whose) -> ServiceKey {
    match whose {
        Whose::Service { project, service } | Whose::Named { project, service } => {
            ServiceKey { project: Arc::clone(project), service: Arc::clone(service) }
        }
        Whose::Pattern { project, pattern, .. } => {
            ServiceKey { project: Arc::clone(project), service: Arc::clone(pattern) }
        }
    }
}

fn shown(objective: &objectives::Objective, key: ServiceKey, series: Option<&Series>, now: Moment) -> Objective {
    let sums =
        series.map(|series| (series.hours.sum(now.wall_ms, objective.window), series.minutes.sum(now.wall_ms, HOUR)));
    let burnt = |ratio: Option<f64>| Some(ratio? / objective.target.budget().value());
    Objective {
        name: Arc::clone(&objective.slo),
        project: key.project,
        service: key.service,
        tier: objective.tier.clone(),
        target: objective.target,
        window: objective.window,
        judge: if sight::is_seen_here(objective) { Judge::Agent } else { Judge::Prometheus },
        left: sums.and_then(|(all, _)| burnt(all.ratio())).map(|burnt| 1.0 - burnt),
        covers: sums.map_or(Duration::ZERO, |(all, _)| all.seen.min(objective.window)),
        burn_1h: sums.and_then(|(_, hour)| burnt(hour.ratio())),
    }
}

/// What is kept of an objective, by service.
fn of<'a>(series: &'a BTreeMap<Key, Series>, slo: &'a Arc<str>) -> impl Iterator<Item = (&'a Key, &'a Series)> {
    let from = (Arc::clone(slo), ServiceKey::default());
    series.range(from..).take_while(move |((of, _), _)| of == slo)
}

fn of_mut<'a>(
    series: &'a mut BTreeMap<Key, Series>,
    slo: &'a Arc<str>,
) -> impl Iterator<Item = (&'a Key, &'a mut Series)> {
    let from = (Arc::clone(slo), ServiceKey::default());
    series.range_mut(from..).take_while(move |((of, _), _)| of == slo)
}
