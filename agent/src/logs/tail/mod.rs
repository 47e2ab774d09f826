//! Reads the files of one container, across rotation, packing, truncation and restarts. Synchronous: it blocks for a disk at most.
//!
//! ```text
//!  <path>.2(.gz) -> <path>.1(.gz) -> <path>      oldest first; held open from the moment they are seen
//! ```
//!
//! dockerd (moby, `daemon/logger/loggerutils/logfile.go`) writes each record with one write, and rotates before a write: it
//! closes the file, deletes the oldest, moves each name up by one, and makes a new one; with one file kept it unlinks and makes anew.
//! Packing happens later, beside the plain file. So a file that is no longer the newest is whole, and is read to its end before the next.

mod error;
mod file;
mod packed;
mod pass;
mod search;
mod set;
#[cfg(test)]
mod tests;
mod wake;

use std::{collections::VecDeque, fs, os::unix::fs::MetadataExt, path::Path, time::Duration};

use self::{
    file::LogFile,
    pass::{CHUNK, Pass, pass},
    search::{ONE_BREATH, Resting, Wanted},
    set::{FileSet, Walk},
};
use super::{Piece, Position, Rank, json_file::MAX_RECORD};

pub use error::TailError;
pub use pass::Buffer;
pub use wake::{Armed, Wake};

/// Least that is read at a time, whatever budget is left.
const LEAST: usize = 16 << 10;

/// What one call of [`Tail::read`] has done. All counts are of this call.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// Bytes read and done with, corrupt ones included.
    pub bytes: u64,
    /// Records handed on.
    pub records: u64,
    /// Nothing is left but, perhaps, the beginning of a record.
    pub caught_up: bool,
    /// No file has the newest one's name: in the middle of a rotation for a moment, or deleted.
    pub missing: bool,
    /// Bytes which are no record: holes, garbage, halves.
    pub corrupt_bytes: u64,
    /// Records beyond [`MAX_RECORD`].
    pub skipped_records: u64,
    /// Files read to their end and left.
    pub rotations: u32,
    /// Gaps: files have come and gone unseen, or may have; how many is not known.
    pub rotations_missed: u32,
    /// The file was emptied or cut by somebody; what had not been read of it is lost.
    pub truncations: u32,
    /// Files that could not be unpacked to their end.
    pub broken_files: u32,
    /// Bytes left in the files held open.
    pub behind_bytes: u64,
}

/// One container's files, and the place reading has come to.
#[derive(Debug)]
pub struct Tail {
    set: FileSet,
    /// Files the engine keeps.
    kept: u32,
    /// Oldest first. Empty only while `resting` is there.
    chain: VecDeque<LogFile>,
    resting: Option<Resting>,
    resumed: Vec<(Position, Rank)>,
    lost: bool,
    breath: Duration,
}

