//! A small durable map in one file: what was read up to where, and the like.
//!
//! Changes are added at the end with one call; a killed process loses nothing that was returned from [`Journal::put_all`], a host that loses
//! power what was not flushed by [`Journal::sync`]. When more of the file is dead than alive it is written anew, beside the old one. An end
//! that was not written whole is ignored. Behind an entry whose checksum differs nothing is believed, because nothing says where the next one
//! begins: what stands before it counts, which is older and so repeats work rather than leaving it out.
//!
//! The map is in memory, and goes on working there when the disk refuses; the next change then writes the file anew.

mod format;
#[cfg(any(test, fuzzing))]
pub mod fuzz;
#[cfg(test)]
mod tests;

use std::{
    collections::BTreeMap,
    io::{self, Read as _},
    path::{Path, PathBuf},
};

use self::format::{HEAD, MAGIC, Map, VERSION, put, size, understand};
use super::disk::{Disk, beside};

/// Longest key, in bytes.
pub const MAX_KEY: usize = 4 * 1024;
/// Longest value, in bytes.
pub const MAX_VALUE: usize = 64 * 1024;
/// Most entries.
pub const MAX_ENTRIES: usize = 100_000;
/// Most bytes of all entries as they lie in the file.
pub const MAX_BYTES: u64 = 16 * 1024 * 1024;

/// A file is not written anew below this.
const FLOOR: u64 = 64 * 1024;
/// The longest file there can be: all entries, as much again of dead ones, and one change.
const CEILING: u64 = 4 * MAX_BYTES;

/// The map and its file. One at a time for a file: the caller's lock sees to that.
#[derive(Debug)]
pub struct Journal {
    disk: Disk,
    path: PathBuf,
    entries: Map,
    /// Bytes of the entries as they lie in the file.
    live: u64,
    /// Length of the file; `None` when it is not what it should be, and must be written anew.
    length: Option<u64>,
    dirty: bool,
}

/// What was found when a journal was opened.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// Entries that count.
    pub entries: usize,
    /// Bytes at the end that were not written whole.
    pub torn_bytes: u64,
    /// Bytes from the first wrong entry on, which are not believed.
    pub damaged_bytes: u64,
    /// Where the whole file was put, because it is none of this version's.
    pub aside: Option<PathBuf>,
}

/// Why the journal did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// The disk refused. Changes count in memory, and are written with the next one.
    #[error("{verb} {}", path.display())]
    Disk {
        /// What was to be done.
        verb: &'static str,
        /// To which file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A key above [`MAX_KEY`] or a value above [`MAX_VALUE`]. Nothing was changed.
    #[error("an entry of {0} bytes is larger than the journal takes")]
    Entry(usize),
    /// More than [`MAX_ENTRIES`] or [`MAX_BYTES`]. Nothing was changed.
    #[error("the journal has {0} entries and takes no more")]
    Full(usize),
}

impl Journal {
    /// Opens a journal; one that is missing is empty, and is written with the first change. A file of another version, or with other things
    /// in it, is set aside under another name.
    ///
    /// # Errors
    /// [`JournalError::Disk`] when it is there and cannot be read, or not be set aside.
    pub fn open(path: &Path) -> Result<(Self, Found), JournalError> {
        Self::open_on(Disk::default(), path)
    }

