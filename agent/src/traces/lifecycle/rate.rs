//! How many traces may be told: `docker run --rm` in a loop must not fill a back end.

use std::time::Duration;

/// Traces at once, and a minute, that nobody is kept from.
const ROOM: f64 = 240.0;
const PER_SECOND: f64 = 2.0;

/// A bucket of tokens: one a trace.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rate {
    tokens: f64,
    filled: Duration,
}

impl Default for Rate {
    fn default() -> Self {
        Self { tokens: ROOM, filled: Duration::ZERO }
    }
}

impl Rate {
    /// Whether one more may be told now; `now` by the machine's own clock, which never goes back.
    pub(super) fn take(&mut self, now: Duration) -> bool {
        let passed = now.saturating_sub(self.filled).as_secs_f64();
        self.filled = self.filled.max(now);
        self.tokens = (self.tokens + passed * PER_SECOND).min(ROOM);
        let may = self.tokens >= 1.0;
        if may {
            self.tokens -= 1.0;
        }
        may
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_passes_and_a_flood_does_not() {
        let mut rate = Rate::default();
        let told = |rate: &mut Rate, second: u64, tried: usize| {
            (0..tried).filter(|_| rate.take(Duration::from_secs(second))).count()
        };
        assert_eq!(told(&mut rate, 0, 1_000), 240);
        assert_eq!(told(&mut rate, 60, 1_000), 120, "two a second");
        assert_eq!(told(&mut rate, 10, 1_000), 0, "an earlier moment gives nothing");
        assert_eq!(told(&mut rate, 10_000, 1_000), 240, "no more than the bucket holds");
    }
}
