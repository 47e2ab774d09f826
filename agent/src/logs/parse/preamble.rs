//! What stands before a message: times, processes, threads, names of loggers, and the level among them.

use memchr::{memchr, memmem};

use super::{
    bytes::{after, is_word, run},
    level,
};
use crate::model::LogLevel;

/// Most parts before a message.
const MAX_PARTS: usize = 16;

/// Longest part in brackets, in bytes.
const MAX_GROUP: usize = 160;

/// What the preamble says.
#[derive(Debug, Default)]
pub(super) struct Preamble {
    pub(super) level: Option<LogLevel>,
    pub(super) audit: bool,
    /// A time was among the parts: what follows may be a level in small letters.
    dated: bool,
}

/// What a part was.
enum Part {
    /// The level: nothing more to know.
    Level(LogLevel),
    /// Something before the message, of so many bytes.
    Other(usize),
    /// The message begins.
    Message,
}

/// Reads parts until there is a level or the message begins.
pub(super) fn read(line: &str) -> Preamble {
    let mut preamble = Preamble::default();
    let mut at = 0;
    for _ in 0..MAX_PARTS {
        let rest = line.as_bytes().get(at..).unwrap_or_default();
        let (blank, rest) = run(rest, |b| matches!(b, b' ' | b'\t' | b'|' | b'-' | b',' | b':' | b';' | b'#' | b'*'));
        at += blank.len();
        let part = match rest {
            [b'[', ..] => preamble.group(rest, b']'),
            [b'(', ..] => preamble.group(rest, b')'),
            [b'{', ..] => preamble.group(rest, b'}'),
            [b'<', ..] => preamble.group(rest, b'>'),
            [b'0'..=b'9' | b'+', ..] => preamble.number(rest),
            [b'A'..=b'Z' | b'a'..=b'z', ..] => preamble.word(rest),
            _ => Part::Message,
        };
        match part {
            Part::Level(level) => preamble.level = Some(level),
            Part::Other(length) => {
                at += length;
                continue;
            }
            Part::Message => {}
        }
        break;
    }
    preamble
}

impl Preamble {
    /// A part in brackets.
    fn group(&mut self, bytes: &[u8], close: u8) -> Part {
        let bytes = bytes.get(1..).unwrap_or_default();
        let Some(end) = memchr(close, bytes.get(..MAX_GROUP).unwrap_or(bytes)) else { return Part::Message };
        let inner = bytes.get(..end).unwrap_or_default();
        let whole = inner.trim_ascii();
        if let Some(level) = level::word(whole).or_else(|| tornado(inner)).or_else(|| inside(inner)) {
            return Part::Level(level);
        }
        self.audit |= whole.eq_ignore_ascii_case(b"audit");
        self.dated |= is_time(whole.split(|&b| b == b' ').next().unwrap_or_default());
        Part::Other(end + 2)
    }

    /// A time, a date, a process.
    fn number(&mut self, bytes: &[u8]) -> Part {
        let (plain, behind) =
            run(bytes, |b| matches!(b, b'0'..=b'9' | b'-' | b':' | b'.' | b'/' | b'+' | b'T' | b'Z' | b'#'));
        let ends = behind
            .first()
            .is_none_or(|b| matches!(b, 0..=b' ' | b',' | b'|' | b'[' | b']' | b'(' | b')' | b'{' | b'<'));
        let token = if ends {
            plain
        } else {
            run(bytes, |b| !matches!(b, 0..=b' ' | b',' | b'|' | b'[' | b']' | b'(' | b')' | b'{' | b'<')).0
        };
        let known = ends || token.split(|b| !b.is_ascii_alphabetic()).all(|word| word.is_empty() || is_of_time(word));
        if !known || !token.is_ascii() {
            return Part::Message;
        }
        self.dated |= is_time(token);
        Part::Other(token.len())
    }

    /// A level, a month, the name of a logger, or the message's first word.
    fn word(&mut self, bytes: &[u8]) -> Part {
        let (word, behind) = run(bytes, is_word);
        if let Some(level) = level::word(word)
            && self.is_level(word, behind)
        {
            let fatal =
                word.eq_ignore_ascii_case(b"fatal") || behind.starts_with(b" error:") && level == LogLevel::Fatal;
            return Part::Level(if fatal { LogLevel::Fatal } else { level });
        }
        if word == b"AUDIT" && matches!(behind, [] | [b':' | b' ' | b'|', ..]) {
            self.audit = true;
            return Part::Other(word.len());
        }
        if let Some(level) = exception(bytes) {
            return Part::Level(level);
        }
        // What PHP and npm put before a level in prose.
        let sayer = matches!(word, b"PHP" | b"npm") && behind.starts_with(b" ");
        let rails = word.len() == 1 && behind.starts_with(b",");
        let zone = self.dated && (2..=4).contains(&word.len()) && word.iter().all(u8::is_ascii_uppercase);
        if sayer || rails || zone || is_of_time(word) {
            self.dated |= sayer;
            return Part::Other(word.len());
        }
        // Python's `- name - LEVEL -`, and names with points.
        let (name, behind) = run(bytes, |b| is_word(b) || matches!(b, b'.' | b'-' | b'/' | b':'));
        let named = self.dated && matches!(behind, [b' ', b'-' | b'|', b' ', ..]);
        if named { Part::Other(name.len()) } else { Part::Message }
    }

