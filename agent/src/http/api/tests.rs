//! Field names and shapes, held by the examples of `docs/api.md`: `UPDATE_GOLDEN=1 cargo test` writes them anew.

mod isolated;
mod probed;
mod remembered;
mod traced;

use std::{fmt::Write, path::Path, sync::Arc, time::Duration};

use serde_json::Value;

pub(in crate::http) use self::{
    isolated::board as isolated, probed::board as probed, remembered::board as remembered, traced::board as traced,
};
use super::*;
use crate::{
    http::routes,
    inventory::{EngineStatus, Entry, ServiceEntry},
    logs::board::{Dropped, Outcome, Reading, Trouble, TroubleKind},
    model::{
        Attachment, Container, ContainerId, ContainerState, Durations, EngineInfo, EngineVersion, Health, HealthCheck,
        HealthResult, HealthStatus, Identity, Labels, Limits, Mount, NetworkMode, PublishedPort, RestartPolicy,
        ServiceCounters,
    },
    telemetry::Sandboxed,
};

fn time(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn key(project: &str, service: &str) -> ServiceKey {
    ServiceKey { project: project.into(), service: service.into() }
}

/// A container of which nothing but the obligatory is known.
pub(in crate::http) fn bare(name: &str) -> Entry {
    let container = Container {
        image: "busybox".into(),
        labels: Labels::default(),
        ..Container::bare("0".repeat(64), name, Labels::default())
    };
    Entry::bare(container, time("2026-03-01T12:00:00Z"))
}

/// A container of which everything is known.
pub(in crate::http) fn full() -> Entry {
    let mut entry = bare("shop-web-1");
    let health_start = time("2026-03-01T11:59:41.5Z");
    entry.container = Container {
        id: ContainerId::new("4f1d".repeat(16)),
        image: "shop/web:1.4.2".into(),
        image_id: Some(format!("sha256:{}", "ab12".repeat(16)).into()),
        labels: Labels::new([("com.example.password".into(), "hunter2".into())]),
        identity: Identity { key: key("shop", "web"), replica: "1".into(), one_off: false },
        created: Some(time("2026-02-20T08:00:00Z")),
        state: ContainerState::Running,
        pid: Some(4711),
        started_at: Some(time("2026-02-20T08:00:01.25Z")),
        finished_at: Some(time("2026-02-20T07:59:58Z")),
        exit_code: Some(0),
        oom_killed: Some(false),
        restart_count: Some(2),
        health: Some(Health {
            status: HealthStatus::Healthy,
            failing_streak: Some(0),
            results: vec![HealthResult {
                start: health_start,
                end: Some(health_start + Duration::from_millis(125)),
                exit_code: 0,
            }],
            check: HealthCheck {
                interval: Duration::from_secs(30),
                timeout: Duration::from_secs(5),
                start_period: Duration::from_secs(10),
                retries: 3,
            },
        }),
        limits: Limits { memory_bytes: Some(256 << 20), cpu_cores: Some(1.5), pids: Some(100), ..Limits::default() },
        restart_policy: RestartPolicy::OnFailure(Some(5)),
        network_mode: NetworkMode::Own("shop_default".into()),
        networks: vec![Attachment {
            network: "shop_default".into(),
            network_id: Some("9c".repeat(32).into()),
            addresses: vec!["172.18.0.3".parse().unwrap()],
            aliases: vec!["web".into()],
        }],
        ports: vec![PublishedPort {
            container_port: 8080,
            protocol: "tcp".into(),
            host_ip: "127.0.0.1".into(),
            host_port: 80,
        }],
        mounts: vec![Mount {
            destination: "/data".into(),
            kind: "volume".into(),
            source: "shop_data".into(),
            read_write: true,
        }],
        ..entry.container
    };
    entry.image_created = Some(time("2026-02-19T16:30:00Z"));
    entry
}

fn durations(seconds: &[u64]) -> Durations {
    let mut durations = Durations::default();
    seconds.iter().for_each(|seconds| durations.observe(std::time::Duration::from_secs(*seconds)));
    durations
}

/// A host with one full container, one bare one and the first one's service.
pub(in crate::http) fn snapshot() -> Snapshot {
    let service = ServiceEntry {
        key: key("shop", "web"),
        counters: ServiceCounters {
            starts: 3,
            restarts: 2,
            exits: [0, 1, 0, 1],
            oom_kills: 1,
            became_healthy: 3,
            became_unhealthy: 1,
            health_passed: 1200,
            health_failed: 4,
            health_timed_out: 1,
            startup: durations(&[4, 12]),
            failover: durations(&[9]),
        },
        expected: 1,
        running: 1,
        healthy: 1,
        completed: 0,
        stopped: 0,
        checked: true,
    };
    let version = EngineVersion {
        version: "28.5.1".into(),
        negotiated: "1.51".into(),
        kernel: Some("6.12.48".into()),
        ..EngineVersion::default()
    };
    let info = EngineInfo {
        name: "harbour".into(),
        operating_system: Some("Debian GNU/Linux 13 (trixie)".into()),
        ..EngineInfo::default()
    };
    Snapshot {
        generation: 7,
        containers: vec![Arc::new(bare("forgotten")), Arc::new(full())],
        services: vec![Arc::new(service)],
        engine: EngineStatus {
            connected: true,
            heard_at: Some(time("2026-03-01T12:00:00Z")),
            trouble: None,
            version: Some(Arc::new(version)),
            info: Some(Arc::new(info)),
            ready_since: Some(time("2026-03-01T09:30:00Z")),
        },
        ..Snapshot::default()
    }
}

/// A picture looked at 1.5 s after the engine was last heard.
pub(in crate::http) fn view(snapshot: &Snapshot) -> View<'_> {
    View {
        snapshot,
        host: Some("harbour"),
        logs: None,
        probes: None,
        policy: None,
        isolation: None,
        traces: None,
        history: None,
        now: time("2026-03-01T12:00:01.5Z"),
    }
}

