//! The kernel's side of the truth: cgroup and /proc files of one container, read with open and read, nothing kept.
//!
//! Written from the kernel's documentation, not from the agent's reader: the two share no code, so that they can disagree.

use std::{collections::BTreeMap, fs, path::PathBuf};

use super::{facts::Facts, kernel_v1, kernel_v2};

/// A limit at or above this is no limit (v1 writes the largest multiple of a page below 2^63).
const UNLIMITED: u64 = 1 << 62;

/// The cgroup folders of one process.
#[derive(Clone, Debug)]
pub struct Cgroup {
    /// Path below the hierarchy's mount, as cAdvisor's `id` label has it.
    pub path: String,
    folders: BTreeMap<String, PathBuf>,
}

impl Cgroup {
    /// Where the process is, by `/proc/<pid>/cgroup` and this machine's mounts.
    pub fn of(pid: u32) -> Result<Self, String> {
        let read = |path: String| fs::read_to_string(&path).map_err(|error| format!("read {path}: {error}"));
        let mounts = hierarchies(&read("/proc/self/mountinfo".into())?);
        let (mut folders, mut path) = (BTreeMap::new(), String::new());
        for line in read(format!("/proc/{pid}/cgroup"))?.lines() {
            let mut fields = line.splitn(3, ':').skip(1);
            let (controllers, below) = (fields.next().unwrap_or_default(), fields.next().unwrap_or_default());
            for controller in controllers.split(',') {
                if let Some(mount) = mounts.get(controller) {
                    folders.insert(controller.to_owned(), mount.join(below.trim_start_matches('/')));
                }
                if controller == "memory" || path.is_empty() {
                    below.clone_into(&mut path);
                }
            }
        }
        Ok(Self { path, folders })
    }

    /// The root of every hierarchy.
    pub fn root() -> Self {
        let mounts = fs::read_to_string("/proc/self/mountinfo").expect("the mount table");
        Self { path: "/".into(), folders: hierarchies(&mounts) }
    }

    /// Whether resources are accounted by cgroup v2 alone.
    pub fn unified(&self) -> bool {
        !self.folders.contains_key("memory") && !self.folders.contains_key("cpu")
    }

    /// A file of one controller, whole; `None` when it is not there or cannot be read. v2 has one folder for all.
    pub fn file(&self, controller: &str, name: &str) -> Option<String> {
        let controller = if self.unified() { "" } else { controller };
        fs::read_to_string(self.folders.get(controller)?.join(name)).ok()
    }

    /// A file of the v2 hierarchy, which may stand beside v1's.
    pub fn unified_file(&self, name: &str) -> Option<String> {
        fs::read_to_string(self.folders.get("")?.join(name)).ok()
    }

    /// A file which is one number; `max` and the like are `None`.
    pub fn number(&self, controller: &str, name: &str) -> Option<u64> {
        self.file(controller, name)?.trim().parse().ok()
    }

    /// A limit: `Some(0)` stands for "none", as cAdvisor writes it; `None` when the file is not there.
    pub fn limit(&self, controller: &str, name: &str) -> Option<u64> {
        let text = self.file(controller, name)?;
        Some(text.trim().parse().ok().filter(|limit| *limit < UNLIMITED).unwrap_or(0))
    }

    /// A file of `key value` lines.
    pub fn table(&self, controller: &str, name: &str) -> BTreeMap<String, u64> {
        let text = self.file(controller, name).unwrap_or_default();
        let row =
            |line: &str| line.split_once(' ').and_then(|(key, value)| Some((key.to_owned(), value.parse().ok()?)));
        text.lines().filter_map(row).collect()
    }
}

/// Mount points by controller; cgroup v2's is under the empty name.
fn hierarchies(mountinfo: &str) -> BTreeMap<String, PathBuf> {
    let mut found = BTreeMap::new();
    for line in mountinfo.lines() {
        let Some((head, tail)) = line.split_once(" - ") else { continue };
        let Some(place) = head.split(' ').nth(4) else { continue };
        let mut fields = tail.split(' ');
        match (fields.next(), fields.nth(1)) {
            (Some("cgroup2"), _) => {
                found.entry(String::new()).or_insert_with(|| PathBuf::from(place));
            }
            (Some("cgroup"), Some(options)) => {
                for option in options.split(',') {
                    found.entry(option.to_owned()).or_insert_with(|| PathBuf::from(place));
                }
            }
            _ => {}
        }
    }
    found
}

