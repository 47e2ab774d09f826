//! What public dashboards and alerts ask, a real Prometheus can answer from the real agent.
//!
//! Promised: every expression of `fixtures/promql/dashboards.txt` gives data of its shape, on both Prometheus lines, and what
//! cannot apply is listed with its reason and really gives nothing.

#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "an assumption that breaks fails the test, as it should"
)]

mod support;

use support::{
    agent::Home,
    container::{Role, Running},
    docker::{Docker, Turn},
    facts::float,
    kernel::Cgroup,
    prometheus::{Outcome, Prometheus, Release},
    scene::{Scene, binary},
    wait::{eventually, holds},
};

const APPLIES: &str = include_str!("fixtures/promql/dashboards.txt");
const DOES_NOT: &str = include_str!("fixtures/promql/not_applicable.txt");

#[test]
fn public_dashboards_get_their_data() {
    let Some(docker) = Docker::or_skip(Turn::Alone) else { return };
    // Told where the host's root is, because a test may itself run in a container, whose root is not the host's.
    let home = Home::with(&binary(), docker.socket(), "host:\n  rootfs: /\n");
    let scene = Scene { agent: home.start(), home, docker };
    let stack = Stack::start(&scene);
    let psi = Cgroup::of(stack.everybody[0].pid()).expect("its cgroup").unified_file("cpu.pressure").is_some();
    let rows = rows(APPLIES);
    assert!(rows.len() > 100, "{} expressions", rows.len());
    let servers: Vec<_> =
        Release::both().into_iter().map(|r| (r.version.clone(), r.start("cadvisor", scene.agent.address))).collect();
    for (version, server) in &servers {
        ripe(server, stack.everybody.len());
        let mut wrong = Vec::new();
        for (origin, shape, expression) in &rows {
            let expression = expression.replace("$jenkins", &stack.jenkins);
            let judged = server.query(&expression).and_then(|outcome| fits(shape, psi, &outcome));
            wrong.extend(judged.err().map(|reason| format!("{origin}: {expression}\n    wanted {shape}: {reason}")));
        }
        for (origin, reason, expression) in self::rows(DOES_NOT) {
            let judged = server.query(expression).and_then(|o| holds(o.elements.is_empty(), || "gives data".into()));
            wrong
                .extend(judged.err().map(|found| format!("{origin}: {expression}\n    listed as `{reason}`: {found}")));
        }
        assert!(
            wrong.is_empty(),
            "Prometheus {version}, {} of {} fail:\n{}",
            wrong.len(),
            rows.len(),
            wrong.join("\n")
        );
        println!("Prometheus {version}: {} expressions", rows.len());
    }
}

/// Containers which between them have everything the dashboards show.
struct Stack {
    everybody: Vec<Running>,
    jenkins: String,
}

impl Stack {
    fn start(scene: &Scene) -> Self {
        let docker = &scene.docker;
        let work = "httpd -p 80; while :; do dd if=/dev/zero of=/data bs=4096 count=16 conv=fsync 2>/dev/null; sleep 0.5; done";
        let limits = ["--memory", "64m", "--memory-reservation", "32m", "--cpus", "0.5"];
        // Newer kernels count a container's block I/O (cgroup v1) once a limit was set for the device: one that nobody meets.
        let counted = disks().flat_map(|disk| ["--device-write-bps".to_owned(), format!("{disk}:100gb")]);
        let counted: Vec<String> = counted.collect();
        let counted: Vec<&str> = counted.iter().map(String::as_str).collect();
        let web = docker.container("web").compose("shop", "web", 1).options(&limits).options(&counted).health("2s");
        let web = web.role(Role::Script(work.into())).start();
        let address = web.inspect()["NetworkSettings"]["Networks"]["bridge"]["IPAddress"].as_str().map(str::to_owned);
        let address = address.expect("an address on the default bridge");
        let ask = format!("while :; do wget -q -O /dev/null http://{address}/; sleep 0.2; done");
        let client = docker.container("client").compose("shop", "client", 1).role(Role::Script(ask)).start();
        let task = docker
            .container("task")
            .label("com.docker.swarm.node.id", "node1")
            .label("com.docker.swarm.service.name", "stack_api")
            .label("com.docker.swarm.task.name", "stack_api.1.abc")
            .label("com.docker.stack.namespace", "stack")
            .start();
        let monitoring = docker.container("grafana").label("org.label-schema.group", "monitoring").start();
        let jenkins = docker.container("jenkins").start();
        let name = jenkins.name.clone();
        Self { everybody: vec![web, client, task, monitoring, jenkins], jenkins: name }
    }
}

/// Disks of this machine, those that live in memory left out.
fn disks() -> impl Iterator<Item = String> {
    let disks = std::fs::read_dir("/sys/block").into_iter().flatten().flatten();
    let names = disks.filter_map(|disk| disk.file_name().into_string().ok());
    let real = names.filter(|name| !["loop", "ram", "zram", "dm-", "nbd"].iter().any(|kind| name.starts_with(kind)));
    real.map(|name| format!("/dev/{name}")).filter(|path| std::path::Path::new(path).exists())
}

/// Waits until rates can be taken of everybody: three scrapes, the first of which may have come before their start.
fn ripe(server: &Prometheus, containers: usize) {
    eventually("three scrapes of every container", || {
        let expression = r#"count(count_over_time(container_last_seen{name=~"spyhop-test-.+"}[1m]) >= 3)"#;
        let count = server.number(expression)?;
        holds(count >= float(containers as u64), || format!("{count} of {containers}"))
    });
    eventually("disk traffic", || {
        server.number(r#"sum(rate(container_fs_writes_bytes_total{name=~"spyhop-test-.+"}[1m])) > 0"#)
    });
    eventually("a verdict on health", || {
        server.number(r#"count(container_health_state{name=~"spyhop-test-.+"} == 1)"#)
    });
}

/// (origin, shape or reason, expression) of each line.
fn rows(table: &'static str) -> Vec<(&'static str, &'static str, &'static str)> {
    let mut origin = "";
    let mut rows = Vec::new();
    for line in table.lines() {
        if let Some(name) = line.strip_prefix("## ") {
            origin = name;
        } else if let Some((shape, expression)) = line.split_once(" | ").filter(|_| !line.starts_with('#')) {
            rows.push((origin, shape, expression));
        } else {
            assert!(line.is_empty() || line.starts_with('#'), "not understood: {line}");
        }
    }
    rows
}

fn fits(shape: &str, psi: bool, outcome: &Outcome) -> Result<(), String> {
    let count = outcome.elements.len();
    match shape.split(' ').collect::<Vec<_>>().as_slice() {
        ["psi", ..] if !psi => holds(count == 0, || format!("{count} elements where the kernel has none")),
        ["psi", ..] => fits(shape.trim_start_matches("psi "), psi, outcome),
        ["scalar"] => holds(outcome.kind == "scalar" && outcome.elements[0].1.is_finite(), || format!("{outcome:?}")),
        _ if outcome.kind != "vector" => Err(format!("a {}", outcome.kind)),
        ["one"] => holds(count == 1 && outcome.elements[0].1.is_finite(), || format!("{outcome:?}")),
        ["some"] => holds(count > 0, || "nothing".into()),
        ["with", label] => {
            let without = outcome.elements.iter().find(|(labels, _)| labels.get(*label).is_none_or(String::is_empty));
            holds(count > 0, || "nothing".into())?;
            holds(without.is_none(), || format!("{without:?}"))
        }
        ["quiet"] => Ok(()),
        _ => Err(format!("no such shape: {shape}")),
    }
}
