//! One planted violation of each class, and a clean host.

mod edges;

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use jiff::Timestamp;

use super::{Scene, judge};
use crate::{
    inventory::{EngineStatus, Entry, Snapshot},
    model::{
        Confinement, Container, ContainerFilter, ContainerId, ContainerState, EngineInfo, Glob, Health, HealthCheck,
        HealthStatus, Labels, Limits as Given, Mount, NetworkMode, PublishedPort, RestartPolicy,
    },
    policy::{
        Amount, CLASSES, Class, Exception, Layer, Limits, Policy, Profile, Project, Publish, SecretFiles, ServiceRule,
        Severity, Tier, Verdict,
    },
};

const NOW: &str = "2026-03-01T12:00:00Z";

pub(crate) fn now() -> Timestamp {
    NOW.parse().unwrap()
}

/// Every secret was written at this time, or cannot be seen.
struct Written(Option<Timestamp>);

impl SecretFiles for Written {
    fn modified(&self, _: &Mount) -> Result<Timestamp, &'static str> {
        self.0.ok_or("not seen")
    }
}

/// A container that nothing is wrong with.
pub(crate) fn sound(project: &str, service: &str) -> Container {
    let pairs = [("com.docker.compose.project", project), ("com.docker.compose.service", service)];
    let labels = Labels::new(pairs.map(|(key, value)| (key.into(), value.into())));
    let name = format!("{project}-{service}-1");
    let check = HealthCheck {
        interval: Duration::from_secs(15),
        timeout: Duration::from_secs(5),
        start_period: Duration::ZERO,
        retries: 3,
    };
    Container {
        image: "registry.example/shop/web:1.2".into(),
        state: ContainerState::Running,
        pid: Some(7),
        health: Some(Health { status: HealthStatus::Healthy, failing_streak: None, results: Vec::new(), check }),
        limits: Given { memory_bytes: Some(1 << 30), cpu_cores: Some(1.0), ..Given::default() },
        restart_policy: RestartPolicy::UnlessStopped,
        network_mode: NetworkMode::Own("shop".into()),
        confinement: Confinement {
            user: Some("1000".into()),
            read_only_root: Some(true),
            privileged: Some(false),
            ..Confinement::default()
        },
        ..Container::bare(name.as_str(), &name, labels)
    }
}

pub(crate) fn snapshot(containers: Vec<Container>) -> Snapshot {
    let entry = |container: Container| Arc::new(Entry::bare(container, now()));
    let mut containers: Vec<_> = containers.into_iter().map(entry).collect();
    containers.sort_by(|a, b| a.container.identity.key.cmp(&b.container.identity.key));
    let info = EngineInfo { cpus: Some(4), memory_bytes: Some(8 << 30), ..EngineInfo::default() };
    let engine = EngineStatus { info: Some(Arc::new(info)), ready_since: Some(now()), ..EngineStatus::default() };
    Snapshot { host: Some("whale".into()), containers, engine, ..Snapshot::default() }
}

fn rule(name: &str) -> ServiceRule {
    ServiceRule { name: name.into(), tier: Some("important".into()), ..ServiceRule::default() }
}

/// One tier, one project with the service `web`.
pub(crate) fn policy() -> Policy {
    let limits = Limits {
        memory: Some(Amount::exactly(f64::from(1 << 30))),
        cpus: Some(Amount::exactly(1.0)),
        ..Limits::default()
    };
    let base = Layer { services: vec![rule("web")], ..Layer::default() };
    let mut policy = Policy {
        tiers: vec![Arc::new(Tier {
            name: "important".into(),
            severity: Severity::Warning,
            limits,
            objectives: vec![],
        })],
        projects: vec![Arc::new(Project { name: "shop".into(), base, ..Project::default() })],
        ..Policy::default()
    };
    policy.checks.secrets_max_age = Some(Duration::from_secs(90 * 86_400));
    policy
}