    /// Whether a word of a level is one here, or only begins a sentence.
    fn is_level(&self, word: &[u8], behind: &[u8]) -> bool {
        let capitals = word.iter().all(|b| !b.is_ascii_lowercase());
        let marked = match behind {
            [b':', b':', ..] => false,
            [] | [b':' | b'|' | b']' | b'[' | b'\t' | b'>', ..] => true,
            [b' ', b'|' | b'[' | b'-', ..] | [b' ', b' ', ..] => true,
            _ => false,
        };
        let parts_of_names = match behind {
            [b'_' | b'=' | b'.' | b'/' | b'@' | b'\\' | b'(', ..] => true,
            [b'-', next, ..] => is_word(*next),
            _ => false,
        };
        if parts_of_names {
            return false;
        }
        if capitals {
            let sure = level::shouted(word).is_some() || word.len() == 3 && !level::ambiguous(word);
            return marked || self.dated || sure;
        }
        let sure = !level::ambiguous(word);
        let small = word.iter().all(|b| !b.is_ascii_uppercase());
        let fatal = behind.starts_with(b" error:") && word.eq_ignore_ascii_case(b"fatal");
        sure && (marked && behind.first() != Some(&b' ') && !behind.is_empty() || fatal)
            || self.dated && small && sure && (marked || behind.starts_with(b" "))
    }
}

/// `[I 2026-11-28 05:22:38.550 ServerApp]`.
fn tornado(inner: &[u8]) -> Option<LogLevel> {
    match inner {
        [letter, b' ', b'0'..=b'9', ..] => level::letter(&[*letter]),
        _ => None,
    }
}

/// A level among others in one bracket: `2026-11-28T05:22:38Z INFO  app`, `05:22:38 WRN`, `core:error`, `05:22:38,550: INFO/Main`.
fn inside(inner: &[u8]) -> Option<LogLevel> {
    let mut rest = inner;
    let mut before = b' ';
    while !rest.is_empty() {
        let (gap, behind) = run(rest, |b| !is_word(b));
        before = gap.last().copied().unwrap_or(before);
        let (word, behind) = run(behind, is_word);
        let capitals = word.iter().all(u8::is_ascii_uppercase) && !level::ambiguous(word);
        let ends = !matches!(behind, [b'=' | b'.' | b'-', ..]) && !matches!(before, b'=' | b'.' | b'-');
        let module = before == b':' && behind.is_empty();
        if (capitals || module)
            && ends
            && let Some(level) = level::word(word)
        {
            return Some(level);
        }
        rest = behind;
    }
    None
}

/// What a program prints when it falls: the type of an exception, or how its run time begins.
fn exception(bytes: &[u8]) -> Option<LogLevel> {
    let beginnings: [&[u8]; 4] =
        [b"Traceback (most recent call last)", b"Exception in thread ", b"Unhandled exception", b"Uncaught "];
    if beginnings.iter().any(|beginning| bytes.starts_with(beginning)) {
        return Some(LogLevel::Error);
    }
    if bytes.starts_with(b"thread '") {
        let head = bytes.get(..160).unwrap_or(bytes);
        return memmem::find(head, b" panicked at ").map(|_| LogLevel::Error);
    }
    let (name, behind) = run(bytes, |b| is_word(b) || matches!(b, b'.' | b'$' | b'\\'));
    if !(behind.is_empty() || behind.starts_with(b": ") || behind == b":") {
        return None;
    }
    let of = |suffix: &[u8]| name.len() > suffix.len() && name.ends_with(suffix);
    if of(b"Error") || of(b"Exception") {
        return Some(LogLevel::Error);
    }
    of(b"Warning").then_some(LogLevel::Warn)
}

/// Whether a token is a time or a date, not just a number.
fn is_time(token: &[u8]) -> bool {
    let count = |(digits, marks, colons): (usize, usize, usize), &b: &u8| {
        let mark = matches!(b, b'-' | b'/' | b':' | b'.');
        (digits + usize::from(b.is_ascii_digit()), marks + usize::from(mark), colons + usize::from(b == b':'))
    };
    let (digits, marks, colons) = token.iter().fold((0, 0, 0), count);
    digits >= 3 && (marks >= 2 || colons > 0) && token.first().is_some_and(u8::is_ascii_digit)
        || after(token, b"aaa").is_some_and(<[u8]>::is_empty) && is_of_time(token)
}

/// Letters in times: months, days, marks of zones and halves of days.
fn is_of_time(word: &[u8]) -> bool {
    match word {
        b"T" | b"Z" | b"AM" | b"PM" | b"am" | b"pm" | b"UTC" | b"GMT" => true,
        [a, b, c] => {
            let names = b"JanFebMarAprMayJunJulAugSepOctNovDecMonTueWedThuFriSatSun";
            names.as_chunks::<3>().0.contains(&[*a, *b, *c])
        }
        _ => false,
    }
}
