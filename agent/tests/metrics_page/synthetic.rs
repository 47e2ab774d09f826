//! A host that never changes: every value on its page is known, and every family of the catalogue has one.

use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use jiff::Timestamp;
use spyhop::{
    collectors::{Build, Collector, Moment, NamePatterns, Origin, ProcessSample, Settings, Source},
    host::{Gone, Target},
    inventory::{EngineStatus, Reader, ServiceEntry, Snapshot},
    logs::board::{Board, Dropped, Gap, Outcome as Push, Reading, Trouble, TroubleKind},
    model::{
        ContainerFilter, ContainerId, ContainerSample, Durations, EngineInfo, EngineVersion, HostSample, MachineSample,
        Network, ServiceCounters, ServiceKey,
    },
    policy::{self, Class, Exception, Layer, Limits, Policy, Project, RootFiles, ServiceRule, Severity, Tier},
    targets::{Targets, Verdict},
    telemetry::{EngineCall, HttpAnswer, Metrics, Outcome, Sandboxed},
    traces::Names,
};

use super::{
    containers::{hostile, job, legacy, vanished, web},
    kernel,
};

/// `2023-11-14T22:13:20Z`; all times are told from here.
const EPOCH: i64 = 1_700_000_000;

pub(crate) fn at(second: i64) -> Timestamp {
    Timestamp::from_second(EPOCH + second).unwrap()
}

/// The collector of the synthetic host after a first scrape, so that rates over time are known in the next one.
pub(crate) fn collector() -> Collector<Kernel> {
    collector_under(Names::Tempo)
}

/// The same with metrics from spans under these names.
pub(crate) fn collector_under(names: Names) -> Collector<Kernel> {
    let reader = Reader::new();
    reader.publish(snapshot());
    let metrics = metrics();
    let settings = Settings {
        targets: Some(targets(&reader, &metrics)),
        logs: Some(logs()),
        policy: Some(policy()),
        probes: Some(super::probes::board()),
        isolation: Some(super::isolation::board()),
        traces: Some(super::traces::board(names)),
        labels: NamePatterns::new(["com.docker.*", "org.label-schema.group", "hostile*"]),
        build: Build { version: "0.0.0", revision: "0123abc" },
        ..Settings::default()
    };
    let mut collector = Collector::new(Kernel::default(), reader, settings, metrics);
    collector.scrape(spyhop::exposition::Format::Text, None, moment(0));
    collector
}

/// One declared endpoint, out of reach on a machine that does not exist; and as if it had been merged.
fn targets(reader: &Reader, metrics: &Metrics) -> Targets {
    let targets = Targets::unreachable(reader.clone(), metrics.clone());
    let labels = targets.list().targets.first().expect("a container declares one").labels.clone();
    let duration = Duration::from_millis(125);
    targets.note(vec![Verdict { labels, up: true, duration, samples: 7, left_out: 0 }]);
    targets
}

/// One tier, which one service has, and an exception that covers one finding.
fn policy() -> policy::Board {
    let tier =
        Tier { name: "critical".into(), severity: Severity::Critical, limits: Limits::default(), objectives: vec![] };
    let web = ServiceRule { name: "web".into(), tier: Some("critical".into()), ..ServiceRule::default() };
    let base = Layer { services: vec![web], ..Layer::default() };
    let exception = Exception {
        class: Class::RestartPolicyMissing,
        project: None,
        service: None,
        subject: None,
        reason: "nobody minds".into(),
        until: "2033-12-31".parse().unwrap(),
    };
    let policy = Policy {
        tiers: vec![Arc::new(tier)],
        projects: vec![Arc::new(Project { name: "shop".into(), base, ..Project::default() })],
        exceptions: vec![Arc::new(exception)],
        ..Policy::default()
    };
    policy::Board::new(Arc::new(policy), RootFiles::default(), ContainerFilter::default())
}

/// Two destinations, one of which is away; a service whose lines wait for it, and one that has not said a word.
fn logs() -> Board {
    let board = Board::new(["loki:3100", "logs.example.org"].map(str::to_owned));
    let [first, second] = board.destinations() else { panic!("two were given") };
    first.push(Push::Ok);
    first.sent_lines.add(90);
    first.sent_bytes.add(4096);
    first.last_ack.set(1_700_003_610_250);
    second.push(Push::Retry);
    second.queued_bytes.set(2048);
    second.spool_bytes.set(8192);
    second.spool_limit.set(1 << 30);
    second.spool_oldest.set(1_700_003_015_000);
    let trouble = Trouble { kind: TroubleKind::Unreachable, text: "connection refused".into() };
    second.set_trouble(Some(trouble));
    let web = board.service(&ServiceKey { project: "shop".into(), service: "web".into() });
    web.read_lines.add(100);
    web.read_bytes.add(20_000);
    web.sent_lines.add(90);
    web.drop_lines(Dropped::Rule, 10);
    web.gap(Gap::RotationsMissed, 1);
    web.corrupt_bytes.add(17);
    web.cut_lines.add(2);
    web.restamped_lines.add(3);
    web.redactions.add(4);
    web.behind_bytes.set(512);
    web.set_oldest(1, Some(1_700_003_014_500_000_000));
    web.lossy_upstream.store(true, Ordering::Relaxed);
    board.service(&ServiceKey { project: "shop".into(), service: "job".into() });
    let none = Reading { source: "none", reason: "driver_none".into() };
    board.set_readings([Reading { source: "file", reason: String::new() }, none]);
    board
}

/// Fifteen seconds a scrape.
pub(crate) fn moment(scrape: u32) -> Moment {
    let elapsed = Duration::from_secs(15) * scrape;
    Moment { wall: at(3600) + elapsed, elapsed }
}

