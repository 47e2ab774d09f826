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
        Some(next.saturating_sub(now - self.since).max(PORTION))
    }

    /// The number of lines due now; they count as written.
    pub(super) fn take_due(&mut self, now: Instant) -> u64 {
        // A sleep which ends exactly on time must find its line due, whatever the last bit of the product says.
        let expected = ((now - self.since).as_secs_f64() * self.rate + 1e-6) as u64;
        let due = expected.saturating_sub(self.taken);
        self.taken = expected.max(self.taken);
        let most = (self.rate * MAX_BACKLOG.as_secs_f64()).max(1.0) as u64;
        due.min(most)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Runs for some time, sleeping as told, and gives the number of lines and of wake-ups.
    fn run(rate: f64, length: Duration) -> (u64, u64) {
        let start = Instant::now();
        let (mut pace, mut now, mut lines, mut wakes) = (Pace::new(rate, start), start, 0, 0);
        while now < start + length {
            now += pace.until_next(now).unwrap();
            lines += pace.take_due(now);
            wakes += 1;
        }
        (lines, wakes)
    }

    #[test]
    fn the_rate_holds_on_average_without_a_wake_up_for_each_line() {
        for (rate, most_wakes) in [(0.5, 6), (10.0, 110), (1000.0, 2100), (100_000.0, 2100)] {
            let (lines, wakes) = run(rate, Duration::from_secs(10));
            let expected = rate * 10.0;
            assert!((lines as f64 - expected).abs() <= (expected * 0.01).max(1.0), "{lines} lines at {rate} a second");
            assert!(wakes <= most_wakes, "{wakes} wake-ups at {rate} a second");
        }
    }

    #[test]
    fn nothing_is_due_at_zero() {
        let now = Instant::now();
        let mut pace = Pace::new(0.0, now);
        assert_eq!(pace.until_next(now), None);
        assert_eq!(pace.take_due(now + Duration::from_secs(60)), 0);
    }

    #[test]
    fn a_backlog_is_dropped() {
        let now = Instant::now();
        let mut pace = Pace::new(100.0, now);
        let later = now + Duration::from_secs(60);
        assert_eq!(pace.take_due(later), 50);
        assert_eq!(pace.take_due(later), 0);
    }

    #[test]
    fn another_rate_starts_over() {
        let now = Instant::now();
        let mut pace = Pace::new(1000.0, now);
        let later = now + Duration::from_millis(300);
        pace.set_rate(10.0, later);
        assert_eq!(pace.take_due(later), 0);
        assert_eq!(pace.take_due(later + Duration::from_millis(101)), 1);
    }
}
