//! What waits for one destination: chunks in memory, behind them chunks on disk, stream by stream.
//!
//! ```text
//!  worker --push--> lane: [memory, oldest first] [spool] --take--> sender --settle--> lane, cursors
//! ```
//!
//! Each stream has a lane, and one chunk of it is on its way at a time, so that order holds within a stream and one stream that
//! is refused holds up no other. Memory is for the seconds between reading and acknowledging; what waits longer goes to disk.
//! Nobody waits here: the worker asks for [`Room`] and leaves lines in the container's own file while there is none.

mod age;
mod cursors;
mod disk;
mod lane;
mod pace;
mod room;
mod sending;
mod store;
#[cfg(test)]
mod tests;

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use tokio::sync::Notify;

pub(super) use cursors::Cursors;
pub(super) use room::{Limits, Room};
pub(super) use store::Store;

use self::lane::{Lane, Waiting};
use super::{
    board::{Board, DestinationLog, Dropped, ServiceLog},
    chunk::Chunk,
    stream::{Origins, Stream},
};

/// One chunk of a batch.
#[derive(Clone, Debug)]
pub(super) struct Item {
    /// Its lane.
    labels: Arc<str>,
    /// The chunk.
    pub chunk: Arc<Chunk>,
}

/// What the sender does next.
#[derive(Debug)]
pub(super) enum Next {
    /// Send these, each of another stream.
    Send(Vec<Item>),
    /// Nothing before this moment, or before something arrives.
    Wait(Option<Instant>),
}

/// How a chunk ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Settled {
    /// Acknowledged, but for so many lines which were refused for good.
    Done {
        /// Lines Loki refused.
        refused: u64,
        /// Why.
        reason: Dropped,
    },
    /// To be sent again, as it is.
    Again,
    /// To be sent again alone.
    Alone,
    /// Its stream is refused for now: sent again alone, after this long or a wait that grows.
    Later(Option<Duration>),
    /// Too large to be sent: to be sent again in halves; a single line is lost.
    Halve,
    /// Never to be sent again.
    Lost(Dropped),
}

impl Settled {
    /// Acknowledged as a whole.
    pub(super) const DONE: Self = Self::Done { refused: 0, reason: Dropped::Refused };
}

/// Handle to what waits for one destination; cheap to clone.
#[derive(Clone, Debug)]
pub(super) struct Queue(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    index: usize,
    inner: Mutex<Inner>,
    arrived: Notify,
    log: Arc<DestinationLog>,
}

#[derive(Debug)]
struct Inner {
    index: usize,
    limits: Limits,
    lanes: HashMap<Arc<str>, Lane>,
    /// Bytes in memory, all lanes.
    bytes: usize,
    store: Option<Store>,
    cursors: Cursors,
    log: Arc<DestinationLog>,
    board: Board,
    origins: Origins,
    /// Services whose oldest waiting line is shown.
    lagging: Vec<Arc<ServiceLog>>,
}

impl Queue {
    /// The queue of destination `index`, with what an earlier process left in the store.
    pub(super) fn new(
        index: usize,
        limits: Limits,
        store: Option<Store>,
        cursors: Cursors,
        board: &Board,
        origins: Origins,
    ) -> Self {
        let log = board.destinations().get(index).cloned().unwrap_or_default();
        let mut inner = Inner {
            index,
            limits,
            lanes: HashMap::new(),
            bytes: 0,
            store,
            cursors,
            log: Arc::clone(&log),
            board: board.clone(),
            origins,
            lagging: Vec::new(),
        };
        inner.recover();
        Self(Arc::new(Shared { index, inner: Mutex::new(inner), arrived: Notify::new(), log }))
    }

    /// Its place among the destinations.
    pub(super) fn index(&self) -> usize {
        self.0.index
    }

    /// Its figures.
    pub(super) fn log(&self) -> &Arc<DestinationLog> {
        &self.0.log
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a chunk, whatever room there is.
    pub(super) fn push(&self, chunk: Arc<Chunk>, now: Instant) {
        self.lock().push(chunk, now);
    }

    /// Tells the sender that something was pushed.
    pub(super) fn wake(&self) {
        self.0.arrived.notify_one();
    }

    /// Waits for [`Self::wake`].
    pub(super) async fn arrived(&self) {
        self.0.arrived.notified().await;
    }

    /// Whether a reader of this stream should go on.
    pub(super) fn room(&self, labels: &str, now: Instant) -> Room {
        self.lock().room(labels, now)
    }

    /// What to send next.
    pub(super) fn take(&self, now: Instant) -> Next {
        self.lock().take(now)
    }

    /// How the chunks of a push ended.
    pub(super) fn settle(&self, ended: &[(Item, Settled)], now: Instant) {
        let mut inner = self.lock();
        for (item, how) in ended {
            inner.settle(item, *how, now);
        }
        inner.cursors.save();
        inner.publish();
    }

    /// Puts on disk what has waited for too long, and lets go of what is too old there. To be called about once a second while
    /// something waits.
    pub(super) fn tend(&self, now: Instant, wall_ms: i64) {
        self.lock().tend(now, wall_ms);
    }

    /// Whether anything is on disk, so that a call here may wait for it.
    pub(super) fn is_on_disk(&self) -> bool {
        self.lock().store.as_ref().is_some_and(|store| !store.is_empty())
    }

    /// Whether anything waits, in memory or on disk.
    pub(super) fn is_empty(&self) -> bool {
        let inner = self.lock();
        inner.bytes == 0 && inner.store.as_ref().is_none_or(Store::is_empty)
    }

    /// Puts everything on disk, for the next process; what is on its way too, for its answer may never come.
    pub(super) fn close(&self) {
        self.lock().close();
    }

    /// Runs `with` on the positions which this destination has acknowledged or keeps.
    pub(super) fn cursors<T>(&self, with: impl FnOnce(&mut Cursors) -> T) -> T {
        with(&mut self.lock().cursors)
    }
}

impl Inner {
    /// Lanes and counts of what the store holds.
    fn recover(&mut self) {
        let Some(store) = &mut self.store else { return };
        let (index, board, origins, cursors) = (self.index, &self.board, &self.origins, &mut self.cursors);
        for (labels, key) in store.lanes() {
            let service = board.service(&key);
            self.lanes.insert(Arc::clone(&labels), Lane::new(Arc::new(Stream { labels, service })));
        }
        store.each_progress(|id, output, position| {
            origins.of(id).hold(index, output);
            cursors.found(id, output, position);
        });
        self.publish();
    }

    fn push(&mut self, chunk: Arc<Chunk>, now: Instant) {
        let labels = Arc::clone(&chunk.stream.labels);
        let lane = self.lanes.entry(Arc::clone(&labels)).or_insert_with(|| Lane::new(Arc::clone(&chunk.stream)));
        self.bytes += chunk.entries.len();
        lane.memory.push_back(Waiting::new(chunk, now));
        // Behind what is on disk it has to stand there too: order holds within a stream.
        if self.bytes > self.limits.memory || self.is_on_disk(&labels) {
            self.spill(&labels);
        }
        self.shed();
        self.publish();
    }

    fn is_on_disk(&self, labels: &str) -> bool {
        self.store.as_ref().is_some_and(|store| !store.is_lane_empty(labels))
    }

    fn publish(&mut self) {
        if self.bytes == 0 && self.store.as_ref().is_none_or(Store::is_empty) {
            self.show_nothing();
        }
        self.log.queued_bytes.set(u64::try_from(self.bytes).unwrap_or(u64::MAX));
        if let Some(store) = &self.store {
            self.log.spool_bytes.set(store.bytes());
        }
    }
}