/// One Loki that takes lines, one that is away, and the service's lines.
pub(in crate::http) fn board() -> Board {
    let board = Board::new(["loki:3100", "logs.example.org"].map(str::to_owned));
    let [first, second] = board.destinations() else { panic!("two were given") };
    first.push(Outcome::Ok);
    first.sent_lines.add(41_230);
    first.sent_bytes.add(1_204_224);
    first.last_ack.set(1_772_366_400_250);
    second.push(Outcome::Retry);
    for log in [first, second] {
        log.spool_limit.set(1 << 30);
    }
    second.queued_bytes.set(65_536);
    second.spool_bytes.set(8_388_608);
    second.spool_oldest.set(1_772_365_801_500);
    let text = "connect to logs.example.org: connection refused".to_owned();
    second.set_trouble(Some(Trouble { kind: TroubleKind::Unreachable, text }));
    let web = board.service(&key("shop", "web"));
    web.read_lines.add(41_250);
    web.read_bytes.add(9_865_120);
    web.sent_lines.add(41_230);
    web.drop_lines(Dropped::Rule, 20);
    web.redactions.add(3);
    web.set_oldest(1, Some(1_772_365_796_500_000_000));
    board.service(&key("", "forgotten"));
    board.set_readings([
        Reading { source: "file", reason: String::new() },
        Reading { source: "none", reason: "driver_none".into() },
    ]);
    board
}

fn json(value: &impl Serialize) -> Value {
    serde_json::to_value(value).unwrap()
}

/// What stands between `<!-- name -->` and `<!-- end -->` is replaced.
fn put(doc: &str, name: &str, text: &str) -> String {
    let (before, rest) = doc.split_once(&format!("<!-- {name} -->\n")).unwrap_or_else(|| panic!("no mark {name}"));
    let (_, after) = rest.split_once("<!-- end -->").unwrap_or_else(|| panic!("no end of {name}"));
    format!("{before}<!-- {name} -->\n{text}<!-- end -->{after}")
}

