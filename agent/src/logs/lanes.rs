//! Looks at eight bytes at a time, for the loops that go over every byte of every line. Pure.
//!
//! Compilers make vectors of plain loops where they build for speed. The agent is built small (`opt-level = "s"`), which leaves them a
//! byte at a time; these say themselves what they do with a word of eight, and cost the same however they are built. A line of a few
//! hundred bytes is gone through in some fifty cycles. The arithmetic is that of "Bit Twiddling Hacks" (Anderson): a sum or difference
//! in each byte, whose highest bit is the answer.

/// Bytes looked at before anything is decided.
const BLOCK: usize = 32;
/// The highest bit of each byte.
const HIGH: u64 = each(0x80);

/// Whether there may be a control character, DEL and C1 among them, that is no tab or newline. A byte which begins C1 controls and
/// harmless signs like the degree counts as one.
pub(super) fn may_hold_controls(bytes: &[u8]) -> bool {
    let (blocks, rest) = bytes.as_chunks();
    for block in blocks {
        if !is_plain(block) && block.iter().any(is_odd) {
            return true;
        }
    }
    // What is left over is looked at together with what stands before it, once more.
    match bytes.last_chunk() {
        Some(last) => !is_plain(last) && last.iter().any(is_odd),
        None => rest.iter().any(is_odd),
    }
}

/// 0xc2 begins the C1 controls.
fn is_odd(byte: &u8) -> bool {
    *byte < b' ' && *byte != b'\t' && *byte != b'\n' || *byte == 0x7f || *byte == 0xc2
}

/// Whether no byte is odd, tabs and newlines not told from other controls.
#[inline(always)]
fn is_plain(block: &[u8; BLOCK]) -> bool {
    let (eights, _) = block.as_chunks::<8>();
    let (mut visible, mut all) = (HIGH, 0);
    for eight in eights {
        let word = u64::from_le_bytes(*eight);
        all |= word;
        // One more, DEL is a control like those below the blank.
        visible &= (word.wrapping_add(each(1)) & !HIGH) + each(0x80 - b' ' - 1);
    }
    if all & HIGH == 0 {
        return visible & HIGH == HIGH;
    }
    let mut found = 0;
    for eight in eights {
        let word = u64::from_le_bytes(*eight);
        found |= some_below(word, b' ') | some_below(word ^ each(0x7f), 1) | some_below(word ^ each(0xc2), 1);
    }
    found == 0
}

/// Whether a control character is among them, and whether a byte that is not ASCII.
pub(super) fn controls_and_others(bytes: &[u8]) -> (bool, bool) {
    let (eights, rest) = bytes.as_chunks::<8>();
    let (mut low, mut all) = (0, 0);
    for eight in eights {
        let word = u64::from_le_bytes(*eight);
        low |= some_below(word, b' ');
        all |= word;
    }
    let mut control = low != 0;
    for byte in rest {
        control |= *byte < b' ';
        all |= u64::from(*byte);
    }
    (control, all & HIGH != 0)
}

/// A bit for each quote, backslash and control character, the first byte's the lowest.
#[inline(always)]
pub(super) fn specials(block: &[u8; 64]) -> u64 {
    // Of eight words with a bit in each byte, the multiplication gathers those of one in its highest byte.
    const GATHER: u64 = 0x0102_0408_1020_4080;
    let (eights, _) = block.as_chunks::<8>();
    let mut bits = 0;
    for eight in eights {
        let word = u64::from_le_bytes(*eight);
        let marks = below(word, b' ') | below(word ^ each(b'"'), 1) | below(word ^ each(b'\\'), 1);
        bits = bits >> 8 | (marks >> 7).wrapping_mul(GATHER) & 0xff << 56;
    }
    bits
}

/// Whether two capitals stand side by side.
pub(super) fn has_two_capitals(bytes: &[u8]) -> bool {
    let (eights, rest) = bytes.as_chunks::<8>();
    let mut before = 0;
    for eight in eights {
        let capitals = between(u64::from_le_bytes(*eight), b'A', b'Z');
        // Each byte beside the one before it, the first beside the last of the word before.
        if capitals & (capitals << 8 | before) != 0 {
            return true;
        }
        before = capitals >> 56;
    }
    let mut before = before != 0;
    for byte in rest {
        let capital = byte.is_ascii_uppercase();
        if capital && before {
            return true;
        }
        before = capital;
    }
    false
}

