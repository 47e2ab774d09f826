//! The event stream of a scripted engine on a real socket.

mod support;

use futures_util::StreamExt;
use jiff::{SignedDuration, Timestamp};
use serde_json::json;
use spyhop::model::{EventKind, HealthStatus};
use support::{
    client::{connect, id, next, page},
    fake_engine::{FakeContainer, FakeEngine, Fault, Route, World, id_of},
};

#[tokio::test]
async fn events_of_a_container_and_its_networks() {
    let fake = FakeEngine::start(World::new());
    let (engine, metrics) = connect(&fake);
    let mut events = engine.events(Timestamp::now(), None);
    let web = || id("web");
    fake.run(FakeContainer::new("web").network("back", "10.1.0.2"), 7);
    fake.health("web", "unhealthy");
    fake.stop_container("web");
    fake.destroy("web");
    let expected = [
        EventKind::Created(web()),
        EventKind::Changed(web()),
        EventKind::NetworkChanged,
        EventKind::Started(web()),
        EventKind::Health { id: web(), status: HealthStatus::Unhealthy },
        EventKind::StopRequested { id: web(), signal: Some(15) },
        EventKind::Died { id: web(), exit_code: Some(143) },
        EventKind::Changed(web()),
        EventKind::NetworkChanged,
        EventKind::StopRequested { id: web(), signal: None },
        EventKind::Destroyed(web()),
    ];
    let mut last = Timestamp::MIN;
    for kind in expected {
        let event = next(&mut events).await.unwrap().unwrap();
        assert_eq!(event.kind, kind);
        assert!(event.time >= last);
        last = event.time;
    }
    // Nine lines made eleven events.
    assert!(page(&metrics).contains("spyhop_engine_events_total 9"));
    fake.close_events();
    assert!(next(&mut events).await.is_none(), "the engine closed the stream");
    assert!(next(&mut events).await.is_none());
}

#[tokio::test]
async fn a_newer_engine_tells_of_the_death_last() {
    let fake = FakeEngine::start(World::engine_28().with(FakeContainer::new("web").running(7)));
    let (engine, _) = connect(&fake);
    assert_eq!(&*engine.version().await.unwrap().negotiated, "1.51");
    let mut events = engine.events(Timestamp::now(), None);
    fake.stop_container("web");
    let expected = [
        EventKind::StopRequested { id: id("web"), signal: Some(15) },
        EventKind::StopRequested { id: id("web"), signal: None },
        EventKind::Changed(id("web")),
        EventKind::NetworkChanged,
        EventKind::Died { id: id("web"), exit_code: Some(143) },
    ];
    for kind in expected {
        assert_eq!(next(&mut events).await.unwrap().unwrap().kind, kind);
    }
}

#[tokio::test]
async fn health_checks_themselves_are_filtered_by_the_engine() {
    let fake = FakeEngine::start(World::new().with(FakeContainer::new("web").running(7)));
    let (engine, _) = connect(&fake);
    let mut events = engine.events(Timestamp::now(), None);
    for action in ["exec_create: /bin/true", "exec_start: /bin/true", "exec_die", "attach", "top", "pause"] {
        fake.container_event("web", action, &[]);
    }
    assert_eq!(next(&mut events).await.unwrap().unwrap().kind, EventKind::Changed(id("web")));
}

#[tokio::test]
async fn past_events_are_replayed_from_since_to_until() {
    let fake = FakeEngine::start(World::new().with(FakeContainer::new("web").running(7)));
    let (engine, _) = connect(&fake);
    for action in ["create", "start", "oom", "die"] {
        fake.container_event("web", action, &[]);
    }
    let all: Vec<_> = engine.events(Timestamp::UNIX_EPOCH, Some(Timestamp::now())).collect().await;
    let times: Vec<_> = all.iter().map(|event| event.as_ref().unwrap().time).collect();
    assert_eq!(times.len(), 4);
    let (from, to) = (times[1], times[2]);
    let middle: Vec<_> = engine.events(from, Some(to)).map(|event| event.unwrap().kind).collect().await;
    assert_eq!(middle, [EventKind::Started(id("web")), EventKind::Oom(id("web"))]);
    let none: Vec<_> = engine.events(times[3] + SignedDuration::from_nanos(1), Some(Timestamp::now())).collect().await;
    assert!(none.is_empty());
}

