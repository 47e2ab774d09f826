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
    pushed: bool,
}

impl Streams {
    /// None yet; chunks are closed after `wait` at the latest.
    pub(super) fn new(queues: Vec<Queue>, wait: Duration) -> Self {
        Self { open: Vec::new(), by_labels: HashMap::new(), queues, wait, oldest: None, pushed: false }
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
        let open = Open { stream: Arc::clone(stream), builder: None, mask: 0, since: now, newest: i64::MIN, usual: 0 };
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
            close(open, &self.queues, now);
            self.pushed = true;
        }
        if open.builder.is_none() {
            (open.mask, open.since) = (mask, now);
            self.oldest.get_or_insert(now);
        }
        let (stream, usual) = (&open.stream, open.usual);
        Some(open.builder.get_or_insert_with(|| Builder::new(Arc::clone(stream), usual)))
    }

    /// To be called when a line of this time went into a stream's chunk: a full one is closed.
    pub(super) fn grown(&mut self, slot: &Slot, time: i64, now: Instant) {
        let Some(open) = self.open.get_mut(slot.at).and_then(Option::as_mut) else { return };
        open.newest = open.newest.max(time);
        if open.builder.as_ref().is_some_and(|builder| builder.len() >= CHUNK_BYTES) {
            close(open, &self.queues, now);
            self.pushed = true;
        }
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
                close(open, &self.queues, now);
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

fn close(open: &mut Open, queues: &[Queue], now: Instant) {
    let Some(builder) = open.builder.take().filter(|builder| !builder.is_empty()) else { return };
    open.usual = builder.len();
    let chunk: Arc<Chunk> = Arc::new(builder.close());
    for queue in queues.iter().filter(|queue| open.mask & (1 << queue.index()) != 0) {
        queue.push(Arc::clone(&chunk), now);
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
}
