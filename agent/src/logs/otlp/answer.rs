//! What an answer means for chunks of lines, in the words in which the pipeline knows Loki's.

use crate::{
    delivery::Verdict,
    logs::loki::{self, Reason, Refusal},
    otlp,
};

/// Sorts what a back end said of a push of so many streams.
pub(in crate::logs) fn sort(told: &otlp::Sorted, streams: usize) -> loki::Sorted {
    let (verdict, reason) = match told.verdict {
        Verdict::Delivered => (Verdict::Delivered, None),
        Verdict::Retry => (Verdict::Retry, Some(Reason::Unavailable)),
        Verdict::Slower => (Verdict::Slower, Some(Reason::RateLimited)),
        Verdict::Halve => (Verdict::Halve, Some(Reason::TooLarge)),
        // Nobody was asked about each of several streams yet.
        Verdict::Drop if streams > 1 => (Verdict::Bisect, Some(Reason::Malformed)),
        Verdict::Hold => (Verdict::Hold, Some(Reason::Denied)),
        other => (other, Some(Reason::Malformed)),
    };
    let refusals = match told.rejected {
        0 => Vec::new(),
        lines => vec![Refusal { reason: Reason::Malformed, lines: Some(lines) }],
    };
    loki::Sorted { verdict, reason, refusals, stream: None, cut: false }
}