#[test]
fn the_documentation_is_in_step() {
    let snapshot = snapshot();
    let view = view(&snapshot);
    let web = Filter::from_query(Some("project=shop&service=web"));
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/api.md");
    let found = std::fs::read_to_string(&path).unwrap();
    let mut expected = put(&found, "routes", &routes::markdown());
    for (name, value) in [
        ("containers", serde_json::to_string_pretty(&view.containers(&web)).unwrap()),
        ("logs", serde_json::to_string_pretty(&View { logs: Some(&board()), ..view }.logs(&web)).unwrap()),
        ("probes", serde_json::to_string_pretty(&View { probes: Some(&probed()), ..view }.probes(&web)).unwrap()),
        (
            "isolation",
            serde_json::to_string_pretty(
                &View { isolation: Some(&isolated()), ..view }.isolation(&Filter::from_query(Some("project=shop"))),
            )
            .unwrap(),
        ),
        (
            "traces",
            serde_json::to_string_pretty(
                &View { traces: Some(&traced()), ..view }.traces(&Filter::from_query(Some("project=shop"))),
            )
            .unwrap(),
        ),
        ("services", serde_json::to_string_pretty(&view.services(&web)).unwrap()),
        (
            "history",
            remembered::short(
                &serde_json::to_string_pretty(
                    &View { history: Some(&remembered(&snapshot)), ..view }.history(&Filter::default()),
                )
                .unwrap(),
            ),
        ),
        (
            "objectives",
            serde_json::to_string_pretty(
                &View { history: Some(&remembered(&snapshot)), ..view }.objectives(&Filter::default()),
            )
            .unwrap(),
        ),
        ("version", pretty(&Version { revision: None, ..view.version(&given_up()) })),
        ("health", pretty(&view.health(true))),
    ] {
        let mut block = String::new();
        write!(block, "```json\n{value}\n```\n").unwrap();
        expected = put(&expected, name, &block);
    }
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&path, &expected).unwrap();
    } else {
        assert!(
            found == expected,
            "docs/api.md is out of step: run again with UPDATE_GOLDEN=1 and read the difference"
        );
    }
}

/// As people read it, with a version that does not change with each release.
fn pretty(value: &impl Serialize) -> String {
    let text = serde_json::to_string_pretty(value).unwrap();
    text.replacen(&format!("\"version\": \"{AGENT_VERSION}\""), "\"version\": \"0.1.0\"", 1)
}

#[test]
fn what_is_not_known_is_left_out() {
    let snapshot = snapshot();
    let forgotten = Filter::from_query(Some("service=forgotten"));
    let answer = json(&view(&snapshot).containers(&forgotten));
    let container = answer["containers"][0].as_object().unwrap();
    let keys: Vec<_> = container.keys().map(String::as_str).collect();
    assert_eq!(
        keys,
        [
            "completed",
            "id",
            "image",
            "inspected_at",
            "limits",
            "mounts",
            "name",
            "network_mode",
            "networks",
            "one_off",
            "oom_events",
            "ports",
            "project",
            "replica",
            "restart_policy",
            "service",
            "state",
            "stopped_by_person",
        ]
    );
    assert_eq!(container["limits"], serde_json::json!({}));
    let nothing = json(
        &View {
            host: None,
            snapshot: &Snapshot::default(),
            logs: None,
            policy: None,
            probes: None,
            isolation: None,
            traces: None,
            history: None,
            now: time("2026-03-01T12:00:00Z"),
        }
        .containers(&Filter::default()),
    );
    assert_eq!(nothing, serde_json::json!({"engine": {"connected": false}, "containers": []}));
}

/// What an agent has given up on a kernel without Landlock.
fn given_up() -> Vec<Sandboxed> {
    let measure = |process, measure, holds| Sandboxed { process, measure, holds };
    let mut all = vec![measure("agent", "socket_parted", true)];
    for process in ["agent", "broker"] {
        for name in ["not_dumpable", "no_new_privileges", "seccomp", "no_capabilities"] {
            all.push(measure(process, name, true));
        }
        all.push(measure(process, "landlock", false));
    }
    all
}

#[test]
fn nowhere_is_a_null_nor_a_label() {
    let snapshot = snapshot();
    let view = view(&snapshot);
    for value in [
        json(&view.containers(&Filter::default())),
        json(&view.services(&Filter::default())),
        json(&View { logs: Some(&board()), ..view }.logs(&Filter::default())),
        json(&view.logs(&Filter::default())),
        json(&view.version(&given_up())),
        json(&view.health(true)),
    ] {
        let text = value.to_string();
        assert!(!text.contains("null") && !text.contains("hunter2"), "{text}");
    }
}

