//! Burn rates: how many times faster than it may a budget is used up, over a long time, and still over a short one.

use std::time::Duration;

use super::{Decimal, Objective};
use crate::policy::Severity;

/// Whom a burn rate is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BurnKind {
    /// It burns so fast that somebody has to get up.
    Fast,
    /// It burns so long that somebody has to look tomorrow.
    Slow,
}

/// Two windows, the share of the budget that is gone when the long one fires, and how long to wait.
#[derive(Debug)]
pub struct Pair {
    kind: BurnKind,
    short: u64,
    long: u64,
    /// Percent of the budget.
    spent: u64,
    wait: u64,
}

/// The usual four: from the fastest to the slowest. Over 30 days they come to 14.4, 6, 3 and 1 times the budget.
pub const PAIRS: [Pair; 4] = [
    Pair { kind: BurnKind::Fast, short: 300, long: 3_600, spent: 2, wait: 120 },
    Pair { kind: BurnKind::Fast, short: 1_800, long: 21_600, spent: 5, wait: 900 },
    Pair { kind: BurnKind::Slow, short: 7_200, long: 86_400, spent: 10, wait: 3_600 },
    Pair { kind: BurnKind::Slow, short: 21_600, long: 259_200, spent: 10, wait: 10_800 },
];

/// One burn rate of one objective.
#[derive(Clone, Debug, PartialEq)]
pub struct Burn {
    /// Whom it is for.
    pub kind: BurnKind,
    /// Its severity.
    pub severity: Severity,
    /// The short window in seconds: when it ends.
    pub short: u64,
    /// The long window in seconds: whether it matters.
    pub long: u64,
    /// `for`, in seconds.
    pub wait: u64,
    /// How many times the budget.
    pub factor: Decimal,
    /// The share of bad events from which it burns so.
    pub threshold: Decimal,
    /// Fewest events in the long window.
    pub min_events: u64,
    /// How soon the whole budget is gone.
    pub exhausted: Duration,
}

impl Burn {
    /// The pair for an objective; `None` where nobody is told, or the long window is longer than the objective's.
    pub(super) fn of(pair: &Pair, objective: &Objective) -> Option<Self> {
        let severity = match pair.kind {
            BurnKind::Fast => objective.page?,
            BurnKind::Slow => objective.ticket?,
        };
        let window = objective.window.as_secs();
        if pair.long > window {
            return None;
        }
        // Percents of the budget times the window over the long one, in thousandths. Slower than the budget allows is no burn.
        let thousandths = (pair.spent.saturating_mul(window).saturating_mul(10) / pair.long).max(1_000);
        let factor = Decimal::thousandths(thousandths);
        let threshold = factor.times(objective.target.budget());
        Some(Self {
            kind: pair.kind,
            severity,
            short: pair.short,
            long: pair.long,
            wait: pair.wait,
            factor,
            threshold,
            min_events: objective.min_events.unwrap_or_else(|| match objective.sli.is_paced() {
                // Its pace is held against the threshold when the policy is read.
                true => 1,
                false => more_than_one(threshold),
            }),
            exhausted: Duration::from_secs(window.saturating_mul(1_000) / thousandths),
        })
    }
}

/// As many events that one bad one among them is not above the threshold.
fn more_than_one(threshold: Decimal) -> u64 {
    // A threshold is at least a millionth; above 1 it cannot be reached anyhow.
    (1.0 / threshold.value()).ceil().clamp(1.0, 1e9) as u64
}
