//! What waits for one destination.
//!
//! ```text
//!  put --push--> lane: on disk, and a copy in memory while there is room --take--> sender --settle--> off both
//! ```
//!
//! Where there is a disk, everything is written there before it is acknowledged, so that a crash costs nothing; the copy in memory spares
//! reading it back. Without a disk, or while it refuses, memory alone holds what waits. A signal has several lanes, so that several requests
//! are on their way at a time and one that gets no answer holds up a part of the others only. There is no order to be kept.

mod disk;
mod lane;
mod sending;
#[cfg(test)]
mod tests;

use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use bytes::Bytes;
use tokio::sync::Notify;

use self::lane::{LANES, Lane};
pub(super) use self::sending::{Item, Settled};
use super::board::{Board, Lost, wall_ms};
use crate::{delivery::spool::Spool, otlp::Signal};

/// A destination that does not answer as it should is away once it has acknowledged nothing for so long. Before, it is slow where its queue is full.
const SLOW: Duration = Duration::from_secs(30);

/// When whoever finds no room is to come again, at least.
const COME_AGAIN: Duration = Duration::from_secs(1);

/// How much may wait.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    /// Bytes on disk.
    pub(super) disk: u64,
    /// Bytes in memory.
    pub(super) memory: usize,
    /// How long.
    pub(super) age: Duration,
}

/// No room, or no disk where nothing is taken without one: to be tried again after this.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Full {
    /// How long to wait.
    pub retry: Duration,
}

/// One request, or a part of one.
#[derive(Clone, Debug)]
pub(super) struct Parcel {
    pub(super) body: Bytes,
    /// Spans, data points or log records in it.
    pub(super) records: u32,
}

/// Handle to what waits for one destination; cheap to clone.
#[derive(Clone, Debug)]
pub(super) struct Queue(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    inner: Mutex<Inner>,
    /// One flush at a time: who comes after another knows that what the other took is on the disk.
    flushing: Mutex<()>,
    /// Flushes that failed. What was written before one of them is not known to be on the disk, whatever a later one says: kernels forget what
    /// they could not write.
    unflushed: AtomicU64,
    /// The last one did.
    flush_fails: AtomicBool,
    arrived: Notify,
    board: Arc<Board>,
}

#[derive(Debug)]
struct Inner {
    limits: Limits,
    lanes: Vec<Lane>,
    /// Bytes in memory, copies of what is on disk included.
    bytes: usize,
    /// Bytes in memory alone.
    bare: usize,
    /// Bytes for which there is room, and which are about to come.
    reserved: usize,
    store: Option<Spool>,
    board: Arc<Board>,
    /// The lane which gets the next request, by signal.
    turns: [usize; Signal::ALL.len()],
    next_id: u64,
    /// Requests acknowledged, and when the last one was.
    acks: u64,
    acked_at: Option<Instant>,
}

/// Room for so many bytes, given back when dropped unused.
#[derive(Debug)]
pub(super) struct Room {
    queue: Queue,
    bytes: usize,
}

impl Drop for Room {
    fn drop(&mut self) {
        let mut inner = self.queue.lock();
        inner.reserved = inner.reserved.saturating_sub(self.bytes);
    }
}

impl Queue {
    /// An empty one, but for what an earlier process left in `store`.
    pub(super) fn new(limits: Limits, store: Option<Spool>, board: Arc<Board>) -> Self {
        let lanes = Signal::ALL.iter().flat_map(|signal| (0..LANES).map(|number| Lane::new(*signal, number)));
        let mut inner = Inner {
            limits,
            lanes: lanes.collect(),
            bytes: 0,
            bare: 0,
            reserved: 0,
            store,
            board: Arc::clone(&board),
            turns: Default::default(),
            next_id: 0,
            acks: 0,
            acked_at: None,
        };
        inner.recover();
        let inner = Mutex::new(inner);
        let (flushing, unflushed, flush_fails) = Default::default();
        Self(Arc::new(Shared { inner, flushing, unflushed, flush_fails, arrived: Notify::new(), board }))
    }