#[test]
fn isolation_is_told_by_whoever_begins_and_by_whomever_is_reached() {
    let (snapshot, board) = (snapshot(), isolated());
    let view = View { isolation: Some(&board), ..view(&snapshot) };
    let answer = |query| json(&view.isolation(&Filter::from_query(query)));
    let count = |answer: &Value| {
        ["findings", "waived", "coverage", "matrix", "graph"].map(|part| answer[part].as_array().unwrap().len())
    };
    assert_eq!(count(&answer(None)), [4, 1, 2, 6, 2]);
    assert_eq!(count(&answer(Some("project=shop&service=api"))), [1, 0, 2, 3, 1]);
    assert_eq!(count(&answer(Some("project=other"))), [0, 0, 0, 0, 0]);
    let whole = answer(None);
    assert!(!whole.to_string().contains("null"), "{whole}");
    assert_eq!(
        whole["tiers"][2],
        serde_json::json!({"mode": "active", "runs": false, "reason": "isolation.active is off"})
    );
    let idle = crate::isolation::board::Board::default();
    let nothing = json(&View { isolation: Some(&idle), ..view }.isolation(&Filter::default()));
    assert_eq!(nothing["tiers"][0]["reason"], "no project of the policy has a say in it");
}

/// A port that is open and not listed is told once; what isolation has found stands among the others, by weight.
#[test]
fn findings_of_isolation_stand_in_the_one_list() {
    use crate::policy::{Board as Policies, RootFiles};
    let (snapshot, board, policies) = (snapshot(), isolated(), Policies::default());
    let view = View { isolation: Some(&board), policy: Some(&policies), ..view(&snapshot) };
    let answer = json(&view.findings(&Filter::from_query(Some("project=shop"))));
    let classes: Vec<_> =
        answer["findings"].as_array().unwrap().iter().map(|found| found["class"].as_str().unwrap()).collect();
    assert_eq!(classes[..3], ["internal_flag", "unexpected_reachability", "missing_flow"], "{classes:?}");
    assert_eq!(classes.last(), Some(&"excess_reachability"));
    let first = &answer["findings"][0];
    assert_eq!(first["message"], "network back is not internal (static)");
    let unseen =
        answer["not_checked"].as_array().unwrap().iter().find(|look| look["class"] == "unexpected_flow").unwrap();
    assert_eq!(unseen["reason"], "passive tier: mail: its processes have gone while they were read");

    let policy: crate::policy::Policy = crate::policy::Policy {
        projects: vec![Arc::new(crate::policy::Project { name: "shop".into(), ..Default::default() })],
        ..Default::default()
    };
    let policies = Policies::new(Arc::new(policy), RootFiles::default(), Default::default());
    let before = policies.verdict(&snapshot, view.now);
    let unlisted = |verdict: &crate::policy::Verdict| {
        verdict.findings.iter().filter(|found| found.class == crate::policy::Class::PortUnlisted).count()
    };
    assert_eq!(unlisted(&before), 1, "{:?}", before.findings);
    let mut report = crate::isolation::verdict::Report::clone(&board.report());
    let subject =
        before.findings.iter().find(|found| found.class == crate::policy::Class::PortUnlisted).unwrap().subject.clone();
    report.findings[0].class = crate::policy::Class::Exposure;
    report.findings[0].service = key("shop", "web");
    report.findings[0].subject = format!("{subject} on 0.0.0.0").into();
    assert_eq!(unlisted(&report.join(&before)), 0);
    assert_eq!(report.apart(&before).map(|verdict| unlisted(&verdict)), Some(0));
    report.findings[0].subject = format!("1{subject} on 0.0.0.0").into();
    assert_eq!(unlisted(&report.join(&before)), 1, "another port");
    assert!(report.apart(&before).is_none());
}

