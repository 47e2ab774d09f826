//! How long to wait before a server is asked again after a failure. Pure: it neither sleeps nor reads a clock.

use std::time::Duration;

/// No two attempts within this time, whatever happened.
const FLOOR: Duration = Duration::from_secs(1);
/// A server that was away for long is still found within this time.
const CAP: Duration = Duration::from_secs(30);

/// Growing waits with jitter: between half and all of 2 s, 4 s, 8 s, 16 s, 30 s, 30 s, ..., or of other lengths ([`Self::between`]).
///
/// Half of the wait is left to chance, so that the agents of many hosts do not come back to one engine, or one proxy, in step.
#[derive(Clone, Debug)]
pub struct Backoff {
    floor: Duration,
    cap: Duration,
    failures: u32,
    /// State of an xorshift generator; never 0, or it would stay 0.
    random: u64,
}

impl Backoff {
    /// Starts with a seed: agents with different seeds wait differently.
    pub fn new(seed: u64) -> Self {
        // A golden-ratio step spreads seeds which differ in few bits; the generator must not start at 0.
        Self { floor: FLOOR, cap: CAP, failures: 0, random: seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1 }
    }

    /// Waits of at least `floor` (1 s unless said) and at most `cap` (30 s unless said), the first one at most twice `floor`. A cap
    /// below the floor counts as the floor.
    #[must_use]
    pub fn between(self, floor: Duration, cap: Duration) -> Self {
        Self { floor, cap: cap.max(floor), ..self }
    }

    /// A seed from the clock and the process id: good enough to be out of step, not to be a secret.
    pub fn seeded() -> Self {
        let clock = std::time::UNIX_EPOCH.elapsed().map_or(0, |since| u64::from(since.subsec_nanos()));
        Self::new(clock ^ (u64::from(std::process::id()) << 32))
    }

    /// The wait before the next attempt, between the floor and the cap.
    pub fn wait(&mut self) -> Duration {
        // Sixteen doublings lead from any sensible floor to any sensible cap; the count itself may go on.
        let full = self.floor.saturating_mul(2 << self.failures.min(16)).min(self.cap);
        self.failures = self.failures.saturating_add(1);
        let half = full / 2;
        (half + half.mul_f64(self.fraction())).max(self.floor)
    }

    /// After a success the next failure waits as the first one did.
    pub const fn reset(&mut self) {
        self.failures = 0;
    }

    /// From 0 to 1, by xorshift64.
    fn fraction(&mut self) -> f64 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        f64::from((self.random >> 32) as u32) / f64::from(u32::MAX)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn waits_double_up_to_the_cap() {
        let mut backoff = Backoff::new(7);
        for (attempt, full) in [2, 4, 8, 16, 30, 30, 30].into_iter().enumerate() {
            let wait = backoff.wait();
            let full = Duration::from_secs(full);
            assert!((full / 2..=full).contains(&wait), "attempt {attempt}: {wait:?} of {full:?}");
        }
    }

    #[test]
    fn a_success_starts_anew() {
        let mut backoff = Backoff::new(7);
        for _ in 0..10 {
            backoff.wait();
        }
        backoff.reset();
        assert!(backoff.wait() <= Duration::from_secs(2));
    }

    #[test]
    fn two_agents_do_not_wait_in_step() {
        let (mut one, mut other) = (Backoff::new(1), Backoff::new(2));
        assert!((0..5).any(|_| one.wait() != other.wait()));
    }

    #[test]
    fn other_lengths_may_be_wished() {
        let mut backoff = Backoff::new(7).between(Duration::from_millis(100), Duration::from_secs(300));
        assert!(backoff.wait() <= Duration::from_millis(200));
        let last = (0..40).map(|_| backoff.wait()).last().unwrap();
        assert!((Duration::from_secs(150)..=Duration::from_secs(300)).contains(&last), "{last:?}");
        let mut odd = Backoff::new(7).between(Duration::from_secs(5), Duration::from_secs(1));
        assert_eq!(odd.wait(), Duration::from_secs(5));
    }

    proptest! {
        #[test]
        fn never_below_the_floor_nor_above_the_cap(seed: u64, successes in prop::collection::vec(any::<bool>(), 0..200)) {
            let mut backoff = Backoff::new(seed);
            for success in successes {
                if success {
                    backoff.reset();
                }
                prop_assert!((FLOOR..=CAP).contains(&backoff.wait()));
            }
        }
    }
}
