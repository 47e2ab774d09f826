//! The host reader against the kernel and real containers: what it says must be what the files say.
//!
//! Needs a container engine on this machine and the right to read its cgroups; says so and passes where there is none.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::{
    fs,
    path::{Path, PathBuf},
};

use spyhop::{
    host::{Gone, Host, Roots, Target},
    model::{ContainerId, ContainerSample},
    telemetry::Metrics,
};
use support::{
    container::Running,
    docker::{Docker, Turn},
    wait::{eventually, holds},
};

/// An engine and a container on it; `None`, with the reason printed, where there is no engine.
fn start(flags: &[&str]) -> Option<(Docker, Running)> {
    let docker = Docker::or_skip(Turn::Shared)?;
    let running = docker.container("host").options(flags).start();
    Some((docker, running))
}

fn target(running: &Running) -> Target {
    Target {
        id: ContainerId::new(running.id.as_str()),
        pid: running.pid(),
        started_at: None,
        network: true,
        limits: spyhop::model::Limits::default(),
    }
}

/// The directory of one of its cgroups, found without the code under test.
fn cgroup(running: &Running, controller: &str) -> Option<PathBuf> {
    let file = fs::read_to_string(format!("/proc/{}/cgroup", running.pid())).unwrap();
    let path = file.lines().find_map(|line| {
        let mut parts = line.splitn(3, ':').skip(1);
        let (controllers, path) = (parts.next()?, parts.next()?);
        controllers.split(',').any(|c| c == controller).then(|| path.to_owned())
    })?;
    let base = match controller {
        "" if Path::new("/sys/fs/cgroup/unified").is_dir() => "/sys/fs/cgroup/unified".to_owned(),
        "" => "/sys/fs/cgroup".to_owned(),
        v1 => format!("/sys/fs/cgroup/{v1}"),
    };
    Some(PathBuf::from(format!("{base}{path}"))).filter(|dir| dir.is_dir())
}

fn host() -> Host {
    Host::open(Roots { proc: "/proc".into(), sys: "/sys".into(), rootfs: None }, Metrics::default())
}

/// A number in a file; for files of `key value` lines that of a key.
fn number(dir: Option<&Path>, file: &str, key: Option<&str>) -> Option<u64> {
    let text = fs::read_to_string(dir?.join(file)).ok()?;
    match key {
        None => text.trim().parse().ok(),
        Some(key) => text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(' ')?.trim().parse().ok()),
    }
}

/// The figures of a container read with the standard library, in the order of [`figures`].
fn expected(running: &Running) -> Vec<(&'static str, Option<u64>)> {
    let dir = |controller| cgroup(running, controller);
    let (cpu, cpuacct, memory, pids, v2) = (dir("cpu"), dir("cpuacct"), dir("memory"), dir("pids"), dir(""));
    let either = |old: (&Option<PathBuf>, &str, Option<&str>), new: (&str, Option<&str>)| match old.0 {
        Some(dir) => number(Some(dir), old.1, old.2),
        None => number(v2.as_deref(), new.0, new.1),
    };
    let usage = number(cpuacct.as_deref(), "cpuacct.usage", None)
        .or_else(|| number(v2.as_deref(), "cpu.stat", Some("usage_usec")).map(|us| us * 1000));
    vec![
        ("cpu usage", usage),
        ("periods", either((&cpu, "cpu.stat", Some("nr_periods")), ("cpu.stat", Some("nr_periods")))),
        ("memory usage", either((&memory, "memory.usage_in_bytes", None), ("memory.current", None))),
        ("rss", either((&memory, "memory.stat", Some("total_rss")), ("memory.stat", Some("anon")))),
        ("cache", either((&memory, "memory.stat", Some("total_cache")), ("memory.stat", Some("file")))),
        ("page faults", either((&memory, "memory.stat", Some("pgfault")), ("memory.stat", Some("pgfault")))),
        ("highest usage", either((&memory, "memory.max_usage_in_bytes", None), ("memory.peak", None))),
        ("memory limit", either((&memory, "memory.limit_in_bytes", None), ("memory.max", None))),
        ("reservation", either((&memory, "memory.soft_limit_in_bytes", None), ("memory.low", None))),
        ("oom kills", either((&memory, "memory.oom_control", Some("oom_kill")), ("memory.events", Some("oom_kill")))),
        ("pids", either((&pids, "pids.current", None), ("pids.current", None))),
        ("pids limit", either((&pids, "pids.max", None), ("pids.max", None))),
        ("cpu shares", number(cpu.as_deref(), "cpu.shares", None)),
        ("received bytes", eth0(running.pid())),
    ]
}

