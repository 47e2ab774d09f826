//! The host's side of the truth: /proc, /sys and `statvfs`, read anew for each look.
//!
//! Written from proc(5) and the kernel's documentation, not from the agent's reader: the two share no code.

use std::{collections::BTreeSet, fs};

use super::{
    facts::{Facts, float},
    kernel::{self, Cgroup},
    kernel_v1, kernel_v2,
};

/// `USER_HZ`, which is 100 on every architecture Docker runs on.
const TICKS_PER_SECOND: f64 = 100.0;
const MICROSECONDS: f64 = 1e6;
const MILLISECONDS: f64 = 1e3;
const SECTOR_BYTES: f64 = 512.0;

/// Everything under node_exporter's names but filesystems and what is not a number in a file.
pub fn node() -> Facts {
    let mut facts = Facts::default();
    stat(&mut facts);
    load(&mut facts);
    memory(&mut facts);
    pressure(&mut facts, "node_pressure_");
    for disk in disks() {
        let labels = [("device", disk.name.as_str())];
        for (name, column, scale) in NODE_DISK {
            facts.set(&format!("node_disk_{name}"), &labels, disk.column(column, scale));
        }
    }
    for (name, columns) in interfaces().into_iter().filter(|(name, _)| !name.starts_with("veth")) {
        for (metric, column) in NODE_NETWORK {
            facts.set(&format!("node_network_{metric}_total"), &[("device", &name)], columns.get(column).copied());
        }
    }
    facts
}

/// `machine_*`.
pub fn machine() -> Facts {
    let mut facts = Facts::default();
    let cpuinfo = read("/proc/cpuinfo");
    let values = |key: &str| -> Vec<String> {
        let rows = cpuinfo.lines().filter_map(|line| line.split_once(':'));
        rows.filter(|(name, _)| name.trim() == key).map(|(_, value)| value.trim().to_owned()).collect()
    };
    let different = |values: &[String]| Some(values.iter().collect::<BTreeSet<_>>().len() as u64).filter(|n| *n > 0);
    let sockets = values("physical id");
    let cores: Vec<String> =
        sockets.iter().zip(values("core id")).map(|(socket, core)| format!("{socket}/{core}")).collect();
    facts.count("machine_cpu_cores", Some(values("processor").len() as u64));
    facts.count("machine_cpu_sockets", different(&sockets));
    facts.count("machine_cpu_physical_cores", different(&cores));
    facts.count("machine_memory_bytes", meminfo("MemTotal"));
    facts.count("machine_swap_bytes", meminfo("SwapTotal"));
    facts.count("machine_scrape_error", Some(0));
    facts
}

/// The root cgroup and the whole host under cAdvisor's names, `id="/"`, but times and filesystems.
pub fn root() -> Facts {
    let mut facts = Facts::default();
    let cgroup = Cgroup::root();
    if cgroup.unified() {
        kernel_v2::read(&cgroup, &mut facts);
    } else {
        kernel_v1::read(&cgroup, &mut facts);
    }
    kernel::network(1, &mut facts).expect("the host's interfaces");
    // What containers' networks have on the host is not the host's traffic; the root has no limits of its own.
    facts.retain(|name, labels| {
        let interface = labels.get("interface").map_or("", String::as_str);
        let bridge = interface.strip_prefix("br-").is_some_and(|id| id.len() == 12);
        !(name.starts_with("container_spec_") || bridge || ["veth", "docker"].iter().any(|p| interface.starts_with(p)))
    });
    facts.take("pids.current");
    let kills = facts.take("oom_kill");
    facts.set("container_oom_events_total", &[], kills);
    pressure(&mut facts, "container_pressure_");
    for disk in disks() {
        let device = format!("/dev/{}", disk.name);
        for (name, column, scale) in ROOT_DISK {
            facts.set(&format!("container_fs_{name}"), &[("device", &device)], disk.column(column, scale));
        }
    }
    facts.count("container_spec_memory_limit_bytes", meminfo("MemTotal"));
    facts.count("container_spec_memory_swap_limit_bytes", meminfo("SwapTotal"));
    facts.count("container_spec_memory_reservation_limit_bytes", Some(0));
    for name in ["container_creation_time_seconds", "container_start_time_seconds"] {
        facts.count(name, row("/proc/stat", "btime"));
    }
    facts
}

