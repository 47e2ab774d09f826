//! What is given up, and what is owed to the disk.

use std::{collections::VecDeque, io};

use super::{
    Lost, Spool, SpoolError, Why,
    segment::{Segment, Taken},
};

impl Spool {
    /// Gives up the record in front although it may be whole: for one that the disk will not read, or that nobody will ever take. Where not
    /// even its head can be read, its segment. `false` when the lane is empty.
    ///
    /// # Errors
    /// As [`Self::pop`].
    pub fn skip(&mut self, key: &[u8], lost: &mut dyn FnMut(Lost<'_>)) -> Result<bool, SpoolError> {
        let Some(segment) = self.lanes.get_mut(key).and_then(VecDeque::front_mut) else { return Ok(false) };
        let Some(head) = segment.known_front() else {
            segment.lose(segment.left, key, Why::Skipped, None, lost);
            return self.drop_front(key).map(|()| true);
        };
        let place = segment.place();
        let (lines, bytes) = (u64::from(head.lines), u64::from(head.payload));
        let popped = self.pop(key, place);
        lost(Lost { key, why: Why::Skipped, records: 1, lines, bytes, meta: None });
        popped
    }

    /// Gives up records older than the limit at `now_ms` (milliseconds since 1970), and what is above the limit of bytes. Asks the disk again
    /// for what it refused. Call it every few seconds.
    ///
    /// # Errors
    /// The first of what the disk refused; everything else is done.
    pub fn expire(&mut self, now_ms: i64, lost: &mut dyn FnMut(Lost<'_>)) -> Result<(), SpoolError> {
        let mut result = self.settle();
        let before = now_ms.saturating_sub(self.limits.age_ms());
        let old = |lane: &VecDeque<Segment>| lane.front().is_some_and(|segment| segment.oldest_ms < before);
        let keys: Vec<Box<[u8]>> =
            self.lanes.iter().filter(|(_, lane)| old(lane)).map(|(key, _)| key.clone()).collect();
        for key in keys {
            let done = self.expire_lane(&key, before, lost);
            result = result.and(done);
        }
        while self.bytes > self.limits.max_bytes {
            match self.give_up_oldest(lost) {
                Ok(true) => {}
                Ok(false) => break,
                Err(error) => return result.and(Err(error)),
            }
        }
        result
    }

    fn expire_lane(&mut self, key: &[u8], before: i64, lost: &mut dyn FnMut(Lost<'_>)) -> Result<(), SpoolError> {
        loop {
            let Some(segment) = self.lanes.get_mut(key).and_then(VecDeque::front_mut) else { return Ok(()) };
            let (sequence, before_it, path) = (segment.sequence, segment.left, segment.file(&self.folder));
            let given_up =
                self.disk.open(&path, false).and_then(|file| segment.give_up(&file, Some(before), key, Why::Age, lost));
            match given_up {
                Ok(Taken::All) => self.drop_front(key)?,
                Ok(Taken::More) if segment.left == before_it => return Ok(()),
                Ok(Taken::More) => {
                    self.dirty.insert(sequence);
                    return segment.write_slot(&self.disk, &self.folder).map(drop).map_err(|error| {
                        self.late.insert(sequence);
                        self.refused("write", sequence, error)
                    });
                }
                Err(error) if error.kind() == io::ErrorKind::NotFound => {
                    segment.lose(segment.left, key, Why::Damage, None, lost);
                    self.drop_front(key)?;
                }
                Err(error) => {
                    self.late.insert(sequence);
                    return Err(self.refused("read", sequence, error));
                }
            }
        }
    }

    /// Gives up the segment whose front is the oldest of all, whatever the limits say: for a disk that is full. `false` when there is none.
    ///
    /// # Errors
    /// [`SpoolError::Disk`] when its file cannot be removed; nothing is given up.
    pub fn give_up_oldest(&mut self, lost: &mut dyn FnMut(Lost<'_>)) -> Result<bool, SpoolError> {
        let fronts = self.lanes.iter().filter_map(|(key, lane)| Some((key, lane.front()?)));
        let oldest = fronts.min_by_key(|(_, segment)| (segment.oldest_ms, segment.sequence));
        let Some((key, path)) = oldest.map(|(key, segment)| (key.clone(), segment.file(&self.folder))) else {
            return Ok(false);
        };
        // Opened first, read last: what cannot be removed is not given up, and what was removed can be read for as long as it is open.
        let file = self.disk.open(&path, false);
        self.disk.remove(&path).map_err(|source| SpoolError::Disk { verb: "remove", path, source })?;
        let Some(mut segment) = self.lanes.get_mut(&key).and_then(VecDeque::pop_front) else { return Ok(false) };
        self.forget(&key, &segment);
        self.dirty_folder = true;
        if file.and_then(|file| segment.give_up(&file, None, &key, Why::Space, lost)).is_err() {
            segment.lose(segment.left, &key, Why::Space, None, lost);
        }
        Ok(true)
    }

    /// Flushes to disk what was appended and taken out since the last time, and asks the disk again for what it refused. Blocks for as long
    /// as the disk takes: one flush for each segment that changed.
    ///
    /// # Errors
    /// The first of what the disk refused; the rest is flushed, and what is not is tried again the next time.
    pub fn sync(&mut self) -> Result<(), SpoolError> {
        let settled = self.settle();
        let mut owed = self.owed();
        let flushed = owed.flush();
        self.still_owed(owed);
        settled.and(flushed)
    }

    /// Asks the disk again for what it refused.
    fn settle(&mut self) -> Result<(), SpoolError> {
        let mut result = Ok(());
        for (sequence, size) in std::mem::take(&mut self.doomed) {
            match self.disk.remove(&Segment::path(&self.folder, sequence)) {
                Ok(()) => self.bytes -= size,
                Err(error) => {
                    result = result.and(Err(self.refused("remove", sequence, error)));
                    self.doomed.push((sequence, size));
                }
            }
        }
        if self.late.is_empty() {
            return result;
        }
        let late = std::mem::take(&mut self.late);
        for segment in self.lanes.values_mut().filter_map(VecDeque::front_mut) {
            if late.contains(&segment.sequence)
                && let Err(source) = segment.write_slot(&self.disk, &self.folder)
            {
                self.late.insert(segment.sequence);
                let path = Segment::path(&self.folder, segment.sequence);
                result = result.and(Err(SpoolError::Disk { verb: "write", path, source }));
            }
        }
        result
    }
}
