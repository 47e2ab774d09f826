//! Addresses of electronic mail: found by their `@`.

use super::{
    bytes::{at, escape_at, part, run_end, run_start, word},
    names::Builtin,
    scan::{Budget, CANDIDATE, Span},
};

/// Longest local part and longest domain (RFC 5321).
const MAX_LOCAL: usize = 64;
const MAX_DOMAIN: usize = 255;

/// Finds addresses whose `@` stands before `limit`; returns where it stopped.
pub(super) fn scan(bytes: &[u8], limit: usize, budget: &mut Budget, spans: &mut Vec<Span>) -> usize {
    let mut from = 0;
    while let Some(found) = memchr::memchr(b'@', bytes.get(from..).unwrap_or_default()) {
        let place = from + found;
        let local = |byte: u8| word(byte) || !byte.is_ascii() || matches!(byte, b'.' | b'%' | b'+' | b'-' | b'\'');
        let mut start = run_start(bytes, place, MAX_LOCAL, local);
        start += escape_at(bytes, start).min(place - start);
        if start >= limit {
            break;
        }
        let domain = part(bytes, place + 1, place + 1 + MAX_DOMAIN);
        let length =
            run_end(domain, 0, |byte| byte.is_ascii_alphanumeric() || !byte.is_ascii() || matches!(byte, b'.' | b'-'));
        if !budget.spend(CANDIDATE / 4 + place - start + length) {
            return start;
        }
        from = place + 1;
        let domain = part(domain, 0, length);
        let domain = domain.strip_suffix(b".").unwrap_or(domain);
        if place > start && is_domain(domain) {
            from = place + 1 + domain.len();
            spans.push(Span::new(Builtin::Email, start, from));
        }
    }
    limit
}

/// Two labels at least, the last of letters: `user@host` alone is as often a login.
fn is_domain(domain: &[u8]) -> bool {
    let Some(dot) = memchr::memrchr(b'.', domain) else { return false };
    let last = part(domain, dot + 1, domain.len());
    let letters = last.len() >= 2 && last.iter().all(|byte| byte.is_ascii_alphabetic() || !byte.is_ascii());
    letters && at(domain, 0) != b'.' && at(domain, 0) != b'-'
}