/// The agent's own counters, each touched once.
fn metrics() -> Metrics {
    let metrics = Metrics::default();
    metrics.engine_request(EngineCall::List, Outcome::Ok);
    metrics.state_write(Outcome::Ok);
    metrics.access_reload(Outcome::Ok);
    metrics.set_access_current(Some(true));
    metrics.set_certificate_expiry(Some(1_924_992_000));
    metrics.set_broker_refused(1);
    metrics.set_sandbox(vec![Sandboxed { process: "agent", measure: "socket_parted", holds: true }]);
    metrics.http_request(&HttpAnswer { route: "metrics", code: 200 });
    metrics.scrape_duration.observe(0.002);
    metrics.engine_events.inc_by(42);
    metrics
}

/// What the kernel says: always the same, but for the CPU time, which goes on by half a second a second.
#[derive(Debug, Default)]
pub(crate) struct Kernel {
    scrapes: u64,
}

impl Source for Kernel {
    fn track(&mut self, targets: &[Target]) {
        let pids: Vec<u32> = targets.iter().map(|target| target.pid).collect();
        assert_eq!(pids, [101, 105, 103, 104], "containers with processes, in the order of the snapshot");
        let own_network: Vec<bool> = targets.iter().map(|target| target.network).collect();
        assert_eq!(own_network, [true, true, true, false]);
    }

    fn container(&mut self, id: &ContainerId, into: &mut ContainerSample) -> Result<(), Gone> {
        *into = match id.as_str().get(..3) {
            Some("101") => kernel::unified(self.scrapes * 7_500_000_000),
            Some("103") => kernel::legacy(),
            Some("104") => kernel::hostile(),
            _ => return Err(Gone),
        };
        Ok(())
    }

    fn root(&mut self, into: &mut ContainerSample) {
        *into = kernel::root();
    }

    fn host(&mut self, into: &mut HostSample) {
        *into = kernel::host();
    }

    fn machine(&mut self) -> MachineSample {
        self.scrapes += 1;
        kernel::machine()
    }

    fn availability(&self) -> Vec<(&'static str, bool)> {
        vec![("cgroup_cpu", true), ("cgroup_memory", true), ("filesystem", true), ("pressure", false)]
    }

    fn open_handles(&self) -> usize {
        31
    }

    fn origin(&self, tracked: usize, live: usize) -> Origin {
        Origin { kernel: live, engine: 0, none: tracked - live, oldest: Some(Duration::from_millis(2500)) }
    }

    fn process(&mut self, into: &mut ProcessSample) {
        *into = ProcessSample {
            cpu_seconds: Some(1.25),
            resident_bytes: Some(9_437_184),
            virtual_bytes: Some(73_400_320),
            open_fds: Some(44),
            max_fds: Some(1_048_576),
            started_after_boot: Some(Duration::from_millis(3_000_500)),
            threads: Some(5),
        };
    }
}

fn snapshot() -> Snapshot {
    let networks = [("bridge", false), ("shop_back", true), ("shop_front", false)].map(|(name, internal)| {
        Arc::new(Network {
            id: name.into(),
            name: name.into(),
            driver: Some("bridge".into()),
            scope: Some("local".into()),
            internal: Some(internal),
            subnets: Vec::new(),
            ..Network::default()
        })
    });
    Snapshot {
        undescribed: Vec::new(),
        excluded: Vec::new(),
        shape: 0,
        generation: 7,
        host: Some("whale".into()),
        containers: [web(), vanished(), job(), legacy(), hostile()].map(Arc::new).into(),
        services: services().map(Arc::new).into(),
        networks: networks.into(),
        engine: EngineStatus {
            connected: true,
            heard_at: Some(at(3612)),
            trouble: None,
            version: Some(Arc::new(EngineVersion {
                version: "28.5.1".into(),
                api_version: "1.51".into(),
                min_api_version: Some("1.24".into()),
                negotiated: "1.51".into(),
                os: Some("linux".into()),
                arch: Some("amd64".into()),
                kernel: Some("6.12.0-whale".into()),
                ..EngineVersion::default()
            })),
            info: Some(Arc::new(EngineInfo {
                name: "whale".into(),
                cgroup_driver: Some("systemd".into()),
                cgroup_version: Some("2".into()),
                operating_system: Some("Debian GNU/Linux 13 (trixie)".into()),
                storage_driver: Some("overlay2".into()),
                root_dir: Some("/var/lib/docker".into()),
                cpus: Some(4),
                memory_bytes: Some(8 << 30),
                system_time: None,
                ..EngineInfo::default()
            })),
            ready_since: Some(at(1)),
        },
    }
}

fn durations(seconds: &[u64]) -> Durations {
    let mut durations = Durations::default();
    seconds.iter().for_each(|seconds| durations.observe(Duration::from_secs(*seconds)));
    durations
}

fn services() -> [ServiceEntry; 3] {
    let service = |project: &str, service: &str, expected, counters| ServiceEntry {
        key: ServiceKey { project: project.into(), service: service.into() },
        counters,
        expected,
        running: 0,
        healthy: 0,
        completed: 0,
        stopped: 0,
        checked: false,
    };
    let lively = ServiceCounters {
        starts: 9,
        restarts: 3,
        exits: [1, 2, 3, 4],
        oom_kills: 4,
        became_healthy: 6,
        became_unhealthy: 5,
        health_passed: 100,
        health_failed: 7,
        health_timed_out: 2,
        startup: durations(&[2, 25, 400]),
        failover: durations(&[7]),
    };
    [
        service("gone", "for good", 1, ServiceCounters::default()),
        ServiceEntry { stopped: 1, ..service("shop", "job", 1, ServiceCounters::default()) },
        ServiceEntry { running: 2, healthy: 1, checked: true, ..service("shop", "web", 2, lively) },
    ]
}
