//! Bytes become text: valid, within the limit, cut between characters.

/// What of an entry is kept, and what was left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Kept<'a> {
    /// At most the limit.
    pub(super) text: &'a str,
    /// What follows it, as far as it is known.
    pub(super) beyond: &'a str,
    /// Bytes of the original that are not in `text`.
    pub(super) cut: u64,
}

/// Hands the text of `bytes` to `take`, without a copy where they are UTF-8. They are the first of `total` bytes; at most `limit` are
/// kept. What replaces a byte that is no UTF-8 takes three, and counts against the limit too.
pub(super) fn keep<R>(bytes: &[u8], total: u64, limit: usize, take: impl FnOnce(Kept<'_>) -> R) -> R {
    let mut bytes = bytes;
    let (mut lossy, mut kept_of) = (String::new(), None);
    let whole = loop {
        match str::from_utf8(bytes) {
            Ok(text) => break text,
            // The bytes were cut inside of a character.
            Err(error) if error.error_len().is_none() && (bytes.len() as u64) < total && error.valid_up_to() > 0 => {
                bytes = bytes.get(..error.valid_up_to()).unwrap_or_default();
            }
            Err(_) => {
                kept_of = replace(bytes, limit, &mut lossy);
                break lossy.as_str();
            }
        }
    };
    let (text, beyond) = whole.split_at(whole.floor_char_boundary(limit));
    let kept = match kept_of {
        Some(kept) => kept,
        None if lossy.is_empty() => text.len(),
        None => bytes.len(),
    };
    take(Kept { text, beyond, cut: total.saturating_sub(kept as u64) })
}

/// Writes `bytes` with U+FFFD for what is no UTF-8. `Some` is how many of them make up the first `limit` bytes of that, if it is longer.
fn replace(bytes: &[u8], limit: usize, lossy: &mut String) -> Option<usize> {
    let (mut seen, mut kept) = (0, None);
    for chunk in bytes.utf8_chunks() {
        let room = limit.saturating_sub(lossy.len());
        lossy.push_str(chunk.valid());
        if kept.is_none() && lossy.len() > limit {
            kept = Some(seen + chunk.valid().floor_char_boundary(room));
        }
        seen += chunk.valid().len();
        if !chunk.invalid().is_empty() {
            lossy.push(char::REPLACEMENT_CHARACTER);
            if kept.is_none() && lossy.len() > limit {
                kept = Some(seen);
            }
            seen += chunk.invalid().len();
        }
        // Beyond the cut as much as was there is enough: noise must not become three times its size.
        if lossy.len() > bytes.len().max(limit) {
            break;
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn kept(bytes: &[u8], total: u64, limit: usize) -> (String, String, u64) {
        keep(bytes, total, limit, |kept| (kept.text.to_owned(), kept.beyond.to_owned(), kept.cut))
    }

    #[test]
    fn what_fits_is_whole() {
        assert_eq!(kept(b"four", 4, 4), ("four".into(), String::new(), 0));
        assert_eq!(kept("für".as_bytes(), 4, 9), ("für".into(), String::new(), 0));
        assert_eq!(kept(b"", 0, 4), (String::new(), String::new(), 0));
    }

    #[test]
    fn a_cut_falls_between_characters() {
        assert_eq!(kept("abcü".as_bytes(), 5, 4), ("abc".into(), "ü".into(), 2));
        let half = "abcü".as_bytes().get(..4).unwrap();
        assert_eq!(kept(half, 5, 4), ("abc".into(), String::new(), 2), "the bytes themselves end inside of one");
        assert_eq!(
            kept(half, 4, 6),
            ("abc\u{fffd}".into(), String::new(), 0),
            "nothing follows: it is broken, not cut"
        );
    }

    #[test]
    fn what_is_no_text_is_replaced_and_counted_by_its_own_bytes() {
        assert_eq!(kept(b"a\xffb", 3, 9), ("a\u{fffd}b".into(), String::new(), 0));
        assert_eq!(kept(b"a\xff\xffb", 4, 5), ("a\u{fffd}".into(), "\u{fffd}".into(), 2));
        assert_eq!(kept(b"\xff", 1, 2), (String::new(), "\u{fffd}".into(), 1));
    }

    proptest! {
        #[test]
        fn nothing_exceeds_the_limit_and_no_byte_is_unaccounted(
            bytes in proptest::collection::vec(any::<u8>(), 0..80), more in 0u64..9, limit in 1usize..90,
        ) {
            let total = bytes.len() as u64 + more;
            let (text, beyond, cut) = kept(&bytes, total, limit);
            prop_assert!(text.len() <= limit);
            prop_assert!(beyond.len() <= 2 * bytes.len() + limit);
            let head = bytes.get(..usize::try_from(total - cut).unwrap().min(bytes.len())).unwrap();
            prop_assert_eq!(String::from_utf8_lossy(head), text);
        }
    }
}
