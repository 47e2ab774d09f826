//! Podman's Docker-compatible answers, as versions 4.3 and 5.8 gave them.

use serde_json::Value;

use super::*;
use crate::{engine::frames::Frames, model::Event};

macro_rules! both {
    ($file:literal) => {
        [
            include_str!(concat!("../../../../tests/fixtures/engine/podman-4.3/", $file)),
            include_str!(concat!("../../../../tests/fixtures/engine/podman-5.8/", $file)),
        ]
    };
}

/// Every event of a recording, cut and read as the live stream is.
fn told(recording: &str) -> Vec<Event> {
    let mut frames = Frames::default();
    frames.push(recording.as_bytes());
    let frames = std::iter::from_fn(|| frames.next().map(|frame| frame.expect("JSON")));
    frames.flat_map(|frame| events(frame.event, Timestamp::UNIX_EPOCH)).collect()
}

/// The kinds of event told of the container of that name, in order, as short words.
fn life(recording: &str, name: &str) -> Vec<String> {
    let all = told(recording);
    let id = all.iter().find(|event| event.attributes.get("name") == Some(name)).and_then(|event| of(&event.kind));
    let id = id.expect("the container is told of");
    all.iter().filter(|event| of(&event.kind) == Some(id)).map(|event| word(&event.kind)).collect()
}

fn of(kind: &EventKind) -> Option<&ContainerId> {
    match kind {
        EventKind::Created(id) | EventKind::Started(id) | EventKind::Oom(id) | EventKind::Changed(id) => Some(id),
        EventKind::Died { id, .. } | EventKind::StopRequested { id, .. } | EventKind::Health { id, .. } => Some(id),
        EventKind::Destroyed(id) => Some(id),
        EventKind::NetworkChanged | EventKind::Turnover | EventKind::Other => None,
    }
}

fn word(kind: &EventKind) -> String {
    match kind {
        EventKind::Created(_) => "created".into(),
        EventKind::Started(_) => "started".into(),
        EventKind::Died { exit_code, .. } => format!("died {}", exit_code.unwrap_or(-1)),
        EventKind::Oom(_) => "oom".into(),
        EventKind::StopRequested { .. } => "stop".into(),
        EventKind::Health { status, .. } => status.as_str().into(),
        EventKind::Changed(_) => "changed".into(),
        EventKind::Destroyed(_) => "destroyed".into(),
        EventKind::NetworkChanged | EventKind::Turnover | EventKind::Other => "other".into(),
    }
}

#[test]
fn lives_are_told_whole() {
    for recording in both!("events.ndjson") {
        assert_eq!(life(recording, "fx-kill"), ["created", "started", "stop", "died 137", "destroyed"]);
        // Neither version announces that memory ran out.
        assert_eq!(life(recording, "fx-oom"), ["created", "started", "died 137", "destroyed"]);
        // `restart` comes with each restart of the policy too.
        let run = ["started", "died 7", "changed"];
        let all = [&["created"][..], &run, &run, &run, &["started", "died 7", "destroyed"]].concat();
        assert_eq!(life(recording, "fx-loop"), all);
    }
}

#[test]
fn health_stands_beside_the_attributes_and_comes_with_every_check() {
    for recording in both!("events.ndjson") {
        let life = life(recording, "fx-web");
        let health: Vec<_> = life.iter().filter(|word| word.ends_with("healthy")).collect();
        assert!(health.iter().filter(|word| **word == "healthy").count() > 1, "{life:?}");
        assert_eq!(health.last().map(|word| word.as_str()), Some("unhealthy"), "{life:?}");
        assert!(life.iter().all(|word| word != "other"), "{life:?}");
    }
}

#[test]
fn a_network_joined_is_the_containers_event() {
    for recording in both!("events.ndjson") {
        let all = told(recording);
        let web = all.iter().find(|event| event.attributes.get("name") == Some("fx-web"));
        let web = web.and_then(|event| of(&event.kind)).expect("it is told of");
        let at = all.iter().position(|event| event.kind == EventKind::NetworkChanged).expect("a network event");
        assert!(all.iter().skip(at.saturating_sub(1)).any(|event| event.kind == EventKind::Changed(web.clone())));
    }
}

