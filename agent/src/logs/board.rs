//! What the pipeline counts, and where everybody reads it: the page, the API, `status`.
//!
//! Counters belong to services and outlive their containers; each is moved by one part only and read without a lock.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering},
    },
    time::Duration,
};

use jiff::Timestamp;

use crate::model::ServiceKey;

/// More services than this share one set of counters, under empty names.
const MAX_SERVICES: usize = 4096;

/// Destinations whose waiting lines are told apart: as many as the configuration has.
const DESTINATIONS: usize = 3;

/// A number that only grows, or a gauge.
#[derive(Debug, Default)]
pub struct Number(AtomicU64);

impl Number {
    /// Adds.
    pub fn add(&self, count: u64) {
        self.0.fetch_add(count, Ordering::Relaxed);
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
    /// Why lines were not sent.
    Dropped {
        /// A drop rule, of the file or of the container's label.
        Rule => "rule",
        /// Below the least level.
        Level => "level",
        /// A sample rule.
        Sampled => "sampled",
        /// The container writes more lines than it may.
        RateLines => "rate_lines",
        /// The container writes more bytes than it may.
        RateSize => "rate_size",
        /// Events or lines of the agent's own that came faster than they were taken.
        Flood => "flood",
        /// Older than Loki takes.
        TooOld => "too_old",
        /// Loki refused them: too far behind what it has of the stream.
        TooFarBehind => "too_far_behind",
        /// Loki refused them for another reason of its own.
        Refused => "refused",
        /// Larger than Loki takes, alone.
        TooLarge => "too_large",
        /// The spool was full: the oldest gave way.
        SpoolFull => "spool_full",
        /// In the spool for longer than it keeps.
        SpoolAge => "spool_age",
        /// In the spool and not to be read any more.
        SpoolDamaged => "spool_damaged",
        /// Nowhere to keep them while Loki was away.
        NoSpool => "no_spool",
    }
}

impl Dropped {
    /// Whether somebody asked for it, in the file or by a container's label; all others are losses.
    pub const fn is_asked_for(self) -> bool {
        matches!(self, Self::Rule | Self::Level | Self::Sampled | Self::RateLines | Self::RateSize)
    }
}

words! {
    /// Where lines may be missing which were never seen.
    Gap {
        /// The file that was read last is gone, and so may be others after it.
        PositionLost => "position_lost",
        /// Files were rotated away before they were read.
        RotationsMissed => "rotations_missed",
        /// The file became shorter than what was read of it.
        Truncated => "truncated",
        /// Records too large to be read, or files that could not be unpacked.
        Corrupt => "corrupt",
        /// A container was seen in events and gone before its lines could be read.
        NeverRead => "never_read",
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

/// One destination as it is seen from outside.
#[derive(Debug, Default)]
pub struct DestinationLog {
    /// Its name: host and port, for people and the label `destination`.
    pub name: String,
    /// Pushes by how they ended, in the order of [`Outcome::ALL`].
    pushes: [Number; Outcome::ALL.len()],
    /// Bytes of pushes that had an answer, compressed, those sent again included.
    pub sent_bytes: Number,
    /// Lines acknowledged.
    pub sent_lines: Number,
    /// Bytes of chunks in memory.
    pub queued_bytes: Number,
    /// Bytes in the spool.
    pub spool_bytes: Number,
    /// Largest the spool may be.
    pub spool_limit: Number,
    /// When the oldest in the spool was put there, in milliseconds since 1970; 0 for an empty one.
    pub spool_oldest: Number,
    /// Errors of the spool's disk.
    pub spool_errors: Number,
    /// The last thing asked of the spool's disk failed.
    spool_failing: AtomicBool,
    /// When something was last acknowledged, in milliseconds since 1970; 0 before.
    pub last_ack: Number,
    /// Why nothing is sent at present, for people.
    trouble: Mutex<Option<Trouble>>,
}

/// Why a destination takes nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trouble {
    /// Why in a word.
    pub kind: TroubleKind,
    /// Text for people.
    pub text: String,
}

words! {
    /// Why a destination takes nothing, in a word.
    TroubleKind {
        /// It cannot be reached, or does not answer in time.
        Unreachable => "unreachable",
        /// It answers that it cannot at present.
        Unavailable => "unavailable",
        /// It wants less, slower.
        RateLimited => "rate_limited",
        /// Credentials, address, tenant or rights are wrong, here or there.
        Configuration => "configuration",
        /// Ingestion is blocked for this tenant.
        Blocked => "blocked",
    }
}

words! {
    /// How a push ended.
    Outcome {
        /// Acknowledged.
        Ok => "ok",
        /// Acknowledged but for some lines.
        Partial => "partial",
        /// To be sent again: no answer, or one that says so.
        Retry => "retry",
        /// Sent again in parts.
        Split => "split",
        /// Refused for good.
        Refused => "refused",
        /// Held: credentials, address or rights are wrong, or ingestion is blocked.
        Held => "held",
    }
}

impl DestinationLog {
    /// Counts an error of the spool's disk, and tells the first of several.
    pub fn spool_failed(&self, error: &(dyn std::error::Error + 'static), what: &'static str) {
        self.spool_errors.add(1);
        if !self.spool_failing.swap(true, Ordering::Relaxed) {
            tracing::warn!(destination = self.name, reason = chain(error), "{what}");
        }
    }

    /// The spool's disk took something.
    pub fn spool_works(&self) {
        if self.spool_failing.swap(false, Ordering::Relaxed) {
            tracing::info!(destination = self.name, "log lines are spooled again");
        }
    }

    /// Whether the spool's disk refused what it was last given.
    pub fn is_spool_failing(&self) -> bool {
        self.spool_failing.load(Ordering::Relaxed)
    }

    /// Counts a push.
    pub fn push(&self, outcome: Outcome) {
        if let Some(count) = self.pushes.get(outcome as usize) {
            count.add(1);
        }
    }

    /// Pushes that ended so.
    pub fn pushes(&self, outcome: Outcome) -> u64 {
        self.pushes.get(outcome as usize).map_or(0, Number::get)
    }

    /// When something was last acknowledged; `None` before.
    pub fn acknowledged_at(&self) -> Option<Timestamp> {
        time(&self.last_ack)
    }

    /// How long the oldest in the spool has been there; `None` for an empty one.
    pub fn spool_age(&self, now: Timestamp) -> Option<Duration> {
        let age = now.duration_since(time(&self.spool_oldest)?);
        Some(Duration::try_from(age).unwrap_or_default())
    }

    /// Says why nothing is sent; `None` when all is well.
    pub fn set_trouble(&self, trouble: Option<Trouble>) {
        *self.trouble.lock().unwrap_or_else(PoisonError::into_inner) = trouble;
    }

    /// Why nothing is sent.
    pub fn trouble(&self) -> Option<Trouble> {
        self.trouble.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Milliseconds since 1970 as a time; `None` for 0.
fn time(ms: &Number) -> Option<Timestamp> {
    let ms = i64::try_from(ms.get()).ok().filter(|ms| *ms > 0)?;
    Timestamp::from_millisecond(ms).ok()
}

/// An error and its causes.
pub(super) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
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
        let destinations =
            destinations.into_iter().map(|name| Arc::new(DestinationLog { name, ..DestinationLog::default() }));
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

#[cfg(test)]
mod tests {
    use super::*;

    fn key(service: &str) -> ServiceKey {
        ServiceKey { project: "shop".into(), service: service.into() }
    }

    #[test]
    fn counters_outlive_whoever_moved_them() {
        let board = Board::new(["loki:3100".to_owned()]);
        board.service(&key("web")).drop_lines(Dropped::RateLines, 3);
        board.service(&key("web")).drop_lines(Dropped::RateLines, 4);
        assert_eq!(board.service(&key("web")).dropped(Dropped::RateLines), 7);
        assert_eq!(board.service(&key("web")).dropped(Dropped::Rule), 0);
    }

    #[test]
    fn the_lag_is_that_of_the_destination_furthest_behind() {
        let (log, now) = (ServiceLog::default(), Timestamp::from_second(1_000).unwrap());
        assert_eq!(log.lag(now), None);
        log.set_oldest(0, Some(990_000_000_000));
        log.set_oldest(2, Some(400_000_000_000));
        log.set_oldest(DESTINATIONS, Some(1));
        assert_eq!(log.lag(now), Some(Duration::from_secs(600)));
        log.set_oldest(2, None);
        assert_eq!(log.lag(now), Some(Duration::from_secs(10)));
        log.set_oldest(0, Some(2_000_000_000_000));
        assert_eq!(log.lag(now), Some(Duration::ZERO), "the clock was set back");
    }

    #[test]
    fn services_are_forgotten_when_nothing_waits() {
        let board = Board::new(["loki:3100".to_owned()]);
        let held = board.service(&key("held"));
        for name in ["kept", "gone"] {
            drop(board.service(&key(name)));
        }
        board.keep(|key| &*key.service == "kept");
        let left: Vec<_> = board.services().iter().map(|log| log.key.service.to_string()).collect();
        assert_eq!(left, ["held", "kept"]);
        drop(held);
    }

    #[test]
    fn a_flood_of_services_shares_one_set() {
        let board = Board::new(["loki:3100".to_owned()]);
        for number in 0..MAX_SERVICES + 10 {
            board.service(&key(&number.to_string())).read_lines.add(1);
        }
        let services = board.services();
        assert_eq!(services.len(), MAX_SERVICES + 1);
        assert_eq!(services.iter().map(|log| log.read_lines.get()).max(), Some(10));
    }
}
