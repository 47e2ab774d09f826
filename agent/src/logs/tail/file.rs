//! One file of a container's set, open: plain, or packed after rotation.

use std::{
    fs::{File, OpenOptions},
    io,
    os::unix::fs::{MetadataExt, OpenOptionsExt},
    path::Path,
    time::SystemTime,
};

use rustix::{
    fs::{OFlags, SeekFrom},
    io::{Errno, pread},
};

use super::{error::TailError, packed::Stream};

/// A first record is told apart by this much of it: the engine cuts lines at 16 KiB, which are 96 KiB where each byte is escaped.
const FINGERPRINT_BYTES: usize = 128 << 10;

/// What is looked at for it at a time.
const WINDOW: usize = 4096;

/// Longest hole that is looked behind. What stands behind a longer one is read, and not known again by another process.
const MAX_HOLE: u64 = 1 << 30;

/// Which file it is, under whatever name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Identity {
    pub(super) inode: u64,
    /// None as long as the first record is not whole: nothing has been read of the file then.
    pub(super) fingerprint: Option<u64>,
}

impl Identity {
    /// Whether what was found is the file that is known. Packing and copying change the inode and leave the first record as it is. A
    /// file known by its first record which has none now was emptied: nothing known of it holds any more.
    pub(super) fn is(&self, known: &Self) -> bool {
        match (self.fingerprint, known.fingerprint) {
            (found, Some(fingerprint)) => found == Some(fingerprint),
            (_, None) => self.inode == known.inode,
        }
    }
}

/// An open file and the place reading has come to.
#[derive(Debug)]
pub(super) struct LogFile {
    reader: Reader,
    identity: Identity,
    /// Bytes read and done with.
    pub(super) offset: u64,
    /// Its order among all files of the reader.
    pub(super) serial: u64,
    /// Everything before `offset` was NULs.
    pub(super) hollow: bool,
    /// Times of the first and the last record; none unless it was read from its beginning.
    pub(super) times: Option<(i64, i64)>,
    /// It may not be the next one after the one before it.
    pub(super) doubtful: bool,
    /// In doubt: the last record's time before it, and the longest pause that leaves none. Both in nanoseconds.
    pub(super) after: Option<(i64, i64)>,
}

#[derive(Debug)]
enum Reader {
    Plain(File),
    Packed { file: File, stream: Option<Box<Stream>> },
}

impl LogFile {
    /// Opens `path`; `packed` says that it is a `.gz`.
    pub(super) fn open(path: &Path, packed: bool) -> Result<Self, TailError> {
        let sort = |error| TailError::sort(path, error);
        // A pipe put in its place must not hang us, a link must not lead us elsewhere.
        let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let flags = i32::try_from(flags.bits()).unwrap_or_default();
        let file = OpenOptions::new().read(true).custom_flags(flags).open(path).map_err(sort)?;
        let metadata = file.metadata().map_err(sort)?;
        if !metadata.is_file() {
            return Err(TailError::Irregular { path: path.to_owned() });
        }
        let reader = if packed { Reader::Packed { file, stream: None } } else { Reader::Plain(file) };
        let identity = Identity { inode: metadata.ino(), fingerprint: None };
        let (times, after) = (None, None);
        let mut opened = Self { reader, identity, offset: 0, serial: 0, hollow: true, times, doubtful: false, after };
        opened.identity.fingerprint = opened.fingerprint().map_err(sort)?;
        Ok(opened)
    }

    pub(super) const fn identity(&self) -> Identity {
        self.identity
    }

    /// Whether this and the other are one file, both of them open. A copy, packed or not, is known by its first record; two plain files
    /// may begin alike.
    pub(super) fn is_the_same_as(&self, other: &Self) -> bool {
        if self.is_packed() || other.is_packed() {
            return self.identity.is(&other.identity);
        }
        self.identity.inode == other.identity.inode
    }

    pub(super) const fn is_packed(&self) -> bool {
        matches!(self.reader, Reader::Packed { .. })
    }

