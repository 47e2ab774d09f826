//! The engine's clock, as far as it can be known from here.

use jiff::{SignedDuration, Timestamp};
use tokio::time::Instant;

/// A clock that is slewed, and an answer that takes its time, are no clock set back.
const TOLERANCE: SignedDuration = SignedDuration::from_secs(2);

/// The engine's clock minus ours, never too small. Nearly always both are the same clock, and it is zero.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct EngineClock(SignedDuration);

impl EngineClock {
    /// From an answer which the engine wrote at `engine`, between `before` and `after` of ours.
    pub(super) fn told(engine: Timestamp, before: Timestamp, after: Timestamp) -> Self {
        let same = before <= engine && engine <= after;
        Self(if same { SignedDuration::ZERO } else { engine.duration_since(before) })
    }

    /// The engine's clock when ours shows `ours`.
    pub(super) fn at(self, ours: Timestamp) -> Timestamp {
        let far = if self.0.is_negative() { Timestamp::MIN } else { Timestamp::MAX };
        ours.checked_add(self.0).unwrap_or(far)
    }
}

/// Notices that the engine's clock was set back, by a clock that never is.
#[derive(Clone, Copy, Debug)]
pub(super) struct ClockWatch {
    told: Timestamp,
    at: Instant,
}

impl ClockWatch {
    /// The engine's clock showed `told` at `at`.
    pub(super) const fn told(told: Timestamp, at: Instant) -> Self {
        Self { told, at }
    }

    /// Takes the next answer; whether the clock has lost time since the last one.
    pub(super) fn set_back(&mut self, told: Timestamp, at: Instant) -> bool {
        let elapsed = SignedDuration::try_from(at.duration_since(self.at)).unwrap_or(SignedDuration::MAX);
        let behind = told.duration_since(self.told) < elapsed.saturating_sub(TOLERANCE);
        *self = Self::told(told, at);
        behind
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn lost_time_is_noticed_and_a_late_answer_is_not() {
        let at = |second| Timestamp::from_second(second).unwrap();
        let now = Instant::now();
        let later = |seconds| now + std::time::Duration::from_secs(seconds);
        let mut clock = ClockWatch::told(at(1_000), now);
        assert!(!clock.set_back(at(1_299), later(300)), "slewed");
        assert!(!clock.set_back(at(9_000), later(310)), "set forward");
        assert!(clock.set_back(at(9_000), later(320)), "ten seconds lost");
        assert!(clock.set_back(at(10), later(320)));
        assert!(!clock.set_back(at(10), later(321)));
    }

    #[test]
    fn one_clock_has_no_offset_and_two_are_never_behind() {
        let at = |second| Timestamp::from_second(second).unwrap();
        assert_eq!(EngineClock::told(at(11), at(10), at(12)).at(at(50)), at(50));
        // Written somewhere between 10 and 12 of ours: 110 is what 10 may have been.
        assert_eq!(EngineClock::told(at(110), at(10), at(12)).at(at(12)), at(112));
        assert_eq!(EngineClock::told(at(5), at(10), at(12)).at(at(12)), at(7));
        assert_eq!(EngineClock::told(Timestamp::MIN, at(10), at(12)).at(Timestamp::MIN), Timestamp::MIN);
    }
}
