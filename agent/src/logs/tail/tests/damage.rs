//! Files that are cut, emptied, deleted, damaged, or none of ours.

use std::os::unix::fs::symlink;

use super::*;

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
