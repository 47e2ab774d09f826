//! Content of cgroup v1 files, after a recording on Linux 6.18 with the engine's cgroupfs driver.

/// Hierarchies of this kind of host, in the order of `/proc/<pid>/cgroup`.
pub(crate) const CONTROLLERS: [&str; 9] =
    ["systemd", "pids", "blkio", "freezer", "devices", "memory", "cpuset", "cpuacct", "cpu"];

/// `/proc/self/mountinfo`, cgroup part.
pub(crate) fn mountinfo() -> String {
    let mut text = String::from("31 23 0:28 / /sys/fs/cgroup rw,relatime - tmpfs tmpfs rw,mode=755\n");
    for (number, controller) in CONTROLLERS.iter().enumerate() {
        let options = if *controller == "systemd" { "name=systemd" } else { controller };
        let (mount, device) = (32 + number, 29 + number);
        text.push_str(&format!(
            "{mount} 31 0:{device} / /sys/fs/cgroup/{controller} rw,relatime - cgroup cgroup rw,{options}\n"
        ));
    }
    text.push_str("41 31 0:38 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw\n");
    text
}

/// (controller, file, content) of one container; `seed` makes its numbers its own.
pub(crate) fn files(seed: u64) -> Vec<(&'static str, &'static str, String)> {
    let usage = 20_000_000 + seed * 4096;
    let limit = if seed.is_multiple_of(2) { 67_108_864 } else { 9_223_372_036_854_771_712_u64 };
    let quota = if seed.is_multiple_of(2) { "50000" } else { "-1" };
    vec![
        (
            "cpu",
            "cpu.stat",
            format!("nr_periods {seed}\nnr_throttled 3\nthrottled_time 41000000\nnr_bursts 0\nburst_time 0\n"),
        ),
        ("cpu", "cpu.cfs_quota_us", format!("{quota}\n")),
        ("cpu", "cpu.cfs_period_us", "100000\n".into()),
        ("cpu", "cpu.shares", "1024\n".into()),
        ("cpuacct", "cpuacct.usage", format!("{}\n", seed * 1_234_567)),
        ("cpuacct", "cpuacct.stat", format!("user {}\nsystem {}\n", seed * 80, seed * 40)),
        ("memory", "memory.usage_in_bytes", format!("{usage}\n")),
        ("memory", "memory.max_usage_in_bytes", format!("{}\n", usage + 1_000_000)),
        ("memory", "memory.failcnt", "0\n".into()),
        ("memory", "memory.limit_in_bytes", format!("{limit}\n")),
        ("memory", "memory.soft_limit_in_bytes", "9223372036854771712\n".into()),
        ("memory", "memory.memsw.limit_in_bytes", format!("{limit}\n")),
        ("memory", "memory.memsw.usage_in_bytes", format!("{usage}\n")),
        ("memory", "memory.kmem.usage_in_bytes", "610304\n".into()),
        ("memory", "memory.oom_control", "oom_kill_disable 0\nunder_oom 0\noom_kill 0\n".into()),
        ("memory", "memory.stat", memory_stat(usage)),
        ("blkio", "blkio.throttle.io_service_bytes", io(seed * 8192)),
        ("blkio", "blkio.throttle.io_service_bytes_recursive", io(seed * 8192)),
        ("blkio", "blkio.throttle.io_serviced", io(seed * 2)),
        ("blkio", "blkio.throttle.io_serviced_recursive", io(seed * 2)),
        ("pids", "pids.current", "4\n".into()),
        ("pids", "pids.max", "max\n".into()),
        ("systemd", "cgroup.procs", format!("{seed}\n")),
    ]
}

fn io(read: u64) -> String {
    let write = read * 3;
    let total = read + write;
    format!(
        "253:0 Read {read}\n253:0 Write {write}\n253:0 Sync {total}\n253:0 Async 0\n253:0 Discard 0\n253:0 Total {total}\nTotal {total}\n"
    )
}

fn memory_stat(usage: u64) -> String {
    const KEYS: [&str; 24] = [
        "cache",
        "rss",
        "rss_huge",
        "shmem",
        "mapped_file",
        "dirty",
        "writeback",
        "workingset_refault_anon",
        "workingset_refault_file",
        "swap",
        "swapcached",
        "pgpgin",
        "pgpgout",
        "pgfault",
        "pgmajfault",
        "inactive_anon",
        "active_anon",
        "inactive_file",
        "active_file",
        "unevictable",
        "pgscan",
        "pgsteal",
        "thp_fault_alloc",
        "thp_collapse_alloc",
    ];
    let value = |number: usize| usage / (u64::try_from(number).unwrap_or(1) + 2);
    let mut text = String::new();
    for (number, key) in KEYS.iter().enumerate() {
        text.push_str(&format!("{key} {}\n", value(number)));
    }
    text.push_str("hierarchical_memory_limit 9223372036854771712\nhierarchical_memsw_limit 9223372036854771712\n");
    for (number, key) in KEYS.iter().enumerate() {
        text.push_str(&format!("total_{key} {}\n", value(number)));
    }
    text
}
