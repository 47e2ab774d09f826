//! The journal through everything that can happen to its file.

use std::fs;

use proptest::prelude::*;
use rustix::io::Errno;

use super::*;
use crate::delivery::disk::faults::Fault;

fn open(path: &Path) -> (Journal, Found) {
    Journal::open(path).unwrap()
}

fn all(journal: &Journal) -> Vec<(&str, &str)> {
    let text = |bytes| std::str::from_utf8(bytes).unwrap();
    journal.iter().map(|(key, value)| (text(key), text(value))).collect()
}

fn path(folder: &tempfile::TempDir) -> PathBuf {
    folder.path().join("made/cursors")
}

#[test]
fn what_was_put_is_there_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let path = path(&folder);
    let (mut journal, found) = open(&path);
    assert_eq!(found, Found::default());
    journal.remove(b"never there").unwrap();
    assert!(!path.exists(), "nothing to write yet");
    journal.put_all(&[(b"a", b"1"), (b"b", b"2"), (b"a", b"3")]).unwrap();
    journal.put_all(&[(b"c", b"")]).unwrap();
    journal.remove(b"b").unwrap();
    journal.sync().unwrap();
    let (journal, found) = open(&path);
    assert_eq!(all(&journal), [("a", "3"), ("c", "")]);
    assert_eq!(found, Found { entries: 2, ..Found::default() });
    assert_eq!((journal.get(b"a"), journal.get(b"b")), (Some(&b"3"[..]), None));
    assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 1, "nothing is left beside it");
}

#[test]
fn a_file_torn_at_any_byte_keeps_what_stands_before() {
    let folder = tempfile::tempdir().unwrap();
    let path = path(&folder);
    let (mut journal, _) = open(&path);
    let mut ends = Vec::new();
    for key in ["a", "b", "c"] {
        journal.put_all(&[(key.as_bytes(), b"value")]).unwrap();
        ends.push(usize::try_from(fs::metadata(&path).unwrap().len()).unwrap());
    }
    let whole = fs::read(&path).unwrap();
    for length in 0..=whole.len() {
        fs::write(&path, &whole[..length]).unwrap();
        let (mut journal, found) = open(&path);
        let kept = ends.iter().filter(|end| **end <= length).count();
        assert_eq!((found.entries, found.damaged_bytes, found.aside), (kept, 0, None), "{length}");
        journal.put_all(&[(b"next", b"value")]).unwrap();
        let (journal, found) = open(&path);
        assert_eq!((journal.iter().count(), found.torn_bytes), (kept + 1, 0), "{length}: written whole again");
    }
}

#[test]
fn behind_garbage_nothing_is_believed() {
    let folder = tempfile::tempdir().unwrap();
    let path = path(&folder);
    let (mut journal, _) = open(&path);
    journal.put_all(&[(b"a", b"1"), (b"b", b"2"), (b"c", b"3")]).unwrap();
    let mut bytes = fs::read(&path).unwrap();
    let entry = 14;
    bytes[8 + entry + 13] ^= 1;
    fs::write(&path, &bytes).unwrap();
    let (mut journal, found) = open(&path);
    assert_eq!(found, Found { entries: 1, damaged_bytes: 2 * entry as u64, ..Found::default() });
    journal.put_all(&[(b"d", b"4")]).unwrap();
    assert_eq!(all(&open(&path).0), [("a", "1"), ("d", "4")]);
}

#[test]
fn what_is_no_journal_of_this_version_is_set_aside() {
    for (bytes, suffix) in [(&b"spyhopJ\x02whatever"[..], ".v2"), (b"{\"a\": 1}", ".damaged"), (&[0; 100], ".damaged")]
    {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("cursors");
        fs::write(&path, bytes).unwrap();
        let (mut journal, found) = open(&path);
        assert_eq!(found.aside, Some(beside(&path, suffix)));
        assert_eq!(fs::read(beside(&path, suffix)).unwrap(), bytes);
        journal.put_all(&[(b"a", b"1")]).unwrap();
        assert_eq!(all(&open(&path).0), [("a", "1")]);
    }
    let folder = tempfile::tempdir().unwrap();
    let error = Journal::open(folder.path()).unwrap_err();
    assert!(error.to_string().starts_with("open /"), "{error}");
}

