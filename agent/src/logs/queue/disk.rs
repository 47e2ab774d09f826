//! What goes to disk, what comes back, and what is given up.

use std::{sync::Arc, time::Instant};

use super::{
    Dropped, Inner, Store,
    lane::{Lane, Waiting},
    sending::LANE_WAIT_MOST,
    store,
};
use crate::logs::chunk::Chunk;

impl Inner {
    /// Puts a lane's chunks on disk, oldest first, and lets go of those in memory; the one on its way stays in both places. Stops at
    /// the first that cannot be written: what is in memory and not on disk is newer than all that is on disk.
    pub(super) fn spill(&mut self, labels: &Arc<str>) {
        let (Some(store), Some(lane)) = (&mut self.store, self.lanes.get_mut(labels)) else { return };
        let mut evicted = Vec::new();
        let mut parts = Vec::new();
        for waiting in &mut lane.memory {
            if waiting.half {
                parts.push(Arc::clone(&waiting.chunk));
                continue;
            }
            let before = std::mem::take(&mut parts);
            if waiting.spooled.is_some() {
                continue;
            }
            // Whoever has the last part of a chunk takes those before it for sent: on disk they are whole.
            let whole = (!before.is_empty()).then(|| Chunk::join(&before, &waiting.chunk));
            match store.append(&lane.stream, whole.as_ref().unwrap_or(&waiting.chunk)) {
                Ok((number, gone)) => {
                    waiting.spooled = Some(number);
                    evicted.extend(gone);
                    self.log.spool_works();
                }
                Err(error) => {
                    self.log.spool_failed(&error, "spool log lines");
                    break;
                }
            }
        }
        let parts = lane.memory.iter().take_while(|waiting| waiting.half).count();
        let stays = if parts > 0 { parts + 1 } else { usize::from(lane.in_flight) }.min(lane.memory.len());
        let written = lane.memory.iter().skip(stays).take_while(|waiting| waiting.spooled.is_some()).count();
        for gone in lane.memory.drain(stays..stays + written) {
            self.bytes = self.bytes.saturating_sub(gone.chunk.entries.len());
        }
        self.lose(&evicted);
    }

    /// Without a working disk, lets go of the oldest beyond twice what memory is meant to hold.
    pub(super) fn shed(&mut self) {
        while self.bytes > self.limits.memory.saturating_mul(2) {
            let movable = |lane: &Lane| lane.memory.get(usize::from(lane.in_flight)).map(|waiting| waiting.since);
            let oldest = self.lanes.iter().filter_map(|(labels, lane)| Some((movable(lane)?, labels))).min();
            let Some((_, labels)) = oldest else { return };
            let labels = Arc::clone(labels);
            let Some(lane) = self.lanes.get_mut(&labels) else { return };
            let Some(waiting) = lane.memory.remove(usize::from(lane.in_flight)) else { return };
            self.bytes = self.bytes.saturating_sub(waiting.chunk.entries.len());
            self.finish(&waiting.chunk, Some(Dropped::NoSpool));
            self.consumed(&labels, &waiting);
        }
    }

    /// Brings the oldest of each lane on disk into memory, within a quarter of its limit: readers of other streams must find room beside it.
    pub(super) fn load_fronts(&mut self, now: Instant) {
        let Some(store) = &mut self.store else { return };
        let mut evicted = Vec::new();
        for labels in store.waiting() {
            if self.bytes > self.limits.memory / 4 {
                break;
            }
            let Some(lane) = self.lanes.get_mut(&labels) else { continue };
            if lane.in_flight || lane.memory.iter().any(|waiting| waiting.spooled.is_some()) {
                continue;
            }
            match store.front(&lane.stream, &self.origins, &mut evicted) {
                Ok(Some((chunk, number))) => {
                    self.bytes += chunk.entries.len();
                    let waiting = Waiting { spooled: Some(number), ..Waiting::new(Arc::new(chunk), now) };
                    lane.memory.push_front(waiting);
                }
                Ok(None) => {}
                Err(error) => {
                    // Asked again at the next turn; what never can be read is given up with its age.
                    lane.resume_at = Some(now + LANE_WAIT_MOST);
                    self.log.spool_failed(&error, "read spooled log lines");
                }
            }
        }
        self.lose(&evicted);
    }

    /// Takes a chunk off the disk, where it stands there too.
    pub(super) fn consumed(&mut self, labels: &Arc<str>, waiting: &Waiting) {
        let (Some(store), Some(number)) = (&mut self.store, waiting.spooled) else { return };
        if let Err(error) = store.pop(labels, number) {
            self.log.spool_failed(&error, "take log lines off the spool");
        }
    }

    /// Counts what the store let go of.
    pub(super) fn lose(&mut self, evicted: &[store::Evicted]) {
        for store::Evicted { service, lines, reason, progress } in evicted {
            self.board.service(service).drop_lines(*reason, *lines);
            for (id, output, position) in progress {
                self.origins.of(id).release(self.index, *output);
                self.cursors.lost(id, *output, *position);
            }
        }
        if !evicted.is_empty() {
            self.cursors.save();
        }
    }

    pub(super) fn tend(&mut self, now: Instant, wall_ms: i64) {
        let after = self.limits.stall_after;
        let late = |lane: &&Lane| lane.since().is_some_and(|since| now.saturating_duration_since(since) >= after);
        let late: Vec<_> = self.lanes.values().filter(late).map(|lane| Arc::clone(&lane.stream.labels)).collect();
        for labels in &late {
            self.spill(labels);
        }
        if let Some(store) = &mut self.store {
            let (expired, done) = store.tend(wall_ms);
            if let Err(error) = done {
                self.log.spool_failed(&error, "tend the spool");
            }
            self.lose(&expired);
        }
        self.show_age();
        self.publish();
    }

    pub(super) fn close(&mut self) {
        let all: Vec<_> = self.lanes.keys().cloned().collect();
        for labels in all {
            if let Some(lane) = self.lanes.get_mut(&labels) {
                lane.in_flight = false;
            }
            self.spill(&labels);
        }
        if let Some(Err(error)) = self.store.as_mut().map(Store::sync) {
            self.log.spool_failed(&error, "bring spooled log lines to disk");
        }
        self.cursors.close();
        self.publish();
    }
}
