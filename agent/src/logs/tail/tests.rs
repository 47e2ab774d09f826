use std::{
    fs::{self, File, OpenOptions},
    io::Write,
    os::unix::fs::{FileExt, symlink},
    path::PathBuf,
};

use flate2::{Compression, write::GzEncoder};
use proptest::prelude::*;
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

#[test]
fn rotation_is_followed_with_any_number_of_files() {
    for (max_files, packs) in [(1, false), (2, false), (3, false), (2, true), (5, true)] {
        let mut dockerd = Dockerd::new(max_files, packs);
        let mut reading = Reading::of(&dockerd);
        for round in 0..12 {
            dockerd.write(50);
            // Half way read, then rotated under the reader.
            reading.read(if round % 2 == 0 { 2000 } else { u64::MAX });
            dockerd.write(20);
            dockerd.rotate();
            dockerd.write(5);
            reading.read(300);
        }
        reading.all();
        reading.has(0..dockerd.written);
        assert_eq!(
            (reading.sum.rotations, reading.sum.rotations_missed, reading.sum.corrupt_bytes),
            (12, 0, 0),
            "{max_files} {packs}"
        );
        assert_eq!(reading.tail.behind(), 0);
    }
}

#[test]
fn as_many_rotations_as_files_are_kept_lose_nothing_between_two_looks() {
    for (max_files, packs) in [(1, false), (3, false)] {
        let mut dockerd = Dockerd::new(max_files, packs);
        let mut reading = Reading::of(&dockerd);
        dockerd.write(30);
        reading.read(1);
        for _ in 0..max_files {
            dockerd.rotate();
            dockerd.write(30);
        }
        let behind = reading.tail.behind();
        assert!(behind > u64::from(max_files) * 30 * 100, "{behind}");
        reading.all();
        reading.has(0..dockerd.written);
        assert_eq!(reading.sum.rotations_missed, 0, "{max_files} {packs}");
    }
}

#[test]
fn more_rotations_than_files_are_a_gap_that_is_told() {
    for (max_files, packs) in [(1, false), (3, false), (3, true)] {
        let mut dockerd = Dockerd::new(max_files, packs);
        let mut reading = Reading::of(&dockerd);
        reading.tail.breath = ONE_BREATH;
        dockerd.write(30);
        reading.read(u64::MAX);
        for _ in 0..=max_files {
            dockerd.rotate();
            dockerd.write(30);
            // The very time between two rotations is what gives the second one away.
            std::thread::sleep(2 * ONE_BREATH);
        }
        reading.all();
        let kept = u64::from(max_files) * 30;
        reading.has((0..30).chain(dockerd.written - kept..dockerd.written));
        assert_eq!(reading.sum.rotations_missed, 1, "{max_files} {packs}");
    }
}

#[test]
fn a_restart_goes_on_at_the_very_record_wherever_its_file_is_now() {
    for (max_files, packs) in [(2, false), (5, false), (5, true)] {
        for rotations in 0..max_files {
            let mut dockerd = Dockerd::new(max_files, packs);
            let mut reading = Reading::of(&dockerd);
            dockerd.write(100);
            reading.read(1);
            let before = reading.numbers.len();
            for _ in 0..rotations {
                dockerd.rotate();
                dockerd.write(40);
            }
            reading.restart(&dockerd);
            assert!(!reading.tail.lost());
            reading.all();
            reading.has(0..dockerd.written);
            assert!(before < 101, "{before}");
        }
    }
}

#[test]
fn a_position_whose_file_is_gone_is_told() {
    let mut dockerd = Dockerd::new(2, false);
    let mut reading = Reading::of(&dockerd);
    dockerd.write(10);
    reading.all();
    for _ in 0..3 {
        dockerd.rotate();
        dockerd.write(10);
    }
    let old = reading.cursors[0].unwrap();
    reading.restart(&dockerd);
    assert!(reading.tail.lost());
    assert_eq!(reading.tail.rank_of(&old), None);
    reading.all();
    reading.has((0..10).chain(20..40));
}

