//! One of the lanes of a signal: first in, first out, one request on its way at a time.

use std::collections::VecDeque;

use bytes::Bytes;

use crate::{delivery::spool::Place, otlp::Signal};

/// Lanes of each signal. More than are sent at a time, so that one without an answer leaves places to others.
pub(super) const LANES: usize = 8;

/// Where a request stands on disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct OnDisk {
    /// Its number in the lane: those before [`Lane::taken`] are gone.
    pub(super) number: u64,
    pub(super) place: Place,
}

/// A request in memory.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) id: u64,
    pub(super) body: Bytes,
    pub(super) records: u32,
    /// When it was taken, in milliseconds since 1970.
    pub(super) time_ms: i64,
    /// `None` when memory has the only copy.
    pub(super) disk: Option<OnDisk>,
    /// A part of what a later one still holds whole on disk.
    pub(super) part: bool,
    /// Attempts without an answer, and how many others had been acknowledged before the first of them.
    pub(super) failures: u32,
    pub(super) acks_before: u64,
}

/// See the head of this file.
#[derive(Debug)]
pub(super) struct Lane {
    pub(super) signal: Signal,
    /// Its key in the spool.
    pub(super) key: Box<[u8]>,
    /// What is in memory, oldest first. Between two that are on disk there may be others which are there alone.
    pub(super) memory: VecDeque<Entry>,
    /// Numbers of those on disk: from here ...
    pub(super) taken: u64,
    /// ... to before this.
    pub(super) added: u64,
    /// The first one in memory is on its way.
    pub(super) in_flight: bool,
    /// Not to be sent together with others: something of that was refused.
    pub(super) alone: bool,
}

impl Lane {
    pub(super) fn new(signal: Signal, number: usize) -> Self {
        Self {
            signal,
            key: format!("{}.{number}", signal.as_str()).into_bytes().into(),
            memory: VecDeque::new(),
            taken: 0,
            added: 0,
            in_flight: false,
            alone: false,
        }
    }

    /// Nothing waits, in memory or on disk.
    pub(super) fn is_empty(&self) -> bool {
        self.memory.is_empty() && self.taken == self.added
    }

    /// Whether the first one in memory is the one to send. What is on disk before it is not in memory yet where it is not.
    pub(super) fn is_loaded(&self) -> bool {
        let in_turn = |disk: OnDisk| disk.number <= self.taken;
        self.memory.front().is_some_and(|front| front.disk.is_none_or(in_turn))
    }

    /// The front, when it is the one meant.
    pub(super) fn front_of(&self, id: u64) -> Option<&Entry> {
        self.memory.front().filter(|front| front.id == id)
    }
}
