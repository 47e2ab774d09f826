//! Services: what is expected, and the counters that outlive containers.
//!
//! A service is expected while a container of it exists, stopped ones included, and for a while after the last was destroyed.

use std::{
    collections::{BTreeMap, btree_map},
    sync::Arc,
    time::Duration,
};

use jiff::Timestamp;

use super::{MAX_SERVICES, ServiceEntry};
use crate::{
    model::{ServiceCounters, ServiceKey},
    telemetry::{Metrics, Reason},
};

/// One service.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Service {
    pub(super) counters: ServiceCounters,
    /// Replicas expected when last counted.
    pub(super) expected: u64,
    /// Containers of it, inspected or not.
    pub(super) members: usize,
    /// Expected whether it has any or not.
    pub(super) named: bool,
    /// Since when it has none.
    pub(super) gone_since: Option<Timestamp>,
    /// Containers of it that run, and are healthy where that is checked.
    pub(super) serving: usize,
    /// Since when none serves any more, by no person's will.
    pub(super) lost_at: Option<Timestamp>,
    /// Its last container was stopped by a person before it was removed.
    pub(super) taken_down: bool,
    /// As last published; the same `Arc` again while nothing changes.
    pub(super) published: Option<Arc<ServiceEntry>>,
}

/// How the last container of a service left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// It had done its work, or is called otherwise now: nobody expects it.
    Done,
    /// A person stopped it first.
    TakenDown,
    /// In any other way: it is missing.
    Lost,
}

impl Service {
    /// One container began to serve.
    pub(super) fn gained(&mut self, at: Timestamp) {
        self.serving += 1;
        let lost = self.lost_at.take();
        // A clock set back in between leaves nothing to count.
        let took = lost.and_then(|lost| Duration::try_from(at.duration_since(lost)).ok());
        took.into_iter().for_each(|took| self.counters.failover.observe(took));
    }

    /// One container serves no more; `by_person` when somebody wanted that.
    pub(super) fn lost(&mut self, at: Timestamp, by_person: bool) {
        self.serving = self.serving.saturating_sub(1);
        if self.serving == 0 {
            self.lost_at = Some(at).filter(|_| !by_person);
        }
    }
}

/// All services, with their ceiling.
#[derive(Debug)]
pub(super) struct Services {
    map: BTreeMap<ServiceKey, Service>,
    metrics: Metrics,
}

impl Services {
    pub(super) fn new(metrics: Metrics) -> Self {
        Self { map: BTreeMap::new(), metrics }
    }

    /// Takes a service as the state file kept it: without members until a container claims it.
    pub(super) fn restore(&mut self, key: ServiceKey, service: Service) {
        if self.map.len() < MAX_SERVICES {
            self.map.insert(key, service);
        }
    }

    /// One container more; `false` when there is no room for its service.
    pub(super) fn join(&mut self, key: &ServiceKey) -> bool {
        if !self.map.contains_key(key) && self.map.len() >= MAX_SERVICES {
            self.metrics.refuse(Reason::Services, 1);
            return false;
        }
        let service = self.map.entry(key.clone()).or_default();
        service.members += 1;
        service.gone_since = None;
        service.taken_down = false;
        true
    }

    /// One container less.
    pub(super) fn leave(&mut self, key: &ServiceKey, now: Timestamp, end: End) {
        let Some(service) = self.map.get_mut(key) else { return };
        service.members = service.members.saturating_sub(1);
        if service.members == 0 {
            service.gone_since = Some(now);
            service.taken_down = end == End::TakenDown;
            if end == End::Done {
                service.expected = 0;
            }
        }
    }

    /// Says which services are expected whatever containers there are: they are there from now on, and not forgotten.
    pub(super) fn name(&mut self, wanted: &BTreeMap<ServiceKey, u64>) {
        self.map.retain(|key, service| {
            let was_named = std::mem::replace(&mut service.named, wanted.contains_key(key));
            // Named by mistake, and never there: nobody remembers it.
            service.named || !was_named || service.members > 0 || service.gone_since.is_some()
        });
        for key in wanted.keys() {
            if self.map.contains_key(key) {
                continue;
            }
            if self.map.len() >= MAX_SERVICES {
                continue;
            }
            self.map.insert(key.clone(), Service { named: true, ..Service::default() });
        }
    }

    /// The counters of a service.
    pub(super) fn counters(&mut self, key: &ServiceKey) -> Option<&mut ServiceCounters> {
        self.get_mut(key).map(|service| &mut service.counters)
    }

    /// One service.
    pub(super) fn get_mut(&mut self, key: &ServiceKey) -> Option<&mut Service> {
        self.map.get_mut(key)
    }

    /// Drops services without a container for longer than `after`; whether any was.
    pub(super) fn forget(&mut self, now: Timestamp, after: Duration) -> bool {
        let before = self.map.len();
        self.map.retain(|_, service| {
            if service.members > 0 || service.named {
                return true;
            }
            let gone = now.duration_since(*service.gone_since.get_or_insert(now));
            // A clock set back makes the wait longer, not shorter.
            Duration::try_from(gone).map_or(true, |gone| gone < after)
        });
        self.map.len() != before
    }

    pub(super) fn len(&self) -> usize {
        self.map.len()
    }

    pub(super) fn iter(&self) -> btree_map::Iter<'_, ServiceKey, Service> {
        self.map.iter()
    }

    pub(super) fn iter_mut(&mut self) -> btree_map::IterMut<'_, ServiceKey, Service> {
        self.map.iter_mut()
    }
}
