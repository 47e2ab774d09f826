//! What goes to disk, what comes back, and what is given up.

use super::{
    Inner, Parcel,
    lane::{Entry, OnDisk},
};
use crate::{
    delivery::spool::{self, Record, SpoolError, Why},
    otlp::Signal,
    traces::forward::board::Lost,
};

/// What the spool gave up.
struct Gone {
    key: Box<[u8]>,
    why: Why,
    records: u64,
    lines: u64,
}

impl Gone {
    fn of(lost: spool::Lost<'_>) -> Self {
        Self { key: lost.key.into(), why: lost.why, records: lost.records, lines: lost.lines }
    }
}

impl Inner {
    /// Lanes as an earlier process left them.
    pub(super) fn recover(&mut self) {
        let Some(store) = &self.store else { return };
        for found in store.lanes() {
            match self.lanes.iter_mut().find(|lane| *lane.key == *found.key) {
                Some(lane) => lane.added = found.records,
                None => {
                    tracing::warn!(lane = %String::from_utf8_lossy(found.key), "queued requests of an unknown kind are left on disk")
                }
            }
        }
        self.publish();
    }

    /// Puts a request behind those that wait; whether it did, which it does not without the disk where it `must` be there.
    pub(super) fn push(&mut self, signal: Signal, parcel: Parcel, time_ms: i64, must: bool) -> bool {
        let Some(index) = self.turn(signal) else { return false };
        let disk = self.append(index, &parcel, time_ms);
        if must && disk.is_none() {
            return false;
        }
        self.next_id += 1;
        let Parcel { body, records } = parcel;
        let entry = Entry { id: self.next_id, body, records, time_ms, disk, part: false, failures: 0, acks_before: 0 };
        if disk.is_none() || self.bytes + entry.body.len() <= self.limits.memory {
            self.remember(index, entry, false);
            self.shed();
        }
        true
    }

    /// The lane whose turn it is.
    fn turn(&mut self, signal: Signal) -> Option<usize> {
        let turn = self.turns.get_mut(signal as usize)?;
        *turn = turn.wrapping_add(1);
        let of_signal = self.lanes.iter().enumerate().filter(|(_, lane)| lane.signal == signal);
        let indices: Vec<usize> = of_signal.map(|(index, _)| index).collect();
        indices.get(*turn % indices.len().max(1)).copied()
    }

    /// Writes a request behind those of its lane, where there is a disk that takes it.
    fn append(&mut self, index: usize, parcel: &Parcel, time_ms: i64) -> Option<OnDisk> {
        let mut written = self.append_once(index, parcel, time_ms);
        while let Err(error) = &written
            && is_full(error)
            && self.bare + parcel.body.len() > self.limits.memory
            && self.give_up_oldest()
        {
            // Memory is full, too: the oldest on disk give way as they would in a queue that is full.
            written = self.append_once(index, parcel, time_ms);
        }
        match written {
            Ok(disk) => {
                if disk.is_some() {
                    self.board.disk_works();
                }
                disk
            }
            Err(error) => {
                self.board.disk_failed(&error, "keep OTLP requests on disk: memory alone holds what waits");
                None
            }
        }
    }

    fn append_once(&mut self, index: usize, parcel: &Parcel, time_ms: i64) -> Result<Option<OnDisk>, SpoolError> {
        let (Some(store), Some(lane)) = (&mut self.store, self.lanes.get(index)) else { return Ok(None) };
        let mut gone = Vec::new();
        let record = Record { time_ms, lines: parcel.records, meta: &[], payload: &parcel.body };
        let written = store.append(&lane.key, record, &mut |lost| gone.push(Gone::of(lost)));
        self.forget(gone);
        let (place, lane) = (written?, self.lanes.get_mut(index));
        Ok(lane.map(|lane| {
            lane.added += 1;
            OnDisk { number: lane.added - 1, place }
        }))
    }

    fn give_up_oldest(&mut self) -> bool {
        let mut gone = Vec::new();
        let given_up = self.store.as_mut().map(|store| store.give_up_oldest(&mut |lost| gone.push(Gone::of(lost))));
        self.forget(gone);
        matches!(given_up, Some(Ok(true)))
    }

