//! The engine edge against a scripted engine on a real socket. Its event stream has a file of its own.

mod support;

use std::time::{Duration, Instant};

use futures_util::StreamExt;
use jiff::Timestamp;
use serde_json::json;
use spyhop::{
    engine::{Error, MAX_CONTAINERS},
    model::{ContainerId, ContainerState, HealthStatus, RestartPolicy},
};
use support::{
    client::{DEADLINE, connect, id, next, page, told},
    fake_engine::{FakeContainer, FakeEngine, Fault, Route, World, id_of},
};

// ---- versions

#[tokio::test]
async fn the_negotiated_version_is_in_every_later_path() {
    let fake = FakeEngine::start(World::new().with(FakeContainer::new("web").running(7)));
    let (engine, _) = connect(&fake);
    engine.info().await.unwrap();
    let version = engine.version().await.unwrap();
    assert_eq!((&*version.version, &*version.api_version, &*version.negotiated), ("20.10.24+dfsg1", "1.41", "1.41"));
    engine.ping().await.unwrap();
    engine.info().await.unwrap();
    engine.containers().await.unwrap();
    engine.container(&id("web")).await.unwrap().unwrap();
    engine.networks().await.unwrap();
    engine.image(&format!("sha256:{}", id_of("x"))).await.unwrap();
    assert!(next(&mut engine.events(Timestamp::now(), Some(Timestamp::now()))).await.is_none());
    let asked: Vec<_> = fake.requests().into_iter().map(|r| (r.route, r.version)).collect();
    let pinned = || Some("1.41".to_owned());
    let expected = [
        (Route::Info, None),
        (Route::Version, None),
        (Route::Ping, None),
        (Route::Info, pinned()),
        (Route::List, pinned()),
        (Route::Inspect, pinned()),
        (Route::Networks, pinned()),
        (Route::Image, pinned()),
        (Route::Events, pinned()),
    ];
    assert_eq!(asked, expected);
}

#[tokio::test]
async fn a_newer_engine_is_spoken_to_in_our_newest_version() {
    let fake = FakeEngine::start(World::new().api("1.99", "1.44"));
    let (engine, _) = connect(&fake);
    assert_eq!(&*engine.version().await.unwrap().negotiated, "1.55");
    engine.info().await.unwrap();
    assert_eq!(fake.requests().last().unwrap().version.as_deref(), Some("1.55"));
}

#[tokio::test]
async fn versions_out_of_range_are_named_in_the_error() {
    let check = async |newest: &str, oldest: &str, expected: &str| {
        let fake = FakeEngine::start(World::new().api(newest, oldest));
        let (engine, _) = connect(&fake);
        assert_eq!(engine.version().await.unwrap_err().to_string(), expected);
    };
    check("1.40", "1.12", "engine speaks API 1.40 at most, this agent 1.41 at least: update the engine").await;
    check("1.70", "1.60", "engine speaks API 1.60 at least, this agent 1.55 at most: update the agent").await;
    check("new", "", "ask engine for its version: answer not understood: no API version").await;
}

#[tokio::test]
async fn an_engine_replaced_by_an_older_one_is_negotiated_with_again() {
    let fake = FakeEngine::start(World::new().api("1.51", "1.24"));
    let (engine, _) = connect(&fake);
    engine.version().await.unwrap();
    fake.world().version["ApiVersion"] = json!("1.43");
    let refused = engine.info().await.unwrap_err();
    let expected = "engine answered 400: client version 1.51 is too new. Maximum supported API version is 1.43";
    assert_eq!(refused.to_string(), format!("ask engine for its facts: {expected}"));
    assert_eq!(&*engine.version().await.unwrap().negotiated, "1.43");
    engine.info().await.unwrap();
}

// ---- answers

