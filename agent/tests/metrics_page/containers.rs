//! The containers of the synthetic host, as the inventory has them.

use std::time::Duration;

use spyhop::{
    inventory::Entry,
    model::{
        Container, ContainerState, Health, HealthCheck, HealthResult, HealthStatus, Labels, Limits, NetworkMode,
        PublishedPort, RestartPolicy,
    },
};

use super::synthetic::at;

/// A container with the defaults of `docker run`, running as process `pid`; its id begins with the pid.
fn entry(pid: u32, name: &str, labels: &[(&str, &str)]) -> Entry {
    let labels = Labels::new(labels.iter().map(|(key, value)| ((*key).into(), (*value).into())));
    let container = Container {
        image: "registry.example/app:1.2".into(),
        image_id: Some("sha256:feed".into()),
        created: Some(at(-100)),
        state: ContainerState::Running,
        pid: Some(pid),
        started_at: Some(at(10)),
        oom_killed: Some(false),
        restart_count: Some(0),
        restart_policy: RestartPolicy::UnlessStopped,
        network_mode: NetworkMode::Own("bridge".into()),
        ..Container::bare(format!("{pid}{:0>61}", "cafe"), name, labels)
    };
    Entry { image_created: Some(at(-86_400)), ..Entry::bare(container, at(3610)) }
}

/// A Compose service with everything: health check, limits, ports, cgroup v2.
pub(crate) fn web() -> Entry {
    let mut entry = entry(
        101,
        "shop-web-1",
        &[
            ("com.docker.compose.project", "shop"),
            ("com.docker.compose.service", "web"),
            ("com.docker.compose.container-number", "1"),
            ("maintainer", "not on the allow-list"),
            ("spyhop.metrics.port", "8080"),
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
pub(crate) fn vanished() -> Entry {
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
pub(crate) fn job() -> Entry {
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
pub(crate) fn legacy() -> Entry {
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
pub(crate) fn hostile() -> Entry {
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