impl Tail {
    /// Opens the files of the container whose newest is `path`, `max_files` as its engine says. Reading goes on at the earliest of
    /// the `resume` positions of kind [`Position::File`]; at the beginning of the oldest file there is when one of them is not
    /// found ([`Self::lost`]), or none is given.
    ///
    /// # Errors
    /// [`TailError::Missing`] when there is no file at all, [`TailError::Forbidden`] when the newest may not be read.
    pub fn open(path: &Path, max_files: Option<u32>, resume: &[Position]) -> Result<Self, TailError> {
        let set = FileSet::new(path, max_files);
        let wanted: Vec<_> = resume.iter().filter_map(|position| Wanted::new(*position)).collect();
        let mut found: Vec<Option<(u64, u64)>> = vec![None; wanted.len()];
        let walk = set.walk(|before, file| {
            if before == 0 {
                found.fill(None);
            }
            for (wanted, found) in wanted.iter().zip(&mut found).filter(|(_, found)| found.is_none()) {
                if file.identity().is(&wanted.identity) {
                    *found = Some((before, wanted.offset_in(file)));
                }
            }
            !found.is_empty() && found.iter().all(Option::is_some)
        })?;
        let Walk { files: mut chain, seen, stopped, .. } = walk;
        for (place, file) in (0u64..).zip(&mut chain) {
            file.serial = place;
        }
        let Some(front) = chain.front_mut() else { return Err(TailError::Missing { path: path.to_owned() }) };
        // The oldest file of the walk has the serial 0, those before it in the walk more.
        let rank = |(before, offset): (u64, u64)| Rank(seen.saturating_sub(1 + before), offset);
        let ranks: Vec<_> = found.iter().map(|found| found.map(rank)).collect();
        if stopped {
            front.offset = ranks.iter().flatten().min().map_or(0, |rank| rank.1);
            front.hollow = front.offset == 0;
        }
        let resumed =
            wanted.iter().zip(&ranks).filter_map(|(wanted, rank)| Some((wanted.position, (*rank)?))).collect();
        let lost = ranks.iter().any(Option::is_none);
        Ok(Self { set, kept: max_files.unwrap_or(1).max(1), chain, resting: None, resumed, lost, breath: ONE_BREATH })
    }

    /// A position given to [`Self::open`] stands in no file that is left: what came after it is lost in part.
    pub const fn lost(&self) -> bool {
        self.lost
    }

    /// The order of a position given to [`Self::open`], or handed out since, among this reader's marks. `None` for one in a file
    /// that is gone, which comes before everything, and for positions of the engine's API.
    pub fn rank_of(&self, position: &Position) -> Option<Rank> {
        let known = self.resumed.iter().find(|(known, _)| known == position).map(|(_, rank)| *rank);
        known.or_else(|| {
            let wanted = Wanted::new(*position)?;
            let file = self.chain.iter().find(|file| file.identity().is(&wanted.identity))?;
            Some(Rank(file.serial, wanted.offset))
        })
    }

