//! Putting marks in place of what was found, so that JSON stays JSON.

use memchr::{memchr, memchr2};

use super::{
    bytes::{at, part, word},
    scan::Span,
};

/// One replacement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Edit {
    pub(super) start: usize,
    pub(super) end: usize,
    pub(super) pattern: u8,
    /// A bare value of JSON, which a mark can only replace as a string.
    pub(super) quoted: bool,
}

/// Whether a line begins as JSON does.
pub(super) fn is_json_like(bytes: &[u8]) -> bool {
    let first = bytes.iter().find(|byte| !byte.is_ascii_whitespace());
    matches!(first, Some(b'{' | b'['))
}

/// Sorts findings and joins those which overlap; the one that begins first gives the name.
pub(super) fn merge(spans: &mut Vec<Span>) {
    spans.sort_unstable_by(|a, b| (a.start, b.end, a.pattern).cmp(&(b.start, a.end, b.pattern)));
    spans.dedup_by(|next, kept| {
        let overlap = next.start < kept.end;
        if overlap {
            kept.end = kept.end.max(next.end);
        }
        overlap
    });
}

/// Findings as replacements, in order and apart.
pub(super) fn edits(bytes: &[u8], spans: &[Span], edits: &mut Vec<Edit>) {
    edits.clear();
    // Only a line with findings gets here: reading it through costs little beside replacing.
    if is_json_like(bytes) && serde_json::from_slice::<serde::de::IgnoredAny>(bytes).is_ok() {
        return Walk { bytes, spans, edits }.run();
    }
    edits.extend(spans.iter().map(|span| Edit {
        start: span.start,
        end: span.end,
        pattern: span.pattern,
        quoted: false,
    }));
}

/// Goes along the strings of a line of JSON, and what is between them.
struct Walk<'a> {
    bytes: &'a [u8],
    /// Those not done with.
    spans: &'a [Span],
    edits: &'a mut Vec<Edit>,
}

impl Walk<'_> {
    fn run(mut self) {
        let mut from = 0;
        while !self.spans.is_empty() && from < self.bytes.len() {
            let rest = part(self.bytes, from, self.bytes.len());
            let quote = from + memchr(b'"', rest).unwrap_or(rest.len());
            self.between(from, quote);
            let end = self.string_end(quote + 1);
            self.string((quote + 1).min(end), end);
            from = end + 1;
        }
    }

    fn string_end(&self, from: usize) -> usize {
        let mut from = from;
        loop {
            let rest = part(self.bytes, from, self.bytes.len());
            match memchr2(b'"', b'\\', rest) {
                None => return self.bytes.len(),
                Some(found) if at(rest, found) == b'"' => return from + found,
                Some(found) => from += found + 2,
            }
        }
    }

    /// The next finding as far as it lies in a part of the line, which is done with up to `end`.
    fn within(&mut self, start: usize, end: usize) -> Option<Span> {
        while let Some((span, rest)) = self.spans.split_first() {
            if span.start >= end {
                return None;
            }
            if span.end <= end {
                self.spans = rest;
            }
            if span.end > start {
                return Some(Span { start: span.start.max(start), end: span.end.min(end), ..*span });
            }
        }
        None
    }

    /// The inside of a string: an escape is replaced whole or not at all.
    fn string(&mut self, start: usize, end: usize) {
        let mut escape = start;
        let mut from = start;
        while let Some(span) = self.within(from, end) {
            let mut edit = Edit { start: span.start, end: span.end, pattern: span.pattern, quoted: false };
            loop {
                let rest = part(self.bytes, escape, edit.end);
                let Some(found) = memchr(b'\\', rest) else {
                    escape = edit.end.max(escape);
                    break;
                };
                let begin = escape + found;
                escape = (begin + if at(self.bytes, begin + 1) == b'u' { 6 } else { 2 }).min(end);
                if begin < edit.start && edit.start < escape {
                    edit.start = escape;
                }
                if begin < edit.end && edit.end < escape {
                    edit.end = escape;
                }
            }
            from = edit.end;
            self.push(edit);
            if span.end >= end {
                return;
            }
        }
    }

    /// What stands between strings: of a finding, the values are replaced and what holds them together stays.
    fn between(&mut self, start: usize, end: usize) {
        let joins = |byte: u8| byte.is_ascii_whitespace() || matches!(byte, b'{' | b'}' | b'[' | b']' | b',' | b':');
        let mut done = start;
        while let Some(span) = self.within(done, end) {
            let mut from = span.start;
            while from < span.end {
                let rest = part(self.bytes, from, span.end);
                let Some(found) = rest.iter().position(|byte| !joins(*byte)) else { break };
                let inside = from + found;
                let length = part(self.bytes, inside, span.end).iter().position(|byte| joins(*byte));
                let stop = length.map_or(span.end, |length| inside + length);
                let back = part(self.bytes, done, inside).iter().rev().position(|byte| joins(*byte));
                let first = inside - back.unwrap_or(inside - done);
                let ahead = part(self.bytes, stop, end).iter().position(|byte| joins(*byte));
                let last = ahead.map_or(end, |ahead| stop + ahead);
                let quoted = self.is_value(first, last);
                let (from_, to) = if quoted { (first, last) } else { (inside, stop) };
                self.push(Edit { start: from_, end: to, pattern: span.pattern, quoted });
                from = to.max(stop);
                done = from;
            }
            done = done.max(span.end);
            if span.end >= end {
                return;
            }
        }
    }

    /// Whether a value of JSON stands there: behind a colon, a comma or a bracket, and before a comma or a bracket.
    fn is_value(&self, start: usize, end: usize) -> bool {
        let before = part(self.bytes, 0, start).iter().rev().find(|byte| !byte.is_ascii_whitespace());
        let after = part(self.bytes, end, self.bytes.len()).iter().find(|byte| !byte.is_ascii_whitespace());
        // Numbers and words alone: other quotes are of other notations.
        let scalar = part(self.bytes, start, end).iter().all(|byte| word(*byte) || matches!(byte, b'-' | b'+' | b'.'));
        scalar && matches!(before, Some(b':' | b',' | b'[')) && matches!(after, Some(b',' | b'}' | b']'))
    }

    fn push(&mut self, edit: Edit) {
        let free = self.edits.last().is_none_or(|last| last.end <= edit.start);
        if edit.start < edit.end && free {
            self.edits.push(edit);
        }
    }
}
