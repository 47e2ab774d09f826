mod isolation;
mod podman;

use std::time::Duration;

use serde_json::{Value, json};

use super::*;
use crate::engine::lenient;
use crate::model::{
    Container, ContainerId, ContainerState, EventKind, HealthStatus, Limits, NetworkMode, PublishedPort, RestartPolicy,
};

fn read(value: Value) -> Container {
    let answer: api::ContainerInspect = serde_json::from_value(value).expect("an answer that needs no mending");
    container(answer, &ContainerId::new("asked"))
}

fn recorded(text: &str) -> Container {
    read(serde_json::from_str(text).expect("recorded answers are JSON"))
}

fn port(container_port: u16, protocol: &str, host_ip: &str, host_port: u16) -> PublishedPort {
    PublishedPort { container_port, protocol: protocol.into(), host_ip: host_ip.into(), host_port }
}

#[test]
fn a_compose_container_as_recorded() {
    let web = recorded(include_str!("../../../tests/fixtures/engine/1.41/container-compose.json"));
    assert_eq!((&*web.name, &*web.image), ("shop-web-1", "example/busybox:1"));
    assert_eq!((&*web.identity.key.project, &*web.identity.key.service, &*web.identity.replica), ("shop", "web", "1"));
    assert_eq!((web.state, web.pid, web.exit_code), (ContainerState::Running, Some(12377), None));
    assert_eq!(web.created.unwrap().to_string(), "2026-11-21T09:29:56.4691312Z");
    assert_eq!(web.started_at.unwrap().to_string(), "2026-11-21T09:29:56.774000354Z");
    assert_eq!((web.finished_at, web.oom_killed, web.restart_count, web.health), (None, Some(false), Some(0), None));
    let limits = Limits {
        memory_bytes: Some(64 << 20),
        memory_reservation_bytes: Some(32 << 20),
        memory_swap_bytes: Some(128 << 20),
        cpu_cores: Some(0.5),
        cpu_shares: None,
        pids: Some(50),
    };
    assert_eq!((web.limits, web.restart_policy), (limits, RestartPolicy::UnlessStopped));
    assert_eq!(web.network_mode, NetworkMode::Own("shop_back".into()));
    let [back] = web.networks.as_slice() else { panic!("one network: {:?}", web.networks) };
    assert_eq!((&*back.network, back.addresses.as_slice()), ("shop_back", ["172.18.0.2".parse().unwrap()].as_slice()));
    assert_eq!(back.aliases.iter().map(|alias| &**alias).collect::<Vec<_>>(), ["cfa39d04ea01", "web"]);
    let ports = [port(80, "tcp", "127.0.0.1", 18080), port(81, "udp", "0.0.0.0", 18081), port(81, "udp", "::", 18081)];
    assert_eq!(web.ports, ports);
    let mounts: Vec<_> = web.mounts.iter().map(|m| (&*m.destination, &*m.kind, &*m.source, m.read_write)).collect();
    assert_eq!(mounts, [("/data", "volume", "shop_data", true), ("/host", "bind", "/srv/shop", false)]);
}

#[test]
fn environment_and_command_end_here() {
    let web = recorded(include_str!("../../../tests/fixtures/engine/1.41/container-compose.json"));
    let shown = format!("{web:?}");
    assert!(!shown.contains("not-to-be-shown") && !shown.contains("sleep"), "{shown}");
}

#[test]
fn a_failing_health_check_as_recorded() {
    let health = recorded(include_str!("../../../tests/fixtures/engine/1.41/container-health.json")).health.unwrap();
    assert_eq!((health.status, health.failing_streak, health.results.len()), (HealthStatus::Unhealthy, Some(6), 5));
    assert!(health.results.is_sorted_by_key(|result| result.start));
    let last = health.results.last().unwrap();
    assert_eq!((last.exit_code, last.duration()), (1, Some(Duration::from_nanos(93_370_321))));
    assert_eq!((health.check.interval, health.check.timeout), (Duration::from_secs(2), Duration::from_secs(1)));
    assert_eq!((health.check.start_period, health.check.retries), (Duration::ZERO, 2));
}

