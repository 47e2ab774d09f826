//! Parsers of the kernel's small formats: pure, over bytes, without allocation, never panicking.
//!
//! A value that is not a number is `None`; the caller counts it.

/// Splits into lines without their ends, empty ones left out; the last one may lack its end.
pub(super) const fn lines(bytes: &[u8]) -> Lines<'_> {
    Lines(bytes)
}

/// See [`lines`]. Line ends are searched for many bytes at a time: this is the loop all figures of a scrape go through.
#[derive(Clone, Copy, Debug)]
pub(super) struct Lines<'bytes>(&'bytes [u8]);

impl<'bytes> Iterator for Lines<'bytes> {
    type Item = &'bytes [u8];

    fn next(&mut self) -> Option<Self::Item> {
        while !self.0.is_empty() {
            let end = memchr::memchr(b'\n', self.0).unwrap_or(self.0.len());
            let (line, rest) = self.0.split_at_checked(end)?;
            self.0 = rest.get(1..).unwrap_or_default();
            if !line.is_empty() {
                return Some(line);
            }
        }
        None
    }
}

/// Splits a line at runs of blanks and tabs.
pub(super) fn words(line: &[u8]) -> impl Iterator<Item = &[u8]> {
    line.split(|byte| matches!(byte, b' ' | b'\t')).filter(|word| !word.is_empty())
}

/// A decimal number and nothing else; `None` when it does not fit.
pub(super) fn number(word: &[u8]) -> Option<u64> {
    // Nineteen digits always fit, so the hot path needs no check for overflow.
    const ALWAYS_FITS: usize = 19;
    if word.is_empty() {
        return None;
    }
    if word.len() <= ALWAYS_FITS {
        let mut value = 0_u64;
        for byte in word {
            let digit = byte.wrapping_sub(b'0');
            if digit > 9 {
                return None;
            }
            value = value * 10 + u64::from(digit);
        }
        return Some(value);
    }
    word.iter().try_fold(0_u64, |value, byte| {
        let digit = byte.checked_sub(b'0').filter(|digit| *digit < 10)?;
        value.checked_mul(10)?.checked_add(u64::from(digit))
    })
}

/// The number a text begins with, and what follows it; `None` without one, or when it does not fit.
pub(super) fn leading_number(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let digits = bytes.iter().position(|byte| !byte.is_ascii_digit()).unwrap_or(bytes.len());
    let (word, rest) = bytes.split_at_checked(digits)?;
    Some((number(word)?, rest))
}

/// A file of one number.
pub(super) fn single(bytes: &[u8]) -> Option<u64> {
    number(bytes.trim_ascii())
}

/// A file of one limit: `max`, `-1` and what the kernel rounds "no limit" to (2^63 cut to pages) are `None`.
pub(super) fn limit(bytes: &[u8]) -> Option<u64> {
    single(bytes).filter(|value| *value < UNLIMITED)
}

/// cAdvisor's and our bound for "unlimited" on v1: no machine has that much.
const UNLIMITED: u64 = 1 << 62;

/// The rows of a flat keyed file: `key value`. Most keys of most files are not wanted, so values are handed out as they stand, for
/// [`number`] to read. Rows of another form are left out.
pub(super) fn flat(bytes: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> {
    lines(bytes).filter_map(|line| {
        let (key, value) = line.split_at_checked(memchr::memchr(b' ', line)?)?;
        Some((key, value.get(1..)?))
    })
}

/// What remains of a file from the first line with this beginning, which is given with the line end before it; nothing without one.
pub(super) fn from_line<'bytes>(bytes: &'bytes [u8], beginning: &[u8]) -> &'bytes [u8] {
    if beginning.get(1..).is_some_and(|first| bytes.starts_with(first)) {
        return bytes;
    }
    memchr::memmem::find(bytes, beginning).and_then(|at| bytes.get(at + 1..)).unwrap_or_default()
}

