//! Whose lines go where: a container's place in Loki, shared by all its lines.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use super::board::ServiceLog;
use crate::model::{ContainerId, LogStream, ServiceKey};

/// One stream of Loki's: everything with the same labels. Replicas of a service share it.
#[derive(Debug)]
pub(super) struct Stream {
    /// `{host="...",project="...",service="...",stream="...",service_name="..."}`, as the push carries it.
    pub labels: Arc<str>,
    /// Whose counters its lines move.
    pub service: Arc<ServiceLog>,
}

impl Stream {
    /// The service.
    pub(super) fn key(&self) -> &ServiceKey {
        &self.service.key
    }
}

/// A container as its lines know it, in whatever chunk they are.
#[derive(Debug)]
pub(super) struct Origin {
    /// Which container.
    pub id: ContainerId,
    /// Chunks with lines of each output which a destination has not acknowledged, and one more while a line is being put
    /// together: by destination, then by output.
    outstanding: Box<[[AtomicU64; 2]]>,
}

impl Origin {
    /// A container with nothing outstanding.
    pub(super) fn new(id: ContainerId, destinations: usize) -> Self {
        Self { id, outstanding: (0..destinations).map(|_| Default::default()).collect() }
    }

    /// Something of this output waits at this destination from now on.
    pub(super) fn hold(&self, destination: usize, output: LogStream) {
        if let Some(counts) = self.outstanding.get(destination) {
            let [stdout, stderr] = counts;
            let count = if output == LogStream::Stdout { stdout } else { stderr };
            count.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// It does not any more.
    pub(super) fn release(&self, destination: usize, output: LogStream) {
        if let Some([stdout, stderr]) = self.outstanding.get(destination) {
            let count = if output == LogStream::Stdout { stdout } else { stderr };
            // A release without its hold would be a fault of ours; a count that wraps would hold the cursor for ever.
            count.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |count| count.checked_sub(1)).ok();
        }
    }

    /// Whether nothing of this output waits at this destination.
    pub(super) fn is_settled(&self, destination: usize, output: LogStream) -> bool {
        self.outstanding.get(destination).is_none_or(|[stdout, stderr]| {
            let count = if output == LogStream::Stdout { stdout } else { stderr };
            count.load(Ordering::Relaxed) == 0
        })
    }
}

/// All origins by container id, so that what waits of one container is counted in one place; cheap to clone.
#[derive(Clone, Debug)]
pub(super) struct Origins {
    known: Arc<Mutex<HashMap<Arc<str>, Arc<Origin>>>>,
    destinations: usize,
}

impl Origins {
    /// None yet, for so many destinations.
    pub(super) fn new(destinations: usize) -> Self {
        Self { known: Arc::default(), destinations }
    }

    /// The origin of this container, made when there is none.
    pub(super) fn of(&self, id: &str) -> Arc<Origin> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(origin) = known.get(id) {
            return Arc::clone(origin);
        }
        let id: Arc<str> = id.into();
        let origin = Arc::new(Origin::new(ContainerId::new(Arc::clone(&id)), self.destinations));
        known.insert(id, Arc::clone(&origin));
        origin
    }

    /// Forgets those which nobody else holds.
    pub(super) fn prune(&self) {
        let settled = |origin: &Arc<Origin>| {
            (0..self.destinations).all(|at| LogStream::ALL.iter().all(|output| origin.is_settled(at, *output)))
        };
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.retain(|_, origin| Arc::strong_count(origin) > 1 || !settled(origin));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outputs_and_destinations_are_counted_apart() {
        let origin = Origin::new(ContainerId::new("a"), 2);
        origin.hold(1, LogStream::Stderr);
        origin.hold(1, LogStream::Stderr);
        assert!(origin.is_settled(0, LogStream::Stderr) && origin.is_settled(1, LogStream::Stdout));
        origin.release(1, LogStream::Stderr);
        assert!(!origin.is_settled(1, LogStream::Stderr));
        origin.release(1, LogStream::Stderr);
        origin.release(1, LogStream::Stderr);
        assert!(origin.is_settled(1, LogStream::Stderr), "one release too many changes nothing");
        assert!(origin.is_settled(7, LogStream::Stdout), "nothing waits at a destination that is not there");
    }
}
