//! One stream's chunks at one destination, oldest first.

use std::{collections::VecDeque, sync::Arc, time::Instant};

use super::pace::Pace;
use crate::logs::{chunk::Chunk, stream::Stream};

/// A chunk in memory.
#[derive(Clone, Debug)]
pub(super) struct Waiting {
    pub(super) chunk: Arc<Chunk>,
    /// Since when.
    pub(super) since: Instant,
    /// Its number in the spool, where it still stands; `None` when memory has the only copy.
    pub(super) spooled: Option<u64>,
    /// A part of the next one that is none: together they were too large to be sent.
    pub(super) half: bool,
}

impl Waiting {
    /// One that only memory has.
    pub(super) const fn new(chunk: Arc<Chunk>, since: Instant) -> Self {
        Self { chunk, since, spooled: None, half: false }
    }
}

/// See the head of this file. The front may be on its way; what is in the spool comes behind what is in memory.
#[derive(Debug)]
pub(super) struct Lane {
    pub(super) stream: Arc<Stream>,
    pub(super) memory: VecDeque<Waiting>,
    /// The front is on its way.
    pub(super) in_flight: bool,
    /// Sent alone until something of it was acknowledged: it, or a neighbour in its push, was refused.
    pub(super) alone: bool,
    /// Not before.
    pub(super) resume_at: Option<Instant>,
    /// Refusals in a row, for the growing wait.
    pub(super) refusals: u32,
    pub(super) pace: Option<Pace>,
}

impl Lane {
    pub(super) const fn new(stream: Arc<Stream>) -> Self {
        Self {
            stream,
            memory: VecDeque::new(),
            in_flight: false,
            alone: false,
            resume_at: None,
            refusals: 0,
            pace: None,
        }
    }

    /// Bytes in memory.
    pub(super) fn bytes(&self) -> usize {
        self.memory.iter().map(|waiting| waiting.chunk.entries.len()).sum()
    }

    /// When the front may be sent, as far as this lane alone decides.
    pub(super) fn ready_at(&self, rate: u64, now: Instant) -> Instant {
        let paced = self.pace.as_ref().map_or(now, |pace| pace.ready_at(rate));
        self.resume_at.unwrap_or(now).max(paced)
    }

    /// Since when the oldest in memory waits.
    pub(super) fn since(&self) -> Option<Instant> {
        self.memory.front().map(|waiting| waiting.since)
    }

    /// Puts the halves of the front in its place. The first takes no reader further: what it holds is done with when both are. Halves of
    /// a first half are such both.
    pub(super) fn split(&mut self, (first, second): (Chunk, Chunk), now: Instant) {
        let Some(whole) = self.memory.pop_front() else { return };
        self.memory.push_front(Waiting { chunk: Arc::new(second), ..whole });
        self.memory.push_front(Waiting { half: true, ..Waiting::new(Arc::new(first), now) });
        self.alone = true;
    }
}
