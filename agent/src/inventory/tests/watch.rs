//! The task over a scripted engine that is well, under paused time: what readers see, and when.

use std::{sync::atomic::Ordering, time::Duration};

use tokio::time::Instant;

use super::{
    running::{Running, state},
    script::Script,
};
use crate::{
    inventory::Snapshot,
    model::{ContainerState, HealthStatus, RestartPolicy, ServiceCounters},
};

#[tokio::test(start_paused = true)]
async fn what_ran_before_is_seen_and_not_counted() {
    let script = Script::new();
    let id = script.act(|model| {
        let id = model.create("web", RestartPolicy::No, false);
        model.start(&id, 1_000);
        id
    });
    tokio::time::advance(Duration::from_secs(100)).await;
    let running = Running::start(&script);
    running.ready().await;
    running
        .until(Duration::from_secs(1), "image", |s| s.container(&id).is_some_and(|e| e.image_created.is_some()))
        .await;
    let snapshot = running.reader.load();
    assert_eq!(state(&snapshot, &id), Some(ContainerState::Running));
    assert_eq!(snapshot.host.as_deref(), Some("model"));
    assert_eq!(snapshot.networks.len(), 1);
    let service = &snapshot.services[0];
    assert_eq!((service.expected, service.running, service.healthy), (1, 1, 1));
    assert_eq!(service.counters, ServiceCounters::default());
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_change_shows_within_a_tenth_of_a_second() {
    let script = Script::new();
    let running = Running::start(&script);
    running.ready().await;
    let id = script.act(|model| model.create("web", RestartPolicy::No, false));
    for expected in [ContainerState::Created, ContainerState::Running, ContainerState::Exited] {
        script.act(|model| match expected {
            ContainerState::Running => model.start(&id, 1_000),
            ContainerState::Exited => model.die(&id, 1, false, 1_000),
            _ => {}
        });
        let took = running.until(Duration::from_secs(1), "state", |s| state(s, &id) == Some(expected)).await;
        assert!(took <= Duration::from_millis(100), "{expected:?} after {took:?}");
    }
    script.act(|model| model.destroy(&id));
    let took = running.until(Duration::from_secs(1), "gone", |s| s.containers.is_empty()).await;
    assert!(took <= Duration::from_millis(100), "gone after {took:?}");
    let counters = running.counters("web");
    assert_eq!((counters.starts, counters.exits), (1, [0, 1, 0, 0]));
    assert_eq!(running.reader.load().services[0].expected, 1);
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_service_is_expected_for_ten_minutes_after_its_last_container() {
    let script = Script::new();
    let running = Running::start(&script);
    running.ready().await;
    let id = script.act(|model| model.create("web", RestartPolicy::No, false));
    running.until(Duration::from_secs(1), "there", |s| s.containers.len() == 1).await;
    script.act(|model| model.destroy(&id));
    running.until(Duration::from_secs(1), "gone", |s| s.containers.is_empty()).await;
    tokio::time::sleep(Duration::from_secs(590)).await;
    assert_eq!(running.reader.load().services.len(), 1);
    running.until(Duration::from_secs(20), "forgotten", |s| s.services.is_empty()).await;
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn two_hundred_containers_come_and_go() {
    let script = Script::new();
    script.lock().latency = Duration::from_millis(5);
    let running = Running::start(&script);
    running.ready().await;
    let before = (Instant::now(), running.pictures.load(Ordering::Relaxed));
    let mut ids = Vec::new();
    for number in 0..200_u32 {
        ids.push(script.act(|model| {
            let id = model.create(&format!("job{number}"), RestartPolicy::No, false);
            model.start(&id, 1_000);
            id
        }));
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    running.until(Duration::from_secs(1), "all", |s| s.services.iter().filter(|e| e.running == 1).count() == 200).await;
    for id in ids.drain(..) {
        script.act(|model| {
            model.die(&id, 0, false, 1_000);
            model.destroy(&id);
        });
    }
    running.until(Duration::from_secs(1), "none", |s| s.containers.is_empty() && s.services.len() == 200).await;
    let (took, pictures) = (before.0.elapsed(), running.pictures.load(Ordering::Relaxed) - before.1);
    assert!(u128::from(pictures) <= took.as_millis() / 50 + 2, "{pictures} pictures in {took:?}");
    assert!(script.lock().most_flying <= 8);
    for entry in &running.reader.load().services {
        assert_eq!((entry.counters.starts, entry.counters.exits[0]), (1, 1), "{:?}", entry.key);
        assert_eq!(entry.expected, 0, "{:?} had done what it was started for", entry.key);
    }
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn steady_health_results_are_all_counted_and_seldom_asked_for() {
    let script = Script::new();
    let ids: Vec<_> = (0..20)
        .map(|number| {
            script.act(|model| {
                let id = model.create(&format!("web{number}"), RestartPolicy::No, true);
                model.start(&id, 1_000);
                id
            })
        })
        .collect();
    let running = Running::start(&script);
    running.ready().await;
    for _ in 0..60 {
        tokio::time::sleep(Duration::from_secs(10)).await;
        script.act(|model| ids.iter().for_each(|id| model.check(id, 0)));
    }
    tokio::time::sleep(Duration::from_secs(41)).await;
    for number in 0..20 {
        let counters = running.counters(&format!("web{number}"));
        assert_eq!((counters.health_passed, counters.became_healthy), (60, 1), "web{number}");
    }
    running.stop().await;
    let inspections = script.lock().inspections.clone();
    let mut moments = Vec::new();
    for id in &ids {
        let looks = &inspections[id];
        assert!(looks.len() <= 26, "{} looks in 640 s, every 32 to 40 s are due", looks.len());
        assert!(looks.windows(2).skip(3).all(|pair| pair[1] - pair[0] <= Duration::from_secs(40)));
        moments.extend(looks.iter().skip(5).map(|at| at.elapsed().as_secs()));
    }
    moments.sort_unstable();
    let crowd = moments.chunk_by(|a, b| a == b).map(<[_]>::len).max().unwrap();
    assert!(crowd <= 8, "{crowd} of {} looks in one second", moments.len());
}

#[tokio::test(start_paused = true)]
async fn failing_health_is_looked_at_every_interval() {
    let script = Script::new();
    let id = script.act(|model| {
        let id = model.create("web", RestartPolicy::No, true);
        model.start(&id, 1_000);
        id
    });
    let running = Running::start(&script);
    running.ready().await;
    for exit_code in [1, -1, 1, 0, 1, 1] {
        tokio::time::sleep(Duration::from_secs(10)).await;
        script.act(|model| model.check(&id, exit_code));
    }
    let unhealthy = |s: &Snapshot| {
        let health = s.container(&id).and_then(|entry| entry.container.health.clone());
        health.is_some_and(|health| health.status == HealthStatus::Unhealthy && health.failing_streak == Some(2))
    };
    running.until(Duration::from_secs(1), "unhealthy", unhealthy).await;
    let ServiceCounters { health_passed, health_failed, health_timed_out, became_healthy, became_unhealthy, .. } =
        running.counters("web");
    assert_eq!((health_passed, health_failed, health_timed_out), (1, 4, 1));
    assert_eq!((became_healthy, became_unhealthy), (1, 2));
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn an_excluded_container_is_nowhere() {
    let script = Script::new();
    let running = Running::start(&script);
    running.ready().await;
    script.act(|model| {
        let id = model.create_with("secret", RestartPolicy::No, false, &[("spyhop.enable", "false")]);
        model.start(&id, 1_000);
        model.create("web", RestartPolicy::No, false);
    });
    running.until(Duration::from_secs(1), "web", |s| s.containers.len() == 1).await;
    tokio::time::sleep(Duration::from_secs(400)).await;
    let snapshot = running.reader.load();
    assert_eq!((snapshot.containers.len(), snapshot.services.len()), (1, 1));
    assert_eq!(&*snapshot.services[0].key.service, "web");
    running.stop().await;
}