#[test]
fn containers_that_do_not_run_as_recorded() {
    let exited = recorded(include_str!("../../../tests/fixtures/engine/1.41/container-exited.json"));
    assert_eq!((exited.state, exited.pid, exited.exit_code), (ContainerState::Exited, None, Some(3)));
    assert!(exited.finished_at > exited.started_at && !exited.completed());
    let oom = recorded(include_str!("../../../tests/fixtures/engine/1.41/container-oom.json"));
    assert_eq!((oom.oom_killed, oom.exit_code, oom.limits.memory_bytes), (Some(true), Some(137), Some(8 << 20)));
    let created = recorded(include_str!("../../../tests/fixtures/engine/1.41/container-created.json"));
    assert_eq!((created.state, created.exit_code, created.started_at), (ContainerState::Created, None, None));
    // `--no-healthcheck`, and a port that was asked for on every address.
    assert_eq!((created.health, created.ports), (None, vec![port(80, "tcp", "0.0.0.0", 18082)]));
}

#[test]
fn network_modes_as_recorded() {
    let paused = recorded(include_str!("../../../tests/fixtures/engine/1.41/container-paused-host.json"));
    assert_eq!((paused.state, &paused.network_mode), (ContainerState::Paused, &NetworkMode::Host));
    assert!(paused.has_processes());
    let side = recorded(include_str!("../../../tests/fixtures/engine/1.41/container-shared-network.json"));
    let NetworkMode::Container(other) = side.network_mode else { panic!("{:?}", side.network_mode) };
    assert!(other.starts_with("cfa39d04ea01") && side.networks.is_empty());
    let mode = |mode: Value| read(json!({ "HostConfig": { "NetworkMode": mode } })).network_mode;
    assert_eq!(mode(json!("none")), NetworkMode::None);
    assert_eq!(mode(json!("container:web")), NetworkMode::Container("web".into()));
    assert_eq!(
        [mode(json!("")), mode(Value::Null)],
        [NetworkMode::Own("default".into()), NetworkMode::Own("default".into())]
    );
}

/// The same containers as two engines eight major versions apart describe them.
#[test]
fn engine_28_says_the_same_as_engine_20() {
    macro_rules! both {
        ($file:literal) => {
            [
                recorded(include_str!(concat!("../../../tests/fixtures/engine/1.41/", $file, ".json"))),
                recorded(include_str!(concat!("../../../tests/fixtures/engine/1.51/", $file, ".json"))),
            ]
        };
    }
    let pairs = [
        both!("container-compose"),
        both!("container-health"),
        both!("container-exited"),
        both!("container-created"),
        both!("container-oom"),
        both!("container-paused-host"),
    ];
    for [old, new] in pairs {
        assert_eq!(
            (&old.name, &old.image, &old.labels, &old.identity),
            (&new.name, &new.image, &new.labels, &new.identity)
        );
        assert_eq!(
            (old.state, old.exit_code, old.oom_killed),
            (new.state, new.exit_code, new.oom_killed),
            "{}",
            old.name
        );
        assert_eq!(
            (old.pid.is_some(), old.limits, &old.restart_policy),
            (new.pid.is_some(), new.limits, &new.restart_policy)
        );
        assert_eq!((&old.ports, &old.mounts), (&new.ports, &new.mounts));
        // The newer engine writes out what `default` stands for.
        let resolved = |mode: &NetworkMode| match mode {
            NetworkMode::Own(name) if &**name == "default" => NetworkMode::Own("bridge".into()),
            other => other.clone(),
        };
        assert_eq!(resolved(&old.network_mode), new.network_mode);
        let networks =
            |c: &Container| c.networks.iter().map(|n| (n.network.clone(), n.addresses.len())).collect::<Vec<_>>();
        assert_eq!(networks(&old), networks(&new));
        let health = |c: &Container| c.health.as_ref().map(|h| (h.status, h.check, h.results.len()));
        assert_eq!(health(&old), health(&new));
    }
    // The names it answers to moved to a list of their own.
    let web = recorded(include_str!("../../../tests/fixtures/engine/1.51/container-compose.json"));
    assert_eq!(web.networks[0].aliases.iter().map(|a| &**a).collect::<Vec<_>>(), ["f15813f722ed", "shop-web-1", "web"]);
}

