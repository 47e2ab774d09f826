//! A bounded store of lanes on disk: first in, first out in each, and none waits for another.
//!
//! A lane is whatever has one key. Its records lie in segments, files of their own that are removed whole when they have been taken out, so
//! that a lane with nothing in it leaves nothing on disk. Files are named by one number for all lanes, which only grows: the order of a lane's
//! files is that of their names. How far a file has been taken out stands in its own head. So every state a killed process leaves is a state
//! of whole operations plus at most an unfinished end, which a checksum tells (`format.rs`).
//!
//! No file stays open. A killed process loses nothing that was returned from [`Spool::append`] or [`Spool::pop`]: the kernel has it. A host
//! that loses power loses what was not flushed by [`Spool::sync`]; going on to a new segment does not flush the old one, because that would
//! make whoever appends wait for the disk.

mod format;
#[cfg(any(test, fuzzing))]
pub mod fuzz;
mod limits;
mod owed;
mod recovery;
mod segment;
#[cfg(test)]
mod tests;
mod upkeep;
mod walk;

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    io,
    path::{Path, PathBuf},
};

pub use self::limits::{
    Kept, Lane, Limits, Lost, MAX_KEY, MAX_KEYS, MAX_LANES, MAX_META, MAX_PAYLOAD, MAX_SEGMENTS, Place, Record,
    Recovery, SpoolError, Why,
};
pub use self::owed::Owed;
use self::segment::{Segment, Taken};
use super::disk::Disk;

/// Kept of the buffer between two records.
const BUFFER: usize = 256 * 1024;

/// The store. One at a time for a folder: the caller's lock sees to that.
#[derive(Debug)]
pub struct Spool {
    disk: Disk,
    folder: PathBuf,
    limits: Limits,
    lanes: BTreeMap<Box<[u8]>, VecDeque<Segment>>,
    /// Sequence number of the next segment.
    next: u64,
    bytes: u64,
    segments: usize,
    key_bytes: usize,
    /// Segments with bytes that were not flushed, and whether there are names that were not.
    dirty: BTreeSet<u64>,
    dirty_folder: bool,
    /// What the disk refused and is asked for again: files to remove, with their bytes, which are counted still.
    doomed: Vec<(u64, u64)>,
    /// Segments whose slot could not be written.
    late: BTreeSet<u64>,
    buffer: Vec<u8>,
}