/// Everything under cAdvisor's names which comes from kernel files, of one container that has processes.
pub fn facts(pid: u32, own_network: bool) -> Result<Facts, String> {
    let cgroup = Cgroup::of(pid)?;
    let mut facts = Facts::default();
    if cgroup.unified() {
        kernel_v2::read(&cgroup, &mut facts)
    } else {
        kernel_v1::read(&cgroup, &mut facts)
    }
    pressure(&cgroup, &mut facts);
    if own_network {
        network(pid, &mut facts)?;
    }
    Ok(facts)
}

/// Pressure is known to cgroup v2 only, also on a hybrid host, where v2 has no controllers.
fn pressure(cgroup: &Cgroup, facts: &mut Facts) {
    const MICROSECONDS: f64 = 1e6;
    for resource in ["cpu", "memory", "io"] {
        let text = cgroup.unified_file(&format!("{resource}.pressure")).unwrap_or_default();
        for (word, suffix) in [("some", "waiting"), ("full", "stalled")] {
            let line = text.lines().find(|line| line.starts_with(word));
            let total =
                line.and_then(|line| line.split_once("total=")).and_then(|(_, value)| value.trim().parse().ok());
            facts.scaled(&format!("container_pressure_{resource}_{suffix}_seconds_total"), total, MICROSECONDS);
        }
    }
}

/// Counters of every interface but `lo` in the process's network namespace.
pub fn network(pid: u32, facts: &mut Facts) -> Result<(), String> {
    const COLUMNS: [(&str, usize); 8] = [
        ("receive_bytes", 0),
        ("receive_packets", 1),
        ("receive_errors", 2),
        ("receive_packets_dropped", 3),
        ("transmit_bytes", 8),
        ("transmit_packets", 9),
        ("transmit_errors", 10),
        ("transmit_packets_dropped", 11),
    ];
    let path = format!("/proc/{pid}/net/dev");
    let text = fs::read_to_string(&path).map_err(|error| format!("read {path}: {error}"))?;
    for (interface, counters) in text.lines().filter_map(|line| line.split_once(':')) {
        let counters: Vec<f64> = counters.split_ascii_whitespace().filter_map(|v| v.parse().ok()).collect();
        let interface = interface.trim();
        for (name, column) in COLUMNS.into_iter().filter(|_| interface != "lo") {
            let value = counters.get(column).copied();
            facts.set(&format!("container_network_{name}_total"), &[("interface", interface)], value);
        }
    }
    Ok(())
}

/// `/dev/` name of a block device, from `/proc/partitions`.
pub fn device(major_minor: &str) -> Option<String> {
    let wanted = major_minor.replace(':', " ");
    let text = fs::read_to_string("/proc/partitions").ok()?;
    text.lines().find_map(|line| {
        let fields: Vec<_> = line.split_ascii_whitespace().collect();
        match fields.as_slice() {
            [major, minor, _, name] if format!("{major} {minor}") == wanted => Some(format!("/dev/{name}")),
            _ => None,
        }
    })
}

/// Notes what was read from and written to one device: bytes, and requests where they are known.
pub fn device_io(facts: &mut Facts, major_minor: &str, operation: &str, bytes: Option<f64>, requests: Option<f64>) {
    let Some((major, minor)) = major_minor.split_once(':') else { return };
    let name = device(major_minor).unwrap_or_default();
    let device: &[(&str, &str)] = if name.is_empty() { &[] } else { &[("device", &name)] };
    let verb = if operation == "Read" { "reads" } else { "writes" };
    facts.set(&format!("container_fs_{verb}_bytes_total"), device, bytes);
    facts.set(&format!("container_fs_{verb}_total"), device, requests);
    let rest = [("major", major), ("minor", minor), ("operation", operation)];
    facts.set("container_blkio_device_usage_total", &[device, &rest].concat(), bytes);
}
