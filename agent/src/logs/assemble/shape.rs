//! What a line is at first sight: by its first bytes, and at most by its last.

/// First sight.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    /// Nothing but white space and colours.
    Blank,
    /// Whole by itself: a JSON object, a line of klog, of logfmt, of an access log. Continues nothing and is continued by nothing.
    Alone,
    /// Begins with white space.
    Indented,
    /// Anything else.
    Text,
}

/// A line's shape, and the line without leading colours and trailing white space, which is what is looked at further.
pub(super) fn look(line: &[u8]) -> (Shape, &[u8]) {
    let text = without_colour(line).trim_ascii_end();
    let shape = match text.first() {
        None => Shape::Blank,
        Some(b' ' | b'\t') => Shape::Indented,
        Some(b'{') if text.ends_with(b"}") => Shape::Alone,
        Some(b'I' | b'W' | b'E' | b'F') if klog(text) => Shape::Alone,
        Some(b't' | b'l' | b'm' | b'a') if logfmt(text) => Shape::Alone,
        Some(b'0'..=b'9' | b'a'..=b'f' | b':') if access(text) => Shape::Alone,
        Some(_) => Shape::Text,
    };
    (shape, text)
}

/// Drops `ESC [ ... m` from the front, as often as it stands there.
fn without_colour(line: &[u8]) -> &[u8] {
    let mut rest = line;
    while let Some(inside) = rest.strip_prefix(b"\x1b[") {
        let parameters = inside.iter().take_while(|byte| matches!(byte, b'0'..=b'9' | b';')).count();
        match inside.split_at_checked(parameters).and_then(|(_, after)| after.strip_prefix(b"m")) {
            Some(after) => rest = after,
            None => break,
        }
    }
    rest
}

/// `I0102 15:04:05.678901       1 file.go:12] text`: a letter, month and day, a space.
fn klog(text: &[u8]) -> bool {
    matches!(text, [_, month_and_day @ .., _] if month_and_day.get(..5).is_some_and(|day| {
        matches!(day, [digits @ .., b' '] if digits.iter().all(u8::is_ascii_digit))
    }))
}

/// Begins with one of the keys with which loggers begin.
fn logfmt(text: &[u8]) -> bool {
    [&b"time="[..], b"ts=", b"t=", b"level=", b"lvl=", b"logger=", b"msg=", b"at="]
        .iter()
        .any(|key| text.starts_with(key))
}

/// `172.17.0.1 - - [28/Nov/2026:05:21:41 +0000] "GET / HTTP/1.1" 200 3`: an address, a dash, a user, a bracket.
fn access(text: &[u8]) -> bool {
    let address =
        text.iter().take(46).take_while(|byte| byte.is_ascii_hexdigit() || matches!(byte, b'.' | b':')).count();
    let rest = text.split_at_checked(address).and_then(|(_, rest)| rest.strip_prefix(b" - "));
    rest.is_some_and(|rest| {
        let user = rest.iter().take(64).take_while(|byte| **byte != b' ').count();
        rest.split_at_checked(user).is_some_and(|(_, rest)| rest.starts_with(b" ["))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_at_first_sight() {
        for (line, shape) in [
            ("", Shape::Blank),
            (" \t\r", Shape::Blank),
            ("\x1b[0m", Shape::Blank),
            (r#"{"level":"info","msg":"up"}"#, Shape::Alone),
            ("{\"a\":1}\r", Shape::Alone),
            ("{", Shape::Text),
            ("[info] {\"a\":1}", Shape::Text),
            ("I1128 05:21:41.123456       1 main.go:12] up", Shape::Alone),
            ("E1128 no clock needed", Shape::Alone),
            ("E11", Shape::Text),
            ("ERROR it broke", Shape::Text),
            ("time=2026-11-28T05:21:41Z level=info msg=up", Shape::Alone),
            ("level=info", Shape::Alone),
            ("timeout after 3 s", Shape::Text),
            (r#"172.17.0.1 - - [28/Nov/2026:05:21:41 +0000] "GET / HTTP/1.1" 200 3"#, Shape::Alone),
            (r#"fe80::1 - bob [28/Nov/2026:05:21:41 +0000] "GET / HTTP/1.1" 200 3"#, Shape::Alone),
            ("2026-11-28 05:21:41 - up", Shape::Text),
            ("1 - 2 is less than 0", Shape::Text),
            ("  indented", Shape::Indented),
            ("\tat Main.main(Main.java:3)", Shape::Indented),
            ("\x1b[31m    at run (/app/a.js:1:1)", Shape::Indented),
            ("\x1b[1;31mERROR\x1b[0m", Shape::Text),
            ("\x1b[2Jcleared", Shape::Text),
            ("plain", Shape::Text),
        ] {
            assert_eq!(look(line.as_bytes()).0, shape, "{line:?}");
        }
    }
}
