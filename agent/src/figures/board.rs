//! The newest figures of each container, between the task that asks and the scrape that shows.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use jiff::Timestamp;

use super::{IDLE_AFTER, STALE_AFTER};
use crate::model::{ContainerId, ContainerSample};

/// Figures and when they arrived.
#[derive(Clone, Debug)]
pub struct Held {
    /// What the engine said.
    pub sample: Arc<ContainerSample>,
    /// Which run they are of.
    pub started_at: Option<Timestamp>,
    /// When the answer came.
    pub at: Instant,
}

/// Cheap to clone; all clones are one board. Holds the containers that run and no others.
#[derive(Clone, Debug)]
pub struct Board {
    interval: Duration,
    inner: Arc<Mutex<Inner>>,
}

#[derive(Debug, Default)]
struct Inner {
    held: HashMap<ContainerId, Held>,
    looked: Option<Instant>,
}

impl Board {
    /// An empty one; `interval` is that of the questions.
    pub fn new(interval: Duration) -> Self {
        Self { interval, inner: Arc::default() }
    }

    /// How often each container is asked for.
    pub const fn interval(&self) -> Duration {
        self.interval
    }

    /// The figures of this run; `None` when there are none, or too old ones. Somebody is looking: questions go on.
    pub fn look(&self, id: &ContainerId, started_at: Option<Timestamp>) -> Option<Held> {
        let now = Instant::now();
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        inner.looked = Some(now);
        let held = inner.held.get(id).filter(|held| held.started_at == started_at)?;
        let age = now.saturating_duration_since(held.at);
        (age <= self.interval.saturating_mul(STALE_AFTER)).then(|| held.clone())
    }

    /// Whether anybody has looked lately.
    pub(super) fn is_watched(&self) -> bool {
        let inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        inner.looked.is_some_and(|at| at.elapsed() <= self.interval.saturating_mul(IDLE_AFTER))
    }

    /// Takes new figures; `None` takes the old ones away.
    pub(super) fn put(&self, id: ContainerId, held: Option<Held>) {
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        match held {
            Some(held) => drop(inner.held.insert(id, held)),
            None => drop(inner.held.remove(&id)),
        }
    }

    /// Whether nobody's figures are held.
    #[cfg(test)]
    pub(super) fn is_empty(&self) -> bool {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner).held.is_empty()
    }

    /// Forgets everybody else.
    pub(super) fn keep(&self, wanted: impl Fn(&ContainerId) -> bool) {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner).held.retain(|id, _| wanted(id));
    }
}
