//! How fast one stream is sent.
//!
//! Loki limits each stream (3 MB/s unless configured) and does not always say so: of several entries of a stream it returns the last
//! one's error only. What would run into the limit is therefore held back here.

use std::time::{Duration, Instant};

/// A bucket of bytes which fills at a rate. Sending may overdraw it once, so that a chunk larger than the bucket goes through.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pace {
    bytes: f64,
    at: Instant,
}

impl Pace {
    /// A full bucket.
    pub(super) fn new(rate: u64, now: Instant) -> Self {
        Self { bytes: to_f64(rate), at: now }
    }

    /// When the next chunk may go; now or earlier when it may.
    pub(super) fn ready_at(&self, rate: u64) -> Instant {
        if self.bytes > 0.0 || rate == 0 {
            return self.at;
        }
        // A chunk is 64 KiB and a rate at least some KiB: seconds, not years.
        self.at + Duration::from_secs_f64((-self.bytes / to_f64(rate)).clamp(0.0, 3600.0))
    }

    /// Sends this many bytes now.
    pub(super) fn spend(&mut self, bytes: usize, rate: u64, now: Instant) {
        let since = now.saturating_duration_since(self.at).as_secs_f64();
        let rate = to_f64(rate);
        self.bytes = since.mul_add(rate, self.bytes).min(rate) - to_f64(u64::try_from(bytes).unwrap_or(u64::MAX));
        self.at = now;
    }
}

/// Rates and chunks are far below 2^53.
#[expect(clippy::cast_precision_loss, reason = "rates and chunks are far below 2^53")]
const fn to_f64(number: u64) -> f64 {
    number as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_is_kept_over_time() {
        let start = Instant::now();
        let (rate, chunk) = (1_000_000, 65_536);
        let mut pace = Pace::new(rate, start);
        let (mut now, mut sent) = (start, 0);
        while now < start + Duration::from_secs(10) {
            now = pace.ready_at(rate).max(now);
            pace.spend(chunk, rate, now);
            sent += chunk;
        }
        // Ten seconds' worth, the full bucket at the beginning, one overdraft at the end.
        assert!((10_900_000..=11_200_000).contains(&sent), "{sent}");
    }

    #[test]
    fn an_idle_stream_saves_up_one_second() {
        let start = Instant::now();
        let mut pace = Pace::new(1000, start);
        pace.spend(1000, 1000, start);
        let later = start + Duration::from_secs(3600);
        pace.spend(1500, 1000, later);
        assert_eq!(pace.ready_at(1000), later + Duration::from_millis(500));
    }
}
