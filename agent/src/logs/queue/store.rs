//! Chunks on disk: a spool whose lanes are streams.

use std::{
    collections::{BTreeSet, HashMap},
    path::Path,
    sync::Arc,
};

use crate::{
    delivery::spool::{Limits, Lost, MAX_META, Place, Record, Recovery, Spool, SpoolError, Why},
    logs::{
        Position,
        board::Dropped,
        chunk::{Chunk, Meta, Progress},
        stream::{Origins, Stream},
    },
    model::{LogStream, ServiceKey},
};

/// Between the parts of a lane's key; in no label, for those are quoted.
const SEPARATOR: char = '\0';

/// What the store let go of.
#[derive(Debug)]
pub(super) struct Evicted {
    pub(super) service: ServiceKey,
    pub(super) lines: u64,
    pub(super) reason: Dropped,
    pub(super) progress: Vec<(Arc<str>, LogStream, Position)>,
}

/// Numbers of a lane's records: those below `taken` are gone, those below `added` were written.
#[derive(Clone, Copy, Debug, Default)]
struct Numbers {
    taken: u64,
    added: u64,
    /// Where the one in front stands, once it was shown.
    front: Option<Place>,
    /// Time of the oldest line in the one in front, in nanoseconds since 1970, where it was seen by this process.
    first: Option<i64>,
}

/// See the head of this file.
#[derive(Debug)]
pub(crate) struct Store {
    spool: Spool,
    limits: Limits,
    /// Lanes that are not empty, by labels: their key and what is in them.
    lanes: HashMap<Arc<str>, (Arc<[u8]>, Numbers)>,
    /// Lanes that are not empty, for those who walk them.
    waiting: BTreeSet<Arc<str>>,
}

impl Store {
    /// Opens the folder, or makes it.
    ///
    /// # Errors
    /// It cannot be read or made.
    pub(crate) fn open(folder: &Path, limits: Limits) -> Result<(Self, Recovery), SpoolError> {
        let (spool, recovery) = Spool::open(folder, limits)?;
        let mut store = Self { spool, limits, lanes: HashMap::new(), waiting: BTreeSet::new() };
        for lane in store.spool.lanes() {
            let Some((labels, _)) = parse_key(lane.key) else { continue };
            let labels: Arc<str> = labels.into();
            let numbers = Numbers { added: lane.records, ..Numbers::default() };
            store.lanes.insert(Arc::clone(&labels), (lane.key.into(), numbers));
            store.waiting.insert(labels);
        }
        Ok((store, recovery))
    }

    /// Streams with records, and whose they are.
    pub(super) fn lanes(&self) -> Vec<(Arc<str>, ServiceKey)> {
        let services = self.lanes.iter().filter_map(|(labels, (key, _))| Some((Arc::clone(labels), parse_key(key)?.1)));
        services.collect()
    }

    /// Shows how far each record takes the reader of its container, lane by lane, oldest first.
    pub(super) fn each_progress(&self, mut see: impl FnMut(&str, LogStream, Position)) {
        for (key, _) in self.lanes.values() {
            let seen = self.spool.scan(key, &mut |meta| {
                for (id, output, position, _) in Meta::decode(meta).map(|meta| meta.progress).unwrap_or_default() {
                    see(&id, output, position);
                }
            });
            if let Err(error) = seen {
                let error = &error as &dyn std::error::Error;
                tracing::warn!(error, "read what is spooled: lines may be sent again");
            }
        }
    }

    /// Writes a chunk behind those of its stream; its number there, and what gave way.
    pub(super) fn append(&mut self, stream: &Stream, chunk: &Chunk) -> Result<(u64, Vec<Evicted>), SpoolError> {
        let key = match self.lanes.get(&stream.labels) {
            Some((key, _)) => Arc::clone(key),
            None => lane_key(stream).into(),
        };
        let mut meta = Meta::of(chunk).encode();
        if meta.len() > MAX_META {
            // Hundreds of replicas in one chunk: without positions, a restart may send it again.
            meta = Meta { progress: Vec::new(), ..Meta::of(chunk) }.encode();
        }
        let time_ms = jiff::Timestamp::now().as_millisecond();
        let record = Record { time_ms, lines: chunk.lines, meta: &meta, payload: &chunk.entries };
        let mut evicted = Vec::new();
        let lanes = &mut self.lanes;
        let written = self.spool.append(&key, record, &mut |lost| evicted.extend(lose(lanes, lost)));
        self.forget_empty();
        written?;
        let lane = self.lanes.entry(Arc::clone(&stream.labels)).or_insert((key, Numbers::default()));
        let number = lane.1.added;
        if lane.1.taken == lane.1.added {
            lane.1.first = Some(chunk.first);
        }
        lane.1.added += 1;
        self.waiting.insert(Arc::clone(&stream.labels));
        Ok((number, evicted))
    }

