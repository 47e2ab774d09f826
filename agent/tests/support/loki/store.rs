//! The ingester: streams in memory, repeated entries dropped within a block, rates by stream.

use std::collections::{BTreeMap, HashSet};

use super::{
    limits::Limits,
    proto::Entry,
    push::{Outcome, second},
};

/// Most failures told one by one (`max-returned-stream-errors`).
const TOLD: usize = 10;

/// A stream as a push names it.
#[derive(Clone, Debug)]
pub struct Stream {
    /// Loki's spelling of its labels.
    pub name: String,
    /// Labels, twice-named ones counted twice.
    pub count: usize,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
    /// A label that stands twice.
    pub twice: Option<String>,
}

/// A stream as it is stored.
#[derive(Clone, Debug)]
pub struct Stored {
    /// Its labels.
    pub labels: BTreeMap<String, String>,
    /// Its entries in the order in which they were taken.
    pub entries: Vec<Entry>,
    /// Repeated entries which were recognised and dropped.
    pub recognised: u64,
    /// The open block: what is in it, and its size.
    head: (HashSet<Entry>, usize),
    highest: Option<i64>,
    last: Option<Entry>,
    bucket: Option<Bucket>,
}

/// A rate with a burst.
#[derive(Clone, Copy, Debug)]
struct Bucket {
    tokens: f64,
    at: i64,
}

/// All tenants.
#[derive(Debug, Default)]
pub struct Store {
    tenants: BTreeMap<String, BTreeMap<String, Stored>>,
    buckets: BTreeMap<String, Bucket>,
    discarded: BTreeMap<&'static str, u64>,
}

impl Store {
    /// `loki_discarded_samples_total`.
    pub fn discard(&mut self, reason: &'static str, lines: usize) {
        *self.discarded.entry(reason).or_default() += lines as u64;
    }

    /// Lines discarded so far, by reason.
    pub fn discarded(&self) -> &BTreeMap<&'static str, u64> {
        &self.discarded
    }

    /// Streams of a tenant.
    pub fn streams(&self, tenant: &str) -> Vec<Stored> {
        self.tenants.get(tenant).map(|streams| streams.values().cloned().collect()).unwrap_or_default()
    }

    /// Lines of all tenants.
    pub fn lines(&self) -> usize {
        self.tenants.values().flat_map(BTreeMap::values).map(|stream| stream.entries.len()).sum()
    }

    /// The tenant's rate.
    pub fn take(&mut self, tenant: &str, bytes: usize, rate: (f64, f64), now: i64) -> bool {
        let bucket = self.buckets.entry(tenant.to_owned()).or_insert(Bucket { tokens: rate.1, at: now });
        bucket.take(bytes, rate, now)
    }

    /// Stores streams in their order. As in the real one only the failure of the last is told.
    pub fn ingest(
        &mut self,
        tenant: &str,
        streams: Vec<(Stream, Vec<Entry>)>,
        limits: &Limits,
        now: i64,
    ) -> Result<(), Outcome> {
        let mut last = Ok(());
        for (stream, entries) in streams {
            let known = self.tenants.entry(tenant.to_owned()).or_default();
            if !known.contains_key(&stream.name) && known.len() >= limits.streams {
                let name = &stream.name;
                last = Err((
                    429,
                    format!(
                        "maximum active stream limit exceeded when trying to create stream {name}, reduce the number of active streams \
                     (reduce labels or reduce label values), or contact your Loki administrator to see if the limit can be \
                     increased, user: '{tenant}'"
                    ),
                ));
                self.discard("stream_limit", entries.len());
                continue;
            }
            let stored = known.entry(stream.name.clone()).or_insert_with(|| Stored::new(stream.labels));
            let total = entries.len();
            let failures = stored.push(entries, &stream.name, limits, now);
            last = Ok(());
            if let Some((status, reason, failures)) = failures {
                self.discard(reason, failures.len());
                last = Err((status, told(&failures, total, tenant, &stream.name)));
            }
        }
        last
    }
}

/// An entry's time and why it is not taken.
type Failure = (i64, String);

