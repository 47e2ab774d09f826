//! The task over a scripted engine, under paused time: what readers see, and when.

use std::{
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio::{sync::Notify, task::JoinHandle, time::Instant};
use tokio_util::sync::CancellationToken;

use super::script::{Mode, Script};
use crate::{
    inventory::{Reader, Settings, Snapshot, watch},
    model::{ContainerId, ContainerState, EventKind, HealthStatus, RestartPolicy, ServiceCounters},
    telemetry::Metrics,
};

struct Running {
    reader: Reader,
    metrics: Metrics,
    news: Arc<Notify>,
    pictures: Arc<AtomicU64>,
    shutdown: CancellationToken,
    task: JoinHandle<()>,
}

impl Running {
    fn start(script: &Script) -> Self {
        Self::start_with(script, None)
    }

    fn start_with(script: &Script, state_dir: Option<PathBuf>) -> Self {
        let (reader, metrics, shutdown) = (Reader::new(), Metrics::default(), CancellationToken::new());
        let (news, pictures) = (Arc::new(Notify::new()), Arc::new(AtomicU64::new(0)));
        let changed = {
            let (news, pictures) = (news.clone(), pictures.clone());
            move || {
                pictures.fetch_add(1, Ordering::Relaxed);
                news.notify_one();
            }
        };
        let settings = Settings { state_dir, ..Settings::default() };
        let run = watch::run(script.clone(), settings, reader.clone(), metrics.clone(), changed, shutdown.clone());
        Self { reader, metrics, news, pictures, shutdown, task: tokio::spawn(run) }
    }

    /// Waits for a picture; how long it took.
    async fn until(&self, within: Duration, what: &str, seen: impl Fn(&Snapshot) -> bool) -> Duration {
        let begun = Instant::now();
        let wait = async {
            while !seen(&self.reader.load()) {
                self.news.notified().await;
            }
        };
        let waited = tokio::time::timeout(within, wait).await;
        assert!(waited.is_ok(), "not within {within:?}: {what}; there is {:?}", self.reader.load());
        begun.elapsed()
    }

    async fn ready(&self) {
        self.until(Duration::from_secs(40), "connected", |snapshot| snapshot.engine.connected).await;
    }

    fn counters(&self, service: &str) -> ServiceCounters {
        let snapshot = self.reader.load();
        let found = snapshot.services.iter().find(|entry| &*entry.key.service == service);
        found.map(|entry| entry.counters).unwrap_or_default()
    }

    async fn stop(self) {
        self.shutdown.cancel();
        self.task.await.unwrap();
    }
}

fn state(snapshot: &Snapshot, id: &ContainerId) -> Option<ContainerState> {
    snapshot.container(id).map(|entry| entry.container.state)
}

fn refused_events(metrics: &Metrics) -> bool {
    let mut text = String::new();
    prometheus_client::encoding::text::encode(&mut text, metrics.registry()).unwrap();
    !text.contains("spyhop_refused_total{reason=\"events\"} 0")
}

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