impl Spool {
    /// Puts a record at the end of a lane, and tells where it stands. It survives the process at return, and a power loss from the next
    /// [`Self::sync`] on.
    ///
    /// Where it does not fit, the oldest records of all lanes are given up for it, by whole segments, and told to `lost` first.
    ///
    /// # Errors
    /// [`SpoolError`]: nothing was kept of the record, and everything else is as it was, but for what was told to `lost`.
    pub fn append(
        &mut self,
        key: &[u8],
        record: Record<'_>,
        lost: &mut dyn FnMut(Lost<'_>),
    ) -> Result<Place, SpoolError> {
        let length = (format::RECORD + record.meta.len() + record.payload.len()) as u64;
        if key.len() > MAX_KEY {
            return Err(SpoolError::Key(key.len()));
        }
        let whole = length + (format::FIXED + key.len()) as u64;
        if record.meta.len() > MAX_META || record.payload.len() > MAX_PAYLOAD || whole > self.limits.max_bytes {
            return Err(SpoolError::Record(length));
        }
        let known = self.lanes.contains_key(key);
        if !known && (self.lanes.len() >= MAX_LANES || self.key_bytes + key.len() > MAX_KEYS) {
            return Err(SpoolError::Lanes(self.lanes.len()));
        }
        loop {
            let (segment_bytes, span) = (self.limits.segment(), self.limits.span_ms());
            let last = self.lanes.get(key).and_then(VecDeque::back);
            let fits = last.is_some_and(|last| last.takes(length, record.time_ms, segment_bytes, span));
            let full = self.bytes + if fits { length } else { whole } > self.limits.max_bytes;
            if full || (!fits && self.segments + self.doomed.len() >= MAX_SEGMENTS) {
                if !self.give_up_oldest(lost)? {
                    return Err(SpoolError::Full(self.folder.clone()));
                }
            } else if !fits {
                return self.append_new(key, &record);
            } else if let Some(done) = self.append_last(key, &record, lost) {
                return done;
            }
        }
    }

    /// Appends to the last segment of a lane; `None` when its file is gone, which `lost` has been told.
    fn append_last(
        &mut self,
        key: &[u8],
        record: &Record<'_>,
        lost: &mut dyn FnMut(Lost<'_>),
    ) -> Option<Result<Place, SpoolError>> {
        let segment = self.lanes.get_mut(key)?.back_mut()?;
        let (sequence, before) = (segment.sequence, segment.size);
        let place = Place { sequence, at: segment.end };
        let done = segment.append(&self.disk, &self.folder, record, &mut self.buffer);
        self.bytes = self.bytes - before + segment.size;
        self.buffer.shrink_to(BUFFER);
        match done {
            Ok(()) => {
                self.dirty.insert(sequence);
                Some(Ok(place))
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                // Somebody removed it. Those before it in the lane may be there.
                let mut gone = self.lanes.get_mut(key)?.pop_back()?;
                gone.lose(gone.left, key, Why::Damage, None, lost);
                self.forget(key, &gone);
                None
            }
            Err(error) => Some(Err(self.refused("write", sequence, error))),
        }
    }

    fn append_new(&mut self, key: &[u8], record: &Record<'_>) -> Result<Place, SpoolError> {
        let sequence = self.next;
        self.next += 1;
        let written = Segment::write(&self.disk, &self.folder, sequence, key, record, &mut self.buffer);
        self.buffer.shrink_to(BUFFER);
        match written {
            Ok(segment) => {
                let place = segment.place();
                self.adopt(key, segment);
                self.dirty.insert(sequence);
                self.dirty_folder = true;
                Ok(place)
            }
            Err(error) => {
                // What is there holds no whole record: the next start would remove it too. Unless it is somebody else's.
                let path = Segment::path(&self.folder, sequence);
                if error.kind() != io::ErrorKind::AlreadyExists && self.disk.remove(&path).is_err() {
                    let size = std::fs::symlink_metadata(&path).map_or(0, |meta| meta.len());
                    self.bytes += size;
                    self.doomed.push((sequence, size));
                }
                Err(self.refused("write", sequence, error))
            }
        }
    }

    /// The record in front of a lane. Records before it that cannot be read are told to `lost` and passed over. `None`: the lane is empty.
    ///
    /// # Errors
    /// [`SpoolError::Disk`] when the disk does not let it be read; asked again it may. [`Self::skip`] gives it up.
    pub fn front(&mut self, key: &[u8], lost: &mut dyn FnMut(Lost<'_>)) -> Result<Option<Kept>, SpoolError> {
        loop {
            let Some(segment) = self.lanes.get_mut(key).and_then(VecDeque::front_mut) else { return Ok(None) };
            let sequence = segment.sequence;
            match segment.front(&self.disk, &self.folder, key, lost) {
                Ok(Some(kept)) => return Ok(Some(kept)),
                Ok(None) => drop(self.drop_front(key)),
                Err(error) if error.kind() == io::ErrorKind::NotFound => {
                    segment.lose(segment.left, key, Why::Damage, None, lost);
                    drop(self.drop_front(key));
                }
                Err(error) => return Err(self.refused("read", sequence, error)),
            }
        }
    }

    /// Takes out the record which [`Self::front`] gave; `false` when it is in front no more, because it was given up meanwhile. Survives the
    /// process at return.
    ///
    /// # Errors
    /// [`SpoolError::Disk`]: it is taken out for this process, but the disk could not be told: another process may meet it again, until
    /// [`Self::expire`], [`Self::sync`] or another `pop` of this lane has told it.
    pub fn pop(&mut self, key: &[u8], place: Place) -> Result<bool, SpoolError> {
        let Some(segment) = self.lanes.get_mut(key).and_then(VecDeque::front_mut) else { return Ok(false) };
        let sequence = segment.sequence;
        match segment.take(&self.disk, &self.folder, place) {
            None => Ok(false),
            Some(Ok(Taken::All)) => self.drop_front(key).map(|()| true),
            Some(Ok(Taken::More)) => {
                self.late.remove(&sequence);
                self.dirty.insert(sequence);
                Ok(true)
            }
            Some(Err(error)) => {
                self.late.insert(sequence);
                Err(self.refused("write", sequence, error))
            }
        }
    }

    /// Shows the meta of every record of a lane in order, without payloads. Those that cannot be read are left out.
    ///
    /// # Errors
    /// [`SpoolError::Disk`] when the disk does not let them be read.
    pub fn scan(&self, key: &[u8], see: &mut dyn FnMut(&[u8])) -> Result<(), SpoolError> {
        for segment in self.lanes.get(key).into_iter().flatten() {
            match segment.scan(&self.disk, &self.folder, see) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    return Err(self.refused("read", segment.sequence, error));
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// Bytes of all files, which is what the limit is held against.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Time of the oldest record in front of a lane, in milliseconds since 1970. Looks at each lane.
    pub fn oldest_ms(&self) -> Option<i64> {
        self.lanes.values().filter_map(|lane| Some(lane.front()?.oldest_ms)).min()
    }

    /// Time of the oldest record of this lane, in milliseconds since 1970; `None` when it has none.
    pub fn lane_oldest_ms(&self, key: &[u8]) -> Option<i64> {
        Some(self.lanes.get(key)?.front()?.oldest_ms)
    }

    /// Every lane that is not empty, in the order of keys.
    pub fn lanes(&self) -> impl Iterator<Item = Lane<'_>> {
        self.lanes.iter().map(|(key, segments)| {
            let mut lane = Lane { key, records: 0, lines: 0, bytes: 0, oldest_ms: 0 };
            lane.oldest_ms = segments.front().map_or(0, |segment| segment.oldest_ms);
            for segment in segments {
                lane.records += segment.left.records;
                lane.lines += segment.left.lines;
                lane.bytes += segment.size;
            }
            lane
        })
    }

    /// Whether a lane has no record.
    pub fn is_empty(&self, key: &[u8]) -> bool {
        !self.lanes.contains_key(key)
    }

    /// Takes a segment in as the last of its lane.
    fn adopt(&mut self, key: &[u8], segment: Segment) {
        self.bytes += segment.size;
        self.segments += 1;
        if !self.lanes.contains_key(key) {
            self.key_bytes += key.len();
        }
        self.lanes.entry(key.into()).or_default().push_back(segment);
    }

    /// Removes the first segment of a lane, of which nothing is left. Where the disk refuses, it stays counted and is tried again.
    fn drop_front(&mut self, key: &[u8]) -> Result<(), SpoolError> {
        let Some(mut segment) = self.lanes.get_mut(key).and_then(VecDeque::pop_front) else { return Ok(()) };
        let path = Segment::path(&self.folder, segment.sequence);
        let removed = self.disk.remove(&path);
        self.forget(key, &segment);
        self.dirty_folder = true;
        let Err(error) = removed else { return Ok(()) };
        let error = self.refused("remove", segment.sequence, error);
        self.bytes += segment.size;
        self.doomed.push((segment.sequence, segment.size));
        // A file that cannot be removed can often be written still.
        if segment.write_off(&self.disk, &self.folder).is_ok() { Ok(()) } else { Err(error) }
    }

    /// Counts a segment no longer that has left its lane.
    fn forget(&mut self, key: &[u8], segment: &Segment) {
        self.bytes -= segment.size;
        self.segments -= 1;
        self.dirty.remove(&segment.sequence);
        self.late.remove(&segment.sequence);
        if self.lanes.get(key).is_some_and(VecDeque::is_empty) {
            self.lanes.remove(key);
            self.key_bytes -= key.len();
        }
    }

    fn refused(&self, verb: &'static str, sequence: u64, source: io::Error) -> SpoolError {
        SpoolError::Disk { verb, path: Segment::path(&self.folder, sequence), source }
    }
}

/// Where a spool keeps its files: for messages.
impl AsRef<Path> for Spool {
    fn as_ref(&self) -> &Path {
        &self.folder
    }
}
