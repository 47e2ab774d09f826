//! `container_*`: life, limits and CPU of containers under cAdvisor's names. Memory and I/O have tables of their own.

super::families! { Container;
    LAST_SEEN: Gauge "container_last_seen" "seconds" []
        "Time of this scrape in Unix seconds, for every container that runs now.";
    CREATION_TIME: Gauge "container_creation_time_seconds" "seconds" []
        "When the container was created, in Unix seconds (engine: Created).";
    START_TIME: Gauge "container_start_time_seconds" "seconds" []
        "When the container's present run began, in Unix seconds (engine: State.StartedAt); moves with every restart.";
    HEALTH_STATE: Gauge "container_health_state" "" []
        "Health as cAdvisor codes it: 1 healthy, 0 starting or unhealthy, -1 without a health check; spyhop_container_health_state tells starting from unhealthy.";
    SPEC_CPU_PERIOD: Gauge "container_spec_cpu_period" "" []
        "Length of a CPU enforcement period in microseconds (cpu.cfs_period_us, cpu.max).";
    SPEC_CPU_QUOTA: Gauge "container_spec_cpu_quota" "" []
        "CPU time allowed in one period in microseconds (cpu.cfs_quota_us, cpu.max); absent without a limit.";
    SPEC_CPU_SHARES: Gauge "container_spec_cpu_shares" "" []
        "Weight against other containers when CPUs are busy, 1024 by default (cpu.shares; on cgroup v2 as asked of the engine, else from cpu.weight).";
    SPEC_MEMORY_LIMIT: Gauge "container_spec_memory_limit_bytes" "bytes" []
        "Memory limit in force (memory.limit_in_bytes, memory.max), 0 without one; for the host its whole memory.";
    SPEC_MEMORY_SWAP_LIMIT: Gauge "container_spec_memory_swap_limit_bytes" "bytes" []
        "Limit of memory and swap together on both cgroup versions (memory.memsw.limit_in_bytes, memory.max plus memory.swap.max), 0 without one; for the host its swap.";
    SPEC_MEMORY_RESERVATION: Gauge "container_spec_memory_reservation_limit_bytes" "bytes" []
        "Memory reservation in force (memory.soft_limit_in_bytes, memory.low), 0 without one.";
    CPU_USER: Counter "container_cpu_user_seconds_total" "seconds" []
        "CPU time used in user mode (cpuacct.stat, cpu.stat).";
    CPU_SYSTEM: Counter "container_cpu_system_seconds_total" "seconds" []
        "CPU time used in kernel mode (cpuacct.stat, cpu.stat).";
    CPU_USAGE: Counter "container_cpu_usage_seconds_total" "seconds" ["cpu"]
        "CPU time used on all CPUs together, as cpu=\"total\" on both cgroup versions (cpuacct.usage, cpu.stat).";
    CPU_CFS_PERIODS: Counter "container_cpu_cfs_periods_total" "" []
        "CPU enforcement periods that have passed (cpu.stat nr_periods); only with a CPU quota.";
    CPU_CFS_THROTTLED_PERIODS: Counter "container_cpu_cfs_throttled_periods_total" "" []
        "CPU enforcement periods in which the container was held back (cpu.stat nr_throttled); only with a CPU quota.";
    CPU_CFS_THROTTLED_SECONDS: Counter "container_cpu_cfs_throttled_seconds_total" "seconds" []
        "Time for which the container was held back by its CPU quota (cpu.stat throttled_time, throttled_usec).";
    CPU_CFS_BURST_PERIODS: Counter "container_cpu_cfs_burst_periods_total" "" []
        "CPU enforcement periods in which saved-up quota was used (cpu.stat nr_bursts); only with a CPU quota, cgroup v2.";
    CPU_CFS_BURST_SECONDS: Counter "container_cpu_cfs_burst_seconds_total" "seconds" []
        "CPU time used above the quota in bursts (cpu.stat burst_usec); only with a CPU quota, cgroup v2.";
    OOM_EVENTS: Counter "container_oom_events_total" "" []
        "Processes killed because memory ran out, the higher of the engine's events and the kernel's count; no kernel log is read.";
    SCRAPE_ERROR: Gauge "container_scrape_error" "" []
        "1 when a kernel file that exists could not be read or understood during this scrape, else 0.";
}
