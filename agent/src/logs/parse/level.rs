//! Words and numbers for levels, of every program that was met.

use crate::model::LogLevel;
use LogLevel::{Critical, Debug, Error, Fatal, Info, Trace, Warn};

/// The longest word: `informational`.
pub(super) const LONGEST: usize = 13;

/// A word where a level is to be expected (the value of `level`, a tag, a bracket), whatever its case.
pub(super) fn word(word: &[u8]) -> Option<LogLevel> {
    if !(3..=LONGEST).contains(&word.len()) {
        return None;
    }
    let mut lower = [0; LONGEST];
    let lower = lower.get_mut(..word.len())?;
    lower.copy_from_slice(word);
    lower.make_ascii_lowercase();
    Some(match &*lower {
        b"trace" | b"trc" | b"trce" | b"finest" | b"finer" | b"verbose" | b"vrb" => Trace,
        b"debug" | b"dbg" | b"dbug" | b"deb" | b"fine" | b"config" => Debug,
        b"debug1" | b"debug2" | b"debug3" | b"debug4" | b"debug5" => Debug,
        // Loguru's `success`, MySQL's `system`, what PostgreSQL and Nest call `log`.
        b"info" | b"inf" | b"information" | b"informational" | b"notice" | b"note" | b"success" | b"system"
        | b"log" => Info,
        b"warn" | b"wrn" | b"warning" => Warn,
        // .NET's `fail`, Java's `severe`, log15's `eror`.
        b"error" | b"err" | b"fail" | b"severe" | b"eror" => Error,
        b"critical" | b"crit" | b"crt" | b"alert" | b"emerg" | b"emergency" | b"panic" | b"dpanic" => Critical,
        b"fatal" | b"ftl" => Fatal,
        _ => return None,
    })
}

/// Words of [`word`] that mean something else where they begin a sentence: `Config: loaded`.
pub(super) fn ambiguous(word: &[u8]) -> bool {
    let words: [&[u8]; 6] = [b"config", b"fine", b"system", b"log", b"success", b"verbose"];
    words.iter().any(|other| word.eq_ignore_ascii_case(other))
}

/// A word that means a level in the middle of prose, in capitals: fewer than [`word`] knows, `LOG` and `SYSTEM` are words too.
pub(super) fn shouted(word: &[u8]) -> Option<LogLevel> {
    Some(match word {
        b"TRACE" => Trace,
        b"DEBUG" => Debug,
        b"INFO" | b"NOTICE" => Info,
        b"WARN" | b"WARNING" => Warn,
        b"ERROR" | b"SEVERE" => Error,
        b"CRITICAL" | b"PANIC" | b"EMERG" => Critical,
        b"FATAL" => Fatal,
        _ => return None,
    })
}

/// One letter: klog, MongoDB (`D1` to `D5` too), Tornado.
pub(super) fn letter(word: &[u8]) -> Option<LogLevel> {
    Some(match word {
        b"I" => Info,
        b"W" => Warn,
        b"E" => Error,
        b"F" => Fatal,
        b"C" => Critical,
        b"D" | b"D1" | b"D2" | b"D3" | b"D4" | b"D5" => Debug,
        _ => return None,
    })
}

/// What `level` says in JSON or logfmt: a word, perhaps with slog's distance (`INFO+2`) or padding.
pub(super) fn value(text: &[u8]) -> Option<LogLevel> {
    let text = text.trim_ascii();
    let end = text.iter().position(|b| matches!(b, b'+' | b'-')).unwrap_or(text.len());
    word(text.get(..end)?)
}

/// A number of `level`: pino and bunyan count in tens to 60, Monolog in hundreds to 600. Others are too many things.
pub(super) fn number(number: u16) -> Option<LogLevel> {
    Some(match number {
        10..20 => Trace,
        20..30 | 100 => Debug,
        30..40 | 200 | 250 => Info,
        40..50 | 300 => Warn,
        50..60 | 400 => Error,
        500 | 550 | 600 => Critical,
        60..70 => Fatal,
        _ => return None,
    })
}

/// Severity of syslog, RFC 5424 table 2.
pub(super) fn syslog(severity: u16) -> Option<LogLevel> {
    Some(match severity {
        0..=2 => Critical,
        3 => Error,
        4 => Warn,
        5 | 6 => Info,
        7 => Debug,
        _ => return None,
    })
}

/// OpenTelemetry's `SeverityNumber`: four to a level, from 1.
pub(super) fn otel(number: u16) -> Option<LogLevel> {
    Some(match number {
        1..=4 => Trace,
        5..=8 => Debug,
        9..=12 => Info,
        13..=16 => Warn,
        17..=20 => Error,
        21..=24 => Fatal,
        _ => return None,
    })
}

/// What an answer's status says of the request.
pub(super) fn status(status: u16) -> LogLevel {
    match status {
        500.. => Error,
        400..500 => Warn,
        _ => Info,
    }
}

/// What marks of one sort say; they may contradict each other.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Vote {
    level: Option<LogLevel>,
    split: bool,
}

impl Vote {
    pub(super) fn cast(&mut self, level: LogLevel) {
        self.split |= *self.level.get_or_insert(level) != level;
    }
}

/// The most reliable sort of mark that was found decides; where it contradicts itself, nobody does.
pub(super) fn decide(votes: &[Vote]) -> Option<LogLevel> {
    votes.iter().find(|vote| vote.level.is_some()).filter(|vote| !vote.split)?.level
}
