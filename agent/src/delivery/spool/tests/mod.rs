//! The spool through everything that can happen to it.

mod crash;
mod damage;
mod disk;

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use super::{format, *};

const LIMITS: Limits = Limits { max_bytes: 1 << 20, max_age: Duration::from_secs(160), segment_bytes: 4096 };

/// A loss as a test compares it.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Told {
    key: Vec<u8>,
    why: Why,
    records: u64,
    lines: u64,
    bytes: u64,
    meta: Option<Vec<u8>>,
}

fn tell(told: &mut Vec<Told>) -> impl FnMut(Lost<'_>) {
    |lost| {
        let Lost { key, why, records, lines, bytes, meta } = lost;
        told.push(Told { key: key.into(), why, records, lines, bytes, meta: meta.map(Into::into) });
    }
}

fn nothing_lost(lost: Lost<'_>) {
    panic!("lost: {lost:?}");
}

fn open(folder: &Path) -> Spool {
    Spool::open(folder, LIMITS).unwrap().0
}

fn record<'a>(time_ms: i64, meta: &'a [u8], payload: &'a [u8]) -> Record<'a> {
    Record { time_ms, lines: 2, meta, payload }
}

fn append(spool: &mut Spool, key: &str, time_ms: i64, meta: &str, payload: &str) {
    spool.append(key.as_bytes(), record(time_ms, meta.as_bytes(), payload.as_bytes()), &mut nothing_lost).unwrap();
}

