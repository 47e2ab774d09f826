//! Where a value begins and ends, in JSON, logfmt, headers, query strings, and JSON quoted in either.

use memchr::{memchr, memchr2};

use super::{
    super::{
        bytes::{at, looks_random, mark_at, part, run_end, url_word, word},
        names::Builtin,
        scan::Span,
    },
    key::{Class, Key},
};

/// Schemes of authorization whose secret is one word.
const SCHEMES: [&[u8]; 7] = [b"bearer", b"basic", b"token", b"apikey", b"negotiate", b"ntlm", b"key"];
/// Spaces between a separator and a value; more is a column of a table.
const MAX_SPACES: usize = 16;

/// The value after a key. Further values of a list are put into `spans`; the last one is returned.
pub(super) fn after(bytes: &[u8], key: &Key, json: bool, spans: &mut Vec<Span>) -> Option<Span> {
    let class = key.class?;
    let slashes = run_end(bytes, key.end, |byte| byte == b'\\');
    let quoted_key = matches!(at(bytes, slashes), b'"' | b'\'');
    let from = spaces(bytes, if quoted_key { slashes + 1 } else { key.end });
    let span = |(start, end): (usize, usize)| Span::new(Builtin::Credentials, start, end).from(key.start);
    let Some((from, equals)) = separator(bytes, from) else {
        return unseparated(bytes, key, class, from, json).map(span);
    };
    if matches!(class, Class::Signature) && !equals || class == Class::Cookie && equals && !quoted_key {
        return None;
    }
    let value = spaces(bytes, from);
    let mut shape = Shape { class, json, equals, spaced: value > from, quoted_key, listed: false };
    if at(bytes, value) != b'[' || mark_at(bytes, value).is_some() {
        return shape.value(bytes, value).1.map(span);
    }
    shape.listed = true;
    let mut next = spaces(bytes, value + 1);
    loop {
        let (end, found) = shape.value(bytes, next);
        spans.extend(found.map(span));
        next = spaces(bytes, end);
        if at(bytes, next) != b',' || end >= bytes.len() {
            return None;
        }
        next = spaces(bytes, next + 1);
    }
}

fn spaces(bytes: &[u8], from: usize) -> usize {
    from + run_end(part(bytes, from, from + MAX_SPACES), 0, |byte| matches!(byte, b' ' | b'\t'))
}

/// The end of `=`, `:`, `:=`, `=>`, `==` or `%3D`, and whether an equals sign is in it.
fn separator(bytes: &[u8], from: usize) -> Option<(usize, bool)> {
    if part(bytes, from, from + 3).eq_ignore_ascii_case(b"%3d") {
        return Some((from + 3, true));
    }
    let end = from + run_end(part(bytes, from, from + 3), 0, |byte| matches!(byte, b'=' | b':' | b'>'));
    let sign = part(bytes, from, end);
    (!sign.is_empty() && sign.first() != Some(&b'>')).then(|| (end, sign.contains(&b'=')))
}

/// `--password hunter2` of a command line, `PASSWORD 'hunter2'` of SQL.
fn unseparated(bytes: &[u8], key: &Key, class: Class, from: usize, json: bool) -> Option<(usize, usize)> {
    if from == key.end {
        return None;
    }
    if key.is_flag(bytes) && at(bytes, from) != b'-' {
        let shape = Shape { class, json, equals: true, spaced: true, quoted_key: false, listed: false };
        return shape.value(bytes, from).1;
    }
    (class == Class::Password && matches!(at(bytes, from), b'\'' | b'"' | b'\\')).then(|| quoted(bytes, from, json))?
}

/// The inside of quotes that open at `from`, escaped ones too; `None` where there are none, or nothing in them.
pub(super) fn quoted(bytes: &[u8], from: usize, json: bool) -> Option<(usize, usize)> {
    let shape = Shape { class: Class::Password, json, equals: true, spaced: false, quoted_key: false, listed: false };
    opened(bytes, from)?;
    shape.value(bytes, from).1
}

/// How many backslashes stand before the quote at `from`, and which quote it is.
fn opened(bytes: &[u8], from: usize) -> Option<(usize, u8)> {
    let slashes = run_end(part(bytes, from, from + 16), 0, |byte| byte == b'\\');
    match at(bytes, from + slashes) {
        b'"' => Some((slashes, b'"')),
        b'\'' if slashes == 0 => Some((0, b'\'')),
        _ => None,
    }
}

/// Where the quotes close: at the same number of backslashes, at fewer (then the string around them ends), or never.
fn closed(bytes: &[u8], from: usize, slashes: usize, quote: u8) -> usize {
    let mut at_ = from;
    while let Some(found) = memchr(quote, bytes.get(at_..).unwrap_or_default()) {
        let place = at_ + found;
        let before = super::super::bytes::run_start(bytes, place, place - from, |byte| byte == b'\\');
        let count = place - before;
        let inner = if slashes == 0 { count % 2 == 1 } else { count > slashes };
        if !inner {
            return if slashes == 0 { place } else { before };
        }
        at_ = place + 1;
    }
    bytes.len()
}

