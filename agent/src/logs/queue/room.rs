//! How much may wait, and whether readers should go on.

use std::time::{Duration, Instant};

use super::{Inner, Store, lane::Lane};

/// What waits at most, and how long in memory.
#[derive(Clone, Copy, Debug)]
pub(in crate::logs) struct Limits {
    /// Bytes of chunks in memory, all lanes together. Readers stop at half of it: the rest is for chunks which they have begun, and for
    /// lines that are in danger. What is above goes to disk, although it may be on its way in a moment.
    pub memory: usize,
    /// Bytes of chunks in memory of one lane.
    pub lane: usize,
    /// Without an acknowledgement for this long, chunks go to disk.
    pub stall_after: Duration,
    /// Bytes a second of one stream; 0 for no limit.
    pub stream_rate: u64,
    /// Bytes of entries in a push.
    pub push: usize,
}

impl Default for Limits {
    /// A push of 1 MiB is what Loki's own shippers send, a quarter of what its distributor takes.
    fn default() -> Self {
        Self {
            memory: 6 << 20,
            lane: 512 << 10,
            stall_after: Duration::from_secs(5),
            stream_rate: 2_000_000,
            push: 1 << 20,
        }
    }
}

/// Whether a reader should go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::logs) enum Room {
    /// It should.
    Free,
    /// Nothing is acknowledged; what is read goes to disk, and there is plenty.
    Stalled,
    /// Better not: what waits is being sent, or disk runs short. What is in danger of being rotated away is taken all the same.
    Busy,
}

impl Inner {
    pub(super) fn room(&self, labels: &str, now: Instant) -> Room {
        let lane = self.lanes.get(labels);
        let on_disk = self.is_on_disk(labels);
        let lane_full = lane.is_some_and(|lane| lane.bytes() >= self.limits.lane);
        if !on_disk && !lane_full && self.bytes < self.limits.memory / 2 {
            return Room::Free;
        }
        let stalled = |lane: &Lane| {
            lane.since().is_some_and(|since| now.saturating_duration_since(since) >= self.limits.stall_after)
        };
        let waits = on_disk || lane.is_some_and(stalled) || self.lanes.values().any(stalled);
        // A disk that takes nothing leaves memory, and what is read beyond it is lost: better left where it is.
        let plenty = self.store.as_ref().is_some_and(Store::has_plenty) && !self.log.is_spool_failing();
        if waits && plenty { Room::Stalled } else { Room::Busy }
    }
}
