//! Durations and sizes as people write them: `1m30s`, `64MiB`.

use std::time::Duration;

/// Units of a duration in milliseconds, longest first, as Prometheus has them.
const DURATION_UNITS: [(&str, u64); 7] = [
    ("y", 31_536_000_000),
    ("w", 604_800_000),
    ("d", 86_400_000),
    ("h", 3_600_000),
    ("m", 60_000),
    ("s", 1_000),
    ("ms", 1),
];

/// Units of a size in bytes. `KiB` and its kin are powers of 1024, `kB` and its kin powers of 1000.
const SIZE_UNITS: [(&str, u64); 10] = [
    ("B", 1),
    ("kB", 1_000),
    ("KB", 1_000),
    ("KiB", 1 << 10),
    ("MB", 1_000_000),
    ("MiB", 1 << 20),
    ("GB", 1_000_000_000),
    ("GiB", 1 << 30),
    ("TB", 1_000_000_000_000),
    ("TiB", 1 << 40),
];

/// Reads a duration the way Prometheus does: whole numbers with a unit each, longest unit first, none twice; `0` alone needs no
/// unit. `None` for anything else, for a bare number too: `5` could be meant as seconds or milliseconds.
pub(crate) fn parse_duration(text: &str) -> Option<Duration> {
    if text == "0" {
        return Some(Duration::ZERO);
    }
    let mut rest = text;
    let mut total: u64 = 0;
    let mut smallest = u64::MAX;
    while !rest.is_empty() {
        let (number, after) = leading_number(rest)?;
        let unit_length = after.find(|c: char| c.is_ascii_digit()).unwrap_or(after.len());
        let (unit, after) = after.split_at_checked(unit_length)?;
        let (_, milliseconds) = DURATION_UNITS.into_iter().find(|(name, _)| *name == unit)?;
        if milliseconds >= smallest {
            return None;
        }
        smallest = milliseconds;
        total = total.checked_add(number.checked_mul(milliseconds)?)?;
        rest = after;
    }
    (smallest != u64::MAX).then_some(Duration::from_millis(total))
}

/// Writes a duration so that [`parse_duration`] reads it back; what is below a millisecond is cut.
pub(crate) fn show_duration(duration: Duration) -> String {
    let mut rest = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    if rest == 0 {
        return "0s".to_owned();
    }
    let mut text = String::new();
    // Days are the longest unit written: nobody reads a week or a year as an exact time.
    for (unit, milliseconds) in DURATION_UNITS.into_iter().skip(2) {
        if rest >= milliseconds {
            text.push_str(&format!("{}{unit}", rest / milliseconds));
            rest %= milliseconds;
        }
    }
    text
}

/// Reads a size in bytes: a whole number, with a unit or plain.
pub(super) fn parse_size(text: &str) -> Option<u64> {
    let (number, unit) = leading_number(text)?;
    let unit = unit.trim_start();
    if unit.is_empty() {
        return Some(number);
    }
    let (_, bytes) = SIZE_UNITS.into_iter().find(|(name, _)| *name == unit)?;
    number.checked_mul(bytes)
}

/// Writes a size with the largest unit of 1024 that leaves no remainder.
pub(super) fn show_size(bytes: u64) -> String {
    for (unit, size) in [("TiB", 1_u64 << 40), ("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)] {
        if bytes >= size && bytes.is_multiple_of(size) {
            return format!("{}{unit}", bytes / size);
        }
    }
    bytes.to_string()
}

fn leading_number(text: &str) -> Option<(u64, &str)> {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, rest) = text.split_at_checked(end)?;
    Some((number.parse().ok()?, rest))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn durations_read_as_prometheus_reads_them() {
        let table: &[(&str, Option<u64>)] = &[
            ("0", Some(0)),
            ("0s", Some(0)),
            ("15s", Some(15_000)),
            ("500ms", Some(500)),
            ("1m30s", Some(90_000)),
            ("2d", Some(172_800_000)),
            ("1y2w3d4h5m6s7ms", Some(31_536_000_000 + 1_209_600_000 + 259_200_000 + 14_400_000 + 306_007)),
            ("", None),
            ("5", None),
            ("s", None),
            ("1.5h", None),
            ("-5s", None),
            ("5 s", None),
            ("30s1m", None),
            ("1s1s", None),
            ("5sec", None),
            ("5S", None),
            ("99999999999999999999s", None),
            ("18446744073709551615y", None),
        ];
        for (text, expected) in table {
            assert_eq!(parse_duration(text), expected.map(Duration::from_millis), "{text:?}");
        }
    }

    #[test]
    fn sizes_read_with_and_without_units() {
        let table: &[(&str, Option<u64>)] = &[
            ("0", Some(0)),
            ("4096", Some(4096)),
            ("10B", Some(10)),
            ("1kB", Some(1000)),
            ("1KiB", Some(1024)),
            ("64MiB", Some(67_108_864)),
            ("64 MiB", Some(67_108_864)),
            ("1GB", Some(1_000_000_000)),
            ("2TiB", Some(2 << 40)),
            ("", None),
            ("MiB", None),
            ("-1", None),
            ("1.5GiB", None),
            ("1mib", None),
            ("1M", None),
            ("99999999TiB", None),
        ];
        for (text, expected) in table {
            assert_eq!(parse_size(text), *expected, "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn what_is_shown_reads_back(milliseconds in 0..u64::from(u32::MAX), bytes in any::<u64>()) {
            let duration = Duration::from_millis(milliseconds);
            prop_assert_eq!(parse_duration(&show_duration(duration)), Some(duration));
            prop_assert_eq!(parse_size(&show_size(bytes)), Some(bytes));
        }

        #[test]
        fn no_text_panics(text in any::<String>()) {
            let _duration = parse_duration(&text);
            let _size = parse_size(&text);
        }
    }
}