/// Whether all are hexadecimal digits, and whether any byte is not `0`; `(true, false)` of nothing.
pub(super) fn hexadecimal(bytes: &[u8]) -> (bool, bool) {
    let (eights, rest) = bytes.as_chunks::<8>();
    let (mut fits, mut some) = (HIGH, 0);
    for eight in eights {
        let word = u64::from_le_bytes(*eight);
        fits &= between(word, b'0', b'9') | between(word | each(0x20), b'a', b'f');
        some |= word ^ each(b'0');
    }
    rest.iter().fold((fits == HIGH, some != 0), |(fits, some), b| (fits & b.is_ascii_hexdigit(), some | (*b != b'0')))
}

/// Puts the bytes with `bits` set in each into `into`, in place of what was in it.
pub(super) fn with_bits(bytes: &[u8], bits: u8, into: &mut Vec<u8>) {
    into.resize(bytes.len(), 0);
    let ((from, rest), (to, rest_to)) = (bytes.as_chunks::<8>(), into.as_chunks_mut::<8>());
    for (to, from) in to.iter_mut().zip(from) {
        *to = (u64::from_le_bytes(*from) | each(bits)).to_le_bytes();
    }
    for (to, from) in rest_to.iter_mut().zip(rest) {
        *to = from | bits;
    }
}

/// The byte in each of eight.
const fn each(byte: u8) -> u64 {
    u64::from_le_bytes([byte; 8])
}

/// Something else than 0 if any byte is below `limit`, 0x80 at most. Where is not told: a byte may borrow from the next.
#[inline(always)]
const fn some_below(word: u64, limit: u8) -> u64 {
    word.wrapping_sub(each(limit)) & !word & HIGH
}

/// The highest bit of each byte that is below `limit`, 0x80 at most.
#[inline(always)]
const fn below(word: u64, limit: u8) -> u64 {
    !(((word & !HIGH) + each(0x80 - limit)) | word) & HIGH
}

/// The highest bit of each byte from `first` to `last`, both of them ASCII.
#[inline(always)]
const fn between(word: u64, first: u8, last: u8) -> u64 {
    below(word, last + 1) & !below(word, first)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Bytes about which the looks differ, among any.
    fn bytes(length: impl Into<prop::collection::SizeRange>) -> impl Strategy<Value = Vec<u8>> {
        let edges = prop::sample::select(b"\t\n\x1b\x1f \"\\/09:@AZ[`afgz\x7f\x80\xc2\xff\0!".to_vec());
        prop::collection::vec(prop_oneof![8 => b'a'..=b'z', 1 => edges, 1 => any::<u8>()], length)
    }

    proptest! {
        #[test]
        fn each_agrees_with_a_look_at_every_byte(bytes in bytes(0..200)) {
            let odd = |b: &u8| *b < 0x20 && !b"\t\n".contains(b) || *b == 0x7f || *b == 0xc2;
            prop_assert_eq!(may_hold_controls(&bytes), bytes.iter().any(odd));
            let control = bytes.iter().any(|b| *b < 0x20);
            prop_assert_eq!(controls_and_others(&bytes), (control, !bytes.is_ascii()));
            let pair = |pair: &[u8]| pair.iter().all(u8::is_ascii_uppercase);
            prop_assert_eq!(has_two_capitals(&bytes), bytes.windows(2).any(pair));
            let some = bytes.iter().any(|b| *b != b'0');
            prop_assert_eq!(hexadecimal(&bytes), (bytes.iter().all(u8::is_ascii_hexdigit), some));
            let mut into = vec![1, 2, 3];
            with_bits(&bytes, 0x20, &mut into);
            prop_assert_eq!(into, bytes.iter().map(|b| b | 0x20).collect::<Vec<_>>());
        }

        #[test]
        fn one_odd_byte_in_many_is_found_anywhere(length in 1..200_usize, at in any::<prop::sample::Index>(), odd in any::<u8>()) {
            let with = |plain: u8| {
                let mut bytes = vec![plain; length];
                bytes[at.index(length)] = odd;
                bytes
            };
            let is_odd = odd < 0x20 && !b"\t\n".contains(&odd) || odd == 0x7f || odd == 0xc2;
            prop_assert_eq!(may_hold_controls(&with(b'a')), is_odd);
            prop_assert_eq!(controls_and_others(&with(b'a')), (odd < 0x20, odd >= 0x80));
            prop_assert_eq!(hexadecimal(&with(b'0')), (odd.is_ascii_hexdigit(), odd != b'0'));
        }

        #[test]
        fn specials_agree_with_a_look_at_every_byte(bytes in bytes(64)) {
            let bits = specials(bytes.first_chunk().unwrap());
            for (i, byte) in bytes.iter().enumerate() {
                prop_assert_eq!(bits >> i & 1 == 1, matches!(byte, b'"' | b'\\' | 0..0x20), "{}", i);
            }
        }
    }
}
