//! Room for requests under way: what all of them hold together stays below one ceiling, and nobody takes all of it.
//!
//! Nobody waits for room: who finds none is told to come again. A request holds what its buffers can hold, not what is in them, from its head
//! to its answer.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use super::origin::Origin;

/// What a request costs beside its bytes: its task, its stream, its head.
const BASE: usize = 8 << 10;

/// Why there is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Full {
    /// Others are in the way, at present.
    Now,
    /// It would not fit into all the room there is.
    Ever,
}

/// All the room there is.
#[derive(Debug)]
pub(super) struct Room {
    limit: usize,
    held: Mutex<Held>,
}

#[derive(Debug, Default)]
struct Held {
    all: usize,
    /// As many as there are origins with a request under way.
    by: HashMap<Origin, Share>,
}

#[derive(Debug, Default)]
struct Share {
    bytes: usize,
    requests: usize,
}

impl Room {
    /// Of so many bytes.
    pub(super) fn new(limit: usize) -> Arc<Self> {
        Arc::new(Self { limit, held: Mutex::default() })
    }

    /// A place for one more request.
    pub(super) fn enter(self: &Arc<Self>, origin: Origin) -> Result<Place, Full> {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        held.by.entry(origin.clone()).or_default().requests += 1;
        drop(held);
        // From here on it is given back, whatever comes of it.
        let mut place = Place { room: Arc::clone(self), origin, bytes: 0 };
        place.grow(BASE)?;
        Ok(place)
    }

    /// Bytes held at present.
    #[cfg(any(test, fuzzing))]
    pub(super) fn held(&self) -> usize {
        self.held.lock().unwrap_or_else(PoisonError::into_inner).all
    }
}

/// What one request holds; dropped, it is given back.
#[derive(Debug)]
pub(super) struct Place {
    room: Arc<Room>,
    origin: Origin,
    bytes: usize,
}

impl Place {
    /// So many more.
    ///
    /// One origin may hold half of the room with several requests. A single one may be as large as there is room: were it refused, it would
    /// be sent again for ever.
    pub(super) fn grow(&mut self, more: usize) -> Result<(), Full> {
        let limit = self.room.limit;
        let mut held = self.room.held.lock().unwrap_or_else(PoisonError::into_inner);
        if self.bytes.checked_add(more).is_none_or(|bytes| bytes > limit) {
            return Err(Full::Ever);
        }
        let all = held.all.checked_add(more).filter(|all| *all <= limit).ok_or(Full::Now)?;
        let share = held.by.entry(self.origin.clone()).or_default();
        if share.requests > 1 && share.bytes + more > limit / 2 {
            return Err(Full::Now);
        }
        share.bytes += more;
        held.all = all;
        self.bytes += more;
        Ok(())
    }

    /// So many fewer.
    pub(super) fn give_back(&mut self, less: usize) {
        let less = less.min(self.bytes);
        let mut held = self.room.held.lock().unwrap_or_else(PoisonError::into_inner);
        held.all = held.all.saturating_sub(less);
        if let Some(share) = held.by.get_mut(&self.origin) {
            share.bytes = share.bytes.saturating_sub(less);
        }
        self.bytes -= less;
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut held = self.room.held.lock().unwrap_or_else(PoisonError::into_inner);
        held.all = held.all.saturating_sub(self.bytes);
        if let Some(share) = held.by.get_mut(&self.origin) {
            share.bytes = share.bytes.saturating_sub(self.bytes);
            share.requests = share.requests.saturating_sub(1);
            if share.requests == 0 {
                held.by.remove(&self.origin);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const ONE: Origin = Origin::User(1);
    const OTHER: Origin = Origin::User(2);

    #[test]
    fn one_origin_leaves_half_to_others_unless_it_is_one_request() {
        let room = Room::new(1 << 20);
        let mut alone = room.enter(ONE).unwrap();
        alone.grow(900 << 10).unwrap();
        assert_eq!(alone.grow(1 << 20), Err(Full::Ever));
        assert!(room.enter(ONE).is_err(), "a second one finds its half in use");
        room.enter(OTHER).unwrap().grow(80 << 10).unwrap();
        assert_eq!(room.enter(OTHER).unwrap().grow(200 << 10), Err(Full::Now));
        drop(alone);
        let mut two = [room.enter(ONE).unwrap(), room.enter(ONE).unwrap()];
        two[0].grow(400 << 10).unwrap();
        assert_eq!(two[1].grow(200 << 10), Err(Full::Now));
        drop(two);
        assert_eq!(room.held(), 0);
        assert!(room.held.lock().unwrap().by.is_empty());
    }

    proptest! {
        #[test]
        fn what_is_given_back_is_what_was_taken(steps in proptest::collection::vec((0_u32..3, 0_usize..300_000), 0..40)) {
            let room = Room::new(1 << 20);
            let mut places: Vec<Place> = Vec::new();
            for (user, bytes) in steps {
                match room.enter(Origin::User(user)) {
                    Ok(mut place) => {
                        let grown = place.grow(bytes);
                        place.give_back(bytes / 3);
                        if grown.is_ok() || bytes % 2 == 0 {
                            places.push(place);
                        }
                    }
                    Err(_) => drop((!places.is_empty()).then(|| places.remove(bytes % places.len()))),
                }
                prop_assert!(room.held() <= 1 << 20);
                prop_assert_eq!(room.held(), places.iter().map(|place| place.bytes).sum::<usize>());
            }
            places.clear();
            prop_assert!(room.held.lock().unwrap().by.is_empty());
        }
    }
}