fn verdict_of(policy: &Policy, snapshot: &Snapshot, written: Option<&str>) -> Verdict {
    let files = Written(written.map(|time| time.parse().unwrap()));
    let filter = ContainerFilter::default();
    judge(&Arc::new(policy.clone()), &Scene { snapshot, now: now(), files: &files, filter: &filter })
}

/// Words of what is found in a policy and the service `web` as they were changed.
fn found(change: impl Fn(&mut Policy, &mut Container)) -> Vec<(&'static str, String)> {
    let (mut policy, mut web) = (policy(), sound("shop", "web"));
    change(&mut policy, &mut web);
    let verdict = verdict_of(&policy, &snapshot(vec![web]), Some(NOW));
    verdict.findings.iter().map(|finding| (finding.class.as_str(), finding.subject.to_string())).collect()
}

fn project(policy: &mut Policy) -> &mut Project {
    Arc::get_mut(&mut policy.projects[0]).unwrap()
}

fn tier(policy: &mut Policy) -> &mut Tier {
    Arc::get_mut(&mut policy.tiers[0]).unwrap()
}

pub(crate) fn published(port: u16) -> PublishedPort {
    PublishedPort { container_port: 80, protocol: "tcp".into(), host_ip: "0.0.0.0".into(), host_port: port }
}

#[test]
fn a_sound_host_is_clean() {
    assert_eq!(found(|_, _| {}), []);
    let verdict = verdict_of(&policy(), &snapshot(vec![sound("shop", "web")]), Some(NOW));
    assert!(!verdict.is_violated() && verdict.not_checked.is_empty());
    assert!(verdict.checked > 10 && verdict.coverage() == 1.0);
    assert_eq!(verdict.tiers.values().map(|tier| &**tier).collect::<Vec<_>>(), ["important"]);
}

