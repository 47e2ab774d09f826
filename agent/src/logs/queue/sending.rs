//! What is sent next, and what becomes of it.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use super::{Dropped, Inner, Item, Next, Settled, pace::Pace};
use crate::logs::chunk::{Chunk, Progress};

/// The first wait of a stream after a refusal; it doubles up to [`LANE_WAIT_MOST`].
const LANE_WAIT: Duration = Duration::from_millis(500);
pub(super) const LANE_WAIT_MOST: Duration = Duration::from_secs(60);

impl Inner {
    pub(super) fn take(&mut self, now: Instant) -> Next {
        self.load_fronts(now);
        let rate = self.limits.stream_rate;
        let mut ready = Vec::new();
        let mut earliest: Option<Instant> = None;
        for (labels, lane) in &self.lanes {
            let Some(front) = lane.memory.front().filter(|_| !lane.in_flight) else { continue };
            let at = lane.ready_at(rate, now);
            if at <= now {
                ready.push((front.chunk.first, Arc::clone(labels)));
            } else {
                earliest = Some(earliest.map_or(at, |known| known.min(at)));
            }
        }
        if ready.is_empty() {
            return Next::Wait(earliest);
        }
        // Oldest first: what has waited longest is nearest to the end of Loki's patience.
        ready.sort_unstable();
        Next::Send(self.batch(ready, now))
    }

    /// The fronts of these lanes, as many as a push takes, marked as on their way.
    pub(super) fn batch(&mut self, ready: Vec<(i64, Arc<str>)>, now: Instant) -> Vec<Item> {
        let mut items: Vec<Item> = Vec::new();
        let mut bytes = 0;
        for (_, labels) in ready {
            let Some(lane) = self.lanes.get_mut(&labels) else { continue };
            let Some(front) = lane.memory.front() else { continue };
            let size = front.chunk.entries.len();
            if !items.is_empty() && (lane.alone || bytes + size > self.limits.push) {
                continue;
            }
            bytes += size;
            let rate = self.limits.stream_rate;
            if rate > 0 {
                lane.pace.get_or_insert_with(|| Pace::new(rate, now)).spend(size, rate, now);
            }
            lane.in_flight = true;
            items.push(Item { labels, chunk: Arc::clone(&front.chunk) });
            if lane.alone {
                break;
            }
        }
        items
    }

    pub(super) fn settle(&mut self, item: &Item, how: Settled, now: Instant) {
        let Some(lane) = self.lanes.get_mut(&item.labels) else { return };
        // Evicted or closed meanwhile: what the front is now has nothing to do with this.
        let is_front = lane.memory.front().is_some_and(|front| Arc::ptr_eq(&front.chunk, &item.chunk));
        if !is_front || !lane.in_flight {
            return;
        }
        lane.in_flight = false;
        match how {
            Settled::Again => {}
            Settled::Alone => lane.alone = true,
            Settled::Later(after) => {
                lane.alone = true;
                let grown = LANE_WAIT.saturating_mul(1 << lane.refusals.min(10)).min(LANE_WAIT_MOST);
                lane.refusals += 1;
                lane.resume_at = Some(now + after.unwrap_or(grown));
            }
            Settled::Done { refused, reason } => {
                (lane.alone, lane.resume_at, lane.refusals) = (false, None, 0);
                let refused = refused.min(u64::from(item.chunk.lines));
                item.chunk.stream.service.drop_lines(reason, refused);
                let taken = u64::from(item.chunk.lines) - refused;
                self.log.sent_lines.add(taken);
                if self.index == 0 {
                    item.chunk.stream.service.sent_lines.add(taken);
                }
                self.pop(&item.labels, None);
            }
            Settled::Halve => match item.chunk.halve() {
                Some(halves) => lane.split(halves, now),
                None => self.pop(&item.labels, Some(Dropped::TooLarge)),
            },
            Settled::Lost(reason) => {
                (lane.alone, lane.resume_at, lane.refusals) = (false, None, 0);
                self.pop(&item.labels, Some(reason));
            }
        }
    }

    /// Takes the front away for good.
    pub(super) fn pop(&mut self, labels: &Arc<str>, lost: Option<Dropped>) {
        let Some(waiting) = self.lanes.get_mut(labels).and_then(|lane| lane.memory.pop_front()) else { return };
        self.bytes = self.bytes.saturating_sub(waiting.chunk.entries.len());
        self.finish(&waiting.chunk, lost);
        self.consumed(labels, &waiting);
        let idle = self.lanes.get(labels).is_some_and(|lane| lane.memory.is_empty() && lane.resume_at.is_none());
        let on_disk = self.is_on_disk(labels);
        // A lane is cheap to make again; its pace is kept while it matters, which is the case while it is busy.
        if idle && !on_disk && Arc::strong_count(&waiting.chunk.stream) <= 2 {
            self.lanes.remove(labels);
        }
    }

    /// Moves the cursors over a chunk that is done with, and counts it where it was lost.
    pub(super) fn finish(&mut self, chunk: &Chunk, lost: Option<Dropped>) {
        if let Some(reason) = lost {
            chunk.stream.service.drop_lines(reason, u64::from(chunk.lines));
        }
        for Progress { origin, output, .. } in &chunk.progress {
            origin.release(self.index, *output);
        }
        self.cursors.passed(self.index, &chunk.progress);
    }
}
