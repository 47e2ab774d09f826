//! The engine edge against the real engine of this machine, compared with what the `docker` command says.
//!
//! Without an engine it says so and passes: the scripted engine covers the behaviour, this covers its likeness.

#![expect(clippy::expect_used, clippy::indexing_slicing, reason = "helpers of tests")]

mod support;

use std::{
    process::Command,
    time::{Duration, Instant},
};

use futures_util::StreamExt;
use jiff::Timestamp;
use serde_json::Value;
use spyhop::{
    engine::{Address, Engine},
    model::{Container, ContainerId, EventKind, Health, HealthStatus, NetworkMode, PublishedPort, RestartPolicy},
    telemetry::Metrics,
};
use support::docker::{Docker, Turn};

/// Runs `docker`; `Err` holds what it complained about.
fn docker(arguments: &[&str]) -> Result<String, String> {
    let output = Command::new("docker").args(arguments).output().map_err(|error| error.to_string())?;
    match output.status.success() {
        true => Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned()),
        false => Err(String::from_utf8_lossy(&output.stderr).trim().to_owned()),
    }
}

/// Containers and one network of this test run; removed when dropped, also by a failure.
struct Lab {
    docker: Docker,
    prefix: String,
    engine: Engine,
    containers: Vec<String>,
}

impl Lab {
    /// `None`, with the reason printed, where there is nothing to compare with.
    fn open(name: &str) -> Option<Self> {
        let beside = Docker::or_skip(Turn::Shared)?;
        let prefix = format!("spyhop-{name}-{}", std::process::id());
        docker(&["network", "create", &prefix]).expect("a network");
        // The command and the agent have to ask the same engine.
        let address = std::env::var("DOCKER_HOST").map_or_else(
            |_| Address::default_socket(),
            |address| Address::parse(&address).expect("DOCKER_HOST names a unix socket"),
        );
        let engine = Engine::new(address, Metrics::default()).expect("a handle");
        Some(Self { docker: beside, prefix, engine, containers: Vec::new() })
    }

    /// `docker <verb> --name <prefix>-<name> <arguments> <image> sh -c <script>`; the id.
    fn make(&mut self, verb: &[&str], name: &str, arguments: &[&str], script: &str) -> ContainerId {
        let name = format!("{}-{name}", self.prefix);
        let call = [verb, &["--name", &name], arguments, &[self.docker.image(), "/bin/sh", "-c", script]].concat();
        self.containers.push(name.clone());
        docker(&call).expect("docker makes the container");
        ContainerId::new(docker(&["inspect", "--format", "{{.Id}}", &name]).expect("its id"))
    }

    async fn container(&self, id: &ContainerId) -> Container {
        self.engine.container(id).await.expect("an answer").expect("the container exists")
    }

