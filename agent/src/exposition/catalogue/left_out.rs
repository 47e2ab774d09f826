//! Families of cAdvisor's default set which spyhop does not have, and why. The same list stands in `docs/metrics.md`.

/// Names left out together, for one reason.
#[derive(Debug)]
pub struct LeftOut {
    /// The names, as cAdvisor spells them; `*` stands for every ending.
    pub names: &'static [&'static str],
    /// Why, and what to use instead.
    pub reason: &'static str,
}

/// Every family of cAdvisor's default set without a counterpart.
pub static LEFT_OUT: &[LeftOut] = &[
    LeftOut {
        names: &["container_tasks_state"],
        reason: "The state of each task is not in any cgroup file, and cAdvisor itself writes five zeros unless its load reader \
                 is switched on. A zero that lies is worse than no series; `spyhop_container_limit_utilization_ratio` and \
                 `container_last_seen` count threads and containers.",
    },
    LeftOut {
        names: &["container_cpu_load_average_10s", "container_cpu_load_d_average_10s"],
        reason: "Needs the taskstats socket and is 0 by default in cAdvisor. `container_pressure_cpu_waiting_seconds_total` \
                 answers the same question where the kernel has PSI.",
    },
    LeftOut {
        names: &[
            "container_fs_usage_bytes",
            "container_fs_limit_bytes",
            "container_fs_inodes_total",
            "container_fs_inodes_free",
        ],
        reason: "Present for the host (`id=\"/\"`), absent for containers: their writable layers are known only by walking \
                 directories, which costs seconds and breaks with every new image store. cAdvisor's limit is the size of the \
                 host's filesystem and its free inodes are always 0.",
    },
    LeftOut {
        names: &[
            "container_fs_sector_*",
            "container_fs_*_merged_total",
            "container_fs_read_seconds_total",
            "container_fs_write_seconds_total",
            "container_fs_io_current",
            "container_fs_io_time_*",
        ],
        reason: "Present for the host (`id=\"/\"`), absent for containers: /proc/diskstats counts a device as a whole, so a \
                 container's series would show what all others did.",
    },
    LeftOut {
        names: &["container_fs_io_cost_*"],
        reason: "Needs the kernel's io.cost controller, which no Docker host switches on by itself.",
    },
    LeftOut { names: &["machine_cpu_books", "machine_cpu_drawers"], reason: "Exist on IBM Z only." },
    LeftOut {
        names: &["machine_dimm_*", "machine_nvm_*"],
        reason: "Need the EDAC driver or a library for persistent memory; no Docker dashboard asks for them.",
    },
    LeftOut {
        names: &["container_label_* beyond the allow-list", "container_env_*"],
        reason: "Labels are an allow-list (Compose and Swarm identity by default): all labels of all containers were the \
                 largest cost of cAdvisor. Environments hold secrets and never leave the engine edge.",
    },
];