#[test]
fn half_a_record_waits_for_its_rest() {
    let mut dockerd = Dockerd::new(1, false);
    let mut reading = Reading::of(&dockerd);
    let record = Dockerd::record(0);
    let (front, back) = record.split_at(30);
    dockerd.raw(front.as_bytes());
    let progress = reading.read(u64::MAX);
    assert!(progress.caught_up);
    assert_eq!((progress.bytes, progress.behind_bytes), (0, 30));
    dockerd.raw(back.as_bytes());
    dockerd.written = 1;
    dockerd.write(1);
    reading.all();
    reading.has(0..2);
    assert_eq!(reading.sum.corrupt_bytes, 0);
}

#[test]
fn half_a_record_at_the_end_of_a_rotated_file_is_counted() {
    let mut dockerd = Dockerd::new(2, false);
    let mut reading = Reading::of(&dockerd);
    dockerd.write(1);
    dockerd.raw(b"{\"log\":\"half");
    dockerd.rotate();
    dockerd.write(1);
    reading.all();
    reading.has(0..2);
    assert_eq!(reading.sum.corrupt_bytes, 12);
}

#[test]
fn an_emptied_file_is_read_on_without_its_hole() {
    for seen_empty in [true, false] {
        let mut dockerd = Dockerd::new(1, false);
        let mut reading = Reading::of(&dockerd);
        dockerd.write(3000);
        reading.all();
        File::create(dockerd.path()).unwrap();
        if seen_empty {
            reading.read(u64::MAX);
        }
        dockerd.write(10);
        reading.all();
        reading.restart(&dockerd);
        reading.all();
        dockerd.write(10);
        // Again, with the file beginning in a hole this time.
        File::create(dockerd.path()).unwrap();
        dockerd.write(10);
        reading.all();
        reading.has((0..3010).chain(3020..3030));
        assert!(reading.sum.truncations >= 1);
    }
}

#[test]
fn an_emptied_file_that_is_appended_to_is_read_from_its_beginning() {
    let mut dockerd = Dockerd::new(1, false);
    let mut reading = Reading::of(&dockerd);
    dockerd.write(30);
    reading.all();
    // As an engine does that was restarted: it appends.
    File::create(dockerd.path()).unwrap();
    dockerd.offset = 0;
    dockerd.write(100);
    reading.all();
    reading.has(0..130);
    assert_eq!((reading.sum.truncations, reading.sum.corrupt_bytes), (1, 0));
}

#[test]
fn holes_and_garbage_cost_nothing_but_themselves() {
    for hole in [1, 4096, 2 << 20] {
        let mut dockerd = Dockerd::new(1, false);
        dockerd.write(10);
        let end = dockerd.offset;
        dockerd.raw(b"{\"log\":\"torn");
        dockerd.offset += hole;
        dockerd.write(10);
        dockerd.raw(b"garbage");
        dockerd.write(10);
        let mut reading = Reading::of(&dockerd);
        reading.all();
        reading.has(0..30);
        assert_eq!(reading.sum.corrupt_bytes, hole + 12 + 7, "{end}");
    }
}

#[test]
fn a_record_larger_than_the_buffer_is_read_and_one_beyond_the_bound_is_not() {
    let mut dockerd = Dockerd::new(1, false);
    let long = |length: usize| {
        format!(
            "{{\"log\":\"line 3 \\\"\\u003c{}\\n\",\"stream\":\"stderr\",\"time\":\"2026-11-21T09:29:56Z\"}}\n",
            "y".repeat(length)
        )
    };
    dockerd.write(3);
    dockerd.raw(long(600_000).as_bytes());
    dockerd.raw(long(MAX_RECORD).as_bytes());
    let mut tail = Tail::open(&dockerd.path(), None, &[]).unwrap();
    let mut buffer = Buffer::default();
    let mut lengths = Vec::new();
    let progress = tail.read(&mut buffer, u64::MAX, &mut |piece| lengths.push(piece.text.len())).unwrap();
    assert_eq!((lengths.len(), lengths[3]), (4, 600_009));
    assert_eq!((progress.caught_up, progress.skipped_records), (true, 1));
    assert_eq!(buffer.bytes.len(), CHUNK, "memory is given back");
}

