//! Chunks that grow, one a stream, and the moment they are closed.

use std::{
    collections::HashMap,
    sync::Arc,
    time::{Duration, Instant},
};

use super::{
    chunk::{Builder, CHUNK_BYTES, Chunk},
    queue::{Queue, Room},
    stream::Stream,
};

/// Which destinations lines are for: bit by bit, in the order of the configuration.
pub(super) type Mask = u32;

/// Loki takes lines which are up to an hour (half of `max_chunk_age`) older than the newest of their stream. What is older still gets
/// the oldest time that is taken, with room for clocks.
const WINDOW: i64 = 55 * 60 * 1_000_000_000;

/// Bytes of all chunks that grow. Above it the larger ones are closed: many streams that speak at once send smaller chunks, and more
/// of them in a push, and memory does not grow with their number.
const OPEN_BYTES: usize = 3 << 20;

/// Place of a stream in [`Streams`], which is kept for it as long as anybody has this.
#[derive(Clone, Debug)]
pub(super) struct Slot {
    at: usize,
    stream: Arc<Stream>,
}

#[derive(Debug)]
struct Open {
    stream: Arc<Stream>,
    builder: Option<Builder>,
    mask: Mask,
    since: Instant,
    /// Newest time sent.
    newest: i64,
    /// Bytes of the chunk before: as much as the next one will want.
    usual: usize,
    /// Bytes of its chunk in [`Streams::bytes`].
    counted: usize,
}

impl Open {
    const fn new(stream: Arc<Stream>, now: Instant) -> Self {
        Self { stream, builder: None, mask: 0, since: now, newest: i64::MIN, usual: 0, counted: 0 }
    }

    /// Hands its chunk to the queues; the bytes which were counted of it.
    fn close(&mut self, queues: &[Queue], now: Instant) -> usize {
        let Some(builder) = self.builder.take().filter(|builder| !builder.is_empty()) else { return 0 };
        self.usual = builder.len();
        let chunk: Arc<Chunk> = Arc::new(builder.close());
        for queue in queues.iter().filter(|queue| self.mask & (1 << queue.index()) != 0) {
            queue.push(Arc::clone(&chunk), now);
        }
        std::mem::take(&mut self.counted)
    }
}

/// See the head of this file.
#[derive(Debug)]
pub(super) struct Streams {
    open: Vec<Option<Open>>,
    by_labels: HashMap<Arc<str>, usize>,
    queues: Vec<Queue>,
    wait: Duration,
    /// The earliest that a chunk was begun of those that grow; maybe closed since.
    oldest: Option<Instant>,
    /// Bytes of all chunks that grow.
    bytes: usize,
    pushed: bool,
}

impl Streams {
    /// None yet; chunks are closed after `wait` at the latest.
    pub(super) fn new(queues: Vec<Queue>, wait: Duration) -> Self {
        Self { open: Vec::new(), by_labels: HashMap::new(), queues, wait, oldest: None, bytes: 0, pushed: false }
    }

    /// All destinations.
    pub(super) fn everywhere(&self) -> Mask {
        self.queues.iter().fold(0, |mask, queue| mask | 1 << queue.index())
    }

    /// The place of a stream, made when there is none.
    pub(super) fn slot(&mut self, stream: &Arc<Stream>, now: Instant) -> Slot {
        if let Some(at) = self.by_labels.get(&stream.labels)
            && let Some(open) = self.open.get(*at).and_then(Option::as_ref)
        {
            return Slot { at: *at, stream: Arc::clone(&open.stream) };
        }
        let open = Open::new(Arc::clone(stream), now);
        let free = self.open.iter().position(Option::is_none);
        let at = free.unwrap_or(self.open.len());
        match self.open.get_mut(at) {
            Some(place) => *place = Some(open),
            None => self.open.push(Some(open)),
        }
        self.by_labels.insert(Arc::clone(&stream.labels), at);
        Slot { at, stream: Arc::clone(stream) }
    }

    /// Gives the places back of streams which nobody but us holds.
    pub(super) fn prune(&mut self) {
        for place in &mut self.open {
            let idle = |open: &&mut Open| open.builder.is_none() && Arc::strong_count(&open.stream) == 1;
            if let Some(open) = place.as_mut().filter(idle) {
                self.by_labels.remove(&open.stream.labels);
                *place = None;
            }
        }
    }

    /// The time under which Loki takes a line of this time: its own, unless the stream is an hour further already.
    pub(super) fn taken_at(&self, slot: &Slot, time: i64) -> i64 {
        let newest = self.open.get(slot.at).and_then(Option::as_ref).map_or(i64::MIN, |open| open.newest);
        time.max(newest.saturating_sub(WINDOW))
    }

    /// The chunk of this stream which lines for `mask` go into.
    pub(super) fn builder(&mut self, slot: &Slot, mask: Mask, now: Instant) -> Option<&mut Builder> {
        let open = self.open.get_mut(slot.at)?.as_mut()?;
        if open.builder.is_some() && open.mask != mask {
            self.bytes -= open.close(&self.queues, now);
            self.pushed = true;
        }
        if open.builder.is_none() {
            (open.mask, open.since) = (mask, now);
            self.oldest.get_or_insert(now);
        }
        let (stream, usual) = (&open.stream, open.usual);
        Some(open.builder.get_or_insert_with(|| Builder::new(Arc::clone(stream), usual)))
    }