/// Figures of the filesystem under a mount point: size, free, available, files, free files; all but the last four stand still.
pub fn filesystem(mountpoint: &str) -> [f64; 5] {
    let stat = rustix::fs::statvfs(mountpoint).expect("a filesystem on the page can be asked");
    let bytes = |blocks: u64| float(blocks * stat.f_frsize);
    [bytes(stat.f_blocks), bytes(stat.f_bfree), bytes(stat.f_bavail), float(stat.f_files), float(stat.f_ffree)]
}

fn read(path: &str) -> String {
    fs::read_to_string(path).unwrap_or_default()
}

/// The first number behind a key.
fn row(path: &str, key: &str) -> Option<u64> {
    let text = read(path);
    let mut rows = text.lines().map(|line| line.split_ascii_whitespace());
    rows.find_map(|mut words| words.next().filter(|word| *word == key).and_then(|_| words.next()?.parse().ok()))
}

fn stat(facts: &mut Facts) {
    const MODES: [&str; 8] = ["user", "nice", "system", "idle", "iowait", "irq", "softirq", "steal"];
    let text = read("/proc/stat");
    for line in text.lines() {
        let mut words = line.split_ascii_whitespace();
        let Some(cpu) = words.next().and_then(|word| word.strip_prefix("cpu")).filter(|cpu| !cpu.is_empty()) else {
            continue;
        };
        let seconds: Vec<f64> =
            words.filter_map(|v| v.parse().ok()).map(|ticks: f64| ticks / TICKS_PER_SECOND).collect();
        for (mode, column) in MODES.iter().zip(0..) {
            let labels = [("cpu", cpu), ("mode", mode)];
            facts.set("node_cpu_seconds_total", &labels, seconds.get::<usize>(column).copied());
        }
        for (mode, column) in [("user", 8), ("nice", 9)] {
            let labels = [("cpu", cpu), ("mode", mode)];
            facts.set("node_cpu_guest_seconds_total", &labels, seconds.get::<usize>(column).copied());
        }
    }
    for (name, key) in [
        ("node_intr_total", "intr"),
        ("node_context_switches_total", "ctxt"),
        ("node_forks_total", "processes"),
        ("node_procs_running", "procs_running"),
        ("node_procs_blocked", "procs_blocked"),
        ("node_boot_time_seconds", "btime"),
    ] {
        facts.count(name, row("/proc/stat", key));
    }
}

fn load(facts: &mut Facts) {
    let text = read("/proc/loadavg");
    for (name, value) in ["node_load1", "node_load5", "node_load15"].iter().zip(text.split(' ')) {
        facts.set(name, &[], value.parse().ok());
    }
}

/// Fields of /proc/meminfo by node_exporter's rule; a newer kernel may have some which no release of ours has heard of.
fn memory(facts: &mut Facts) {
    let known = include_str!("../../../docs/metrics.md");
    for line in read("/proc/meminfo").lines() {
        let mut words = line.split_ascii_whitespace();
        let field = words.next().unwrap_or_default().trim_end_matches(':').replace('(', "_").replace(')', "");
        let number = words.next().and_then(|word| word.parse::<u64>().ok());
        let name = match words.next() {
            Some(_) => format!("node_memory_{field}_bytes"),
            None => format!("node_memory_{field}"),
        };
        if known.contains(&format!("`{name}`")) {
            facts.count(&name, number.map(|number| if name.ends_with("_bytes") { number * 1024 } else { number }));
        }
    }
}

fn meminfo(field: &str) -> Option<u64> {
    row("/proc/meminfo", &format!("{field}:")).map(|kilobytes| kilobytes * 1024)
}

