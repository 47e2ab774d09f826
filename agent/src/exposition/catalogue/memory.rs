//! `container_memory_*` under cAdvisor's names.

super::families! { Container;
    CACHE: Gauge "container_memory_cache" "bytes" []
        "Page cache in bytes (memory.stat total_cache, file).";
    RSS: Gauge "container_memory_rss" "bytes" []
        "Anonymous memory in bytes (memory.stat total_rss, anon); not the resident set of ps.";
    KERNEL_USAGE: Gauge "container_memory_kernel_usage" "bytes" []
        "Kernel memory in bytes (memory.kmem.usage_in_bytes, memory.stat kernel).";
    MAPPED_FILE: Gauge "container_memory_mapped_file" "bytes" []
        "File pages mapped by processes, in bytes (memory.stat total_mapped_file, file_mapped).";
    SWAP: Gauge "container_memory_swap" "bytes" []
        "Swap in use in bytes (memory.stat total_swap, memory.swap.current); absent where swap is not accounted.";
    FAILCNT: Counter "container_memory_failcnt" "" []
        "Times usage ran into the limit (memory.failcnt, memory.events max).";
    USAGE: Gauge "container_memory_usage_bytes" "bytes" []
        "All memory charged to the container, page cache included (memory.usage_in_bytes, memory.current).";
    MAX_USAGE: Gauge "container_memory_max_usage_bytes" "bytes" []
        "Highest usage of this run (memory.max_usage_in_bytes, memory.peak); absent before Linux 5.19 on cgroup v2.";
    WORKING_SET: Gauge "container_memory_working_set_bytes" "bytes" []
        "Usage less inactive file pages, at least 0: what the kernel cannot reclaim cheaply.";
    ACTIVE_FILE: Gauge "container_memory_total_active_file_bytes" "bytes" []
        "File pages on the active list (memory.stat total_active_file, active_file).";
    INACTIVE_FILE: Gauge "container_memory_total_inactive_file_bytes" "bytes" []
        "File pages on the inactive list (memory.stat total_inactive_file, inactive_file).";
    FAILURES: Counter "container_memory_failures_total" "" ["failure_type", "scope"]
        "Page faults by failure_type (pgfault, pgmajfault) and scope (container: its own cgroup; hierarchy: with those below); equal on cgroup v2.";
    EVENTS_HIGH: Counter "container_memory_events_high_total" "" []
        "Times processes were slowed down above memory.high (memory.events high, cgroup v2).";
    EVENTS_MAX: Counter "container_memory_events_max_total" "" []
        "Times usage was about to pass memory.max (memory.events max, cgroup v2).";
    FILE_DIRTY: Gauge "container_memory_file_dirty_bytes" "bytes" []
        "File pages changed and not yet written back (memory.stat).";
    FILE_WRITEBACK: Gauge "container_memory_file_writeback_bytes" "bytes" []
        "File pages being written back (memory.stat).";
    PGSCAN: Counter "container_memory_pgscan_total" "" []
        "Pages looked at by reclaim (memory.stat pgscan, cgroup v2).";
    PGSTEAL: Counter "container_memory_pgsteal_total" "" []
        "Pages taken by reclaim (memory.stat pgsteal, cgroup v2).";
    REFAULT_FILE: Counter "container_memory_workingset_refault_file_total" "" []
        "File pages read again after reclaim had taken them (memory.stat, cgroup v2).";
    REFAULT_ANON: Counter "container_memory_workingset_refault_anon_total" "" []
        "Anonymous pages brought back from swap (memory.stat, cgroup v2).";
}
