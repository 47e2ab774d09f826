//! Disks that refuse.

use rustix::io::Errno;

use super::*;
use crate::delivery::disk::{Disk, faults::Fault};

fn faulty(folder: &Path) -> (Spool, Disk) {
    let disk = Disk::default();
    (Spool::open_on(disk.clone(), folder, LIMITS).unwrap().0, disk)
}

fn fault(at: usize, error: Errno, lasting: bool) -> Option<Fault> {
    Some(Fault { at, error, part: 100, lasting })
}

#[test]
fn a_full_disk_keeps_what_is_there_and_goes_on_when_there_is_space() {
    for (lasting, part) in [(false, 0), (false, 200), (true, 0), (true, 200)] {
        for before in [0, 1] {
            let folder = tempfile::tempdir().unwrap();
            let (mut spool, disk) = faulty(folder.path());
            (0..before).for_each(|_| append(&mut spool, "a", 0, "before", "text"));
            // A new segment is made first, which may work.
            let at = usize::from(before == 0 && part > 0);
            disk.faults.plan(Some(Fault { at, error: Errno::NOSPC, part, lasting }));
            let error = spool.append(b"a", record(0, b"refused", b"text"), &mut nothing_lost).unwrap_err();
            assert_eq!(error.raw_os_error(), Some(Errno::NOSPC.raw_os_error()));
            let path = Segment::path(folder.path(), 1);
            assert_eq!(error.to_string(), format!("write {}", path.display()));
            assert_eq!(spool.bytes(), size(folder.path()), "half a record counts for as long as it is there");
            disk.faults.plan(None);
            append(&mut spool, "a", 0, "after", "");
            spool.expire(0, &mut nothing_lost).unwrap();
            assert_eq!(spool.bytes(), size(folder.path()));
            let mut spool = open(folder.path());
            let expected: Vec<_> = ["before"].into_iter().take(before).chain(["after"]).collect();
            assert_eq!(drain(&mut spool, "a", &mut nothing_lost), expected, "{lasting} {part}");
            assert!(files(folder.path()).is_empty());
        }
    }
}

#[test]
fn a_read_only_disk_gives_each_record_once_and_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let (mut spool, disk) = faulty(folder.path());
    ["0", "1", "2"].iter().for_each(|meta| append(&mut spool, "a", 0, meta, "text"));
    let bytes = spool.bytes();
    disk.faults.plan(fault(0, Errno::ROFS, true));
    for expected in ["0", "1", "2"] {
        let kept = spool.front(b"a", &mut nothing_lost).unwrap().unwrap();
        assert_eq!(kept.meta, expected.as_bytes());
        let error = spool.pop(b"a", kept.place).unwrap_err();
        assert_eq!(error.raw_os_error(), Some(Errno::ROFS.raw_os_error()));
    }
    assert_eq!(spool.front(b"a", &mut nothing_lost).unwrap(), None);
    assert_eq!((spool.bytes(), size(folder.path())), (bytes, bytes), "the file is there and is counted");
    assert!(spool.expire(0, &mut nothing_lost).is_err());
    disk.faults.plan(None);
    spool.expire(0, &mut nothing_lost).unwrap();
    assert_eq!((spool.bytes(), files(folder.path())), (0, vec![]));
}

#[test]
fn a_read_only_disk_is_opened_and_repaired_when_it_can_be() {
    let folder = tempfile::tempdir().unwrap();
    let mut spool = open(folder.path());
    ["0", "1"].iter().for_each(|meta| append(&mut spool, "a", 0, meta, "text"));
    append(&mut spool, "b", 0, "gone", "");
    drop(spool);
    let cut = |sequence: u64, length: u64| {
        let file = fs::File::options().write(true).open(Segment::path(folder.path(), sequence)).unwrap();
        file.set_len(if length == 0 { 0 } else { file.metadata().unwrap().len() - length }).unwrap();
    };
    cut(1, 3);
    cut(2, 0);
    let disk = Disk::default();
    disk.faults.plan(fault(0, Errno::ROFS, true));
    let (mut spool, found) = Spool::open_on(disk.clone(), folder.path(), LIMITS).unwrap();
    assert_eq!((found.read_only, found.torn, found.empty_files), (true, 1, 1));
    assert_eq!((scan(&spool, "a"), scan(&spool, "b")), (vec!["0".to_owned()], vec![]));
    assert_eq!(spool.bytes(), size(folder.path()));
    let error = spool.append(b"a", record(0, b"refused", b"text"), &mut nothing_lost).unwrap_err();
    assert_eq!(error.raw_os_error(), Some(Errno::ROFS.raw_os_error()));
    disk.faults.plan(None);
    append(&mut spool, "a", 0, "2", "text");
    spool.expire(0, &mut nothing_lost).unwrap();
    assert_eq!(spool.bytes(), size(folder.path()));
    assert_eq!(scan(&open(folder.path()), "a"), ["0", "2"]);
}

