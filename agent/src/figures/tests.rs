//! Who is asked for, how often, and how many at a time.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use jiff::Timestamp;

use super::{
    AT_ONCE, Board, STALE_AFTER,
    watch::{Rounds, Source},
};
use crate::{
    engine::{self, Request},
    inventory::{EngineStatus, Entry, Reader, Snapshot},
    model::{Container, ContainerId, ContainerSample, ContainerState, Labels},
    telemetry::EngineCall,
};

#[derive(Default)]
struct Script {
    asked: Mutex<Vec<ContainerId>>,
    now: AtomicUsize,
    most: AtomicUsize,
    fails: bool,
}

impl Source for Script {
    async fn stats(&self, id: &ContainerId) -> Result<Option<ContainerSample>, engine::Error> {
        self.asked.lock().unwrap().push(id.clone());
        self.most.fetch_max(self.now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
        tokio::task::yield_now().await;
        self.now.fetch_sub(1, Ordering::SeqCst);
        match self.fails {
            true => Err(engine::Error::Timeout { request: Request::from(EngineCall::Stats), after: Duration::ZERO }),
            false => Ok(Some(ContainerSample::default())),
        }
    }
}

fn entry(name: &str, state: ContainerState) -> Arc<Entry> {
    let container = Container {
        image: "image:1".into(),
        state,
        pid: (state == ContainerState::Running).then_some(7),
        started_at: Timestamp::from_second(1_700_000_000).ok(),
        ..Container::bare(name, name, Labels::default())
    };
    Arc::new(Entry::bare(container, Timestamp::UNIX_EPOCH))
}

fn reader(containers: Vec<Arc<Entry>>, connected: bool) -> Reader {
    let engine = EngineStatus { connected, ..EngineStatus::default() };
    let reader = Reader::new();
    reader.publish(Snapshot { containers, engine, ..Snapshot::default() });
    reader
}

fn crowd(count: usize) -> Vec<Arc<Entry>> {
    (0..count).map(|n| entry(&format!("c{n}"), ContainerState::Running)).collect()
}

const HOUR: Duration = Duration::from_secs(3600);

#[tokio::test]
async fn who_runs_is_asked_for_once_an_interval_and_a_few_at_a_time() {
    let board = Board::new(HOUR);
    board.look(&ContainerId::new("c0"), None);
    let mut containers = crowd(50);
    containers.push(entry("ended", ContainerState::Exited));
    let (reader, script, mut rounds) = (reader(containers, true), Script::default(), Rounds::new(board.clone()));
    for _ in 0..3 {
        rounds.run(&script, &reader).await;
    }
    assert_eq!(script.asked.lock().unwrap().len(), 50);
    assert!(script.most.load(Ordering::SeqCst) <= AT_ONCE);
    let started = Timestamp::from_second(1_700_000_000).ok();
    assert!(board.look(&ContainerId::new("c7"), started).is_some());
    assert!(board.look(&ContainerId::new("c7"), None).is_none(), "figures of another run");
    assert!(board.look(&ContainerId::new("ended"), started).is_none());
}

#[tokio::test]
async fn who_has_gone_is_forgotten_and_asked_for_no_more() {
    let board = Board::new(HOUR);
    let (script, mut rounds) = (Script::default(), Rounds::new(board.clone()));
    board.look(&ContainerId::new("c0"), None);
    rounds.run(&script, &reader(crowd(2), true)).await;
    rounds.run(&script, &reader(Vec::new(), true)).await;
    assert!(board.is_empty());
    assert_eq!(script.asked.lock().unwrap().len(), 2);
}

#[tokio::test]
async fn nobody_is_asked_while_nobody_looks_or_the_engine_is_away() {
    let board = Board::new(HOUR);
    let (script, mut rounds) = (Script::default(), Rounds::new(board.clone()));
    rounds.run(&script, &reader(crowd(2), true)).await;
    board.look(&ContainerId::new("c0"), None);
    rounds.run(&script, &reader(crowd(2), false)).await;
    assert!(script.asked.lock().unwrap().is_empty());
    rounds.run(&script, &reader(crowd(2), true)).await;
    assert_eq!(script.asked.lock().unwrap().len(), 2);
}

#[tokio::test]
async fn old_figures_are_not_shown() {
    let interval = Duration::from_millis(5);
    let board = Board::new(interval);
    let (id, started) = (ContainerId::new("c0"), Timestamp::from_second(1_700_000_000).ok());
    board.look(&id, None);
    let mut rounds = Rounds::new(board.clone());
    rounds.run(&Script::default(), &reader(crowd(1), true)).await;
    // A failed question takes nothing away; age does.
    rounds.run(&Script { fails: true, ..Script::default() }, &reader(crowd(1), true)).await;
    let begun = std::time::Instant::now();
    while board.look(&id, started).is_some() {
        assert!(begun.elapsed() < Duration::from_secs(10), "shown for ever");
        tokio::time::sleep(interval).await;
    }
    assert!(begun.elapsed() <= Duration::from_secs(10) && STALE_AFTER > 1);
}
