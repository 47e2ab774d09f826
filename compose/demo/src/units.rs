//! Values as a person writes them: durations, ranges of durations, shares.

use std::{fmt, str::FromStr, time::Duration};

/// Nothing here waits longer than a day.
const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);

/// What was wrong with a value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{value}` is not {expected}")]
pub struct Malformed {
    value: String,
    expected: &'static str,
}

impl Malformed {
    /// Names the value as given and what would have been right.
    pub fn new(value: &str, expected: &'static str) -> Self {
        Self { value: value.chars().take(64).collect(), expected }
    }
}

/// A duration: a number and its unit (`ms`, `s`, `m`, `h`), or a bare `0`; at most a day.
///
/// ```
/// # use std::time::Duration;
/// # use spyhop_demo::units::duration;
/// assert_eq!(duration("1.5s"), Ok(Duration::from_millis(1500)));
/// assert!(duration("5").is_err(), "five of what?");
/// ```
pub fn duration(text: &str) -> Result<Duration, Malformed> {
    let malformed = || Malformed::new(text, "a duration of at most a day, such as `250ms`, `1.5s`, `2m`");
    if text == "0" {
        return Ok(Duration::ZERO);
    }
    let (number, seconds_per_unit) = [("ms", 0.001), ("s", 1.0), ("m", 60.0), ("h", 3600.0)]
        .into_iter()
        .find_map(|(unit, seconds)| Some((text.strip_suffix(unit)?, seconds)))
        .ok_or_else(malformed)?;
    let number: f64 = number.parse().map_err(|_| malformed())?;
    let duration = Duration::try_from_secs_f64(number * seconds_per_unit).map_err(|_| malformed())?;
    if duration > LONGEST { Err(malformed()) } else { Ok(duration) }
}

/// A share of something: 0 (never) to 1 (always).
pub fn share(text: &str) -> Result<f64, Malformed> {
    let malformed = || Malformed::new(text, "a share from 0 to 1");
    let share: f64 = text.parse().map_err(|_| malformed())?;
    if (0.0..=1.0).contains(&share) { Ok(share) } else { Err(malformed()) }
}

/// A rate a second: 0 (none) to a million.
pub fn rate(text: &str) -> Result<f64, Malformed> {
    let malformed = || Malformed::new(text, "a rate a second from 0 to 1000000");
    let rate: f64 = text.parse().map_err(|_| malformed())?;
    if (0.0..=1_000_000.0).contains(&rate) { Ok(rate) } else { Err(malformed()) }
}

/// A duration, or a range of which each use takes another one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Spread {
    shortest: Duration,
    longest: Duration,
}

impl Spread {
    /// The duration at a point of the range, 0 being its start and 1 its end.
    pub fn at(self, point: f64) -> Duration {
        self.shortest + (self.longest - self.shortest).mul_f64(point.clamp(0.0, 1.0))
    }
}

impl FromStr for Spread {
    type Err = Malformed;

    /// Reads `20ms`, or `20ms..80ms` with the shorter one first.
    fn from_str(text: &str) -> Result<Self, Malformed> {
        let (shortest, longest) = match text.split_once("..") {
            Some((shortest, longest)) => (duration(shortest)?, duration(longest)?),
            None => (duration(text)?, duration(text)?),
        };
        if shortest > longest {
            return Err(Malformed::new(text, "a range with the shorter duration first"));
        }
        Ok(Self { shortest, longest })
    }
}

impl fmt::Display for Spread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}ms", self.shortest.as_millis())?;
        if self.longest != self.shortest {
            write!(f, "..{}ms", self.longest.as_millis())?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn durations_are_a_number_with_a_unit() {
        let table = [
            ("0", Some(0)),
            ("0s", Some(0)),
            ("250ms", Some(250)),
            ("1.5s", Some(1500)),
            ("2m", Some(120_000)),
            ("24h", Some(86_400_000)),
            ("24.1h", None),
            ("5", None),
            ("-1s", None),
            ("s", None),
            ("NaNs", None),
            ("infs", None),
            ("", None),
        ];
        for (text, expected) in table {
            assert_eq!(duration(text).ok(), expected.map(Duration::from_millis), "{text:?}");
        }
    }

    #[test]
    fn shares_and_rates_have_their_ranges() {
        for (text, expected) in
            [("0", Some(0.0)), ("0.25", Some(0.25)), ("1", Some(1.0)), ("1.01", None), ("NaN", None), ("x", None)]
        {
            assert_eq!(share(text).ok(), expected, "{text:?}");
        }
        for (text, expected) in
            [("0", Some(0.0)), ("1000000", Some(1_000_000.0)), ("1000001", None), ("-1", None), ("inf", None)]
        {
            assert_eq!(rate(text).ok(), expected, "{text:?}");
        }
    }

    #[test]
    fn a_spread_is_written_as_it_is_read() {
        for text in ["0ms", "20ms", "20ms..80ms"] {
            assert_eq!(text.parse::<Spread>().map(|spread| spread.to_string()).as_deref(), Ok(text));
        }
        assert_eq!(
            "80ms..20ms".parse::<Spread>().unwrap_err().to_string(),
            "`80ms..20ms` is not a range with the shorter duration first"
        );
    }

    proptest! {
        #[test]
        fn no_text_panics_and_a_spread_stays_inside_its_ends(text in ".{0,20}", a in 0u64..1000, b in 0u64..1000, point in -1.0f64..2.0) {
            if let Ok(read) = duration(&text) {
                prop_assert!(read <= LONGEST);
                prop_assert!(text.parse::<Spread>().is_ok());
            }
            let (shortest, longest) = (a.min(b), a.max(b));
            let spread: Spread = format!("{shortest}ms..{longest}ms").parse().unwrap();
            let at = spread.at(point);
            prop_assert!(at >= Duration::from_millis(shortest) && at <= Duration::from_millis(longest));
        }
    }
}