#[tokio::test]
async fn facts_of_the_engine() {
    let fake = FakeEngine::start(World::new().network("back", "10.1.0.0/24"));
    let (engine, _) = connect(&fake);
    let info = engine.info().await.unwrap();
    assert_eq!((&*info.name, info.cgroup_driver.as_deref()), ("docker-host", Some("cgroupfs")));
    assert_eq!((info.cgroup_version.as_deref(), info.storage_driver.as_deref()), (Some("1"), Some("overlay2")));
    assert_eq!(info.system_time.unwrap().to_string(), "2026-11-21T09:30:16.252807598Z");
    let networks = engine.networks().await.unwrap();
    let names: Vec<_> = networks.iter().map(|n| (&*n.name, n.driver.as_deref().unwrap_or("-"))).collect();
    assert_eq!(names, [("none", "null"), ("host", "host"), ("bridge", "bridge"), ("back", "bridge")]);
}

#[tokio::test]
async fn containers_are_listed_in_every_state_and_inspected_one_by_one() {
    let web = FakeContainer::new("web").compose("shop", "web", 2).health("healthy").memory(64 << 20).running(42);
    let fake = FakeEngine::start(World::new().with(web).with(FakeContainer::new("job").exited(3)));
    let (engine, metrics) = connect(&fake);
    assert_eq!(engine.containers().await.unwrap(), [id("web"), id("job")]);
    let web = engine.container(&id("web")).await.unwrap().unwrap();
    assert_eq!((&*web.identity.key.service, web.pid, web.limits.memory_bytes), ("web", Some(42), Some(64 << 20)));
    let job = engine.container(&id("job")).await.unwrap().unwrap();
    assert_eq!((job.state, job.exit_code), (ContainerState::Exited, Some(3)));
    assert!(page(&metrics).contains("spyhop_engine_requests_total{call=\"inspect\",outcome=\"ok\"} 2"));
}

#[tokio::test]
async fn a_container_that_is_gone_is_no_error() {
    let fake = FakeEngine::start(World::new());
    let (engine, metrics) = connect(&fake);
    assert_eq!(engine.container(&id("web")).await.unwrap(), None);
    assert_eq!(engine.image("sha256:00").await.unwrap(), None);
    let page = page(&metrics);
    assert!(page.contains("spyhop_engine_requests_total{call=\"inspect\",outcome=\"gone\"} 1"), "{page}");
    assert!(page.contains("spyhop_engine_requests_total{call=\"image\",outcome=\"gone\"} 1"), "{page}");
    // A path the engine does not know is something else, although its status is the same.
    fake.fault(Route::Inspect, Fault::Status(404, "page not found".into()));
    assert!(matches!(engine.container(&id("web")).await, Err(Error::Refused { status: 404, .. })));
}

#[tokio::test]
async fn images_tell_when_they_were_built() {
    let fake = FakeEngine::start(World::new().with(FakeContainer::new("web").image("shop/web:3")));
    let (engine, _) = connect(&fake);
    let digest = engine.container(&id("web")).await.unwrap().unwrap().image_id.unwrap();
    let image = engine.image(&digest).await.unwrap().unwrap();
    assert_eq!((image.id, image.created.unwrap().to_string()), (digest, "2026-11-21T09:16:57.410681987Z".to_owned()));
}

#[tokio::test]
async fn what_is_no_id_never_leaves() {
    let fake = FakeEngine::start(World::new());
    let (engine, _) = connect(&fake);
    for odd in ["", "..", "a/archive", "a/../../info", "a?all=1", "a#b", "a%2Fb", "a b"] {
        let refused = engine.container(&ContainerId::new(odd)).await;
        assert!(matches!(refused, Err(Error::InvalidId { .. })), "{odd:?}: {refused:?}");
        assert!(matches!(engine.image(odd).await, Err(Error::InvalidId { .. })), "{odd:?}");
    }
    assert!(fake.requests().is_empty());
}

// ---- words the strict types do not know

#[tokio::test]
async fn an_odd_container_does_not_hide_the_others() {
    let fake = FakeEngine::start(World::new().with(FakeContainer::new("web").running(7)));
    fake.world().odd_rows = vec![
        json!({ "Id": "odd1", "State": "stopped" }),
        json!({ "Id": "odd2", "State": "running", "Ports": [{ "PrivatePort": 5, "Type": "dccp" }] }),
        json!("no container"),
        json!({ "Id": "../../secrets" }),
    ];
    let (engine, metrics) = connect(&fake);
    assert_eq!(engine.containers().await.unwrap(), [ContainerId::new("odd1"), ContainerId::new("odd2"), id("web")]);
    assert!(page(&metrics).contains("spyhop_engine_repaired_answers_total 1"));
}