#[test]
fn files_are_found_although_nobody_says_how_many_are_kept() {
    let mut dockerd = Dockerd::new(40, false);
    let mut reading = Reading::of(&dockerd);
    reading.tail = Tail::open(&dockerd.path(), None, &[]).unwrap();
    for _ in 0..30 {
        dockerd.write(5);
        dockerd.rotate();
    }
    dockerd.write(5);
    reading.all();
    reading.has(0..155);
    assert_eq!(reading.sum.rotations_missed, 0);
}

#[test]
fn a_deleted_file_is_read_on_while_it_is_held() {
    let mut dockerd = Dockerd::new(3, false);
    dockerd.write(5);
    dockerd.rotate();
    let mut reading = Reading::of(&dockerd);
    reading.all();
    fs::remove_file(dockerd.path()).unwrap();
    dockerd.write(5);
    let progress = reading.all();
    assert!(progress.missing);
    reading.has(0..10);
    // The container starts again, and its engine makes a new file. What lay beside the deleted one was read before.
    dockerd.create();
    dockerd.write(5);
    assert!(!reading.all().missing);
    reading.has(0..15);
}

#[test]
fn another_containers_file_with_the_same_inode_is_not_taken_for_the_old_one() {
    let mut dockerd = Dockerd::new(1, false);
    dockerd.write(50);
    let mut reading = Reading::of(&dockerd);
    reading.all();
    let Some(Position::File { fingerprint, offset, .. }) = reading.cursors[0] else { panic!("a file") };
    drop(reading);
    dockerd.rotate();
    dockerd.write(60);
    let inode = fs::metadata(dockerd.path()).unwrap().ino();
    let position = Position::File { inode, fingerprint, offset };
    let tail = Tail::open(&dockerd.path(), Some(1), &[position]).unwrap();
    assert!(tail.lost());
    assert_eq!(tail.behind(), fs::metadata(dockerd.path()).unwrap().len());
}

#[test]
fn an_idle_file_rests_without_a_handle_and_is_found_again() {
    let mut dockerd = Dockerd::new(3, false);
    let mut reading = Reading::of(&dockerd);
    dockerd.write(5);
    assert!(!reading.tail.suspend(false), "unread");
    reading.all();
    for rotations in [0, 1, 2, 0] {
        assert!(reading.tail.suspend(false) && reading.tail.is_suspended());
        assert!(reading.read(u64::MAX).caught_up && reading.tail.is_suspended());
        for _ in 0..rotations {
            dockerd.write(3);
            dockerd.rotate();
        }
        dockerd.write(2);
        assert!(reading.tail.behind() > 0);
        reading.all();
        assert!(!reading.tail.is_suspended());
    }
    reading.has(0..dockerd.written);
    assert_eq!(reading.sum.rotations_missed, 0);
}

#[test]
fn with_one_file_kept_only_the_dead_rest() {
    let mut dockerd = Dockerd::new(1, false);
    let mut reading = Reading::of(&dockerd);
    dockerd.write(5);
    reading.all();
    assert!(!reading.tail.suspend(false));
    assert!(reading.tail.suspend(true));
    dockerd.write(5);
    reading.all();
    reading.has(0..10);
}

#[test]
fn what_is_no_file_of_ours_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("c-json.log");
    let open = || Tail::open(&path, Some(2), &[]).map(drop);
    assert!(matches!(open(), Err(TailError::Missing { .. })));
    symlink("/etc/passwd", &path).unwrap();
    assert!(matches!(open(), Err(TailError::Irregular { .. })));
    fs::remove_file(&path).unwrap();
    rustix::fs::mknodat(rustix::fs::CWD, &path, rustix::fs::FileType::Fifo, 0o600.into(), 0).unwrap();
    assert!(matches!(open(), Err(TailError::Irregular { .. })));
    fs::remove_file(&path).unwrap();
    fs::create_dir(&path).unwrap();
    assert!(matches!(open(), Err(TailError::Irregular { .. })));
}

