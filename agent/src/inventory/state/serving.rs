//! Which containers serve, told to their services: how long none does is what failover means.

use jiff::Timestamp;

use super::State;
use crate::{
    inventory::{saved::Unsaved, service::End, tracked::Tracked},
    model::{ContainerId, ContainerState},
};

impl State {
    /// After an inspection: what serves does so since its start, or since its health check said so.
    pub(super) fn settle_seen(&mut self, id: &ContainerId, seen: Timestamp) {
        let Some(tracked) = self.containers.get_mut(id) else { return };
        let Some(entry) = tracked.entry.as_ref().filter(|_| !tracked.ledger.unasked) else { return };
        let container = &entry.container;
        tracked.running = matches!(container.state, ContainerState::Running | ContainerState::Paused);
        let at = match (tracked.running, &container.health) {
            (true, None) => container.started_at,
            (true, Some(_)) => tracked.ledger.health_changed,
            (false, _) => container.finished_at,
        };
        self.settle(id, at.map_or(seen, |at| at.min(seen)));
    }

    /// Tells the service whether this container serves now; `at` is since when.
    pub(super) fn settle(&mut self, id: &ContainerId, at: Timestamp) {
        let Some(tracked) = self.containers.get_mut(id) else { return };
        let serves = tracked.serves();
        let Some(service) = self.services.get_mut(&tracked.key).filter(|_| tracked.member) else { return };
        if serves != std::mem::replace(&mut tracked.serving, serves) {
            match serves {
                true => service.gained(at),
                // Who has done his work is not missed.
                false => service.lost(at, tracked.ledger.stopped || (!tracked.running && tracked.was_completed())),
            }
            self.unsaved = Unsaved::Major;
        }
        // The engine tells of a stop after the end that it brought.
        if tracked.ledger.stopped && service.serving == 0 {
            service.lost_at = None;
        }
    }

    /// After a removal, at `at`: what was removed while it was missed was lost then, at the latest.
    pub(super) fn settle_removed(&mut self, tracked: &Tracked, at: Timestamp, end: End) {
        let Some(service) = self.services.get_mut(&tracked.key) else { return };
        if tracked.serving {
            service.lost(at, false);
        }
        // One that never ran has left nobody without service.
        if end == End::Lost && service.serving == 0 && tracked.ledger.started.is_some() {
            service.lost_at.get_or_insert(at);
        }
    }
}
