//! Small looks at bytes, none of which can panic. Every walk ends at a byte of another class or at its bound.

/// The byte at a place; 0 beyond the end.
pub(super) fn at(bytes: &[u8], i: usize) -> u8 {
    bytes.get(i).copied().unwrap_or(0)
}

/// A part of the bytes; empty where there is none.
pub(super) fn part(bytes: &[u8], start: usize, end: usize) -> &[u8] {
    bytes.get(start..end.min(bytes.len())).unwrap_or_default()
}

/// Where a run of a class which begins at `from` ends.
pub(super) fn run_end(bytes: &[u8], from: usize, class: fn(u8) -> bool) -> usize {
    let rest = bytes.get(from..).unwrap_or_default();
    from + rest.iter().position(|byte| !class(*byte)).unwrap_or(rest.len())
}

/// Where the run of a class which ends before `to` begins, `bound` bytes back at most.
pub(super) fn run_start(bytes: &[u8], to: usize, bound: usize, class: fn(u8) -> bool) -> usize {
    let before = bytes.get(to.saturating_sub(bound)..to).unwrap_or_default();
    to - before.iter().rev().position(|byte| !class(*byte)).unwrap_or(before.len())
}

/// Letters, digits and `_`.
pub(super) fn word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

/// What base64url and most tokens are made of.
pub(super) fn url_word(byte: u8) -> bool {
    word(byte) || byte == b'-'
}

/// What base64 is made of, padding included.
pub(super) fn base64(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'=')
}

/// Bytes at `start` which belong to an escape (`\n`, `\u001b`, `%20`) that began before it or begins there, and not to the word it
/// seems to open: the word in `\nsecret` is `secret`.
pub(super) fn escape_at(bytes: &[u8], start: usize) -> usize {
    match start.checked_sub(1).map(|before| at(bytes, before)) {
        Some(b'\\') => match at(bytes, start) {
            b'n' | b'r' | b't' | b'b' | b'f' => 1,
            b'u' if hex(bytes, start + 1, 4) => 5,
            b'x' if hex(bytes, start + 1, 2) => 3,
            _ => 0,
        },
        Some(b'%') if hex(bytes, start, 2) => 2,
        _ => 0,
    }
}

fn hex(bytes: &[u8], start: usize, count: usize) -> bool {
    let digits = part(bytes, start, start + count);
    digits.len() == count && digits.iter().all(u8::is_ascii_hexdigit)
}

/// Whether a word begins at `start`: what stands before it is of no word, or is the end of an escape.
pub(super) fn begins(bytes: &[u8], start: usize) -> bool {
    if start == 0 || !word(at(bytes, start - 1)) {
        return true;
    }
    // Of `\n`, `%20`, `\x1b`, `\u001b` the word would begin two, three, four or six bytes behind the sign.
    [(2, b'\\'), (3, b'%'), (4, b'\\'), (6, b'\\')].into_iter().any(|(back, sign)| {
        start >= back && at(bytes, start - back) == sign && escape_at(bytes, start - back + 1) == back - 1
    })
}

/// Letters and digits both, as in what a generator made and hardly ever in words.
pub(super) fn looks_random(text: &[u8]) -> bool {
    text.len() >= 8 && text.iter().any(u8::is_ascii_digit) && text.iter().any(u8::is_ascii_alphabetic)
}

/// What a mark at `start` is long; `None` where there is none.
pub(super) fn mark_at(bytes: &[u8], start: usize) -> Option<usize> {
    let rest = bytes.get(start..)?.strip_prefix(super::MARK.as_bytes())?;
    let name = rest.iter().take(super::MAX_NAME + 1).position(|byte| *byte == b']')?;
    let plain = |byte: &u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || *byte == b'_';
    (name > 0 && part(rest, 0, name).iter().all(plain)).then_some(super::MARK.len() + name + 1)
}
