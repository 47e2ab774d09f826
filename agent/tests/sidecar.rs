//! The image, hardened as `compose/agent.yml` has it, shows the same numbers as the binary on the host.
//!
//! Promised: without root, without capabilities and on a read-only filesystem nothing is missing but the host's filesystems,
//! which need a mount; every value of a container lies between two scrapes of the agent outside.

#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "an assumption that breaks fails the test, as it should"
)]

mod support;

use std::{collections::BTreeSet, net::SocketAddr, os::unix::fs::MetadataExt};

use support::{
    container::{Role, Running},
    docker::{Docker, Turn, skip},
    page::{Page, Sample},
    scene::Scene,
    wait::{eventually, holds, patience},
    wire,
};

/// Labels which come from files that are not mounted into the image.
const HOST_FILES: [&str; 2] = ["machine_id", "system_uuid"];

#[test]
fn the_sidecar_shows_what_the_host_shows() {
    let Some(scene) = Scene::or_skip(Turn::Alone) else { return };
    let Some(image) = image(&scene.docker) else { return };
    let watched = watched(&scene.docker);
    let sidecar = sidecar(&scene.docker, &image);
    let address = address(&sidecar);
    eventually("the sidecar is ready", || {
        let answer = wire::get(address, "/health/ready", &[], patience()).map_err(|error| error.to_string())?;
        holds(answer.status == 200, || answer.text().to_owned())
    });
    let (before, inside, after) = (scene.agent.scrape(), scrape(address), scene.agent.scrape());

    let mut wrong = Vec::new();
    for container in &watched {
        let name = container.name.as_str();
        let [early, seen, late] = [&before, &inside, &after].map(|page| series_of(page, name));
        wrong.extend(missing(&early, &seen).into_iter().map(|key| format!("{name}: {key} only outside")));
        wrong.extend(missing(&seen, &late).into_iter().map(|key| format!("{name}: {key} only inside")));
        wrong.extend(apart(&early, &seen, &late).into_iter().map(|reason| format!("{name}: {reason}")));
    }
    for family in ["machine_cpu_cores", "machine_memory_bytes", "node_boot_time_seconds", "node_memory_MemTotal_bytes"]
    {
        if before.value(family, &[]) != inside.value(family, &[]) || inside.value(family, &[]).is_none() {
            wrong.push(format!(
                "{family}: {:?} outside, {:?} inside",
                before.value(family, &[]),
                inside.value(family, &[])
            ));
        }
    }
    let host = |page| host_series(page);
    wrong.extend(host(&before).symmetric_difference(&host(&inside)).map(|key| format!("{key} on one side only")));
    assert!(wrong.is_empty(), "{} differences:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn the_sidecar_is_healthy_and_small() {
    let Some(docker) = Docker::or_skip(Turn::Shared) else { return };
    let Some(image) = image(&docker) else { return };
    let sidecar = sidecar(&docker, &image);
    eventually("its own health check passes", || {
        let health = sidecar.inspect()["State"]["Health"].clone();
        holds(health["Status"] == "healthy", || health.to_string())
    });
    let (pid, inspect) = (sidecar.pid(), sidecar.inspect());
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).expect("it runs");
    let field = |name: &str| status.lines().find_map(|line| line.strip_prefix(name)).map(str::trim).unwrap_or_default();
    assert!(field("Uid:").starts_with("65534"), "not root: {}", field("Uid:"));
    for set in ["CapInh:", "CapPrm:", "CapEff:", "CapBnd:", "CapAmb:"] {
        assert_eq!(field(set), "0000000000000000", "{set}");
    }
    assert_eq!(field("NoNewPrivs:"), "1");
    assert_eq!(inspect["HostConfig"]["ReadonlyRootfs"], true);
}

/// The image under test, which `make test` builds before.
fn image(docker: &Docker) -> Option<String> {
    let tag = std::env::var("SPYHOP_TEST_IMAGE").unwrap_or_else(|_| "spyhop:test".into());
    match docker.cli(&["image", "inspect", &tag]) {
        Ok(_) => Some(tag),
        Err(_) => skip("image", &format!("{tag} is not built: `make test` does that, or set SPYHOP_TEST_IMAGE")),
    }
}

/// The options of `compose/agent.yml`, on the command line.
fn sidecar(docker: &Docker, image: &str) -> Running {
    let group = std::fs::metadata(docker.socket()).expect("the socket").gid().to_string();
    let socket = format!("{}:/var/run/docker.sock:ro", docker.socket().display());
    docker
        .container("sidecar")
        .options(&["--user", "65534:0", "--group-add", &group, "--read-only", "--cap-drop", "ALL"])
        .options(&["--security-opt", "no-new-privileges:true", "--memory", "128m", "--pids-limit", "64"])
        .options(&["--pid", "host", "--cgroupns", "host", "--health-interval", "1s"])
        .options(&["--volume", &socket, "--volume", "/sys/fs/cgroup:/sys/fs/cgroup:ro", "--volume", "/var/lib/spyhop"])
        .of_image(image)
        .start()
}

