//! The words of the languages: how their traces begin, and how they go on.

use memchr::memmem;

use super::grammar::State;

/// A line with which a trace begins.
pub(super) struct Head {
    /// What the trace is in then.
    pub(super) state: State,
    /// It may be what a logger wrote below a message of its own, and then belongs to that; a crash belongs to nothing before it.
    pub(super) logged: bool,
}

/// Whether a trace begins here. `text` is without colours and without white space at its end.
pub(super) fn head(text: &[u8]) -> Option<Head> {
    let crash = |state| Some(Head { state, logged: false });
    let logged = |state| Some(Head { state, logged: true });
    match text.first()? {
        // Most lines of logs: a time or a level in brackets.
        b'0'..=b'9' | b'[' | b'\t' => return None,
        b' ' => match text.trim_ascii_start() {
            rest if rest.starts_with(b"File \"") => return logged(State::Traceback),
            rest if rest.starts_with(b"+ Exception Group Traceback (most recent call last)") => {
                return logged(State::Trace);
            }
            _ => return None,
        },
        b'T' if text.starts_with(b"Traceback (most recent call last)") => return logged(State::Traceback),
        b'E' if text.starts_with(b"Exception in thread \"") => return crash(State::Named),
        b'U' if text.starts_with(b"Unhandled exception. ") || text.starts_with(b"Unhandled Exception: ") => {
            return crash(State::Named);
        }
        b'g' if goroutine(text) => return crash(State::Goroutine),
        b'p' if text.starts_with(b"panic: ") => return crash(State::Panic),
        b'f' if text.starts_with(b"fatal error: ") => return crash(State::Panic),
        b'S' if text.starts_with(b"SIG") && signal(text) => return crash(State::Panic),
        b't' if text.starts_with(b"thread '") && memmem::find(text, b" panicked at ").is_some() => {
            // Since Rust 1.73 the message has a line of its own.
            return crash(if text.ends_with(b":") { State::RustPanic } else { State::RustMessage });
        }
        b'P' if text.starts_with(b"PHP Fatal error:") => return crash(State::Php),
        b'F' if text.starts_with(b"Fatal error: Uncaught ") => return crash(State::Php),
        _ => {}
    }
    if node_place(text) {
        return crash(State::NodePlace);
    }
    if exception(text) { logged(State::Named) } else { None }
}

/// What opens the trace of a plain line, in whatever language; it stands below nothing else.
pub(super) fn opens(text: &[u8]) -> Option<State> {
    match text.first()? {
        b'C' => text.starts_with(b"Caused by: ").then_some(State::Named),
        b'S' => (text == b"Stack trace:").then_some(State::Php),
        b's' => (text == b"stack backtrace:").then_some(State::Trace),
        b'R' => (text == b"Require stack:").then_some(State::Listing),
        b'g' => goroutine(text).then_some(State::Goroutine),
        _ => None,
    }
}

/// What goes on with a trace although it is not indented.
pub(super) fn goes_on(text: &[u8]) -> bool {
    match text.first() {
        Some(b'.') => text.starts_with(b"... "),
        Some(b'S') => text.starts_with(b"Suppressed: "),
        Some(b'-') => text.starts_with(b"--- End of "),
        Some(b'N') => text.starts_with(b"Node.js v"),
        Some(b'E') => text.starts_with(b"Emitted 'error' event"),
        Some(b'T') => text.starts_with(b"Thrown at:"),
        Some(b'(') => text.starts_with(b"(Use `node --trace"),
        Some(b'n') => text.starts_with(b"note: ") && memmem::find(text, b"RUST_BACKTRACE").is_some(),
        Some(b'}' | b']' | b')') => text.iter().all(|byte| matches!(byte, b'}' | b']' | b')' | b',' | b';')),
        _ => false,
    }
}

/// `goroutine 1 [running]:`
pub(super) fn goroutine(text: &[u8]) -> bool {
    let Some(rest) = text.strip_prefix(b"goroutine ") else { return false };
    let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
    digits > 0 && rest.get(digits..).is_some_and(|rest| rest.starts_with(b" ")) && text.ends_with(b":")
}

/// `SIGQUIT: quit`
fn signal(text: &[u8]) -> bool {
    let name = text.iter().take_while(|byte| byte.is_ascii_uppercase()).count();
    text.get(name..).is_some_and(|rest| rest.starts_with(b": "))
}

