//! Hexadecimal words of a fixed length, as the kernel prints addresses and counters in its tables of sockets.

/// Value of each digit; [`NONE`] for every other byte.
static DIGITS: [u8; 256] = digits();

/// Its upper half is set, which no digit has.
const NONE: u8 = 0xff;

const fn digits() -> [u8; 256] {
    let mut table = [NONE; 256];
    let mut digit = 0;
    while digit < 16 {
        let [lower, upper] = [b"0123456789abcdef", b"0123456789ABCDEF"];
        #[expect(
            clippy::indexing_slicing,
            reason = "sixteen digits; a byte is below 256; this runs when it is compiled"
        )]
        {
            table[lower[digit] as usize] = digit as u8;
            table[upper[digit] as usize] = digit as u8;
        }
        digit += 1;
    }
    table
}

/// The number that `N` (at most 8) digits write; `None` with any other byte among them.
pub(super) fn number<const N: usize>(word: &[u8; N]) -> Option<u32> {
    const { assert!(N <= 8) };
    let (mut value, mut seen) = (0_u32, 0_u8);
    for byte in word {
        let digit = DIGITS.get(usize::from(*byte)).copied().unwrap_or(NONE);
        seen |= digit;
        value = value << 4 | u32::from(digit & 0xf);
    }
    (seen & 0xf0 == 0).then_some(value)
}

/// Reads a row from left to right.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cursor<'row>(pub(super) &'row [u8]);

impl Cursor<'_> {
    /// `N` digits.
    pub(super) fn hex<const N: usize>(&mut self) -> Option<u32> {
        let (word, rest) = self.0.split_first_chunk::<N>()?;
        self.0 = rest;
        number(word)
    }

    /// This byte.
    pub(super) fn byte(&mut self, wanted: u8) -> Option<()> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        (*first == wanted).then_some(())
    }

    /// Everything up to this byte, and it as well.
    pub(super) fn past(&mut self, wanted: u8) -> Option<()> {
        let at = memchr::memchr(wanted, self.0)?;
        self.0 = self.0.get(at + 1..)?;
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn digits_and_nothing_else() {
        assert_eq!(number(b"0100007F"), Some(0x0100_007f));
        assert_eq!(number(b"fFfFfFfF"), Some(u32::MAX));
        assert_eq!(number(b"0a"), Some(10));
        for wrong in [b"0x", b" 1", b"-1", b"+1", b"1 ", b"\xff0", b"g0", b"/0", b":0", b"@0", b"`0"] {
            assert_eq!(number(wrong), None, "{}", wrong.escape_ascii());
        }
    }

    proptest! {
        #[test]
        fn what_is_printed_is_read_back(value: u32) {
            prop_assert_eq!(number(format!("{value:08X}").as_bytes().first_chunk::<8>().unwrap()), Some(value));
            prop_assert_eq!(number(format!("{value:08x}").as_bytes().first_chunk::<8>().unwrap()), Some(value));
        }

        #[test]
        fn other_bytes_are_never_taken(word: [u8; 4]) {
            prop_assert_eq!(number(&word).is_some(), word.iter().all(u8::is_ascii_hexdigit));
        }
    }
}