    /// The oldest chunk of a stream and its number.
    pub(super) fn front(
        &mut self,
        stream: &Arc<Stream>,
        origins: &Origins,
        evicted: &mut Vec<Evicted>,
    ) -> Result<Option<(Chunk, u64)>, SpoolError> {
        let Some((key, _)) = self.lanes.get(&stream.labels) else { return Ok(None) };
        let key = Arc::clone(key);
        let lanes = &mut self.lanes;
        let kept = self.spool.front(&key, &mut |lost| evicted.extend(lose(lanes, lost)))?;
        let number = self.lanes.get_mut(&stream.labels).map(|(_, numbers)| {
            numbers.front = kept.as_ref().map(|kept| kept.place);
            numbers.taken
        });
        self.forget_empty();
        let Some((kept, number)) = kept.zip(number) else { return Ok(None) };
        let meta = Meta::decode(&kept.meta);
        let (first, last) = meta.as_ref().map_or((0, 0), |meta| (meta.first, meta.last));
        if let Some((_, numbers)) = self.lanes.get_mut(&stream.labels) {
            numbers.first = Some(first).filter(|first| *first > 0);
        }
        let progress = meta.map(|meta| meta.progress).unwrap_or_default();
        let progress = progress.into_iter().map(|(id, output, end, lines)| {
            let origin = origins.of(&id);
            Progress { origin, output, end, rank: None, lines }
        });
        let progress = progress.collect();
        let stream = Arc::clone(stream);
        Ok(Some((Chunk { stream, entries: kept.payload, lines: kept.lines, first, last, progress }, number)))
    }

    /// Takes the chunk of this number off, where it is still there: it is the oldest then.
    pub(super) fn pop(&mut self, labels: &str, number: u64) -> Result<(), SpoolError> {
        let Some((key, numbers)) = self.lanes.get(labels).filter(|(_, numbers)| numbers.taken == number) else {
            return Ok(());
        };
        let (key, mut place) = (Arc::clone(key), numbers.front);
        if place.is_none() {
            // Written and sent from memory: the spool was never asked for it. What it cannot read now was acknowledged all the same.
            place = self.spool.front(&key, &mut |_| ())?.map(|kept| kept.place);
        }
        let popped = place.map_or(Ok(false), |place| self.spool.pop(&key, place));
        if let Some((_, numbers)) = self.lanes.get_mut(labels) {
            (numbers.taken, numbers.front, numbers.first) = (numbers.taken + 1, None, None);
        }
        self.forget_empty();
        popped.map(drop)
    }

    /// Lets go of what is too old.
    pub(super) fn tend(&mut self, now_ms: i64) -> (Vec<Evicted>, Result<(), SpoolError>) {
        let mut evicted = Vec::new();
        let lanes = &mut self.lanes;
        let done = self.spool.expire(now_ms, &mut |lost| evicted.extend(lose(lanes, lost)));
        self.forget_empty();
        (evicted, done)
    }

    /// Brings everything to disk.
    pub(super) fn sync(&mut self) -> Result<(), SpoolError> {
        self.spool.sync()
    }

    /// Streams with chunks.
    pub(super) fn waiting(&self) -> Vec<Arc<str>> {
        self.waiting.iter().cloned().collect()
    }

    /// Whether nothing of this stream is on disk.
    pub(super) fn is_lane_empty(&self, labels: &str) -> bool {
        !self.lanes.contains_key(labels)
    }

    /// Whether nothing is on disk.
    pub(crate) fn is_empty(&self) -> bool {
        self.lanes.is_empty()
    }

    /// Whether there is room for what need not be here yet: the other half is for what is in danger.
    pub(super) fn has_plenty(&self) -> bool {
        self.spool.bytes() < self.limits.max_bytes / 2
    }

    /// Bytes on disk.
    pub(super) fn bytes(&self) -> u64 {
        self.spool.bytes()
    }

    /// When the oldest was written, in milliseconds since 1970.
    pub(super) fn oldest_ms(&self) -> Option<i64> {
        self.spool.oldest_ms()
    }

    /// Time of the oldest line of this stream, in nanoseconds since 1970, or when it was written where it has not been looked at yet;
    /// `None` when nothing of it is here.
    pub(super) fn lane_oldest(&self, labels: &str) -> Option<i64> {
        let (key, numbers) = self.lanes.get(labels)?;
        numbers.first.or_else(|| Some(self.spool.lane_oldest_ms(key)?.saturating_mul(1_000_000)))
    }

    fn forget_empty(&mut self) {
        let waiting = &mut self.waiting;
        self.lanes.retain(|labels, (_, numbers)| {
            let holds = numbers.taken < numbers.added;
            if !holds {
                waiting.remove(labels);
            }
            holds
        });
    }
}

/// Takes note of what the spool gave up.
fn lose(lanes: &mut HashMap<Arc<str>, (Arc<[u8]>, Numbers)>, lost: Lost<'_>) -> Option<Evicted> {
    let (labels, service) = parse_key(lost.key)?;
    if let Some((_, numbers)) = lanes.get_mut(labels) {
        (numbers.taken, numbers.front, numbers.first) = ((numbers.taken + lost.records).min(numbers.added), None, None);
    }
    let progress = lost.meta.and_then(Meta::decode).map(|meta| meta.progress).unwrap_or_default();
    let reason = match lost.why {
        Why::Space => Dropped::SpoolFull,
        Why::Age => Dropped::SpoolAge,
        Why::Damage | Why::Skipped => Dropped::SpoolDamaged,
    };
    let progress = progress.into_iter().map(|(id, output, position, _)| (id, output, position)).collect();
    Some(Evicted { service, lines: lost.lines, reason, progress })
}

fn lane_key(stream: &Stream) -> Vec<u8> {
    let ServiceKey { project, service } = stream.key();
    format!("{}{SEPARATOR}{project}{SEPARATOR}{service}", stream.labels).into_bytes()
}

fn parse_key(key: &[u8]) -> Option<(&str, ServiceKey)> {
    let mut parts = std::str::from_utf8(key).ok()?.splitn(3, SEPARATOR);
    let (labels, project, service) = (parts.next()?, parts.next()?, parts.next()?);
    Some((labels, ServiceKey { project: project.into(), service: service.into() }))
}
