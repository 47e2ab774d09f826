//! When the next generated line is due. Pure: the caller brings the time.

use std::time::{Duration, Instant};

/// Behind by more than this much time's worth of lines, the backlog is dropped: a stalled reader should not be met by a flood.
const MAX_BACKLOG: Duration = Duration::from_millis(500);

/// At high rates lines are written in portions this far apart rather than one by one.
const PORTION: Duration = Duration::from_millis(5);

/// A steady rate, kept on average: the portions vary, the sum does not.
#[derive(Debug)]
pub(super) struct Pace {
    rate: f64,
    since: Instant,
    taken: u64,
}

impl Pace {
    /// `rate` lines a second from now on; 0 is none.
    pub(super) fn new(rate: f64, now: Instant) -> Self {
        Self { rate, since: now, taken: 0 }
    }

    /// Starts over when the rate is another one; what was due at the old rate is forgotten.
    pub(super) fn set_rate(&mut self, rate: f64, now: Instant) {
        if rate.to_bits() != self.rate.to_bits() {
            *self = Self::new(rate, now);
        }
    }

    /// How long to sleep; `None` when nothing will ever be due.
    pub(super) fn until_next(&self, now: Instant) -> Option<Duration> {
        if self.rate <= 0.0 {
            return None;
        }
        let next = Duration::try_from_secs_f64((self.taken + 1) as f64 / self.rate).ok()?;
        Some(next.saturating_sub(now - self.since).max(PORTION.min(Duration::from_secs_f64(1.0 / self.rate.max(1.0)))))
    }

    /// The number of lines due now; they count as written.
    pub(super) fn take_due(&mut self, now: Instant) -> u64 {
        let expected = ((now - self.since).as_secs_f64() * self.rate) as u64;
        let due = expected.saturating_sub(self.taken);
        self.taken = expected.max(self.taken);
        let most = (self.rate * MAX_BACKLOG.as_secs_f64()).max(1.0) as u64;
        due.min(most)
    }
}
