//! `key=value` pairs: slog, logrus, Grafana, Traefik, Redis 8.

use memchr::memchr2;

use super::{
    Found,
    fields::{Fields, Value},
};

/// Reads a line that begins with two pairs; behind them words of their own are stepped over.
pub(super) fn read(line: &str) -> Option<Found<'_>> {
    if !line.as_bytes().first()?.is_ascii_alphabetic() {
        return None;
    }
    let (mut fields, mut rest, mut pairs) = (Fields::default(), line, 0);
    while !rest.is_empty() {
        let key_end = rest.bytes().position(|b| b == b'=' || b <= b' ' || b == b'"').unwrap_or(rest.len());
        let (key, behind) = rest.split_at_checked(key_end)?;
        let Some(behind) = behind.strip_prefix('=').filter(|_| !key.is_empty()) else {
            if pairs < 2 {
                return None;
            }
            // A word, or a stray quote: on with the next.
            let blank = memchr2(b' ', b'\t', behind.as_bytes()).unwrap_or(behind.len());
            rest = behind.get(blank..).unwrap_or_default().trim_ascii_start();
            continue;
        };
        let (raw, escaped, behind) = value(behind);
        if pairs < 2 && !key.bytes().all(is_key) {
            return None;
        }
        // auditd: `type=SYSCALL msg=audit(1364481363.243:24287): ...`.
        let key = if raw.starts_with("audit(") { "audit" } else { key };
        fields.take(None, key, Value::Text { raw, escaped });
        pairs += 1;
        rest = behind.trim_ascii_start();
    }
    (pairs >= 2).then(|| fields.finish())
}

fn is_key(b: u8) -> bool {
    b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b'-' | b'@' | b'/')
}

/// A value, whether there are escapes in it, and what follows. A quote without its end is a value to the end of the line.
fn value(text: &str) -> (&str, bool, &str) {
    let Some(quoted) = text.strip_prefix('"') else {
        let end = memchr2(b' ', b'\t', text.as_bytes()).unwrap_or(text.len());
        let (value, rest) = text.split_at_checked(end).unwrap_or((text, ""));
        return (value, false, rest);
    };
    let (mut at, mut escaped) = (0, false);
    while let Some(found) = quoted.as_bytes().get(at..).and_then(|rest| memchr2(b'"', b'\\', rest)) {
        let end = at + found;
        if quoted.as_bytes().get(end) == Some(&b'"') {
            return (quoted.get(..end).unwrap_or_default(), escaped, quoted.get(end + 1..).unwrap_or_default());
        }
        (at, escaped) = (end + 2, true);
    }
    (quoted, escaped, "")
}