    /// Its figures.
    pub(super) fn board(&self) -> &Arc<Board> {
        &self.0.board
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Room for a request of so many bytes. There is always some while the destination is away, at the cost of the oldest.
    ///
    /// # Errors
    /// The queue is full, and the destination takes from it.
    pub(super) fn reserve(&self, bytes: usize, now: Instant) -> Result<Room, Full> {
        let mut inner = self.lock();
        if !inner.has_room(bytes, now) {
            return Err(Full { retry: COME_AGAIN });
        }
        inner.reserved += bytes;
        Ok(Room { queue: self.clone(), bytes })
    }

    /// Takes a request. Blocks for as long as the disk takes.
    pub(super) fn push(&self, room: Room, signal: Signal, parcels: &[Parcel]) {
        self.take_in(signal, parcels, false);
        drop(room);
    }

    /// Takes a request if the disk itself does. Blocks for as long as that takes.
    ///
    /// # Errors
    /// It is not known to be on the disk. What of it was written is sent all the same.
    pub(super) fn push_safely(&self, room: Room, signal: Signal, parcels: &[Parcel]) -> Result<(), Full> {
        let before = self.0.unflushed.load(Relaxed);
        let written = self.take_in(signal, parcels, true);
        drop(room);
        let flushed = written && self.flush() && self.0.unflushed.load(Relaxed) == before;
        if flushed { Ok(()) } else { Err(Full { retry: COME_AGAIN }) }
    }

    /// Puts parts of a request behind what waits; whether all of them, if `must` be on disk.
    fn take_in(&self, signal: Signal, parcels: &[Parcel], must: bool) -> bool {
        let all = {
            let mut inner = self.lock();
            let all = parcels.iter().all(|parcel| inner.push(signal, parcel.clone(), wall_ms(), must));
            inner.publish();
            all
        };
        self.0.arrived.notify_one();
        all
    }

    /// Flushes to disk what was written so far; whether all of it is there. Blocks for as long as the disk takes; others go on meanwhile.
    pub(super) fn flush(&self) -> bool {
        let turn = self.0.flushing.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(mut owed) = self.lock().store.as_mut().map(Spool::owed) else { return false };
        let mut flushed = true;
        if !owed.is_empty()
            && let Err(error) = owed.flush()
        {
            flushed = false;
            self.0.unflushed.fetch_add(1, Relaxed);
            // Told once: what is written meanwhile would tell each time that the disk works.
            match self.0.flush_fails.swap(true, Relaxed) {
                false => self.0.board.disk_failed(&error, "flush queued OTLP requests"),
                true => self.0.board.count_disk_error(),
            }
        } else {
            self.0.flush_fails.store(false, Relaxed);
        }
        if let Some(store) = &mut self.lock().store {
            store.still_owed(owed);
        }
        drop(turn);
        flushed
    }

    /// Waits until something was pushed.
    pub(super) async fn arrived(&self) {
        self.0.arrived.notified().await;
    }

    /// Requests to send together, marked as on their way. `open` says which signals may be sent, `alone` that one request is enough.
    pub(super) fn take(&self, open: impl Fn(Signal) -> bool, alone: bool) -> Option<Vec<Item>> {
        let mut inner = self.lock();
        let taken = inner.take(open, alone);
        inner.publish();
        taken
    }

    /// How requests ended.
    pub(super) fn settle(&self, ended: Vec<(Item, Settled)>, now: Instant) {
        let mut inner = self.lock();
        for (item, how) in ended {
            inner.settle(&item, how, now);
        }
        inner.publish();
    }

    /// Lets go of what is too old, and asks the disk again for what it refused. To be called about once a second while something waits.
    pub(super) fn tend(&self, wall_ms: i64) {
        let mut inner = self.lock();
        inner.tend(wall_ms);
        inner.publish();
    }

    /// Whether nothing waits.
    pub(super) fn is_empty(&self) -> bool {
        self.lock().is_empty()
    }

    /// Whether a call here may have to wait for a disk.
    pub(super) fn is_on_disk(&self) -> bool {
        self.lock().store.as_ref().is_some_and(|store| store.bytes() > 0)
    }

    /// Puts everything on disk, for the next process; what is on its way too, for its answer may never come.
    pub(super) fn close(&self) {
        self.lock().close();
        self.flush();
    }
}

impl Inner {
    fn has_room(&self, bytes: usize, now: Instant) -> bool {
        let on_disk = self.store.as_ref().filter(|_| !self.board.is_disk_failing());
        let (used, limit) = match on_disk {
            Some(store) => (store.bytes(), self.limits.disk),
            None => (as_u64(self.bare), as_u64(self.limits.memory)),
        };
        let wanted = as_u64(self.reserved).saturating_add(as_u64(bytes));
        // What is larger than the whole queue will find no more room later.
        let acked = self.acked_at.is_some_and(|at| now.saturating_duration_since(at) < SLOW);
        let is_away = !self.board.is_up() && !acked;
        used.saturating_add(wanted) <= limit || is_away || as_u64(bytes) > limit
    }

    fn is_empty(&self) -> bool {
        self.lanes.iter().all(Lane::is_empty)
    }

    fn publish(&self) {
        let on_disk = self.store.as_ref().map_or(0, Spool::bytes);
        let oldest = self.lanes.iter().filter_map(|lane| self.oldest_ms(lane)).min();
        self.board.show(on_disk + as_u64(self.bare), oldest);
    }

    /// When what is in front of a lane was taken.
    fn oldest_ms(&self, lane: &Lane) -> Option<i64> {
        let on_disk = || self.store.as_ref()?.lane_oldest_ms(&lane.key);
        lane.memory.front().map(|entry| entry.time_ms).into_iter().chain(on_disk()).min()
    }

    fn lose(&self, signal: Signal, why: Lost, records: u64) {
        self.board.lose(signal, why, records);
    }
}

fn as_u64(bytes: usize) -> u64 {
    u64::try_from(bytes).unwrap_or(u64::MAX)
}