/// `major:minor`.
pub(super) fn device_number(word: &[u8]) -> Option<(u32, u32)> {
    let at = memchr::memchr(b':', word)?;
    let (major, minor) = word.split_at_checked(at)?;
    let part = |word| u32::try_from(number(word)?).ok();
    Some((part(major)?, part(minor.get(1..)?)?))
}

/// A decimal fraction as the kernel prints it (`0.25`).
pub(super) fn fraction(word: &[u8]) -> Option<f64> {
    std::str::from_utf8(word).ok()?.parse().ok().filter(|value: &f64| value.is_finite())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn lines_are_found_with_and_without_an_end() {
        let table: [(&[u8], &[&[u8]]); 5] =
            [(b"", &[]), (b"\n\n", &[]), (b"a", &[b"a"]), (b"a\nb\n", &[b"a", b"b"]), (b"\na\n\nb", &[b"a", b"b"])];
        for (bytes, expected) in table {
            assert_eq!(lines(bytes).collect::<Vec<_>>(), expected, "{bytes:?}");
        }
    }

    #[test]
    fn numbers_are_whole_words_that_fit() {
        let table: [(&[u8], Option<u64>); 9] = [
            (b"0", Some(0)),
            (b"18446744073709551615", Some(u64::MAX)),
            (b"18446744073709551616", None),
            (b"", None),
            (b"-1", None),
            (b"+1", None),
            (b"1x", None),
            (b"max", None),
            (b"\xff", None),
        ];
        for (word, expected) in table {
            assert_eq!(number(word), expected, "{:?}", String::from_utf8_lossy(word));
        }
    }

    #[test]
    fn numbers_are_found_at_the_beginning() {
        assert_eq!(leading_number(b"12 3"), Some((12, b" 3".as_slice())));
        assert_eq!(leading_number(b"12"), Some((12, b"".as_slice())));
        for wrong in [b"".as_slice(), b" 1", b"x", b"18446744073709551616 "] {
            assert_eq!(leading_number(wrong), None);
        }
    }

    #[test]
    fn limits_know_every_way_to_say_none() {
        let table: [(&[u8], Option<u64>); 6] = [
            (b"67108864\n", Some(67_108_864)),
            (b"max\n", None),
            (b"-1\n", None),
            (b"9223372036854771712\n", None),
            (b"4611686018427387903\n", Some((1 << 62) - 1)),
            (b"", None),
        ];
        for (file, expected) in table {
            assert_eq!(limit(file), expected, "{:?}", String::from_utf8_lossy(file));
        }
    }

    #[test]
    fn flat_files_skip_rows_of_another_form() {
        let rows: Vec<_> = flat(b"cache 4096\nbroken\nrss x\n\nswap 0").collect();
        let row = |key: &'static str, value: &'static str| (key.as_bytes(), value.as_bytes());
        assert_eq!(rows, [row("cache", "4096"), row("rss", "x"), row("swap", "0")]);
    }

    #[test]
    fn a_file_goes_on_from_a_line() {
        let file = b"a 1\nb 2\nba 3\n";
        let table: [(&[u8], &[u8]); 4] =
            [(b"\na ", file), (b"\nb", b"b 2\nba 3\n"), (b"\nba ", b"ba 3\n"), (b"\n 1", b"")];
        for (beginning, expected) in table {
            assert_eq!(from_line(file, beginning), expected);
        }
    }

    #[test]
    fn device_numbers_need_both_halves() {
        assert_eq!(device_number(b"259:3"), Some((259, 3)));
        for wrong in [b"259".as_slice(), b"259:", b":3", b"a:b", b"4294967296:0"] {
            assert_eq!(device_number(wrong), None);
        }
    }

    proptest! {
        #[test]
        fn no_bytes_make_a_parser_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = (single(&bytes), limit(&bytes), device_number(&bytes), fraction(&bytes), flat(&bytes).count());
        }

        #[test]
        fn a_printed_number_is_read_back(value: u64) {
            prop_assert_eq!(number(value.to_string().as_bytes()), Some(value));
        }
    }
}