#[tokio::test]
async fn unknown_words_cost_their_own_field_only() {
    let odd = FakeContainer::new("web").health("healthy").running(7).restart_count(2).edit(|inspect| {
        inspect["State"]["Health"]["Status"] = json!("poorly");
        inspect["HostConfig"]["RestartPolicy"]["Name"] = json!("sometimes");
        inspect["HostConfig"]["CgroupnsMode"] = json!("shared");
    });
    let stopped = FakeContainer::new("podman").exited(1).edit(|inspect| inspect["State"]["Status"] = json!("stopped"));
    let fake = FakeEngine::start(World::new().with(odd).with(stopped));
    let (engine, metrics) = connect(&fake);
    let web = engine.container(&id("web")).await.unwrap().unwrap();
    assert_eq!((web.state, web.pid, web.restart_count), (ContainerState::Running, Some(7), Some(2)));
    assert_eq!(web.health.unwrap().status, HealthStatus::Unknown);
    assert_eq!(web.restart_policy, RestartPolicy::Unknown);
    let podman = engine.container(&id("podman")).await.unwrap().unwrap();
    assert_eq!((podman.state, podman.exit_code), (ContainerState::Exited, Some(1)));
    assert!(page(&metrics).contains("spyhop_engine_repaired_answers_total 2"));
}

// ---- faults

#[tokio::test]
async fn every_fault_ends_in_its_own_error_and_in_time() {
    let text = |fault: Fault| async {
        let fake = FakeEngine::start(World::new().with(FakeContainer::new("web").running(7)));
        let (engine, _) = connect(&fake);
        fake.fault(Route::Inspect, fault);
        let begun = Instant::now();
        let error = engine.container(&id("web")).await.unwrap_err();
        assert!(begun.elapsed() < DEADLINE * 4, "{error}: {:?}", begun.elapsed());
        // Whatever was cut short, no connection is left behind.
        fake.until("the connection to close", |fake| fake.connections() == 0).await;
        error.to_string()
    };
    let web = format!("inspect container {}", id("web").short());
    assert_eq!(text(Fault::HangBeforeHeaders).await, format!("{web}: no answer within 1.5s"));
    assert_eq!(text(Fault::HangMidBody).await, format!("{web}: no answer within 1.5s"));
    assert_eq!(text(Fault::Slow(DEADLINE / 8)).await, format!("{web}: no answer within 1.5s"));
    assert_eq!(text(Fault::HalfJson).await, format!("{web}: answer not understood: ends too early"));
    assert_eq!(text(Fault::Garbage).await, format!("{web}: answer not understood: not what the API promises"));
    assert_eq!(text(Fault::Reset).await, format!("{web}: connection broken off"));
    assert_eq!(text(Fault::ResetMidBody).await, format!("{web}: connection broken off"));
    assert_eq!(text(Fault::Endless).await, format!("{web}: answer larger than 16777216 bytes"));
    assert_eq!(
        text(Fault::Status(500, "no space left".into())).await,
        format!("{web}: engine answered 500: no space left")
    );
    assert_eq!(text(Fault::RawStatus(502, "<html>".into())).await, format!("{web}: engine answered 502"));
    assert_eq!(text(Fault::RawStatus(503, String::new())).await, format!("{web}: engine answered 503"));
}

#[tokio::test]
async fn a_slow_answer_within_the_deadline_is_taken() {
    let fake = FakeEngine::start(World::new().with(FakeContainer::new("web").running(7)));
    let (engine, _) = connect(&fake);
    fake.fault(Route::List, Fault::Slow(DEADLINE / 64));
    assert_eq!(engine.containers().await.unwrap(), [id("web")]);
}