#[test]
fn filters_are_equalities() {
    let snapshot = snapshot();
    let names = |query| {
        let answer = json(&view(&snapshot).containers(&Filter::from_query(query)));
        let containers = answer["containers"].as_array().unwrap().clone();
        containers.iter().map(|container| container["name"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    for (query, expected) in [
        (None, &["forgotten", "shop-web-1"][..]),
        (Some("other=1"), &["forgotten", "shop-web-1"]),
        (Some("project=shop"), &["shop-web-1"]),
        (Some("project="), &["forgotten"]),
        (Some("project=%73hop&service=web"), &["shop-web-1"]),
        (Some("project=sho"), &[]),
        (Some("project=shop&service=db"), &[]),
        (Some("project=none&project=shop"), &["shop-web-1"]),
    ] {
        assert_eq!(names(query), expected, "{query:?}");
    }
}

#[test]
fn an_exit_code_belongs_to_a_run_that_has_ended() {
    for (state, shown) in [
        (ContainerState::Running, false),
        (ContainerState::Paused, false),
        (ContainerState::Exited, true),
        (ContainerState::Restarting, true),
        (ContainerState::Dead, true),
    ] {
        let mut entry = full();
        entry.container.state = state;
        let value = json(&container::Container::new(&entry, None));
        assert_eq!(value.get("exit_code").is_some(), shown, "{state:?}");
    }
}

#[test]
fn one_word_says_how_the_agent_is() {
    let status = |live, ready, connected| {
        let mut snapshot = snapshot();
        snapshot.engine.connected = connected;
        snapshot.engine.ready_since = snapshot.engine.ready_since.filter(|_| ready);
        json(&view(&snapshot).health(live))["status"].as_str().unwrap().to_owned()
    };
    for (live, ready, connected, expected) in [
        (true, true, true, "ok"),
        (true, true, false, "degraded"),
        (true, false, true, "starting"),
        (true, false, false, "starting"),
        (false, true, true, "failed"),
        (false, false, false, "failed"),
    ] {
        assert_eq!(status(live, ready, connected), expected);
    }
}

#[test]
fn a_clock_set_back_makes_no_negative_age() {
    let snapshot = snapshot();
    let view = View { now: time("2026-03-01T11:00:00Z"), ..view(&snapshot) };
    assert_eq!(view.engine().age_seconds, Some(0.0));
}

#[test]
fn logs_are_told_by_service_and_by_destination() {
    let (snapshot, board) = (snapshot(), board());
    let view = View { logs: Some(&board), ..view(&snapshot) };
    let answer = json(&view.logs(&Filter::from_query(Some("service=web"))));
    assert_eq!(answer["destinations"][1]["trouble"]["kind"], "unreachable");
    assert_eq!(answer["destinations"][1]["spool"]["oldest_age_seconds"], 600.0);
    assert_eq!(answer["destinations"][0]["state"], "ok");
    assert_eq!(answer["services"].as_array().unwrap().len(), 1);
    assert_eq!(answer["services"][0]["dropped_lines"], serde_json::json!({"rule": 20}));
    assert_eq!(answer["services"][0]["lag_seconds"], 605.0);
    assert_eq!(answer["sources"][1], serde_json::json!({"source": "none", "reason": "driver_none", "containers": 1}));
    let off = json(&View { logs: None, ..view }.logs(&Filter::default()));
    assert_eq!(off, serde_json::json!({"host": "harbour", "destinations": [], "services": [], "sources": []}));
}

#[test]
fn otlp_is_told_by_project_and_by_either_name_of_a_service() {
    let snapshot = snapshot();
    let board = traced();
    let view = View { traces: Some(&board), ..view(&snapshot) };
    let answer = |query| json(&view.traces(&Filter::from_query(query)));
    let names = |answer: &Value| -> Vec<String> {
        answer["services"].as_array().unwrap().iter().map(|of| of["service"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(names(&answer(None)), ["stray", "orders", "shopfront"]);
    assert_eq!(names(&answer(Some("project=shop"))), ["orders", "shopfront"]);
    assert_eq!(names(&answer(Some("service=web"))), ["shopfront"], "what the container is");
    assert_eq!(names(&answer(Some("service=orders"))), ["orders"], "what it calls itself");
    assert_eq!(answer(Some("service=orders"))["calls"].as_array().unwrap().len(), 1);
    assert_eq!(answer(Some("project="))["calls"], serde_json::json!([]));
    assert_eq!(answer(None)["destinations"][0]["oldest_age_seconds"], 11.5);
    assert_eq!(answer(None)["refused"], serde_json::json!({"too_long": 1}), "no word that came to nothing");
    let nothing = json(&View { traces: None, ..view }.traces(&Filter::default()));
    assert_eq!((&nothing["destinations"], &nothing["services"]), (&serde_json::json!([]), &serde_json::json!([])));
}
