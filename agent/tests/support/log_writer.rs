//! Lines that account for themselves, a writer of log files that does what dockerd does, and the count at the other end.
//!
//! ```text
//!  Run -> "run seq crc payload" -> LogFile (json-file records, rotation) | a container -> agent -> receiver -> Account
//! ```
//!
//! A missing number is a loss, a repeated one a duplicate, a smaller one after a larger one a broken order, another checksum a
//! broken line.

use std::{
    collections::BTreeSet,
    fmt::Write as _,
    fs::{self, File, Metadata, OpenOptions},
    io::Write as _,
    os::unix::fs::{FileExt as _, MetadataExt as _},
    path::{Path, PathBuf},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use flate2::{Compression, write::GzEncoder};
use tempfile::TempDir;

/// One row of numbered lines: one output of one container.
#[derive(Clone, Debug)]
pub struct Run {
    /// Its name, the first word of each line; letters only, so that redaction sees no number in it.
    pub name: String,
    /// The number of the next line.
    pub next: u64,
    /// Bytes of payload.
    pub payload: usize,
}

impl Run {
    /// A run that has not begun, with lines of some 200 bytes.
    pub fn new(name: &str) -> Self {
        Self { name: name.to_owned(), next: 0, payload: 170 }
    }

    /// The next line, without its end.
    pub fn line(&mut self) -> String {
        let text = line(&self.name, self.next, self.payload);
        self.next += 1;
        text
    }

    /// What arrived of it.
    pub fn account<'a>(&self, lines: impl IntoIterator<Item = &'a str>) -> Account {
        let mut account = Account::default();
        let mut seen = BTreeSet::new();
        let mut newest = None;
        for text in lines {
            let mut words = text.splitn(4, ' ');
            if words.next() != Some(&self.name) {
                continue;
            }
            let Some(number) = words.next().and_then(|word| word.parse::<u64>().ok()) else {
                account.broken += 1;
                continue;
            };
            if text != line(&self.name, number, words.nth(1).map_or(0, str::len)) {
                account.broken += 1;
            }
            if !seen.insert(number) {
                account.twice += 1;
            } else if newest > Some(number) {
                account.disorder += 1;
            }
            newest = newest.max(Some(number));
        }
        account.missing = (0..self.next).filter(|number| !seen.contains(number)).collect();
        account.found = seen.len();
        account
    }
}

/// `run seq crc payload`; letters only in the payload.
pub fn line(run: &str, seq: u64, payload: usize) -> String {
    let mut text = format!("{run} {seq} ");
    let body: String =
        (0..payload as u64).map(|at| char::from(b'a' + ((seq * 31 + at * 7 + at / 13) % 26) as u8)).collect();
    // Letters, not digits: a long row of digits might be somebody's card.
    let crc = crc32fast::hash(format!("{run} {seq} {body}").as_bytes());
    (0..8).for_each(|at| text.push(char::from(b'a' + ((crc >> (4 * at)) & 15) as u8)));
    write!(text, " {body}").expect("a string takes everything");
    text
}

/// How the lines of a run came through.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Account {
    /// Different numbers that arrived.
    pub found: usize,
    /// Numbers that did not.
    pub missing: Vec<u64>,
    /// Lines that arrived once more.
    pub twice: usize,
    /// Lines behind a newer one, seen the first time.
    pub disorder: usize,
    /// Lines whose checksum differs.
    pub broken: usize,
}

impl Account {
    /// Fails unless every line arrived whole, in order, and at most `duplicates` of them twice.
    #[track_caller]
    pub fn is_complete(&self, duplicates: usize) {
        let missing = (self.missing.len(), self.missing.first(), self.missing.last());
        assert!(
            self.missing.is_empty() && self.twice <= duplicates && self.disorder == 0 && self.broken == 0,
            "found {}, missing {missing:?}, twice {} of {duplicates}, out of order {}, broken {}",
            self.found,
            self.twice,
            self.disorder,
            self.broken
        );
    }
}

/// Nanoseconds since 1970.
pub fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).expect("a time after 1970");
    i64::try_from(since.as_nanos()).expect("a time before 2262")
}

/// A container's log as the driver json-file writes it: a write for each record, rotation before a write.
#[derive(Debug)]
pub struct LogFile {
    folder: TempDir,
    file: Option<File>,
    /// Where the next record goes: dockerd does not append, it goes on where it was.
    pub offset: u64,
    max_bytes: Option<u64>,
    max_files: u32,
    packs: bool,
    last: i64,
    /// Rotations so far.
    pub rotations: u32,
    /// Those of a single file after which the file system's clock shows a pause between the old file and the new one.
    pub pauses: u32,
}

