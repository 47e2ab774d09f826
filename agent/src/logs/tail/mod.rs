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
mod set;
#[cfg(test)]
mod tests;
mod wake;

use std::{
    cmp::Ordering,
    collections::VecDeque,
    fs, io,
    os::unix::fs::MetadataExt,
    path::Path,
    time::{Duration, SystemTime},
};

use self::{
    file::{Identity, LogFile},
    set::{FileSet, MAX_OPEN, Walk},
};
use super::{
    Mark, Piece, Position, Rank,
    json_file::{Decoder, MAX_RECORD, Step},
};

pub use error::TailError;
pub use wake::{Armed, Wake};

/// What is read at a time. Larger reads cost cache misses, smaller ones system calls.
const CHUNK: usize = 128 << 10;
/// Least that is read at a time, whatever budget is left.
const LEAST: usize = 16 << 10;
/// dockerd unlinks a file and makes the next one in the same breath. Longer than this between the two: there was another. A packed file
/// was unlinked earlier, and a gap is told where, by chance, exactly as many rotations passed as files are kept.
const ONE_BREATH: Duration = Duration::from_millis(10);

/// What reading needs beside a [`Tail`]; one serves all of them.
#[derive(Debug)]
pub struct Buffer {
    bytes: Vec<u8>,
    decoder: Decoder,
}

impl Default for Buffer {
    fn default() -> Self {
        Self { bytes: vec![0; CHUNK], decoder: Decoder::default() }
    }
}

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
    /// Gaps: files have come and gone unseen, how many is not known.
    pub rotations_missed: u32,
    /// The file was emptied or cut by somebody; what had not been read of it is lost.
    pub truncations: u32,
    /// Files that could not be unpacked to their end.
    pub broken_files: u32,
    /// Bytes left in the files held open.
    pub behind_bytes: u64,
}

/// A file whose handle was given back.
#[derive(Debug)]
struct Resting {
    identity: Identity,
    offset: u64,
    serial: u64,
    written: Option<SystemTime>,
}

