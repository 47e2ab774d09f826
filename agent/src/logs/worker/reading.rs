//! Reading files: whose turn it is, whether there is room, and what becomes of those that cannot be read.

use std::{
    collections::HashMap,
    sync::Arc,
    time::{Duration, Instant},
};

use super::{
    NAMELESS_AFTER, POLL_EVERY, Worker, listing, resume,
    source::{self, Reader},
};
use crate::logs::{
    board::{Gap, Reading, ServiceLog},
    queue::Room,
    tail::{Armed, Tail, TailError},
};

/// Bytes read of one container before the next one has its turn.
const BUDGET: u64 = 256 << 10;

/// Bytes read in one turn, before chunks are closed and words are heard.
const TURN: u64 = 1 << 20;

/// How soon a reader is asked again that found no room.
const ROOM_EVERY: Duration = Duration::from_millis(100);

/// A container that wrote nothing for so long keeps no handle where none is needed.
const IDLE_AFTER: Duration = Duration::from_secs(120);

impl Worker {
    /// Reads of the hungry, oldest lines first; whether there is more to read at once.
    pub(super) fn read(&mut self) -> bool {
        let now = self.shaper.clock.now();
        self.room_at = None;
        let mut order: Vec<_> =
            self.hungry.iter().filter_map(|at| Some((self.sources.get(at)?.last_time, *at))).collect();
        order.sort_unstable();
        self.hungry.clear();
        let mut left = TURN;
        for (_, number) in order {
            if left == 0 {
                self.hungry.insert(number);
                continue;
            }
            if !self.has_room(number, now) {
                self.hungry.insert(number);
                self.room_at = Some(now + ROOM_EVERY);
                continue;
            }
            match self.read_one(number, BUDGET.min(left)) {
                Some(read) => left = left.saturating_sub(read),
                None => continue,
            }
            if self.sources.get(&number).is_some_and(|source| !source.caught_up) {
                self.hungry.insert(number);
            }
        }
        self.publish_reading();
        !self.hungry.is_empty() && self.room_at.is_none()
    }

    /// Whether a container's lines have somewhere to go, or are in danger where they are.
    pub(super) fn has_room(&self, number: u64, now: Instant) -> bool {
        let Some(source) = self.sources.get(&number) else { return false };
        let room = source.outputs.iter().map(|output| self.streams.room(&output.slot, now)).max();
        let endangered = || matches!(&source.reader, Reader::File(tail) if tail.is_endangered());
        match room.unwrap_or(Room::Free) {
            Room::Free | Room::Stalled => true,
            // A container that is gone leaves nothing to read again: its file is held by us alone.
            Room::Busy => source.gone || endangered(),
        }
    }

    /// Reads a bit of one container; the bytes, or nothing where it has no file.
    pub(super) fn read_one(&mut self, number: u64, budget: u64) -> Option<u64> {
        self.open_awaited(number);
        let source = self.sources.get_mut(&number)?;
        let Reader::File(tail) = &source.reader else { return None };
        let armed = (!source.gone).then(|| self.wake.watch(number, tail.path()));
        let before = self.nameless.remove(&number);
        match source.read(budget, &mut self.buffer, &mut self.shaper, &mut self.streams) {
            Ok(progress) => {
                if progress.bytes > 0 {
                    source.idle_since = self.shaper.clock.now();
                }
                if armed == Some(Armed::Anew) && progress.rotations > 0 {
                    source.caught_up = false;
                }
                // Nobody will tell of the file that gets the name.
                if armed == Some(Armed::Absent) || progress.missing && !source.gone {
                    let wait = before.map_or(NAMELESS_AFTER, |(_, wait)| (wait * 2).min(POLL_EVERY));
                    self.nameless.insert(number, (self.shaper.clock.now() + wait, wait));
                }
                Some(progress.bytes)
            }
            Err(error) => {
                self.unreadable(number, &error);
                None
            }
        }
    }

    /// Opens the files of a container that had none before.
    pub(super) fn open_awaited(&mut self, number: u64) {
        let Some(source) = self.sources.get_mut(&number) else { return };
        let Reader::Awaited { path, max_files } = &source.reader else { return };
        let Some(origin) = source.whose.origin.clone() else { return };
        let places = resume::places(&origin, &self.streams);
        match Tail::open(path, *max_files, &places) {
            Ok(tail) => {
                source.behind = source::behind(&origin, Some(&tail), &self.streams);
                let known = resume::has_cursor(&origin, &self.streams);
                if known && source.behind.iter().all(Vec::is_empty) {
                    source.whose.service.gap(Gap::PositionLost, 1);
                }
                self.streams.queues().iter().for_each(|queue| {
                    queue.cursors(|cursors| cursors.reopened(origin.id.as_str()));
                });
                source.caught_up = false;
                source.reader = Reader::File(Box::new(tail));
            }
            Err(TailError::Missing { .. }) => source.caught_up = true,
            Err(error) => self.unreadable(number, &error),
        }
    }

    /// A container's files cannot be read: the engine is asked instead.
    pub(super) fn unreadable(&mut self, number: u64, error: &TailError) {
        let Some(source) = self.sources.get_mut(&number) else { return };
        source.caught_up = true;
        match error {
            // The file went away with its container.
            TailError::Missing { .. } if source.gone => {}
            TailError::Missing { .. } => listing::await_again(source),
            TailError::Forbidden { .. } | TailError::Irregular { .. } => {
                // The inventory is looked at again, which starts a follower.
                self.wake.forget(number);
                source.reader = Reader::Api;
                self.generation = None;
                self.bell.ring();
            }
            TailError::Io { .. } => {
                let error = error as &dyn std::error::Error;
                tracing::warn!(container = source.id.short(), error, "read a log file; trying again");
            }
        }
    }

    /// Gives the handles of silent containers back.
    pub(super) fn rest_idle(&mut self, now: Instant) {
        for source in self.sources.values_mut() {
            let idle = now.saturating_duration_since(source.idle_since) >= IDLE_AFTER;
            if let Reader::File(tail) = &mut source.reader
                && (idle || source.ended)
                && source.caught_up
            {
                tail.suspend(source.ended);
            }
        }
    }

    /// Shows how containers are read, and how far reading is behind.
    pub(super) fn publish_reading(&self) {
        let mut behind: HashMap<*const ServiceLog, (Arc<ServiceLog>, u64)> = HashMap::new();
        for source in self.sources.values() {
            let service = &source.whose.service;
            let known = behind.entry(Arc::as_ptr(service)).or_insert_with(|| (Arc::clone(service), 0));
            known.1 += source.behind_bytes;
        }
        behind.into_values().for_each(|(service, bytes)| service.behind_bytes.set(bytes));
    }

    pub(super) fn publish_sources(&self) {
        self.board.set_readings(self.sources.values().map(|source| match &source.reader {
            Reader::File(_) | Reader::Awaited { .. } => Reading { source: "file", reason: String::new() },
            Reader::Api => Reading { source: "api", reason: String::new() },
            Reader::None(reason) => Reading { source: "none", reason: (*reason).to_owned() },
        }));
    }
}
