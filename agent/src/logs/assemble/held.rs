//! What is held of an output: an entry, and lines of which only a later one shows whose they are.

use std::time::Duration;

use super::{
    Patience,
    grammar::{self, State},
    shape::Shape,
};
use crate::logs::Mark;

/// Lines of a message that are waited with for a frame below them.
const MAX_TAILS: usize = 8;

/// Where lines stand, from the first to the last.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    pub(super) time: i64,
    pub(super) start: Mark,
    pub(super) end: Mark,
}

/// An entry that may go on.
#[derive(Debug)]
pub(super) struct Held {
    pub(super) state: State,
    pub(super) place: Place,
    pub(super) lines: u32,
    /// Length of its text; what `tails` tell of stands behind.
    pub(super) len: usize,
    /// Engine's time of its newest line or tail.
    pub(super) newest: i64,
    pub(super) arrived: u64,
    /// Lines that are part of it only if one follows that shows it.
    pub(super) tails: Vec<Tail>,
    /// Lines of text are among them.
    pub(super) doubt: bool,
}

/// A line after an entry.
#[derive(Clone, Copy, Debug)]
pub(super) struct Tail {
    pub(super) place: Place,
    pub(super) len: usize,
    pub(super) arrived: u64,
}

/// What a line does to an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// It goes on with it, and so do the tails before it.
    On(State),
    /// It is blank, and may be inside of it.
    Blank,
    /// It may be part of a message.
    Doubt,
}

impl Held {
    /// With its first line.
    pub(super) fn new(state: State, place: Place, len: usize, arrived: u64) -> Self {
        Self { state, place, lines: 1, len, newest: place.time, arrived, tails: Vec::new(), doubt: false }
    }

    /// What a line of this shape does to it; `bytes` are its own.
    pub(super) fn step(&self, shape: Shape, text: &[u8], bytes: &[u8]) -> Option<Step> {
        let more = self.doubt && self.tails.len() < MAX_TAILS;
        match shape {
            Shape::Blank => (more || self.tails.is_empty() && self.state.spans_blank()).then_some(Step::Blank),
            _ if self.doubt && grammar::settles(self.state, text) => {
                grammar::follow(self.state, shape, text, bytes).map(Step::On)
            }
            _ if self.doubt => (more && grammar::doubtful(self.state, shape, text)).then_some(Step::Doubt),
            _ => match grammar::follow(self.state, shape, text, bytes) {
                Some(state) => Some(Step::On(state)),
                None => (self.tails.is_empty() && grammar::doubtful(self.state, shape, text)).then_some(Step::Doubt),
            },
        }
    }

    /// Whether a line of this time is near enough. A message is written at once, however many lines it has.
    pub(super) fn reaches(&self, time: i64, doubt: bool, patience: &Patience) -> bool {
        let gap = if self.state.begun() && !doubt { patience.trace_gap } else { patience.line_gap };
        let apart = i128::from(time) - i128::from(self.newest);
        apart <= i128::try_from(gap.as_nanos()).unwrap_or(i128::MAX)
    }

    /// How long it is held after its newest line.
    pub(super) fn hold(&self, patience: &Patience) -> Duration {
        if self.state.begun() && !self.doubt { patience.trace_hold } else { patience.line_hold }
    }
}