#[test]
fn a_file_that_cannot_be_unpacked_is_counted() {
    let mut dockerd = Dockerd::new(3, true);
    dockerd.write(2000);
    dockerd.rotate();
    dockerd.write(10);
    let packed = fs::read(dockerd.name(1, true)).unwrap();
    fs::write(dockerd.name(1, true), &packed[..packed.len() / 2]).unwrap();
    let mut reading = Reading::of(&dockerd);
    let progress = reading.all();
    assert_eq!(progress.broken_files, 1);
    assert_eq!(reading.numbers.last(), Some(&2009));
    assert!(reading.numbers.len() > 500);
}

#[derive(Clone, Debug)]
enum Step {
    Write(u64),
    Torn,
    Rotate,
    Read(u64),
    Restart,
    Suspend,
    EmptyWhenRead,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    proptest::collection::vec(
        prop_oneof![
            4 => (1u64..60).prop_map(Step::Write),
            1 => Just(Step::Torn),
            2 => Just(Step::Rotate),
            4 => prop_oneof![Just(1), Just(1000), Just(20_000), Just(u64::MAX)].prop_map(Step::Read),
            1 => Just(Step::Restart),
            1 => Just(Step::Suspend),
            1 => Just(Step::EmptyWhenRead),
        ],
        1..60,
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]
    /// Whatever happens in whatever order, every record comes exactly once and in order, as long as it is not deleted before somebody looks.
    #[test]
    fn every_record_once(max_files in 1u32..5, packs in any::<bool>(), steps in steps()) {
        let mut dockerd = Dockerd::new(max_files, packs && max_files > 1);
        let mut reading = Reading::of(&dockerd);
        // Rotations since the last look, and files which another process would have to find by name.
        let mut unseen = 0;
        let mut emptied = false;
        for step in steps {
            match step {
                Step::Write(records) => dockerd.write(records),
                Step::Torn => dockerd.raw(b"{\"log\":\"torn\\n\",\"str"),
                Step::Rotate => {
                    // No more than what is kept between two looks, and nothing deleted that only a handle holds: a restart may follow.
                    if max_files > 1 && unseen + 1 >= max_files {
                        reading.all();
                        unseen = 0;
                    } else if max_files == 1 {
                        reading.all();
                    }
                    dockerd.rotate();
                    dockerd.write(1);
                    unseen += 1;
                }
                Step::Read(budget) => {
                    let progress = reading.read(budget);
                    prop_assert!(progress.bytes <= budget.saturating_add(CHUNK as u64));
                    if progress.caught_up {
                        unseen = 0;
                    }
                }
                Step::Restart => {
                    // A file emptied while nobody looks is not known again, nor is the place of an output which has been silent since:
                    // what is older would be read again.
                    if emptied {
                        dockerd.write(3);
                        reading.all();
                    }
                    reading.restart(&dockerd);
                }
                Step::Suspend => drop(reading.tail.suspend(false)),
                Step::EmptyWhenRead => {
                    reading.all();
                    File::create(dockerd.path()).unwrap();
                    unseen = 0;
                    emptied = true;
                }
            }
        }
        dockerd.write(1);
        reading.all();
        let odd: Vec<_> = reading.numbers.windows(2).filter(|two| two[0] + 1 != two[1]).collect();
        prop_assert!(odd.is_empty() && reading.numbers.len() as u64 == dockerd.written, "{odd:?} of {}", dockerd.written);
        // A resting file that was emptied and then packed is known by nothing any more.
        prop_assert!(reading.sum.rotations_missed == 0 || emptied);
    }
}
