//! The kernel's side of the synthetic host.

use jiff::Timestamp;
use spyhop::{
    exposition::catalogue::node_memory,
    model::{
        ContainerSample, Cpu, CpuTimes, DeviceIo, DiskCounters, Filesystem, HostNetwork, HostSample, InterfaceCounters,
        LoadAverage, MachineSample, Memory, MemoryKind, Pids, Pressure, PressureLine, Spec, StatCounters, Uname,
    },
};

use super::synthetic::at;

fn disk_io(scale: u64) -> Vec<DeviceIo> {
    vec![
        DeviceIo {
            major: 8,
            minor: 0,
            device: Some("/dev/sda".into()),
            read_bytes: Some(4096 * scale),
            write_bytes: Some(8192 * scale),
            reads: Some(scale),
            writes: Some(2 * scale),
        },
        // A device whose number the kernel no longer names, and which counts bytes only.
        DeviceIo { major: 253, minor: 9, read_bytes: Some(512), ..DeviceIo::default() },
    ]
}

fn interface(name: &str, scale: u64) -> InterfaceCounters {
    InterfaceCounters {
        name: name.into(),
        rx_bytes: 1000 * scale,
        rx_packets: 10 * scale,
        rx_errors: 1,
        rx_dropped: 2,
        tx_bytes: 2000 * scale,
        tx_packets: 20 * scale,
        tx_errors: 3,
        tx_dropped: 4,
    }
}

const fn pressure() -> Pressure {
    const fn line(some: u64, full: u64) -> PressureLine {
        PressureLine { some_us: Some(some), full_us: Some(full) }
    }
    Pressure { cpu: line(1_500_000, 250_000), memory: line(7, 6), io: line(123_456_789, 0) }
}

/// cgroup v2 with every file and a quota.
pub(crate) fn unified(more_cpu_ns: u64) -> ContainerSample {
    ContainerSample {
        cgroup_path: Some("/system.slice/docker-101.scope".into()),
        cpu: Cpu {
            usage_ns: Some(123_456_789_000 + more_cpu_ns),
            user_ns: Some(100_000_000_000),
            system_ns: Some(23_456_789_000),
            periods: Some(1200),
            throttled_periods: Some(34),
            throttled_ns: Some(1_234_567_000),
            burst_periods: Some(5),
            burst_ns: Some(6_000_000),
        },
        memory: Memory {
            kind: MemoryKind::V2,
            usage: Some(200_000_000),
            working_set: Some(134_217_728),
            rss: Some(120_000_000),
            cache: Some(70_000_000),
            mapped_file: Some(30_000_000),
            swap: Some(4096),
            kernel: Some(2_000_000),
            max_usage: Some(250_000_000),
            failcnt: Some(3),
            active_file: Some(4_000_000),
            inactive_file: Some(65_782_272),
            file_dirty: Some(8192),
            file_writeback: Some(0),
            pgfault: Some(11_000),
            pgmajfault: Some(12),
            hierarchy_pgfault: Some(11_000),
            hierarchy_pgmajfault: Some(12),
            pgscan: Some(13),
            pgsteal: Some(14),
            workingset_refault_file: Some(15),
            workingset_refault_anon: Some(16),
            events_high: Some(17),
            events_max: Some(3),
            oom_kills: Some(2),
        },
        io: disk_io(3),
        pids: Pids { current: Some(25), limit: Some(100) },
        pressure: pressure(),
        network: Some(vec![interface("eth0", 5), interface("veth-inside", 1)]),
        spec: Spec {
            cpu_quota_us: Some(150_000),
            cpu_period_us: Some(100_000),
            cpu_shares: None,
            cpu_weight: Some(20),
            memory_known: true,
            memory_limit_bytes: Some(268_435_456),
            swap_known: true,
            swap_limit_bytes: Some(268_435_456),
            memory_reservation_bytes: Some(134_217_728),
        },
    }
}

