//! The state file through everything that can happen to a file.

use jiff::Timestamp;

use super::*;
use crate::{
    inventory::{
        ledger::{Ledger, PendingEnd},
        saved::SavedContainer,
        service::Service,
    },
    model::{ContainerId, HealthStatus, ServiceCounters, ServiceKey},
};

const NEW: &str = "state.json.new";

fn saved() -> Saved {
    let at = |second| Some(Timestamp::from_second(second).unwrap());
    let key = ServiceKey { project: "shop".into(), service: "web \"1\"\n".into() };
    let counters = ServiceCounters { starts: 7, exits: [1, 2, 3, 4], health_passed: 9, ..ServiceCounters::default() };
    let service = Service { counters, expected: 2, gone_since: at(5), ..Service::default() };
    let ledger = Ledger {
        started: at(1),
        ended: at(2),
        health: Some(HealthStatus::Unhealthy),
        restart_count: 3,
        stopped: true,
        last_exit: Some(-1),
        pending: Some(PendingEnd { exit_code: None }),
        ..Ledger::default()
    };
    let container = SavedContainer { id: ContainerId::new("abc"), key: key.clone(), one_off: true, ledger };
    Saved { last_event: at(9), listed_at: at(8), services: vec![(key, service)], containers: vec![container] }
}

fn store(folder: &Path) -> (Store, Metrics) {
    let metrics = Metrics::default();
    (Store::open(Some(folder), metrics.clone()), metrics)
}

fn writes(metrics: &Metrics, outcome: &str) -> bool {
    let mut page = String::new();
    prometheus_client::encoding::text::encode(&mut page, metrics.registry()).unwrap();
    page.contains(&format!("spyhop_state_writes_total{{outcome=\"{outcome}\"}} 1"))
}

#[test]
fn what_was_written_is_read_back() {
    let folder = tempfile::tempdir().unwrap();
    let (store, metrics) = store(folder.path());
    assert_eq!(store.load(), Saved::default());
    store.write(&saved());
    assert_eq!(store.load(), saved());
    assert!(writes(&metrics, "ok"));
    let names: Vec<_> = fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(names, [NAME], "nothing is left beside it");
}

#[test]
fn a_file_that_cannot_be_understood_is_set_aside() {
    let whole = serde_json::to_vec(&Document::from(&saved())).unwrap();
    let half = whole.get(..whole.len() / 2).unwrap();
    for bytes in [b"".as_slice(), b"{", half, b"{\"format\":2}", b"\xff\xfe", b"{\"format\":1}"] {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join(NAME), bytes).unwrap();
        let (store, _) = store(folder.path());
        assert_eq!(store.load(), Saved::default());
        assert_eq!(fs::read(folder.path().join(CORRUPT)).unwrap(), bytes);
        store.write(&saved());
        assert_eq!(store.load(), saved());
    }
}

#[test]
fn any_byte_that_was_lost_or_changed_is_noticed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(NAME);
    let (store, _) = store(folder.path());
    store.write(&saved());
    let whole = fs::read(&path).unwrap();
    for at in 0..whole.len() {
        fs::write(&path, whole.get(..at).unwrap()).unwrap();
        assert_eq!(store.load(), Saved::default(), "cut off after {at} bytes");
        let mut flipped = whole.clone();
        *flipped.get_mut(at).unwrap() ^= 1;
        fs::write(&path, flipped).unwrap();
        assert_eq!(store.load(), Saved::default(), "bit flipped in byte {at}");
    }
}

#[test]
fn a_full_inventory_stays_below_the_ceiling() {
    let mut state = saved();
    let row = state.containers.pop().unwrap();
    let (key, service) = state.services.pop().unwrap();
    for number in 0..10_000 {
        let key =
            ServiceKey { project: "p".repeat(255).into(), service: format!("{number}{:0>250}", key.service).into() };
        state.services.push((key.clone(), service.clone()));
        let id = ContainerId::new(format!("{number:064x}"));
        state.containers.push(SavedContainer { id, key, ..row.clone() });
    }
    let folder = tempfile::tempdir().unwrap();
    let (store, _) = store(folder.path());
    store.write(&state);
    assert_eq!(store.load(), state);
    let length = fs::metadata(folder.path().join(NAME)).unwrap().len();
    assert!(length < CEILING / 2, "{length} bytes");
}

#[test]
fn a_death_between_writing_and_renaming_leaves_the_old_file() {
    let folder = tempfile::tempdir().unwrap();
    let (store, _) = store(folder.path());
    store.write(&saved());
    fs::write(folder.path().join(NEW), b"{\"format\":1,\"serv").unwrap();
    assert_eq!(store.load(), saved());
    store.write(&Saved::default());
    assert_eq!(store.load(), Saved::default());
}

#[test]
fn a_folder_that_cannot_be_written_is_counted_and_said_once() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let (store, metrics) = store(&file.path().join("below/a/file"));
    assert_eq!(store.load(), Saved::default());
    store.write(&saved());
    assert!(writes(&metrics, "error") && store.complained.load(Ordering::Relaxed));
}

#[test]
fn a_full_disk_keeps_the_old_file() {
    let folder = tempfile::tempdir().unwrap();
    let (store, metrics) = store(folder.path());
    store.write(&saved());
    // Everything written through this link meets a full disk.
    std::os::unix::fs::symlink("/dev/full", folder.path().join(NEW)).unwrap();
    store.write(&Saved::default());
    assert!(writes(&metrics, "error"));
    assert_eq!(store.load(), saved());
    store.write(&Saved::default());
    assert_eq!(store.load(), Saved::default(), "the next attempt is not in its own way");
}

#[test]
fn what_is_no_file_is_not_waited_for() {
    let folder = tempfile::tempdir().unwrap();
    let (store, _) = store(folder.path());
    let path = folder.path().join(NAME);
    let mode = rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR;
    rustix::fs::mkfifoat(rustix::fs::CWD, &path, mode).unwrap();
    assert_eq!(store.load(), Saved::default());
    store.write(&saved());
    assert_eq!(store.load(), saved(), "a file takes its place");
    fs::remove_file(&path).unwrap();
    fs::create_dir(&path).unwrap();
    assert_eq!(store.load(), Saved::default());
    std::os::unix::fs::symlink("/dev/zero", folder.path().join("endless")).unwrap();
    fs::remove_dir(&path).unwrap();
    fs::rename(folder.path().join("endless"), &path).unwrap();
    assert_eq!(store.load(), Saved::default());
}

#[test]
fn without_a_folder_nothing_is_kept() {
    let metrics = Metrics::default();
    let store = Store::open(None, metrics.clone());
    store.write(&saved());
    assert_eq!(store.load(), Saved::default());
    assert!(!writes(&metrics, "ok") && !writes(&metrics, "error"));
}
