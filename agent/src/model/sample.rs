//! What the kernel says of one container at one scrape.

use std::sync::Arc;

/// One reading of one container. `None`: the file is not there, or the kernel does not account it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ContainerSample {
    /// Path of the container's cgroup below its hierarchy's mount, cAdvisor's `id` (`/docker/<id>`).
    pub cgroup_path: Option<Arc<str>>,
    /// CPU time and throttling.
    pub cpu: Cpu,
    /// Memory use and events.
    pub memory: Memory,
    /// Block I/O by device, sorted by (major, minor).
    pub io: Vec<DeviceIo>,
    /// Processes and threads.
    pub pids: Pids,
    /// Pressure stall information (cgroup v2 only).
    pub pressure: Pressure,
    /// Interfaces of its own network namespace without `lo`; `None` when it shares another's.
    pub network: Option<Vec<InterfaceCounters>>,
    /// Limits in force, as the kernel has them.
    pub spec: Spec,
}

/// v1 `cpuacct.usage`, `cpuacct.stat`, `cpu.stat`; v2 `cpu.stat`. Times in nanoseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cpu {
    /// All CPU time.
    pub usage_ns: Option<u64>,
    /// User mode (v1 counts in clock ticks).
    pub user_ns: Option<u64>,
    /// Kernel mode (v1 counts in clock ticks).
    pub system_ns: Option<u64>,
    /// Enforcement periods that have passed (`nr_periods`).
    pub periods: Option<u64>,
    /// Periods in which it was throttled (`nr_throttled`).
    pub throttled_periods: Option<u64>,
    /// Time it was throttled.
    pub throttled_ns: Option<u64>,
    /// Periods with a burst (v2 `nr_bursts`).
    pub burst_periods: Option<u64>,
    /// Time above quota inside bursts (v2 `burst_usec`).
    pub burst_ns: Option<u64>,
}

/// Which files memory figures came from: some meanings differ.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum MemoryKind {
    /// cgroup v1: `total_*` of `memory.stat`, swap limits include memory.
    V1,
    /// cgroup v2: hierarchical by itself, swap apart.
    #[default]
    V2,
}

/// v1 `memory.*`; v2 `memory.{current,stat,peak,events,swap.current}`. Bytes unless said otherwise.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Memory {
    /// Where the figures came from.
    pub kind: MemoryKind,
    /// All memory charged, page cache included.
    pub usage: Option<u64>,
    /// Usage without inactive file pages, floor 0: what the kernel would not give up without a fight.
    pub working_set: Option<u64>,
    /// Anonymous memory (v1 `total_rss`, v2 `anon`).
    pub rss: Option<u64>,
    /// Page cache (v1 `total_cache`, v2 `file`).
    pub cache: Option<u64>,
    /// Mapped file pages.
    pub mapped_file: Option<u64>,
    /// Swap in use.
    pub swap: Option<u64>,
    /// Kernel memory (v1 `memory.kmem.usage_in_bytes`, v2 `kernel`).
    pub kernel: Option<u64>,
    /// Highest usage seen (v1 `max_usage_in_bytes`, v2 `memory.peak`).
    pub max_usage: Option<u64>,
    /// Times usage hit the limit (v1 `failcnt`, v2 `memory.events` `max`).
    pub failcnt: Option<u64>,
    /// Active file pages.
    pub active_file: Option<u64>,
    /// Inactive file pages.
    pub inactive_file: Option<u64>,
    /// Dirty file pages.
    pub file_dirty: Option<u64>,
    /// File pages under write-back.
    pub file_writeback: Option<u64>,
    /// Page faults, of the container's top cgroup alone (v1) or with its children (v2).
    pub pgfault: Option<u64>,
    /// Major page faults, likewise.
    pub pgmajfault: Option<u64>,
    /// Page faults with children (v1 `total_pgfault`; v2 the same as `pgfault`).
    pub hierarchy_pgfault: Option<u64>,
    /// Major page faults with children.
    pub hierarchy_pgmajfault: Option<u64>,
    /// Pages scanned by reclaim (v2).
    pub pgscan: Option<u64>,
    /// Pages reclaimed (v2).
    pub pgsteal: Option<u64>,
    /// Refaults of file pages (v2).
    pub workingset_refault_file: Option<u64>,
    /// Refaults of anonymous pages (v2).
    pub workingset_refault_anon: Option<u64>,
    /// v2 `memory.events` `high`.
    pub events_high: Option<u64>,
    /// v2 `memory.events` `max`.
    pub events_max: Option<u64>,
    /// Processes killed because memory ran out (v1 `memory.oom_control` `oom_kill`, v2 `memory.events` `oom_kill`).
    pub oom_kills: Option<u64>,
}

