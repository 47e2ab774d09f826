//! How does this host do?

use crate::render::dashboards::{
    Board, Color, Empty, Feature, Panel, Query, Row, Steps, Unit, Variable, link::SERVICE,
};

pub(super) static BOARD: Board = Board {
    uid: "spyhop-host",
    title: "Host",
    about: "How does this host do: CPU, memory, disks, network, what its programs wait for, and which containers take the most? Filesystems need the host's root mounted into the agent, and pressure a kernel that measures it.",
    variables: &[Variable::Datasource, Variable::Job, Variable::Host, Variable::Instance],
    rows: &[NOW, USE, PRESSURE, DISKS, NETWORK, CONTAINERS],
    ..Board::BASE
};

const FULL: Option<&Steps> = Some(&Steps::From(Color::Green, &[(0.8, Color::Orange), (0.95, Color::Red)]));

const NOW: Row = Row {
    id: 100,
    title: "Now",
    closed: false,
    panels: &[
        Panel {
            id: 2,
            title: "CPU in use",
            about: "Share of all CPUs that does something, on the busiest host.",
            unit: Unit::Share,
            steps: FULL,
            queries: &[Query {
                expr: r#"max(1 - avg by (host) (rate(node_cpu_seconds_total{<agent>,mode="idle"}[$__rate_interval]) <of_host>))"#,
                ..Query::METRICS
            }],
            ..Panel::STAT
        },
        Panel {
            id: 3,
            title: "Memory in use",
            about: "Share of memory that programs hold, on the fullest host: what the kernel can take back at once is not counted.",
            unit: Unit::Share,
            steps: FULL,
            queries: &[Query {
                expr: "max(1 - node_memory_MemAvailable_bytes{<agent>} / (node_memory_MemTotal_bytes{<agent>} > 0) <of_host>)",
                ..Query::METRICS
            }],
            ..Panel::STAT
        },
        Panel {
            id: 4,
            title: "Load per CPU",
            about: "Load of five minutes for each CPU: above 1 something waits.",
            unit: Unit::Plain,
            steps: Some(&Steps::From(Color::Green, &[(1.0, Color::Orange), (2.0, Color::Red)])),
            queries: &[Query {
                expr: "max(max by (host) (node_load5{<agent>} <of_host>) / (max by (host) (machine_cpu_cores{<agent>} <of_host>) > 0))",
                ..Query::METRICS
            }],
            ..Panel::STAT
        },
        Panel {
            id: 5,
            title: "Least room on a disk",
            about: "What the fullest filesystem has left; SpyhopDiskAlmostFull begins where it turns orange.",
            unit: Unit::Share,
            steps: Some(&Steps::Alert("SpyhopDiskAlmostFull", "least")),
            queries: &[Query {
                expr: r#"min(node_filesystem_avail_bytes{<agent>,fstype!~"tmpfs|ramfs|overlay|squashfs|iso9660|erofs"} / (node_filesystem_size_bytes{<agent>} > 0) <of_host>)"#,
                ..Query::METRICS
            }],
            ..Panel::STAT
        },
        Panel {
            id: 6,
            title: "Up for",
            about: "How long the host has been up that was started last.",
            unit: Unit::Seconds,
            queries: &[Query {
                expr: "min((node_time_seconds{<agent>} - node_boot_time_seconds{<agent>}) <of_host>)",
                ..Query::METRICS
            }],
            ..Panel::STAT
        },
        Panel {
            id: 7,
            title: "Clock off by",
            about: "How far the clocks of host and Prometheus are apart; SpyhopClockSkew begins where it turns orange.",
            unit: Unit::Seconds,
            steps: Some(&Steps::Alert("SpyhopClockSkew", "most")),
            queries: &[Query {
                expr: "max(abs(timestamp(node_time_seconds{<agent>}) - node_time_seconds{<agent>}) <of_host>)",
                ..Query::METRICS
            }],
            ..Panel::STAT
        },
    ],
};

