//! What an objective is about, as the agent sees it now. The same as the rules that are rendered for Prometheus ask for
//! (`render::objectives`): one reads the snapshot where the other reads its series.

use std::sync::Arc;

use crate::{
    inventory::{ServiceEntry, Snapshot},
    model::{DURATION_BOUNDS, ServiceKey},
    policy::objectives::{Objective, Serving, Sli, Whose},
    probes::Record,
};

/// Bad events and all of them, since whatever beginning.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Counts {
    pub(super) bad: u64,
    pub(super) total: u64,
}

/// What can be said now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Sight {
    /// It serves, or does not; `None` while that is not asked for: stopped by a person, or done.
    State(Option<bool>),
    /// Counters, by replica; empty where nobody counts.
    Counts(Vec<(Arc<str>, Counts)>),
}

/// Whether the agent sees what an objective is about.
pub(super) const fn is_seen_here(objective: &Objective) -> bool {
    !matches!(objective.sli, Sli::Ratio { .. } | Sli::Sampled(_))
}

/// What tells a meaning from another under the same name: counts of one are none of the other.
pub(super) fn kind(objective: &Objective) -> Arc<str> {
    match &objective.sli {
        Sli::Availability(Serving::Healthy) => "healthy".into(),
        Sli::Availability(Serving::Running) => "running".into(),
        Sli::Availability(Serving::Expected) => "expected".into(),
        Sli::Probe(probe) => format!("probe {probe}").into(),
        Sli::Latency(probe) => format!("latency {probe}").into(),
        Sli::HealthChecks => "health_checks".into(),
        Sli::Start(bound) => format!("start {bound}").into(),
        Sli::Ratio { .. } | Sli::Sampled(_) => "elsewhere".into(),
    }
}

/// The services that an objective is about, of those that there are. One that is named is there even when nobody knows it.
pub(super) fn services(objective: &Objective, snapshot: &Snapshot) -> Vec<ServiceKey> {
    match &objective.whose {
        Whose::Service { project, service } | Whose::Named { project, service } => {
            vec![ServiceKey { project: Arc::clone(project), service: Arc::clone(service) }]
        }
        Whose::Pattern { project, pattern, except } => {
            let of = |key: &&ServiceKey| {
                key.project == *project
                    && crate::model::Glob::matches_pattern(pattern, &key.service)
                    && !except.iter().any(|name| crate::model::Glob::matches_pattern(name, &key.service))
            };
            snapshot.services.iter().map(|entry| &entry.key).filter(of).cloned().collect()
        }
    }
}

/// The service, where the inventory knows it.
pub(super) fn entry<'a>(snapshot: &'a Snapshot, key: &ServiceKey) -> Option<&'a ServiceEntry> {
    // Sorted by key, see `Snapshot`.
    let at = snapshot.services.binary_search_by(|entry| entry.key.cmp(key)).ok()?;
    snapshot.services.get(at).map(|entry| &**entry)
}

/// Replicas that should run: those that somebody stopped are wanted by nobody.
pub(super) const fn wanted(entry: &ServiceEntry) -> u64 {
    entry.expected.saturating_sub(entry.stopped)
}

/// Looks at one service. `probes` are the records of all; without them nothing is said of what is probed.
pub(super) fn look(objective: &Objective, key: &ServiceKey, snapshot: &Snapshot, probes: &[Arc<Record>]) -> Sight {
    let service = entry(snapshot, key);
    let counters = |read: &dyn Fn(&ServiceEntry) -> Option<Counts>| {
        Sight::Counts(service.and_then(read).map(|counts| ("".into(), counts)).into_iter().collect())
    };
    match &objective.sli {
        Sli::Availability(serving) => Sight::State(service.and_then(|entry| serves(*serving, entry))),
        Sli::Probe(probe) => {
            probed(key, probe, probes, |record| Counts { bad: record.failures, total: record.attempts })
        }
        // What failed was not fast: it is of another objective.
        Sli::Latency(probe) => probed(key, probe, probes, |record| Counts {
            bad: record.slow,
            total: record.attempts.saturating_sub(record.failures),
        }),
        Sli::HealthChecks => counters(&|entry| {
            let counters = &entry.counters;
            let bad = counters.health_failed + counters.health_timed_out;
            Some(Counts { bad, total: counters.health_passed + bad })
        }),
        Sli::Start(bound) => counters(&|entry| {
            let startup = &entry.counters.startup;
            let within = DURATION_BOUNDS.iter().take_while(|(known, _)| known <= bound).count();
            let good: u64 = startup.counts.iter().take(within).sum();
            let total = startup.count();
            // As the series: the first start of a service without a check says nothing.
            (entry.checked || total > 0).then_some(Counts { bad: total.saturating_sub(good), total })
        }),
        Sli::Ratio { .. } | Sli::Sampled(_) => Sight::Counts(Vec::new()),
    }
}

fn serves(serving: Serving, entry: &ServiceEntry) -> Option<bool> {
    let wanted = wanted(entry);
    (wanted > 0).then_some(match serving {
        Serving::Healthy => entry.healthy > 0,
        Serving::Running => entry.running > 0,
        Serving::Expected => entry.healthy >= wanted,
    })
}

fn probed(key: &ServiceKey, probe: &str, records: &[Arc<Record>], read: impl Fn(&Record) -> Counts) -> Sight {
    // Sorted by project and service first, see `probes::Board::records`.
    let whose = |record: &Arc<Record>| (Arc::clone(&record.id.project), Arc::clone(&record.id.service));
    let wanted = (Arc::clone(&key.project), Arc::clone(&key.service));
    let from = records.partition_point(|record| whose(record) < wanted);
    let of_service = records.iter().skip(from).take_while(|record| whose(record) == wanted);
    let of_probe = of_service.filter(|record| *record.id.probe == *probe);
    Sight::Counts(of_probe.map(|record| (Arc::clone(&record.id.replica), read(record))).collect())
}
