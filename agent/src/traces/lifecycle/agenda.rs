//! What is due when.

use std::{
    collections::{BTreeSet, HashMap},
    hash::Hash,
    time::Duration,
};

/// Each thing at most once, by the moment it is due.
#[derive(Clone, Debug)]
pub(super) struct Agenda<T> {
    order: BTreeSet<(Duration, T)>,
    due: HashMap<T, Duration>,
}

impl<T> Default for Agenda<T> {
    fn default() -> Self {
        Self { order: BTreeSet::new(), due: HashMap::new() }
    }
}

impl<T: Clone + Ord + Hash> Agenda<T> {
    /// Sets when a thing is due; `None` strikes it out.
    pub(super) fn set(&mut self, thing: T, due: Option<Duration>) {
        let old = match due {
            Some(due) => self.due.insert(thing.clone(), due),
            None => self.due.remove(&thing),
        };
        if old == due {
            return;
        }
        if let Some(old) = old {
            self.order.remove(&(old, thing.clone()));
        }
        if let Some(due) = due {
            self.order.insert((due, thing));
        }
    }

    /// When the first is due.
    pub(super) fn next(&self) -> Option<Duration> {
        self.order.first().map(|(due, _)| *due)
    }

    /// Takes one out that is due.
    pub(super) fn take(&mut self, now: Duration) -> Option<T> {
        self.order.first().filter(|(due, _)| *due <= now)?;
        let (_, thing) = self.order.pop_first()?;
        self.due.remove(&thing);
        Some(thing)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thing_is_due_once_at_its_newest_moment() {
        let second = Duration::from_secs;
        let mut agenda = Agenda::default();
        agenda.set("a", Some(second(5)));
        agenda.set("b", Some(second(3)));
        agenda.set("a", Some(second(1)));
        agenda.set("a", Some(second(1)));
        assert_eq!((agenda.next(), agenda.take(second(0))), (Some(second(1)), None));
        assert_eq!(
            (agenda.take(second(9)), agenda.take(second(9)), agenda.take(second(9))),
            (Some("a"), Some("b"), None)
        );
        agenda.set("a", Some(second(1)));
        agenda.set("a", None);
        assert_eq!(agenda.next(), None);
    }
}
