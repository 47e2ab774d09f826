//! Values that a key calls secret: `password=...`, `"token":"..."`, `Authorization: Bearer ...`, `scheme://user:pass@host`.
//!
//! Part of a key is looked for as a literal; then the whole key is read, then what stands between key and value, then the value. Only
//! the value is replaced.

mod key;
mod value;

use super::{
    bytes::{at, begins, looks_random, mark_at, part, run_end, url_word},
    literals::Literals,
    names::Builtin,
    scan::{Budget, CANDIDATE, Span},
};
use crate::logs::lanes;
use key::Key;

/// Parts of keys, in the spellings people use: lower case, capitals, camel case. None is shorter than four bytes: the search is half
/// as fast with one of three.
const PARTS: [&str; 55] = [
    "assw",
    "ASSW",
    "assW",
    "assphr",
    "ASSPHR",
    "pass=",
    "pass:",
    "pass\"",
    "pass\\",
    "pass ",
    "PASS=",
    "PASS:",
    "PASS\"",
    "Pass=",
    "Pass:",
    "Pass\"",
    "pwd=",
    "pwd:",
    "pwd\"",
    "pwd\\",
    "pwd ",
    "PWD=",
    "PWD:",
    "PWD\"",
    "Pwd=",
    "Pwd:",
    "Pwd\"",
    "ecret",
    "ECRET",
    "oken",
    "OKEN",
    "_key",
    "_KEY",
    "-key",
    "-Key",
    "-KEY",
    "ikey",
    "IKEY",
    "iKey",
    "sKey",
    "tKey",
    "eKey",
    "gKey",
    "skey",
    "uthoriz",
    "UTHORIZ",
    "ookie",
    "OOKIE",
    "redential",
    "REDENTIAL",
    "sig=",
    "ignature=",
    // From here on no keys.
    "earer ",
    "entified by",
    "ENTIFIED BY",
];
/// What stands in each of these, whatever the case: lines without it are most, and are known by it in half the time.
const SIGNS: [&str; 28] = [
    "assw",
    "assphr",
    "pass=",
    "pass:",
    "pass\"",
    "pass\\",
    "pass ",
    "pwd=",
    "pwd:",
    "pwd\"",
    "pwd\\",
    "pwd ",
    "ecret",
    "oken",
    "_key",
    "-key",
    "ikey",
    "skey",
    "tkey",
    "ekey",
    "gkey",
    "uthoriz",
    "ookie",
    "redential",
    "sig=",
    "ignature=",
    "earer ",
    "entified by",
];
/// The bit by which small letters differ from capitals. Set in everything it makes other signs of some signs, but the same of the same.
const SMALL: u8 = 0x20;
/// Where those begin which no password has in it, which are no part of a key, which are SQL's.
const OTHER: usize = 16;
const BEARER: usize = 52;
const SQL: usize = 53;

/// The keys, ready to be looked for.
#[derive(Debug)]
pub(super) struct Credentials {
    parts: Literals,
    signs: Literals,
    url: memchr::memmem::Finder<'static>,
}

impl Credentials {
    pub(super) fn new() -> Self {
        let signs = Literals::new(&SIGNS.map(fold));
        Self { parts: Literals::new(&PARTS), signs, url: memchr::memmem::Finder::new("://") }
    }

    /// Finds values whose keys begin before `limit`; returns where it stopped. `folded` is memory to be used again.
    pub(super) fn scan(
        &self,
        bytes: &[u8],
        limit: usize,
        folded: &mut Vec<u8>,
        budget: &mut Budget,
        spans: &mut Vec<Span>,
    ) -> usize {
        let limit = self.urls(bytes, limit, budget, spans);
        lanes::with_bits(bytes, SMALL, folded);
        if self.signs.find(folded, 0).is_none() { limit } else { self.keys(bytes, limit, budget, spans) }
    }

    fn urls(&self, bytes: &[u8], limit: usize, budget: &mut Budget, spans: &mut Vec<Span>) -> usize {
        let mut from = 0;
        while let Some(found) = self.url.find(bytes.get(from..).unwrap_or_default()) {
            let start = from + found;
            let found = user_of_url(bytes, start);
            if start >= limit {
                break;
            }
            if !budget.spend(CANDIDATE) {
                return start;
            }
            from = found.map_or(start + 3, |span| span.end);
            spans.extend(found);
        }
        limit
    }