/// One container's files, and the place reading has come to.
#[derive(Debug)]
pub struct Tail {
    set: FileSet,
    keeps_one: bool,
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
            for (wanted, found) in wanted.iter().zip(&mut found).filter(|(_, found)| found.is_none()) {
                if file.identity().is(&wanted.identity) {
                    *found = Some((before, wanted.offset_in(file)));
                }
            }
            !found.is_empty() && found.iter().all(Option::is_some)
        })?;
        let Walk { files: mut chain, seen, stopped } = walk;
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
        Ok(Self {
            set,
            keeps_one: max_files.unwrap_or(1) <= 1,
            chain,
            resting: None,
            resumed,
            lost,
            breath: ONE_BREATH,
        })
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
                // Others were seen behind it before it was read: then this is its end.
                Pass::End if self.chain.len() > 1 => self.leave_front(&mut progress),
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
                let counted = self.set.walk(|_, file| {
                    let stop = newest.is(file);
                    behind += if stop { 0 } else { file.left() };
                    stop
                });
                drop(counted);
            }
        }
        behind
    }

    /// Whether the engine has gone on to a file that is not held yet: with the next one it may be gone. One system call.
    pub fn is_endangered(&self) -> bool {
        let Some(newest) = self.newest() else { return false };
        fs::symlink_metadata(self.set.path()).is_ok_and(|name| name.ino() != newest.identity.inode)
    }

    /// Gives the handle of an idle container's file back; whether it did. It is opened again when there is news. Not done while
    /// anything is unread; nor, as long as the container runs (`ended` false), for an empty file and where the engine keeps one file
    /// only: what is written and unlinked before we look could then not be read any more.
    pub fn suspend(&mut self, ended: bool) -> bool {
        let [file] = self.chain.make_contiguous() else { return false };
        // An empty file has nothing to be known again by.
        let findable = !self.keeps_one && file.identity().fingerprint.is_some();
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

    fn newest(&self) -> Option<Newest> {
        let held = self.chain.back().map(|file| Newest { identity: file.identity(), held: true });
        held.or_else(|| self.resting.as_ref().map(|resting| Newest { identity: resting.identity, held: false }))
    }

    /// Looks for files behind the newest one known, and holds them.
    fn refresh(&mut self, progress: &mut Progress) -> Result<(), TailError> {
        // It may have been empty when it was opened, and be known by nothing but its first record soon.
        if let Some(Err(error)) = self.chain.back_mut().map(LogFile::ensure_fingerprint) {
            return Err(TailError::sort(self.set.path(), error));
        }
        let Some(newest) = self.newest() else { return Ok(()) };
        let inode = newest.identity.inode;
        progress.missing = false;
        match fs::symlink_metadata(self.set.path()) {
            Ok(name) if name.ino() == inode && newest.held => return Ok(()),
            Ok(name) if self.resting.as_ref().is_some_and(|it| name.ino() == inode && name.len() == it.offset) => {
                return Ok(());
            }
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => progress.missing = true,
            Err(error) => return Err(TailError::sort(self.set.path(), error)),
        }
        if self.chain.len() >= MAX_OPEN {
            return Ok(());
        }
        let mut walk = self.set.walk(|_, file| newest.is(file))?;
        let mut serial = self.serial();
        if walk.stopped {
            // The one we know: held already, or to be held again.
            let known = walk.files.pop_front();
            if let (Some(mut file), Some(resting)) = (known, self.resting.take()) {
                (file.offset, file.serial, file.hollow) = (resting.offset, resting.serial, resting.offset == 0);
                self.chain.push_back(file);
            }
        } else {
            // Gone. All that is there came after it, but for what somebody left lying from before.
            // The clock of files stands still for milliseconds: in a storm the next file is as old as the last, at rest it is not.
            let (written, held) = (self.written(), newest.held);
            walk.files.retain(|file| match file.written().cmp(&written) {
                Ordering::Less => false,
                Ordering::Equal => held || file.identity().inode == inode,
                Ordering::Greater => true,
            });
            if progress.missing || walk.files.is_empty() {
                return Ok(());
            }
            // The same inode with another beginning, and nobody held it: emptied, as far as can be told.
            let emptied = !newest.held && walk.files.front().is_some_and(|file| file.identity().inode == inode);
            progress.truncations += u32::from(emptied);
            progress.rotations_missed += u32::from(!emptied && self.missed(&walk.files));
            self.resting = None;
        }
        let room = MAX_OPEN.saturating_sub(self.chain.len());
        for mut file in walk.files.into_iter().take(room) {
            serial += 1;
            file.serial = serial;
            self.chain.push_back(file);
        }
        Ok(())
    }

    /// Whether files came and went between the newest one known, which has no name any more, and those found. The rotation that
    /// took its name away made the newest of them, unless there was another rotation since.
    fn missed(&self, found: &VecDeque<LogFile>) -> bool {
        let unlinked = self.chain.back().and_then(LogFile::renamed);
        let made = found.back().and_then(LogFile::made);
        match unlinked.zip(made) {
            Some((unlinked, made)) => made.duration_since(unlinked).is_ok_and(|later| later > self.breath),
            None => true,
        }
    }

    fn serial(&self) -> u64 {
        let held = self.chain.back().map(|file| file.serial);
        held.or(self.resting.as_ref().map(|resting| resting.serial)).unwrap_or_default()
    }

    fn written(&self) -> Option<SystemTime> {
        self.chain.back().map_or_else(|| self.resting.as_ref().and_then(|it| it.written), LogFile::written)
    }

    fn leave_front(&mut self, progress: &mut Progress) {
        if let Some(front) = self.chain.pop_front() {
            // Half a record that nobody will write to its end.
            progress.corrupt_bytes += if front.is_packed() { 0 } else { front.left() };
            progress.broken_files += u32::from(front.is_faulty());
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

impl Buffer {
    fn shrink(&mut self) {
        if self.bytes.len() > CHUNK {
            self.bytes = vec![0; CHUNK];
        }
        self.decoder.shrink();
    }
}

/// A file that a position stands in.
struct Wanted {
    position: Position,
    identity: Identity,
    offset: u64,
}

impl Wanted {
    const fn new(position: Position) -> Option<Self> {
        match position {
            Position::File { inode, fingerprint, offset } => {
                Some(Self { position, identity: Identity { inode, fingerprint: Some(fingerprint) }, offset })
            }
            Position::Time { .. } => None,
        }
    }

    /// A file that was cut, with its beginning left, goes on at its end.
    fn offset_in(&self, file: &LogFile) -> u64 {
        match file.size() {
            Ok(size) if !file.is_packed() => self.offset.min(size),
            _ => self.offset,
        }
    }
}

/// The newest file known.
struct Newest {
    identity: Identity,
    /// It is open, so that its inode cannot be used again.
    held: bool,
}

impl Newest {
    fn is(&self, found: &LogFile) -> bool {
        if self.held && !found.is_packed() {
            return found.identity().inode == self.identity.inode;
        }
        found.identity().is(&self.identity)
    }
}

/// How a look at the bytes of a file ended.
enum Pass {
    /// There may be more.
    Read,
    /// A record is longer than what was read.
    Longer,
    /// At the end of the file, as it was.
    End,
}

/// Reads up to `wanted` bytes of a file and hands on the records in them.
fn pass(
    file: &mut LogFile,
    buffer: &mut Buffer,
    wanted: usize,
    take: &mut dyn FnMut(Piece<'_>),
    progress: &mut Progress,
) -> io::Result<Pass> {
    if buffer.bytes.len() < wanted {
        buffer.bytes.resize(wanted, 0);
    }
    let room = buffer.bytes.get_mut(..wanted).unwrap_or_default();
    let filled = file.fill(room)?;
    let bytes = room.get(..filled).unwrap_or_default();
    // Whoever has seen a whole record finds a fingerprint.
    let fingerprint = file.ensure_fingerprint()?.unwrap_or_default();
    let inode = file.identity().inode;
    let (begin, mut at) = (file.offset, 0);
    let mark = |at: usize| {
        let offset = begin + u64::try_from(at).unwrap_or_default();
        Mark { position: Position::File { inode, fingerprint, offset }, rank: Rank(file.serial, offset) }
    };
    let mut hollow = file.hollow;
    let mut end = mark(0);
    loop {
        let rest = bytes.get(at..).unwrap_or_default();
        match buffer.decoder.step(rest) {
            Step::Record { record, used } => {
                let start = if at == 0 { mark(0) } else { end };
                at += used;
                end = mark(at);
                let (stream, time, text, ended) = (record.stream, record.time, record.text, record.ended);
                take(Piece { stream, time, text, ended, start, end });
                progress.records += 1;
                hollow = false;
            }
            Step::Corrupt(used) => {
                // A hole from the beginning on is what emptying a file leaves that is written to at its old end.
                hollow &= rest.first() == Some(&0);
                progress.corrupt_bytes += if hollow { 0 } else { u64::try_from(used).unwrap_or_default() };
                at += used;
                end = mark(at);
            }
            Step::Oversized(used) => {
                progress.skipped_records += 1;
                progress.corrupt_bytes += u64::try_from(used).unwrap_or_default();
                hollow = false;
                at += used;
                end = mark(at);
            }
            Step::More => break,
        }
    }
    let nothing_but_nuls = filled > 0 && at == filled && bytes.iter().all(|byte| *byte == 0);
    progress.bytes += u64::try_from(at).unwrap_or_default();
    (file.offset, file.hollow) = (end.rank.1, hollow);
    if nothing_but_nuls {
        let behind = file.behind_hole()?;
        progress.corrupt_bytes += if hollow { 0 } else { behind.saturating_sub(file.offset) };
        file.offset = behind;
    }
    Ok(match filled < wanted {
        true => Pass::End,
        false if at == 0 => Pass::Longer,
        false => Pass::Read,
    })
}