fn figures(sample: &ContainerSample) -> Vec<(&'static str, Option<u64>)> {
    vec![
        ("cpu usage", sample.cpu.usage_ns),
        ("periods", sample.cpu.periods),
        ("memory usage", sample.memory.usage),
        ("rss", sample.memory.rss),
        ("cache", sample.memory.cache),
        ("page faults", sample.memory.pgfault),
        ("highest usage", sample.memory.max_usage),
        ("memory limit", sample.spec.memory_limit_bytes),
        ("reservation", sample.spec.memory_reservation_bytes),
        ("oom kills", sample.memory.oom_kills),
        ("pids", sample.pids.current),
        ("pids limit", sample.pids.limit),
        ("cpu shares", sample.spec.cpu_shares),
        ("received bytes", sample.network.as_ref().and_then(|all| all.first()).map(|eth0| eth0.rx_bytes)),
    ]
}

fn eth0(pid: u32) -> Option<u64> {
    let table = fs::read_to_string(format!("/proc/{pid}/net/dev")).ok()?;
    let line = table.lines().find_map(|line| line.trim().strip_prefix("eth0:"))?;
    line.split_whitespace().next()?.parse().ok()
}

#[test]
fn every_figure_is_what_the_files_say() {
    let flags = ["--memory", "64m", "--memory-reservation", "32m", "--cpus", "0.5", "--pids-limit", "50"];
    let Some((_docker, running)) = start(&flags) else { return };
    let mut host = host();
    host.track(&[target(&running)]);
    let mut sample = ContainerSample::default();
    let id = ContainerId::new(running.id.as_str());
    // A sleeping container changes little, and what does change grows or shrinks between the two readings around ours.
    let mut between = Vec::new();
    for _ in 0..3 {
        let before = expected(&running);
        host.container(&id, &mut sample).unwrap();
        let after = expected(&running);
        between.extend(before.into_iter().zip(figures(&sample)).zip(after));
    }
    for (((what, before), (_, ours)), (_, after)) in between {
        assert_eq!(before.is_some(), ours.is_some(), "{what}");
        assert!(before.min(after) <= ours && ours <= before.max(after), "{what}: {before:?} {ours:?} {after:?}");
    }
    assert_eq!(sample.spec.cpu_quota_us, Some(50_000));
    assert!(sample.cgroup_path.is_some_and(|path| path.contains(&running.id)));
}

#[test]
fn a_limit_changed_by_docker_update_is_right_at_once() {
    let Some((_docker, running)) = start(&["--memory", "64m"]) else { return };
    let mut host = host();
    host.track(&[target(&running)]);
    let mut sample = ContainerSample::default();
    let id = ContainerId::new(running.id.as_str());
    host.container(&id, &mut sample).unwrap();
    assert_eq!(sample.spec.memory_limit_bytes, Some(64 << 20));
    running.act(&["update", "--memory", "96m", "--memory-swap", "96m", "--cpus", "0.75"]);
    // The engine announces it, and the target says so.
    let limits = spyhop::model::Limits { memory_bytes: Some(96 << 20), cpu_cores: Some(0.75), ..Default::default() };
    host.track(&[Target { limits, ..target(&running) }]);
    host.container(&id, &mut sample).unwrap();
    assert_eq!((sample.spec.memory_limit_bytes, sample.spec.cpu_quota_us), (Some(96 << 20), Some(75_000)));
}

#[test]
fn a_killed_container_is_gone_and_its_network_namespace_is_let_go() {
    let Some((_docker, running)) = start(&[]) else { return };
    let mut host = host();
    let target = target(&running);
    host.track(std::slice::from_ref(&target));
    let mut sample = ContainerSample::default();
    host.container(&target.id, &mut sample).unwrap();
    assert!(host.open_handles() > 5 && sample.network.is_some());
    running.act(&["kill"]);
    // The engine removes the cgroup a moment after the process has ended.
    eventually("the container is gone", || {
        holds(host.container(&target.id, &mut sample) == Err(Gone), || "it is still read".to_owned())
    });
    assert_eq!((host.open_handles(), sample), (0, ContainerSample::default()));
    let of_it = |link: &Path| {
        let link = link.to_string_lossy();
        link.contains(&running.id) || link.contains(&format!("/proc/{}/", target.pid))
    };
    let open: Vec<PathBuf> =
        fs::read_dir("/proc/self/fd").unwrap().filter_map(|fd| fs::read_link(fd.ok()?.path()).ok()).collect();
    assert!(!open.iter().any(|link| of_it(link)), "{open:?}");
}

#[test]
fn a_restarted_container_is_read_from_its_new_run() {
    let Some((_docker, running)) = start(&[]) else { return };
    let mut host = host();
    let old = target(&running);
    host.track(std::slice::from_ref(&old));
    let mut sample = ContainerSample::default();
    host.container(&old.id, &mut sample).unwrap();
    running.act(&["restart", "-t", "0"]);
    // The same id and the same path, but nothing of the old run is believed.
    assert_eq!(host.container(&old.id, &mut sample), Err(Gone));
    let new = target(&running);
    assert_ne!(old.pid, new.pid);
    host.track(std::slice::from_ref(&new));
    assert_eq!(host.container(&new.id, &mut sample), Ok(()));
    assert!(sample.cpu.usage_ns.is_some());
}
