//! A host that never changes: every value on its page is known, and every family of the catalogue has one.

use std::{sync::Arc, time::Duration};

use jiff::Timestamp;
use spyhop::{
    collectors::{Build, Collector, LabelPolicy, Moment, ProcessSample, Settings, Source},
    host::{Gone, Target},
    inventory::{EngineStatus, Entry, Reader, ServiceEntry, Snapshot},
    model::{
        Container, ContainerId, ContainerSample, ContainerState, EngineInfo, EngineVersion, Health, HealthCheck,
        HealthResult, HealthStatus, HostSample, Identity, Labels, Limits, MachineSample, Network, NetworkMode,
        PublishedPort, RestartPolicy, ServiceCounters, ServiceKey,
    },
    telemetry::{EngineCall, HttpAnswer, Metrics, Outcome},
};

use super::kernel;

/// `2023-11-14T22:13:20Z`; all times are told from here.
const EPOCH: i64 = 1_700_000_000;

pub(crate) fn at(second: i64) -> Timestamp {
    Timestamp::from_second(EPOCH + second).unwrap()
}

/// The collector of the synthetic host after a first scrape, so that rates over time are known in the next one.
pub(crate) fn collector() -> Collector<Kernel> {
    let reader = Reader::new();
    reader.publish(snapshot());
    let settings = Settings {
        labels: LabelPolicy::new(["com.docker.*", "org.label-schema.group", "hostile*"]),
        build: Build { version: "0.0.0", revision: "0123abc" },
        ..Settings::default()
    };
    let mut collector = Collector::new(Kernel::default(), reader, settings, metrics());
    collector.scrape(spyhop::exposition::Format::Text, None, moment(0));
    collector
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
        })
    });
    Snapshot {
        generation: 7,
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
            })),
            info: Some(Arc::new(EngineInfo {
                name: "whale".into(),
                cgroup_driver: Some("systemd".into()),
                cgroup_version: Some("2".into()),
                operating_system: Some("Debian GNU/Linux 13 (trixie)".into()),
                storage_driver: Some("overlay2".into()),
                root_dir: Some("/var/lib/docker".into()),
                system_time: None,
            })),
            ready_since: Some(at(1)),
        },
    }
}

/// A container with the defaults of `docker run`, running as process `pid`; its id begins with the pid.
fn entry(pid: u32, name: &str, labels: &[(&str, &str)]) -> Entry {
    let labels = Labels::new(labels.iter().map(|(key, value)| ((*key).into(), (*value).into())));
    let identity = Identity::from_labels(&labels, name);
    Entry {
        replica: Arc::clone(&identity.replica),
        container: Container {
            id: ContainerId::new(format!("{pid}{:0>61}", "cafe")),
            name: name.into(),
            image: "registry.example/app:1.2".into(),
            image_id: Some("sha256:feed".into()),
            labels,
            identity,
            created: Some(at(-100)),
            state: ContainerState::Running,
            pid: Some(pid),
            started_at: Some(at(10)),
            finished_at: None,
            exit_code: None,
            oom_killed: Some(false),
            restart_count: Some(0),
            health: None,
            limits: Limits::default(),
            restart_policy: RestartPolicy::UnlessStopped,
            network_mode: NetworkMode::Own("bridge".into()),
            networks: Vec::new(),
            ports: Vec::new(),
            mounts: Vec::new(),
        },
        stopped_by_person: false,
        oom_events: 0,
        image_created: Some(at(-86_400)),
        inspected_at: at(3610),
    }
}

/// A Compose service with everything: health check, limits, ports, cgroup v2.
fn web() -> Entry {
    let mut entry = entry(
        101,
        "shop-web-1",
        &[
            ("com.docker.compose.project", "shop"),
            ("com.docker.compose.service", "web"),
            ("com.docker.compose.container-number", "1"),
            ("maintainer", "not on the allow-list"),
        ],
    );
    let port =
        |ip: &str| PublishedPort { container_port: 80, protocol: "tcp".into(), host_ip: ip.into(), host_port: 8080 };
    entry.oom_events = 1;
    let container = &mut entry.container;
    container.restart_count = Some(2);
    container.finished_at = Some(at(8));
    container.exit_code = Some(137);
    container.ports = vec![port("0.0.0.0"), port("0.0.0.0"), port("::")];
    container.network_mode = NetworkMode::Own("shop_front".into());
    container.limits = Limits {
        memory_bytes: Some(268_435_456),
        memory_reservation_bytes: Some(134_217_728),
        memory_swap_bytes: Some(536_870_912),
        cpu_cores: Some(1.5),
        cpu_shares: Some(512),
        pids: Some(100),
    };
    container.health = Some(Health {
        status: HealthStatus::Healthy,
        failing_streak: Some(0),
        results: [(3550, 1), (3580, 0)]
            .map(|(start, exit_code)| HealthResult {
                start: at(start),
                end: Some(at(start) + Duration::from_millis(52)),
                exit_code,
            })
            .into(),
        check: HealthCheck {
            interval: Duration::from_secs(30),
            timeout: Duration::from_secs(5),
            start_period: Duration::ZERO,
            retries: 3,
        },
    });
    entry
}

/// Runs by the inventory's picture, but its cgroup is gone: no `container_*` series.
fn vanished() -> Entry {
    entry(
        105,
        "shop-web-2",
        &[
            ("com.docker.compose.project", "shop"),
            ("com.docker.compose.service", "web"),
            ("com.docker.compose.container-number", "2"),
        ],
    )
}

/// Stopped by a person.
fn job() -> Entry {
    let mut entry =
        entry(102, "shop-job-1", &[("com.docker.compose.project", "shop"), ("com.docker.compose.service", "job")]);
    entry.stopped_by_person = true;
    let container = &mut entry.container;
    container.state = ContainerState::Exited;
    container.pid = None;
    container.finished_at = Some(at(200));
    container.exit_code = Some(143);
    entry
}

/// On cgroup v1, in a Swarm, without limits, still starting.
fn legacy() -> Entry {
    let mut entry = entry(
        103,
        "stack_api.2.k3yt",
        &[
            ("com.docker.stack.namespace", "stack"),
            ("com.docker.swarm.service.name", "stack_api"),
            ("com.docker.swarm.task.name", "stack_api.2.k3yt"),
        ],
    );
    entry.image_created = None;
    entry.container.health = Some(Health {
        status: HealthStatus::Starting,
        failing_streak: Some(1),
        results: Vec::new(),
        check: HealthCheck {
            interval: Duration::from_millis(2500),
            timeout: Duration::from_secs(30),
            start_period: Duration::from_secs(60),
            retries: 3,
        },
    });
    entry
}

/// Paused, on the host's network, with names and labels that try to break the page.
fn hostile() -> Entry {
    let mut entry = entry(
        104,
        "evil\"} 1\n# TYPE x gauge",
        &[
            ("com.docker.compose.project", "back\\slash"),
            ("com.docker.compose.service", "new\nline"),
            ("hostile.a", "dot"),
            ("hostile-a", "dash wins"),
            ("hostile.größe", "ünïcödé \u{1f433}"),
            ("hostile.long", &"x".repeat(2000)),
        ],
    );
    entry.container.state = ContainerState::Paused;
    entry.container.network_mode = NetworkMode::Host;
    entry.container.image = "sha256:0123".into();
    entry
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
    };
    [
        service("gone", "for good", 1, ServiceCounters::default()),
        ServiceEntry { stopped: 1, ..service("shop", "job", 1, ServiceCounters::default()) },
        ServiceEntry { running: 2, healthy: 1, ..service("shop", "web", 2, lively) },
    ]
}
