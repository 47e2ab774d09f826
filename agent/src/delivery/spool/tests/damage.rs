//! Files that are not what was written: cut off, changed, foreign, of another version.

use proptest::prelude::*;

use super::*;

/// A lane "a" with the records 0 to 3 in one file; the bytes at which records end, behind the head.
fn four(folder: &Path) -> (PathBuf, Vec<usize>) {
    let mut spool = open(folder);
    let mut ends = Vec::new();
    for meta in ["0", "1", "2", "3"] {
        append(&mut spool, "a", 0, meta, &format!("payload of {meta}"));
        ends.push(usize::try_from(spool.bytes()).unwrap());
    }
    let files = files(folder);
    assert_eq!(files.len(), 1);
    (files[0].clone(), ends)
}

#[test]
fn a_tail_torn_at_any_byte_is_cut_off_and_gone_on_from() {
    let folder = tempfile::tempdir().unwrap();
    let (path, ends) = four(folder.path());
    let whole = fs::read(&path).unwrap();
    for length in 0..=whole.len() {
        fs::write(&path, &whole[..length]).unwrap();
        let (mut spool, recovery) = Spool::open(folder.path(), LIMITS).unwrap();
        let kept = ends.iter().filter(|end| **end <= length).count();
        assert_eq!(recovery.records, kept as u64, "{length}");
        let torn = length - if kept == 0 { 0 } else { ends[kept - 1] };
        let head = format::FIXED + 1;
        let torn = if kept == 0 && length >= head { torn - head } else { torn };
        assert_eq!(recovery.torn_bytes, torn as u64, "{length}");
        assert_eq!(recovery.damaged + recovery.aside, 0, "{length}");
        assert_eq!(spool.bytes(), size(folder.path()), "{length}");
        append(&mut spool, "a", 0, "next", "");
        let mut expected: Vec<_> = ["0", "1", "2", "3"][..kept].to_vec();
        expected.push("next");
        drop(spool);
        assert_eq!(drain(&mut open(folder.path()), "a", &mut nothing_lost), expected, "{length}");
        assert!(files(folder.path()).is_empty());
    }
}

#[test]
fn any_byte_may_change_and_no_other_record_suffers() {
    let folder = tempfile::tempdir().unwrap();
    let (path, ends) = four(folder.path());
    let whole = fs::read(&path).unwrap();
    let slots = 24..56;
    for at in 0..whole.len() {
        files(folder.path()).iter().for_each(|path| fs::remove_file(path).unwrap());
        let mut changed = whole.clone();
        changed[at] ^= 0x41;
        fs::write(&path, &changed).unwrap();
        let (mut spool, recovery) = Spool::open(folder.path(), LIMITS).unwrap();
        let mut told = Vec::new();
        let given = drain(&mut spool, "a", &mut tell(&mut told));
        if slots.contains(&at) {
            assert_eq!((given.len(), recovery.damaged_slots), (4, 1), "{at}");
        } else if at < format::FIXED + 1 {
            // A longer key than there are bytes, or a head that is wrong.
            assert_eq!((given.len(), recovery.aside + recovery.empty_files), (0, 1), "{at}");
        } else {
            let hurt = ends.iter().filter(|end| **end <= at).count();
            let expected: Vec<_> = (0..4).filter(|n| *n != hurt).map(|n| n.to_string()).collect();
            assert_eq!(given, expected, "{at}");
            let seen = recovery.torn + recovery.damaged + told.iter().map(|lost| lost.records).sum::<u64>();
            assert_eq!(seen, 1, "{at}: {recovery:?} {told:?}");
        }
    }
}

#[test]
fn damage_while_it_runs_is_counted_to_the_record() {
    let folder = tempfile::tempdir().unwrap();
    let (path, ends) = four(folder.path());
    let mut spool = open(folder.path());
    let mut bytes = fs::read(&path).unwrap();
    // The head of the second, the payload of the third.
    bytes[ends[0] + 9] ^= 1;
    bytes[ends[2] - 1] ^= 1;
    fs::write(&path, &bytes).unwrap();
    let mut told = Vec::new();
    assert_eq!(drain(&mut spool, "a", &mut tell(&mut told)), ["0", "3"]);
    let told: Vec<_> =
        told.into_iter().map(|lost| (lost.why, lost.records, lost.lines, lost.bytes, lost.meta)).collect();
    assert_eq!(told, [(Why::Damage, 1, 2, 12, None), (Why::Damage, 1, 2, 12, Some(b"2".to_vec()))]);
}

