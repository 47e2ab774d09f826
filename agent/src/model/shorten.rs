//! Words longer than there is room for, cut so that two different ones stay different.

use std::borrow::Cow;

/// `~` and sixteen digits.
const MARK: usize = 17;

/// `value` in at most `max` bytes (18 at least). What is longer keeps its beginning and ends in `~` and a checksum of the whole: of two
/// long values with one beginning, a mere prefix would make one series that stands twice, for which Prometheus refuses a whole page.
pub fn shorten(value: &str, max: usize) -> Cow<'_, str> {
    if value.len() <= max {
        return Cow::Borrowed(value);
    }
    let kept = value.get(..value.floor_char_boundary(max.saturating_sub(MARK))).unwrap_or_default();
    Cow::Owned(format!("{kept}~{:016x}", fnv1a(value.as_bytes())))
}

/// Fowler, Noll and Vo's hash (FNV-1a, 64 bits): the same in every run and every version, which the standard library's is not.
fn fnv1a(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x100_0000_01b3))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn short_values_are_left_alone_and_long_ones_stay_apart() {
        assert_eq!(shorten("web", 20), "web");
        assert_eq!(shorten("äöüäöüäöüä", 20), "äöüäöüäöüä");
        // Two bytes a letter: the third does not fit whole.
        assert_eq!(shorten("äöüäöüäöüäö", 22), "äöüäöüäöüäö");
        assert_eq!(shorten("äöüäöüäöüäö", 21), format!("äö~{:016x}", fnv1a("äöüäöüäöüäö".as_bytes())));
        assert_eq!(fnv1a(b"a"), 0xaf63_dc4c_8601_ec8c, "as published");
        let long = "x".repeat(300);
        assert_ne!(shorten(&format!("{long}1"), 256), shorten(&format!("{long}2"), 256));
    }

    proptest! {
        #[test]
        fn it_always_fits(value in "\\PC{0,80}", max in 18_usize..64) {
            let short = shorten(&value, max);
            prop_assert!(short.len() <= max);
            prop_assert_eq!(short == value, value.len() <= max);
        }
    }
}
