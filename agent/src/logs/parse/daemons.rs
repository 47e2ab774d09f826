//! Programs with a form of their own, told by the shape of their first bytes.

use memchr::memchr_iter;

use super::{
    Found,
    bytes::{after, after_digits, is_word, run},
    keys, level,
};
use crate::model::LogLevel;

/// How far into a line PostgreSQL's prefix may reach, in bytes.
const PREFIX: usize = 192;

/// syslog's facility "log audit", RFC 5424 table 1.
const AUDIT_FACILITY: u16 = 13;

/// `<PRI>` and whatever follows: RFC 5424, RFC 3164, the kernel, sd-daemon. Numbers from 192 on are none.
pub(super) fn syslog(line: &str) -> Option<Found<'_>> {
    let (digits, rest) = run(line.as_bytes().strip_prefix(b"<")?, |b| b.is_ascii_digit());
    if digits.len() > 3 || !rest.starts_with(b">") {
        return None;
    }
    let priority: u16 = std::str::from_utf8(digits).ok()?.parse().ok().filter(|priority| *priority < 192)?;
    let keys = keys::scan(line, 0);
    let audit = keys.audit || priority / 8 == AUDIT_FACILITY;
    Some(Found { level: level::syslog(priority % 8), ids: keys.ids, audit, ..Found::default() })
}

/// `I0102 15:04:05.000000       1 file.go:12] message`; newer glog writes the year too.
pub(super) fn klog(line: &str) -> Option<Found<'_>> {
    let (letter, rest) = line.as_bytes().split_first()?;
    let level = match letter {
        b'I' | b'W' | b'E' | b'F' => level::letter(&[*letter])?,
        _ => return None,
    };
    after(rest, b"9999 99:99:99.9").or_else(|| after(rest, b"99999999 99:99:99.9"))?;
    let keys = keys::scan(line, 0);
    Some(Found { level: Some(level), ids: keys.ids, audit: keys.audit, ..Found::default() })
}

/// `1:M 28 Nov 2026 05:22:33.291 * message`: process, role, time, a sign for the level. What a signal's handler writes has no level.
pub(super) fn redis(line: &str) -> Option<Found<'_>> {
    let rest = after_digits(line.as_bytes())?.strip_prefix(b":")?;
    if rest.starts_with(b"signal-handler (") {
        return Some(Found::default());
    }
    // X: sentinel, C: child, S: replica, M: master.
    let rest = match rest {
        [b'X' | b'C' | b'S' | b'M', rest @ ..] => after(rest, b" 99 aaa 9999 99:99:99.999 ")?,
        _ => return None,
    };
    let level = match rest {
        [b'.' | b'-', b' ', ..] => LogLevel::Debug,
        [b'*', b' ', ..] => LogLevel::Info,
        [b'#', b' ', ..] => LogLevel::Warn,
        _ => return None,
    };
    Some(Found { level: Some(level), ..Found::default() })
}

/// `2026/11/28 05:22:59 [error] 7#7: *1 message`.
pub(super) fn nginx(line: &str) -> Option<Found<'_>> {
    let rest = after(line.as_bytes(), b"9999/99/99 99:99:99 [")?;
    let (word, rest) = run(rest, |b| b.is_ascii_lowercase());
    let rest = after_digits(rest.strip_prefix(b"] ")?)?.strip_prefix(b"#")?;
    after_digits(rest)?.strip_prefix(b":")?;
    Some(Found { level: Some(level::word(word)?), ..Found::default() })
}

/// `2026-11-28 05:22:38.550 UTC [12] LOG:  message`: whatever the prefix, a word of a short list, a colon and two blanks follow it.
///
/// Behind an empty prefix only words that nobody else writes so are PostgreSQL's; uvicorn has `WARNING:  ` too.
pub(super) fn postgres(line: &str) -> Option<Found<'_>> {
    let head = line.as_bytes().get(..PREFIX).unwrap_or(line.as_bytes());
    for colon in memchr_iter(b':', head) {
        let (before, behind) = head.split_at_checked(colon)?;
        if !matches!(behind, [_, b' ', b' ', rest @ ..] if rest.first() != Some(&b' ')) {
            continue;
        }
        let start = before.iter().rposition(|&b| !is_word(b)).map_or(0, |at| at + 1);
        let (prefix, word) = before.split_at_checked(start)?;
        let (own, continues) = severity(word)?;
        let prefixed = matches!(prefix, [.., b' ' | b':' | b']' | b'>']) && prefix.iter().any(u8::is_ascii_digit);
        if !(prefixed || prefix.is_empty() && (continues || word == b"LOG")) {
            return None;
        }
        let message = line.get(colon + 3..).unwrap_or_default();
        // pgAudit writes `AUDIT: SESSION,1,1,READ,SELECT,...` at a level of its own choice.
        let audit = message.starts_with("AUDIT: ");
        // sqlcommenter puts `traceparent` into statements.
        let ids = keys::scan(line, colon + 1).ids;
        return Some(Found { level: own, ids, audit, continues, ..Found::default() });
    }
    None
}

/// Level of a PostgreSQL severity, and whether it is a part of the message before.
fn severity(word: &[u8]) -> Option<(Option<LogLevel>, bool)> {
    match word {
        b"DETAIL" | b"HINT" | b"QUERY" | b"CONTEXT" | b"STATEMENT" | b"LOCATION" | b"BACKTRACE" => Some((None, true)),
        b"LOG" | b"INFO" | b"NOTICE" | b"WARNING" | b"ERROR" | b"FATAL" | b"PANIC" => Some((level::word(word), false)),
        b"DEBUG" | b"DEBUG1" | b"DEBUG2" | b"DEBUG3" | b"DEBUG4" | b"DEBUG5" => Some((Some(LogLevel::Debug), false)),
        _ => None,
    }
}
