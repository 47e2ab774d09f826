//! What is owed to the disk itself, apart from the spool: flushing takes as long as the disk takes, and appending goes on meanwhile.

use std::{collections::BTreeSet, io, path::PathBuf};

use super::{Spool, SpoolError, segment::Segment};
use crate::delivery::disk::Disk;

/// Files with bytes that were not flushed, and whether there are names that were not.
#[derive(Debug)]
pub struct Owed {
    disk: Disk,
    folder: PathBuf,
    segments: BTreeSet<u64>,
    names: bool,
}

impl Owed {
    /// Whether there is nothing.
    pub fn is_empty(&self) -> bool {
        self.segments.is_empty() && !self.names
    }

    /// Flushes all of it: one flush for each file. What the disk refuses stays.
    ///
    /// # Errors
    /// The first of what the disk refused.
    pub fn flush(&mut self) -> Result<(), SpoolError> {
        let mut result = Ok(());
        for sequence in std::mem::take(&mut self.segments) {
            let path = Segment::path(&self.folder, sequence);
            match self.disk.open(&path, true).and_then(|file| self.disk.sync(&file)) {
                // Gone: taken out meanwhile.
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    self.segments.insert(sequence);
                    result = result.and(Err(SpoolError::Disk { verb: "flush", path, source: error }));
                }
                _ => {}
            }
        }
        if self.names {
            match self.disk.sync_folder(&self.folder) {
                Ok(()) => self.names = false,
                Err(source) => {
                    let path = self.folder.clone();
                    result = result.and(Err(SpoolError::Disk { verb: "flush", path, source }));
                }
            }
        }
        result
    }
}

impl Spool {
    /// Takes what is owed; [`Self::still_owed`] must follow once it is flushed. One at a time: who finds nothing owed may believe that all is
    /// on the disk.
    pub fn owed(&mut self) -> Owed {
        Owed {
            disk: self.disk.clone(),
            folder: self.folder.clone(),
            segments: std::mem::take(&mut self.dirty),
            names: std::mem::take(&mut self.dirty_folder),
        }
    }

    /// Gives back what could not be flushed.
    pub fn still_owed(&mut self, owed: Owed) {
        let known: BTreeSet<u64> = self.lanes.values().flatten().map(|segment| segment.sequence).collect();
        self.dirty.extend(owed.segments.intersection(&known));
        self.dirty_folder |= owed.names;
    }
}