    fn open_on(disk: Disk, path: &Path) -> Result<(Self, Found), JournalError> {
        let refused = |verb| move |source| JournalError::Disk { verb, path: path.to_owned(), source };
        let bytes = match disk.open(path, false) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
            Err(error) => return Err(refused("open")(error)),
            Ok(file) => {
                let mut bytes = Vec::new();
                // One above the ceiling is nothing of ours: its beginning does not matter.
                file.take(CEILING + 1).read_to_end(&mut bytes).map_err(refused("read"))?;
                bytes
            }
        };
        let read = bytes.len() as u64;
        let mut found = Found::default();
        let mut journal =
            Self { disk, path: path.to_owned(), entries: Map::new(), live: 0, length: None, dirty: false };
        match understand(&bytes) {
            Ok(content) if read <= CEILING => {
                found.torn_bytes = if content.damaged { 0 } else { read - content.end };
                found.damaged_bytes = if content.damaged { read - content.end } else { 0 };
                found.entries = content.entries.len();
                journal.live = content.entries.iter().map(|(key, value)| size(key, value)).sum();
                journal.entries = content.entries;
                // Nothing is added behind what is not believed.
                journal.length = (read == content.end && read > 0).then_some(read);
            }
            other => {
                let version = other.err().flatten();
                let aside = beside(path, &version.map_or(".damaged".to_owned(), |version| format!(".v{version}")));
                journal.disk.rename(path, &aside).map_err(refused("set aside"))?;
                found.aside = Some(aside);
            }
        }
        Ok((journal, found))
    }

    /// The value of a key.
    pub fn get(&self, key: &[u8]) -> Option<&[u8]> {
        self.entries.get(key).map(|value| &**value)
    }

    /// All entries in the order of keys.
    pub fn iter(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        self.entries.iter().map(|(key, value)| (&**key, &**value))
    }

    /// Sets values. All are in the file at return, or the error says that they are not.
    ///
    /// # Errors
    /// [`JournalError`].
    pub fn put_all(&mut self, changes: &[(&[u8], &[u8])]) -> Result<(), JournalError> {
        self.check(changes)?;
        let mut bytes = Vec::new();
        for (key, value) in changes {
            put(&mut bytes, key, Some(value));
            let old = self.entries.insert((*key).into(), (*value).into());
            self.live += size(key, value);
            self.live -= old.map_or(0, |old| size(key, &old));
        }
        self.write(&bytes)
    }

    /// Removes a key; nothing is written for one that is not there.
    ///
    /// # Errors
    /// [`JournalError::Disk`].
    pub fn remove(&mut self, key: &[u8]) -> Result<(), JournalError> {
        let Some(old) = self.entries.remove(key) else { return Ok(()) };
        self.live -= size(key, &old);
        let mut bytes = Vec::new();
        put(&mut bytes, key, None);
        self.write(&bytes)
    }

    /// Flushes to disk what was changed since the last time; writes the file when the disk refused it before. Blocks for as long as that takes.
    ///
    /// # Errors
    /// [`JournalError::Disk`].
    pub fn sync(&mut self) -> Result<(), JournalError> {
        if !self.dirty {
            return Ok(());
        }
        if self.length.is_none() {
            return self.rewrite();
        }
        let flushed = self.disk.open(&self.path, true).and_then(|file| self.disk.sync(&file));
        flushed.map_err(|error| {
            // Nobody knows which bytes the disk has.
            self.length = None;
            self.refused("flush", error)
        })?;
        self.dirty = false;
        Ok(())
    }

    /// Before anything is changed: whether all of it has room.
    fn check(&self, changes: &[(&[u8], &[u8])]) -> Result<(), JournalError> {
        let large = |(key, value): &&(&[u8], &[u8])| key.len() > MAX_KEY || value.len() > MAX_VALUE;
        if let Some((key, value)) = changes.iter().find(large) {
            return Err(JournalError::Entry(key.len() + value.len()));
        }
        let (mut count, mut bytes) = (self.entries.len(), self.live);
        // The last of each key counts.
        let newest: BTreeMap<&[u8], &[u8]> = changes.iter().copied().collect();
        for (key, value) in newest {
            let old = self.get(key);
            count += usize::from(old.is_none());
            bytes = (bytes + size(key, value)).saturating_sub(old.map_or(0, |old| size(key, old)));
        }
        let grows = count > self.entries.len() || bytes > self.live;
        let full = grows && (count > MAX_ENTRIES || bytes > MAX_BYTES);
        if full { Err(JournalError::Full(self.entries.len())) } else { Ok(()) }
    }

    /// Adds bytes to the file, or writes it anew.
    fn write(&mut self, bytes: &[u8]) -> Result<(), JournalError> {
        self.dirty = true;
        let Some(length) = self.length else { return self.rewrite() };
        let after = length + bytes.len() as u64;
        let dead = after.saturating_sub(HEAD + self.live);
        if dead > self.live && dead > FLOOR {
            return self.rewrite();
        }
        self.length = None;
        let file = match self.disk.open(&self.path, true) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return self.rewrite(),
            Err(error) => return Err(self.refused("open", error)),
        };
        match file.metadata() {
            // Somebody else wrote in it, or cut it off.
            Ok(meta) if meta.len() != length => return self.rewrite(),
            Ok(_) => {}
            Err(error) => return Err(self.refused("open", error)),
        }
        self.disk.write(&file, bytes, length).map_err(|error| self.refused("write", error))?;
        self.length = Some(after);
        Ok(())
    }

    fn rewrite(&mut self) -> Result<(), JournalError> {
        self.length = None;
        let mut bytes = Vec::with_capacity(usize::try_from(HEAD + self.live).unwrap_or_default());
        bytes.extend_from_slice(&MAGIC);
        bytes.push(VERSION);
        self.entries.iter().for_each(|(key, value)| put(&mut bytes, key, Some(value)));
        self.disk.replace(&self.path, &bytes).map_err(|error| self.refused("replace", error))?;
        (self.length, self.dirty) = (Some(bytes.len() as u64), false);
        Ok(())
    }

    fn refused(&self, verb: &'static str, source: io::Error) -> JournalError {
        JournalError::Disk { verb, path: self.path.clone(), source }
    }
}