/// What stands between the lines of Go's dump: functions, who made them, registers, what `go run` says.
pub(super) fn go_frame(text: &[u8]) -> bool {
    let call = || {
        let name = text.iter().take_while(|byte| !matches!(byte, b'(' | b' ')).count();
        text.ends_with(b")") && name > 0 && text.get(name) == Some(&b'(')
    };
    let register = || {
        let name = text.iter().take(6).take_while(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit()).count();
        name > 1
            && text
                .get(name..)
                .is_some_and(|rest| rest.trim_ascii_start().starts_with(b"0x") && rest.first() == Some(&b' '))
    };
    text.starts_with(b"created by ")
        || text.starts_with(b"exit status ")
        || text.starts_with(b"...")
        || call()
        || register()
}

/// What may stand between Go's `panic:` and the first goroutine.
pub(super) fn go_reason(text: &[u8]) -> bool {
    [&b"[signal "[..], b"panic: ", b"fatal error: ", b"runtime: ", b"PC=", b"exit status "]
        .iter()
        .any(|word| text.starts_with(word))
}

/// `/app/server.js:12` or `node:internal/modules/cjs/loader:1210`, alone on its line.
fn node_place(text: &[u8]) -> bool {
    let Some((b'0'..=b'9', _)) = text.split_last() else { return false };
    let digits = text.iter().rev().take_while(|byte| byte.is_ascii_digit()).count();
    let Some(place) = text.get(..text.len() - digits).and_then(|place| place.strip_suffix(b":")) else { return false };
    let script = || [&b".js"[..], b".cjs", b".mjs", b".ts"].iter().any(|end| place.ends_with(end));
    !place.contains(&b' ') && (place.starts_with(b"node:") || script())
}

/// Carets below a line of source, and nothing else.
pub(super) fn carets(text: &[u8]) -> bool {
    text.contains(&b'^') && text.iter().all(|byte| matches!(byte, b' ' | b'\t' | b'^' | b'~'))
}

/// The name of a class and, where there is one, its message: `java.lang.IllegalStateException: closed`, `ValueError: 3`. A name that
/// does not say what it is must at least look like one of a class in a package.
fn exception(text: &[u8]) -> bool {
    let name = named(text);
    let kind = [&b"Exception"[..], b"Error", b"Throwable", b"Panic"].iter().any(|end| name.ends_with(end));
    let class = || {
        let mut parts = name.rsplitn(2, |byte| matches!(byte, b'.' | b'$'));
        let upper = parts.next().and_then(<[u8]>::first).is_some_and(u8::is_ascii_uppercase);
        upper && parts.next().is_some() && text.len() > name.len()
    };
    !name.is_empty() && (kind || class())
}

/// Whether a line is what ends a Python traceback: a name, and a colon and a message where there is one.
pub(super) fn raised(text: &[u8]) -> bool {
    !named(text).is_empty()
}

/// The name before a colon or the line's end; empty where the line begins otherwise.
fn named(text: &[u8]) -> &[u8] {
    let name =
        text.iter().take_while(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'$')).count();
    match text.split_at_checked(name) {
        Some((name, [] | [b':', b' ' | b'\n', ..] | [b':']))
            if name.first().is_some_and(|byte| !byte.is_ascii_digit()) =>
        {
            name
        }
        // Ruby: `app.rb:3:in 'run': it broke (RuntimeError)`.
        Some((name, [b':', b'0'..=b'9', ..])) if name.ends_with(b".rb") => name,
        _ => &[],
    }
}

/// `Nov 28, 2026 5:21:41 AM Orders main`: Java's own logger says when and where on one line and what on the next.
pub(super) fn jul_head(text: &[u8]) -> bool {
    let head = text.get(..text.len().min(40)).unwrap_or_default();
    let month = |name: &[u8]| memmem::find(b"Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec", name).is_some();
    matches!(head.split_at_checked(3), Some((name, [b' ', b'0'..=b'9', rest @ ..])) if month(name) && memmem::find(rest, b", 20").is_some())
        && (memmem::find(head, b"AM ").is_some() || memmem::find(head, b"PM ").is_some())
}

/// The second line of that.
pub(super) fn jul_level(text: &[u8]) -> bool {
    let level = text.iter().take_while(|byte| byte.is_ascii_uppercase()).count();
    matches!(text.split_at_checked(level), Some((level, [b':', b' ', ..])) if [&b"SEVERE"[..], b"WARNING", b"INFO", b"CONFIG", b"FINE", b"FINER", b"FINEST"].contains(&level))
}

/// Whether a message may have a trace below it: near its beginning it says that something is wrong.
pub(super) fn alarms(message: &[u8]) -> bool {
    let head = message.get(..message.len().min(256)).unwrap_or_default();
    let says = |word: &[u8]| head.windows(word.len()).any(|part| part.eq_ignore_ascii_case(word));
    [&b"error"[..], b"warn", b"severe", b"fatal", b"critical", b"exception"].into_iter().any(says)
}
