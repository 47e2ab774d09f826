//! Clocks that jump while the engine is heard: nothing is lost and nothing counted twice, whichever clock it is.

use std::time::Duration;

use super::{
    running::{Running, state},
    script::Script,
};
use crate::model::{ContainerId, ContainerState, RestartPolicy, ServiceCounters};

const HOUR: i64 = 3_600;

/// A container that lives and one that has ended, both with checks, seen from their beginnings.
async fn two_containers(script: &Script, running: &Running) -> (ContainerId, ContainerId) {
    running.ready().await;
    let ids = ["lives", "ended"].map(|name| {
        script.act(|model| {
            let id = model.create(name, RestartPolicy::No, true);
            model.start(&id, 1_000);
            id
        })
    });
    for _ in 0..6 {
        tokio::time::sleep(Duration::from_secs(10)).await;
        script.act(|model| ids.iter().for_each(|id| model.check(id, 0)));
    }
    let [lives, ended] = ids;
    script.act(|model| model.die(&ended, 3, false, 1_000));
    tokio::time::sleep(Duration::from_secs(45)).await;
    (lives, ended)
}

fn truth_is_told(script: &Script, running: &Running) {
    let truth = script.lock().model.truth.clone();
    for (key, counters) in truth {
        // The model does not measure how long something took; with a clock that jumps nobody can.
        let told = running.counters(&key.service);
        let told = ServiceCounters { startup: counters.startup, failover: counters.failover, ..told };
        assert_eq!(told, counters, "{}", key.service);
    }
}

/// The engine's clock goes back by three hours; the agent's own with it, or not.
async fn set_back(apart: i64) {
    let script = Script::new();
    script.lock().apart = apart;
    let running = Running::start(&script);
    let (lives, ended) = two_containers(&script, &running).await;
    truth_is_told(&script, &running);

    script.set_clock(-3 * HOUR);
    if apart != 0 {
        script.lock().apart += 3 * HOUR * 1_000_000_000;
    }
    script.act(|model| model.start(&ended, 1_000));
    running.until(Duration::from_secs(1), "running again", |s| state(s, &ended) == Some(ContainerState::Running)).await;
    truth_is_told(&script, &running);
    // Long after the old times have come round again: what was counted then is not counted now.
    for minute in 0..240 {
        tokio::time::sleep(Duration::from_secs(60)).await;
        script.act(|model| model.check(&lives, i64::from(minute % 7 == 0)));
    }
    script.act(|model| model.die(&lives, 1, false, 1_000));
    tokio::time::sleep(Duration::from_secs(60)).await;
    truth_is_told(&script, &running);
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn one_clock_for_both_set_back() {
    set_back(0).await;
}

#[tokio::test(start_paused = true)]
async fn the_engines_own_clock_set_back() {
    set_back(7_000_000_000).await;
}

#[tokio::test(start_paused = true)]
async fn a_clock_set_back_before_anything_happened_is_noticed_by_asking() {
    let script = Script::new();
    let running = Running::start(&script);
    let (lives, _) = two_containers(&script, &running).await;
    script.set_clock(-HOUR);
    // No event tells; the engine is asked now and then.
    tokio::time::sleep(Duration::from_secs(400)).await;
    script.act(|model| model.die(&lives, 0, false, 1_000));
    tokio::time::sleep(Duration::from_secs(60)).await;
    truth_is_told(&script, &running);
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_clock_set_forward_loses_nothing() {
    let script = Script::new();
    let running = Running::start(&script);
    let (lives, ended) = two_containers(&script, &running).await;
    script.set_clock(5 * HOUR);
    script.act(|model| model.start(&ended, 1_000));
    tokio::time::sleep(Duration::from_secs(400)).await;
    script.act(|model| model.die(&lives, 0, false, 1_000));
    tokio::time::sleep(Duration::from_secs(60)).await;
    truth_is_told(&script, &running);
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn the_agents_own_clock_may_jump_either_way() {
    for by in [-2 * HOUR, 2 * HOUR] {
        let script = Script::new();
        let running = Running::start(&script);
        let (lives, ended) = two_containers(&script, &running).await;
        script.lock().apart = by * 1_000_000_000;
        script.act(|model| model.start(&ended, 1_000));
        tokio::time::sleep(Duration::from_secs(700)).await;
        script.act(|model| model.die(&lives, 0, false, 1_000));
        tokio::time::sleep(Duration::from_secs(60)).await;
        truth_is_told(&script, &running);
        running.stop().await;
    }
}

#[tokio::test(start_paused = true)]
async fn an_event_from_another_age_harms_no_count() {
    let script = Script::new();
    let running = Running::start(&script);
    let (lives, ended) = two_containers(&script, &running).await;
    for age in [-40 * 365 * 24 * HOUR, 100 * 365 * 24 * HOUR] {
        script.act(|model| {
            let clock = model.clock;
            model.clock += age * 1_000_000_000;
            model.log(&lives, crate::model::EventKind::Changed(lives.clone()), 0);
            model.clock = clock;
        });
        tokio::time::sleep(Duration::from_secs(30)).await;
        script.act(|model| model.start(&ended, 1_000));
        tokio::time::sleep(Duration::from_secs(5)).await;
        script.act(|model| model.die(&ended, 4, false, 1_000));
        tokio::time::sleep(Duration::from_secs(600)).await;
        truth_is_told(&script, &running);
    }
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn an_engine_that_never_tells_about_itself_is_followed_all_the_same() {
    let script = Script::new();
    script.lock().mute = true;
    let running = Running::start(&script);
    let (lives, _) = two_containers(&script, &running).await;
    script.act(|model| model.die(&lives, 0, false, 1_000));
    tokio::time::sleep(Duration::from_secs(60)).await;
    truth_is_told(&script, &running);
    assert!(running.reader.load().engine.connected);
    assert_eq!(running.reader.load().engine.info, None);
    script.lock().mute = false;
    running.until(Duration::from_secs(30), "its name", |s| s.host.as_deref() == Some("model")).await;
    running.stop().await;
}
