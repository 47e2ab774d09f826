//! One run of a container: what connections are bound to.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use arc_swap::ArcSwap;
use jiff::Timestamp;

use super::who::Who;
use crate::model::{Container, ContainerId};

/// From a start to the end that follows. A container that starts again is another life, and so is another one with its addresses.
#[derive(Debug)]
pub(super) struct Life {
    /// Whose run it is.
    pub(super) id: ContainerId,
    /// When it began, by the engine's clock.
    pub(super) started_at: Option<Timestamp>,
    /// Its first process, in the host's pid namespace.
    pub(super) pid: Option<u32>,
    over: AtomicBool,
    /// A container can get another name while it runs.
    who: ArcSwap<Who>,
}

impl Life {
    pub(super) fn new(container: &Container, who: Arc<Who>) -> Arc<Self> {
        let Container { id, started_at, pid, .. } = container;
        let (over, who) = (AtomicBool::new(false), ArcSwap::new(who));
        Arc::new(Self { id: id.clone(), started_at: *started_at, pid: *pid, over, who })
    }

    /// Whether a description is of this run.
    pub(super) fn is_run_of(&self, container: &Container) -> bool {
        (self.started_at, self.pid) == (container.started_at, container.pid)
    }

    /// Whether the run has ended. Never taken back.
    pub(super) fn is_over(&self) -> bool {
        self.over.load(Ordering::Acquire)
    }

    /// It has ended: whatever is bound to it is nobody's from now on.
    pub(super) fn end(&self) {
        self.over.store(true, Ordering::Release);
    }

    /// What there is to say of its container.
    pub(super) fn who(&self) -> Arc<Who> {
        self.who.load_full()
    }

    /// What there is to say has changed.
    pub(super) fn is_called(&self, who: Arc<Who>) {
        self.who.store(who);
    }
}
