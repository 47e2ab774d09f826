//! How does this service do?

mod more;

use crate::render::dashboards::{
    Board, Color, Empty, Feature, Panel, Query, Row, Steps, Unit, Variable,
    steps::{ANY_IS_BAD, ANY_IS_WORTH_A_LOOK},
};

pub(super) static BOARD: Board = Board {
    uid: "spyhop-service",
    title: "Service",
    about: "How does this service do: its containers, what they use of their limits, their health, lines, calls and figures of their own? Choose a host, a project and a service; what the service does not have stays empty.",
    variables: &[
        Variable::Datasource,
        Variable::Loki,
        Variable::Tempo,
        Variable::Job,
        Variable::Host,
        Variable::Project,
        Variable::Service,
    ],
    rows: &[NOW, RESOURCES, more::LIFE, more::LOGS, more::SPANS, more::APPLICATION, more::BUSINESS],
    ..Board::BASE
};

const NOW: Row = Row {
    id: 100,
    title: "Now",
    closed: false,
    panels: &[
        Panel {
            id: 2,
            title: "Replicas",
            about: "Replicas that should run, and those that are healthy; without a health check running is healthy.",
            queries: &[
                Query {
                    expr: r#"sum(max by (<id>) (spyhop_service_replicas{<service>,state="healthy"}))"#,
                    name: "healthy",
                    ..Query::METRICS
                },
                Query { expr: "sum(<wanted_here>)", name: "wanted", ..Query::METRICS },
            ],
            ..Panel::STAT
        },
        Panel {
            id: 3,
            title: "Replicas short",
            about: "Replicas that should be healthy and are not.",
            steps: ANY_IS_BAD,
            queries: &[Query {
                expr: r#"sum(clamp_min(<wanted_here> - max by (<id>) (spyhop_service_replicas{<service>,state="healthy"}), 0))"#,
                ..Query::METRICS
            }],
            ..Panel::STAT
        },
        Panel {
            id: 4,
            title: "Youngest run",
            about: "For how long the container has run that was started last.",
            unit: Unit::Seconds,
            queries: &[Query {
                expr: r#"min((time() - max by (<one>) (spyhop_container_started_timestamp_seconds{<service>})) and max by (<one>) (spyhop_container_state{<service>,state="running"}) == 1)"#,
                ..Query::METRICS
            }],
            ..Panel::STAT
        },
        Panel {
            id: 5,
            title: "Restarts in 1h",
            about: "Runs begun within an hour in a container that had run before.",
            steps: ANY_IS_WORTH_A_LOOK,
            queries: &[Query {
                expr: "round(sum(max by (<id>) (increase(spyhop_service_restarts_total{<service>}[1h]))))",
                ..Query::METRICS
            }],
            ..Panel::STAT
        },
        Panel {
            id: 6,
            title: "OOM kills in 1h",
            about: "Kills within an hour because memory ran out.",
            steps: ANY_IS_BAD,
            queries: &[Query {
                expr: "round(sum(max by (<id>) (increase(spyhop_service_oom_kills_total{<service>}[1h]))))",
                ..Query::METRICS
            }],
            ..Panel::STAT
        },
        Panel {
            id: 7,
            title: "Budget left",
            about: "The least that is left of a budget of this service's objectives.",
            empty: Empty::Without(Feature::Objectives),
            unit: Unit::Share,
            steps: Some(&Steps::From(Color::Red, &[(0.0, Color::Orange), (0.25, Color::Green)])),
            queries: &[Query {
                expr: r#"min(spyhop:slo_budget_remaining:ratio{<rules>,service=~"$service"})"#,
                ..Query::METRICS
            }],
            ..Panel::STAT
        },
        Panel {
            id: 8,
            title: "Containers",
            about: "Every container of the service with its image, whether it runs, its last exit code and the age of its image.",
            size: (24, 6),
            queries: &[
                Query { expr: "max by (<one>, name, image) (spyhop_container_info{<service>})", ..Query::METRICS },
                Query {
                    expr: r#"max by (<one>) (spyhop_container_state{<service>,state="running"}) + 2 * max by (<one>) (spyhop_container_health_state{<service>,state="unhealthy"})"#,
                    name: "state",
                    words: Some(STATE),
                    ..Query::METRICS
                },
                Query {
                    expr: "max by (<one>) (spyhop_container_exit_code{<service>})",
                    name: "exit code",
                    unit: Some(Unit::Plain),
                    ..Query::METRICS
                },
                Query {
                    expr: "time() - max by (<one>) (spyhop_container_image_created_timestamp_seconds{<service>})",
                    name: "image age",
                    unit: Some(Unit::Seconds),
                    ..Query::METRICS
                },
            ],
            ..Panel::TABLE
        },
    ],
};

/// Running adds one, an unhealthy last check two.
const STATE: &[(&str, &str, Color)] = &[
    ("0", "not running", Color::Red),
    ("1", "running", Color::Green),
    ("2", "not running", Color::Red),
    ("3", "unhealthy", Color::Orange),
];

