//! What was decided of traces lately, for spans that come late.

use std::{collections::HashMap, mem};

use crate::traces::red::Keyed;

/// Traces in one generation; the newest so many are remembered, and twice as many at most.
pub const MAX_DECIDED: usize = 32_768;

/// What became of a trace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Decision {
    /// Kept for what it is: an error, slow, or asked for. All of its like are kept.
    Kept,
    /// Kept by chance.
    Drawn,
    /// Not sent.
    Dropped,
}

/// Decisions by trace id, two generations of them.
#[derive(Debug, Default)]
pub(super) struct Decided {
    young: HashMap<[u8; 16], Decision, Keyed>,
    old: HashMap<[u8; 16], Decision, Keyed>,
}

impl Decided {
    /// What was decided, as far as it is remembered.
    pub(super) fn get(&self, trace: &[u8; 16]) -> Option<Decision> {
        self.young.get(trace).or_else(|| self.old.get(trace)).copied()
    }

    /// Remembers it.
    pub(super) fn put(&mut self, trace: [u8; 16], decision: Decision) {
        if self.young.len() >= MAX_DECIDED {
            self.old.clear();
            mem::swap(&mut self.young, &mut self.old);
        }
        self.young.insert(trace, decision);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_are_remembered() {
        let mut decided = Decided::default();
        let id = |number: usize| (number as u128).to_le_bytes();
        for number in 0..3 * MAX_DECIDED {
            decided.put(id(number), Decision::Drawn);
        }
        assert_eq!(decided.get(&id(0)), None);
        for number in 2 * MAX_DECIDED..3 * MAX_DECIDED {
            assert_eq!(decided.get(&id(number)), Some(Decision::Drawn));
        }
        assert!(decided.young.len() + decided.old.len() <= 2 * MAX_DECIDED);
        decided.put(id(1), Decision::Kept);
        decided.put(id(1), Decision::Dropped);
        assert_eq!(decided.get(&id(1)), Some(Decision::Dropped));
    }
}
