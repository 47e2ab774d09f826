//! Content of cgroup v2 files, after the kernel's documentation and a recording on a kernel with systemd and PSI.

/// `/proc/self/mountinfo`, cgroup part.
pub(crate) fn mountinfo() -> String {
    "35 24 0:30 / /sys/fs/cgroup rw,nosuid,nodev,noexec,relatime shared:9 - cgroup2 cgroup2 rw,nsdelegate,memory_recursiveprot\n"
        .into()
}

/// (controller, file, content) of one container; there is one hierarchy, so the controller is empty.
pub(crate) fn files(seed: u64) -> Vec<(&'static str, &'static str, String)> {
    let usage = 20_000_000 + seed * 4096;
    let limited = seed.is_multiple_of(2);
    let or_max = |value: &str| if limited { format!("{value}\n") } else { "max\n".into() };
    vec![
        ("", "cgroup.controllers", "cpuset cpu io memory hugetlb pids rdma misc\n".into()),
        ("", "cgroup.procs", format!("{seed}\n")),
        ("", "cpu.stat", cpu_stat(seed)),
        ("", "cpu.max", if limited { "50000 100000\n".into() } else { "max 100000\n".into() }),
        ("", "cpu.weight", "100\n".into()),
        ("", "memory.current", format!("{usage}\n")),
        ("", "memory.peak", format!("{}\n", usage + 1_000_000)),
        ("", "memory.max", or_max("67108864")),
        ("", "memory.low", "0\n".into()),
        ("", "memory.swap.current", "0\n".into()),
        ("", "memory.swap.max", or_max("67108864")),
        ("", "memory.events", "low 0\nhigh 0\nmax 4\noom 0\noom_kill 0\noom_group_kill 0\n".into()),
        ("", "memory.stat", memory_stat(usage)),
        ("", "io.stat", io_stat(seed)),
        ("", "pids.current", "4\n".into()),
        ("", "pids.max", or_max("50")),
        ("", "cpu.pressure", pressure(seed)),
        ("", "memory.pressure", pressure(seed / 2)),
        ("", "io.pressure", pressure(seed / 3)),
    ]
}

fn cpu_stat(seed: u64) -> String {
    let usage = seed * 1_234;
    format!(
        "usage_usec {usage}\nuser_usec {}\nsystem_usec {}\ncore_sched.force_idle_usec 0\nnr_periods {seed}\nnr_throttled 3\n\
         throttled_usec 41000\nnr_bursts 0\nburst_usec 0\n",
        usage / 3 * 2,
        usage / 3
    )
}

fn io_stat(seed: u64) -> String {
    let bytes = seed * 8192;
    format!("253:0 rbytes={bytes} wbytes={} rios={} wios={} dbytes=0 dios=0\n", bytes * 3, seed * 2, seed * 6)
}

fn pressure(seed: u64) -> String {
    let total = seed * 71;
    format!(
        "some avg10=0.00 avg60=0.12 avg300=0.03 total={total}\nfull avg10=0.00 avg60=0.10 avg300=0.02 total={}\n",
        total / 2
    )
}

fn memory_stat(usage: u64) -> String {
    const KEYS: [&str; 44] = [
        "anon",
        "file",
        "kernel",
        "kernel_stack",
        "pagetables",
        "sec_pagetables",
        "percpu",
        "sock",
        "vmalloc",
        "shmem",
        "zswap",
        "zswapped",
        "file_mapped",
        "file_dirty",
        "file_writeback",
        "swapcached",
        "anon_thp",
        "file_thp",
        "shmem_thp",
        "inactive_anon",
        "active_anon",
        "inactive_file",
        "active_file",
        "unevictable",
        "slab_reclaimable",
        "slab_unreclaimable",
        "slab",
        "workingset_refault_anon",
        "workingset_refault_file",
        "workingset_activate_anon",
        "workingset_activate_file",
        "workingset_restore_anon",
        "workingset_restore_file",
        "workingset_nodereclaim",
        "pgscan",
        "pgsteal",
        "pgscan_kswapd",
        "pgscan_direct",
        "pgsteal_kswapd",
        "pgsteal_direct",
        "pgfault",
        "pgmajfault",
        "pgrefill",
        "pgactivate",
    ];
    let value = |number: usize| usage / (u64::try_from(number).unwrap_or(1) + 2);
    KEYS.iter().enumerate().map(|(number, key)| format!("{key} {}\n", value(number))).collect()
}
