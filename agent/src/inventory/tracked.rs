//! One container as the state keeps it.

use std::{sync::Arc, time::Duration};

use jiff::Timestamp;

use super::{Entry, ledger::Ledger};
use crate::model::{HealthStatus, ServiceKey};

/// `docker rm -f` removes what it has killed within a second or two; somebody who kills and removes by hand takes longer.
const LEFT_FOR: Duration = Duration::from_secs(5);

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
    /// Events of all containers that had been heard when this one was last asked about.
    pub(super) asked_after: u64,
    /// It has processes, as far as events and inspections tell.
    pub(super) running: bool,
    /// Its service counts it among those which serve.
    pub(super) serving: bool,
}

impl Tracked {
    /// It was made from this image.
    pub(super) fn is_of_image(&self, id: &Arc<str>) -> bool {
        self.entry.as_ref().is_some_and(|entry| entry.container.image_id.as_ref() == Some(id))
    }

    /// A container that nobody has heard of before.
    pub(super) fn new(key: ServiceKey, one_off: bool, member: bool, ledger: Ledger) -> Self {
        let (entry, touched, asked_after, running, serving) = Default::default();
        Self { key, one_off, member, ledger, entry, touched, asked_after, running, serving }
    }

    /// It runs, and is healthy where that is checked.
    pub(super) fn serves(&self) -> bool {
        let entry = self.entry.as_ref().filter(|_| self.running && self.member);
        entry.is_some_and(|entry| entry.container.health.is_none() || self.ledger.health == Some(HealthStatus::Healthy))
    }

    /// Its run was ended in order before `at`, by whoever then removed it: stopped, or ended by a signal and left for a while.
    /// `docker rm -f` of what runs is neither.
    pub(super) fn was_taken_down(&self, at: Timestamp) -> bool {
        let left = |ended: Timestamp| Duration::try_from(at.duration_since(ended)).is_ok_and(|time| time >= LEFT_FOR);
        self.ledger.stopped && (self.ledger.stop_told || self.ledger.ended.is_some_and(left))
    }

    /// It had done what it was started for, as far as anybody saw.
    pub(super) fn was_completed(&self) -> bool {
        let entry = self.entry.as_ref();
        let may_end = entry.is_none_or(|entry| entry.container.restart_policy.lets_end());
        entry.is_some_and(|entry| entry.completed())
            || (may_end && !self.ledger.stopped && self.ledger.last_exit == Some(0))
    }
}
