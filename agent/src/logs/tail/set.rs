//! The names of one container's files, and what is found under them.

use std::{
    collections::VecDeque,
    fs,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

use super::{error::TailError, file::LogFile};

/// Names looked at where nobody says how many files the engine keeps; further ones as long as there are files.
const USUAL_FILES: u32 = 5;
/// Names in a row without a file, behind which there is none: during a rotation one may be missing, and the one before it.
const NAMES_WITHOUT: u32 = 2;
/// Names looked at, at most.
const MAX_FILES: u32 = 1000;
/// Walks begun anew while files are rotated under them.
const ATTEMPTS: u32 = 5;
/// Files kept open at most: the oldest unread ones. The rest is found again by its name when their turn comes.
pub(super) const MAX_OPEN: usize = 16;

/// `<path>`, `<path>.1`, `<path>.2.gz` ...: names are made up, not listed, for the folder may be closed to us.
#[derive(Debug)]
pub(super) struct FileSet {
    path: PathBuf,
    last: u32,
    /// Looked at whether there are files or not.
    sure: u32,
}

/// What was found, up to the file that ended the walk.
#[derive(Debug, Default)]
pub(super) struct Walk {
    /// Oldest first; at most [`MAX_OPEN`], the oldest ones.
    pub(super) files: VecDeque<LogFile>,
    /// Different files seen, those not kept among them.
    pub(super) seen: u64,
    /// It was ended by a file, the first of `files`.
    pub(super) stopped: bool,
    /// It was not; but an earlier look of the same walk was, and what that saw behind the file comes first in `files`.
    pub(super) linked: bool,
}

impl FileSet {
    pub(super) fn new(path: &Path, max_files: Option<u32>) -> Self {
        // One more than is kept: during a rotation the oldest may still be there.
        let last = max_files.unwrap_or(MAX_FILES).clamp(1, MAX_FILES);
        Self { path: path.to_owned(), last, sure: max_files.map_or(USUAL_FILES, |_| last) }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Opens files from the newest on until `stop` (told how many came before) holds for one.
    ///
    /// Rotation only ever moves a file to a later name. When each name leads to the same file once more afterwards, there was a
    /// moment at which all of them did, and their order is known. Else this begins anew; what was opened by then stays open,
    /// for it may have no name any more: then it is older than all that have one. Nothing is found when files are rotated as fast
    /// as they are looked for.
    pub(super) fn walk(&self, mut stop: impl FnMut(u64, &LogFile) -> bool) -> Result<Walk, TailError> {
        let mut before: Vec<LogFile> = Vec::new();
        let mut linked = false;
        for _ in 0..ATTEMPTS {
            let (mut walk, steady) = self.look(&mut stop)?;
            if steady {
                if !walk.stopped {
                    let named =
                        |file: &LogFile| walk.files.iter().any(|other| other.identity().inode == file.identity().inode);
                    before.retain(|file| !named(file));
                    before.sort_by_key(|file| (file.written(), file.made()));
                    before.dedup_by_key(|file| file.identity().inode);
                    walk.linked = linked && !before.is_empty();
                    walk.seen += u64::try_from(before.len()).unwrap_or_default();
                    before.into_iter().rev().for_each(|file| walk.files.push_front(file));
                    walk.files.truncate(MAX_OPEN);
                }
                return Ok(walk);
            }
            // Rotated in between, a file that was seen before the one that ended the look would not be the next one to it any more: both were
            // seen under the names they had between two rotations.
            linked |= walk.stopped;
            // The one that ended it is known, and no news even when it loses its name.
            before.extend(walk.files.into_iter().skip(usize::from(walk.stopped)));
            before.truncate(MAX_OPEN);
        }
        Ok(Walk::default())
    }

    /// One walk, and whether nothing was rotated meanwhile.
    fn look(&self, stop: &mut impl FnMut(u64, &LogFile) -> bool) -> Result<(Walk, bool), TailError> {
        let mut walk = Walk::default();
        let mut names = Vec::new();
        let mut without = 0;
        for number in 0..=self.last {
            let Some((file, name)) = self.open(number)? else {
                without += 1;
                if number > self.sure && without >= NAMES_WITHOUT {
                    break;
                }
                continue;
            };
            without = 0;
            names.push((name, file.identity().inode));
            if walk.files.front().is_some_and(|newer| file.is_the_same_as(newer)) {
                continue;
            }
            walk.stopped = stop(walk.seen, &file);
            walk.seen += 1;
            walk.files.push_front(file);
            if walk.files.len() > MAX_OPEN {
                walk.files.pop_back();
            }
            if walk.stopped {
                break;
            }
        }
        let same = |(name, inode): &(PathBuf, u64)| fs::symlink_metadata(name).is_ok_and(|now| now.ino() == *inode);
        let steady = names.iter().all(same);
        Ok((walk, steady))
    }

    /// The file that has this number now; none where there is none that can be read. Only the newest may be refused to us.
    fn open(&self, number: u32) -> Result<Option<(LogFile, PathBuf)>, TailError> {
        let mut name = self.name(number);
        let opened = match LogFile::open(&name, false) {
            // While a file is packed both stand there, and the plain one is whole.
            Err(TailError::Missing { .. }) if number > 0 => {
                let mut packed = name.into_os_string();
                packed.push(".gz");
                name = packed.into();
                LogFile::open(&name, true)
            }
            opened => opened,
        };
        match opened {
            Ok(file) if file.is_packed() && file.identity().fingerprint.is_none() => Ok(None),
            Ok(file) => Ok(Some((file, name))),
            Err(TailError::Missing { .. }) => Ok(None),
            Err(TailError::Irregular { .. }) if number > 0 => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn name(&self, number: u32) -> PathBuf {
        if number == 0 {
            return self.path.clone();
        }
        let mut name = self.path.clone().into_os_string();
        name.push(format!(".{number}"));
        name.into()
    }
}