    /// To be called when a line of this time went into a stream's chunk: a full one is closed, and others where all are too much.
    pub(super) fn grown(&mut self, slot: &Slot, time: i64, now: Instant) {
        let Some(open) = self.open.get_mut(slot.at).and_then(Option::as_mut) else { return };
        open.newest = open.newest.max(time);
        let length = open.builder.as_ref().map_or(0, Builder::len);
        self.bytes += length - open.counted;
        open.counted = length;
        if length >= CHUNK_BYTES {
            self.bytes -= open.close(&self.queues, now);
            self.pushed = true;
        }
        if self.bytes > OPEN_BYTES {
            self.close_larger(now);
        }
    }

    /// Closes every chunk of half the average and above: they hold more than half of all bytes.
    fn close_larger(&mut self, now: Instant) {
        let count = self.open.iter().flatten().filter(|open| open.counted > 0).count();
        let least = self.bytes / (2 * count.max(1));
        for open in self.open.iter_mut().flatten().filter(|open| open.counted > least) {
            self.bytes -= open.close(&self.queues, now);
        }
        self.pushed = true;
        self.tell();
    }

    /// Closes what has grown for long enough, and what will have soon: so that streams come together in one push.
    pub(super) fn close_due(&mut self, now: Instant) {
        if self.deadline().is_some_and(|due| due <= now) {
            self.close_older_than(now, self.wait / 2);
        }
        self.tell();
    }

    /// Closes everything.
    pub(super) fn close_all(&mut self, now: Instant) {
        self.close_older_than(now, Duration::ZERO);
        self.tell();
    }

    fn close_older_than(&mut self, now: Instant, age: Duration) {
        self.oldest = None;
        for open in self.open.iter_mut().flatten().filter(|open| open.builder.is_some()) {
            if now.saturating_duration_since(open.since) >= age {
                self.bytes -= open.close(&self.queues, now);
                self.pushed = true;
            } else {
                self.oldest = Some(self.oldest.map_or(open.since, |oldest| oldest.min(open.since)));
            }
        }
    }

    /// Tells the senders, once for all that was pushed.
    fn tell(&mut self) {
        if std::mem::take(&mut self.pushed) {
            self.queues.iter().for_each(Queue::wake);
        }
    }

    /// When [`Self::close_due`] has something to do.
    pub(super) fn deadline(&self) -> Option<Instant> {
        Some(self.oldest? + self.wait)
    }

    /// Whether readers of this stream should go on, by the destination that has least room.
    pub(super) fn room(&self, slot: &Slot, now: Instant) -> Room {
        self.queues.iter().map(|queue| queue.room(&slot.stream.labels, now)).max().unwrap_or(Room::Free)
    }

    /// The destinations.
    pub(super) fn queues(&self) -> &[Queue] {
        &self.queues
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_is_kept_while_somebody_may_write_into_it() {
        let mut streams = Streams::new(Vec::new(), Duration::from_secs(1));
        let now = Instant::now();
        let stream = |name: &str| Arc::new(Stream { labels: name.into(), service: Arc::default() });
        let (web, other) = (streams.slot(&stream("web"), now), streams.slot(&stream("other"), now));
        drop(streams.slot(&stream("web"), now));
        drop(other);
        streams.prune();
        let third = streams.slot(&stream("third"), now);
        assert_ne!(web.at, third.at, "a place that is held is not given away");
        assert!(streams.builder(&web, 1, now).is_some());
        drop((web, third));
        streams.close_all(now);
        streams.prune();
        assert!(streams.open.iter().all(Option::is_none) && streams.by_labels.is_empty());
    }

    #[test]
    fn many_chunks_that_grow_together_are_no_more_than_so_much() {
        let mut streams = Streams::new(Vec::new(), Duration::from_secs(1));
        let now = Instant::now();
        let named = |at: usize| Arc::new(Stream { labels: at.to_string().into(), service: Arc::default() });
        let slots: Vec<_> = (0..400).map(|at| streams.slot(&named(at), now)).collect();
        let mut write = |at: usize, bytes: usize| {
            let builder = streams.builder(&slots[at], 1, now).unwrap();
            builder.entries().extend(std::iter::repeat_n(0, bytes));
            builder.took(1, None);
            streams.grown(&slots[at], 1, now);
            let open: usize =
                streams.open.iter().flatten().filter_map(|open| open.builder.as_ref()).map(Builder::len).sum();
            assert_eq!(open, streams.bytes);
            assert!(streams.bytes <= OPEN_BYTES);
        };
        write(0, 10);
        for _ in 0..40 {
            (1..slots.len()).for_each(|at| write(at, 1000));
        }
        assert_eq!(streams.open[0].as_ref().map(|open| open.counted), Some(10), "a small one frees nothing");
        streams.close_all(now);
        assert_eq!(streams.bytes, 0);
    }
}
