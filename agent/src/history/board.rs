//! The store itself: written at readings, read by the page.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use tokio::sync::Notify;

use super::{HostSparks, Objective, Sparks, Usage};
use crate::model::ContainerId;

/// Everything that is kept; cheap to clone, all clones are the same board.
#[derive(Clone, Debug, Default)]
pub struct Board(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    watchers: AtomicUsize,
    woken: Notify,
}

impl Board {
    /// What a container uses now; `None` before its first reading and once it has ended.
    pub fn usage(&self, id: &ContainerId) -> Option<Usage> {
        let _ = id;
        None
    }

    /// What a container used in the last hour; `None` of one that was not read in it.
    pub fn container(&self, id: &ContainerId) -> Option<Sparks> {
        let _ = id;
        None
    }

    /// What the host used in the last hour; `None` before its first reading.
    pub fn host(&self) -> Option<HostSparks> {
        None
    }

    /// The objectives of the policy in its order, services in theirs.
    pub fn objectives(&self) -> Vec<Objective> {
        Vec::new()
    }

    /// Readings come every [`super::WATCHED`] while what this gives is held.
    #[must_use]
    pub fn watch(&self) -> Watching {
        self.0.watchers.fetch_add(1, Ordering::AcqRel);
        self.0.woken.notify_one();
        Watching(Arc::clone(&self.0))
    }
}

/// Somebody looks at the page for as long as this lives.
#[derive(Debug)]
pub struct Watching(Arc<Inner>);

impl Drop for Watching {
    fn drop(&mut self) {
        self.0.watchers.fetch_sub(1, Ordering::AcqRel);
    }
}
