//! Small questions about bytes.

/// What follows a shape at the beginning: `9` stands for a digit, `a` for an ASCII letter, everything else for itself.
pub(super) fn after<'b>(bytes: &'b [u8], shape: &[u8]) -> Option<&'b [u8]> {
    let (head, rest) = bytes.split_at_checked(shape.len())?;
    let fits = head.iter().zip(shape).all(|(b, shape)| match shape {
        b'9' => b.is_ascii_digit(),
        b'a' => b.is_ascii_alphabetic(),
        _ => b == shape,
    });
    fits.then_some(rest)
}

/// Splits where bytes stop being of a sort.
pub(super) fn run(bytes: &[u8], of: impl Fn(u8) -> bool) -> (&[u8], &[u8]) {
    let end = bytes.iter().position(|&b| !of(b)).unwrap_or(bytes.len());
    bytes.split_at_checked(end).unwrap_or((bytes, &[]))
}

/// What follows one digit or more.
pub(super) fn after_digits(bytes: &[u8]) -> Option<&[u8]> {
    let (digits, rest) = run(bytes, |b| b.is_ascii_digit());
    (!digits.is_empty()).then_some(rest)
}

/// What makes words of programs: letters, digits and `_`, and every byte that is not ASCII.
pub(super) fn is_word(b: u8) -> bool {
    b.is_ascii_alphanumeric() || b == b'_' || !b.is_ascii()
}

/// An HTTP status: exactly three digits, 100 to 599, and no word goes on.
pub(super) fn status(bytes: &[u8]) -> Option<u16> {
    let (digits, rest) = run(bytes, |b| b.is_ascii_digit());
    let [first @ b'1'..=b'5', tens, ones] = *digits else { return None };
    let ends = rest.first().is_none_or(|&b| !is_word(b) && b != b'.');
    ends.then(|| u16::from(first - b'0') * 100 + u16::from(tens - b'0') * 10 + u16::from(ones - b'0'))
}

/// What follows the method of a request and a blank.
pub(super) fn after_method(bytes: &[u8]) -> Option<&[u8]> {
    let (word, rest) = run(bytes, |b| b.is_ascii_uppercase());
    let known = matches!(
        word,
        b"GET" | b"POST" | b"PUT" | b"HEAD" | b"DELETE" | b"PATCH" | b"OPTIONS" | b"CONNECT" | b"TRACE" | b"PROPFIND"
    );
    rest.strip_prefix(b" ").filter(|_| known)
}

/// Whether a name says audit, as a word: `audit`, `USER_AUDIT`, `audit.k8s.io/v1`, never `auditorium`.
pub(super) fn says_audit(name: &[u8]) -> bool {
    const WORD: &[u8] = b"audit";
    let name = name.get(..64).unwrap_or(name);
    let edge = |at: Option<usize>| at.and_then(|at| name.get(at)).is_none_or(|b| !b.is_ascii_alphanumeric());
    let mut windows = name.windows(WORD.len()).enumerate();
    windows.any(|(at, word)| word.eq_ignore_ascii_case(WORD) && edge(at.checked_sub(1)) && edge(Some(at + WORD.len())))
}
