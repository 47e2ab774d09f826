//! One kernel file kept open and read again and again: no path lookup, no allocation.

use std::{
    fs::{File, OpenOptions},
    io,
    os::unix::fs::OpenOptionsExt as _,
    path::Path,
};

use rustix::{
    fs::OFlags,
    io::{Errno, pread},
};

/// Largest file of a cgroup that is read; the largest real one (`memory.stat` of v2) is below 4 KiB.
pub(super) const CGROUP_CEILING: usize = 64 * 1024;

/// Largest table (`net/dev`, `diskstats`, `stat`): thousands of rows.
pub(super) const TABLE_CEILING: usize = 1024 * 1024;

/// Largest `mountinfo`: a host with a thousand containers has some thousand rows of 200 bytes.
pub(super) const MOUNTS_CEILING: usize = 4 * 1024 * 1024;

/// How the kernel hands a file out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    /// One record: a read that does not fill the buffer has seen all of it.
    Single,
    /// A table handed out in pieces of whole rows, each at least a page minus one row while there is more.
    Table,
}

/// The kernel fills a page (4096 bytes) with rows before it hands them out, so less than this, with room for the longest row
/// there is, is the end of a table (fs/seq_file.c).
pub(super) const LAST_PIECE: usize = 3072;

/// An open file of procfs or a cgroup hierarchy.
#[derive(Debug)]
pub(super) struct Handle {
    file: File,
    shape: Shape,
    ceiling: usize,
}

/// Why there are no bytes.
#[derive(Debug)]
pub(super) enum ReadError {
    /// What the file described no longer exists: its cgroup or process is gone.
    Gone,
    /// The kernel has the file and does not account what it would say (pressure switched off).
    Unsupported,
    /// Anything else, the ceiling included.
    Failed(io::Error),
}

impl Handle {
    /// Opens a file of one record.
    pub(super) fn single(path: &Path) -> io::Result<Self> {
        Ok(Self { file: open(path)?, shape: Shape::Single, ceiling: CGROUP_CEILING })
    }

    /// Opens a file of many rows.
    pub(super) fn table(path: &Path) -> io::Result<Self> {
        Ok(Self { file: open(path)?, shape: Shape::Table, ceiling: TABLE_CEILING })
    }

    /// Reads the whole file from its start into `buffer`, which only ever grows, and returns what was read.
    pub(super) fn read<'buffer>(&self, buffer: &'buffer mut Buffer) -> Result<&'buffer [u8], ReadError> {
        let mut length = 0;
        loop {
            let Some(room) = buffer.0.get_mut(length..).filter(|room| !room.is_empty()) else {
                if length >= self.ceiling {
                    return Err(ReadError::Failed(io::Error::new(
                        io::ErrorKind::FileTooLarge,
                        "longer than its ceiling",
                    )));
                }
                buffer.0.resize((length * 2).min(self.ceiling), 0);
                continue;
            };
            let space = room.len();
            let read = match pread(&self.file, room, length as u64) {
                Ok(read) => read,
                Err(Errno::INTR) => continue,
                Err(error) => return Err(sort(error)),
            };
            length += read;
            let ended = match self.shape {
                Shape::Single => read < space,
                Shape::Table => read < LAST_PIECE && read < space,
            };
            if read == 0 || ended {
                return Ok(buffer.0.get(..length).unwrap_or_default());
            }
        }
    }
}

/// Opens for reading without ever waiting: below a root that somebody configured may stand a pipe which nobody writes to.
pub(super) fn open(path: &Path) -> io::Result<File> {
    let flags = i32::try_from(OFlags::NONBLOCK.bits()).map_err(io::Error::other)?;
    OpenOptions::new().read(true).custom_flags(flags).open(path)
}

/// A buffer shared by all readings of one owner.
#[derive(Debug)]
pub(super) struct Buffer(Vec<u8>);

impl Default for Buffer {
    fn default() -> Self {
        // Holds every cgroup file seen so far, so that one read is enough.
        Self(vec![0; 16 * 1024])
    }
}

/// Sorts what the kernel answers when a file outlived what it described.
fn sort(error: Errno) -> ReadError {
    match error {
        // NODEV: the cgroup was removed. SRCH, NOENT: the process has ended. INVAL: net/dev of an ended process.
        Errno::NODEV | Errno::SRCH | Errno::NOENT | Errno::INVAL => ReadError::Gone,
        Errno::OPNOTSUPP => ReadError::Unsupported,
        _ => ReadError::Failed(error.into()),
    }
}

/// Reads a small file once, below a ceiling; for facts that are not read at every scrape.
///
/// # Errors
/// What the system says, or `FileTooLarge`.
pub(super) fn read_once(path: &Path, ceiling: usize) -> io::Result<Vec<u8>> {
    use std::io::Read as _;
    let mut bytes = Vec::new();
    open(path)?.take(ceiling as u64 + 1).read_to_end(&mut bytes)?;
    if bytes.len() > ceiling {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, "longer than its ceiling"));
    }
    Ok(bytes)
}

/// A small text fact without the line end; `None` when it cannot be read or is empty.
pub(super) fn read_fact(path: &Path) -> Option<String> {
    let bytes = read_once(path, 4096).ok()?;
    let text = String::from_utf8_lossy(&bytes).trim().to_owned();
    (!text.is_empty()).then_some(text)
}
