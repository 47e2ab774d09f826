//! How old what waits is: the lag of services and the age of the spool.

use std::{collections::HashMap, sync::Arc};

use super::{Inner, Store};
use crate::logs::board::ServiceLog;

impl Inner {
    /// Shows how old what waits is. Looks at every lane, so once a second is enough; what waits for less is no lag.
    pub(super) fn show_age(&mut self) {
        let mut oldest: HashMap<*const ServiceLog, (&Arc<ServiceLog>, i64)> = HashMap::new();
        for (labels, lane) in &self.lanes {
            // What an earlier process left on disk has the time of writing until it is read: later than the line's own, and cheap.
            let in_memory = lane.memory.front().map(|front| front.chunk.first);
            let on_disk = || self.store.as_ref().and_then(|store| store.lane_oldest(labels));
            let Some(time) = in_memory.or_else(on_disk) else { continue };
            let service = &lane.stream.service;
            let known = oldest.entry(Arc::as_ptr(service)).or_insert((service, time));
            known.1 = known.1.min(time);
        }
        let index = self.index;
        let gone = self.lagging.iter().filter(|service| !oldest.contains_key(&Arc::as_ptr(service)));
        gone.for_each(|service| service.set_oldest(index, None));
        let lagging = oldest.values().map(|(service, time)| {
            service.set_oldest(index, Some(*time));
            Arc::clone(service)
        });
        self.lagging = lagging.collect();
        let spooled = self.store.as_ref().and_then(Store::oldest_ms);
        self.log.spool_oldest.set(spooled.and_then(|time| u64::try_from(time).ok()).unwrap_or(0));
    }

    /// Nothing waits any more, and nobody calls [`Self::tend`] until something does.
    pub(super) fn show_nothing(&mut self) {
        for service in self.lagging.drain(..) {
            service.set_oldest(self.index, None);
        }
        self.log.spool_oldest.set(0);
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::{
        super::{Cursors, Item, Limits, Next, Queue, Settled},
        *,
    };
    use crate::{
        delivery::spool,
        logs::{
            board::Board,
            chunk::Chunk,
            stream::{Origins, Stream},
        },
        model::ServiceKey,
    };

    fn key() -> ServiceKey {
        ServiceKey { project: "shop".into(), service: "web".into() }
    }

    /// A line of this output and time.
    fn chunk(board: &Board, output: &str, first: i64) -> Arc<Chunk> {
        let stream = Arc::new(Stream { labels: output.into(), service: board.service(&key()) });
        Arc::new(Chunk { stream, entries: vec![0; 64], lines: 1, first, last: first, progress: Vec::new() })
    }

    fn queue(board: &Board, store: Option<Store>) -> Queue {
        Queue::new(0, Limits::default(), store, Cursors::default(), board, Origins::new(1))
    }

    fn take(queue: &Queue, now: Instant) -> Vec<Item> {
        match queue.take(now) {
            Next::Send(items) => items,
            Next::Wait(_) => panic!("something waits"),
        }
    }

    fn all_is_taken(queue: &Queue, now: Instant) {
        while !queue.is_empty() {
            let ended: Vec<_> = take(queue, now).into_iter().map(|item| (item, Settled::DONE)).collect();
            queue.settle(&ended, now);
        }
    }

    #[test]
    fn the_oldest_of_both_outputs_counts_until_all_is_taken() {
        let board = Board::new(["loki:3100".to_owned()]);
        let (queue, now) = (queue(&board, None), Instant::now());
        for (output, first) in [("stdout", 500), ("stdout", 600), ("stderr", 300)] {
            queue.push(chunk(&board, output, first), now);
        }
        queue.tend(now, 1);
        assert_eq!(board.service(&key()).oldest(), Some(300));
        let ended: Vec<_> = take(&queue, now).into_iter().map(|item| (item, Settled::DONE)).collect();
        queue.settle(&ended, now);
        queue.tend(now, 1);
        assert_eq!(board.service(&key()).oldest(), Some(600));
        all_is_taken(&queue, now);
        assert_eq!(board.service(&key()).oldest(), None, "nobody tends a queue in which nothing waits");
    }

    #[test]
    fn what_is_on_disk_has_an_age_over_a_restart_too() {
        let folder = tempfile::tempdir().unwrap();
        let limits = spool::Limits { max_bytes: 1 << 20, max_age: Duration::from_secs(3600), segment_bytes: 1 << 16 };
        let store = || Some(Store::open(folder.path(), limits).unwrap().0);
        let wall = jiff::Timestamp::now().as_millisecond();
        let board = Board::new(["loki:3100".to_owned()]);
        let now = Instant::now();
        let first = queue(&board, store());
        first.push(chunk(&board, "stdout", 300), now);
        let late = now + Limits::default().stall_after;
        first.tend(late, wall);
        assert!(board.destinations()[0].spool_oldest.get() >= wall.try_into().unwrap());
        assert_eq!((first.0.log.queued_bytes.get(), board.service(&key()).oldest()), (0, Some(300)), "on disk alone");
        first.close();
        drop(first);

        let board = Board::new(["loki:3100".to_owned()]);
        let second = queue(&board, store());
        second.tend(now, wall);
        let oldest = board.service(&key()).oldest().unwrap();
        assert!(oldest >= wall * 1_000_000, "the time of writing, which is known without reading: {oldest}");
        let ended: Vec<_> = take(&second, now).into_iter().map(|item| (item, Settled::Again)).collect();
        second.settle(&ended, now);
        second.tend(now, wall);
        assert_eq!(board.service(&key()).oldest(), Some(300), "once it was read, the line's own");
        all_is_taken(&second, now);
        assert_eq!((board.service(&key()).oldest(), board.destinations()[0].spool_oldest.get()), (None, 0));
    }
}
