//! Ids of traces, spans and requests: which text is one, and which of several wins.

use std::borrow::Cow;

use crate::logs::lanes;

/// Longest request id that is taken, in bytes.
const LONGEST: usize = 128;

/// The best id of a sort so far.
#[derive(Clone, Debug)]
pub(super) struct Best<T> {
    pub(super) value: Option<T>,
    /// Lower is better; the first of equals wins.
    rank: u8,
}

/// The ids of a line.
#[derive(Clone, Debug, Default)]
pub(super) struct Ids<'a> {
    pub(super) trace: Best<&'a str>,
    pub(super) span: Best<&'a str>,
    pub(super) request: Best<Cow<'a, str>>,
}

impl<T> Default for Best<T> {
    fn default() -> Self {
        Self { value: None, rank: u8::MAX }
    }
}

impl<T> Best<T> {
    fn offer(&mut self, value: Option<T>, rank: u8) {
        if rank < self.rank && value.is_some() {
            *self = Self { value, rank };
        }
    }
}

impl<'a> Ids<'a> {
    /// A trace id, or the resource name of Google's logs which ends in one.
    pub(super) fn trace(&mut self, text: &'a str, rank: u8) {
        // The id is what stands behind the last slash.
        let id = if text.len() > 32 { text.rsplit_once('/').map_or(text, |(_, id)| id) } else { text };
        self.trace.offer(hexadecimal(id, 32), rank);
    }

    pub(super) fn span(&mut self, text: &'a str, rank: u8) {
        self.span.offer(hexadecimal(text, 20), rank);
    }

    /// W3C `traceparent`: version, trace, span, flags.
    pub(super) fn parent(&mut self, text: &'a str, rank: u8) {
        let mut parts = text.split('-');
        let (Some(version), Some(trace), Some(span), Some(_)) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return;
        };
        if version.len() == 2 && trace.len() == 32 && span.len() == 16 {
            self.trace(trace, rank);
            self.span(span, rank);
        }
    }

    /// What stands in brackets of Spring: `app,trace,span`, older ones with a flag behind, newer ones `trace-span` alone.
    pub(super) fn bracket(&mut self, inner: &'a str) {
        let mut parts = inner.split([',', '-']).skip_while(|part| !matches!(part.len(), 16 | 32));
        if let (Some(trace), Some(span)) = (parts.next(), parts.next())
            && span.len() == 16
            && [trace, span].iter().all(|id| hexadecimal(id, 32).is_some())
        {
            self.trace(trace, 1);
            self.span(span, 1);
        }
    }

    pub(super) fn request(&mut self, text: &'a str, escaped: bool, rank: u8) {
        let id = if escaped { unescaped(text).map(Cow::Owned) } else { Some(Cow::Borrowed(text)) };
        self.request.offer(id.filter(|id| is_request(id)), rank);
    }
}

/// Hexadecimal of 8 digits or more, as Jaeger leaves leading zeros out; not all zeros. Decimal ids are hexadecimal by their form.
fn hexadecimal(text: &str, longest: usize) -> Option<&str> {
    if !(8..=longest).contains(&text.len()) {
        return None;
    }
    let (fits, some) = lanes::hexadecimal(text.as_bytes());
    (fits & some).then_some(text)
}

/// Whether it tells one request from another: no blanks, not a word for nothing, not all zeros.
fn is_request(text: &str) -> bool {
    let nothing = ["null", "nil", "none", "undefined", "unknown", "true", "false"];
    (1..=LONGEST).contains(&text.len())
        && text.bytes().fold(true, |all, b| all & b.is_ascii_graphic())
        && text.bytes().any(|b| !matches!(b, b'0' | b'-' | b'.'))
        && !(text.len() < 10 && nothing.iter().any(|word| text.eq_ignore_ascii_case(word)))
}

/// JSON's escapes of visible ASCII undone; `None` where there are others: they are in no id.
fn unescaped(text: &str) -> Option<String> {
    if text.len() > 6 * LONGEST {
        return None;
    }
    let (mut plain, mut rest) = (String::with_capacity(text.len()), text.chars());
    while let Some(c) = rest.next() {
        plain.push(match c {
            '\\' => match rest.next()? {
                c @ ('"' | '\\' | '/') => c,
                'u' => {
                    let (digits, behind) = rest.as_str().split_at_checked(4)?;
                    rest = behind.chars();
                    char::from(u8::from_str_radix(digits.strip_prefix("00")?, 16).ok()?)
                }
                _ => return None,
            },
            c => c,
        });
    }
    Some(plain)
}