/// What is planted, and what is found of it.
type Planted = (fn(&mut Policy, &mut Container), Class, &'static str);

const PLANTED: &[Planted] = &[
    (|policy, _| project(policy).base.services.push(rule("worker")), Class::ServiceMissing, ""),
    (|policy, _| project(policy).base.services[0].replicas = Some(Amount::exactly(2.0)), Class::ReplicasMissing, ""),
    (|_, web| (web.state, web.pid) = (ContainerState::Exited, None), Class::ReplicasMissing, ""),
    (
        |policy, web| {
            project(policy).base.services[0].name = "other*".into();
            let labels = web.labels.iter().map(|(key, value)| (key.into(), value.into()));
            web.labels = Labels::new(labels.chain([("spyhop.tier".into(), "important".into())]));
        },
        Class::UnlistedService,
        "",
    ),
    (|policy, _| project(policy).base.services[0].tier = None, Class::NoTier, ""),
    (|_, web| web.limits.memory_bytes = None, Class::LimitMissing, "memory"),
    (|_, web| web.limits.cpu_cores = None, Class::LimitMissing, "cpus"),
    (|policy, _| tier(policy).limits.pids = Some(Amount::ANY), Class::LimitMissing, "pids"),
    (|_, web| web.limits.memory_bytes = Some(2 << 30), Class::LimitWrong, "memory"),
    (
        |policy, _| tier(policy).limits.memory_reservation = Some(Amount::ANY),
        Class::ReservationMissing,
        "memory_reservation",
    ),
    (
        |policy, web| {
            tier(policy).limits.memory_reservation = Some(Amount::exactly(512.0));
            web.limits.memory_reservation_bytes = Some(1024);
        },
        Class::ReservationWrong,
        "memory_reservation",
    ),
    (|policy, _| policy.checks.overcommit.memory = 0.1, Class::Overcommit, "memory"),
    (|policy, _| policy.checks.overcommit.cpus = 0.1, Class::Overcommit, "cpus"),
    (|_, web| web.health = None, Class::HealthCheckMissing, ""),
    (|_, web| web.restart_policy = RestartPolicy::No, Class::RestartPolicyMissing, ""),
    (|_, web| web.image = "registry.example:5000/web".into(), Class::ImageUnpinned, ""),
    (|_, web| web.image = "web:latest".into(), Class::ImageUnpinned, ""),
    (|policy, _| policy.checks.image_pin = crate::policy::ImagePin::Digest, Class::ImageUnpinned, ""),
    (|_, web| web.confinement.secret_variables.push("DB_PASSWORD".into()), Class::SecretInEnvironment, "DB_PASSWORD"),
    (
        |policy, _| project(policy).base.services[0].replicas = Some(Amount { least: None, most: Some(0.0) }),
        Class::ReplicasExcess,
        "",
    ),
    (|_, web| web.confinement.user = Some("".into()), Class::RootUser, ""),
    (|_, web| web.confinement.privileged = Some(true), Class::Privileged, ""),
    (|_, web| web.confinement.read_only_root = Some(false), Class::WritableRoot, ""),
    (|_, web| web.ports.push(published(5432)), Class::PortUnlisted, "5432/tcp"),
    (
        |policy, _| project(policy).base.services[0].publish = Some(vec![Publish::parse("443").unwrap()]),
        Class::PortMissing,
        "443",
    ),
    (|_, web| web.image = "gcr.io/cadvisor/cadvisor:v0.49".into(), Class::WatchedTwice, ""),
];

#[test]
fn each_planted_violation_is_found_once_and_alone() {
    for (plant, class, subject) in PLANTED {
        assert_eq!(found(plant), [(class.as_str(), (*subject).to_owned())]);
    }
    let planted: BTreeSet<_> =
        PLANTED.iter().map(|(_, class, _)| *class).chain([Class::ExceptionExpired, Class::SecretStale]).collect();
    assert_eq!(
        planted,
        CLASSES.iter().copied().filter(|class| !class.is_isolation()).collect(),
        "a class that nobody plants"
    );
}

#[test]
fn secrets_grow_old_or_cannot_be_seen() {
    let mount = |kind: &str, destination: &str| Mount {
        destination: destination.into(),
        kind: kind.into(),
        source: "/srv/db".into(),
        read_write: false,
    };
    let mut web = sound("shop", "web");
    web.mounts = vec![mount("bind", "/run/secrets/db"), mount("volume", "/run/secrets/other"), mount("bind", "/data")];
    let snapshot = snapshot(vec![web]);
    let old = verdict_of(&policy(), &snapshot, Some("2025-11-01T00:00:00Z"));
    let words: Vec<_> = old.findings.iter().map(|finding| (finding.class, finding.message.as_str())).collect();
    assert_eq!(words, [(Class::SecretStale, "secret db is 120 days old, 90 is the oldest")]);
    assert!(verdict_of(&policy(), &snapshot, Some("2026-02-01T00:00:00Z")).findings.is_empty());
    let unseen = verdict_of(&policy(), &snapshot, None);
    assert!(unseen.findings.is_empty() && unseen.coverage() < 1.0);
    assert_eq!(unseen.not_checked[0].reason, "secret db: not seen");
    let mut folder = sound("shop", "web");
    folder.mounts = vec![mount("bind", "/run/secrets")];
    assert_eq!(verdict_of(&policy(), &super::tests::snapshot(vec![folder]), Some(NOW)).not_checked.len(), 1);
}

#[test]
fn a_host_without_a_policy_is_held_to_what_every_host_should_have() {
    let mut bare = sound("", "lone");
    (bare.limits, bare.health) = (Given::default(), None);
    bare.ports.push(published(80));
    let verdict = verdict_of(&Policy::default(), &snapshot(vec![bare]), None);
    let words: Vec<_> = verdict.findings.iter().map(|finding| finding.class.as_str()).collect();
    assert_eq!(words, ["limit_missing", "limit_missing", "health_check_missing"]);
}

#[test]
fn jobs_and_what_has_ended_well_are_left_in_peace() {
    let bare = |web: &mut Container| (web.health, web.restart_policy) = (None, RestartPolicy::No);
    let job = found(|policy, web| {
        project(policy).base.services[0].job = Some(true);
        bare(web);
    });
    assert_eq!(job, []);
    let completed = found(|_, web| {
        bare(web);
        (web.state, web.pid, web.exit_code) = (ContainerState::Exited, None, Some(0));
    });
    assert_eq!(completed, []);
    let swarm = found(|_, web| {
        web.restart_policy = RestartPolicy::No;
        let labels = web.labels.iter().map(|(key, value)| (key.into(), value.into()));
        web.labels = Labels::new(labels.chain([("com.docker.swarm.task.id".into(), "x".into())]));
    });
    assert_eq!(swarm, []);
}

#[test]
fn what_compose_builds_needs_no_version() {
    for image in ["shop-web", "shop_web", "shop-web:latest", "web@sha256:00", "sha256:00"] {
        assert_eq!(found(|_, web| web.image = image.into()), [], "{image}");
    }
}

#[test]
fn exceptions_hold_until_their_day_has_passed() {
    let excepted = |until: &str, subject: Option<&str>| {
        let mut policy = policy();
        policy.exceptions.push(Arc::new(Exception {
            class: Class::PortUnlisted,
            project: Some(Glob::new("shop")),
            service: Some(Glob::new("w*")),
            subject: subject.map(Glob::new),
            reason: "until the gateway is there".into(),
            until: until.parse().unwrap(),
        }));
        let mut web = sound("shop", "web");
        web.ports.push(published(5432));
        let verdict = verdict_of(&policy, &snapshot(vec![web]), Some(NOW));
        let words: Vec<_> = verdict.findings.iter().map(|finding| finding.class.as_str()).collect();
        (words, verdict.excepted.len())
    };
    assert_eq!(excepted("2026-03-01", None), (vec![], 1));
    assert_eq!(excepted("2026-03-01", Some("5432/*")), (vec![], 1));
    assert_eq!(excepted("2026-03-01", Some("80/*")), (vec!["port_unlisted"], 0));
    assert_eq!(excepted("2026-02-28", None), (vec!["port_unlisted", "exception_expired"], 0));
}

#[test]
fn profiles_come_into_force_by_file_or_by_name() {
    let development = Profile {
        name: "development".into(),
        files: vec!["override.yml".into()],
        layer: Layer {
            services: vec![ServiceRule { publish: Some(vec![Publish::parse("5432").unwrap()]), ..rule("w*") }],
            ..Layer::default()
        },
    };
    let run = |files: &str, named: &[&str]| {
        found(|policy, web| {
            project(policy).profiles.push(development.clone());
            policy.profiles = named.iter().map(|name| (*name).into()).collect();
            let labels = web.labels.iter().map(|(key, value)| (key.into(), value.into()));
            web.labels = Labels::new(labels.chain([("com.docker.compose.project.config_files".into(), files.into())]));
            web.ports.push(published(5432));
        })
    };
    assert_eq!(run("/srv/compose.yml", &[]), [("port_unlisted", "5432/tcp".to_owned())]);
    assert_eq!(run("/srv/compose.yml,/srv/override.yml", &[]), []);
    assert_eq!(run("/srv/compose.yml", &["development"]), []);
}

#[test]
fn a_project_is_expected_on_its_own_hosts() {
    let missing = |hosts: &[&str]| {
        let mut policy = policy();
        project(&mut policy).hosts = hosts.iter().map(|host| Glob::new(*host)).collect();
        verdict_of(&policy, &snapshot(vec![]), None).findings.len()
    };
    assert_eq!((missing(&[]), missing(&["wh*"]), missing(&["shark", "dolphin"])), (1, 1, 0));
    let mut early = snapshot(vec![]);
    early.engine.ready_since = None;
    assert_eq!(verdict_of(&policy(), &early, None).findings.len(), 0, "nobody is missing before the first list");
}

#[test]
fn two_replicas_with_one_fault_are_one_finding() {
    let web = |number: &str| {
        let mut web = sound("shop", "web");
        (web.id, web.identity.replica, web.health) = (ContainerId::new(number), number.into(), None);
        web
    };
    let verdict = verdict_of(&policy(), &snapshot(vec![web("1"), web("2")]), None);
    assert_eq!(verdict.findings.len(), 1);
}
