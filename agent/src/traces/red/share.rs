//! Who may have how many of a limited number of places: as many as anybody likes while there are plenty, an equal share each when there are none.
//!
//! Labels are for senders to choose, and one that makes ids of them takes whatever there is. So places are counted by the service of the
//! container a span came from, which a sender cannot choose; all that come from nobody knows where count as one. Who has more than an equal
//! share gets no more while places are scarce, and what somebody else is owed is taken from who has most.

use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

/// What one origin holds. Its counts are changed behind the lock of what they are counts of; elsewhere they are read.
#[derive(Debug, Default)]
pub(super) struct Share {
    /// Sets of labels.
    pub(super) series: AtomicUsize,
    /// Names of services that have any.
    pub(super) names: AtomicUsize,
    /// Pairs of services it has to answer for.
    pub(super) edges: AtomicUsize,
    /// Halves of calls that wait.
    pub(super) halves: AtomicUsize,
}

/// Whether there is a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Grant {
    /// There is, and it is taken.
    Yes,
    /// There is none for who has its share.
    No,
    /// There is none, and one is owed: somebody has more than a share.
    Owed,
}

/// All places of one kind.
#[derive(Debug)]
pub(super) struct Places {
    max: usize,
    taken: usize,
    /// Origins that have any.
    holders: usize,
    /// One that has none is owed one.
    waited_for: bool,
}

impl Places {
    pub(super) const fn new(max: usize) -> Self {
        Self { max, taken: 0, holders: 0, waited_for: false }
    }

    /// A place for the one that has `mine`.
    pub(super) fn take(&mut self, mine: &AtomicUsize) -> Grant {
        let (held, free) = (mine.load(Relaxed), self.max.saturating_sub(self.taken));
        // Who has its share leaves something to those who come next, so that they need not wait for it to be taken away.
        let left = if self.sharers(held) > 1 { self.max / 8 } else { 0 };
        let owed = held < self.fair(held);
        match free {
            0 if owed => {
                self.waited_for |= held == 0;
                return Grant::Owed;
            }
            0 => return Grant::No,
            _ if !owed && free <= left => return Grant::No,
            _ => {}
        }
        self.taken += 1;
        if held == 0 {
            (self.holders, self.waited_for) = (self.holders + 1, false);
        }
        mine.store(held + 1, Relaxed);
        Grant::Yes
    }

    /// Gives back `places` of those of `mine`.
    pub(super) fn give(&mut self, mine: &AtomicUsize, places: usize) {
        let held = mine.load(Relaxed);
        let rest = held.saturating_sub(places);
        mine.store(rest, Relaxed);
        self.taken = self.taken.saturating_sub(places);
        self.holders = self.holders.saturating_sub(usize::from(held > 0 && rest == 0));
    }

    /// How many of those of `largest`, who has most, go at a time to who is owed some: a sixteenth of all, so that it is seldom done, and
    /// never into its own share.
    pub(super) fn excess(&self, largest: &AtomicUsize, owed: &AtomicUsize) -> usize {
        largest.load(Relaxed).saturating_sub(self.fair(owed.load(Relaxed))).min((self.max / 16).max(1))
    }

    pub(super) const fn taken(&self) -> usize {
        self.taken
    }

    /// How many want a share, with the one that has `held`.
    fn sharers(&self, held: usize) -> usize {
        self.holders + usize::from(held == 0 || self.waited_for)
    }

    /// An equal share.
    fn fair(&self, held: usize) -> usize {
        (self.max / self.sharers(held).max(1)).max(1)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Takes until there is no more; how many that were.
    fn fill(places: &mut Places, mine: &AtomicUsize) -> usize {
        (0..).take_while(|_| places.take(mine) == Grant::Yes).count()
    }

    #[test]
    fn one_alone_has_all_and_the_next_is_owed_half() {
        let (mut places, noisy, quiet) = (Places::new(160), AtomicUsize::new(0), AtomicUsize::new(0));
        assert_eq!(fill(&mut places, &noisy), 160);
        assert_eq!((places.take(&noisy), places.take(&quiet)), (Grant::No, Grant::Owed));
        let mut moved = 0;
        while places.take(&quiet) == Grant::Owed {
            let excess = places.excess(&noisy, &quiet);
            places.give(&noisy, excess);
            moved += excess;
            assert_eq!(places.take(&noisy), Grant::No, "it is not for who had it");
            fill(&mut places, &quiet);
        }
        assert_eq!((moved, noisy.load(Relaxed), quiet.load(Relaxed)), (80, 80, 80));
    }

    #[test]
    fn beside_others_a_noisy_one_leaves_some_at_once() {
        let (mut places, noisy, quiet) = (Places::new(160), AtomicUsize::new(0), AtomicUsize::new(0));
        assert_eq!(places.take(&quiet), Grant::Yes);
        assert_eq!(fill(&mut places, &noisy), 139);
        assert_eq!(fill(&mut places, &quiet), 20);
    }

    #[test]
    fn more_than_there_are_places_get_none_from_each_other() {
        let mut places = Places::new(2);
        let holders = [(); 3].map(|()| AtomicUsize::new(0));
        let grants = holders.each_ref().map(|holder| places.take(holder));
        assert_eq!(grants, [Grant::Yes, Grant::Yes, Grant::Owed]);
        assert_eq!(places.excess(&holders[0], &holders[2]), 0);
    }

    proptest! {
        #[test]
        fn counts_agree_and_shares_are_had(steps in prop::collection::vec((0..5_usize, any::<bool>()), 0..400), max in 1..40_usize) {
            let (mut places, mine) = (Places::new(max), [(); 5].map(|()| AtomicUsize::new(0)));
            for (who, takes) in steps {
                match takes {
                    true if places.take(&mine[who]) == Grant::Owed => {
                        let largest = mine.iter().max_by_key(|mine| mine.load(Relaxed)).unwrap();
                        let excess = places.excess(largest, &mine[who]);
                        prop_assert!(excess > 0 || max < 5, "somebody has more than a share");
                        places.give(largest, excess);
                        prop_assert!(excess == 0 || places.take(&mine[who]) == Grant::Yes);
                    }
                    true => {}
                    false => places.give(&mine[who], 1.min(mine[who].load(Relaxed))),
                }
                let held = mine.each_ref().map(|mine| mine.load(Relaxed));
                prop_assert_eq!(held.iter().sum::<usize>(), places.taken);
                prop_assert_eq!(held.iter().filter(|held| **held > 0).count(), places.holders);
                prop_assert!(places.taken <= max);
            }
        }
    }
}