#[test]
fn a_file_that_somebody_removes_is_told_and_the_lane_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let mut spool = open(folder.path());
    let mut told = Vec::new();
    append(&mut spool, "a", 0, "0", "x");
    append(&mut spool, "a", 11_000, "1", "x");
    append(&mut spool, "b", 0, "2", "x");
    fs::remove_dir_all(folder.path()).unwrap();
    assert_eq!(spool.front(b"a", &mut tell(&mut told)).unwrap(), None);
    spool.append(b"b", record(0, b"3", b""), &mut tell(&mut told)).unwrap();
    assert_eq!(told.iter().map(|lost| (lost.why, lost.records)).collect::<Vec<_>>(), [(Why::Damage, 1); 3]);
    assert_eq!(drain(&mut spool, "b", &mut nothing_lost), ["3"], "the folder came back");
    assert_eq!(spool.bytes(), 0);
}

#[test]
fn foreign_things_are_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    four(folder.path());
    let names = ["note.txt", "0000000000000002.seg.old", "2.seg", "000000000000000G.seg", "ffffffffffffff.seg.v300"];
    names.iter().for_each(|name| fs::write(folder.path().join(name), "mine").unwrap());
    fs::create_dir(folder.path().join("0000000000000007.seg")).unwrap();
    std::os::unix::fs::symlink("/etc/passwd", folder.path().join("0000000000000008.seg")).unwrap();
    let (mut spool, recovery) = Spool::open(folder.path(), LIMITS).unwrap();
    assert_eq!((recovery.records, recovery.foreign, recovery.aside), (4, 7, 0));
    append(&mut spool, "b", 0, "b", "");
    assert!(folder.path().join("0000000000000009.seg").is_file(), "behind every number that is taken");
    drain(&mut spool, "a", &mut nothing_lost);
    drain(&mut spool, "b", &mut nothing_lost);
    assert_eq!(files(folder.path()).len(), 7);
}

#[test]
fn files_of_another_version_wait_for_it_and_keep_their_place() {
    let folder = tempfile::tempdir().unwrap();
    let (path, _) = four(folder.path());
    let mut newer = fs::read(&path).unwrap();
    newer[7] = 2;
    fs::write(&path, newer).unwrap();
    fs::write(folder.path().join("0000000000000005.seg"), [0; 100]).unwrap();
    let (mut spool, recovery) = Spool::open(folder.path(), LIMITS).unwrap();
    assert_eq!((recovery.records, recovery.aside, spool.bytes()), (0, 2, 0));
    assert_eq!(recovery.aside_bytes, size(folder.path()));
    append(&mut spool, "a", 0, "written by the older version", "");
    let aside = folder.path().join("0000000000000001.seg.v2");
    assert!(aside.is_file() && folder.path().join("0000000000000005.seg.damaged").is_file());
    // What the newer version does when it comes back, with versions one lower.
    let mut bytes = fs::read(&aside).unwrap();
    bytes[7] = 1;
    fs::write(folder.path().join("0000000000000001.seg.v1"), bytes).unwrap();
    fs::remove_file(aside).unwrap();
    let (mut spool, recovery) = Spool::open(folder.path(), LIMITS).unwrap();
    assert_eq!((recovery.records, recovery.taken_back, recovery.aside), (5, 1, 1));
    let given = drain(&mut spool, "a", &mut nothing_lost);
    assert_eq!(given, ["0", "1", "2", "3", "written by the older version"], "oldest first");
}

#[test]
fn one_lane_in_the_middle_of_many_does_not_matter_to_the_others() {
    let folder = tempfile::tempdir().unwrap();
    let mut spool = open(folder.path());
    ["a", "b", "c"].iter().for_each(|key| append(&mut spool, key, 0, key, "text"));
    let path = files(folder.path())[1].clone();
    let length = fs::metadata(&path).unwrap().len();
    fs::write(&path, vec![0xff; usize::try_from(length).unwrap()]).unwrap();
    let mut spool = open(folder.path());
    for (key, expected) in [("a", 1), ("b", 0), ("c", 1)] {
        assert_eq!(drain(&mut spool, key, &mut nothing_lost).len(), expected, "{key}");
    }
}

proptest! {
    /// A container writes what looks like records into its own lines: behind damage none of that is taken for one.
    #[test]
    fn a_record_inside_a_payload_is_never_found(guess in any::<u64>(), hurt in 0_usize..40) {
        let folder = tempfile::tempdir().unwrap();
        let mut forged = Vec::new();
        format::put_record(&mut forged, guess.to_le_bytes(), 0, 1, b"forged", b"forged");
        let mut spool = open(folder.path());
        spool.append(b"a", record(0, b"0", &forged.repeat(3)), &mut nothing_lost).unwrap();
        append(&mut spool, "a", 0, "1", "");
        drop(spool);
        let path = files(folder.path())[0].clone();
        let mut bytes = fs::read(&path).unwrap();
        bytes[format::FIXED + 1 + hurt] ^= 0x80;
        fs::write(&path, bytes).unwrap();
        prop_assert_eq!(drain(&mut open(folder.path()), "a", &mut |_| {}), ["1"]);
    }
}
