//! What the pipeline counts, and where everybody reads it: the page, the API, `status`.
//!
//! Counters belong to services and outlive their containers; each is moved by one part only and read without a lock.

mod destination;
#[cfg(test)]
mod tests;
mod words;

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering},
    },
    time::Duration,
};

use jiff::Timestamp;

pub(super) use self::destination::chain;
pub use self::{
    destination::{DestinationLog, Trouble},
    words::{Dropped, Gap, Outcome, TroubleKind},
};
use crate::model::ServiceKey;

/// More services than this share one set of counters, under empty names.
const MAX_SERVICES: usize = 4096;

/// Destinations whose waiting lines are told apart: as many as the configuration has, three of Loki and three of OTLP.
const DESTINATIONS: usize = 6;

/// A number that only grows, or a gauge.
#[derive(Debug, Default)]
pub struct Number(AtomicU64);

impl Number {
    /// Adds.
    pub fn add(&self, count: u64) {
        self.0.fetch_add(count, Ordering::Relaxed);
    }

    /// Adds, where one thread alone moves it: nobody else's addition can come in between, and the processor need not see to it.
    pub fn add_alone(&self, count: u64) {
        self.set(self.get().wrapping_add(count));
    }

    /// Takes a new value.
    pub fn set(&self, value: u64) {
        self.0.store(value, Ordering::Relaxed);
    }

    /// The value.
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// Counters of one service, over all destinations; those of sending are of the first destination.
#[derive(Debug, Default)]
pub struct ServiceLog {
    /// Whose.
    pub key: ServiceKey,
    /// Lines put together from what the engine keeps.
    pub read_lines: Number,
    /// Their bytes.
    pub read_bytes: Number,
    /// Lines acknowledged.
    pub sent_lines: Number,
    /// Lines left out, by [`Dropped`].
    dropped: [Number; Dropped::ALL.len()],
    /// Times lines may be missing, by [`Gap`].
    gaps: [Number; Gap::ALL.len()],
    /// Bytes of log files which are no records.
    pub corrupt_bytes: Number,
    /// Lines above the limit, cut.
    pub cut_lines: Number,
    /// Lines whose time was moved to where Loki takes it.
    pub restamped_lines: Number,
    /// Replacements by redaction.
    pub redactions: Number,
    /// Bytes of log files not read yet.
    pub behind_bytes: Number,
    /// Time of the oldest line that was read and not acknowledged, by destination, in nanoseconds since 1970; 0 without one.
    oldest: [AtomicI64; DESTINATIONS],
    /// The engine may drop messages before anybody sees them.
    pub lossy_upstream: AtomicBool,
}

impl ServiceLog {
    fn new(key: ServiceKey) -> Self {
        Self { key, ..Self::default() }
    }

    /// Counts lines left out.
    pub fn drop_lines(&self, reason: Dropped, lines: u64) {
        if let Some(count) = self.dropped.get(reason as usize) {
            count.add(lines);
        }
    }

    /// Lines left out for this reason.
    pub fn dropped(&self, reason: Dropped) -> u64 {
        self.dropped.get(reason as usize).map_or(0, Number::get)
    }

    /// Counts places where lines may be missing.
    pub fn gap(&self, gap: Gap, times: u64) {
        if let Some(count) = self.gaps.get(gap as usize) {
            count.add(times);
        }
    }

    /// Places where lines may be missing.
    pub fn gaps(&self, gap: Gap) -> u64 {
        self.gaps.get(gap as usize).map_or(0, Number::get)
    }

    /// Takes the time of the oldest line that waits for this destination; `None` when none does.
    pub fn set_oldest(&self, destination: usize, time: Option<i64>) {
        if let Some(oldest) = self.oldest.get(destination) {
            oldest.store(time.unwrap_or(0), Ordering::Relaxed);
        }
    }

    /// The time of the oldest line that waits for any destination.
    pub fn oldest(&self) -> Option<i64> {
        self.oldest.iter().map(|time| time.load(Ordering::Relaxed)).filter(|time| *time != 0).min()
    }

    /// The age of that line; `None` when nothing waits, and 0 under a clock that was set back.
    pub fn lag(&self, now: Timestamp) -> Option<Duration> {
        let age = now.as_nanosecond().saturating_sub(self.oldest()?.into()).max(0);
        Some(Duration::from_nanos(u64::try_from(age).unwrap_or(u64::MAX)))
    }
}

/// How a container's lines are read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reading {
    /// `file`, `api` or `none`.
    pub source: &'static str,
    /// Why not better; empty where it is the best there is.
    pub reason: String,
}

/// Everything together; cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Board(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    services: Mutex<BTreeMap<ServiceKey, Arc<ServiceLog>>>,
    readings: Mutex<BTreeMap<(&'static str, String), u64>>,
    destinations: Vec<Arc<DestinationLog>>,
}

impl Board {
    /// A board of these destinations.
    pub fn new(destinations: impl IntoIterator<Item = String>) -> Self {
        let destinations = destinations.into_iter().map(|name| Arc::new(DestinationLog::new(name)));
        Self(Arc::new(Shared { destinations: destinations.collect(), ..Shared::default() }))
    }

    /// Whether lines go anywhere.
    pub fn is_on(&self) -> bool {
        !self.0.destinations.is_empty()
    }

    /// The destinations, in the order of the configuration.
    pub fn destinations(&self) -> &[Arc<DestinationLog>] {
        &self.0.destinations
    }

    /// The counters of a service, made when there are none.
    pub fn service(&self, key: &ServiceKey) -> Arc<ServiceLog> {
        let mut services = self.0.services.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = services.get(key) {
            return Arc::clone(known);
        }
        let key = if services.len() < MAX_SERVICES {
            key.clone()
        } else {
            ServiceKey { project: "".into(), service: "".into() }
        };
        Arc::clone(services.entry(key.clone()).or_insert_with(|| Arc::new(ServiceLog::new(key))))
    }

    /// All services, sorted.
    pub fn services(&self) -> Vec<Arc<ServiceLog>> {
        self.0.services.lock().unwrap_or_else(PoisonError::into_inner).values().cloned().collect()
    }

    /// Forgets the services which nobody expects and nothing waits of.
    pub fn keep(&self, expected: impl Fn(&ServiceKey) -> bool) {
        let mut services = self.0.services.lock().unwrap_or_else(PoisonError::into_inner);
        // Held elsewhere means that lines of it are on their way.
        services.retain(|key, log| expected(key) || Arc::strong_count(log) > 1);
    }

    /// Takes how many containers are read in which way.
    pub fn set_readings(&self, readings: impl IntoIterator<Item = Reading>) {
        let mut counted = BTreeMap::new();
        for Reading { source, reason } in readings {
            *counted.entry((source, reason)).or_insert(0) += 1;
        }
        *self.0.readings.lock().unwrap_or_else(PoisonError::into_inner) = counted;
    }

    /// How many containers are read in which way: source, reason, count.
    pub fn readings(&self) -> Vec<(&'static str, String, u64)> {
        let readings = self.0.readings.lock().unwrap_or_else(PoisonError::into_inner);
        readings.iter().map(|((source, reason), count)| (*source, reason.clone(), *count)).collect()
    }
}
