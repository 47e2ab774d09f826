//! What became of records.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::otlp::Signal;

/// What became of a span, a data point or a log record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It is in the queues.
    Accepted,
    /// It has no valid ids.
    Invalid,
    /// A rule drops it.
    Dropped,
    /// It was not drawn.
    SampledOut,
    /// There was no room for it, and nobody who could send it again.
    Lost,
}

impl Outcome {
    /// Every outcome.
    pub const ALL: [Self; 5] = [Self::Accepted, Self::Invalid, Self::Dropped, Self::SampledOut, Self::Lost];

    /// The word in the label `outcome`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Invalid => "invalid",
            Self::Dropped => "dropped",
            Self::SampledOut => "sampled_out",
            Self::Lost => "lost",
        }
    }
}

/// Counters of all outcomes.
#[derive(Debug, Default)]
pub struct Records([[AtomicU64; Outcome::ALL.len()]; Signal::ALL.len()]);

impl Records {
    pub(super) fn add(&self, signal: Signal, outcome: Outcome, records: u64) {
        if let Some(count) = self.0.get(signal as usize).and_then(|of| of.get(outcome as usize)) {
            count.fetch_add(records, Ordering::Relaxed);
        }
    }

    /// Records of a signal that ended so.
    pub fn get(&self, signal: Signal, outcome: Outcome) -> u64 {
        let count = self.0.get(signal as usize).and_then(|of| of.get(outcome as usize));
        count.map_or(0, |count| count.load(Ordering::Relaxed))
    }
}