const RESOURCES: Row = Row {
    id: 101,
    title: "Resources against limits",
    closed: false,
    panels: &[
        Panel {
            id: 9,
            title: "CPU",
            about: "Cores in use by each container, and its limit where it has one.",
            unit: Unit::Plain,
            queries: &[
                Query {
                    expr: "max by (<one>) (rate(container_cpu_usage_seconds_total{<job>}[$__rate_interval]) <of_container>)",
                    name: "{{service}} {{replica}}",
                    ..Query::METRICS
                },
                Query {
                    expr: "max by (<one>) (spyhop_container_cpu_limit_cores{<service>})",
                    name: "limit {{service}} {{replica}}",
                    ..Query::BOUND
                },
            ],
            ..Panel::LINES
        },
        Panel {
            id: 10,
            title: "Memory",
            about: "Working set of each container, which is what its limit is held against, and the limit where it has one.",
            unit: Unit::Bytes,
            queries: &[
                Query {
                    expr: "max by (<one>) (container_memory_working_set_bytes{<job>} <of_container>)",
                    name: "{{service}} {{replica}}",
                    ..Query::METRICS
                },
                Query {
                    expr: "max by (<one>) (spyhop_container_memory_limit_bytes{<service>})",
                    name: "limit {{service}} {{replica}}",
                    ..Query::BOUND
                },
            ],
            ..Panel::LINES
        },
        Panel {
            id: 11,
            title: "Share of limits in use",
            about: "How much of its limits of memory, CPU and processes each container that has any uses; the line is where SpyhopMemoryNearLimit begins.",
            empty: Empty::Without(Feature::Limits),
            unit: Unit::Share,
            steps: Some(&Steps::Alert("SpyhopMemoryNearLimit", "most")),
            queries: &[Query {
                expr: "max by (<one>, resource) (spyhop_container_limit_utilization_ratio{<service>})",
                name: "{{service}} {{replica}} {{resource}}",
                ..Query::METRICS
            }],
            ..Panel::LINES
        },
        Panel {
            id: 12,
            title: "Held back by the CPU limit",
            about: "Share of its CPU periods in which a container with a CPU limit was held back; the line is where SpyhopCpuThrottled begins.",
            empty: Empty::Without(Feature::Limits),
            unit: Unit::Share,
            steps: Some(&Steps::Alert("SpyhopCpuThrottled", "most")),
            queries: &[Query {
                expr: "max by (<one>) (rate(container_cpu_cfs_throttled_periods_total{<job>}[$__rate_interval]) / (rate(container_cpu_cfs_periods_total{<job>}[$__rate_interval]) > 0) <of_container>)",
                name: "{{service}} {{replica}}",
                ..Query::METRICS
            }],
            ..Panel::LINES
        },
        Panel {
            id: 13,
            title: "Network",
            about: "Bytes a second over all interfaces of each container; those in another's network have none.",
            unit: Unit::BytesASecond,
            queries: &[
                Query {
                    expr: "max by (<one>) (sum by (job, instance, name) (rate(container_network_receive_bytes_total{<job>}[$__rate_interval])) <of_container>)",
                    name: "{{service}} {{replica}} in",
                    ..Query::METRICS
                },
                Query {
                    expr: "max by (<one>) (sum by (job, instance, name) (rate(container_network_transmit_bytes_total{<job>}[$__rate_interval])) <of_container>)",
                    name: "{{service}} {{replica}} out",
                    ..Query::METRICS
                },
            ],
            ..Panel::LINES
        },
        Panel {
            id: 14,
            title: "Disk",
            about: "Bytes a second read from and written to block devices, as far as the kernel knows whose they are.",
            empty: Empty::Without(Feature::DiskAccounting),
            unit: Unit::BytesASecond,
            queries: &[
                Query {
                    expr: "max by (<one>) (sum by (job, instance, name) (rate(container_fs_reads_bytes_total{<job>}[$__rate_interval])) <of_container>)",
                    name: "{{service}} {{replica}} read",
                    ..Query::METRICS
                },
                Query {
                    expr: "max by (<one>) (sum by (job, instance, name) (rate(container_fs_writes_bytes_total{<job>}[$__rate_interval])) <of_container>)",
                    name: "{{service}} {{replica}} written",
                    ..Query::METRICS
                },
            ],
            ..Panel::LINES
        },
        Panel {
            id: 15,
            title: "Pressure",
            about: "Share of the time in which something of a container waited for CPU, memory or disk (cgroup v2 with PSI).",
            empty: Empty::Without(Feature::Pressure),
            unit: Unit::Share,
            size: (24, 7),
            queries: &[
                Query {
                    expr: "max by (<one>) (rate(container_pressure_cpu_waiting_seconds_total{<job>}[$__rate_interval]) <of_container>)",
                    name: "{{service}} {{replica}} CPU",
                    ..Query::METRICS
                },
                Query {
                    expr: "max by (<one>) (rate(container_pressure_memory_waiting_seconds_total{<job>}[$__rate_interval]) <of_container>)",
                    name: "{{service}} {{replica}} memory",
                    ..Query::METRICS
                },
                Query {
                    expr: "max by (<one>) (rate(container_pressure_io_waiting_seconds_total{<job>}[$__rate_interval]) <of_container>)",
                    name: "{{service}} {{replica}} disk",
                    ..Query::METRICS
                },
            ],
            ..Panel::LINES
        },
    ],
};