#[tokio::test]
async fn an_engine_that_is_not_there_says_why_and_is_found_when_it_comes() {
    let fake = FakeEngine::start(World::new());
    let (engine, metrics) = connect(&fake);
    engine.ping().await.unwrap();
    fake.stop();
    let refused = engine.ping().await.unwrap_err();
    assert_eq!(refused.to_string(), format!("connect to engine at {}", fake.address()));
    let Error::Unreachable { source, .. } = refused else { panic!("{refused:?}") };
    assert_eq!(source.kind(), std::io::ErrorKind::ConnectionRefused);
    std::fs::remove_file(fake.socket()).unwrap();
    let Err(Error::Unreachable { source, .. }) = engine.info().await else { panic!("the socket is gone") };
    assert_eq!(source.kind(), std::io::ErrorKind::NotFound);
    fake.restart();
    engine.ping().await.unwrap();
    assert!(page(&metrics).contains("spyhop_engine_requests_total{call=\"ping\",outcome=\"error\"} 1"));
}

#[tokio::test]
async fn a_question_given_up_leaves_no_connection() {
    let fake = FakeEngine::start(World::new());
    let (engine, _) = connect(&fake);
    for route in [Route::Info, Route::Events] {
        fake.fault(route, Fault::HangBeforeHeaders);
    }
    for _ in 0..20 {
        let given_up = async {
            let mut events = engine.events(Timestamp::now(), None);
            tokio::join!(engine.info(), events.next())
        };
        assert!(tokio::time::timeout(Duration::from_millis(20), given_up).await.is_err());
    }
    fake.until("all connections to close", |fake| fake.connections() == 0).await;
}

// ---- nothing secret in any text

#[tokio::test]
async fn no_error_quotes_an_answer() {
    const SECRET: &str = "not-to-be-shown";
    let recorded = FakeContainer::recorded("container-compose");
    let body = recorded.inspect.to_string();
    assert!(body.contains(SECRET));
    let asked = ContainerId::new(recorded.id_str());
    let broken_env = recorded.clone().edit(|inspect| inspect["Config"]["Env"] = json!("DB_PASSWORD=not-to-be-shown"));
    let fake = FakeEngine::start(World::new().with(recorded));
    let (engine, _) = connect(&fake);
    let faults = [
        Fault::HalfJson,
        Fault::HangMidBody,
        Fault::ResetMidBody,
        Fault::RawStatus(500, body.clone()),
        Fault::Body(format!("{body}{body}")),
        Fault::Body(format!("[{body}]]")),
        Fault::Body(format!("{{\"Id\": {body}}}}}")),
        Fault::Body("\"DB_PASSWORD=not-to-be-shown\"".into()),
    ];
    for fault in faults {
        fake.fault(Route::Inspect, fault.clone());
        let error = engine.container(&asked).await.unwrap_err();
        assert!(!told(&error).contains(SECRET), "{}", told(&error));
        if !matches!(fault, Fault::HangMidBody) {
            fake.fault(Route::Events, fault);
            let mut events = engine.events(Timestamp::now(), None);
            if let Some(Err(error)) = next(&mut events).await {
                assert!(!told(&error).contains(SECRET), "{}", told(&error));
            }
        }
    }
    // What can be mended is, and the value stays inside.
    fake.fault(Route::Inspect, Fault::Body(broken_env.inspect.to_string()));
    let mended = engine.container(&asked).await.unwrap().unwrap();
    assert!(!format!("{mended:?}").contains(SECRET));
}

// ---- ceilings

#[tokio::test]
async fn more_containers_than_the_ceiling_are_counted_and_left_out() {
    let fake = FakeEngine::start(World::new());
    fake.world().odd_rows = (0..MAX_CONTAINERS + 5).map(|n| json!({ "Id": format!("{n:064x}") })).collect();
    let (engine, metrics) = connect(&fake);
    assert_eq!(engine.containers().await.unwrap().len(), MAX_CONTAINERS);
    assert!(page(&metrics).contains("spyhop_refused_total{reason=\"containers\"} 5"));
}
