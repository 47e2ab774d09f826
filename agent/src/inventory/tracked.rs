//! One container as the state keeps it.

use std::sync::Arc;

use jiff::Timestamp;

use super::{Entry, ledger::Ledger};
use crate::model::{RestartPolicy, ServiceKey};

/// A container between its first and its last sign of life.
#[derive(Debug)]
pub(super) struct Tracked {
    pub(super) key: ServiceKey,
    pub(super) one_off: bool,
    /// Its service counts it: not a one-off, not beyond the ceiling of services.
    pub(super) member: bool,
    pub(super) ledger: Ledger,
    /// As last published; `None` until it has been inspected, and when the engine does not know it any more.
    pub(super) entry: Option<Arc<Entry>>,
    /// Newest event or inspection.
    pub(super) touched: Option<Timestamp>,
}

impl Tracked {
    /// It was made from this image.
    pub(super) fn is_of_image(&self, id: &Arc<str>) -> bool {
        self.entry.as_ref().is_some_and(|entry| entry.container.image_id.as_ref() == Some(id))
    }

    /// It had done what it was started for, as far as anybody saw.
    pub(super) fn was_completed(&self) -> bool {
        let entry = self.entry.as_ref();
        let no_restart = entry.is_none_or(|entry| entry.container.restart_policy == RestartPolicy::No);
        entry.is_some_and(|entry| entry.completed())
            || (no_restart && !self.ledger.stopped && self.ledger.last_exit == Some(0))
    }
}