const USE: Row = Row {
    id: 101,
    title: "CPU and memory",
    closed: false,
    panels: &[
        Panel {
            id: 8,
            title: "CPU by mode",
            about: "Cores by what they do; iowait is idle time in which a disk was waited for, steal what a hypervisor gave to others.",
            unit: Unit::Plain,
            queries: &[Query {
                expr: r#"sum by (host, mode) (rate(node_cpu_seconds_total{<agent>,mode!="idle"}[$__rate_interval]) <of_host>)"#,
                name: "{{host}} {{mode}}",
                ..Query::METRICS
            }],
            ..Panel::STACK
        },
        Panel {
            id: 9,
            title: "Load",
            about: "Tasks that run or wait, over one and fifteen minutes, and how many CPUs there are for them.",
            unit: Unit::Plain,
            queries: &[
                Query {
                    expr: "max by (host) (node_load1{<agent>} <of_host>)",
                    name: "{{host}} 1 minute",
                    ..Query::METRICS
                },
                Query {
                    expr: "max by (host) (node_load15{<agent>} <of_host>)",
                    name: "{{host}} 15 minutes",
                    ..Query::METRICS
                },
                Query {
                    expr: "max by (host) (machine_cpu_cores{<agent>} <of_host>)",
                    name: "{{host}} CPUs",
                    ..Query::BOUND
                },
            ],
            ..Panel::LINES
        },
        Panel {
            id: 10,
            title: "Memory",
            about: "Memory that is in use, that holds files and can be taken back, and that is free.",
            unit: Unit::Bytes,
            queries: &[
                Query {
                    expr: "max by (host) ((node_memory_MemTotal_bytes{<agent>} - node_memory_MemAvailable_bytes{<agent>}) <of_host>)",
                    name: "{{host}} in use",
                    ..Query::METRICS
                },
                Query {
                    expr: "max by (host) ((node_memory_MemAvailable_bytes{<agent>} - node_memory_MemFree_bytes{<agent>}) <of_host>)",
                    name: "{{host}} can be taken back",
                    ..Query::METRICS
                },
                Query {
                    expr: "max by (host) (node_memory_MemFree_bytes{<agent>} <of_host>)",
                    name: "{{host}} free",
                    ..Query::METRICS
                },
            ],
            ..Panel::STACK
        },
        Panel {
            id: 11,
            title: "Swap and tasks",
            about: "Swap in use, and tasks that wait for a disk.",
            unit: Unit::Plain,
            queries: &[
                Query {
                    expr: "max by (host) ((node_memory_SwapTotal_bytes{<agent>} - node_memory_SwapFree_bytes{<agent>}) <of_host>)",
                    name: "{{host}} swap",
                    unit: Some(Unit::Bytes),
                    ..Query::METRICS
                },
                Query {
                    expr: "max by (host) (node_procs_blocked{<agent>} <of_host>)",
                    name: "{{host}} blocked",
                    ..Query::METRICS
                },
            ],
            ..Panel::LINES
        },
    ],
};

const PRESSURE: Row = Row {
    id: 102,
    title: "What programs wait for",
    closed: false,
    panels: &[
        Panel {
            id: 12,
            title: "CPU pressure",
            about: "Share of the time in which something waited for a CPU; the line is where SpyhopHostCpuPressure begins.",
            empty: Empty::Without(Feature::Pressure),
            unit: Unit::Share,
            size: (8, 7),
            steps: Some(&Steps::Alert("SpyhopHostCpuPressure", "most")),
            queries: &[Query {
                expr: "max by (host) (rate(node_pressure_cpu_waiting_seconds_total{<agent>}[$__rate_interval]) <of_host>)",
                name: "{{host}}",
                ..Query::METRICS
            }],
            ..Panel::LINES
        },
        Panel {
            id: 13,
            title: "Memory pressure",
            about: "Share of the time in which everything waited for memory; the line is where SpyhopHostMemoryPressure begins.",
            empty: Empty::Without(Feature::Pressure),
            unit: Unit::Share,
            size: (8, 7),
            steps: Some(&Steps::Alert("SpyhopHostMemoryPressure", "most")),
            queries: &[Query {
                expr: "max by (host) (rate(node_pressure_memory_stalled_seconds_total{<agent>}[$__rate_interval]) <of_host>)",
                name: "{{host}}",
                ..Query::METRICS
            }],
            ..Panel::LINES
        },
        Panel {
            id: 14,
            title: "Disk pressure",
            about: "Share of the time in which everything waited for disks; the line is where SpyhopHostIoPressure begins.",
            empty: Empty::Without(Feature::Pressure),
            unit: Unit::Share,
            size: (8, 7),
            steps: Some(&Steps::Alert("SpyhopHostIoPressure", "most")),
            queries: &[Query {
                expr: "max by (host) (rate(node_pressure_io_stalled_seconds_total{<agent>}[$__rate_interval]) <of_host>)",
                name: "{{host}}",
                ..Query::METRICS
            }],
            ..Panel::LINES
        },
    ],
};