/// What is known of a value before it is read.
#[derive(Clone, Copy, Debug)]
struct Shape {
    class: Class,
    json: bool,
    equals: bool,
    spaced: bool,
    quoted_key: bool,
    listed: bool,
}

impl Shape {
    /// Where the value at `from` ends, its quotes included, and what of it is to be replaced.
    fn value(self, bytes: &[u8], from: usize) -> (usize, Option<(usize, usize)>) {
        if let Some((slashes, quote)) = opened(bytes, from) {
            let start = from + slashes + 1;
            let end = closed(bytes, start, slashes, quote);
            return (end + slashes + 1, secret_in(bytes, self.secret_start(bytes, start, end).0, end));
        }
        if matches!(at(bytes, from), b'{' | b'[') && mark_at(bytes, from).is_none() && self.quoted_key {
            return (from, None);
        }
        let (start, one_word) = self.secret_start(bytes, from, bytes.len());
        let end = self.bare_end(bytes, start, one_word);
        let text = part(bytes, start, end);
        let prose = self.class == Class::Secret && !self.equals && self.spaced && !self.quoted_key;
        let empty = matches!(text, b"null" | b"true" | b"false" | b"nil" | b"None" | b"<nil>");
        if empty || prose && !looks_random(text) {
            return (end, None);
        }
        (end, secret_in(bytes, start, end))
    }

    /// Where the secret begins, behind the scheme of an authorization, and whether it is one word.
    fn secret_start(self, bytes: &[u8], start: usize, end: usize) -> (usize, bool) {
        if self.class != Class::Authorization {
            return (start, true);
        }
        let scheme = start + run_end(part(bytes, start, end.min(start + 40)), 0, url_word);
        let secret = run_end(bytes, scheme, |byte| byte == b' ').min(end);
        if secret == scheme || scheme == start {
            return (start, true);
        }
        let word = part(bytes, start, scheme);
        (secret, SCHEMES.iter().any(|one| word.eq_ignore_ascii_case(one)))
    }

    /// The end of a value without quotes.
    fn bare_end(self, bytes: &[u8], start: usize, one_word: bool) -> usize {
        if self.class == Class::Cookie || self.listed || !one_word {
            return self.rest_of_line(bytes, start);
        }
        let skip = mark_at(bytes, start).unwrap_or(0);
        let mut end = start + skip;
        loop {
            let byte = at(bytes, end);
            let over = end >= bytes.len()
                || byte.is_ascii_whitespace()
                || matches!(byte, b'"' | b'<' | b'>' | b'`')
                || byte == b'\'' && !word(at(bytes, end + 1))
                || byte == b'\\' && (at(bytes, end + 1) == b'"' || self.json && end > start)
                || byte == b'&' && self.equals
                || byte == b'%' && part(bytes, end, end + 3) == b"%26"
                || matches!(byte, b',' | b';') && parts_follow(bytes, end + 1)
                || self.quoted_key && self.json && matches!(byte, b',' | b'}' | b']');
            if over {
                break;
            }
            end += 1;
        }
        // Brackets around and the point of a sentence are not of the value.
        while end > start + skip && matches!(at(bytes, end - 1), b')' | b']' | b'}' | b',' | b';' | b'.') {
            end -= 1;
        }
        end
    }

    /// To the end of the line, of the string around it, or of the list.
    fn rest_of_line(self, bytes: &[u8], start: usize) -> usize {
        let start = start + mark_at(bytes, start).unwrap_or(0);
        let rest = part(bytes, start, bytes.len());
        let mut end = memchr2(b'\n', b'\r', rest).unwrap_or(rest.len());
        if self.listed {
            end = end.min(memchr2(b']', b'"', part(rest, 0, end)).unwrap_or(end));
        }
        if self.json {
            end = end.min(memchr2(b'"', b'\\', part(rest, 0, end)).unwrap_or(end));
        }
        start + end
    }
}

/// Whether a comma or semicolon parts values: an end, a space, a quote or the next key follows.
fn parts_follow(bytes: &[u8], from: usize) -> bool {
    let next = at(bytes, from);
    if from >= bytes.len() || next.is_ascii_whitespace() || matches!(next, b'"' | b'\'' | b'{' | b'\\') {
        return true;
    }
    let ahead = part(bytes, from, from + 64);
    let key = run_end(ahead, 0, |byte| url_word(byte) || byte == b'.');
    key > 0 && matches!(at(ahead, key), b'=' | b':')
}

/// What is to be replaced: nothing where there is nothing, only a mark, or only stars.
fn secret_in(bytes: &[u8], start: usize, end: usize) -> Option<(usize, usize)> {
    let text = part(bytes, start, end);
    let mark = mark_at(bytes, start).is_some_and(|length| length == text.len());
    (!text.is_empty() && !mark && !text.iter().all(|byte| *byte == b'*')).then_some((start, end))
}