#[tokio::test]
async fn events_need_no_newline_between_them_and_no_known_words() {
    let fake = FakeEngine::start(World::new().with(FakeContainer::new("web").running(7)));
    fake.event_separator("");
    let (engine, metrics) = connect(&fake);
    fake.container_event("web", "start", &[]);
    fake.container_event("web", "oom", &[]);
    let mut events = engine.events(Timestamp::UNIX_EPOCH, None);
    assert_eq!(next(&mut events).await.unwrap().unwrap().kind, EventKind::Started(id("web")));
    assert_eq!(next(&mut events).await.unwrap().unwrap().kind, EventKind::Oom(id("web")));
    let odd = json!({ "Type": "container", "Action": "die", "Actor": { "ID": id_of("web"), "Attributes": { "exitCode": 137 } } });
    fake.event(odd);
    fake.container_event("web", "pause", &[]);
    let died = EventKind::Died { id: id("web"), exit_code: None };
    assert_eq!(next(&mut events).await.unwrap().unwrap().kind, died);
    assert_eq!(next(&mut events).await.unwrap().unwrap().kind, EventKind::Changed(id("web")));
    assert!(page(&metrics).contains("spyhop_engine_repaired_answers_total 1"));
}

#[tokio::test]
async fn a_broken_stream_ends_with_its_error() {
    let fake = FakeEngine::start(World::new().with(FakeContainer::new("web").running(7)));
    let (engine, _) = connect(&fake);
    fake.container_event("web", "start", &[]);
    let good = fake.world().container_mut("web").inspect["Id"].clone();
    let line = json!({ "Type": "container", "Action": "oom", "Actor": { "ID": good }, "time": 5 }).to_string();
    let check = async |fault: Option<Fault>, items: usize, expected: &str| {
        match &fault {
            Some(fault) => fake.fault(Route::Events, fault.clone()),
            None => fake.clear(Route::Events),
        }
        let mut events = engine.events(Timestamp::UNIX_EPOCH, None);
        for _ in 0..items {
            next(&mut events).await.unwrap().unwrap();
        }
        if fault.is_none() {
            fake.break_events();
        }
        assert_eq!(next(&mut events).await.unwrap().unwrap_err().to_string(), expected);
        assert!(next(&mut events).await.is_none(), "an error is the last item");
        fake.until("the connection to close", |fake| fake.connections() == 0).await;
    };
    check(
        Some(Fault::Body(format!("{line}\nnonsense}}\n{line}\n"))),
        1,
        "follow events: answer not understood: not JSON",
    )
    .await;
    check(Some(Fault::HalfJson), 0, "follow events: connection broken off").await;
    check(Some(Fault::Endless), 0, "follow events: answer larger than 1048576 bytes").await;
    check(Some(Fault::Reset), 0, "follow events: connection broken off").await;
    check(Some(Fault::HangBeforeHeaders), 0, "follow events: no answer within 1.5s").await;
    check(Some(Fault::Status(500, "strconv".into())), 0, "follow events: engine answered 500: strconv").await;
    check(Some(Fault::RawStatus(500, "{\"Env\":[]}".into())), 0, "follow events: engine answered 500").await;
    check(None, 1, "follow events: connection broken off").await;
}

#[tokio::test]
async fn a_stream_let_go_closes_its_connection() {
    let fake = FakeEngine::start(World::new().with(FakeContainer::new("web").running(7)));
    let (engine, _) = connect(&fake);
    fake.container_event("web", "start", &[]);
    let mut events = engine.events(Timestamp::UNIX_EPOCH, None);
    next(&mut events).await.unwrap().unwrap();
    assert_eq!((fake.connections(), fake.listeners()), (1, 1));
    drop(events);
    fake.until("the stream to close", |fake| fake.connections() == 0).await;
}