#[test]
fn nothing_is_given_up_for_a_record_where_nothing_can_be_removed() {
    let folder = tempfile::tempdir().unwrap();
    let disk = Disk::default();
    let limits = Limits { max_bytes: 2000, ..LIMITS };
    let (mut spool, _) = Spool::open_on(disk.clone(), folder.path(), limits).unwrap();
    let text = "x".repeat(800);
    append(&mut spool, "a", 0, "0", &text);
    append(&mut spool, "b", 0, "1", &text);
    disk.faults.plan(fault(0, Errno::ROFS, true));
    let error = spool.append(b"b", record(0, b"2", text.as_bytes()), &mut nothing_lost).unwrap_err();
    assert!(error.to_string().starts_with("remove "), "{error}");
    assert_eq!((scan(&spool, "a"), scan(&spool, "b")), (vec!["0".to_owned()], vec!["1".to_owned()]));
}

#[test]
fn a_place_that_was_not_written_is_written_later() {
    let folder = tempfile::tempdir().unwrap();
    let (mut spool, disk) = faulty(folder.path());
    ["0", "1", "2"].iter().for_each(|meta| append(&mut spool, "a", 0, meta, "text"));
    let kept = spool.front(b"a", &mut nothing_lost).unwrap().unwrap();
    disk.faults.plan(fault(0, Errno::IO, false));
    spool.pop(b"a", kept.place).unwrap_err();
    assert_eq!(scan(&open(folder.path()), "a"), ["0", "1", "2"], "another process would meet it again");
    spool.sync().unwrap();
    assert_eq!(scan(&open(folder.path()), "a"), ["1", "2"]);
}

#[test]
fn a_record_that_cannot_be_read_stays_until_it_is_given_up() {
    let folder = tempfile::tempdir().unwrap();
    let (mut spool, disk) = faulty(folder.path());
    ["0", "1", "2"].iter().for_each(|meta| append(&mut spool, "a", 0, meta, "text"));
    disk.faults.plan_reads(Some(Errno::IO));
    let error = spool.front(b"a", &mut nothing_lost).unwrap_err();
    assert!(error.to_string().starts_with("read ") && error.to_string().ends_with(".seg"), "{error}");
    let mut told = Vec::new();
    drop(spool.skip(b"a", &mut tell(&mut told)));
    assert_eq!((told[0].why, told[0].records, told[0].lines), (Why::Skipped, 1, 2));
    // Not even the head of the next could be read: the segment goes.
    assert!(spool.skip(b"a", &mut tell(&mut told)).unwrap());
    assert_eq!((told[1].why, told[1].records, told[1].lines), (Why::Skipped, 2, 4));
    assert!(spool.is_empty(b"a") && !spool.skip(b"a", &mut nothing_lost).unwrap());
}

#[test]
fn what_is_no_folder_cannot_be_opened() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let error = Spool::open(&file.path().join("spool"), LIMITS).unwrap_err();
    assert!(error.to_string().starts_with("make /") && error.raw_os_error().is_some(), "{error}");
    // A kernel's folder takes no files, not even from root.
    let error = Spool::open(Path::new("/proc/self/task"), LIMITS).unwrap_err();
    assert!(error.to_string().starts_with("write /proc"), "{error}");
}

#[test]
fn a_flush_that_failed_is_tried_again() {
    let folder = tempfile::tempdir().unwrap();
    let (mut spool, disk) = faulty(folder.path());
    append(&mut spool, "a", 0, "0", "");
    append(&mut spool, "b", 0, "1", "");
    disk.faults.plan(fault(0, Errno::IO, false));
    let error = spool.sync().unwrap_err();
    assert!(error.to_string().starts_with("flush "), "{error}");
    disk.faults.plan(fault(1, Errno::IO, false));
    spool.sync().unwrap();
    spool.sync().unwrap();
    assert!(!disk.faults.struck(), "one call for the segment that was left, and none after that");
}

#[test]
fn no_file_stays_open() {
    let folder = tempfile::tempdir().unwrap();
    let mut spool = open(folder.path());
    for n in 0..100 {
        append(&mut spool, &n.to_string(), 0, "0", "text");
        assert!(spool.front(n.to_string().as_bytes(), &mut nothing_lost).unwrap().is_some());
    }
    spool.sync().unwrap();
    let handles = fs::read_dir("/proc/self/fd").unwrap().filter_map(|entry| fs::read_link(entry.ok()?.path()).ok());
    assert_eq!(handles.filter(|path| path.starts_with(folder.path())).count(), 0);
}