    /// Brings the oldest of a lane into memory. `false` when there is nothing to send after all.
    pub(super) fn load(&mut self, index: usize) -> bool {
        let Some(lane) = self.lanes.get(index) else { return false };
        if lane.is_loaded() {
            return true;
        }
        let Some(store) = self.store.as_mut().filter(|_| lane.taken < lane.added) else { return false };
        let mut gone = Vec::new();
        let front = store.front(&lane.key, &mut |lost| gone.push(Gone::of(lost)));
        self.forget(gone);
        match front {
            Ok(Some(kept)) => {
                let Some(number) = self.lanes.get(index).map(|lane| lane.taken) else { return false };
                self.next_id += 1;
                let entry = Entry {
                    id: self.next_id,
                    body: kept.payload.into(),
                    records: kept.lines,
                    time_ms: kept.time_ms,
                    disk: Some(OnDisk { number, place: kept.place }),
                    part: false,
                    failures: 0,
                    acks_before: 0,
                };
                self.remember(index, entry, true);
                true
            }
            Ok(None) => {
                // The spool has no more of this lane, whatever was counted.
                if let Some(lane) = self.lanes.get_mut(index) {
                    lane.taken = lane.added;
                    return !lane.memory.is_empty();
                }
                false
            }
            Err(error) => {
                self.board.disk_failed(&error, "read queued OTLP requests");
                false
            }
        }
    }

    /// Takes a request off the disk, where it stands there too.
    pub(super) fn consumed(&mut self, index: usize, disk: Option<OnDisk>) {
        let (Some(store), Some(lane), Some(disk)) = (&mut self.store, self.lanes.get_mut(index), disk) else { return };
        if lane.taken != disk.number {
            return;
        }
        lane.taken += 1;
        let popped = match store.pop(&lane.key, disk.place) {
            // Behind damage the spool has to find it first; what cannot be read there was acknowledged all the same, or is counted below.
            Ok(false) => {
                let mut gone = Vec::new();
                let front = store.front(&lane.key, &mut |lost| gone.push(Gone::of(lost)));
                let popped = front.and_then(|front| match front {
                    Some(front) if front.place == disk.place => store.pop(&lane.key, disk.place),
                    _ => Ok(false),
                });
                self.forget(gone);
                popped
            }
            popped => popped,
        };
        if let Err(error) = popped {
            self.board.disk_failed(&error, "take OTLP requests off the disk");
        }
    }

    /// Counts what the spool gave up, and lets go of its copies; what is on its way goes on from memory.
    fn forget(&mut self, gone: Vec<Gone>) {
        for Gone { key, why, records, lines } in gone {
            let Some(lane) = self.lanes.iter_mut().find(|lane| lane.key == key) else { continue };
            lane.taken = (lane.taken + records).min(lane.added);
            let taken = lane.taken;
            let mut saved = 0;
            if let Some(front) = lane.memory.front_mut().filter(|_| lane.in_flight)
                && front.disk.is_some_and(|disk| disk.number < taken)
            {
                front.disk = None;
                self.bare += front.body.len();
                saved = u64::from(front.records);
            }
            let evicted = |entry: &Entry| entry.disk.is_some_and(|disk| disk.number < taken);
            let parts = lane.memory.iter().any(&evicted);
            let freed: usize = lane.memory.iter().filter(|entry| evicted(entry)).map(|entry| entry.body.len()).sum();
            self.bytes = self.bytes.saturating_sub(freed);
            lane.memory.retain(|entry| !evicted(entry));
            if parts {
                // Whoever held them whole is gone: each stands for itself.
                lane.memory.iter_mut().for_each(|entry| entry.part = false);
            }
            let why = match why {
                Why::Space => Lost::QueueFull,
                Why::Age => Lost::Age,
                Why::Damage | Why::Skipped => Lost::Damaged,
            };
            let signal = lane.signal;
            self.lose(signal, why, lines.saturating_sub(saved));
        }
    }