    /// Reads about `budget` bytes, at least one record's worth, and hands on what is in them.
    ///
    /// # Errors
    /// When a file cannot be opened or read. The place stands behind what was handed on.
    pub fn read(
        &mut self,
        buffer: &mut Buffer,
        budget: u64,
        take: &mut dyn FnMut(Piece<'_>),
    ) -> Result<Progress, TailError> {
        let mut progress = Progress::default();
        // First of all, for a packed copy is known again by the beginning of what it is a copy of.
        self.notice_truncation(&mut progress)?;
        let rested = self.is_suspended();
        self.refresh(&mut progress)?;
        if rested {
            self.notice_truncation(&mut progress)?;
        }
        let mut least = LEAST;
        while progress.bytes < budget {
            let Some(front) = self.chain.front_mut() else {
                progress.caught_up = true;
                break;
            };
            let left = usize::try_from(budget - progress.bytes).unwrap_or(usize::MAX);
            let passed = pass(front, buffer, left.clamp(least, CHUNK.max(least)), take, &mut progress);
            match passed.map_err(|error| TailError::sort(self.set.path(), error))? {
                Pass::Read => least = LEAST,
                Pass::Longer => least = (least * 2).clamp(CHUNK, MAX_RECORD),
                // Others were seen behind it before it was read: then this is its end. Whatever came since must be held soon.
                Pass::End if self.chain.len() > 1 => {
                    self.leave_front(&mut progress);
                    self.refresh(&mut progress)?;
                }
                // There may be others by now, and a last record of before they came.
                Pass::End => {
                    self.refresh(&mut progress)?;
                    if self.chain.len() <= 1 {
                        progress.caught_up = true;
                        break;
                    }
                }
            }
        }
        buffer.shrink();
        progress.behind_bytes = self.chain.iter().map(LogFile::left).sum();
        Ok(progress)
    }

    /// Bytes not read yet in all files there are. Opens files, reads none.
    pub fn behind(&self) -> u64 {
        let mut behind = self.chain.iter().map(LogFile::left).sum();
        let Some(newest) = self.newest() else { return behind };
        let name = fs::symlink_metadata(self.set.path());
        match (name, &self.resting) {
            (Ok(name), None) if name.ino() == newest.identity.inode => {}
            (Ok(name), Some(resting)) if name.ino() == newest.identity.inode => {
                behind += name.len().saturating_sub(resting.offset);
            }
            _ => {
                // Not found: then everything there is counts, which is what will be read.
                let mut newer = 0;
                let counted = self.set.walk(|before, file| {
                    newer = if before == 0 { 0 } else { newer };
                    let stop = newest.is(file);
                    newer += if stop { 0 } else { file.left() };
                    stop
                });
                behind += counted.map_or(0, |_| newer);
            }
        }
        behind
    }

    /// Whether the engine has gone on to a file that is not held yet: with the next one it may be gone. One system call.
    pub fn is_endangered(&self) -> bool {
        let Some(newest) = self.newest() else { return false };
        fs::symlink_metadata(self.set.path()).is_ok_and(|name| name.ino() != newest.identity.inode)
    }

    /// Whether the file of this place may have no name any more: so many have come since as the engine keeps.
    pub fn may_be_nameless(&self, rank: Rank) -> bool {
        let newest = self.chain.back().map(|file| file.serial).or(self.resting.as_ref().map(|resting| resting.serial));
        newest.is_some_and(|newest| newest.saturating_sub(rank.0) >= u64::from(self.kept))
    }

    /// Gives the handle of an idle container's file back; whether it did. It is opened again when there is news. Not done while
    /// anything is unread; nor, as long as the container runs (`ended` false), for an empty file and where the engine keeps one file
    /// only: what is written and unlinked before we look could then not be read any more.
    pub fn suspend(&mut self, ended: bool) -> bool {
        let [file] = self.chain.make_contiguous() else { return false };
        // An empty file has nothing to be known again by.
        let findable = self.kept > 1 && file.identity().fingerprint.is_some();
        if file.is_packed() || file.size().ok() != Some(file.offset) || !(findable || ended) {
            return false;
        }
        self.resting = Some(Resting {
            identity: file.identity(),
            offset: file.offset,
            serial: file.serial,
            written: file.written(),
        });
        self.chain.clear();
        true
    }

    /// Whether no handle is held.
    pub const fn is_suspended(&self) -> bool {
        self.resting.is_some()
    }

    /// The newest file's name, for [`Wake::watch`].
    pub fn path(&self) -> &Path {
        self.set.path()
    }

    fn leave_front(&mut self, progress: &mut Progress) {
        if let Some(front) = self.chain.pop_front() {
            // Half a record that nobody will write to its end.
            progress.corrupt_bytes += if front.is_packed() { 0 } else { front.left() };
            progress.broken_files += u32::from(front.is_faulty());
            // A file that fills in a while leaves, when it is missed, a pause as long as that while.
            if let (Some(next), Some((first, last))) =
                (self.chain.front_mut().filter(|next| next.doubtful), front.times)
            {
                next.after = Some((last, last.saturating_sub(first) / 2));
            }
            progress.rotations += 1;
        }
    }

    fn notice_truncation(&mut self, progress: &mut Progress) -> Result<(), TailError> {
        let Some(front) = self.chain.front_mut() else { return Ok(()) };
        let serial = front.serial;
        if !front.notice_truncation().map_err(|error| TailError::sort(self.set.path(), error))? {
            return Ok(());
        }
        progress.truncations += 1;
        // What comes now stands at smaller offsets and is later all the same.
        self.chain.iter_mut().for_each(|file| file.serial += 1);
        let later = self.resumed.iter_mut().filter(|(_, rank)| rank.0 > serial);
        later.for_each(|(_, rank)| rank.0 += 1);
        Ok(())
    }
}
