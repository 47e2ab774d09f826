//! The engine's clock, as far as it can be known from here.

use jiff::{SignedDuration, Timestamp};

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

#[cfg(test)]
mod tests {
    use super::*;

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