#[test]
fn containers_as_recorded() {
    let read = |recordings: [&str; 2]| recordings.map(recorded);
    for web in read(both!("container-health.json")) {
        assert_eq!((&*web.name, &*web.identity.key.project, &*web.identity.key.service), ("fx-web", "shop", "web"));
        assert_eq!((web.state, web.restart_policy), (ContainerState::Running, RestartPolicy::UnlessStopped));
        let limits = (web.limits.memory_bytes, web.limits.cpu_cores, web.limits.pids);
        assert_eq!(limits, (Some(64 << 20), Some(0.5), Some(50)));
        let health = web.health.expect("a health check");
        assert_eq!((health.status, health.results.len()), (HealthStatus::Unhealthy, 5));
        assert_eq!(web.ports, [port(80, "tcp", "127.0.0.1", 18081)]);
    }
    for stopped in read(both!("container-stopped.json")) {
        assert_eq!((stopped.state, stopped.exit_code, stopped.pid), (ContainerState::Exited, Some(0), None));
    }
    for loops in read(both!("container-restarts.json")) {
        assert_eq!((loops.restart_count, loops.exit_code), (Some(3), Some(7)));
    }
    for created in read(both!("container-created.json")) {
        assert_eq!((created.state, created.started_at, created.health), (ContainerState::Created, None, None));
    }
    // Version 4.3 on cgroup v1 does not notice.
    assert_eq!(read(both!("container-oom.json")).map(|oom| oom.oom_killed), [Some(false), Some(true)]);
}

#[test]
fn members_of_a_pod_share_the_network_of_its_infra_container() {
    for (member, infra) in both!("container-in-pod.json").into_iter().zip(both!("container-infra.json")) {
        let (member, infra) = (recorded(member), recorded(infra));
        assert_eq!(member.network_mode, NetworkMode::Container(infra.id.as_str().into()));
        assert!(infra.name.ends_with("-infra") && matches!(infra.network_mode, NetworkMode::Own(_)));
        assert!(infra.has_processes() && member.has_processes());
    }
}

#[test]
fn lists_and_facts_as_recorded() {
    for list in both!("list.json") {
        let rows: Vec<api::ContainerSummary> = lenient::read(list.as_bytes()).expect("a list");
        assert_eq!(rows.iter().filter(|row| row.id.is_some()).count(), 7);
    }
    for info in both!("info.json") {
        let facts = info_of(info);
        assert_eq!((&*facts.name, facts.cgroup_driver.as_deref()), ("whale", Some("cgroupfs")));
        assert!(facts.system_time.is_some());
    }
    for text in both!("networks.json") {
        let listed: Vec<bollard::models::Network> = lenient::read(text.as_bytes()).expect("a list");
        let names: Vec<_> = listed.into_iter().filter_map(network).map(|network| network.name).collect();
        assert!(names.iter().any(|name| &**name == "fx-net"), "{names:?}");
    }
}

fn info_of(text: &str) -> crate::model::EngineInfo {
    let value: Value = serde_json::from_str(text).expect("recorded answers are JSON");
    info(&lenient::mend::<api::SystemInfo>(value).expect("facts"))
}

#[test]
fn a_file_of_events_that_was_changed_is_told_of() {
    // As 5.8 tells it to who asks for the type `system`.
    let mark = r#"{"status":"log-rotation","Type":"system","Action":"log-rotation","Actor":{"ID":"","Attributes":{"image":"","io.podman.event.rotate":"end","name":"/run/libpod/events/events.log","podId":""}},"scope":"local","time":1795842706,"timeNano":1795842706754064713}"#;
    let [event] = told(mark).try_into().expect("one event");
    assert_eq!((event.kind, event.time.as_second()), (EventKind::Turnover, 1_795_842_706));
}
