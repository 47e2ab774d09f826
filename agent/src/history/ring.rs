//! Sixty minutes of a few figures, in two bytes a point.

use super::{MINUTES, Spark};

/// The upper half of a `f32`: its range, and a precision of 0.4 %, which is less than a pixel of a sparkline. All ones is absent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Half(u16);

impl Half {
    const ABSENT: Self = Self(u16::MAX);

    /// The nearest; what is no number is absent.
    fn of(value: f32) -> Self {
        // Half of the last place that stays is added, so that the cut rounds. The largest finite value may become infinite by it.
        let rounded = f32::from_bits(value.to_bits().saturating_add(0x8000));
        match value.is_finite() && rounded.is_finite() {
            true => Self(u16::try_from(rounded.to_bits() >> 16).unwrap_or(u16::MAX)),
            false => Self::ABSENT,
        }
    }

    /// NaN when absent: all ones are one.
    fn value(self) -> f32 {
        f32::from_bits(u32::from(self.0) << 16)
    }
}

/// The last hour of `N` figures. A minute has its place by its number, so that nothing moves as time passes.
#[derive(Clone, Debug)]
pub(super) struct Ring<const N: usize> {
    /// Minutes since 1970 of the newest point.
    newest: i64,
    lines: [[Half; MINUTES]; N],
}

impl<const N: usize> Ring<N> {
    pub(super) const fn new(minute: i64) -> Self {
        Self { newest: minute, lines: [[Half::ABSENT; MINUTES]; N] }
    }

    /// The minute of the newest point.
    pub(super) const fn newest(&self) -> i64 {
        self.newest
    }

    /// Writes a minute; `None` leaves the point of a figure as it is. Minutes passed over are gaps. So are those that turn out to be in
    /// the future, when the clock was set back: nobody knows any more when they were.
    pub(super) fn put(&mut self, minute: i64, values: [Option<f32>; N]) {
        let (low, high) = (minute.min(self.newest), minute.max(self.newest));
        // From the one to the other all is new: what was there is an hour or more away, or in the future.
        for passed in (low.saturating_add(1)..=high).take(MINUTES) {
            self.lines.iter_mut().for_each(|line| set(line, passed, Half::ABSENT));
        }
        self.newest = minute;
        for (line, value) in self.lines.iter_mut().zip(values) {
            if let Some(value) = value {
                set(line, minute, Half::of(value));
            }
        }
    }

    /// The figure with this number, up to `minute`.
    pub(super) fn spark(&self, figure: usize, minute: i64) -> Spark {
        let mut spark = [f32::NAN; MINUTES];
        let Some(line) = self.lines.get(figure) else { return spark };
        for (point, back) in spark.iter_mut().rev().zip(0_i64..) {
            let Some(asked) = minute.checked_sub(back) else { break };
            let age = self.newest.saturating_sub(asked);
            if (0..MINUTES as i64).contains(&age) {
                *point = line.get(place(asked)).map_or(f32::NAN, |half| half.value());
            }
        }
        spark
    }
}

fn set(line: &mut [Half; MINUTES], minute: i64, value: Half) {
    line.iter_mut().skip(place(minute)).take(1).for_each(|point| *point = value);
}

fn place(minute: i64) -> usize {
    usize::try_from(minute.rem_euclid(MINUTES as i64)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    /// What is there, as pairs of minutes ago and values.
    fn shown(ring: &Ring<1>, minute: i64) -> Vec<(usize, f32)> {
        let spark = ring.spark(0, minute);
        spark.iter().rev().enumerate().filter(|(_, value)| !value.is_nan()).map(|(ago, value)| (ago, *value)).collect()
    }

    #[test]
    fn halves_are_near_and_what_is_no_number_is_absent() {
        for value in [0.0, 1.0, 0.07, 3.9, 1_234_567.0, 1e12, -2.5] {
            let half = Half::of(value).value();
            assert!((half - value).abs() <= value.abs() / 256.0, "{value} became {half}");
        }
        for value in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, f32::MAX] {
            assert!(Half::of(value).value().is_nan(), "{value}");
        }
    }

    #[test]
    fn minutes_passed_over_are_gaps_and_an_hour_is_all() {
        let mut ring = Ring::<1>::new(1_000);
        ring.put(1_000, [Some(1.0)]);
        ring.put(1_003, [Some(4.0)]);
        assert_eq!(shown(&ring, 1_003), [(0, 4.0), (3, 1.0)]);
        ring.put(1_003, [Some(5.0)]);
        ring.put(1_003, [None]);
        assert_eq!(shown(&ring, 1_005), [(2, 5.0), (5, 1.0)], "nobody has read since");
        assert_eq!(shown(&ring, 1_062), [(59, 5.0)]);
        assert_eq!(shown(&ring, 1_063), []);
        ring.put(1_060, [Some(6.0)]);
        assert_eq!(shown(&ring, 1_060), [(0, 6.0), (57, 5.0)], "the place of minute 1,000 is taken");
    }

    #[test]
    fn a_clock_set_back_leaves_what_was_before_and_nothing_of_the_future() {
        let mut ring = Ring::<1>::new(100);
        (100..110).for_each(|minute| ring.put(minute, [Some(minute as f32)]));
        ring.put(104, [Some(1.0)]);
        assert_eq!(shown(&ring, 104), [(0, 1.0), (1, 103.0), (2, 102.0), (3, 101.0), (4, 100.0)]);
        assert_eq!(shown(&ring, 109).len(), 5, "nothing of what was later");
        ring.put(-5_000, [Some(2.0)]);
        assert_eq!(shown(&ring, -5_000), [(0, 2.0)]);
        ring.put(i64::MAX, [Some(3.0)]);
        ring.put(i64::MIN, [Some(4.0)]);
        assert_eq!(shown(&ring, i64::MIN), [(0, 4.0)]);
    }

    proptest! {
        /// Whatever the clock does, what is shown is what a table of minutes holds that forgets the future and what is an hour old.
        #[test]
        fn agrees_with_a_table(steps in prop::collection::vec((-90_i64..90, 0_u16..200), 1..80)) {
            let (mut ring, mut table, mut minute) = (Ring::<1>::new(50), BTreeMap::new(), 50);
            for (step, value) in steps {
                minute += step;
                ring.put(minute, [Some(f32::from(value))]);
                table.retain(|at, _| (minute - 59..minute).contains(at));
                table.insert(minute, f32::from(value));
                let expected: Vec<_> = table.iter().rev().map(|(at, value)| ((minute - at) as usize, *value)).collect();
                prop_assert_eq!(shown(&ring, minute), expected);
            }
        }
    }
}
