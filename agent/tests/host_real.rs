//! The host reader against the kernel and real containers: what it says must be what the files say.
//!
//! Needs a container engine on this machine and the right to read its cgroups; says so and passes where there is none.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::OnceLock,
    time::{Duration, Instant},
};

use spyhop::{
    host::{Gone, Host, Roots, Target},
    model::{ContainerId, ContainerSample},
    telemetry::Metrics,
};

const IMAGE: &str = "spyhop-test/sleeper:1";

/// Runs docker and gives its output; the error is what it said.
fn docker(args: &[&str]) -> Result<String, String> {
    let output = Command::new("docker").args(args).output().map_err(|error| error.to_string())?;
    match output.status.success() {
        true => Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned()),
        false => Err(String::from_utf8_lossy(&output.stderr).trim().to_owned()),
    }
}

/// An image with one static program which sleeps; made once for a machine. The error is the reason why there is none.
fn image() -> Result<(), String> {
    static MADE: OnceLock<Result<(), String>> = OnceLock::new();
    MADE.get_or_init(|| {
        docker(&["version", "--format", "{{.Server.Version}}"])?;
        if docker(&["image", "inspect", IMAGE]).is_ok() {
            return Ok(());
        }
        let dir = tempfile::tempdir().map_err(|error| error.to_string())?;
        let source = dir.path().join("sleeper.rs");
        let text = "fn main() { loop { std::thread::sleep(std::time::Duration::from_secs(3600)) } }";
        fs::write(&source, text).map_err(|error| error.to_string())?;
        let compiled = Command::new(std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into()))
            .args(["-C", "target-feature=+crt-static", "-C", "opt-level=s", "-o"])
            .args([dir.path().join("sleeper"), source])
            .status()
            .map_err(|error| error.to_string())?;
        let mut tar = Command::new("tar")
            .args(["-c", "-C"])
            .arg(dir.path())
            .arg("sleeper")
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|error| error.to_string())?;
        let archive = tar.stdout.take().map(Stdio::from).ok_or("tar has no output")?;
        let imported = Command::new("docker")
            .args(["import", "--change", "ENTRYPOINT [\"/sleeper\"]", "-", IMAGE])
            .stdin(archive)
            .stdout(Stdio::null())
            .status()
            .map_err(|error| error.to_string())?;
        let archived = tar.wait().map_err(|error| error.to_string())?;
        match compiled.success() && imported.success() && archived.success() {
            true => Ok(()),
            false => Err("could not make the image".to_owned()),
        }
    })
    .clone()
}

/// A container of ours, removed at the end of its test.
struct Running {
    id: String,
}

impl Running {
    /// Starts one; `None` with the reason printed where that is not possible.
    fn start(flags: &[&str]) -> Option<Self> {
        if let Err(reason) = image() {
            println!("not tried: {reason}");
            return None;
        }
        let args: Vec<&str> = ["run", "-d", "--label", "spyhop-test=host"].iter().chain(flags).copied().collect();
        let id = docker(&[&args[..], &[IMAGE]].concat()).unwrap();
        Some(Self { id })
    }

    fn target(&self) -> Target {
        let pid = docker(&["inspect", "-f", "{{.State.Pid}}", &self.id]).unwrap().parse().unwrap();
        Target {
            id: ContainerId::new(self.id.as_str()),
            pid,
            started_at: None,
            network: true,
            limits: spyhop::model::Limits::default(),
        }
    }

    /// The directory of one of its cgroups, found without the code under test.
    fn cgroup(&self, controller: &str) -> Option<PathBuf> {
        let file = fs::read_to_string(format!("/proc/{}/cgroup", self.target().pid)).unwrap();
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
}

impl Drop for Running {
    fn drop(&mut self) {
        let removed = docker(&["rm", "-f", &self.id]);
        assert!(removed.is_ok() || std::thread::panicking(), "{removed:?}");
    }
}

fn host() -> Host {
    Host::open(Roots { proc: "/proc".into(), sys: "/sys".into(), rootfs: None }, Metrics::default())
}

/// Waits for the kernel to be done with something.
fn wait_until(what: &str, mut done: impl FnMut() -> bool) {
    let end = Instant::now() + Duration::from_secs(20);
    while !done() {
        assert!(Instant::now() < end, "{what}");
        std::thread::yield_now();
    }
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
    let dir = |controller| running.cgroup(controller);
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
        ("received bytes", eth0(running.target().pid)),
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
    let Some(running) = Running::start(&flags) else { return };
    let mut host = host();
    host.track(&[running.target()]);
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
    let Some(running) = Running::start(&["--memory", "64m"]) else { return };
    let mut host = host();
    host.track(&[running.target()]);
    let mut sample = ContainerSample::default();
    let id = ContainerId::new(running.id.as_str());
    host.container(&id, &mut sample).unwrap();
    assert_eq!(sample.spec.memory_limit_bytes, Some(64 << 20));
    docker(&["update", "--memory", "96m", "--memory-swap", "96m", "--cpus", "1.5", &running.id]).unwrap();
    // The engine announces it, and the target says so.
    let limits = spyhop::model::Limits { memory_bytes: Some(96 << 20), cpu_cores: Some(1.5), ..Default::default() };
    host.track(&[Target { limits, ..running.target() }]);
    host.container(&id, &mut sample).unwrap();
    assert_eq!((sample.spec.memory_limit_bytes, sample.spec.cpu_quota_us), (Some(96 << 20), Some(150_000)));
}

#[test]
fn a_killed_container_is_gone_and_its_network_namespace_is_let_go() {
    let Some(running) = Running::start(&[]) else { return };
    let mut host = host();
    let target = running.target();
    host.track(std::slice::from_ref(&target));
    let mut sample = ContainerSample::default();
    host.container(&target.id, &mut sample).unwrap();
    assert!(host.open_handles() > 5 && sample.network.is_some());
    docker(&["kill", &running.id]).unwrap();
    // The engine removes the cgroup a moment after the process has ended.
    wait_until("the container was never gone", || host.container(&target.id, &mut sample) == Err(Gone));
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
    let Some(running) = Running::start(&[]) else { return };
    let mut host = host();
    let old = running.target();
    host.track(std::slice::from_ref(&old));
    let mut sample = ContainerSample::default();
    host.container(&old.id, &mut sample).unwrap();
    docker(&["restart", "-t", "0", &running.id]).unwrap();
    // The same id and the same path, but nothing of the old run is believed.
    assert_eq!(host.container(&old.id, &mut sample), Err(Gone));
    let new = running.target();
    assert_ne!(old.pid, new.pid);
    host.track(std::slice::from_ref(&new));
    assert_eq!(host.container(&new.id, &mut sample), Ok(()));
    assert!(sample.cpu.usage_ns.is_some());
}
