//! Requests and their answers in text.

use memchr::{memchr, memchr2, memmem};

use super::{
    Found,
    bytes::{after, after_digits, after_method, run, status},
    keys, level,
};

/// How far into a line the request may begin, in bytes: a host name, a user and a time stand before it.
const HEAD: usize = 512;

/// NCSA common and combined (nginx, Apache, Traefik, Caddy, werkzeug, gunicorn, uvicorn), Gin, morgan's short forms, HAProxy.
pub(super) fn read(line: &str) -> Option<Found<'_>> {
    let bytes = line.as_bytes();
    let (status, end) = match bytes.first()? {
        b'[' if line.starts_with("[GIN] ") => gin(bytes)?,
        b'A'..=b'Z' => bare(bytes).or_else(|| quoted(bytes))?,
        _ => quoted(bytes).or_else(|| haproxy(bytes))?,
    };
    // The request belongs to whoever sent it: keys are looked for behind it alone.
    let ids = keys::scan(line, end).ids;
    Some(Found { level: Some(level::status(status)), ids, access: true, ..Found::default() })
}

/// `... [28/Nov/2026:05:29:05 +0000] "GET / HTTP/1.1" 200 153`. A time of that form makes any request one, however broken;
/// elsewhere it must be a request.
fn quoted(bytes: &[u8]) -> Option<(u16, usize)> {
    let open = memchr(b'"', bytes.get(..HEAD).unwrap_or(bytes))?;
    let (before, request) = (bytes.get(..open)?, bytes.get(open + 1..)?);
    let end = closing(request)?;
    let status = status(request.get(end + 1..)?.strip_prefix(b" ")?)?;
    let request = request.get(..end)?;
    let asked = || after_method(request).is_some() && memmem::find(request, b" HTTP/").is_some();
    (dated(before) || asked()).then_some((status, open + end + 2))
}

/// Whether `[28/Nov/2026:` stands in the bracket that ends here.
fn dated(before: &[u8]) -> bool {
    let bracket = before.strip_suffix(b"] ").and_then(|inner| inner.get(inner.len().saturating_sub(40)..));
    let inner = bracket.and_then(|inner| inner.rsplit(|&b| b == b'[').next());
    inner.is_some_and(|inner| after(inner, b"99/aaa/9999").is_some())
}

/// The closing quote, past escaped ones.
fn closing(text: &[u8]) -> Option<usize> {
    let mut at = 0;
    loop {
        let rest = text.get(at..)?;
        let found = memchr2(b'"', b'\\', rest)?;
        if rest.get(found) == Some(&b'"') {
            return Some(at + found);
        }
        at += found + 2;
    }
}

/// `GET /path 200 1.234 ms - 12`.
fn bare(bytes: &[u8]) -> Option<(u16, usize)> {
    let path = after_method(bytes).filter(|path| path.starts_with(b"/"))?;
    let (path, rest) = run(path, |b| b > b' ');
    let rest = rest.strip_prefix(b" ")?;
    let rest = if rest.starts_with(b"HTTP/") { run(rest, |b| b > b' ').1.strip_prefix(b" ")? } else { rest };
    Some((status(rest)?, path.len()))
}

/// `[GIN] 2026/11/28 - 05:29:05 | 200 |     1.2ms |  172.17.0.1 | GET      "/"`.
fn gin(bytes: &[u8]) -> Option<(u16, usize)> {
    let bar = memchr(b'|', bytes.get(..64).unwrap_or(bytes))?;
    let status = status(bytes.get(bar + 1..)?.trim_ascii_start())?;
    Some((status, bytes.len()))
}

/// `10.0.0.1:33317 [28/Nov/2026:05:29:05.655] front back/server 10/0/30/69/109 200 2750 ...`.
fn haproxy(bytes: &[u8]) -> Option<(u16, usize)> {
    let open = memchr(b'[', bytes.get(..HEAD).unwrap_or(bytes))?;
    let rest = after(bytes.get(open + 1..)?, b"99/aaa/9999:99:99:99.999] ")?;
    let mut words = rest.split(|&b| b == b' ').skip(2);
    let times = words.next()?;
    let timed = times.contains(&b'/') && times.iter().all(|b| matches!(b, b'0'..=b'9' | b'/' | b'-' | b'+'));
    let word = words.next().filter(|_| timed)?;
    after_digits(word)?;
    Some((status(word)?, bytes.len()))
}