    /// Waits for a state of things, for at most twenty seconds.
    async fn until(&self, id: &ContainerId, reached: impl Fn(&Container) -> bool) -> Container {
        let begun = Instant::now();
        loop {
            let container = self.container(id).await;
            if reached(&container) {
                return container;
            }
            assert!(begun.elapsed() < Duration::from_secs(20), "still {container:?}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Compares what we read with what the command says, between two readings of ours that are alike: a check that ended
    /// meanwhile is no difference.
    async fn compare(&self, id: &ContainerId) {
        for _ in 0..50 {
            let ours = self.container(id).await;
            let text = docker(&["inspect", id.as_str()]).expect("docker inspect");
            if self.container(id).await == ours {
                let theirs: Value = serde_json::from_str(&text).expect("JSON");
                return assert_same(&ours, &theirs[0]);
            }
        }
        panic!("{id} never stood still");
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        let names: Vec<_> = self.containers.iter().map(String::as_str).collect();
        if !names.is_empty() {
            docker(&[["rm", "-f", "-v"].as_slice(), &names].concat()).ok();
        }
        docker(&["network", "rm", &self.prefix]).ok();
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

/// The command's time; the year 1 is none.
fn time(value: &Value) -> Option<Timestamp> {
    Some(text(value)).filter(|text| !text.starts_with("0001-")).map(|text| text.parse().expect("a time"))
}

fn limit(value: &Value) -> Option<u64> {
    value.as_i64().filter(|limit| *limit > 0).map(i64::unsigned_abs)
}

fn assert_same(ours: &Container, theirs: &Value) {
    let (state, config, host) = (&theirs["State"], &theirs["Config"], &theirs["HostConfig"]);
    let running = state["Running"] == true;
    assert_eq!(ours.id.as_str(), text(&theirs["Id"]));
    assert_eq!(format!("/{}", ours.name), text(&theirs["Name"]));
    assert_eq!(&*ours.image, text(&config["Image"]));
    assert_eq!(ours.image_id.as_deref(), theirs["Image"].as_str());
    let labels: Vec<_> = ours.labels.iter().map(|(key, value)| (key.to_owned(), Value::from(value))).collect();
    let expected: Vec<_> = config["Labels"].as_object().expect("labels").clone().into_iter().collect();
    assert_eq!(labels, expected);
    assert_eq!(ours.created, time(&theirs["Created"]));
    assert_eq!(ours.state.as_str(), text(&state["Status"]));
    assert_eq!(ours.pid.unwrap_or_default(), u32::try_from(state["Pid"].as_u64().expect("a pid")).expect("a pid"));
    assert_eq!(ours.started_at, time(&state["StartedAt"]));
    assert_eq!(ours.finished_at, time(&state["FinishedAt"]));
    let code = state["ExitCode"].as_i64().filter(|_| !running && ours.finished_at.is_some());
    assert_eq!(ours.exit_code, code);
    assert_eq!(ours.oom_killed, state["OOMKilled"].as_bool());
    assert_eq!(ours.restart_count, theirs["RestartCount"].as_u64());
    assert_same_health(ours.health.as_ref(), &config["Healthcheck"], &state["Health"]);
    assert_eq!(ours.limits.memory_bytes, limit(&host["Memory"]));
    assert_eq!(ours.limits.memory_reservation_bytes, limit(&host["MemoryReservation"]));
    assert_eq!(ours.limits.memory_swap_bytes, limit(&host["MemorySwap"]));
    assert_eq!(ours.limits.cpu_shares, limit(&host["CpuShares"]));
    assert_eq!(ours.limits.pids, limit(&host["PidsLimit"]));
    let quota = || limit(&host["CpuQuota"]).map(|q| q as f64 / limit(&host["CpuPeriod"]).unwrap_or(100_000) as f64);
    assert_eq!(ours.limits.cpu_cores, limit(&host["NanoCpus"]).map(|nano| nano as f64 / 1e9).or_else(quota));
    assert_eq!(policy_name(&ours.restart_policy), text(&host["RestartPolicy"]["Name"]));
    assert_eq!(mode_name(&ours.network_mode), text(&host["NetworkMode"]));
    assert_same_networks(ours, &theirs["NetworkSettings"]["Networks"]);
    let asked = if running { &theirs["NetworkSettings"]["Ports"] } else { &host["PortBindings"] };
    assert_eq!(ours.ports, ports(asked));
    assert_same_mounts(ours, &theirs["Mounts"]);
}

fn assert_same_health(ours: Option<&Health>, check: &Value, theirs: &Value) {
    if check.is_null() || check["Test"][0] == "NONE" {
        return assert_eq!(ours, None);
    }
    let ours = ours.expect("a health check");
    match theirs["Status"].as_str() {
        Some(status) if !status.is_empty() => assert_eq!(ours.status.as_str(), status),
        _ => assert_eq!(ours.status, HealthStatus::Unknown),
    }
    assert_eq!(ours.failing_streak, theirs["FailingStreak"].as_u64());
    let seconds = |field: &str, default| limit(&check[field]).map_or(default, Duration::from_nanos);
    assert_eq!(ours.check.interval, seconds("Interval", Duration::from_secs(30)));
    assert_eq!(ours.check.timeout, seconds("Timeout", Duration::from_secs(30)));
    assert_eq!(ours.check.start_period, seconds("StartPeriod", Duration::ZERO));
    assert_eq!(ours.check.retries, limit(&check["Retries"]).unwrap_or(3));
    let log = theirs["Log"].as_array().cloned().unwrap_or_default();
    let theirs: Vec<_> = log.iter().map(|r| (time(&r["Start"]), time(&r["End"]), r["ExitCode"].as_i64())).collect();
    let ours: Vec<_> = ours.results.iter().map(|r| (Some(r.start), r.end, Some(r.exit_code))).collect();
    assert_eq!(ours, theirs);
}

fn assert_same_networks(ours: &Container, theirs: &Value) {
    let theirs = theirs.as_object().expect("networks");
    assert!(ours.networks.iter().map(|network| &*network.network).eq(theirs.keys()), "{:?}", ours.networks);
    for network in &ours.networks {
        let endpoint = &theirs[&*network.network];
        assert_eq!(network.network_id.as_deref().unwrap_or_default(), text(&endpoint["NetworkID"]));
        let addresses: Vec<_> = network.addresses.iter().map(ToString::to_string).collect();
        let expected = [text(&endpoint["IPAddress"]), text(&endpoint["GlobalIPv6Address"])];
        assert_eq!(addresses, expected.into_iter().filter(|text| !text.is_empty()).collect::<Vec<_>>());
        let aliases = endpoint["Aliases"].as_array().cloned().unwrap_or_default();
        assert!(aliases.iter().all(|alias| network.aliases.iter().any(|ours| **ours == text(alias))), "{network:?}");
    }
}

fn ports(map: &Value) -> Vec<PublishedPort> {
    let mut ports = Vec::new();
    for (port, bindings) in map.as_object().into_iter().flatten() {
        let (number, protocol) = port.split_once('/').expect("port/protocol");
        // Empty and 0 are for the engine to choose when it starts the container.
        let chosen = |binding: &&Value| !matches!(binding["HostPort"].as_str(), Some("" | "0") | None);
        for binding in bindings.as_array().into_iter().flatten().filter(chosen) {
            let host_ip = Some(text(&binding["HostIp"])).filter(|ip| !ip.is_empty()).unwrap_or("0.0.0.0".into());
            ports.push(PublishedPort {
                container_port: number.parse().expect("a port"),
                protocol: protocol.into(),
                host_ip: host_ip.into(),
                host_port: text(&binding["HostPort"]).parse().expect("a port"),
            });
        }
    }
    ports.sort();
    ports
}

fn assert_same_mounts(ours: &Container, theirs: &Value) {
    let source = |mount: &Value| mount["Name"].as_str().map_or_else(|| text(&mount["Source"]), str::to_owned);
    let mut expected: Vec<_> = theirs
        .as_array()
        .into_iter()
        .flatten()
        .map(|m| (text(&m["Destination"]), text(&m["Type"]), source(m), m["RW"] == true))
        .collect();
    expected.sort();
    let ours =
        ours.mounts.iter().map(|m| (m.destination.to_string(), m.kind.to_string(), m.source.to_string(), m.read_write));
    assert_eq!(ours.collect::<Vec<_>>(), expected);
}

fn policy_name(policy: &RestartPolicy) -> &'static str {
    match policy {
        RestartPolicy::No => "no",
        RestartPolicy::Always => "always",
        RestartPolicy::UnlessStopped => "unless-stopped",
        RestartPolicy::OnFailure(_) => "on-failure",
        RestartPolicy::Unknown => "?",
    }
}

fn mode_name(mode: &NetworkMode) -> String {
    match mode {
        NetworkMode::Host => "host".into(),
        NetworkMode::None => "none".into(),
        NetworkMode::Container(id) => format!("container:{id}"),
        NetworkMode::Own(name) => name.to_string(),
    }
}

#[tokio::test]
async fn every_field_is_what_docker_inspect_says() {
    let Some(mut lab) = Lab::open("inspect") else { return };
    lab.engine.version().await.expect("a version both speak");
    let run: &[&str] = &["run", "-d", "--stop-timeout", "1"];
    let network = lab.prefix.clone();
    let full = [
        ["--network", &network, "--network-alias", "web", "-p", "127.0.0.1::80", "-p", "81/udp", "-m", "64m"]
            .as_slice(),
        &["--memory-reservation", "32m", "--cpus", "0.5", "--cpu-shares", "512", "--pids-limit", "50"],
        &[
            "--restart",
            "unless-stopped",
            "-e",
            "PASSWORD=x",
            "-v",
            "/data",
            "-v",
            "/tmp:/host:ro",
            "--mount",
            "type=tmpfs,dst=/t",
        ],
        &["-l", "com.docker.compose.project=shop", "-l", "com.docker.compose.service=web", "-l", "odd=\"é\n{}"],
        &["--health-cmd", "true", "--health-interval", "1s", "--health-start-period", "2s"],
    ]
    .concat();
    let sleep = "sleep 600";
    let full = lab.make(run, "full", &full, sleep);
    let owner = format!("container:{full}");
    let mut all = vec![
        lab.make(run, "quota", &["--cpu-quota", "30000", "--cpu-period", "60000", "--restart", "on-failure:3"], sleep),
        lab.make(run, "host", &["--network", "host", "--no-healthcheck"], sleep),
        lab.make(run, "none", &["--network", "none", "--restart", "always"], sleep),
        lab.make(run, "shared", &["--network", &owner], sleep),
        lab.make(&["create"], "created", &["-p", "80", "-p", "127.0.0.1:0:81", "--health-cmd", "true"], sleep),
    ];
    let done = lab.make(run, "done", &[], "exit 3");
    let oom = lab.make(run, "oom", &["-m", "16m"], "x=a; while :; do x=$x$x; done");
    let paused = lab.make(run, "paused", &[], sleep);
    docker(&["pause", paused.as_str()]).expect("docker pause");
    lab.until(&done, |container| container.finished_at.is_some()).await;
    let product = lab.docker.product();
    let silent = product.leaves_out(product.is_podman_4(), "on cgroup v1 it does not notice that memory ran out");
    lab.until(&oom, |oom| oom.finished_at.is_some() && (silent || oom.oom_killed == Some(true))).await;
    lab.until(&full, |container| container.health.as_ref().is_some_and(|h| h.status == HealthStatus::Healthy)).await;
    all.extend([full, done, oom, paused]);
    let listed = lab.engine.containers().await.expect("a list");
    for id in &all {
        assert!(listed.contains(id), "{id} is listed");
        lab.compare(id).await;
    }
}

#[tokio::test]
async fn facts_are_what_docker_says() {
    let Some(lab) = Lab::open("facts") else { return };
    lab.engine.ping().await.expect("a ping");
    let version = lab.engine.version().await.expect("a version both speak");
    let asked =
        docker(&["version", "--format", "{{.Server.Version}} {{.Server.APIVersion}} {{.Server.Os}} {{.Server.Arch}}"]);
    let ours = format!(
        "{} {} {} {}",
        version.version,
        version.api_version,
        version.os.as_deref().unwrap_or_default(),
        version.arch.as_deref().unwrap_or_default()
    );
    assert_eq!(ours, asked.expect("docker version"));
    let info = lab.engine.info().await.expect("facts");
    let asked =
        docker(&["info", "--format", "{{.Name}} {{.CgroupDriver}} {{.CgroupVersion}} {{.Driver}} {{.DockerRootDir}}"]);
    let fields = [&info.cgroup_driver, &info.cgroup_version, &info.storage_driver, &info.root_dir];
    let ours = fields.map(|field| field.as_deref().unwrap_or_default().to_owned());
    assert_eq!(format!("{} {}", info.name, ours.join(" ")), asked.expect("docker info"));
    let clock = info.system_time.expect("the engine's clock");
    assert!(Timestamp::now().duration_since(clock).abs() < jiff::SignedDuration::from_secs(60));
    let networks = lab.engine.networks().await.expect("networks");
    let mine = networks.iter().find(|network| *network.name == *lab.prefix).expect("the network of this test");
    let asked = docker(&[
        "network",
        "inspect",
        &lab.prefix,
        "--format",
        "{{.Id}} {{.Driver}} {{(index .IPAM.Config 0).Subnet}}",
    ]);
    let ours = format!("{} {} {}", mine.id, mine.driver.as_deref().unwrap_or_default(), mine.subnets.join(","));
    assert_eq!(ours, asked.expect("docker network inspect"));
    let asked = docker(&["image", "inspect", lab.docker.image(), "--format", "{{.Id}} {{.Created}}"])
        .expect("docker image inspect");
    let (id, created) = asked.split_once(' ').expect("id and time");
    let image = lab.engine.image(id).await.expect("an answer").expect("the image");
    assert_eq!((&*image.id, image.created), (id, Some(created.parse().expect("a time"))));
}

#[tokio::test]
async fn the_life_of_a_container_comes_as_events() {
    let Some(mut lab) = Lab::open("events") else { return };
    lab.engine.version().await.expect("a version both speak");
    let since = Timestamp::now();
    let mut stream = lab.engine.events(since, None);
    let network = lab.prefix.clone();
    let id = lab.make(
        &["run", "-d"],
        "web",
        &["--network", &network, "--health-cmd", "true", "--health-interval", "1s"],
        "sleep 600",
    );
    lab.until(&id, |container| container.health.as_ref().is_some_and(|h| h.status == HealthStatus::Healthy)).await;
    for call in [["pause", id.as_str()], ["unpause", id.as_str()], ["kill", id.as_str()]] {
        docker(&call).expect("docker does it");
    }
    docker(&["rm", id.as_str()]).expect("docker rm");
    let mut seen = Vec::new();
    while seen.last() != Some(&EventKind::Destroyed(id.clone())) {
        let event =
            tokio::time::timeout(Duration::from_secs(20), stream.next()).await.expect("the events within 20 seconds");
        let event = event.expect("an open stream").expect("a readable event");
        assert!(event.time >= since);
        if mentions(&event.kind, &id) {
            seen.push(event.kind);
        }
    }
    // Network joined, paused, unpaused, network left; the last comes before or after the death, as engines differ.
    let (changes, mut rest): (Vec<_>, Vec<_>) =
        seen.into_iter().partition(|kind| *kind == EventKind::Changed(id.clone()));
    let product = lab.docker.product();
    let podman =
        product.leaves_out(product.is_podman(), "it tells every check, no signal, and no network joined at the start");
    assert_eq!(changes.len(), if podman { 2 } else { 4 });
    rest.retain(|kind| !matches!(kind, EventKind::Health { status: HealthStatus::Starting, .. }));
    rest.dedup();
    if product.leaves_out(product.is_podman_4(), "a check's event tells the status before it") {
        rest.retain(|kind| !matches!(kind, EventKind::Health { .. }));
        rest.insert(2, EventKind::Health { id: id.clone(), status: HealthStatus::Healthy });
    }
    let expected = [
        EventKind::Created(id.clone()),
        EventKind::Started(id.clone()),
        EventKind::Health { id: id.clone(), status: HealthStatus::Healthy },
        EventKind::StopRequested { id: id.clone(), signal: (!podman).then_some(9) },
        EventKind::Died { id: id.clone(), exit_code: Some(137) },
        EventKind::Destroyed(id.clone()),
    ];
    assert_eq!(rest, expected);
    assert_eq!(lab.engine.container(&id).await.expect("an answer"), None);
}

fn mentions(kind: &EventKind, wanted: &ContainerId) -> bool {
    match kind {
        EventKind::Created(id) | EventKind::Started(id) | EventKind::Oom(id) | EventKind::Changed(id) => id == wanted,
        EventKind::Destroyed(id) | EventKind::Died { id, .. } | EventKind::StopRequested { id, .. } => id == wanted,
        EventKind::Health { id, .. } => id == wanted,
        EventKind::NetworkChanged | EventKind::Turnover | EventKind::Other => false,
    }
}
