//! Private keys in PEM: on one line with escaped line ends, or over many lines of one output.

use memchr::memmem;

use super::{
    bytes::{base64, part, run_end},
    names::Builtin,
    scan::{Budget, CANDIDATE, Span},
};

const BEGIN: &[u8] = b"-----BEGIN ";
const PRIVATE: &[u8] = b"PRIVATE KEY";
const END: &[u8] = b"-----END ";
const DASHES: &[u8] = b"-----";

/// Lines after a beginning among which an end is awaited: twice those of the longest RSA key in use.
const MAX_LINES: u16 = 256;
/// Lines in a row which look like no key, after which it is not awaited any more.
const MAX_OTHERS: u8 = 4;
/// Characters of base64 in a row which are a key's and not a word.
const RUN: usize = 24;

/// What an output has to say at its next line: whether a key has begun and not ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Open {
    /// Lines which may still be of the key; 0 for none.
    lines: u16,
    /// Lines in a row which looked like none.
    others: u8,
}

/// The word by which a line is known to need [`scan`].
pub(super) struct Finder(memmem::Finder<'static>, memmem::Finder<'static>);

impl std::fmt::Debug for Finder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Finder")
    }
}

impl Finder {
    pub(super) fn new() -> Self {
        Self(memmem::Finder::new(BEGIN), memmem::Finder::new(END))
    }

    /// Finds keys, and goes on with one that an earlier line began; returns where it stopped.
    pub(super) fn scan(
        &self,
        open: &mut Open,
        bytes: &[u8],
        limit: usize,
        budget: &mut Budget,
        spans: &mut Vec<Span>,
    ) -> usize {
        let mut from = 0;
        if open.lines > 0 {
            from = self.go_on(open, bytes, spans);
        } else if is_body(bytes) {
            spans.push(Span::new(Builtin::PrivateKeys, 0, bytes.trim_ascii_end().len()));
            return limit;
        }
        let mut endless = false;
        while let Some(found) = self.0.find(bytes.get(from..).unwrap_or_default()) {
            let start = from + found;
            if start >= limit || !budget.spend(CANDIDATE) {
                return start.min(limit);
            }
            from = start + BEGIN.len();
            // `PGP PRIVATE KEY BLOCK` is the longest name.
            let title = part(bytes, from, from + 48);
            let Some(dashes) = memmem::find(title, DASHES) else { continue };
            if memmem::find(part(title, 0, dashes), PRIVATE).is_none() {
                continue;
            }
            let body = from + dashes + DASHES.len();
            // An end that was not found is not there for a later beginning either.
            let end = if endless { None } else { self.end_after(bytes, body) };
            endless = end.is_none();
            let mentioned = endless && mentioned(bytes, body);
            if endless && !mentioned {
                *open = Open { lines: MAX_LINES, others: 0 };
            }
            from = end.unwrap_or(if mentioned { body } else { bytes.len() });
            spans.push(Span::new(Builtin::PrivateKeys, start, from));
        }
        limit
    }

    /// A line after a beginning; returns where the key ends in it.
    fn go_on(&self, open: &mut Open, bytes: &[u8], spans: &mut Vec<Span>) -> usize {
        if let Some(end) = self.end_after(bytes, 0) {
            *open = Open::default();
            spans.push(Span::new(Builtin::PrivateKeys, 0, end));
            return end;
        }
        open.lines -= 1;
        if looks_like_key(bytes) {
            open.others = 0;
            spans.push(Span::new(Builtin::PrivateKeys, 0, bytes.len()));
            return bytes.len();
        }
        open.others += 1;
        if open.others >= MAX_OTHERS {
            *open = Open::default();
        }
        0
    }

    /// Behind the dashes that close the first end mark.
    fn end_after(&self, bytes: &[u8], from: usize) -> Option<usize> {
        let mark = from + self.1.find(bytes.get(from..)?)? + END.len();
        let title = part(bytes, mark, mark + 48);
        Some(match memmem::find(title, DASHES) {
            Some(dashes) => mark + dashes + DASHES.len(),
            None => mark + run_end(title, 0, |byte| byte.is_ascii_uppercase() || matches!(byte, b' ' | b'-')),
        })
    }
}

/// Whether a beginning is only spoken of: words follow on its line, and no key.
fn mentioned(bytes: &[u8], body: usize) -> bool {
    let rest = part(bytes, body, body + 4 * RUN).trim_ascii();
    let escapes = rest.starts_with(b"\\n") || rest.starts_with(b"\\r");
    !rest.is_empty() && !escapes && !has_run(rest)
}

fn has_run(bytes: &[u8]) -> bool {
    bytes.split(|byte| !base64(*byte)).any(|run| run.len() >= RUN)
}

/// A line of a key: base64, a header of an encrypted one, or nothing.
fn looks_like_key(bytes: &[u8]) -> bool {
    let text = bytes.trim_ascii();
    text.iter().all(|byte| base64(*byte))
        || has_run(text)
        || text.starts_with(b"Proc-Type:")
        || text.starts_with(b"DEK-Info:")
}

/// A line of nothing but 64 characters of base64 is one of a key whose beginning was read by an agent before this one. Hashes are of
/// one case.
fn is_body(bytes: &[u8]) -> bool {
    if !(64..=66).contains(&bytes.len()) {
        return false;
    }
    let text = bytes.trim_ascii_end();
    let has = |class: fn(&u8) -> bool| text.iter().any(class);
    text.len() == 64
        && text.iter().all(|byte| base64(*byte))
        && has(u8::is_ascii_uppercase)
        && has(u8::is_ascii_lowercase)
        && has(u8::is_ascii_digit)
}
