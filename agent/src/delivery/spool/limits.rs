//! Ceilings and words of the spool.

use std::{io, path::PathBuf, time::Duration};

/// Longest key of a lane, in bytes.
pub const MAX_KEY: usize = 4 * 1024;
/// Longest meta of a record, in bytes.
pub const MAX_META: usize = 64 * 1024;
/// Longest payload of a record, in bytes.
pub const MAX_PAYLOAD: usize = 16 * 1024 * 1024;
/// Most lanes; each is a few hundred bytes of memory and at least one file.
pub const MAX_LANES: usize = 20_000;
/// Most bytes of keys together, which are kept in memory.
pub const MAX_KEYS: usize = 16 * 1024 * 1024;
/// Most segments, which is most files.
pub const MAX_SEGMENTS: usize = 65_536;

/// How much a spool keeps.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Bytes of all its files; the oldest records are given up for newer ones.
    pub max_bytes: u64,
    /// Age of a record, by its own time; older ones are given up.
    pub max_age: Duration,
    /// Bytes after which a lane goes on in another file. What is given up for want of space is given up by file, so it is held to an eighth of
    /// `max_bytes`, and a file takes records of a sixteenth of `max_age`.
    pub segment_bytes: u64,
}

impl Limits {
    pub(super) fn segment(&self) -> u64 {
        self.segment_bytes.min(self.max_bytes / 8)
    }

    pub(super) fn span_ms(&self) -> i64 {
        self.age_ms() / 16
    }

    pub(super) fn age_ms(&self) -> i64 {
        i64::try_from(self.max_age.as_millis()).unwrap_or(i64::MAX)
    }
}

/// A record to keep.
#[derive(Clone, Copy, Debug)]
pub struct Record<'a> {
    /// What its age is counted from, in milliseconds since 1970. Records of a lane are kept in the order in which they come, whatever it says.
    pub time_ms: i64,
    /// For the counts of what was lost.
    pub lines: u32,
    /// Up to [`MAX_META`] bytes that [`scan`](super::Spool::scan) and [`Lost`] give back without the payload.
    pub meta: &'a [u8],
    /// Up to [`MAX_PAYLOAD`] bytes.
    pub payload: &'a [u8],
}

/// Where a record stands: what tells the spool which one is meant, whatever was given up meanwhile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    pub(super) sequence: u64,
    pub(super) at: u64,
}

/// A record that was kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    /// What [`pop`](super::Spool::pop) wants to be told.
    pub place: Place,
    /// As in [`Record`].
    pub time_ms: i64,
    /// As in [`Record`].
    pub lines: u32,
    /// As in [`Record`].
    pub meta: Vec<u8>,
    /// As in [`Record`].
    pub payload: Vec<u8>,
}

/// Why records are lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Why {
    /// The spool was full.
    Space,
    /// They were too old.
    Age,
    /// They cannot be read any more, or their file is gone.
    Damage,
    /// The caller gave them up.
    Skipped,
}

/// Records that are lost: one with its meta, or several of which nothing more can be read.
#[derive(Clone, Copy, Debug)]
pub struct Lost<'a> {
    /// Their lane.
    pub key: &'a [u8],
    /// The reason.
    pub why: Why,
    /// How many.
    pub records: u64,
    /// Their lines.
    pub lines: u64,
    /// Bytes of their payloads.
    pub bytes: u64,
    /// The meta of the one, when it can be read.
    pub meta: Option<&'a [u8]>,
}

/// What is known of a lane.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lane<'a> {
    /// Its key.
    pub key: &'a [u8],
    /// Records not taken out yet.
    pub records: u64,
    /// Their lines.
    pub lines: u64,
    /// Bytes of its files.
    pub bytes: u64,
    /// Time of the record in front, in milliseconds since 1970.
    pub oldest_ms: i64,
}

/// What was found when a spool was opened.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Recovery {
    /// Lanes with records.
    pub lanes: u64,
    /// Records to be taken out.
    pub records: u64,
    /// Ends of files that were not written whole, and cut off.
    pub torn: u64,
    /// Bytes of them, and of files that hold no whole record.
    pub torn_bytes: u64,
    /// Files without a whole record, removed.
    pub empty_files: u64,
    /// Places inside files where no record can be read, passed over.
    pub damaged: u64,
    /// Bytes of them.
    pub damaged_bytes: u64,
    /// Marks of how far a file was taken out that cannot be read: some records may be given again.
    pub damaged_slots: u64,
    /// Files set aside, now or earlier: of another version, or with a head that cannot be read. They are not counted in the spool's bytes.
    pub aside: u64,
    /// Bytes of them.
    pub aside_bytes: u64,
    /// Files set aside earlier by an older version that did not know them, taken back.
    pub taken_back: u64,
    /// Whatever else lies in the folder; left alone.
    pub foreign: u64,
    /// Nothing can be written: what is there is given, and nothing is repaired.
    pub read_only: bool,
}

/// Why the spool did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum SpoolError {
    /// The disk refused.
    #[error("{verb} {}", path.display())]
    Disk {
        /// What was to be done.
        verb: &'static str,
        /// To which file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A key above [`MAX_KEY`].
    #[error("a key of {0} bytes is longer than {MAX_KEY}")]
    Key(usize),
    /// A meta above [`MAX_META`], a payload above [`MAX_PAYLOAD`], or both above what the spool may hold.
    #[error("a record of {0} bytes is larger than the spool takes")]
    Record(u64),
    /// A lane above [`MAX_LANES`], or its key above [`MAX_KEYS`].
    #[error("the spool has {0} lanes and takes no more")]
    Lanes(usize),
    /// Files that the disk will not remove take all the room.
    #[error("the spool is full of files which cannot be removed: {}", .0.display())]
    Full(PathBuf),
    /// More files than [`MAX_SEGMENTS`] when it was opened.
    #[error("{} holds more than {MAX_SEGMENTS} files", .0.display())]
    Files(PathBuf),
}

impl SpoolError {
    /// The system's error number behind it, when there is one: full, read-only and broken disks differ in nothing else.
    pub fn raw_os_error(&self) -> Option<i32> {
        match self {
            Self::Disk { source, .. } => source.raw_os_error(),
            _ => None,
        }
    }
}