    /// Whether it could not be unpacked to its end.
    pub(super) fn is_faulty(&self) -> bool {
        matches!(&self.reader, Reader::Packed { stream: Some(stream), .. } if stream.faulty)
    }

    /// Sees to it that the fingerprint is known where it can be. Called after bytes were read: whoever has seen a whole record
    /// finds its end again.
    pub(super) fn ensure_fingerprint(&mut self) -> io::Result<Option<u64>> {
        if self.identity.fingerprint.is_none() {
            self.identity.fingerprint = self.fingerprint()?;
        }
        Ok(self.identity.fingerprint)
    }

    /// Reads the fingerprint anew. A hole at the beginning, as emptying leaves it, is passed over: all holes look alike.
    fn fingerprint(&self) -> io::Result<Option<u64>> {
        let mut window = [0; WINDOW];
        let mut stream = match &self.reader {
            Reader::Plain(_) => None,
            Reader::Packed { file, .. } => Some(Stream::of(file)?),
        };
        let mut at = 0;
        while at < MAX_HOLE {
            // What cannot be unpacked is no file of ours, or one that is being packed.
            let length = self.look(&mut stream, at, &mut window)?;
            let seen = window.get(..length).unwrap_or_default();
            if let Some(nuls) = seen.iter().position(|byte| *byte != 0) {
                let mut first = FirstRecord::default();
                let mut known = first.take(seen.get(nuls..).unwrap_or_default());
                let mut full = length == WINDOW;
                while known.is_none() && full {
                    at += u64::try_from(WINDOW).unwrap_or_default();
                    let length = self.look(&mut stream, at, &mut window)?;
                    known = first.take(window.get(..length).unwrap_or_default());
                    full = length == WINDOW;
                }
                return Ok(known);
            }
            let behind = at + u64::try_from(length).unwrap_or_default();
            match (length, &self.reader) {
                (0, _) => return Ok(None),
                (_, Reader::Plain(file)) => at = data_from(file, behind)?,
                _ => at = behind,
            }
        }
        Ok(None)
    }

    /// Bytes from `at` on; of a packed file the next ones of its stream.
    fn look(&self, stream: &mut Option<Stream>, at: u64, window: &mut [u8]) -> io::Result<usize> {
        match (&self.reader, stream) {
            (Reader::Plain(file), _) => pread_full(file, window, at),
            (_, Some(stream)) => Ok(stream.unpack(window)),
            _ => Ok(0),
        }
    }

    /// Whether the file was emptied or cut since; if so, reading goes on at its beginning, or at its end where the beginning is
    /// still the same.
    pub(super) fn notice_truncation(&mut self) -> io::Result<bool> {
        let Reader::Plain(file) = &self.reader else { return Ok(false) };
        let size = file.metadata()?.len();
        if self.offset == 0 || size == self.offset {
            return Ok(false);
        }
        let now = self.fingerprint()?;
        // Unknown so far: nothing but NULs was passed over.
        let same = self.identity.fingerprint.is_none() || now == self.identity.fingerprint;
        if size > self.offset && same {
            return Ok(false);
        }
        self.offset = if same { size } else { 0 };
        self.hollow = self.offset == 0;
        self.identity.fingerprint = now;
        Ok(true)
    }

    /// Fills `buffer` with the bytes from `offset` on; fewer than it holds at the end of the file.
    pub(super) fn fill(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match &mut self.reader {
            Reader::Plain(file) => pread_full(file, buffer, self.offset),
            Reader::Packed { file, stream } => {
                let stream = match stream {
                    Some(stream) => stream,
                    None => stream.insert(Box::new(Stream::of(file)?)),
                };
                Ok(stream.fill(buffer, self.offset))
            }
        }
    }

    /// Where data begins behind a hole that `offset` stands in; the end when there is none.
    pub(super) fn behind_hole(&self) -> io::Result<u64> {
        match &self.reader {
            Reader::Plain(file) => data_from(file, self.offset),
            Reader::Packed { .. } => Ok(self.offset),
        }
    }