#[test]
fn an_empty_answer_is_a_container_of_which_nothing_is_known() {
    let empty = read(json!({}));
    assert_eq!((empty.id.as_str(), &*empty.name, &*empty.image), ("asked", "asked", ""));
    assert_eq!((empty.state, empty.pid, empty.exit_code), (ContainerState::Unknown, None, None));
    assert_eq!((empty.created, empty.started_at, empty.finished_at), (None, None, None));
    assert_eq!((empty.oom_killed, empty.restart_count, empty.health), (None, None, None));
    assert_eq!((empty.limits, empty.restart_policy), (Limits::default(), RestartPolicy::No));
    assert!(empty.networks.is_empty() && empty.ports.is_empty() && empty.mounts.is_empty());
}

#[test]
fn every_field_may_be_absent_alone() {
    // Takes one field after the other, at every depth, out of the fullest answers there are: reading must not fail.
    fn without_each(value: &Value, visit: &mut dyn FnMut(Value)) {
        if let Value::Object(fields) = value {
            for (key, field) in fields {
                let mut rest = fields.clone();
                rest.remove(key);
                visit(Value::Object(rest.clone()));
                without_each(field, &mut |smaller| {
                    rest.insert(key.clone(), smaller);
                    visit(Value::Object(rest.clone()));
                });
            }
        }
    }
    for text in [
        include_str!("../../../tests/fixtures/engine/1.41/container-compose.json"),
        include_str!("../../../tests/fixtures/engine/1.41/container-health.json"),
    ] {
        let whole: Value = serde_json::from_str(text).unwrap();
        let mut read_all = 0;
        without_each(&whole, &mut |smaller| {
            // As the client reads: where a type insists on a field (`GraphDriver.Data`), the second reading steps in.
            let answer = lenient::mend(smaller).expect("what is left to be read");
            assert_ne!(container(answer, &ContainerId::new("asked")).state, ContainerState::Dead);
            read_all += 1;
        });
        assert!(read_all > 150, "{read_all}");
    }
}

#[test]
fn limits_that_mean_none() {
    let limits = |host: Value| read(json!({ "HostConfig": host })).limits;
    let unlimited = json!({ "Memory": 0, "MemorySwap": -1, "MemoryReservation": 0, "NanoCpus": 0, "CpuQuota": -1, "CpuShares": 0, "PidsLimit": -1 });
    assert_eq!(limits(unlimited), Limits::default());
    assert_eq!(limits(json!({ "PidsLimit": 0, "CpuQuota": 0, "CpuPeriod": 50_000 })), Limits::default());
    assert_eq!(limits(json!({ "PidsLimit": null })), Limits::default());
}

#[test]
fn cpu_limits_in_cores() {
    let check = |host: Value, cores: f64| {
        assert_eq!(read(json!({ "HostConfig": host })).limits.cpu_cores, Some(cores), "{host}");
    };
    check(json!({ "NanoCpus": 1_500_000_000_i64 }), 1.5);
    check(json!({ "CpuQuota": 50_000 }), 0.5);
    check(json!({ "CpuQuota": 50_000, "CpuPeriod": 0 }), 0.5);
    check(json!({ "CpuQuota": 50_000, "CpuPeriod": 25_000 }), 2.0);
}

#[test]
fn states() {
    let check =
        |state: Value, expected: ContainerState| assert_eq!(read(json!({ "State": state })).state, expected, "{state}");
    for word in ["created", "running", "paused", "restarting", "removing", "exited", "dead"] {
        assert_eq!(read(json!({ "State": { "Status": word } })).state.as_str(), word);
    }
    check(json!({ "Status": "stopping" }), ContainerState::Running);
    check(json!({ "Status": "" }), ContainerState::Unknown);
    check(json!({ "Running": true, "Paused": true }), ContainerState::Paused);
    check(json!({ "Running": true, "Restarting": true }), ContainerState::Restarting);
    check(json!({ "Running": true }), ContainerState::Running);
    check(json!({ "Running": false, "Dead": true }), ContainerState::Dead);
}

