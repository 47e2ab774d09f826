//! From what is tracked to what readers see: order, replicas, roll-ups.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, HashMap, HashSet},
    sync::Arc,
};

use super::{Entry, ServiceEntry, service::Services, tracked::Tracked};
use crate::model::{ContainerId, ContainerState, HealthStatus, InOrder as _, ServiceKey};

/// An entry and whether it holds its identity or only claims it.
pub(super) struct Placed {
    pub(super) entry: Arc<Entry>,
    holds: bool,
}

/// All inspected containers by (project, service, replica, id), with replicas unique in each service.
///
/// Two containers claim one identity while Compose recreates, and as long as Swarm keeps ended tasks of a slot. The running one
/// has it, then the newest; the other is called by its own name.
pub(super) fn containers(tracked: &mut HashMap<ContainerId, Tracked>) -> Vec<Placed> {
    let mut order: Vec<Arc<Entry>> = tracked.values().filter_map(|tracked| tracked.entry.clone()).collect();
    order.order_by(|a, b| claim(a).cmp(&claim(b)));
    let mut taken: HashSet<(ServiceKey, Arc<str>)> = HashSet::with_capacity(order.len());
    let mut placed: Vec<Placed> = Vec::with_capacity(order.len());
    let mut losers = Vec::new();
    for entry in order {
        let identity = &entry.container.identity;
        if taken.insert((identity.key.clone(), identity.replica.clone())) {
            let replica = identity.replica.clone();
            placed.push(Placed { entry: called(tracked, entry, replica), holds: true });
        } else {
            losers.push(entry);
        }
    }
    for entry in losers {
        let Entry { container, .. } = &*entry;
        let by_name = (container.identity.key.clone(), container.name.clone());
        // A name may look like somebody's number; an id never does.
        let replica = if taken.insert(by_name) { container.name.clone() } else { container.id.as_str().into() };
        placed.push(Placed { entry: called(tracked, entry, replica), holds: false });
    }
    placed.order_by(|a, b| place(&a.entry).cmp(&place(&b.entry)));
    placed
}

/// All services with the counts of their containers, and of some how many are wanted at least, whatever there is.
pub(super) fn services(
    services: &mut Services,
    containers: &[Placed],
    wanted: &BTreeMap<ServiceKey, u64>,
) -> Vec<Arc<ServiceEntry>> {
    let mut counts: HashMap<&ServiceKey, Counts> = HashMap::with_capacity(services.len());
    for placed in containers.iter().filter(|placed| !placed.entry.container.identity.one_off) {
        counts.entry(&placed.entry.container.identity.key).or_default().add(placed);
    }
    let mut all = Vec::with_capacity(services.len());
    for (key, service) in services.iter_mut() {
        let counts = counts.get(key).copied();
        if let Some(counts) = counts {
            service.expected = counts.expected;
        }
        // Not what is learnt of it: it is over when nobody names the service any more. Whoever has done his work, or was stopped by a
        // person, has not gone missing.
        let asked = match counts {
            Some(counts) => counts.members > counts.completed + counts.stopped,
            None => service.gone_since.is_none() || service.expected > 0,
        };
        let least = wanted.get(key).filter(|_| asked).copied().unwrap_or_default();
        let (counters, expected) = (service.counters, service.expected.max(least));
        let Counts { running, healthy, completed, stopped, checked, .. } = counts.unwrap_or_default();
        // Removed after a stop: what was expected of it is stopped still, until somebody starts it anew.
        let stopped = if service.taken_down && counts.is_none() { expected } else { stopped };
        let key = key.clone();
        let entry = ServiceEntry { key, counters, expected, running, healthy, completed, stopped, checked };
        let same = service.published.as_ref().filter(|published| ***published == entry).cloned();
        let entry = same.unwrap_or_else(|| Arc::new(entry));
        service.published = Some(entry.clone());
        all.push(entry);
    }
    all
}

#[derive(Clone, Copy, Default)]
struct Counts {
    expected: u64,
    running: u64,
    healthy: u64,
    completed: u64,
    stopped: u64,
    checked: bool,
    /// Containers that hold an identity.
    members: u64,
}

impl Counts {
    fn add(&mut self, placed: &Placed) {
        let entry = &placed.entry;
        self.checked |= entry.container.health.is_some();
        self.members += u64::from(placed.holds);
        if is_running(entry) {
            self.running += 1;
            let health = entry.container.health.as_ref();
            self.healthy += u64::from(health.is_none_or(|health| health.status == HealthStatus::Healthy));
        }
        // What only claims an identity is on its way out: nobody expects it.
        if placed.holds {
            self.expected += u64::from(!entry.completed());
            self.completed += u64::from(entry.completed());
            self.stopped += u64::from(entry.stopped());
        }
    }
}

/// The entry under this replica, the same `Arc` if it is called so already.
fn called(tracked: &mut HashMap<ContainerId, Tracked>, mut entry: Arc<Entry>, replica: Arc<str>) -> Arc<Entry> {
    if entry.replica == replica {
        return entry;
    }
    Arc::make_mut(&mut entry).replica = replica;
    if let Some(tracked) = tracked.get_mut(&entry.container.id) {
        tracked.entry = Some(entry.clone());
    }
    entry
}

/// Who comes first has the better claim on an identity.
fn claim(entry: &Entry) -> impl Ord + '_ {
    let container = &entry.container;
    (Reverse(is_running(entry)), Reverse(container.created), &container.id)
}

fn place(entry: &Entry) -> impl Ord + '_ {
    (&entry.container.identity.key, &entry.replica, &entry.container.id)
}

fn is_running(entry: &Entry) -> bool {
    matches!(entry.container.state, ContainerState::Running | ContainerState::Paused)
}