    /// Bytes in it, unpacked; for a packed file what its last four bytes say, which is modulo 4 GiB.
    pub(super) fn size(&self) -> io::Result<u64> {
        match &self.reader {
            Reader::Plain(file) => Ok(file.metadata()?.len()),
            Reader::Packed { file, .. } => {
                let end = file.metadata()?.len();
                let mut size = [0; 4];
                pread_full(file, &mut size, end.saturating_sub(4))?;
                Ok(u64::from(u32::from_le_bytes(size)))
            }
        }
    }

    /// Bytes not read yet.
    pub(super) fn left(&self) -> u64 {
        self.size().unwrap_or_default().saturating_sub(self.offset)
    }

    /// When its name was last changed or taken away, if nothing was written since.
    pub(super) fn renamed(&self) -> Option<SystemTime> {
        let (Reader::Plain(file) | Reader::Packed { file, .. }) = &self.reader;
        let metadata = file.metadata().ok()?;
        let since =
            std::time::Duration::new(u64::try_from(metadata.ctime()).ok()?, u32::try_from(metadata.ctime_nsec()).ok()?);
        Some(SystemTime::UNIX_EPOCH + since)
    }

    /// When it was last written to.
    pub(super) fn written(&self) -> Option<SystemTime> {
        let (Reader::Plain(file) | Reader::Packed { file, .. }) = &self.reader;
        file.metadata().and_then(|metadata| metadata.modified()).ok()
    }

    /// When it was made, where the file system knows.
    pub(super) fn made(&self) -> Option<SystemTime> {
        let (Reader::Plain(file) | Reader::Packed { file, .. }) = &self.reader;
        file.metadata().and_then(|metadata| metadata.created()).ok()
    }
}

/// Where data begins at `offset` or behind it; the end when there is none. As close as the file system knows: a block.
fn data_from(file: &File, offset: u64) -> io::Result<u64> {
    match rustix::fs::seek(file, SeekFrom::Data(offset)) {
        Ok(at) => Ok(at.max(offset)),
        Err(Errno::NXIO) => Ok(file.metadata()?.len().max(offset)),
        Err(_) => Ok(offset),
    }
}

pub(super) fn pread_full(file: &File, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
    let mut filled = 0;
    while let Some(room) = buffer.get_mut(filled..).filter(|room| !room.is_empty()) {
        match pread(file, room, offset + u64::try_from(filled).unwrap_or_default()) {
            Ok(0) => break,
            Ok(read) => filled += read,
            Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(filled)
}

/// Hashes the first line, or the first [`FINGERPRINT_BYTES`] of a longer one: it stays what it is however the file grows. The whole line,
/// because the record's time, which tells two lines of the same text apart, stands at its end.
#[derive(Debug)]
struct FirstRecord {
    hash: u64,
    left: usize,
}

impl Default for FirstRecord {
    fn default() -> Self {
        Self { hash: 0xcbf2_9ce4_8422_2325, left: FINGERPRINT_BYTES }
    }
}

impl FirstRecord {
    /// Takes the next bytes; the fingerprint once it is known.
    fn take(&mut self, bytes: &[u8]) -> Option<u64> {
        let bytes = bytes.get(..self.left).unwrap_or(bytes);
        let end = memchr::memchr(b'\n', bytes);
        let line = end.and_then(|end| bytes.get(..=end)).unwrap_or(bytes);
        self.hash = fnv(self.hash, line);
        self.left -= line.len();
        (end.is_some() || self.left == 0).then_some(self.hash)
    }
}

/// FNV-1a, gone on with: the same in every build, which the standard library's hash does not promise.
const fn fnv(mut hash: u64, bytes: &[u8]) -> u64 {
    let mut rest = bytes;
    while let [byte, tail @ ..] = rest {
        hash = (hash ^ *byte as u64).wrapping_mul(0x0100_0000_01b3);
        rest = tail;
    }
    hash
}
