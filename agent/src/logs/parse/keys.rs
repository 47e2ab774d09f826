//! Marks inside text: `trace_id=...`, `"level":"warn"`, `[error]`, `prog: error:`.

use memchr::{memchr, memchr3_iter};

use super::{
    bytes::{is_word, run, says_audit},
    fields::{self, Name},
    ids::Ids,
    level::{self, Vote},
};

/// How far into a line marks of a level are heard, in bytes; what stands behind is quoted or told.
pub(super) const HEAD: usize = 256;

/// Longest part in brackets that is looked at, in bytes.
const MAX_BRACKET: usize = 160;

/// Longest value that is looked at, in bytes: ids are shorter.
const MAX_VALUE: usize = 160;

/// Longest key that is looked up, in bytes.
const LONGEST_KEY: usize = 40;

/// What was found.
#[derive(Debug, Default)]
pub(super) struct Keys<'a> {
    pub(super) ids: Ids<'a>,
    /// Words in brackets of their own.
    pub(super) brackets: Vote,
    /// Values of `level`, and words between colons.
    pub(super) tags: Vote,
    pub(super) audit: bool,
}

/// Looks at every `=`, `:` and `[` from a place on.
pub(super) fn scan(line: &str, from: usize) -> Keys<'_> {
    let mut keys = Keys::default();
    let bytes = line.as_bytes();
    for at in memchr3_iter(b'=', b':', b'[', bytes.get(from..).unwrap_or_default()) {
        let Some((before, [mark, after @ ..])) = bytes.split_at_checked(from + at) else { break };
        match mark {
            b'[' if before.len() < HEAD => keys.bracket(line, before.len() + 1),
            b'[' => {}
            // auditd: `type=SYSCALL msg=audit(1364481363.243:24287):`.
            b'=' if after.starts_with(b"audit(") => keys.audit = true,
            _ => keys.pair(line, before, *mark == b':'),
        }
    }
    keys
}

impl<'a> Keys<'a> {
    /// Behind `[`: a level and nothing else, but for padding; or two ids.
    fn bracket(&mut self, line: &'a str, at: usize) {
        let bytes = line.as_bytes().get(at..).unwrap_or_default();
        let Some(end) = memchr(b']', bytes.get(..MAX_BRACKET).unwrap_or(bytes)) else { return };
        let inner = line.get(at..at + end).unwrap_or_default();
        if end <= level::LONGEST + 2 {
            level::word(inner.trim_ascii().as_bytes()).into_iter().for_each(|level| self.brackets.cast(level));
        } else if end > 32 {
            self.ids.bracket(inner);
        }
    }

    /// A key before `=` or `:`, and what follows.
    fn pair(&mut self, line: &'a str, before: &[u8], colon: bool) {
        let at = before.len();
        let quoted = matches!(before, [.., b'"' | b'\'']);
        let key = before.get(..at - usize::from(quoted)).unwrap_or_default();
        // Most colons stand in times and in `::`; these are the last letters of keys and levels.
        if !matches!(
            key.last().map(|b| b | 0x20),
            Some(b'd' | b'l' | b'y' | b't' | b'e' | b'r' | b'g' | b'n' | b'o' | b'p')
        ) {
            return;
        }
        let key = last_word(key);
        let edge = key.0.last().is_none_or(|b| b" \t[({,;|\"'<*".contains(b));
        let Some(name) = fields::name(key.1).filter(|_| edge) else {
            if colon && at < HEAD && !quoted {
                self.between_colons(key);
            }
            return;
        };
        let Some(value) = value(line, at + 1) else { return };
        match name {
            Name::Level if at < HEAD => {
                let (word, rest) = run(value.as_bytes(), |b| b.is_ascii_alphabetic());
                let ends = rest.first().is_none_or(|b| matches!(b, b'+' | b'-' | b':' | b'/'));
                level::word(word).filter(|_| ends).into_iter().for_each(|level| self.tags.cast(level));
            }
            Name::Trace => self.ids.trace(value, 0),
            Name::Span => self.ids.span(value, 0),
            Name::Parent => self.ids.parent(value, 0),
            Name::Request => self.ids.request(value, false, 0),
            Name::Correlation => self.ids.request(value, false, 2),
            Name::Sort => self.audit |= says_audit(value.as_bytes()),
            _ => {}
        }
    }

    /// `prog: error: message`, `prog[12]: warning: message`.
    fn between_colons(&mut self, (before, word): (&[u8], &[u8])) {
        let told = matches!(before, [.., b':' | b']' | b'-' | b'|', b' ']);
        if told && !level::ambiguous(word) {
            level::word(word).into_iter().for_each(|level| self.tags.cast(level));
        }
    }
}

/// The word of a key at the end, and what stands before it.
fn last_word(bytes: &[u8]) -> (&[u8], &[u8]) {
    let tail = bytes.iter().rev().take(LONGEST_KEY);
    let length = tail.take_while(|&&b| is_word(b) || matches!(b, b'.' | b'-' | b'@')).count();
    bytes.split_at_checked(bytes.len() - length).unwrap_or((bytes, &[]))
}

/// The value behind a key: one blank and one quote may stand before it.
fn value(line: &str, at: usize) -> Option<&str> {
    let rest = line.get(at..)?;
    let rest = rest.strip_prefix(' ').unwrap_or(rest);
    let rest = rest.strip_prefix(['"', '\'']).unwrap_or(rest);
    let end = rest.bytes().take(MAX_VALUE).position(|b| b <= b' ' || b",;)]}\"'|>".contains(&b));
    // Without an end it is no id, and looking for one behind every key would take the square of the length.
    rest.get(..end.or_else(|| (rest.len() <= MAX_VALUE).then_some(rest.len()))?)
}