#[test]
fn a_file_does_not_grow_beyond_twice_what_is_alive() {
    let folder = tempfile::tempdir().unwrap();
    let path = path(&folder);
    let (mut journal, _) = open(&path);
    let value = [7; 1000];
    let keys: Vec<[u8; 1]> = (0..200).map(|n| [n]).collect();
    let changes: Vec<(&[u8], &[u8])> = keys.iter().map(|key| (&key[..], &value[..])).collect();
    for _ in 0..5 {
        journal.put_all(&changes).unwrap();
        let length = fs::metadata(&path).unwrap().len();
        assert!(length <= 2 * journal.live + FLOOR && journal.length == Some(length), "{length}");
    }
    keys.iter().for_each(|key| journal.remove(key).unwrap());
    assert!(fs::metadata(&path).unwrap().len() <= 2 * FLOOR);
    assert_eq!((journal.live, open(&path).0.iter().count()), (0, 0));
}

#[test]
fn too_much_is_refused_as_a_whole() {
    let folder = tempfile::tempdir().unwrap();
    let (mut journal, _) = open(&path(&folder));
    let (key, value) = (vec![0; MAX_KEY + 1], vec![0; MAX_VALUE + 1]);
    for change in [(&key[..], &b""[..]), (b"k", &value[..])] {
        let error = journal.put_all(&[(b"good", b"1"), change]).unwrap_err();
        assert!(matches!(error, JournalError::Entry(_)), "{error}");
    }
    let value = vec![0; MAX_VALUE];
    let keys: Vec<[u8; 2]> = (0..256_u16).map(u16::to_le_bytes).collect();
    let changes: Vec<(&[u8], &[u8])> = keys.iter().map(|key| (&key[..], &value[..])).collect();
    assert!(matches!(journal.put_all(&changes), Err(JournalError::Full(0))));
    assert_eq!((journal.iter().count(), journal.live), (0, 0));
}

#[test]
fn somebody_elses_hands_in_the_file_are_healed() {
    let folder = tempfile::tempdir().unwrap();
    let path = path(&folder);
    let (mut journal, _) = open(&path);
    journal.put_all(&[(b"a", b"1")]).unwrap();
    for (number, harm) in ["removed", "cut off", "longer"].iter().enumerate() {
        match *harm {
            "removed" => fs::remove_dir_all(path.parent().unwrap()).unwrap(),
            "cut off" => fs::write(&path, b"").unwrap(),
            _ => fs::write(&path, [1; 500]).unwrap(),
        }
        let key = [b'b' + u8::try_from(number).unwrap()];
        journal.put_all(&[(&key, b"2")]).unwrap();
        let (read, found) = open(&path);
        assert_eq!((read.entries, found.torn_bytes + found.damaged_bytes), (journal.entries.clone(), 0), "{harm}");
    }
}

fn changes() -> impl Strategy<Value = Vec<(u8, Option<Vec<u8>>)>> {
    let value = proptest::option::of(proptest::collection::vec(any::<u8>(), 0..20_000));
    proptest::collection::vec((0..4_u8, value), 1..40)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Every change but the one at which the disk failed is there afterwards; with a process that died there, that one may be missing.
    #[test]
    fn it_is_a_map_on_a_disk_that_fails_or_a_process_that_dies(
        changes in changes(), at in 0..60_usize, part in any::<u8>(), dies in any::<bool>(), lasting in any::<bool>(),
    ) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("cursors");
        let (mut journal, _) = open(&path);
        journal.disk.faults.plan(Some(Fault { at, error: Errno::NOSPC, part, lasting: lasting || dies }));
        let (mut model, mut before) = (Map::new(), Map::new());
        for (key, value) in &changes {
            before = model.clone();
            let done = match value {
                Some(value) => {
                    model.insert([*key].into(), value[..].into());
                    journal.put_all(&[(&[*key], value)])
                }
                None => {
                    model.remove(&[*key][..]);
                    journal.remove(&[*key])
                }
            };
            prop_assert_eq!(&journal.entries, &model, "memory goes on");
            prop_assert!(done.is_ok() || journal.disk.faults.struck());
            if dies && journal.disk.faults.struck() {
                break;
            }
        }
        if !dies {
            journal.disk.faults.plan(None);
            journal.sync().unwrap();
            before = model.clone();
        }
        let (read, found) = open(&path);
        prop_assert!(read.entries == model || (journal.disk.faults.struck() && read.entries == before));
        prop_assert_eq!((found.damaged_bytes, found.aside), (0, None));
    }
}