const DISKS: Row = Row {
    id: 103,
    title: "Disks",
    closed: false,
    panels: &[
        Panel {
            id: 15,
            title: "Filesystems",
            about: "Room and inodes that are left, and whether a filesystem can be written.",
            size: (24, 7),
            queries: &[
                Query {
                    expr: "min by (host, mountpoint, device, fstype) (node_filesystem_avail_bytes{<agent>} / (node_filesystem_size_bytes{<agent>} > 0) <of_host>)",
                    name: "left",
                    unit: Some(Unit::Share),
                    steps: Some(&Steps::Alert("SpyhopDiskAlmostFull", "least")),
                    ..Query::METRICS
                },
                Query {
                    expr: "min by (host, mountpoint, device, fstype) (node_filesystem_avail_bytes{<agent>} <of_host>)",
                    name: "free",
                    unit: Some(Unit::Bytes),
                    ..Query::METRICS
                },
                Query {
                    expr: "min by (host, mountpoint, device, fstype) (node_filesystem_files_free{<agent>} / (node_filesystem_files{<agent>} > 0) <of_host>)",
                    name: "inodes left",
                    unit: Some(Unit::Share),
                    steps: Some(&Steps::Alert("SpyhopInodesLow", "least")),
                    ..Query::METRICS
                },
                Query {
                    expr: "max by (host, mountpoint, device, fstype) (node_filesystem_readonly{<agent>} <of_host>)",
                    name: "writable",
                    words: Some(&[("0", "yes", Color::Green), ("1", "no", Color::Orange)]),
                    ..Query::METRICS
                },
            ],
            ..Panel::TABLE
        },
        Panel {
            id: 16,
            title: "Bytes read and written",
            about: "Bytes a second by device.",
            unit: Unit::BytesASecond,
            queries: &[
                Query {
                    expr: "max by (host, device) (rate(node_disk_read_bytes_total{<agent>}[$__rate_interval]) <of_host>)",
                    name: "{{host}} {{device}} read",
                    ..Query::METRICS
                },
                Query {
                    expr: "max by (host, device) (rate(node_disk_written_bytes_total{<agent>}[$__rate_interval]) <of_host>)",
                    name: "{{host}} {{device}} written",
                    ..Query::METRICS
                },
            ],
            ..Panel::LINES
        },
        Panel {
            id: 17,
            title: "Devices in use",
            about: "Share of the time in which a device had a request in flight; many in parallel are no more than one here.",
            unit: Unit::Share,
            queries: &[Query {
                expr: "max by (host, device) (rate(node_disk_io_time_seconds_total{<agent>}[$__rate_interval]) <of_host>)",
                name: "{{host}} {{device}}",
                ..Query::METRICS
            }],
            ..Panel::LINES
        },
    ],
};

const NETWORK: Row = Row {
    id: 104,
    title: "Network",
    closed: false,
    panels: &[
        Panel {
            id: 18,
            title: "Bytes received and sent",
            about: "Bytes a second by interface; the host's ends of containers' networks are left out.",
            unit: Unit::BytesASecond,
            queries: &[
                Query {
                    expr: "max by (host, device) (rate(node_network_receive_bytes_total{<agent>}[$__rate_interval]) <of_host>)",
                    name: "{{host}} {{device}} in",
                    ..Query::METRICS
                },
                Query {
                    expr: "max by (host, device) (rate(node_network_transmit_bytes_total{<agent>}[$__rate_interval]) <of_host>)",
                    name: "{{host}} {{device}} out",
                    ..Query::METRICS
                },
            ],
            ..Panel::LINES
        },
        Panel {
            id: 19,
            title: "Errors and drops",
            about: "Packets a second that were errors or were dropped, by interface.",
            unit: Unit::PacketsASecond,
            queries: &[
                Query {
                    expr: "max by (host, device) ((rate(node_network_receive_errs_total{<agent>}[$__rate_interval]) + rate(node_network_transmit_errs_total{<agent>}[$__rate_interval])) <of_host>)",
                    name: "{{host}} {{device}} errors",
                    ..Query::METRICS
                },
                Query {
                    expr: "max by (host, device) ((rate(node_network_receive_drop_total{<agent>}[$__rate_interval]) + rate(node_network_transmit_drop_total{<agent>}[$__rate_interval])) <of_host>)",
                    name: "{{host}} {{device}} drops",
                    ..Query::METRICS
                },
            ],
            ..Panel::LINES
        },
    ],
};

const CONTAINERS: Row = Row {
    id: 105,
    title: "Containers that take the most",
    closed: false,
    panels: &[
        Panel {
            id: 20,
            title: "CPU by container",
            about: "The ten containers that use the most CPU, in cores.",
            unit: Unit::Plain,
            link: Some(&SERVICE),
            queries: &[Query {
                expr: "topk(10, max by (<one>) (rate(container_cpu_usage_seconds_total{<agent>}[$__rate_interval]) <of_any>))",
                name: "{{project}}/{{service}} {{replica}}",
                ..Query::METRICS
            }],
            ..Panel::GAUGES
        },
        Panel {
            id: 21,
            title: "Memory by container",
            about: "The ten containers with the largest working sets.",
            unit: Unit::Bytes,
            link: Some(&SERVICE),
            queries: &[Query {
                expr: "topk(10, max by (<one>) (container_memory_working_set_bytes{<agent>} <of_any>))",
                name: "{{project}}/{{service}} {{replica}}",
                ..Query::METRICS
            }],
            ..Panel::GAUGES
        },
        Panel {
            id: 22,
            title: "Engine and kernel",
            about: "What the engine says of itself and of the host.",
            size: (24, 5),
            queries: &[Query {
                expr: "max by (host, version, api_version, operating_system, kernel, storage_driver, cgroup_version) (spyhop_engine_info{<agent>} <of_host>)",
                ..Query::METRICS
            }],
            ..Panel::TABLE
        },
    ],
};
