//! What is known of one destination, and where everybody reads it.

use std::{
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
    time::{SystemTime, UNIX_EPOCH},
};

use crate::otlp::Signal;

/// Declares the reasons of one label with their words.
macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident => $word:literal,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum $name { $($(#[$variant_doc])* $variant,)* }

        impl $name {
            /// Every value.
            pub const ALL: [Self; [$($word),*].len()] = [$(Self::$variant,)*];

            /// The label's value.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word,)* }
            }
        }
    };
}

words! {
    /// How a request to a destination ended.
    Outcome {
        /// Acknowledged.
        Ok => "ok",
        /// Acknowledged but for some records.
        Partial => "partial",
        /// To be sent again: no answer, or one that says so.
        Retry => "retry",
        /// Sent again in parts, because it was too large or held several.
        Split => "split",
        /// Refused for good.
        Refused => "refused",
        /// Refused for good, and others held back: credentials, address or rights are wrong.
        Held => "held",
    }
}

words! {
    /// Why records were acknowledged to their senders and not by a destination.
    Lost {
        /// The queue was full while the destination was away: the oldest gave way.
        QueueFull => "queue_full",
        /// They waited for longer than the queue keeps.
        Age => "age",
        /// The destination refused them for good.
        Refused => "refused",
        /// Larger than the destination takes, or than the queue can hold, and not to be parted.
        TooLarge => "too_large",
        /// On disk, and not to be read any more.
        Damaged => "damaged",
        /// Sent again and again without an answer while the destination took others.
        Undeliverable => "undeliverable",
        /// Still in memory when the agent ended, and no disk to put them on.
        Shutdown => "shutdown",
    }
}

/// Counters of one signal.
#[derive(Debug, Default)]
struct Counts {
    requests: [AtomicU64; Outcome::ALL.len()],
    sent: AtomicU64,
    rejected: AtomicU64,
    lost: [AtomicU64; Lost::ALL.len()],
}

/// Figures of one destination.
#[derive(Debug, Default)]
pub struct Board {
    name: String,
    counts: [Counts; Signal::ALL.len()],
    queue_bytes: AtomicU64,
    limit_bytes: AtomicU64,
    /// In milliseconds since 1970; 0 for nothing.
    oldest_ms: AtomicU64,
    last_ack_ms: AtomicU64,
    disk_errors: AtomicU64,
    disk_fails: AtomicBool,
    trouble: Mutex<Option<String>>,
}

impl Board {
    pub(super) fn new(name: String, limit_bytes: u64) -> Self {
        Self { name, limit_bytes: limit_bytes.into(), ..Self::default() }
    }

    /// Its name: host and port, for people and the label `destination`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Requests that ended so; one that is sent again counts each time.
    pub fn requests(&self, signal: Signal, outcome: Outcome) -> u64 {
        self.counts(signal).requests.get(outcome as usize).map_or(0, |count| count.load(Relaxed))
    }

    /// Records acknowledged.
    pub fn sent(&self, signal: Signal) -> u64 {
        self.counts(signal).sent.load(Relaxed)
    }

    /// Records of acknowledged requests that were not taken.
    pub fn rejected(&self, signal: Signal) -> u64 {
        self.counts(signal).rejected.load(Relaxed)
    }

    /// Records given up.
    pub fn lost(&self, signal: Signal, why: Lost) -> u64 {
        self.counts(signal).lost.get(why as usize).map_or(0, |count| count.load(Relaxed))
    }

    /// Bytes that wait, on disk or in memory alone.
    pub fn queue_bytes(&self) -> u64 {
        self.queue_bytes.load(Relaxed)
    }

    /// Bytes that may wait.
    pub fn limit_bytes(&self) -> u64 {
        self.limit_bytes.load(Relaxed)
    }

    /// When the oldest that waits was taken, in milliseconds since 1970; `None` when nothing does.
    pub fn oldest_ms(&self) -> Option<u64> {
        Some(self.oldest_ms.load(Relaxed)).filter(|time| *time > 0)
    }

    /// When something was last acknowledged, in milliseconds since 1970; `None` before.
    pub fn last_ack_ms(&self) -> Option<u64> {
        Some(self.last_ack_ms.load(Relaxed)).filter(|time| *time > 0)
    }

    /// Errors of the disk of the queue.
    pub fn disk_errors(&self) -> u64 {
        self.disk_errors.load(Relaxed)
    }

    /// Whether it took what it was last sent; true before anything was.
    pub fn is_up(&self) -> bool {
        self.trouble.lock().unwrap_or_else(PoisonError::into_inner).is_none()
    }

    /// Why nothing is sent at present, for people; `None` when all is well.
    pub fn trouble(&self) -> Option<String> {
        self.trouble.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn counts(&self, signal: Signal) -> &Counts {
        let [traces, metrics, logs] = &self.counts;
        match signal {
            Signal::Traces => traces,
            Signal::Metrics => metrics,
            Signal::Logs => logs,
        }
    }

    pub(super) fn ended(&self, signal: Signal, outcome: Outcome) {
        if let Some(count) = self.counts(signal).requests.get(outcome as usize) {
            count.fetch_add(1, Relaxed);
        }
    }

    pub(super) fn taken(&self, signal: Signal, sent: u64, rejected: u64) {
        self.counts(signal).sent.fetch_add(sent, Relaxed);
        self.counts(signal).rejected.fetch_add(rejected, Relaxed);
        self.last_ack_ms.store(u64::try_from(wall_ms()).unwrap_or(0), Relaxed);
    }

    pub(super) fn lose(&self, signal: Signal, why: Lost, records: u64) {
        if let Some(count) = self.counts(signal).lost.get(why as usize) {
            count.fetch_add(records, Relaxed);
        }
    }

    pub(super) fn show(&self, bytes: u64, oldest_ms: Option<i64>) {
        self.queue_bytes.store(bytes, Relaxed);
        self.oldest_ms.store(oldest_ms.and_then(|time| u64::try_from(time).ok()).unwrap_or(0), Relaxed);
    }

    pub(super) fn set_trouble(&self, trouble: Option<String>) {
        *self.trouble.lock().unwrap_or_else(PoisonError::into_inner) = trouble;
    }

    /// Counts an error of the disk, and tells the first of several.
    pub(super) fn disk_failed(&self, error: &(dyn std::error::Error + 'static), what: &'static str) {
        self.count_disk_error();
        if !self.disk_fails.swap(true, Relaxed) {
            tracing::warn!(destination = self.name, error, "{what}");
        }
    }

    pub(super) fn count_disk_error(&self) {
        self.disk_errors.fetch_add(1, Relaxed);
    }

    /// The disk took something.
    pub(super) fn disk_works(&self) {
        if self.disk_fails.load(Relaxed) && self.disk_fails.swap(false, Relaxed) {
            tracing::info!(destination = self.name, "OTLP requests are kept on disk again");
        }
    }

    /// Whether the disk refused what it was last given.
    pub(super) fn is_disk_failing(&self) -> bool {
        self.disk_fails.load(Relaxed)
    }
}

/// Milliseconds since 1970.
pub(super) fn wall_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).ok();
    since.and_then(|since| i64::try_from(since.as_millis()).ok()).unwrap_or(0)
}
