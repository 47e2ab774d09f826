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
mod lane;
mod pace;
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
pub(super) use store::Store;

use self::{
    lane::{Lane, Waiting},
    pace::Pace,
};
use super::{
    board::{Board, DestinationLog, Dropped, ServiceLog},
    chunk::{Chunk, Progress},
    stream::{Origins, Stream},
};

/// What waits at most, and how long in memory.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    /// Bytes of chunks in memory, all lanes together.
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
pub(super) enum Room {
    /// It should.
    Free,
    /// Nothing is acknowledged; what is read goes to disk, and there is plenty.
    Stalled,
    /// Better not: what waits is being sent, or disk runs short. What is in danger of being rotated away is taken all the same.
    Busy,
}

/// The first wait of a stream after a refusal; it doubles up to [`LANE_WAIT_MOST`].
const LANE_WAIT: Duration = Duration::from_millis(500);
const LANE_WAIT_MOST: Duration = Duration::from_secs(60);

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
            cursors.kept(id, output, position);
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

    /// Puts a lane's chunks on disk, oldest first, and lets go of those in memory; the one on its way stays in both places. Stops at
    /// the first that cannot be written: what is in memory and not on disk is newer than all that is on disk.
    fn spill(&mut self, labels: &Arc<str>) {
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
    fn shed(&mut self) {
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

    fn room(&self, labels: &str, now: Instant) -> Room {
        let lane = self.lanes.get(labels);
        let on_disk = self.is_on_disk(labels);
        let lane_full = lane.is_some_and(|lane| lane.bytes() >= self.limits.lane);
        if !on_disk && !lane_full && self.bytes < self.limits.memory {
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

    fn take(&mut self, now: Instant) -> Next {
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
    fn batch(&mut self, ready: Vec<(i64, Arc<str>)>, now: Instant) -> Vec<Item> {
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

    /// Brings the oldest of each lane on disk into memory, within half of memory's limit.
    fn load_fronts(&mut self, now: Instant) {
        let Some(store) = &mut self.store else { return };
        let mut evicted = Vec::new();
        for labels in store.waiting() {
            if self.bytes > self.limits.memory / 2 {
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

    fn settle(&mut self, item: &Item, how: Settled, now: Instant) {
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
    fn pop(&mut self, labels: &Arc<str>, lost: Option<Dropped>) {
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
    fn finish(&mut self, chunk: &Chunk, lost: Option<Dropped>) {
        if let Some(reason) = lost {
            chunk.stream.service.drop_lines(reason, u64::from(chunk.lines));
        }
        for Progress { origin, output, .. } in &chunk.progress {
            origin.release(self.index, *output);
        }
        self.cursors.passed(self.index, &chunk.progress);
    }

    /// Takes a chunk off the disk, where it stands there too.
    fn consumed(&mut self, labels: &Arc<str>, waiting: &Waiting) {
        let (Some(store), Some(number)) = (&mut self.store, waiting.spooled) else { return };
        if let Err(error) = store.pop(labels, number) {
            self.log.spool_failed(&error, "take log lines off the spool");
        }
    }

    /// Counts what the store let go of.
    fn lose(&mut self, evicted: &[store::Evicted]) {
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

    fn tend(&mut self, now: Instant, wall_ms: i64) {
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

    fn close(&mut self) {
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
