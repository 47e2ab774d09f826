//! Durations in rules.

use std::time::Duration;

/// What every duration of a rule is multiplied with.
///
/// One for rules that are loaded for good; less than one for drills, where half an hour's wait would prove nothing more.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Scale(f64);

impl Scale {
    /// Durations as they are.
    pub const ONE: Self = Self(1.0);

    /// Least and most that make sense: below, Prometheus would have to evaluate more than once a second.
    pub const RANGE: (f64, f64) = (0.001, 10.0);

    /// A factor within [`Self::RANGE`].
    pub fn new(factor: f64) -> Option<Self> {
        let (least, most) = Self::RANGE;
        (least..=most).contains(&factor).then_some(Self(factor))
    }

    /// The duration in this scale, to the millisecond; never 0 unless it was.
    pub fn of(self, seconds: u64) -> Duration {
        let whole = Duration::from_secs(seconds);
        if self == Self::ONE || seconds == 0 {
            return whole;
        }
        let scaled = (whole.as_secs_f64() * self.0 * 1_000.0).round().max(1.0);
        // Below 2^53: a century in milliseconds is 3e12.
        Duration::from_millis(scaled as u64)
    }

    /// The same, at least a second: groups are not evaluated more often.
    pub fn interval(self, seconds: u64) -> Duration {
        self.of(seconds).max(Duration::from_secs(1))
    }
}

/// As Prometheus reads it: `1d12h`, `5m`, `300ms`, `0s`.
pub(super) fn show(duration: Duration) -> String {
    let mut rest = duration.as_millis();
    if rest == 0 {
        return "0s".to_owned();
    }
    let mut text = String::new();
    for (unit, milliseconds) in [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)] {
        if rest >= milliseconds {
            text.push_str(&format!("{}{unit}", rest / milliseconds));
            rest %= milliseconds;
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn durations_are_written_as_prometheus_writes_them() {
        for (milliseconds, text) in
            [(0, "0s"), (1, "1ms"), (300_000, "5m"), (5_400_000, "1h30m"), (2_592_000_000, "30d"), (3_500, "3s500ms")]
        {
            assert_eq!(show(Duration::from_millis(milliseconds)), text);
        }
    }

    #[test]
    fn a_scale_multiplies_and_keeps_groups_at_a_second() {
        let hundredth = Scale::new(0.01).unwrap();
        assert_eq!(hundredth.of(300), Duration::from_secs(3));
        assert_eq!(hundredth.of(30), Duration::from_millis(300));
        assert_eq!(hundredth.interval(30), Duration::from_secs(1));
        assert_eq!(hundredth.of(0), Duration::ZERO);
        for wrong in [0.0, -1.0, f64::NAN, f64::INFINITY, 11.0] {
            assert_eq!(Scale::new(wrong), None, "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn no_duration_is_scaled_away(seconds in 1_u64..10_000_000, factor in 0.001_f64..=10.0) {
            prop_assert!(Scale::new(factor).unwrap().of(seconds) > Duration::ZERO);
        }
    }
}
