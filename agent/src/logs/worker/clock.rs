//! Times: of the wall, for what Loki takes, and of a clock that never jumps, for deadlines.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use jiff::Timestamp;

/// Loki refuses lines further in the future than ten minutes (`creation_grace_period`); half of it is left for the difference of clocks.
const FUTURE: i64 = 5 * 60 * 1_000_000_000;

/// One look at both clocks, taken anew at each turn of the worker.
#[derive(Clone, Copy, Debug)]
pub(super) struct Clock {
    began: Instant,
    now: Instant,
    /// Nanoseconds since 1970.
    wall: i64,
    max_age: i64,
}

impl Clock {
    /// Lines older than `max_age` are not sent.
    pub(super) fn new(max_age: Duration) -> Self {
        let now = Instant::now();
        let max_age = i64::try_from(max_age.as_nanos()).unwrap_or(i64::MAX);
        Self { began: now, now, wall: wall(), max_age }
    }

    /// Looks again.
    pub(super) fn look(&mut self) {
        self.now = Instant::now();
        self.wall = wall();
    }

    /// The clock that never jumps.
    pub(super) const fn now(&self) -> Instant {
        self.now
    }

    /// Milliseconds of that clock since the worker began.
    pub(super) fn ms(&self) -> u64 {
        u64::try_from(self.now.saturating_duration_since(self.began).as_millis()).unwrap_or(u64::MAX)
    }

    /// That moment again.
    pub(super) fn at_ms(&self, ms: u64) -> Instant {
        self.began + Duration::from_millis(ms)
    }

    /// Whether Loki would refuse a line of this time for its age.
    pub(super) const fn is_too_old(&self, time: i64) -> bool {
        time < self.wall.saturating_sub(self.max_age)
    }

    /// The time itself, or now where it is so far ahead that Loki would refuse it: somebody's clock was set back.
    pub(super) const fn not_in_future(&self, time: i64) -> i64 {
        if time > self.wall.saturating_add(FUTURE) { self.wall } else { time }
    }
}

/// A time as people and machines read it.
pub(super) fn text(time: i64) -> String {
    Timestamp::from_nanosecond(i128::from(time)).map_or_else(|_| time.to_string(), |time| time.to_string())
}

fn wall() -> i64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .ok()
        .and_then(|since| i64::try_from(since.as_nanos()).ok())
        .unwrap_or(0)
}