    fn keys(&self, bytes: &[u8], limit: usize, budget: &mut Budget, spans: &mut Vec<Span>) -> usize {
        let mut from = 0;
        // In a line which is JSON a value without quotes ends where the string around it does.
        let json = super::splice::is_json_like(bytes);
        while let Some((literal, start)) = self.parts.find(bytes, from) {
            if start >= limit {
                break;
            }
            from = start + 1;
            let found = match literal {
                SQL.. => identified_by(bytes, start, json),
                BEARER.. => bearer(bytes, start),
                _ => {
                    let key = Key::around(bytes, start, literal < OTHER);
                    // Whatever the key is, another part of it need not be judged again.
                    from = from.max(key.end);
                    value::after(bytes, &key, json, spans)
                }
            };
            if !budget.spend(CANDIDATE + found.map_or(0, |span| span.end.saturating_sub(start))) {
                return start;
            }
            if let Some(span) = found {
                from = from.max(span.end);
                spans.push(span);
            }
        }
        limit
    }
}

/// A sign as it stands in a line in which [`SMALL`] is set everywhere.
fn fold(sign: &str) -> Vec<u8> {
    sign.bytes().map(|byte| byte | SMALL).collect()
}

/// `Bearer abc...`, wherever it stands.
fn bearer(bytes: &[u8], start: usize) -> Option<Span> {
    let first = start.checked_sub(1)?;
    if !at(bytes, first).eq_ignore_ascii_case(&b'b') || !begins(bytes, first) {
        return None;
    }
    let from = run_end(bytes, start + 6, |byte| byte == b' ');
    let end = run_end(bytes, from, |byte| url_word(byte) || matches!(byte, b'.' | b'+' | b'/' | b'~' | b'='));
    let token = part(bytes, from, end);
    (token.len() >= 20 || looks_random(token)).then(|| Span::new(Builtin::Credentials, from, end).from(first))
}

/// The password in `scheme://user:password@host`; a user without a password stays, it is a name.
fn user_of_url(bytes: &[u8], start: usize) -> Option<Span> {
    const BOUND: usize = 512;
    let from = start + 3;
    let ends = |byte: u8| byte.is_ascii_whitespace() || matches!(byte, b'/' | b'?' | b'#' | b'"' | b'<' | b'>' | b'`');
    let authority = part(bytes, from, from + BOUND);
    let end = authority.iter().position(|byte| ends(*byte)).unwrap_or(authority.len());
    let authority = part(authority, 0, end);
    // The last one: a password may hold an @ which nobody escaped.
    let host = memchr::memrchr(b'@', authority)?;
    let colon = memchr::memchr(b':', part(authority, 0, host))?;
    let (start_of, end_of) = (from + colon + 1, from + host);
    let is_mark = mark_at(bytes, start_of).is_some_and(|length| start_of + length == end_of);
    let scheme = super::bytes::run_start(bytes, start, 16, |byte| url_word(byte) || matches!(byte, b'+' | b'.'));
    (end_of > start_of && !is_mark).then(|| Span::new(Builtin::Credentials, start_of, end_of).from(scheme))
}

/// `IDENTIFIED BY '...'` of SQL.
fn identified_by(bytes: &[u8], start: usize, json: bool) -> Option<Span> {
    let mut from = run_end(bytes, start + 11, |byte| byte == b' ');
    if part(bytes, from, from + 8).eq_ignore_ascii_case(b"password") {
        from = run_end(bytes, from + 8, |byte| byte == b' ');
    }
    value::quoted(bytes, from, json)
        .map(|(start_of, end_of)| Span::new(Builtin::Credentials, start_of, end_of).from(start))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_part_of_a_key_is_without_a_sign() {
        let signs = Credentials::new().signs;
        for part in PARTS {
            assert_eq!(signs.find(&fold(part), 0).map(|(_, start)| start), Some(0), "{part}");
        }
    }
}