#[test]
fn exit_codes() {
    let ended = "2026-11-21T09:29:57Z";
    let check = |state: Value, expected: Option<i64>| {
        assert_eq!(read(json!({ "State": state })).exit_code, expected, "{state}")
    };
    check(json!({ "ExitCode": 0, "Pid": 7, "FinishedAt": "0001-01-01T00:00:00Z" }), None);
    // A second run: 0 is not the code of the first.
    check(json!({ "ExitCode": 0, "Pid": 7, "FinishedAt": ended }), None);
    check(json!({ "ExitCode": 0, "Pid": 0, "FinishedAt": ended }), Some(0));
    check(json!({ "ExitCode": 0, "FinishedAt": "0001-01-01T00:00:00Z" }), None);
    // The program could not be started: no run, but a code.
    check(json!({ "ExitCode": 127, "FinishedAt": "0001-01-01T00:00:00Z" }), Some(127));
}

#[test]
fn times() {
    let check = |text: &str, expected: Option<&str>| {
        assert_eq!(time(Some(text)).map(|time| time.to_string()).as_deref(), expected, "{text}");
    };
    check("2026-11-21T10:29:56.5+01:00", Some("2026-11-21T09:29:56.5Z"));
    check("0001-01-01T00:00:00Z", None);
    check("0001-01-01T00:00:00+01:00", None);
    check("1970-01-01T00:00:00Z", None);
    check("", None);
    check("yesterday", None);
}

#[test]
fn health_checks() {
    let check = |config: Value, state: Value| {
        read(json!({ "Config": { "Healthcheck": config }, "State": { "Health": state } })).health
    };
    let full =
        check(json!({ "Test": ["CMD", "true"], "Interval": 0, "Retries": 0 }), json!({ "Status": "healthy" })).unwrap();
    assert_eq!((full.status, full.failing_streak), (HealthStatus::Healthy, None));
    assert_eq!((full.check.interval, full.check.timeout), (Duration::from_secs(30), Duration::from_secs(30)));
    assert_eq!((full.check.start_period, full.check.retries), (Duration::ZERO, 3));
    assert_eq!(check(json!({ "Test": ["NONE"] }), json!({ "Status": "healthy" })), None);
    assert_eq!(check(Value::Null, json!({ "Status": "", "FailingStreak": 0, "Log": null })), None);
    assert_eq!(check(Value::Null, json!({ "Status": "none" })), None);
    assert_eq!(check(json!({ "Test": [] }), Value::Null), None);
    // Declared by the image, reported by the engine, config not shown.
    assert_eq!(check(Value::Null, json!({ "Status": "starting" })).unwrap().status, HealthStatus::Starting);
    // Declared, never started.
    assert_eq!(check(json!({ "Test": ["CMD-SHELL", "x"] }), Value::Null).unwrap().status, HealthStatus::Unknown);
}

#[test]
fn restart_policies() {
    let check = |policy: Value, expected: RestartPolicy| {
        assert_eq!(read(json!({ "HostConfig": { "RestartPolicy": policy } })).restart_policy, expected);
    };
    check(json!({ "Name": "no" }), RestartPolicy::No);
    check(json!({ "Name": "" }), RestartPolicy::No);
    check(json!({ "Name": "always" }), RestartPolicy::Always);
    check(json!({ "Name": "on-failure", "MaximumRetryCount": 0 }), RestartPolicy::OnFailure(None));
    check(json!({ "Name": "on-failure", "MaximumRetryCount": 5 }), RestartPolicy::OnFailure(Some(5)));
    // What is left of an unknown name after mending.
    check(json!({ "MaximumRetryCount": 5 }), RestartPolicy::Unknown);
}

