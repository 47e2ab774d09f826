//! JSON strings of the field `log`, without a copy where nothing is escaped but the line end.

use memchr::memchr3;

use crate::logs::lanes;

/// Content of a string.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Text<'a> {
    /// As it stands in the input; `None` when it had to be put together and is in the scratch buffer.
    pub(super) plain: Option<&'a [u8]>,
    /// It ended in a line end, which is not in it.
    pub(super) ended: bool,
}

/// Reads a string whose opening quote has been taken: what it says, and its length with the closing quote. `None` for what is
/// no JSON string, or not all of one.
pub(super) fn read<'a>(bytes: &'a [u8], scratch: &mut Vec<u8>) -> Option<(Text<'a>, usize)> {
    // No string holds a NUL, and a hole of them may be long: no reason to look behind it.
    let special = memchr3(b'"', b'\\', 0, bytes)?;
    let (plain, rest) = bytes.split_at_checked(special)?;
    let end = [(&b"\\n\""[..], true), (b"\"", false), (b"\\r\\n\"", true)];
    let Some((end, ended)) = end.into_iter().find(|(end, _)| rest.starts_with(end)) else {
        return unescape(bytes, special, scratch);
    };
    let text = match check(plain)? {
        Form::Utf8 => Text { plain: Some(plain), ended },
        Form::Other => {
            scratch.clear();
            scratch.extend_from_slice(String::from_utf8_lossy(plain).as_bytes());
            Text { plain: None, ended }
        }
    };
    Some((text, special + end.len()))
}

enum Form {
    Utf8,
    Other,
}

/// `None` when control characters stand in it, which JSON forbids: then it is two halves with something between.
fn check(text: &[u8]) -> Option<Form> {
    let (control, other) = lanes::controls_and_others(text);
    match control {
        true => None,
        false if !other || std::str::from_utf8(text).is_ok() => Some(Form::Utf8),
        false => Some(Form::Other),
    }
}

/// Puts the string together in `scratch`; the first `plain` bytes hold no escape.
fn unescape<'a>(bytes: &'a [u8], plain: usize, scratch: &mut Vec<u8>) -> Option<(Text<'a>, usize)> {
    scratch.clear();
    let head = bytes.get(..plain)?;
    scratch.extend_from_slice(head);
    let quote = put_together(bytes, plain, scratch)?;
    let ended = scratch.last() == Some(&b'\n');
    if ended {
        scratch.pop();
        if scratch.last() == Some(&b'\r') {
            scratch.pop();
        }
    }
    if !scratch.is_ascii() && std::str::from_utf8(scratch).is_err() {
        *scratch = String::from_utf8_lossy(scratch).into_owned().into_bytes();
    }
    // The control characters of the head were not looked at on the way.
    check(head)?;
    Some((Text { plain: None, ended }, quote + 1))
}

/// Bytes looked at together, and bytes copied together.
const BLOCK: usize = 64;
const STEP: usize = 16;

/// Writes what stands from `from` on up to the closing quote, whose place it gives. Where escapes stand is found for a block at once:
/// in JSON within JSON there is one every few bytes, and looking for the next one each time would be most of the work.
fn put_together(bytes: &[u8], mut from: usize, scratch: &mut Vec<u8>) -> Option<usize> {
    let mut at = from;
    while let Some(window) = bytes.get(at..).and_then(<[u8]>::first_chunk::<{ BLOCK + STEP }>) {
        let mut out = [0; BLOCK + 2 * STEP];
        let mut length = 0;
        // An escape that began in the block before may end in this one.
        let mut behind = from - at;
        let mut marks = lanes::specials(window.first_chunk()?) & from_bit(behind);
        while marks != 0 {
            let stop = marks.trailing_zeros() as usize;
            length = copy(window, behind, stop, &mut out, length)?;
            match *window.get(stop..)? {
                [b'"', ..] => {
                    scratch.extend_from_slice(out.get(..length)?);
                    return Some(at + stop);
                }
                [b'\\', b'u', ..] => {
                    scratch.extend_from_slice(out.get(..length)?);
                    length = 0;
                    let rest = unicode(bytes.get(at + stop + 2..)?, scratch)?;
                    behind = bytes.len() - rest.len() - at;
                }
                [b'\\', escaped, ..] => {
                    *out.get_mut(length)? = single(escaped)?;
                    length += 1;
                    behind = stop + 2;
                }
                // A control character.
                _ => return None,
            }
            marks &= from_bit(behind);
        }
        if behind < BLOCK {
            length = copy(window, behind, BLOCK, &mut out, length)?;
            behind = BLOCK;
        }
        scratch.extend_from_slice(out.get(..length)?);
        from = at + behind;
        at += BLOCK;
    }
    put_together_slowly(bytes, from, scratch)
}

/// The same near the end of the bytes.
fn put_together_slowly(bytes: &[u8], mut from: usize, scratch: &mut Vec<u8>) -> Option<usize> {
    loop {
        let rest = bytes.get(from..)?;
        let length = rest.iter().position(|byte| matches!(byte, b'"' | b'\\' | 0..b' '))?;
        let (plain, rest) = rest.split_at_checked(length)?;
        scratch.extend_from_slice(plain);
        from += length;
        match rest {
            [b'"', ..] => return Some(from),
            [b'\\', b'u', behind @ ..] => from = bytes.len() - unicode(behind, scratch)?.len(),
            [b'\\', escaped, ..] => {
                scratch.push(single(*escaped)?);
                from += 2;
            }
            _ => return None,
        }
    }
}

