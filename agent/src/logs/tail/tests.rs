mod damage;
mod random;
mod rotation;

use std::{
    fs::{self, File, OpenOptions},
    io::Write,
    os::unix::fs::FileExt,
    path::PathBuf,
};

use flate2::{Compression, write::GzEncoder};
use tempfile::TempDir;

use super::*;
use crate::model::LogStream;

/// Writes as dockerd does.
struct Dockerd {
    folder: TempDir,
    file: Option<File>,
    offset: u64,
    max_files: u32,
    packs: bool,
    written: u64,
}

impl Dockerd {
    fn new(max_files: u32, packs: bool) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut dockerd = Self { folder, file: None, offset: 0, max_files, packs, written: 0 };
        dockerd.create();
        dockerd
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("c-json.log")
    }

    fn name(&self, number: u32, packed: bool) -> PathBuf {
        self.folder.path().join(format!("c-json.log.{number}{}", if packed { ".gz" } else { "" }))
    }

    fn create(&mut self) {
        // Opened for writing, not for appending: after truncation it writes on at its old place.
        self.file = Some(OpenOptions::new().create(true).truncate(true).write(true).open(self.path()).unwrap());
        self.offset = 0;
    }

    fn raw(&mut self, bytes: &[u8]) {
        self.file.as_ref().unwrap().write_all_at(bytes, self.offset).unwrap();
        self.offset += bytes.len() as u64;
    }

    fn record(number: u64) -> String {
        // Some longer than others; the escapes must come back too.
        let filler = "x".repeat((number * 37 % 200) as usize);
        format!(
            "{{\"log\":\"line {number} \\\"\\u003c{filler}\\n\",\"stream\":\"{}\",\"time\":\"2026-11-21T09:29:56.{:09}Z\"}}\n",
            if number.is_multiple_of(3) { "stderr" } else { "stdout" },
            number % 1_000_000_000
        )
    }

    fn write(&mut self, records: u64) {
        for _ in 0..records {
            let record = Self::record(self.written);
            self.raw(record.as_bytes());
            self.written += 1;
        }
    }

    fn unlink(&mut self) {
        self.file = None;
        fs::remove_file(self.path()).unwrap();
    }

    /// Gives the last file there was, and is therefore deleted.
    fn rotate(&mut self) {
        if self.max_files <= 1 {
            self.unlink();
            return self.create();
        }
        self.file = None;
        let last = self.max_files - 1;
        fs::remove_file(self.name(last, self.packs)).ok();
        for number in (1..last).rev() {
            fs::rename(self.name(number, self.packs), self.name(number + 1, self.packs)).ok();
        }
        fs::rename(self.path(), self.name(1, false)).unwrap();
        self.create();
        if self.packs {
            self.pack();
        }
    }

    fn pack(&self) {
        let mut packed = GzEncoder::new(File::create(self.name(1, true)).unwrap(), Compression::fast());
        packed.write_all(&fs::read(self.name(1, false)).unwrap()).unwrap();
        packed.finish().unwrap();
        fs::remove_file(self.name(1, false)).unwrap();
    }
}

/// A machine under load may take a while between two system calls of a rotation.
const PATIENT: Duration = Duration::from_secs(60);

/// Reads, and remembers what it read and where it was.
struct Reading {
    tail: Tail,
    buffer: Buffer,
    numbers: Vec<u64>,
    /// After the last line of each output.
    cursors: [Option<Position>; 2],
    ranks: Vec<Rank>,
    sum: Progress,
}

impl Reading {
    fn of(dockerd: &Dockerd) -> Self {
        let mut tail = Tail::open(&dockerd.path(), Some(dockerd.max_files), &[]).unwrap();
        tail.breath = PATIENT;
        Self {
            tail,
            buffer: Buffer::default(),
            numbers: Vec::new(),
            cursors: [None; 2],
            ranks: Vec::new(),
            sum: Progress::default(),
        }
    }

    /// Another process goes on.
    fn restart(&mut self, dockerd: &Dockerd) {
        let positions: Vec<_> = self.cursors.iter().flatten().copied().collect();
        self.tail = Tail::open(&dockerd.path(), Some(dockerd.max_files), &positions).unwrap();
        self.tail.breath = PATIENT;
        self.ranks.clear();
    }

    fn read(&mut self, budget: u64) -> Progress {
        let skip = self.cursors.map(|cursor| cursor.and_then(|position| self.tail.rank_of(&position)));
        let (numbers, ranks, cursors) = (&mut self.numbers, &mut self.ranks, &mut self.cursors);
        let progress = self.tail.read(&mut self.buffer, budget, &mut |piece| {
            assert!(piece.start.rank < piece.end.rank);
            ranks.push(piece.start.rank);
            if skip[piece.stream.index()].is_some_and(|done| piece.start.rank < done) {
                return;
            }
            let text = std::str::from_utf8(piece.text).unwrap();
            let number: u64 = text.split(' ').nth(1).unwrap().parse().unwrap();
            let record = Dockerd::record(number);
            assert!(record.contains(&format!(" {number} \\\"\\u003c{}\\n", text.split('<').nth(1).unwrap())), "{text}");
            assert_eq!(piece.stream == LogStream::Stderr, number.is_multiple_of(3));
            assert!(piece.ended);
            numbers.push(number);
            cursors[piece.stream.index()] = Some(piece.end.position);
        });
        assert!(self.ranks.is_sorted(), "ranks go up");
        let progress = progress.unwrap();
        self.sum.corrupt_bytes += progress.corrupt_bytes;
        self.sum.rotations += progress.rotations;
        self.sum.rotations_missed += progress.rotations_missed;
        self.sum.truncations += progress.truncations;
        self.sum.skipped_records += progress.skipped_records;
        progress
    }

    fn all(&mut self) -> Progress {
        loop {
            let progress = self.read(u64::MAX);
            if progress.caught_up {
                return progress;
            }
        }
    }

    #[track_caller]
    fn has(&self, numbers: impl IntoIterator<Item = u64>) {
        assert_eq!(self.numbers, numbers.into_iter().collect::<Vec<_>>());
    }
}