/// Takes out all of a lane: the metas.
fn drain(spool: &mut Spool, key: &str, lost: &mut dyn FnMut(Lost<'_>)) -> Vec<String> {
    let mut metas = Vec::new();
    while let Some(kept) = spool.front(key.as_bytes(), lost).unwrap() {
        metas.push(String::from_utf8(kept.meta).unwrap());
        assert!(spool.pop(key.as_bytes(), kept.place).unwrap());
    }
    metas
}

fn scan(spool: &Spool, key: &str) -> Vec<String> {
    let mut metas = Vec::new();
    spool.scan(key.as_bytes(), &mut |meta| metas.push(String::from_utf8(meta.to_vec()).unwrap())).unwrap();
    metas
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut files: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

fn size(folder: &Path) -> u64 {
    files(folder).iter().map(|path| fs::metadata(path).unwrap().len()).sum()
}

#[test]
fn lanes_are_kept_apart_and_in_order_over_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let mut spool = open(&folder.path().join("made/when/missing"));
    let path = spool.as_ref().to_owned();
    append(&mut spool, "a", 5, "a1", "one");
    append(&mut spool, "b", 3, "b1", "");
    append(&mut spool, "a", 7, "a2", "two");
    let front = spool.front(b"a", &mut nothing_lost).unwrap().unwrap();
    assert_eq!((front.time_ms, front.lines, &front.meta[..], &front.payload[..]), (5, 2, &b"a1"[..], &b"one"[..]));
    assert_eq!(spool.front(b"a", &mut nothing_lost).unwrap().unwrap(), front, "it stays until it is taken out");
    assert_eq!(spool.oldest_ms(), Some(3));
    assert!(spool.pop(b"a", front.place).unwrap());
    assert!(!spool.pop(b"a", front.place).unwrap(), "not twice, and not another one instead");

    let (mut spool, recovery) = Spool::open(&path, LIMITS).unwrap();
    assert_eq!(recovery, Recovery { lanes: 2, records: 2, ..Recovery::default() });
    let lanes: Vec<_> = spool.lanes().map(|lane| (lane.key, lane.records, lane.lines, lane.oldest_ms)).collect();
    assert_eq!(lanes, [(&b"a"[..], 1, 2, 7), (b"b", 1, 2, 3)]);
    assert_eq!(spool.lanes().map(|lane| lane.bytes).sum::<u64>(), spool.bytes());
    assert_eq!((spool.bytes(), spool.is_empty(b"a"), spool.is_empty(b"c")), (size(&path), false, true));
    assert_eq!(scan(&spool, "a"), ["a2"]);
    append(&mut spool, "a", 9, "a3", "three");
    assert_eq!(drain(&mut spool, "a", &mut nothing_lost), ["a2", "a3"]);
    assert_eq!(drain(&mut spool, "b", &mut nothing_lost), ["b1"]);
    assert_eq!((spool.bytes(), spool.oldest_ms(), files(&path)), (0, None, vec![]), "empty lanes leave nothing");
}

#[test]
fn a_lane_goes_on_in_another_file_by_size_and_by_age() {
    let folder = tempfile::tempdir().unwrap();
    let mut spool = open(folder.path());
    let text = "x".repeat(1000);
    let metas: Vec<_> = (0..8).map(|n| n.to_string()).collect();
    metas.iter().for_each(|meta| append(&mut spool, "a", 0, meta, &text));
    assert_eq!(files(folder.path()).len(), 3, "three records of a thousand bytes in each");
    append(&mut spool, "a", 10_000, "8", "");
    append(&mut spool, "a", 10_001, "9", "");
    assert_eq!(files(folder.path()).len(), 4, "a sixteenth of the age");
    let big = "y".repeat(10_000);
    append(&mut spool, "a", 10_001, "10", &big);
    assert_eq!(files(folder.path()).len(), 5, "a record above a segment has its own");
    let mut spool = open(folder.path());
    assert_eq!(drain(&mut spool, "a", &mut nothing_lost).len(), 11);
    assert!(files(folder.path()).is_empty());
}

#[test]
fn the_oldest_segment_of_all_makes_room_and_each_of_its_records_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let limits = Limits { max_bytes: 4096, segment_bytes: 500, ..LIMITS };
    let mut spool = Spool::open(folder.path(), limits).unwrap().0;
    let text = "x".repeat(100);
    let mut told = Vec::new();
    for (time, key) in (0..40).zip(["quiet", "loud", "loud", "loud"].iter().cycle()) {
        spool.append(key.as_bytes(), record(time, &[time as u8], text.as_bytes()), &mut tell(&mut told)).unwrap();
        assert!(spool.bytes() <= 4096 && spool.bytes() == size(folder.path()), "{}", spool.bytes());
    }
    assert!(!told.is_empty());
    for lost in &told {
        assert_eq!((lost.why, lost.records, lost.lines, lost.bytes), (Why::Space, 1, 2, 100));
    }
    let mut metas: Vec<u8> = told.iter().map(|lost| lost.meta.as_ref().unwrap()[0]).collect();
    assert!(told.iter().any(|lost| lost.key == b"quiet") && told.iter().any(|lost| lost.key == b"loud"));
    let youngest_lost = *metas.iter().max().unwrap();
    for key in ["quiet", "loud"] {
        spool.scan(key.as_bytes(), &mut |meta| metas.push(meta[0])).unwrap();
    }
    let oldest = spool.oldest_ms().unwrap();
    assert!(i64::from(youngest_lost) < oldest + 12, "{youngest_lost} went while {oldest} stayed");
    metas.sort_unstable();
    assert_eq!(metas, (0..40).collect::<Vec<u8>>(), "each is either kept or told, once");
}

#[test]
fn a_record_given_up_meanwhile_is_not_taken_out_in_the_name_of_another() {
    let folder = tempfile::tempdir().unwrap();
    let mut spool = open(folder.path());
    append(&mut spool, "a", 0, "old", "");
    append(&mut spool, "a", 11_000, "new", "");
    let sent = spool.front(b"a", &mut nothing_lost).unwrap().unwrap();
    let mut told = Vec::new();
    assert!(spool.give_up_oldest(&mut tell(&mut told)).unwrap());
    assert_eq!(told[0].meta.as_deref(), Some(&b"old"[..]));
    assert!(!spool.pop(b"a", sent.place).unwrap());
    assert_eq!(drain(&mut spool, "a", &mut nothing_lost), ["new"]);
    assert!(!spool.give_up_oldest(&mut nothing_lost).unwrap());
}

