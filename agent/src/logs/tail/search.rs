//! Finds files again: the next ones behind the newest known, and those that positions stand in.

use std::{
    cmp::Ordering,
    collections::VecDeque,
    fs, io,
    os::unix::fs::MetadataExt,
    time::{Duration, SystemTime},
};

use super::{
    Position, Progress, Tail, TailError,
    file::{Identity, LogFile},
    set::MAX_OPEN,
};

/// dockerd unlinks a file and makes the next one in the same breath. Longer than this between the two: there was another. Not shorter, for
/// older kernels stamp files every 4 ms only; files that are full sooner than that come and go unnoticed where one is kept.
pub(super) const ONE_BREATH: Duration = Duration::from_millis(5);

/// What is thought of a file found with no name in between.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Doubt {
    /// It is the next one.
    None,
    /// It was made in the same breath, a tick of the clock later: its first record tells more.
    Slight,
    /// There was another before it, or may have been.
    Grave,
}

/// A file whose handle was given back.
#[derive(Debug)]
pub(super) struct Resting {
    pub(super) identity: Identity,
    pub(super) offset: u64,
    pub(super) serial: u64,
    pub(super) written: Option<SystemTime>,
}

/// The newest file known.
pub(super) struct Newest {
    pub(super) identity: Identity,
    /// It is open, so that its inode cannot be used again.
    pub(super) held: bool,
}

impl Newest {
    pub(super) fn is(&self, found: &LogFile) -> bool {
        if self.held && !found.is_packed() {
            return found.identity().inode == self.identity.inode;
        }
        found.identity().is(&self.identity)
    }
}

/// A file that a position stands in.
pub(super) struct Wanted {
    pub(super) position: Position,
    pub(super) identity: Identity,
    pub(super) offset: u64,
}

impl Wanted {
    pub(super) const fn new(position: Position) -> Option<Self> {
        match position {
            Position::File { inode, fingerprint, offset } => {
                Some(Self { position, identity: Identity { inode, fingerprint: Some(fingerprint) }, offset })
            }
            Position::Time { .. } => None,
        }
    }

    /// A file that was cut, with its beginning left, goes on at its end.
    pub(super) fn offset_in(&self, file: &LogFile) -> u64 {
        match file.size() {
            Ok(size) if !file.is_packed() => self.offset.min(size),
            _ => self.offset,
        }
    }
}

impl Tail {
    /// The newest file known.
    pub(super) fn newest(&self) -> Option<Newest> {
        let held = self.chain.back().map(|file| Newest { identity: file.identity(), held: true });
        held.or_else(|| self.resting.as_ref().map(|resting| Newest { identity: resting.identity, held: false }))
    }

    /// Looks for files behind the newest one known, and holds them.
    pub(super) fn refresh(&mut self, progress: &mut Progress) -> Result<(), TailError> {
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
        // It may have been empty when it was last looked at. It is whole now, and may be packed and known by its first record alone.
        if let Some(Err(error)) = self.chain.back_mut().map(LogFile::ensure_fingerprint) {
            return Err(TailError::sort(self.set.path(), error));
        }
        let Some(newest) = self.newest() else { return Ok(()) };
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
            // Gone. All that is there came after it, but for what somebody left lying from before. The clock of files stands still for
            // milliseconds: in a storm the next file is as old as the last, at rest it is not, nor beside a file deleted by hand.
            let (written, storm) = (self.written(), newest.held && !progress.missing);
            walk.files.retain(|file| match file.written().cmp(&written) {
                Ordering::Less => false,
                Ordering::Equal => storm || file.identity().inode == inode,
                Ordering::Greater => true,
            });
            if walk.files.is_empty() {
                return Ok(());
            }
            // The same inode with another beginning, and nobody held it: emptied, as far as can be told.
            let emptied = !newest.held && walk.files.front().is_some_and(|file| file.identity().inode == inode);
            progress.truncations += u32::from(emptied);
            let follows = emptied || walk.linked;
            progress.rotations_missed += if follows { 0 } else { self.doubt(&mut walk.files) };
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

    /// How often files may have come and gone between the newest one known, which has no name any more, and those found. Where several
    /// are kept, so many rotations passed that one more is likely. Where one is kept this is every rotation: the one that took a
    /// file's name away made the next, unless there was another since. A file that may be the next one is marked as doubtful.
    fn doubt(&self, found: &mut VecDeque<LogFile>) -> u32 {
        if self.kept > 1 {
            return 1;
        }
        let mut missed = 0;
        let mut unlinked = self.chain.back().and_then(LogFile::renamed);
        for file in found {
            let doubt = match unlinked.zip(file.made()) {
                Some((unlinked, made)) => match made.duration_since(unlinked).unwrap_or_default() {
                    Duration::ZERO => Doubt::None,
                    later if later <= self.breath => Doubt::Slight,
                    _ => Doubt::Grave,
                },
                None => Doubt::Grave,
            };
            missed += u32::from(doubt == Doubt::Grave);
            file.doubtful = doubt == Doubt::Slight;
            unlinked = file.renamed();
        }
        missed
    }

    fn serial(&self) -> u64 {
        let held = self.chain.back().map(|file| file.serial);
        held.or(self.resting.as_ref().map(|resting| resting.serial)).unwrap_or_default()
    }

    fn written(&self) -> Option<SystemTime> {
        self.chain.back().map_or_else(|| self.resting.as_ref().and_then(|it| it.written), LogFile::written)
    }
}
