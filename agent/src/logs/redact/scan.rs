//! What a pass over a line is given, and what it finds.

use super::names::Builtin;

/// A part of a line to be replaced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Span {
    /// Where the finding begins: at the key before a value. A cut goes here, so that both halves can be judged.
    pub(super) whole: usize,
    /// First byte to replace.
    pub(super) start: usize,
    /// First byte after it.
    pub(super) end: usize,
    /// Number of the pattern: a built-in one's, or 8 and up for a user's.
    pub(super) pattern: u8,
}

impl Span {
    pub(super) fn new(pattern: Builtin, start: usize, end: usize) -> Self {
        // Seven patterns fit into a byte.
        Self { whole: start, start, end, pattern: pattern as u8 }
    }

    pub(super) fn from(self, whole: usize) -> Self {
        Self { whole, ..self }
    }
}

/// What a closer look costs beside the bytes it goes over.
pub(super) const CANDIDATE: usize = 80;

/// Work a pass may still do, in bytes looked at. A pass that runs out says where: from there on nothing is known.
#[derive(Clone, Copy, Debug)]
pub(super) struct Budget(usize);

impl Budget {
    pub(super) const fn new(units: usize) -> Self {
        Self(units)
    }

    /// Takes from it; false when it is used up.
    pub(super) const fn spend(&mut self, units: usize) -> bool {
        let enough = self.0 >= units;
        self.0 = self.0.saturating_sub(units);
        enough
    }
}
