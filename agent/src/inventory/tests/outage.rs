//! The task over a scripted engine that is not well, and over its own restart.

use std::{sync::atomic::Ordering, time::Duration};

use super::{
    running::{Running, refused_events, state},
    script::{Mode, Script},
};
use crate::{
    inventory::Snapshot,
    model::{ContainerState, EventKind, RestartPolicy},
};

#[tokio::test(start_paused = true)]
async fn an_engine_that_is_gone_leaves_everything_as_it_was_and_is_asked_once_a_second_at_most() {
    let script = Script::new();
    let id = script.act(|model| {
        let id = model.create("web", RestartPolicy::No, false);
        model.start(&id, 1_000);
        id
    });
    let running = Running::start(&script);
    running.ready().await;
    script.turn(Mode::Gone);
    running.until(Duration::from_secs(1), "trouble", |s| !s.engine.connected && s.engine.trouble.is_some()).await;
    let heard = running.reader.load().engine.heard_at;
    script.act(|model| model.die(&id, 3, false, 1_000));
    tokio::time::sleep(Duration::from_secs(300)).await;
    let snapshot = running.reader.load();
    assert_eq!(state(&snapshot, &id), Some(ContainerState::Running), "as last heard");
    assert_eq!(snapshot.engine.heard_at, heard);
    assert!(snapshot.engine.ready_since.is_some());
    let attempts = script.lock().attempts.clone();
    assert!(attempts.len() > 10);
    assert!(attempts.windows(2).all(|pair| pair[1] - pair[0] >= Duration::from_secs(1)));

    script.turn(Mode::Up);
    running.ready().await;
    let snapshot = running.reader.load();
    assert_eq!(state(&snapshot, &id), Some(ContainerState::Exited));
    assert_eq!(snapshot.engine.trouble, None);
    assert_eq!(running.counters("web").exits, [0, 1, 0, 0]);
    assert_eq!(running.metrics.engine_reconnects.get(), 1);
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_hanging_engine_is_noticed() {
    let script = Script::new();
    let running = Running::start(&script);
    running.ready().await;
    script.turn(Mode::Hung);
    running.until(Duration::from_secs(16), "trouble", |s| !s.engine.connected).await;
    assert!(running.reader.load().engine.trouble.as_deref().unwrap().contains("no answer"));
    script.turn(Mode::Up);
    running.ready().await;
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn an_engine_that_hangs_while_a_gap_is_closed_does_not_pass_for_an_empty_one() {
    let script = Script::new();
    let id = script.act(|model| model.create("web", RestartPolicy::No, false));
    script.lock().latency = Duration::from_secs(2);
    let running = Running::start(&script);
    tokio::time::sleep(Duration::from_secs(1)).await;
    script.turn(Mode::Hung);
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert!(running.reader.load().engine.ready_since.is_none());
    script.turn(Mode::Up);
    running.ready().await;
    assert!(running.reader.load().container(&id).is_some());
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_quiet_engine_is_asked_for_a_sign_of_life_and_nothing_else_changes() {
    let script = Script::new();
    let running = Running::start(&script);
    running.ready().await;
    tokio::time::sleep(Duration::from_secs(10)).await;
    let (before, pictures) = (running.reader.load(), running.pictures.load(Ordering::Relaxed));
    tokio::time::sleep(Duration::from_secs(60)).await;
    let after = running.reader.load();
    assert!(after.engine.heard_at > before.engine.heard_at);
    assert_eq!(after.generation, before.generation);
    assert_eq!(running.pictures.load(Ordering::Relaxed), pictures, "nobody is told of a heartbeat");
    let age = script.lock().model.now().duration_since(after.engine.heard_at.unwrap());
    assert!(age.as_secs() <= 11, "{age:?}");
    assert!(script.lock().pings >= 5);
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_storm_while_catching_up_is_refused_counted_and_reconciled() {
    let script = Script::new();
    let id = script.act(|model| model.create("web", RestartPolicy::No, false));
    script.lock().latency = Duration::from_secs(1);
    let running = Running::start(&script);
    tokio::time::sleep(Duration::from_millis(500)).await;
    script.act(|model| {
        for _ in 0..5000 {
            model.log(&id, EventKind::Changed(id.clone()), 1_000);
        }
        model.start(&id, 1_000);
    });
    running.ready().await;
    assert!(refused_events(&running.metrics));
    assert!(running.metrics.reconciliations.get() >= 2);
    running.until(Duration::from_secs(60), "running", |s| state(s, &id) == Some(ContainerState::Running)).await;
    assert_eq!(running.counters("web").starts, 1);
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn counters_go_on_after_a_restart_of_the_agent() {
    let folder = tempfile::tempdir().unwrap();
    let script = Script::new();
    let running = Running::start_with(&script, Some(folder.path().to_owned()));
    running.ready().await;
    let id = script.act(|model| {
        let id = model.create("web", RestartPolicy::OnFailure(None), false);
        model.start(&id, 1_000);
        id
    });
    running.until(Duration::from_secs(1), "running", |s| state(s, &id) == Some(ContainerState::Running)).await;
    running.stop().await;
    script.act(|model| {
        model.die(&id, 1, false, 1_000);
        model.start(&id, 1_000);
        model.die(&id, 137, true, 1_000);
    });
    tokio::time::sleep(Duration::from_secs(5)).await;
    let running = Running::start_with(&script, Some(folder.path().to_owned()));
    running.ready().await;
    let counters = running.counters("web");
    assert_eq!((counters.starts, counters.restarts, counters.exits, counters.oom_kills), (2, 1, [0, 1, 0, 1], 1));
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_state_folder_that_cannot_be_written_costs_the_file_only() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    std::fs::write(&file, "").unwrap();
    let script = Script::new();
    let running = Running::start_with(&script, Some(file.join("state")));
    running.ready().await;
    script.act(|model| {
        let id = model.create("web", RestartPolicy::No, false);
        model.start(&id, 1_000);
    });
    running.until(Duration::from_secs(1), "counted", |s| s.services.iter().any(|e| e.counters.starts == 1)).await;
    tokio::time::sleep(Duration::from_secs(60)).await;
    let mut text = String::new();
    prometheus_client::encoding::text::encode(&mut text, running.metrics.registry()).unwrap();
    assert!(text.contains("spyhop_state_writes_total{outcome=\"error\"}"), "{text}");
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_lost_event_is_made_good_by_the_list() {
    let script = Script::new();
    let doomed = script.act(|model| model.create("old", RestartPolicy::No, false));
    let running = Running::start(&script);
    running.ready().await;
    // Nothing is logged: the engine dropped it for a slow reader.
    let fresh = script.act(|model| {
        model.containers.remove(&doomed);
        let length = model.log.len();
        let id = model.create("new", RestartPolicy::No, false);
        model.start(&id, 1_000);
        model.log.truncate(length);
        id
    });
    let seen = |s: &Snapshot| s.container(&fresh).is_some() && s.container(&doomed).is_none();
    running.until(Duration::from_secs(310), "list", seen).await;
    assert_eq!(running.counters("new").starts, 1, "nobody else can have told of it");
    running.stop().await;
}

/// Podman keeps its events in a file and changes it when it is full: what is told about that time is lost or told twice.
#[tokio::test(start_paused = true)]
async fn events_that_are_turned_over_are_neither_lost_nor_counted_twice() {
    let script = Script::new();
    let running = Running::start(&script);
    running.ready().await;
    let id = script.act(|model| model.create("web", RestartPolicy::No, true));
    for round in 0..4 {
        // More than what passes for a clock set back.
        for _ in 0..5 {
            script.act(|model| model.start(&id, 1_000));
            tokio::time::sleep(Duration::from_secs(60)).await;
            script.act(|model| model.die(&id, 1, false, 1_000));
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
        script.act(|model| {
            model.deaf = true;
            model.start(&id, 1_000);
            model.die(&id, 3, false, 1_000);
            model.start(&id, 1_000);
        });
        tokio::time::sleep(Duration::from_millis(200)).await;
        assert_eq!(state(&running.reader.load(), &id), Some(ContainerState::Exited), "nobody told of it");
        let attempts = script.lock().attempts.len();
        script.act(|model| model.turn_over(round % 2 == 0));
        let seen = |s: &Snapshot| state(s, &id) == Some(ContainerState::Running);
        running.until(Duration::from_secs(1), "what was not told", seen).await;
        let truth = script.lock().model.truth.clone();
        for (key, counters) in truth {
            assert_eq!(running.counters(&key.service), counters, "round {round}");
        }
        assert_eq!(script.lock().attempts.len(), attempts, "the engine is not taken for one that went away");
        script.act(|model| model.die(&id, 1, false, 1_000));
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    running.stop().await;
}