/// cgroup v1 without limits, without swap accounting and without PSI.
pub(crate) fn legacy() -> ContainerSample {
    ContainerSample {
        cgroup_path: Some("/docker/103".into()),
        cpu: Cpu {
            usage_ns: Some(u64::MAX / 2),
            user_ns: Some(10_000_000),
            system_ns: Some(0),
            periods: Some(0),
            throttled_periods: Some(0),
            throttled_ns: Some(0),
            ..Cpu::default()
        },
        memory: Memory {
            kind: MemoryKind::V1,
            usage: Some(9_007_199_254_740_993),
            working_set: Some(0),
            rss: Some(1),
            failcnt: Some(0),
            pgfault: Some(1),
            pgmajfault: Some(2),
            hierarchy_pgfault: Some(3),
            hierarchy_pgmajfault: Some(4),
            ..Memory::default()
        },
        spec: Spec { cpu_period_us: Some(100_000), cpu_shares: Some(1024), memory_known: true, ..Spec::default() },
        network: Some(Vec::new()),
        ..ContainerSample::default()
    }
}

/// Hardly anything can be read.
pub(crate) fn hostile() -> ContainerSample {
    ContainerSample { cgroup_path: Some("/evil\"\\\n".into()), ..ContainerSample::default() }
}

pub(crate) fn root() -> ContainerSample {
    ContainerSample {
        cgroup_path: Some("/".into()),
        cpu: Cpu { usage_ns: Some(9_000_000_000_000), user_ns: Some(5_000_000_000_000), ..Cpu::default() },
        memory: Memory { rss: Some(1_000_000_000), cache: Some(2_000_000_000), ..Memory::default() },
        io: disk_io(1000),
        network: Some(["eth0", "docker0", "veth12ab", "br-5cab"].map(|name| interface(name, 100)).into()),
        ..ContainerSample::default()
    }
}

pub(crate) fn host() -> HostSample {
    let filesystem = |device: &str, mountpoint: &str| Filesystem {
        device: device.into(),
        fstype: "ext4".into(),
        mountpoint: mountpoint.into(),
        read_only: false,
        device_error: false,
        size_bytes: Some(1_000_000),
        free_bytes: Some(400_000),
        avail_bytes: Some(350_000),
        files: Some(1000),
        files_free: Some(900),
    };
    HostSample {
        cpus: (0..2)
            .map(|cpu| CpuTimes { cpu, seconds: [1.5, 0.0, 2.25, 1000.01, 0.5, 0.0, 0.125, 0.0, 0.25, 0.0] })
            .collect(),
        stat: StatCounters {
            interrupts: Some(1_000_000),
            context_switches: Some(2_000_000),
            forks: Some(3000),
            procs_running: Some(2),
            procs_blocked: Some(0),
            boot_time_seconds: u64::try_from(at(-3600).as_second()).ok(),
        },
        meminfo: node_memory::fields()
            .zip(1..)
            .map(|(field, at)| (field.into(), 4096 * at, !field.starts_with("HugePages_")))
            .chain([("FromTheFuture".into(), 1, true)])
            .collect(),
        load: Some(LoadAverage { one: 0.52, five: 1.0, fifteen: 0.05 }),
        disks: vec![
            DiskCounters { device: "sda".into(), fields: (1..=17).collect() },
            DiskCounters { device: "old".into(), fields: (1..=11).collect() },
        ],
        filesystems: vec![
            filesystem("/dev/sda1", "/"),
            filesystem("/dev/sda1", "/var/lib/docker"),
            filesystem("tmpfs", "/run"),
            Filesystem {
                device: "server:/export".into(),
                fstype: "nfs4".into(),
                mountpoint: "/mnt/hung \"share\"".into(),
                read_only: true,
                device_error: true,
                ..Filesystem::default()
            },
        ],
        network: ["lo", "eth0"]
            .map(|name| HostNetwork { counters: interface(name, 1000), rx_more: [1, 2, 3, 4], tx_more: [5, 6, 7, 8] })
            .into(),
        pressure: pressure(),
    }
}

pub(crate) fn machine() -> MachineSample {
    MachineSample {
        cpu_cores: Some(8),
        cpu_physical_cores: Some(4),
        cpu_sockets: Some(1),
        memory_bytes: Some(16_777_216_000),
        swap_bytes: Some(1_073_741_824),
        machine_id: Some("0123456789abcdef".into()),
        system_uuid: None,
        boot_id: Some("11112222-3333".into()),
        uname: Some(Uname {
            sysname: "Linux".into(),
            release: "6.12.0-whale".into(),
            version: "#1 SMP".into(),
            machine: "x86_64".into(),
            domainname: "(none)".into(),
        }),
        boot_time: Some(at(-3600)).filter(|time| *time > Timestamp::UNIX_EPOCH),
    }
}
