//! How many fetches run at once: over all, for one target, and for targets that were in trouble last time.
//!
//! The last is what keeps dead targets from starving the others: they hold a place for a whole deadline each, so they only
//! get half of the places.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

/// Fetches of one target at once: a pair of Prometheus servers, and one person.
pub(super) const MAX_PER_TARGET: usize = 3;

/// Targets whose last fetch is remembered; twice of what is listed.
const MAX_KNOWN: usize = 2 * super::list::MAX_TARGETS;

type Key = (Arc<str>, Arc<str>);

/// Counts who is inside.
#[derive(Debug)]
pub(super) struct Gate {
    places: usize,
    inside: Mutex<Inside>,
}

#[derive(Debug, Default)]
struct Inside {
    all: usize,
    troubled: usize,
    targets: HashMap<Key, Standing>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Standing {
    inside: usize,
    troubled: bool,
}

impl Gate {
    pub(super) fn new(places: usize) -> Arc<Self> {
        Arc::new(Self { places: places.max(1), inside: Mutex::default() })
    }

    /// A place, or `None` at once.
    pub(super) fn enter(self: &Arc<Self>, key: Key) -> Option<Place> {
        let mut inside = self.lock();
        let known = inside.targets.get(&key).copied().unwrap_or_default();
        let room = inside.all < self.places
            && known.inside < MAX_PER_TARGET
            && (!known.troubled || inside.troubled < self.places.div_ceil(2));
        if !room {
            return None;
        }
        inside.all += 1;
        inside.troubled += usize::from(known.troubled);
        inside.targets.entry(key.clone()).or_default().inside += 1;
        drop(inside);
        Some(Place { gate: Arc::clone(self), key, entered_troubled: known.troubled, ended_well: None })
    }

    /// Whether the last fetch of the target ended badly.
    #[cfg(test)]
    pub(super) fn is_troubled(&self, key: &Key) -> bool {
        self.lock().targets.get(key).is_some_and(|known| known.troubled)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Inside> {
        // Numbers are whole at any time: a panic elsewhere leaves nothing half done.
        self.inside.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A place inside, given back when dropped.
#[derive(Debug)]
pub(super) struct Place {
    gate: Arc<Gate>,
    key: Key,
    entered_troubled: bool,
    ended_well: Option<bool>,
}

impl Place {
    /// How the fetch ended; without it the target keeps its name (the client left first).
    pub(super) fn ended(&mut self, well: bool) {
        self.ended_well = Some(well);
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut inside = self.gate.lock();
        inside.all = inside.all.saturating_sub(1);
        inside.troubled = inside.troubled.saturating_sub(usize::from(self.entered_troubled));
        let Some(mut known) = inside.targets.remove(&self.key) else { return };
        known.inside = known.inside.saturating_sub(1);
        known.troubled = self.ended_well.map_or(known.troubled, |well| !well);
        if known.inside > 0 || (known.troubled && inside.targets.len() < MAX_KNOWN) {
            inside.targets.insert(self.key.clone(), known);
        } else if known.troubled {
            // Containers come and go, and troubled ones leave their names here: start over now and then.
            inside.targets.retain(|_, known| known.inside > 0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(n: usize) -> Key {
        (format!("id{n}").into(), "1".into())
    }

    #[test]
    fn places_are_counted_over_all_and_by_target() {
        let gate = Gate::new(5);
        let mut held: Vec<_> = (0..MAX_PER_TARGET).map(|_| gate.enter(key(1)).unwrap()).collect();
        assert!(gate.enter(key(1)).is_none(), "one target takes no more");
        held.extend([gate.enter(key(2)), gate.enter(key(3))].into_iter().flatten());
        assert_eq!(held.len(), 5);
        assert!(gate.enter(key(4)).is_none(), "all places are taken");
        held.clear();
        assert!(gate.enter(key(4)).is_some());
        assert!(gate.lock().targets.is_empty(), "nothing is kept of targets that did well");
    }

    #[test]
    fn troubled_targets_get_half_of_the_places() {
        let gate = Gate::new(8);
        for n in 0..8 {
            gate.enter(key(n)).unwrap().ended(false);
        }
        let held: Vec<_> = (0..8).filter_map(|n| gate.enter(key(n))).collect();
        assert_eq!(held.len(), 4);
        let others: Vec<_> = (100..110).filter_map(|n| gate.enter(key(n))).collect();
        assert_eq!(others.len(), 4, "the other half is for those who did well");
        drop((held, others));
        assert!(gate.is_troubled(&key(0)), "a fetch that was given up says nothing new");
        gate.enter(key(0)).unwrap().ended(true);
        assert!(!gate.is_troubled(&key(0)));
    }

    #[test]
    fn what_is_remembered_has_a_ceiling() {
        let gate = Gate::new(1);
        for n in 0..3 * MAX_KNOWN {
            gate.enter(key(n)).unwrap().ended(false);
        }
        assert!(gate.lock().targets.len() <= MAX_KNOWN);
    }
}
