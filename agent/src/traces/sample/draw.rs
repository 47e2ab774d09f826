//! The draw itself: whether a span's trace is in the share that is sent, and the mark of it in the span.

use super::{
    threshold::{Randomness, Threshold},
    trace_state::{Said, read, with_threshold},
};
use crate::otlp::wire::{Fields, Span, Writer};

/// Field of `trace_state` in a span.
const TRACE_STATE: u32 = 3;

/// A share of traces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Draw(Threshold);

impl Draw {
    pub(super) fn keeping(ratio: f64) -> Self {
        Self(Threshold::keeping(ratio))
    }

    pub(super) fn keeps_all(self) -> bool {
        self.0 == Threshold::NOTHING
    }

    /// Whether the span is in the share: by the randomness its `tracestate` gives, else by that of its trace id. One with neither is none
    /// that could be sent.
    pub(super) fn keeps(self, span: &Span<'_>) -> bool {
        self.keeps_all() || randomness(&read(span.trace_state), span).is_some_and(|random| self.0.keeps(random))
    }

    /// A span that [`Self::keeps`] with the threshold by which it was drawn. `None` where it stays as it is: everything is kept, or it was
    /// drawn more tightly before. What it says of itself and cannot be true, because it should not be here, is not believed.
    pub(super) fn mark(self, span: &Span<'_>) -> Option<Vec<u8>> {
        let said = read(span.trace_state);
        let before =
            said.threshold.filter(|threshold| randomness(&said, span).is_some_and(|random| threshold.keeps(random)));
        if self.keeps_all() || before.is_some_and(|before| before >= self.0) {
            return None;
        }
        let mut marked = Writer::new();
        if span.trace_state.is_empty() {
            // Nearly always. One that is there and empty is overruled by what comes behind it.
            marked.raw(span.message);
        } else {
            for field in Fields::new(span.message) {
                // It was read before, and is a message.
                let field = field.ok()?;
                if field.number != TRACE_STATE {
                    marked.raw(field.raw);
                }
            }
        }
        marked.bytes(TRACE_STATE, &with_threshold(span.trace_state, self.0));
        Some(marked.into_bytes())
    }
}

fn randomness(said: &Said, span: &Span<'_>) -> Option<Randomness> {
    said.randomness.or_else(|| Randomness::of_trace(span.trace_id))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A span of this `tracestate` whose 56 random bits are `random`.
    fn span(state: &str, random: u64) -> Vec<u8> {
        let mut span = Writer::new();
        span.bytes(1, &u128::from(random).to_be_bytes());
        span.bytes(2, &[1; 8]);
        if !state.is_empty() {
            span.string(3, state);
        }
        span.string(5, "GET /");
        span.string(99, "newer");
        span.into_bytes()
    }

    fn marked(ratio: f64, state: &str, random: u64) -> Option<String> {
        let bytes = span(state, random);
        let marked = Draw::keeping(ratio).mark(&Span::parse(&bytes).unwrap())?;
        let read = Span::parse(&marked).unwrap();
        assert_eq!((read.name, read.span_id), (&b"GET /"[..], &[1; 8][..]));
        assert!(Fields::new(&marked).any(|field| field.unwrap().number == 99), "what is newer stays");
        assert_eq!(Fields::new(&marked).filter(|field| field.unwrap().number == 3).count(), 1);
        Some(String::from_utf8(read.trace_state.to_vec()).unwrap())
    }

    #[test]
    fn a_threshold_is_written_and_only_tightened() {
        const HIGH: u64 = (1 << 56) - 1;
        for (ratio, state, random, expected) in [
            (0.25, "", HIGH, Some("ot=th:c")),
            (0.25, "a=1", HIGH, Some("ot=th:c,a=1")),
            (0.25, "ot=th:8", HIGH, Some("ot=th:c")),
            (0.25, "ot=th:c", HIGH, None),
            (0.25, "ot=th:f", HIGH, None),
            (1.0, "ot=th:8", HIGH, None),
            (1.0, "", HIGH, None),
            // It says that seven of eight are rejected, this one among them: it is not believed.
            (0.25, "ot=th:e", 0xc0_0000_0000_0000, Some("ot=th:c")),
            (0.25, "ot=rv:ffffffffffffff;th:e", 0xc0_0000_0000_0000, None),
            (0.25, "ot=th:nonsense", HIGH, Some("ot=th:c")),
        ] {
            assert_eq!(marked(ratio, state, random).as_deref(), expected, "{ratio} {state}");
        }
    }

    #[test]
    fn randomness_decides_and_rv_before_the_trace_id() {
        let keeps = |state, random| Draw::keeping(0.25).keeps(&Span::parse(&span(state, random)).unwrap());
        assert!(keeps("", 0xc0_0000_0000_0000));
        assert!(!keeps("", 0xbf_ffff_ffff_ffff));
        assert!(keeps("ot=rv:c0000000000000", 0));
        assert!(!keeps("ot=rv:00000000000000", u64::MAX >> 8));
        assert!(!Draw::keeping(0.25).keeps(&Span::default()));
        assert!(Draw::keeping(1.0).keeps(&Span::default()));
    }
}
