//! How long something took, each time it happened: a histogram with fixed bounds.

use std::time::Duration;

/// Upper bounds of the buckets in seconds, with the text of their label `le`. What people promise is a bound: a
/// start within 30 s, a failover within 10 s, a recovery within 15 minutes.
pub const DURATION_BOUNDS: [(f64, &str); 11] = [
    (0.5, "0.5"),
    (1.0, "1.0"),
    (2.5, "2.5"),
    (5.0, "5.0"),
    (10.0, "10.0"),
    (15.0, "15.0"),
    (30.0, "30.0"),
    (60.0, "60.0"),
    (120.0, "120.0"),
    (300.0, "300.0"),
    (900.0, "900.0"),
];

/// Durations counted by [`DURATION_BOUNDS`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Durations {
    /// How many fell into each bucket alone, not into those below it; the last is for what exceeds every bound.
    pub counts: [u64; DURATION_BOUNDS.len() + 1],
    /// All of them together.
    pub sum: Duration,
}

impl Durations {
    /// Counts one.
    pub fn observe(&mut self, took: Duration) {
        let bucket = DURATION_BOUNDS.iter().take_while(|(bound, _)| took.as_secs_f64() > *bound).count();
        self.counts.iter_mut().skip(bucket).take(1).for_each(|count| *count += 1);
        self.sum = self.sum.saturating_add(took);
    }

    /// How many there were.
    pub fn count(&self) -> u64 {
        self.counts.iter().sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bound_belongs_to_its_bucket() {
        let mut durations = Durations::default();
        for millis in [0, 500, 501, 30_000, 30_001, 300_000, 300_001, 9_000_000] {
            durations.observe(Duration::from_millis(millis));
        }
        assert_eq!(durations.counts, [2, 1, 0, 0, 0, 0, 1, 1, 0, 1, 1, 1]);
        assert_eq!((durations.count(), durations.sum), (8, Duration::from_millis(9_661_003)));
    }

    #[test]
    fn bounds_are_spelled_as_they_are() {
        for (bound, text) in DURATION_BOUNDS {
            assert_eq!(text.parse(), Ok(bound));
        }
    }
}