impl Stored {
    fn new(labels: BTreeMap<String, String>) -> Self {
        Self {
            labels,
            entries: Vec::new(),
            recognised: 0,
            head: (HashSet::new(), 0),
            highest: None,
            last: None,
            bucket: None,
        }
    }

    fn push(
        &mut self,
        entries: Vec<Entry>,
        name: &str,
        limits: &Limits,
        now: i64,
    ) -> Option<(u16, &'static str, Vec<Failure>)> {
        let behind = i64::try_from(limits.behind.as_nanos()).unwrap_or(i64::MAX);
        let (mut failures, mut valid) = (Vec::new(), Vec::new());
        let (mut last, mut highest) = (self.last.clone(), self.highest);
        for entry in entries {
            if last.as_ref() == Some(&entry) {
                self.recognised += 1;
                continue;
            }
            let cutoff = highest.map_or(i64::MIN, |highest| highest.saturating_sub(behind));
            if entry.time < cutoff {
                let (time, oldest) = (second(entry.time), second(cutoff));
                let why = format!(
                    "entry too far behind, entry timestamp is: {time}, oldest acceptable timestamp is: {oldest}"
                );
                failures.push((entry.time, why));
                continue;
            }
            highest = highest.max(Some(entry.time));
            last = Some(entry.clone());
            valid.push(entry);
        }
        let bytes = valid.iter().map(Entry::size).sum();
        let bucket = self.bucket.get_or_insert(Bucket { tokens: limits.stream_rate.1, at: now });
        if !bucket.take(bytes, limits.stream_rate, now) {
            let rate = human(limits.stream_rate.0);
            let why = |entry: &Entry| {
                let size = human(entry.size() as f64);
                format!(
                    "Per stream rate limit exceeded (limit: {rate}/sec) while attempting to ingest for stream '{name}' totaling {size}, \
                     consider splitting a stream via additional labels or contact your Loki administrator to see if the limit can be \
                     increased"
                )
            };
            return Some((429, "per_stream_rate_limit", valid.iter().map(|entry| (entry.time, why(entry))).collect()));
        }
        for entry in valid {
            self.append(entry, limits.block);
        }
        (!failures.is_empty()).then_some((400, "too_far_behind", failures))
    }

    fn append(&mut self, entry: Entry, block: usize) {
        self.last = Some(entry.clone());
        self.highest = self.highest.max(Some(entry.time));
        let (seen, size) = &mut self.head;
        if !seen.insert(entry.clone()) {
            self.recognised += 1;
            return;
        }
        *size += entry.size();
        if *size >= block {
            // The block is cut: what comes again now is news.
            self.head = (HashSet::new(), 0);
        }
        self.entries.push(entry);
    }
}

impl Bucket {
    fn take(&mut self, bytes: usize, (rate, burst): (f64, f64), now: i64) -> bool {
        let passed = (now - self.at).max(0) as f64 / 1e9;
        self.tokens = (self.tokens + passed * rate).min(burst);
        self.at = now;
        let fits = bytes as f64 <= self.tokens;
        if fits {
            self.tokens -= bytes as f64;
        }
        fits
    }
}

fn told(failures: &[Failure], total: usize, tenant: &str, name: &str) -> String {
    let mut text = String::new();
    for (time, why) in failures.iter().take(TOLD) {
        let time = jiff::Timestamp::from_nanosecond(i128::from(*time)).expect("a time").to_string();
        let time = time.replace('T', " ").replace('Z', " +0000 UTC");
        text.push_str(&format!("entry with timestamp {time} ignored, reason: '{why}',\n"));
    }
    let ignored = failures.len();
    text + &format!("user '{tenant}', total ignored: {ignored} out of {total} for stream: {name}")
}

/// Bytes as Loki writes them.
fn human(bytes: f64) -> String {
    for (unit, name) in [(1_048_576.0, "MB"), (1024.0, "KB")] {
        if bytes >= unit {
            return format!("{}{name}", bytes / unit);
        }
    }
    format!("{bytes}B")
}