#[test]
fn ports_that_are_not_published() {
    let bindings = json!({
        "80/tcp": [{ "HostIp": "", "HostPort": "" }, { "HostPort": "0" }, { "HostPort": "8000-8010" }, { "HostIp": "::1", "HostPort": "8080" }],
        "odd/tcp": [{ "HostPort": "1" }], "81": [{ "HostPort": "81" }], "82/udp": null,
    });
    let stopped = read(json!({ "HostConfig": { "PortBindings": bindings } }));
    assert_eq!(stopped.ports, [port(80, "tcp", "::1", 8080), port(81, "tcp", "0.0.0.0", 81)]);
    let running =
        read(json!({ "State": { "Pid": 7 }, "HostConfig": { "PortBindings": { "80/tcp": [{ "HostPort": "80" }] } } }));
    assert!(running.ports.is_empty(), "asked for, not bound: {:?}", running.ports);
    let ports = json!({ "80/tcp": [{ "HostIp": "", "HostPort": "8080" }], "81/udp": null });
    for (state, ports, exposed) in [
        (json!({ "Pid": 7 }), ports.clone(), Some(2)),
        (json!({ "Pid": 7 }), json!({}), Some(0)),
        (json!({}), ports, None),
    ] {
        let read = read(json!({ "State": state, "NetworkSettings": { "Ports": ports } }));
        assert_eq!(read.exposed_ports, exposed);
    }
    assert_eq!(running.exposed_ports, None, "nothing said");
}

#[test]
fn networks_without_a_name_are_left_out() {
    let read = |value: Value| network(serde_json::from_value(value).unwrap());
    assert_eq!(read(json!({ "Name": "a" })), None);
    let back = read(json!({
        "Name": "back", "Id": "1", "Driver": "bridge", "Scope": "local", "Internal": true,
        "IPAM": { "Config": [{ "Subnet": "172.18.0.0/16" }, { "Subnet": "fd00::/64" }, {}] },
    }))
    .unwrap();
    assert_eq!((back.driver.as_deref(), back.internal, back.subnets.len()), (Some("bridge"), Some(true), 2));
}

fn mapped(event: Value) -> Vec<EventKind> {
    let line: api::EventMessage = serde_json::from_value(event).unwrap();
    events(line, Timestamp::UNIX_EPOCH).into_iter().map(|event| event.kind).collect()
}

#[test]
fn events_as_recorded() {
    let lines = include_str!("../../../tests/fixtures/engine/1.41/events.ndjson").lines();
    let read = |line| events(serde_json::from_str(line).unwrap(), Timestamp::UNIX_EPOCH);
    let all: Vec<_> = lines.flat_map(read).collect();
    assert!(all.iter().all(|event| event.time.to_string().starts_with("2026-11-21T09:")));
    let kinds: Vec<_> = all.iter().map(|event| &event.kind).collect();
    let count = |wanted: fn(&EventKind) -> bool| kinds.iter().filter(|kind| wanted(kind)).count();
    assert_eq!(count(|kind| matches!(kind, EventKind::Created(_))), 7);
    assert_eq!(count(|kind| matches!(kind, EventKind::Started(_))), 7);
    assert_eq!(count(|kind| matches!(kind, EventKind::Died { exit_code: Some(3 | 137), .. })), 5);
    assert_eq!(count(|kind| matches!(kind, EventKind::StopRequested { signal: Some(9 | 10 | 15), .. })), 6);
    assert_eq!(count(|kind| matches!(kind, EventKind::StopRequested { signal: None, .. })), 2);
    assert_eq!(count(|kind| matches!(kind, EventKind::Oom(_))), 1);
    assert_eq!(count(|kind| matches!(kind, EventKind::Health { status: HealthStatus::Healthy, .. })), 1);
    assert_eq!(count(|kind| matches!(kind, EventKind::Health { status: HealthStatus::Unhealthy, .. })), 1);
    assert_eq!(count(|kind| matches!(kind, EventKind::Other)), 0);
}