#[test]
fn age_takes_records_and_not_files() {
    let folder = tempfile::tempdir().unwrap();
    let mut spool = open(folder.path());
    for (time, meta) in [(0, "0"), (1000, "1"), (2000, "2"), (500, "late")] {
        append(&mut spool, "a", time, meta, "text");
    }
    append(&mut spool, "b", 0, "b", "text");
    spool.expire(160_000, &mut nothing_lost).unwrap();
    let mut told = Vec::new();
    spool.expire(161_001, &mut tell(&mut told)).unwrap();
    let told: Vec<_> = told.iter().map(|lost| (lost.why, lost.meta.as_deref().unwrap())).collect();
    assert_eq!(told, [(Why::Age, &b"0"[..]), (Why::Age, b"1"), (Why::Age, b"b")]);
    let mut spool = open(folder.path());
    assert_eq!(scan(&spool, "a"), ["2", "late"], "also after a restart; what is behind a younger one waits for it");
    assert_eq!(spool.oldest_ms(), Some(2000));
    spool.expire(i64::MAX, &mut |_| {}).unwrap();
    assert!(files(folder.path()).is_empty());
}

#[test]
fn a_lowered_limit_is_kept_at_the_next_expire() {
    let folder = tempfile::tempdir().unwrap();
    let mut spool = open(folder.path());
    let text = "x".repeat(1000);
    (0..20).for_each(|n| append(&mut spool, "a", n, &n.to_string(), &text));
    let (mut spool, _) = Spool::open(folder.path(), Limits { max_bytes: 9000, ..LIMITS }).unwrap();
    let mut told = Vec::new();
    spool.expire(0, &mut tell(&mut told)).unwrap();
    assert!(spool.bytes() <= 9000 && spool.bytes() == size(folder.path()));
    assert_eq!(told.len() + scan(&spool, "a").len(), 20);
}

#[test]
fn what_is_too_large_is_refused_and_nothing_else_suffers() {
    let folder = tempfile::tempdir().unwrap();
    let limits = Limits { max_bytes: 1000, ..LIMITS };
    let mut spool = Spool::open(folder.path(), limits).unwrap().0;
    append(&mut spool, "a", 0, "kept", "");
    let long_key = vec![b'k'; MAX_KEY + 1];
    let (meta, payload) = (vec![0; MAX_META + 1], vec![0; 1000]);
    assert!(matches!(spool.append(&long_key, record(0, b"", b""), &mut nothing_lost), Err(SpoolError::Key(4097))));
    assert!(matches!(spool.append(b"a", record(0, &meta, b""), &mut nothing_lost), Err(SpoolError::Record(_))));
    let error = spool.append(b"a", record(0, b"", &payload), &mut nothing_lost).unwrap_err();
    assert_eq!(error.to_string(), "a record of 1040 bytes is larger than the spool takes");
    assert_eq!(drain(&mut spool, "a", &mut nothing_lost), ["kept"]);
}

#[test]
fn keys_beyond_the_ceiling_are_refused_while_known_ones_go_on() {
    let folder = tempfile::tempdir().unwrap();
    let mut spool = Spool::open(folder.path(), Limits { max_bytes: 1 << 30, ..LIMITS }).unwrap().0;
    let key = |n: usize| [&n.to_le_bytes()[..], &[0; MAX_KEY - 8]].concat();
    let fit = MAX_KEYS / MAX_KEY;
    for n in 0..fit {
        spool.append(&key(n), record(0, b"", b""), &mut nothing_lost).unwrap();
    }
    let refused = spool.append(&key(fit), record(0, b"", b""), &mut nothing_lost).unwrap_err();
    assert_eq!(refused.to_string(), format!("the spool has {fit} lanes and takes no more"));
    spool.append(&key(0), record(0, b"", b""), &mut nothing_lost).unwrap();
    (0..2).for_each(|_| assert!(spool.give_up_oldest(&mut |_| {}).unwrap()));
    spool.append(&key(fit), record(0, b"", b""), &mut nothing_lost).unwrap();
}
