//! RFC 3339 to nanoseconds, at fixed offsets.

/// What can be said in nanoseconds of an `i64` ends in 2262: later is no time.
const DAY: i64 = 86_400;

/// Reads a time at the beginning of `bytes`: nanoseconds since 1970, and its length. Fractions of any length are taken, digits
/// beyond the ninth are dropped; `Z` or an offset ends it.
pub fn read(bytes: &[u8]) -> Option<(i64, usize)> {
    Reader::default().read(bytes)
}

/// Reads times one after the other. Of lines that follow each other most are of one second, which is read once.
#[derive(Debug)]
pub struct Reader {
    /// Date and time of day as they stood in the last one.
    head: [u8; HEAD],
    /// What they said, in seconds since 1970, for a place in Greenwich.
    seconds: i64,
}

/// Bytes of a date and a time of day.
const HEAD: usize = 19;

impl Default for Reader {
    fn default() -> Self {
        Self { head: *b"1970-01-01T00:00:00", seconds: 0 }
    }
}

impl Reader {
    /// See [`read`].
    pub fn read(&mut self, bytes: &[u8]) -> Option<(i64, usize)> {
        let head: &[u8; HEAD] = bytes.first_chunk()?;
        if *head != self.head {
            (self.seconds, self.head) = (seconds(head)?, *head);
        }
        let (nanoseconds, after) = fraction(bytes.get(HEAD..)?)?;
        let zone_at = HEAD + after;
        let (offset, zone) = zone(bytes.get(zone_at..)?)?;
        let time = (self.seconds - offset).checked_mul(1_000_000_000)?.checked_add(nanoseconds)?;
        Some((time, zone_at + zone))
    }
}

fn seconds(head: &[u8; HEAD]) -> Option<i64> {
    let [y0, y1, y2, y3, b'-', m0, m1, b'-', d0, d1, b'T', h0, h1, b':', n0, n1, b':', s0, s1] = *head else {
        return None;
    };
    let year = two(y0, y1)? * 100 + two(y2, y3)?;
    let (month, day) = (two(m0, m1)?, two(d0, d1)?);
    let (hour, minute, second) = (two(h0, h1)?, two(n0, n1)?, two(s0, s1)?);
    // 60 is a leap second.
    if !(1..=12).contains(&month) || !(1..=31).contains(&day) || hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    Some(days(year, month, day) * DAY + hour * 3600 + minute * 60 + second)
}

const fn digit(byte: u8) -> Option<i64> {
    match byte.wrapping_sub(b'0') {
        digit @ 0..=9 => Some(digit as i64),
        _ => None,
    }
}

fn two(tens: u8, ones: u8) -> Option<i64> {
    Some(digit(tens)? * 10 + digit(ones)?)
}

/// Nanoseconds of `.123`, and its length; none where there is no point.
fn fraction(bytes: &[u8]) -> Option<(i64, usize)> {
    let Some((b'.', digits)) = bytes.split_first() else { return Some((0, 0)) };
    // As the engine writes nearly all of them.
    if let Some([digits @ .., b'Z']) = digits.first_chunk::<10>()
        && digits.iter().fold(true, |all, byte| all & byte.is_ascii_digit())
    {
        return Some((digits.iter().fold(0, |value, byte| value * 10 + i64::from(byte & 0x0f)), 10));
    }
    let (mut value, mut unit, mut length) = (0, 100_000_000, 0);
    for digit in digits.iter().map_while(|byte| digit(*byte)) {
        value += digit * unit;
        unit /= 10;
        length += 1;
    }
    (length > 0).then_some((value, length + 1))
}

/// Seconds east of Greenwich, and the length of what says so.
fn zone(bytes: &[u8]) -> Option<(i64, usize)> {
    let sign = match bytes.first()? {
        b'Z' => return Some((0, 1)),
        b'+' => 1,
        b'-' => -1,
        _ => return None,
    };
    let [h0, h1, b':', m0, m1] = *bytes.get(1..)?.first_chunk()? else { return None };
    Some((sign * (two(h0, h1)? * 3600 + two(m0, m1)? * 60), 6))
}

/// Days since 1970 of a date: years begin in March, so that the odd day is the last of a year, and 400 of them have 146,097 days.
const fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let (cycle, of_cycle) = (year.div_euclid(400), year.rem_euclid(400));
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let of_cycle = of_cycle * 365 + of_cycle / 4 - of_cycle / 100 + of_year;
    cycle * 146_097 + of_cycle - 719_468
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use proptest::prelude::*;

    use super::*;

    fn nanoseconds(text: &str) -> Option<i64> {
        read(text.as_bytes()).filter(|(_, length)| *length == text.len()).map(|(time, _)| time)
    }

    #[test]
    fn every_spelling_of_a_time() {
        let base = 1_795_253_396_000_000_000;
        for (text, plus) in [
            ("2026-11-21T09:29:56Z", 0),
            ("2026-11-21T09:29:56.5Z", 500_000_000),
            ("2026-11-21T09:29:56.123456789Z", 123_456_789),
            ("2026-11-21T09:29:56.1234567891234Z", 123_456_789),
            ("2026-11-21T11:29:56+02:00", 0),
            ("2026-11-21T04:59:56.000000001-04:30", 1),
        ] {
            assert_eq!(nanoseconds(text), Some(base + plus), "{text}");
        }
        assert_eq!(nanoseconds("2016-12-31T23:59:60Z"), nanoseconds("2017-01-01T00:00:00Z"));
        assert_eq!(read(b"2026-11-21T09:29:56Z\"}").map(|(_, length)| length), Some(20));
    }

    #[test]
    fn what_is_no_time() {
        for text in [
            "",
            "2026-11-21",
            "2026-11-21 09:29:56Z",
            "2026-13-21T09:29:56Z",
            "2026-00-21T09:29:56Z",
            "2026-11-21T24:29:56Z",
            "2026-11-21T09:29:56",
            "2026-11-21T09:29:56.Z",
            "2026-11-21T09:29:56+0200",
            "2O26-11-21T09:29:56Z",
            "2999-11-21T09:29:56Z",
            "0001-01-01T00:00:00Z",
        ] {
            assert_eq!(nanoseconds(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn agrees_with_jiff(seconds in -9_000_000_000i64..9_000_000_000, nanoseconds_of in 0i32..1_000_000_000) {
            let time = Timestamp::new(seconds, nanoseconds_of).unwrap();
            prop_assert_eq!(i128::from(nanoseconds(&time.to_string()).unwrap()), time.as_nanosecond());
        }

        #[test]
        fn what_was_read_before_changes_nothing(texts in proptest::collection::vec("(1970-01-01|2026-1[12]-2[18])T00:00:0[0-2](\\.[0-9]{1,11})?(Z|[+-]01:00|)", 0..8)) {
            let mut reader = Reader::default();
            for text in texts {
                prop_assert_eq!(reader.read(text.as_bytes()), read(text.as_bytes()));
            }
        }
    }
}