#[test]
fn the_order_of_an_end_differs_between_engines() {
    // Both orders are of one `docker stop` of the recorded container without a network of its own.
    let order = |lines: &str, wanted: &str| -> Vec<&'static str> {
        let read = |line| events(serde_json::from_str(line).unwrap(), Timestamp::UNIX_EPOCH);
        let words = lines.lines().flat_map(read).filter_map(|event| match event.kind {
            EventKind::StopRequested { id, signal: Some(_) } if id.as_str().starts_with(wanted) => Some("kill"),
            EventKind::StopRequested { id, signal: None } if id.as_str().starts_with(wanted) => Some("stop"),
            EventKind::Died { id, .. } if id.as_str().starts_with(wanted) => Some("die"),
            EventKind::Started(id) if id.as_str().starts_with(wanted) => Some("start"),
            _ => None,
        });
        words.collect()
    };
    let old = order(include_str!("../../../tests/fixtures/engine/1.41/events.ndjson"), "d6dca7039a31");
    assert_eq!(old, ["start", "kill", "kill", "die", "stop", "start", "kill", "kill", "die", "stop"]);
    let new = order(include_str!("../../../tests/fixtures/engine/1.51/events.ndjson"), "2f60ac0a339b");
    assert_eq!(new, ["start", "kill", "kill", "stop", "die", "start", "kill", "kill", "stop", "die"]);
}

#[test]
fn event_words() {
    let id = || ContainerId::new("abc");
    let of = |action: &str, attributes: Value| {
        mapped(json!({ "Type": "container", "Action": action, "Actor": { "ID": "abc", "Attributes": attributes } }))
    };
    let health = |status| vec![EventKind::Health { id: id(), status }];
    assert_eq!(of("die", json!({ "exitCode": "0" })), [EventKind::Died { id: id(), exit_code: Some(0) }]);
    assert_eq!(of("die", json!({})), [EventKind::Died { id: id(), exit_code: None }]);
    assert_eq!(of("died", json!({ "containerExitCode": "2" })), [EventKind::Died { id: id(), exit_code: Some(2) }]);
    assert_eq!(of("kill", json!({ "signal": "SIGTERM" })), [EventKind::StopRequested { id: id(), signal: None }]);
    assert_eq!(of("health_status: starting", json!({})), health(HealthStatus::Starting));
    assert_eq!(of("health_status:healthy", json!({})), health(HealthStatus::Healthy));
    assert_eq!(of("health_status", json!({ "health_status": "unhealthy" })), health(HealthStatus::Unhealthy));
    assert_eq!(of("health_status: running", json!({})), [EventKind::Other]);
    assert_eq!(of("health_status: poorly", json!({})), [EventKind::Changed(id())]);
    assert_eq!(of("remove", json!({})), [EventKind::Destroyed(id())]);
    for action in ["pause", "unpause", "rename", "update", "restart"] {
        assert_eq!(of(action, json!({})), [EventKind::Changed(id())], "{action}");
    }
    assert_eq!(of("exec_die", json!({})), [EventKind::Other]);
    assert_eq!(mapped(json!({ "Type": "container", "Action": "start" })), [EventKind::Other]);
    assert_eq!(mapped(json!({})), [EventKind::Other]);
}

#[test]
fn joining_a_network_changes_the_container_and_the_network() {
    let of = |action: &str, attributes: Value| {
        mapped(json!({ "Type": "network", "Action": action, "Actor": { "ID": "net", "Attributes": attributes } }))
    };
    let both = [EventKind::Changed(ContainerId::new("abc")), EventKind::NetworkChanged];
    assert_eq!(of("connect", json!({ "container": "abc" })), both);
    assert_eq!(of("disconnect", json!({ "container": "abc" })), both);
    assert_eq!(of("connect", json!({})), [EventKind::NetworkChanged]);
    for action in ["create", "destroy", "remove"] {
        assert_eq!(of(action, json!({})), [EventKind::NetworkChanged], "{action}");
    }
}

#[test]
fn an_event_without_a_time_happened_when_it_came() {
    let read = |value: Value| events(serde_json::from_value(value).unwrap(), Timestamp::UNIX_EPOCH).remove(0).time;
    assert_eq!(read(json!({ "time": 5, "timeNano": 5_000_000_007_i64 })).to_string(), "1970-01-01T00:00:05.000000007Z");
    assert_eq!(read(json!({ "time": 5 })).to_string(), "1970-01-01T00:00:05Z");
    assert_eq!(read(json!({ "time": 0 })), Timestamp::UNIX_EPOCH);
}