impl LogFile {
    /// An empty log that is never rotated.
    pub fn new() -> Self {
        Self::rotating(None, 1, false)
    }

    /// An empty log with `max-size`, `max-file` and `compress`.
    pub fn rotating(max_bytes: Option<u64>, max_files: u32, packs: bool) -> Self {
        let folder = tempfile::tempdir().expect("a folder for a log");
        let mut log =
            Self { folder, file: None, offset: 0, max_bytes, max_files, packs, last: 0, rotations: 0, pauses: 0 };
        log.create();
        log
    }

    /// `LogPath`.
    pub fn path(&self) -> PathBuf {
        self.folder.path().join("container-json.log")
    }

    fn name(&self, number: u32, packed: bool) -> PathBuf {
        self.folder.path().join(format!("container-json.log.{number}{}", if packed { ".gz" } else { "" }))
    }

    /// A new file in place of the newest, as at a start after its removal.
    pub fn create(&mut self) {
        let options = OpenOptions::new().create(true).truncate(true).write(true).open(self.path());
        self.file = Some(options.expect("the log file"));
        self.offset = 0;
    }

    /// Takes the newest file away under its writer.
    pub fn delete(&self) {
        fs::remove_file(self.path()).expect("the log file");
    }

    /// `truncate -s 0`: the writer goes on at its old place.
    pub fn truncate(&self) {
        File::options().write(true).open(self.path()).and_then(|file| file.set_len(0)).expect("the log file");
    }

    /// So many lines of a run to stdout, now.
    pub fn write(&mut self, run: &mut Run, lines: u64) {
        (0..lines).for_each(|_| {
            let text = run.line() + "\n";
            // The engine's clock gives no time twice.
            self.record("stdout", &text, now().max(self.last + 1));
        });
    }

    /// One record of this time. Text that does not end in a line end is a part of a line, whose other parts have the same time.
    pub fn record(&mut self, stream: &str, text: &str, time: i64) {
        self.last = time.min(now());
        let time = jiff::Timestamp::from_nanosecond(i128::from(time)).expect("a time");
        let text = serde_json::to_string(text).expect("text is JSON");
        self.raw(format!("{{\"log\":{text},\"stream\":\"{stream}\",\"time\":\"{time}\"}}\n").as_bytes());
    }

    /// Any bytes with one write, after a rotation where one is due.
    pub fn raw(&mut self, bytes: &[u8]) {
        if self.max_bytes.is_some_and(|most| self.offset >= most) {
            self.rotate();
        }
        self.file.as_ref().expect("a file").write_all_at(bytes, self.offset).expect("written");
        self.offset += bytes.len() as u64;
    }

    /// Whether this file lost its name at an earlier tick of the file system's clock than the newest one was made at: as if there had
    /// been another between them.
    fn paused_since(&self, unlinked: &File) -> bool {
        let stamp = |of: &Metadata| SystemTime::UNIX_EPOCH + Duration::new(of.ctime() as u64, of.ctime_nsec() as u32);
        let unlinked = unlinked.metadata().expect("the old file");
        let made = self.file.as_ref().expect("a file").metadata().and_then(|made| made.created());
        made.is_ok_and(|made| made > stamp(&unlinked))
    }

    /// Rotates now.
    pub fn rotate(&mut self) {
        self.rotations += 1;
        let old = self.file.take();
        if self.max_files <= 1 {
            self.delete();
            self.create();
            self.pauses += u32::from(old.is_some_and(|old| self.paused_since(&old)));
            return;
        }
        drop(old);
        let last = self.max_files - 1;
        fs::remove_file(self.name(last, self.packs)).ok();
        (1..last).rev().for_each(|n| drop(fs::rename(self.name(n, self.packs), self.name(n + 1, self.packs))));
        fs::rename(self.path(), self.name(1, false)).expect("renamed");
        self.create();
        if self.packs {
            pack(&self.name(1, false), &self.name(1, true));
        }
    }
}

fn pack(plain: &Path, packed: &Path) {
    let mut out = GzEncoder::new(File::create(packed).expect("a file"), Compression::fast());
    out.write_all(&fs::read(plain).expect("a file")).and_then(|()| out.finish().map(drop)).expect("packed");
    fs::remove_file(plain).expect("the plain file");
}

/// How often all lines that arrived are looked at, which costs more than a glance at a page.
pub const LOOK_EVERY: Duration = Duration::from_millis(100);