/// Copies a part of a window behind the first `length` bytes of `out`, whole steps at a time: parts are mostly shorter than one, and
/// what is copied too much is written over. Gives the length after it.
#[inline(always)]
fn copy(window: &[u8; BLOCK + STEP], from: usize, to: usize, out: &mut [u8], length: usize) -> Option<usize> {
    let mut done = 0;
    loop {
        let step = window.get(from + done..)?.first_chunk::<STEP>()?;
        *out.get_mut(length + done..)?.first_chunk_mut::<STEP>()? = *step;
        done += STEP;
        if from + done >= to {
            return Some(length + to - from);
        }
    }
}

/// All bits from one on; none beyond the highest.
#[inline(always)]
fn from_bit(bit: usize) -> u64 {
    u32::try_from(bit).ok().and_then(|bit| u64::MAX.checked_shl(bit)).unwrap_or(0)
}

#[inline(always)]
const fn single(escaped: u8) -> Option<u8> {
    Some(match escaped {
        b'n' => b'\n',
        b'r' => b'\r',
        b't' => b'\t',
        b'b' => 0x08,
        b'f' => 0x0c,
        b'"' | b'\\' | b'/' => escaped,
        _ => return None,
    })
}

/// Writes the character whose `\u` has been taken; half a pair becomes U+FFFD.
fn unicode<'a>(bytes: &'a [u8], scratch: &mut Vec<u8>) -> Option<&'a [u8]> {
    let (unit, mut rest) = hex(bytes)?;
    let mut code = unit;
    if let (0xd800..=0xdbff, [b'\\', b'u', second @ ..]) = (unit, rest)
        && let Some((low @ 0xdc00..=0xdfff, behind)) = hex(second)
    {
        code = 0x10000 + ((unit - 0xd800) << 10) + (low - 0xdc00);
        rest = behind;
    }
    let character = char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER);
    scratch.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
    Some(rest)
}

fn hex(bytes: &[u8]) -> Option<(u32, &[u8])> {
    let (digits, rest) = bytes.split_first_chunk::<4>()?;
    let digit = |code: u32, byte: &u8| char::from(*byte).to_digit(16).map(|digit| code << 4 | digit);
    digits.iter().try_fold(0, digit).map(|code| (code, rest))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn content(json: &[u8]) -> Option<(Vec<u8>, bool, usize)> {
        let mut scratch = vec![1, 2, 3];
        let (text, used) = read(json, &mut scratch)?;
        Some((text.plain.map_or(scratch, <[u8]>::to_vec), text.ended, used))
    }

    #[test]
    fn what_a_string_says() {
        for (json, text, ended) in [
            (r#"foo\n""#, "foo", true),
            (r#"foo\r\n""#, "foo", true),
            (r#"foo""#, "foo", false),
            (r#"""#, "", false),
            (r#"\n""#, "", true),
            (r#"a\n\n""#, "a\n", true),
            (r#"a\\n""#, "a\\n", false),
            (r#"{\"a\":\"b\"}\n""#, "{\"a\":\"b\"}", true),
            (r#"\u003cb\u003e\u0009\u001b[0m\n""#, "<b>\t\u{1b}[0m", true),
            (r#"\ud83d\ude00\n""#, "\u{1f600}", true),
            (r#"\ud83dx\ude00\ud83d\u0041\n""#, "\u{fffd}x\u{fffd}\u{fffd}A", true),
            ("h\u{e9}llo \u{1f600}\\n\"", "h\u{e9}llo \u{1f600}", true),
            (r#"a\u000a""#, "a", true),
        ] {
            assert_eq!(content(json.as_bytes()), Some((text.into(), ended, json.len())), "{json}");
        }
    }

    #[test]
    fn bytes_that_are_no_utf8_are_replaced() {
        assert_eq!(content(b"a\xffb\\n\""), Some(("a\u{fffd}b".into(), true, 6)));
        assert_eq!(content(b"a\\t\xe2\x82\\n\""), Some(("a\t\u{fffd}".into(), true, 8)));
    }

    #[test]
    fn what_is_no_string() {
        for bytes in
            ["", "abc", "abc\\", "\\x\"", "\\u12\"", "\\u12g4\"", "a\0b\"", "a\nb\"", "a\nb\\tc\"", "a\\tb\nc\""]
        {
            assert_eq!(content(bytes.as_bytes()), None, "{bytes:?}");
        }
    }

    proptest! {
        #[test]
        fn agrees_with_serde(text in "(\\PC|[a-z]{3}|[\\\\\"\n\r\t\u{1}<&]){0,120}", ascii in any::<bool>(), behind in 0..200_usize) {
            let mut json = serde_json::to_string(&text).unwrap();
            if ascii {
                json = json.encode_utf16().fold(String::new(), |json, unit| match u8::try_from(unit) {
                    Ok(byte) if byte < 0x80 => json + &char::from(byte).to_string(),
                    _ => json + &format!("\\u{unit:04x}"),
                });
            }
            let length = json.len();
            json.extend(",\"stream\"".chars().cycle().take(behind));
            let (read, ended, used) = content(json.get(1..).unwrap().as_bytes()).unwrap();
            let end = if !ended { "" } else if text.ends_with("\r\n") { "\r\n" } else { "\n" };
            prop_assert_eq!(String::from_utf8(read).unwrap() + end, text);
            prop_assert_eq!(used + 1, length);
        }

        #[test]
        fn no_bytes_bring_it_down(bytes in proptest::collection::vec(prop_oneof![3 => any::<u8>(), 1 => Just(b'\\')], 0..200)) {
            if let Some((text, _, used)) = content(&bytes) {
                prop_assert!(used <= bytes.len());
                prop_assert!(String::from_utf8(text).is_ok());
            }
        }
    }
}