/// Totals of all tasks. The host's CPU has no `full` to speak of: node_exporter shows none, cAdvisor that of the root.
fn pressure(facts: &mut Facts, prefix: &str) {
    for resource in ["cpu", "memory", "io"] {
        let text = read(&format!("/proc/pressure/{resource}"));
        for (word, suffix) in [("some", "waiting"), ("full", "stalled")] {
            let line = text.lines().find(|line| line.starts_with(word));
            let total =
                line.and_then(|line| line.split_once("total=")).and_then(|(_, total)| total.trim().parse().ok());
            if (prefix, resource, suffix) != ("node_pressure_", "cpu", "stalled") {
                facts.scaled(&format!("{prefix}{resource}_{suffix}_seconds_total"), total, MICROSECONDS);
            }
        }
    }
}

/// Name, column of /proc/diskstats behind the name, and how many of its units are one of the page's.
type DiskColumn = (&'static str, usize, f64);

const NODE_DISK: [DiskColumn; 17] = [
    ("reads_completed_total", 0, 1.0),
    ("reads_merged_total", 1, 1.0),
    ("read_bytes_total", 2, 1.0 / SECTOR_BYTES),
    ("read_time_seconds_total", 3, MILLISECONDS),
    ("writes_completed_total", 4, 1.0),
    ("writes_merged_total", 5, 1.0),
    ("written_bytes_total", 6, 1.0 / SECTOR_BYTES),
    ("write_time_seconds_total", 7, MILLISECONDS),
    ("io_now", 8, 1.0),
    ("io_time_seconds_total", 9, MILLISECONDS),
    ("io_time_weighted_seconds_total", 10, MILLISECONDS),
    ("discards_completed_total", 11, 1.0),
    ("discards_merged_total", 12, 1.0),
    ("discarded_sectors_total", 13, 1.0),
    ("discard_time_seconds_total", 14, MILLISECONDS),
    ("flush_requests_total", 15, 1.0),
    ("flush_requests_time_seconds_total", 16, MILLISECONDS),
];

const ROOT_DISK: [DiskColumn; 9] = [
    ("reads_merged_total", 1, 1.0),
    ("sector_reads_total", 2, 1.0),
    ("read_seconds_total", 3, MILLISECONDS),
    ("writes_merged_total", 5, 1.0),
    ("sector_writes_total", 6, 1.0),
    ("write_seconds_total", 7, MILLISECONDS),
    ("io_current", 8, 1.0),
    ("io_time_seconds_total", 9, MILLISECONDS),
    ("io_time_weighted_seconds_total", 10, MILLISECONDS),
];

struct Disk {
    name: String,
    columns: Vec<f64>,
}

impl Disk {
    fn column(&self, column: usize, scale: f64) -> Option<f64> {
        self.columns.get(column).map(|count| count / scale)
    }
}

/// Whole disks: the kernel says which names are partitions (a file `partition`) and which have no device behind them.
fn disks() -> Vec<Disk> {
    let text = read("/proc/diskstats");
    let disks = text.lines().filter_map(|line| {
        let mut words = line.split_ascii_whitespace().skip(2);
        let name = words.next()?.to_owned();
        let whole = fs::metadata(format!("/sys/block/{name}")).is_ok();
        let memory = ["ram", "zram", "loop", "fd"].iter().any(|kind| name.starts_with(kind));
        (whole && !memory).then(|| Disk { name, columns: words.filter_map(|word| word.parse().ok()).collect() })
    });
    disks.collect()
}

/// Name behind `node_network_` and column of /proc/net/dev.
const NODE_NETWORK: [(&str, usize); 16] = [
    ("receive_bytes", 0),
    ("receive_packets", 1),
    ("receive_errs", 2),
    ("receive_drop", 3),
    ("receive_fifo", 4),
    ("receive_frame", 5),
    ("receive_compressed", 6),
    ("receive_multicast", 7),
    ("transmit_bytes", 8),
    ("transmit_packets", 9),
    ("transmit_errs", 10),
    ("transmit_drop", 11),
    ("transmit_fifo", 12),
    ("transmit_colls", 13),
    ("transmit_carrier", 14),
    ("transmit_compressed", 15),
];

fn interfaces() -> Vec<(String, Vec<f64>)> {
    let text = read("/proc/1/net/dev");
    let rows = text.lines().filter_map(|line| line.rsplit_once(':'));
    rows.map(|(name, columns)| {
        (name.trim().to_owned(), columns.split_ascii_whitespace().filter_map(|word| word.parse().ok()).collect())
    })
    .collect()
}
