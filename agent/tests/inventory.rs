//! The inventory over a scripted engine: what is published, when, and what is counted over a gap.
//!
//! Promised: the first picture is whole; an event is in the picture within a second; an engine that goes or closes its stream
//! is reported and its containers stay; what happened meanwhile is counted once it is back; counters survive the agent.

#![expect(clippy::expect_used, reason = "helpers of tests")]

mod support;

use std::{
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use spyhop::{
    inventory::{self, Reader, ServiceEntry, Settings, Snapshot},
    model::{ContainerFilter, ContainerState, ExitClass, Pattern},
    telemetry::Metrics,
};
use support::{
    client::{connect, id},
    fake_engine::{FakeContainer, FakeEngine, Fault, Route, World},
    wait::{PROMISED, factor, patience},
};
use tokio::task::JoinHandle;
use tokio_util::sync::{CancellationToken, DropGuard};

/// An inventory that follows a fake engine; dropping it ends its task.
struct Followed {
    reader: Reader,
    metrics: Metrics,
    task: JoinHandle<()>,
    shutdown: CancellationToken,
    _end: DropGuard,
}

impl Followed {
    fn start(fake: &FakeEngine, settings: Settings) -> Self {
        let (engine, metrics) = connect(fake);
        let (reader, shutdown) = (Reader::new(), CancellationToken::new());
        let watch = inventory::watch(engine, settings, reader.clone(), metrics.clone(), || (), shutdown.clone());
        Self { reader, metrics, task: tokio::spawn(watch), _end: shutdown.clone().drop_guard(), shutdown }
    }

    /// Starts, and waits for the first whole picture.
    async fn ready(fake: &FakeEngine, settings: Settings) -> Self {
        let followed = Self::start(fake, settings);
        followed.until("the first inventory", |picture| picture.engine.connected).await;
        followed
    }

    /// Waits for a picture in which `condition` holds.
    async fn until(&self, what: &str, condition: impl Fn(&Snapshot) -> bool) -> Arc<Snapshot> {
        self.within(patience(), what, condition).await
    }

    /// The same, as soon as is promised for an event.
    async fn promptly(&self, what: &str, condition: impl Fn(&Snapshot) -> bool) -> Arc<Snapshot> {
        self.within(PROMISED.mul_f64(factor()), what, condition).await
    }

    async fn within(&self, limit: Duration, what: &str, condition: impl Fn(&Snapshot) -> bool) -> Arc<Snapshot> {
        let begun = Instant::now();
        loop {
            let picture = self.reader.load();
            if condition(&picture) {
                return picture;
            }
            assert!(begun.elapsed() < limit, "{what}: not within {limit:?}: {picture:#?}");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// Ends it in order, so that its counters are saved.
    async fn end(self) {
        self.shutdown.cancel();
        self.task.await.expect("the task ends without a panic");
    }
}

fn settings() -> Settings {
    Settings { host: Some("box".into()), ..Settings::default() }
}

fn kept_in(folder: &Path) -> Settings {
    Settings { state_dir: Some(folder.to_owned()), ..settings() }
}

/// A fake engine without a clock of its own: the recorded one stands still.
fn engine(world: World) -> FakeEngine {
    let fake = FakeEngine::start(world);
    if let Some(info) = fake.world().info.as_object_mut() {
        info.remove("SystemTime");
    }
    fake
}

/// A container of the Compose service `web` of the project `shop`.
fn web(name: &str, number: u32) -> FakeContainer {
    FakeContainer::new(name).compose("shop", "web", number)
}

fn state_of(picture: &Snapshot, name: &str) -> Option<ContainerState> {
    picture.container(&id(name)).map(|entry| entry.container.state)
}

/// The service `web`.
fn service(picture: &Snapshot) -> &ServiceEntry {
    picture.services.iter().find(|entry| &*entry.key.service == "web").expect("the service is known")
}

fn starts(picture: &Snapshot) -> u64 {
    picture.services.iter().find(|entry| &*entry.key.service == "web").map_or(0, |entry| entry.counters.starts)
}

#[tokio::test]
async fn the_first_picture_is_whole() {
    let world = World::new()
        .network("back", "10.1.0.0/24")
        .with(web("shop-web-1", 1).running(11))
        .with(web("shop-web-2", 2).running(12).health("healthy"))
        .with(FakeContainer::new("old").exited(0));
    let fake = engine(world);
    fake.fault_once(Route::Inspect, Fault::Slow(Duration::from_millis(20)));
    let followed = Followed::start(&fake, settings());
    fake.until("the first inspection", |fake| fake.count(Route::Inspect) > 0).await;
    assert!(followed.reader.load().containers.is_empty(), "half of a host is never shown");

    let whole = |picture: &Snapshot| picture.engine.connected && !picture.networks.is_empty();
    let picture = followed.until("the first inventory", whole).await;
    assert_eq!(picture.host.as_deref(), Some("box"));
    let seen: Vec<_> = picture.containers.iter().map(|entry| (&*entry.container.name, &*entry.replica)).collect();
    assert_eq!(seen, [("old", "1"), ("shop-web-1", "1"), ("shop-web-2", "2")]);
    assert!(picture.networks.iter().any(|network| &*network.name == "back"));
    let web = service(&picture);
    assert_eq!((web.expected, web.running, web.healthy, web.counters.starts), (2, 2, 2, 0));
    assert!(picture.engine.ready_since.is_some() && picture.engine.version.is_some() && picture.engine.info.is_some());
}

#[tokio::test]
async fn each_event_is_in_the_picture_within_a_second() {
    let fake = engine(World::new());
    let followed = Followed::ready(&fake, settings()).await;

    fake.run(web("shop-web-1", 1), 11);
    let is = |state| move |picture: &Snapshot| state_of(picture, "shop-web-1") == Some(state);
    followed.promptly("the start", is(ContainerState::Running)).await;
    fake.pause("shop-web-1");
    followed.promptly("the pause", is(ContainerState::Paused)).await;
    fake.unpause("shop-web-1");
    followed.promptly("the end of the pause", is(ContainerState::Running)).await;
    fake.restart_by_policy("shop-web-1", 3, 12);
    followed.promptly("the restart", |picture| service(picture).counters.restarts == 1).await;
    fake.kill("shop-web-1", 9);
    let picture = followed.promptly("the end", is(ContainerState::Exited)).await;
    assert!(picture.container(&id("shop-web-1")).unwrap().stopped(), "somebody asked for it");
    fake.destroy("shop-web-1");
    let picture = followed.promptly("its removal", |picture| picture.containers.is_empty()).await;

    let web = service(&picture);
    assert_eq!((web.expected, web.running), (1, 0), "it is still expected");
    assert_eq!((web.counters.starts, web.counters.restarts), (2, 1));
    assert_eq!(web.counters.exits.iter().sum::<u64>(), 2);
}

#[tokio::test]
async fn an_engine_that_goes_is_reported_and_found_again() {
    let fake = engine(World::new().with(web("shop-web-1", 1).running(11)));
    let followed = Followed::ready(&fake, settings()).await;
    fake.stop();
    let picture = followed.promptly("the loss", |picture| !picture.engine.connected).await;
    assert!(picture.engine.trouble.is_some() && picture.engine.ready_since.is_some());
    assert_eq!(state_of(&picture, "shop-web-1"), Some(ContainerState::Running), "as it was last seen");

    // A new engine remembers no event: only a new inspection shows what has changed.
    fake.change("shop-web-1", FakeContainer::paused);
    fake.restart();
    let picture = followed.until("the engine again", |picture| picture.engine.connected).await;
    assert_eq!(picture.engine.trouble, None);
    assert_eq!(state_of(&picture, "shop-web-1"), Some(ContainerState::Paused));
    assert!(followed.metrics.engine_reconnects.get() >= 1);
}

#[tokio::test]
async fn counters_survive_the_agent_and_a_missed_start_is_claimed() {
    let folder = tempfile::tempdir().unwrap();
    let ago = |minutes: u64| jiff::Timestamp::now() - Duration::from_secs(60 * minutes);
    let fake = engine(World::new().with(web("shop-web-1", 1).running(11).started_at(ago(120))));
    let clock = |time: jiff::Timestamp| fake.world().info["SystemTime"] = serde_json::json!(time.to_string());
    // This agent lived an hour ago by the engine's clock.
    clock(ago(60));
    let followed = Followed::ready(&fake, kept_in(folder.path())).await;
    assert_eq!(starts(&followed.reader.load()), 0, "it ran before anybody looked");
    followed.end().await;

    // No event tells of the second run: the engine was replaced and forgot them.
    fake.change("shop-web-1", |web| web.exited(137).running(12).started_at(ago(30)));
    clock(ago(0));
    let followed = Followed::ready(&fake, kept_in(folder.path())).await;
    assert_eq!(starts(&followed.reader.load()), 1);
    followed.end().await;
    // What was claimed once is not claimed again.
    let followed = Followed::ready(&fake, kept_in(folder.path())).await;
    assert_eq!(starts(&followed.reader.load()), 1);
}

#[tokio::test]
async fn a_closed_stream_is_opened_again_and_nothing_is_lost() {
    let fake = engine(World::new().with(web("shop-web-1", 1).running(11)));
    let followed = Followed::ready(&fake, settings()).await;
    fake.close_events();
    let picture = followed.promptly("the loss", |picture| !picture.engine.connected).await;
    assert!(picture.engine.trouble.is_some());
    // Heard from the history alone.
    fake.die("shop-web-1", 0);
    let picture = followed.until("the stream again", |picture| picture.engine.connected).await;
    assert_eq!(state_of(&picture, "shop-web-1"), Some(ContainerState::Exited));
    assert_eq!(service(&picture).counters.exits[ExitClass::Success as usize], 1);
}

#[tokio::test]
async fn a_refused_inspection_does_not_end_the_session() {
    let fake = engine(World::new().with(web("shop-web-1", 1).running(11)));
    fake.fault_once(Route::Inspect, Fault::Status(500, "broken layer".into()));
    let followed = Followed::ready(&fake, settings()).await;
    fake.run(web("shop-web-2", 2), 12);
    let picture = followed.promptly("the other one", |picture| picture.containers.len() == 1).await;
    assert_eq!(state_of(&picture, "shop-web-2"), Some(ContainerState::Running));
    assert!(picture.engine.connected);
}

#[tokio::test]
async fn an_image_is_asked_for_again_until_its_build_time_is_told() {
    let fake = engine(World::new().with(web("shop-web-1", 1).running(11)));
    fake.fault_once(Route::Image, Fault::Status(500, "layer store is busy".into()));
    let followed = Followed::ready(&fake, settings()).await;
    let told = |picture: &Snapshot| picture.container(&id("shop-web-1")).is_some_and(|e| e.image_created.is_some());
    followed.until("the image's build time", told).await;
    assert_eq!(fake.count(Route::Image), 2, "once in vain, and not again once it is told");
    assert_eq!(fake.count(Route::Inspect), 1, "no event and no inspection was what it took");
}

#[tokio::test]
async fn a_service_is_forgotten_when_it_is_expected_no_longer() {
    let fake = engine(World::new().with(web("shop-web-1", 1).running(11)));
    let settings = Settings { forget_after: Duration::ZERO, ..settings() };
    let followed = Followed::ready(&fake, settings).await;
    assert_eq!(followed.reader.load().services.len(), 1);
    fake.die("shop-web-1", 1);
    fake.destroy("shop-web-1");
    followed.until("the service gone", |picture| picture.services.is_empty()).await;
}

#[tokio::test]
async fn excluded_containers_are_in_no_picture() {
    let world = World::new()
        .with(FakeContainer::new("hidden").label("spyhop.enable", "false").running(11))
        .with(FakeContainer::new("tmp-1").running(12))
        .with(FakeContainer::new("shown").running(13));
    let fake = engine(world);
    let exclude = vec![Pattern::parse("name=tmp-*").unwrap()];
    let settings = Settings { filter: ContainerFilter { exclude, ..ContainerFilter::default() }, ..settings() };
    let followed = Followed::ready(&fake, settings).await;
    fake.run(FakeContainer::new("tmp-2"), 14);
    fake.run(FakeContainer::new("late"), 15);
    let picture = followed.promptly("the late one", |picture| state_of(picture, "late").is_some()).await;
    let names: Vec<_> = picture.containers.iter().map(|entry| &*entry.container.name).collect();
    assert_eq!(names, ["late", "shown"]);
    assert_eq!(picture.services.len(), 2);
}

#[tokio::test]
async fn two_claims_on_one_identity_stay_apart() {
    let world = World::new().with(web("shop-web-1", 1).running(11)).with(web("abc_shop-web-1", 1).exited(0));
    let fake = engine(world);
    let followed = Followed::ready(&fake, settings()).await;
    let picture = followed.reader.load();
    let replica = |name: &str| picture.container(&id(name)).unwrap().replica.to_string();
    assert_eq!((replica("shop-web-1"), replica("abc_shop-web-1")), ("1".into(), "abc_shop-web-1".into()));
    assert_eq!((service(&picture).expected, service(&picture).running), (1, 1));
}

#[tokio::test]
async fn a_storm_of_network_events_is_few_questions() {
    let fake = engine(World::new().network("back", "10.1.0.0/24").with(web("shop-web-1", 1).running(11)));
    let followed = Followed::ready(&fake, settings()).await;
    fake.forget_requests();
    for _ in 0..100 {
        fake.connect("shop-web-1", "back", "10.1.0.2");
    }
    fake.run(web("shop-web-2", 2), 12);
    followed.promptly("what came after", |picture| state_of(picture, "shop-web-2").is_some()).await;
    fake.until("the list of networks", |fake| fake.count(Route::Networks) > 0).await;
    let asked = fake.count(Route::Networks);
    assert!((1..100).contains(&asked), "{asked} questions for a hundred events");
}