/// One device's row: v1 `blkio.throttle.io_service_bytes_recursive` and `io_serviced_recursive`; v2 `io.stat`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DeviceIo {
    /// Major number.
    pub major: u32,
    /// Minor number.
    pub minor: u32,
    /// `/dev/...` as the kernel names it; absent when the number is not known.
    pub device: Option<Arc<str>>,
    /// Bytes read.
    pub read_bytes: Option<u64>,
    /// Bytes written.
    pub write_bytes: Option<u64>,
    /// Read requests.
    pub reads: Option<u64>,
    /// Write requests.
    pub writes: Option<u64>,
}

/// `pids.current`, `pids.max`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pids {
    /// Threads charged (the kernel counts threads, not processes).
    pub current: Option<u64>,
    /// Limit; `None` for `max`.
    pub limit: Option<u64>,
}

/// `cpu.pressure`, `memory.pressure`, `io.pressure`; the host's `/proc/pressure/*` has the same form.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pressure {
    /// CPU.
    pub cpu: PressureLine,
    /// Memory.
    pub memory: PressureLine,
    /// Block I/O.
    pub io: PressureLine,
}

/// Totals of one pressure file, microseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PressureLine {
    /// `some total=`: at least one task waited.
    pub some_us: Option<u64>,
    /// `full total=`: all tasks waited at once; absent for CPU before Linux 5.13.
    pub full_us: Option<u64>,
}

/// One line of `/proc/<pid>/net/dev`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct InterfaceCounters {
    /// Interface name inside the namespace.
    pub name: Arc<str>,
    /// Received bytes.
    pub rx_bytes: u64,
    /// Received packets.
    pub rx_packets: u64,
    /// Receive errors.
    pub rx_errors: u64,
    /// Received and dropped.
    pub rx_dropped: u64,
    /// Sent bytes.
    pub tx_bytes: u64,
    /// Sent packets.
    pub tx_packets: u64,
    /// Send errors.
    pub tx_errors: u64,
    /// Dropped on send.
    pub tx_dropped: u64,
}

/// Limits in force in the container's own cgroup. `None`: file absent, or unlimited as the field says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Spec {
    /// `cpu.cfs_quota_us` or the first field of `cpu.max`, microseconds a period; `None` when there is none.
    pub cpu_quota_us: Option<u64>,
    /// `cpu.cfs_period_us` or the second field of `cpu.max`.
    pub cpu_period_us: Option<u64>,
    /// `cpu.shares` (v1).
    pub cpu_shares: Option<u64>,
    /// `cpu.weight` (v2).
    pub cpu_weight: Option<u64>,
    /// Whether the memory controller answered at all; if so, a `None` below is "unlimited".
    pub memory_known: bool,
    /// `memory.limit_in_bytes` or `memory.max`; `None` when unlimited.
    pub memory_limit_bytes: Option<u64>,
    /// Whether swap is accounted at all.
    pub swap_known: bool,
    /// `memory.memsw.limit_in_bytes` (memory and swap) or `memory.swap.max` (swap alone); `None` when unlimited.
    pub swap_limit_bytes: Option<u64>,
    /// `memory.soft_limit_in_bytes` or `memory.low`; `None` when unlimited (v1) or 0 (v2).
    pub memory_reservation_bytes: Option<u64>,
}
