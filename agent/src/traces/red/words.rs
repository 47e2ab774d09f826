//! Kinds and states of spans in the words of both families of names.

use crate::otlp::wire::Span;

/// `SpanKind`, in the order of its numbers.
pub const KINDS: [&str; 6] = [
    "SPAN_KIND_UNSPECIFIED",
    "SPAN_KIND_INTERNAL",
    "SPAN_KIND_SERVER",
    "SPAN_KIND_CLIENT",
    "SPAN_KIND_PRODUCER",
    "SPAN_KIND_CONSUMER",
];

/// `StatusCode`, in the order of its numbers.
pub const STATES: [&str; 3] = ["STATUS_CODE_UNSET", "STATUS_CODE_OK", "STATUS_CODE_ERROR"];

/// Places of kinds and states together.
pub(super) const SLOTS: usize = KINDS.len() * STATES.len();

/// `SpanKind` of a server.
pub(super) const SERVER: u64 = 2;
/// `SpanKind` of a client.
pub(super) const CLIENT: u64 = 3;
/// `SpanKind` of who puts a message in.
pub(super) const PRODUCER: u64 = 4;
/// `SpanKind` of who takes it out.
pub(super) const CONSUMER: u64 = 5;
/// `StatusCode` of what failed.
pub(super) const ERROR: u64 = 2;

/// Where the kind and the state of a span belong; numbers which nobody has defined yet count as 0.
#[inline]
pub(super) fn slot(span: &Span<'_>) -> usize {
    let known = |number: u64, words: usize| usize::try_from(number).ok().filter(|at| *at < words).unwrap_or(0);
    known(span.kind, KINDS.len()) * STATES.len() + known(span.status, STATES.len())
}

/// The words of a place.
pub(super) fn words(slot: usize) -> (&'static str, &'static str) {
    let word = |words: &[&'static str], at: usize| words.get(at).copied().unwrap_or_default();
    (word(&KINDS, slot / STATES.len()), word(&STATES, slot % STATES.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_place_has_its_words() {
        let span = |kind, status| Span { kind, status, ..Span::default() };
        assert_eq!(words(slot(&span(SERVER, ERROR))), ("SPAN_KIND_SERVER", "STATUS_CODE_ERROR"));
        assert_eq!(words(slot(&span(CONSUMER, 1))), ("SPAN_KIND_CONSUMER", "STATUS_CODE_OK"));
        assert_eq!(words(slot(&span(6, 3))), ("SPAN_KIND_UNSPECIFIED", "STATUS_CODE_UNSET"));
        assert_eq!(words(slot(&span(u64::MAX, u64::MAX))), ("SPAN_KIND_UNSPECIFIED", "STATUS_CODE_UNSET"));
        assert_eq!(slot(&span(CONSUMER, ERROR)), SLOTS - 1);
    }
}