fn address(sidecar: &Running) -> SocketAddr {
    let inspect = sidecar.inspect();
    let address = inspect["NetworkSettings"]["Networks"]["bridge"]["IPAddress"].as_str();
    SocketAddr::new(address.expect("an address on the default bridge").parse().expect("an IP address"), 9477)
}

fn scrape(address: SocketAddr) -> Page {
    let accept = [("Accept", "text/plain;version=0.0.4")];
    let answer = wire::get(address, "/metrics", &accept, patience()).expect("the sidecar answers");
    Page::text(answer.text()).unwrap_or_else(|reason| panic!("{reason}"))
}

fn watched(docker: &Docker) -> Vec<Running> {
    let plain = docker.container("plain").start();
    let shared = format!("container:{}", plain.id);
    let io = "dd if=/dev/zero of=/data bs=4096 count=64 conv=fsync 2>/dev/null; sleep 100000";
    let limits = ["--memory", "64m", "--cpus", "0.5", "--pids-limit", "30"];
    let limited = docker.container("limited").compose("sidecar", "limited", 1).options(&limits);
    let frozen = limited.role(Role::Script(io.into())).start();
    let host = docker.container("host").options(&["--network", "host"]).start();
    let guest = docker.container("guest").options(&["--network", &shared]).start();
    let ended = docker.container("ended").role(Role::ExitAfter(0.0, 3)).start();
    ended.act(&["wait"]);
    for container in [&frozen, &plain, &host, &guest] {
        container.act(&["pause"]);
    }
    vec![plain, frozen, host, guest, ended]
}

/// Series of one container by name and labels; its own series under our names are found through `spyhop_container_info`.
fn series_of<'a>(page: &'a Page, name: &str) -> Vec<(String, &'a Sample)> {
    const WHO: [&str; 4] = ["host", "project", "service", "replica"];
    let info = page.one("spyhop_container_info", &[("name", name)]);
    let same =
        |sample: &Sample| info.is_some_and(|info| WHO.iter().all(|label| info.label(label) == sample.label(label)));
    let own = |sample: &&Sample| {
        let compatible = sample.name.starts_with("container_") && sample.label("name") == name;
        compatible || (sample.name.starts_with("spyhop_container_") && same(sample))
    };
    let key = |sample: &'a Sample| (format!("{}{:?}", sample.name, sample.labels), sample);
    page.samples.iter().filter(own).map(key).collect()
}

fn missing(all: &[(String, &Sample)], some: &[(String, &Sample)]) -> Vec<String> {
    let have: BTreeSet<&String> = some.iter().map(|(key, _)| key).collect();
    // The share of a CPU limit needs ten seconds of scrapes, which one of the agents may not have had yet.
    let due = |key: &&String| !have.contains(*key) && !key.contains("\"resource\": \"cpu\"");
    all.iter().map(|(key, _)| key).filter(due).cloned().collect()
}

/// Values inside which are not between those outside, but for the agents' own times.
fn apart(before: &[(String, &Sample)], inside: &[(String, &Sample)], after: &[(String, &Sample)]) -> Vec<String> {
    let value =
        |rows: &[(String, &Sample)], key: &String| rows.iter().find(|(k, _)| k == key).map(|(_, sample)| sample.value);
    let differs = |(key, sample): &(String, &Sample)| {
        let (low, high) = (value(before, key)?, value(after, key)?);
        let own_time = key.starts_with("spyhop_container_inspected") || key.contains("\"resource\": \"cpu\"");
        let between = low.min(high) <= sample.value && sample.value <= low.max(high);
        (!own_time && !between).then(|| format!("{sample} inside, {low}..{high} outside"))
    };
    inside.iter().filter_map(differs).collect()
}

/// Names and labels of the host's series, without those of files that are not mounted.
fn host_series(page: &Page) -> BTreeSet<String> {
    let host = |sample: &&Sample| {
        let node = sample.name.starts_with("node_") && !sample.name.starts_with("node_filesystem_");
        node || sample.name.starts_with("machine_")
    };
    let key = |sample: &Sample| {
        let mut labels = sample.labels.clone();
        labels.retain(|name, _| !HOST_FILES.contains(&name.as_str()));
        format!("{}{labels:?}", sample.name)
    };
    page.samples.iter().filter(host).map(key).collect()
}
