//! One service of one container's service: its spans by name, kind and state.

use std::{collections::HashMap, sync::Arc};

use super::{
    hash::Keyed,
    histogram::{Exemplar, Histogram, Scale},
    label::{self, Name},
    recent::Recent,
    share::Grant,
    words::SLOTS,
};

/// Names of spans of one service: more are ids in names, and take the overflow.
pub const MAX_NAMES: usize = 200;

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
    /// Counts a span where there is room for its labels; `take` takes that for a new set.
    #[inline]
    pub(super) fn observe(
        &mut self,
        scale: &Scale,
        name: &[u8],
        slot: usize,
        seen: &Seen,
        take: impl FnOnce() -> Grant,
    ) -> Grant {
        let known = self.by_name.get_mut(name).and_then(|places| places.get_mut(slot)).and_then(Option::as_mut);
        match known {
            Some(series) => series.observe(scale, seen),
            None => return self.observe_new(scale, name, slot, seen, take),
        }
        Grant::Yes
    }

    /// The same for labels which have no series under the name as it was written.
    #[cold]
    fn observe_new(
        &mut self,
        scale: &Scale,
        name: &[u8],
        slot: usize,
        seen: &Seen,
        take: impl FnOnce() -> Grant,
    ) -> Grant {
        let name = label::text(name);
        let known = self.by_name.contains_key(name.as_bytes());
        if !known && self.by_name.len() >= MAX_NAMES {
            return Grant::No;
        }
        if let Some(Some(series)) = self.by_name.get_mut(name.as_bytes()).and_then(|places| places.get_mut(slot)) {
            series.observe(scale, seen);
            return Grant::Yes;
        }
        let grant = take();
        if grant == Grant::Yes
            && let Some(place) = self.by_name.entry(Name(Arc::from(&*name))).or_default().get_mut(slot)
        {
            place.insert(Box::default()).observe(scale, seen);
        }
        grant
    }

    /// Lets go of series that got nothing since `second`, of at most so many; how many.
    pub(super) fn forget(&mut self, second: u32, most: usize) -> usize {
        let mut gone = 0;
        self.by_name.retain(|_, places| {
            for place in places.iter_mut() {
                if gone < most && place.as_ref().is_some_and(|series| series.last < second) {
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
    use std::sync::atomic::AtomicUsize;

    use super::{
        super::{histogram::TEMPO, share::Places},
        *,
    };

    const SEEN: Seen = Seen { size: 100, ns: 1, exemplar: None, second: 10 };

    /// Names of the only one there is, and the room for them.
    struct Alone(Names, Places, AtomicUsize);

    impl Alone {
        fn new(max: usize) -> Self {
            Self(Names::default(), Places::new(max), AtomicUsize::new(0))
        }

        fn observe(&mut self, name: &[u8], slot: usize, second: u32) -> bool {
            let Self(names, room, mine) = self;
            names.observe(&TEMPO, name, slot, &Seen { second, ..SEEN }, || room.take(mine)) == Grant::Yes
        }
    }

    #[test]
    fn names_that_are_no_text_share_what_they_are_shown_as() {
        let mut alone = Alone::new(10);
        for name in [&b"GET /\xff"[..], b"GET /\xfe", "GET /\u{fffd}".as_bytes()] {
            assert!(alone.observe(name, 0, 10));
        }
        let series: Vec<_> = alone.0.series().map(|(name, slot, series)| (&**name, slot, series.size)).collect();
        assert_eq!(series, [("GET /\u{fffd}", 0, 300)]);
        assert_eq!(alone.1.taken(), 1);
    }

    #[test]
    fn there_is_room_for_so_many_names_and_sets() {
        let mut alone = Alone::new(usize::MAX);
        let taken = (0..MAX_NAMES + 50).filter(|at| alone.observe(at.to_string().as_bytes(), 0, 10));
        assert_eq!(taken.count(), MAX_NAMES);
        assert!(alone.observe(b"7", 1, 10), "a known name may have another kind");

        let mut alone = Alone::new(2);
        let taken: Vec<_> = (0..3).map(|slot| alone.observe(b"a", slot, 10)).collect();
        assert_eq!((taken, alone.1.taken()), (vec![true, true, false], 2));
        assert!(alone.observe(b"a", 0, 10), "what is known goes on");
    }

    #[test]
    fn idle_ones_go() {
        let mut alone = Alone::new(9);
        for (name, second) in [("old", 10), ("older", 9), ("new", 20)] {
            assert!(alone.observe(name.as_bytes(), 0, second));
        }
        let names = &mut alone.0;
        assert_eq!((names.forget(9, 5), names.forget(11, 1), names.forget(11, 5)), (0, 1, 1));
        assert_eq!(names.series().map(|(name, ..)| &**name).collect::<Vec<_>>(), ["new"]);
        assert_eq!(names.forget(21, usize::MAX), 1);
        assert!(names.is_empty());
    }
}
