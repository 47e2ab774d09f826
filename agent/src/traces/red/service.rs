//! One service of one container's service: its spans by name, kind and state.

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use super::{
    hash::Keyed,
    histogram::{Exemplar, Histogram, Scale},
    label::{self, Name},
    recent::Recent,
    words::SLOTS,
};

/// Names of spans of one service: more are ids in names, and take the overflow.
pub const MAX_NAMES: usize = 200;

/// Sets of labels for which there is still room, all services together.
#[derive(Debug)]
pub(super) struct Room {
    taken: AtomicUsize,
    max: usize,
}

impl Room {
    pub(super) const fn new(max: usize) -> Self {
        Self { taken: AtomicUsize::new(0), max }
    }

    /// Whether there was room for one more, which is now taken.
    pub(super) fn take(&self) -> bool {
        let more = |taken: usize| (taken < self.max).then_some(taken + 1);
        self.taken.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more).is_ok()
    }

    /// Gives room back.
    pub(super) fn give(&self, sets: usize) {
        self.taken.fetch_sub(sets, Ordering::Relaxed);
    }

    pub(super) fn taken(&self) -> usize {
        self.taken.load(Ordering::Relaxed)
    }
}

/// What is counted of spans with one set of labels.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Series {
    /// Bytes of the spans, as messages.
    pub size: u64,
    /// How long they took; how many there were is its count.
    pub latency: Histogram,
    /// When the last one came, in seconds since the start.
    pub(super) last: u32,
}

/// What is taken down of one span.
#[derive(Clone, Copy, Debug)]
pub(super) struct Seen {
    pub(super) size: u64,
    pub(super) ns: u64,
    pub(super) exemplar: Option<Exemplar>,
    pub(super) second: u32,
}

impl Series {
    #[inline]
    pub(super) fn observe(&mut self, scale: &Scale, seen: &Seen) {
        self.size = self.size.wrapping_add(seen.size);
        self.latency.observe(scale, seen.ns, seen.exemplar);
        self.last = seen.second;
    }
}

/// Names which one service has used, each with a place for every kind and state.
#[derive(Debug, Default)]
pub(super) struct Names {
    by_name: HashMap<Name, Places, Keyed>,
    pub(super) recent: Recent,
}

type Places = Box<[Option<Box<Series>>; SLOTS]>;

impl Names {
    /// Counts a span; `false` when there is no room for its labels.
    #[inline]
    pub(super) fn observe(&mut self, scale: &Scale, name: &[u8], slot: usize, seen: &Seen, room: &Room) -> bool {
        let known = self.by_name.get_mut(name).and_then(|places| places.get_mut(slot)).and_then(Option::as_mut);
        match known {
            Some(series) => series.observe(scale, seen),
            None => return self.observe_new(scale, name, slot, seen, room),
        }
        true
    }

    /// The same for labels which have no series under the name as it was written.
    #[cold]
    fn observe_new(&mut self, scale: &Scale, name: &[u8], slot: usize, seen: &Seen, room: &Room) -> bool {
        let name = label::text(name);
        let known = self.by_name.contains_key(name.as_bytes());
        if !known && self.by_name.len() >= MAX_NAMES {
            return false;
        }
        if let Some(Some(series)) = self.by_name.get_mut(name.as_bytes()).and_then(|places| places.get_mut(slot)) {
            series.observe(scale, seen);
            return true;
        }
        if !room.take() {
            return false;
        }
        let places = self.by_name.entry(Name(Arc::from(&*name))).or_default();
        if let Some(place) = places.get_mut(slot) {
            place.insert(Box::default()).observe(scale, seen);
        }
        true
    }

    /// Lets go of series that got nothing since `second`; how many.
    pub(super) fn forget_idle(&mut self, second: u32) -> usize {
        let mut gone = 0;
        self.by_name.retain(|_, places| {
            for place in places.iter_mut() {
                if place.as_ref().is_some_and(|series| series.last < second) {
                    *place = None;
                    gone += 1;
                }
            }
            places.iter().any(Option::is_some)
        });
        if self.by_name.is_empty() {
            self.by_name.shrink_to_fit();
        }
        gone
    }

    pub(super) fn is_empty(&self) -> bool {
        self.by_name.is_empty()
    }

    /// Every series with its name and place.
    pub(super) fn series(&self) -> impl Iterator<Item = (&Arc<str>, usize, &Series)> {
        self.by_name.iter().flat_map(|(name, places)| {
            let places = places.iter().enumerate();
            places.filter_map(move |(slot, place)| Some((&name.0, slot, &**place.as_ref()?)))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::{super::histogram::TEMPO, *};

    const SEEN: Seen = Seen { size: 100, ns: 1, exemplar: None, second: 10 };

    #[test]
    fn names_that_are_no_text_share_what_they_are_shown_as() {
        let (room, mut names) = (Room::new(10), Names::default());
        for name in [&b"GET /\xff"[..], b"GET /\xfe", "GET /\u{fffd}".as_bytes()] {
            assert!(names.observe(&TEMPO, name, 0, &SEEN, &room));
        }
        let series: Vec<_> = names.series().map(|(name, slot, series)| (&**name, slot, series.size)).collect();
        assert_eq!(series, [("GET /\u{fffd}", 0, 300)]);
        assert_eq!(room.taken(), 1);
    }

    #[test]
    fn there_is_room_for_so_many_names_and_sets() {
        let (room, mut names) = (Room::new(usize::MAX), Names::default());
        let taken = (0..MAX_NAMES + 50).filter(|at| names.observe(&TEMPO, at.to_string().as_bytes(), 0, &SEEN, &room));
        assert_eq!(taken.count(), MAX_NAMES);
        assert!(names.observe(&TEMPO, b"7", 1, &SEEN, &room), "a known name may have another kind");

        let (room, mut names) = (Room::new(2), Names::default());
        let taken: Vec<_> = (0..3).map(|slot| names.observe(&TEMPO, b"a", slot, &SEEN, &room)).collect();
        assert_eq!((taken, room.taken()), (vec![true, true, false], 2));
        assert!(names.observe(&TEMPO, b"a", 0, &SEEN, &room), "what is known goes on");
    }

    #[test]
    fn idle_ones_go_and_leave_room() {
        let (room, mut names) = (Room::new(2), Names::default());
        assert!(names.observe(&TEMPO, b"old", 0, &SEEN, &room));
        assert!(names.observe(&TEMPO, b"new", 0, &Seen { second: 20, ..SEEN }, &room));
        assert_eq!(names.forget_idle(10), 0);
        assert_eq!(names.forget_idle(11), 1);
        assert_eq!(names.series().map(|(name, ..)| &**name).collect::<Vec<_>>(), ["new"]);
        assert_eq!(names.forget_idle(21), 1);
        assert!(names.is_empty());
    }
}