    /// Puts a request into memory, in front or behind.
    pub(super) fn remember(&mut self, index: usize, entry: Entry, in_front: bool) {
        let Some(lane) = self.lanes.get_mut(index) else { return };
        self.bytes += entry.body.len();
        if entry.disk.is_none() {
            self.bare += entry.body.len();
        }
        if in_front { lane.memory.push_front(entry) } else { lane.memory.push_back(entry) }
    }

    /// Takes the front out of memory.
    pub(super) fn recall(&mut self, index: usize) -> Option<Entry> {
        let entry = self.lanes.get_mut(index)?.memory.pop_front()?;
        self.released(&entry);
        Some(entry)
    }

    fn released(&mut self, entry: &Entry) {
        self.bytes = self.bytes.saturating_sub(entry.body.len());
        if entry.disk.is_none() {
            self.bare = self.bare.saturating_sub(entry.body.len());
        }
    }

    /// Lets go of copies above the limit, and then of the oldest that stand nowhere else.
    fn shed(&mut self) {
        while self.bytes > self.limits.memory {
            let movable = |lane: &super::Lane, at: usize| at >= usize::from(lane.in_flight);
            let copy = self.lanes.iter().enumerate().find_map(|(index, lane)| {
                let at = lane.memory.iter().rposition(|entry| entry.disk.is_some())?;
                movable(lane, at).then_some((index, at))
            });
            let oldest = || {
                let fronts = self.lanes.iter().enumerate().filter_map(|(index, lane)| {
                    let at = usize::from(lane.in_flight);
                    let entry = lane.memory.get(at)?;
                    Some((entry.time_ms, entry.id, index, at))
                });
                fronts.min().map(|(_, _, index, at)| (index, at))
            };
            let Some((index, at)) = copy.or_else(oldest) else { return };
            let Some(lane) = self.lanes.get_mut(index) else { return };
            let signal = lane.signal;
            let Some(entry) = lane.memory.remove(at) else { return };
            self.released(&entry);
            if entry.disk.is_none() && !entry.part {
                self.lose(signal, Lost::QueueFull, u64::from(entry.records));
            }
        }
    }

    pub(super) fn tend(&mut self, wall_ms: i64) {
        if let Some(store) = &mut self.store {
            let mut gone = Vec::new();
            let done = store.expire(wall_ms, &mut |lost| gone.push(Gone::of(lost)));
            self.forget(gone);
            if let Err(error) = done {
                self.board.disk_failed(&error, "tend queued OTLP requests");
            }
        }
        let age = i64::try_from(self.limits.age.as_millis()).unwrap_or(i64::MAX);
        let before = wall_ms.saturating_sub(age);
        for index in 0..self.lanes.len() {
            while let Some(lane) = self.lanes.get(index)
                && let Some(front) = lane.memory.front()
                && front.disk.is_none()
                && front.time_ms < before
                && !lane.in_flight
            {
                let (signal, records) = (lane.signal, u64::from(front.records));
                self.recall(index);
                self.lose(signal, Lost::Age, records);
            }
        }
    }

    pub(super) fn close(&mut self) {
        for index in 0..self.lanes.len() {
            let Some(lane) = self.lanes.get_mut(index) else { continue };
            lane.in_flight = false;
            let signal = lane.signal;
            while let Some(entry) = self.recall(index) {
                if entry.disk.is_some() || entry.part {
                    continue;
                }
                let parcel = Parcel { body: entry.body, records: entry.records };
                if self.append(index, &parcel, entry.time_ms).is_none() {
                    self.lose(signal, Lost::Shutdown, u64::from(parcel.records));
                }
            }
        }
        self.publish();
    }
}

/// A disk, or a share of one, with no room.
fn is_full(error: &SpoolError) -> bool {
    let full = [rustix::io::Errno::NOSPC, rustix::io::Errno::DQUOT].map(rustix::io::Errno::raw_os_error);
    error.raw_os_error().is_some_and(|number| full.contains(&number))
}
