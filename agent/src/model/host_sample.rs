//! What the kernel says of the host at one scrape, and the machine's fixed facts.

use std::sync::Arc;

use jiff::Timestamp;

use super::{InterfaceCounters, Pressure};

/// One reading of the host.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct HostSample {
    /// `/proc/stat`, one entry a CPU in the kernel's order.
    pub cpus: Vec<CpuTimes>,
    /// The rest of `/proc/stat`.
    pub stat: StatCounters,
    /// `/proc/meminfo`: name as node_exporter writes it (`MemTotal`, `Active_anon`) and bytes (or pages for HugePages counts).
    pub meminfo: Vec<(Arc<str>, u64, bool)>,
    /// `/proc/loadavg`.
    pub load: Option<LoadAverage>,
    /// `/proc/diskstats`, virtual devices left out as node_exporter does.
    pub disks: Vec<DiskCounters>,
    /// Mounted filesystems; empty without the host's root.
    pub filesystems: Vec<Filesystem>,
    /// `/proc/1/net/dev`, `lo` included.
    pub network: Vec<HostNetwork>,
    /// `/proc/pressure/*`.
    pub pressure: Pressure,
}

/// One `cpuN` line of `/proc/stat`, in seconds.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct CpuTimes {
    /// Number of the CPU.
    pub cpu: u32,
    /// user, nice, system, idle, iowait, irq, softirq, steal, guest, guest_nice.
    pub seconds: [f64; 10],
}

/// Single counters of `/proc/stat`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StatCounters {
    /// `intr`, first field.
    pub interrupts: Option<u64>,
    /// `ctxt`.
    pub context_switches: Option<u64>,
    /// `processes`.
    pub forks: Option<u64>,
    /// `procs_running`.
    pub procs_running: Option<u64>,
    /// `procs_blocked`.
    pub procs_blocked: Option<u64>,
    /// `btime`, seconds since 1970.
    pub boot_time_seconds: Option<u64>,
}

/// `/proc/loadavg`.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct LoadAverage {
    /// Over one minute.
    pub one: f64,
    /// Over five minutes.
    pub five: f64,
    /// Over fifteen minutes.
    pub fifteen: f64,
}

/// One line of `/proc/diskstats`; sectors are 512 bytes whatever the device says, times milliseconds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DiskCounters {
    /// Name without `/dev/`.
    pub device: Arc<str>,
    /// The numeric columns in the kernel's order (Documentation/admin-guide/iostats.rst), as many as there are (11, 15 or 17).
    pub fields: Vec<u64>,
}

/// One mounted filesystem.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Filesystem {
    /// Source of the mount.
    pub device: Arc<str>,
    /// Type.
    pub fstype: Arc<str>,
    /// Where the host has it mounted.
    pub mountpoint: Arc<str>,
    /// Mounted read-only.
    pub read_only: bool,
    /// `statvfs` failed or did not answer in time; then no size is known.
    pub device_error: bool,
    /// Bytes in all.
    pub size_bytes: Option<u64>,
    /// Bytes free.
    pub free_bytes: Option<u64>,
    /// Bytes free for a normal user.
    pub avail_bytes: Option<u64>,
    /// Inodes in all.
    pub files: Option<u64>,
    /// Inodes free.
    pub files_free: Option<u64>,
}

/// One interface of the host.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HostNetwork {
    /// The eight counters shared with containers.
    pub counters: InterfaceCounters,
    /// fifo, frame, compressed, multicast of the receive side.
    pub rx_more: [u64; 4],
    /// fifo, colls, carrier, compressed of the send side.
    pub tx_more: [u64; 4],
}

/// Facts of the machine which do not change while it runs.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct MachineSample {
    /// Logical CPUs.
    pub cpu_cores: Option<u64>,
    /// Physical cores.
    pub cpu_physical_cores: Option<u64>,
    /// Sockets.
    pub cpu_sockets: Option<u64>,
    /// Memory in bytes.
    pub memory_bytes: Option<u64>,
    /// Swap in bytes.
    pub swap_bytes: Option<u64>,
    /// `/etc/machine-id`, where it can be read.
    pub machine_id: Option<Arc<str>>,
    /// `/sys/class/dmi/id/product_uuid`, where it can be read.
    pub system_uuid: Option<Arc<str>>,
    /// `/proc/sys/kernel/random/boot_id`.
    pub boot_id: Option<Arc<str>>,
    /// uname(2) of the kernel; its node name is the container's own, so it is not used.
    pub uname: Option<Uname>,
    /// When the host started.
    pub boot_time: Option<Timestamp>,
}

/// uname(2).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Uname {
    /// `Linux`.
    pub sysname: Arc<str>,
    /// Kernel release.
    pub release: Arc<str>,
    /// Kernel build.
    pub version: Arc<str>,
    /// Hardware name.
    pub machine: Arc<str>,
    /// NIS domain.
    pub domainname: Arc<str>,
}
