//! Is everything as the policy, or good practice, wants it?

use crate::render::dashboards::{
    Board, Color, Empty, Feature, Panel, Query, Row, Steps, Unit, Variable,
    link::SERVICE,
    steps::{ANY_IS_BAD, ANY_IS_WORTH_A_LOOK},
};

pub(super) static BOARD: Board = Board {
    uid: "spyhop-tiers",
    title: "Tiers and limits",
    about: "Is everything as the policy, or good practice, wants it: findings, limits by tier, what is promised and what is published? What a finding means is in docs/findings.md.",
    variables: &[Variable::Datasource, Variable::Job, Variable::Host, Variable::Project, Variable::Tier],
    from: "now-6h",
    rows: &[NOW, FINDINGS, LIMITS, PROMISED],
    ..Board::BASE
};

const NOW: Row = Row {
    id: 100,
    title: "Now",
    closed: false,
    panels: &[
        Panel {
            id: 2,
            title: "Critical findings",
            about: "What is other than the policy wants it, and dangerous.",
            steps: ANY_IS_BAD,
            queries: &[Query {
                expr: r#"sum(max by (host, class) (spyhop_findings{<host>,severity="critical"}))"#,
                ..Query::METRICS
            }],
            ..Panel::STAT
        },
        Panel {
            id: 3,
            title: "Warnings",
            about: "What is other than the policy or good practice wants it.",
            steps: ANY_IS_WORTH_A_LOOK,
            queries: &[Query {
                expr: r#"sum(max by (host, class) (spyhop_findings{<host>,severity="warning"}))"#,
                ..Query::METRICS
            }],
            ..Panel::STAT
        },
        Panel {
            id: 4,
            title: "Excepted",
            about: "Findings that an exception of the policy covers, until its last day.",
            queries: &[Query { expr: "sum(max by (host) (spyhop_findings_excepted{<host>}))", ..Query::METRICS }],
            ..Panel::STAT
        },
        Panel {
            id: 5,
            title: "Checks made",
            about: "Share of the checks there were to make that could be made, on the host with the fewest.",
            unit: Unit::Share,
            steps: Some(&Steps::From(Color::Orange, &[(1.0, Color::Green)])),
            queries: &[Query { expr: "min(max by (host) (spyhop_checks_coverage_ratio{<host>}))", ..Query::METRICS }],
            ..Panel::STAT
        },
        Panel {
            id: 6,
            title: "Containers without a limit",
            about: "Containers without a limit of memory or of CPU: what they take is missing elsewhere.",
            steps: ANY_IS_WORTH_A_LOOK,
            queries: &[Query {
                expr: r#"count(min by (<one>) (spyhop_container_limit_present{<project>,resource=~"memory|cpu"}) == 0) or 0 * count(spyhop_container_limit_present{<project>})"#,
                ..Query::METRICS
            }],
            ..Panel::STAT
        },
        Panel {
            id: 7,
            title: "Services by tier",
            about: "How many services each tier has.",
            empty: Empty::Without(Feature::Tiers),
            queries: &[Query {
                expr: "count by (tier) (max by (<id>, tier) (spyhop_service_replicas_expected{<project>} <of_tier>))",
                name: "{{tier}}",
                ..Query::METRICS
            }],
            ..Panel::STAT
        },
    ],
};

const FINDINGS: Row = Row {
    id: 101,
    title: "Findings",
    closed: false,
    panels: &[
        Panel {
            id: 8,
            title: "Findings by service",
            about: "What is found, and of whom; those about a host have no project and service.",
            empty: Empty::Healthy,
            link: Some(&SERVICE),
            sort: Some("severity"),
            queries: &[Query {
                expr: "max by (<id>, class, severity) (spyhop_finding{<project>})",
                name: "findings",
                ..Query::METRICS
            }],
            ..Panel::TABLE
        },
        Panel {
            id: 9,
            title: "Findings over time",
            about: "Findings of each class, by severity.",
            empty: Empty::Healthy,
            queries: &[Query {
                expr: "sum by (severity, class) (max by (host, severity, class) (spyhop_findings{<host>})) > 0",
                name: "{{severity}}: {{class}}",
                ..Query::METRICS
            }],
            ..Panel::LINES
        },
    ],
};

const LIMITS: Row = Row {
    id: 102,
    title: "Limits",
    closed: false,
    panels: &[
        Panel {
            id: 10,
            title: "Largest memory limit by tier",
            about: "The largest limit of memory in each tier; red is above what the policy allows the tier.",
            empty: Empty::Without(Feature::Tiers),
            unit: Unit::Bytes,
            size: (12, 6),
            steps: Some(&Steps::TierMemory),
            queries: &[Query {
                expr: "max by (tier) (spyhop_container_memory_limit_bytes{<project>} <of_tier>)",
                name: "{{tier}}",
                ..Query::METRICS
            }],
            ..Panel::GAUGES
        },
        Panel {
            id: 11,
            title: "Largest CPU limit by tier",
            about: "The largest limit of cores in each tier; red is above what the policy allows the tier.",
            empty: Empty::Without(Feature::Tiers),
            unit: Unit::Plain,
            size: (12, 6),
            steps: Some(&Steps::TierCores),
            queries: &[Query {
                expr: "max by (tier) (spyhop_container_cpu_limit_cores{<project>} <of_tier>)",
                name: "{{tier}}",
                ..Query::METRICS
            }],
            ..Panel::GAUGES
        },
        Panel {
            id: 12,
            title: "Services with a tier, and their limits",
            about: "Limits of each service that has a tier, and how much of them its fullest replica uses.",
            empty: Empty::Without(Feature::Tiers),
            size: (24, 9),
            link: Some(&SERVICE),
            sort: Some("memory in use"),
            queries: &[
                Query {
                    expr: "max by (<id>, tier) (spyhop_container_memory_limit_bytes{<project>} <of_tier>)",
                    name: "memory limit",
                    unit: Some(Unit::Bytes),
                    ..Query::METRICS
                },
                Query {
                    expr: r#"max by (<id>, tier) (spyhop_container_limit_utilization_ratio{<project>,resource="memory"} <of_tier>)"#,
                    name: "memory in use",
                    unit: Some(Unit::Share),
                    steps: Some(&Steps::Alert("SpyhopMemoryNearLimit", "most")),
                    ..Query::METRICS
                },
                Query {
                    expr: "max by (<id>, tier) (spyhop_container_cpu_limit_cores{<project>} <of_tier>)",
                    name: "CPU limit",
                    unit: Some(Unit::Plain),
                    ..Query::METRICS
                },
                Query {
                    expr: r#"max by (<id>, tier) (spyhop_container_limit_utilization_ratio{<project>,resource="cpu"} <of_tier>)"#,
                    name: "CPU in use",
                    unit: Some(Unit::Share),
                    steps: Some(&Steps::From(Color::Green, &[(0.9, Color::Orange)])),
                    ..Query::METRICS
                },
                Query {
                    expr: r#"max by (<id>, tier) (spyhop_container_limit_utilization_ratio{<project>,resource="pids"} <of_tier>)"#,
                    name: "processes in use",
                    unit: Some(Unit::Share),
                    steps: Some(&Steps::Alert("SpyhopPidsNearLimit", "most")),
                    ..Query::METRICS
                },
            ],
            ..Panel::TABLE
        },
        Panel {
            id: 13,
            title: "Nearest to a limit",
            about: "The ten containers that use most of a limit; the line is where SpyhopMemoryNearLimit begins.",
            empty: Empty::Without(Feature::Limits),
            unit: Unit::Share,
            steps: Some(&Steps::Alert("SpyhopMemoryNearLimit", "most")),
            link: Some(&SERVICE),
            queries: &[Query {
                expr: "topk(10, max by (<one>, resource) (spyhop_container_limit_utilization_ratio{<project>}))",
                name: "{{host}} {{project}}/{{service}} {{replica}} {{resource}}",
                ..Query::METRICS
            }],
            ..Panel::LINES
        },
        Panel {
            id: 14,
            title: "Memory in use by tier",
            about: "Working sets of the containers of each tier.",
            empty: Empty::Without(Feature::Tiers),
            unit: Unit::Bytes,
            queries: &[Query {
                expr: "sum by (tier) (max by (<one>, tier) (container_memory_working_set_bytes{<job>} <of_project> <of_tier>))",
                name: "{{tier}}",
                ..Query::METRICS
            }],
            ..Panel::STACK
        },
    ],
};

const PROMISED: Row = Row {
    id: 103,
    title: "Promised and published",
    closed: false,
    panels: &[
        Panel {
            id: 15,
            title: "Memory promised",
            about: "Memory limits of all containers together, as a share of the host's memory; the line is what the policy calls too much.",
            empty: Empty::Without(Feature::Limits),
            unit: Unit::Share,
            steps: Some(&Steps::PromisedMemory),
            queries: &[Query {
                expr: "sum by (host) (max by (<one>) (spyhop_container_memory_limit_bytes{<project>})) / (max by (host) (node_memory_MemTotal_bytes{<job>} <of_host>) > 0)",
                name: "{{host}}",
                ..Query::METRICS
            }],
            ..Panel::LINES
        },
        Panel {
            id: 16,
            title: "CPU promised",
            about: "CPU limits of all containers together, as a share of the host's CPUs; the line is what the policy calls too much.",
            empty: Empty::Without(Feature::Limits),
            unit: Unit::Share,
            steps: Some(&Steps::PromisedCores),
            queries: &[Query {
                expr: "sum by (host) (max by (<one>) (spyhop_container_cpu_limit_cores{<project>})) / (max by (host) (machine_cpu_cores{<job>} <of_host>) > 0)",
                name: "{{host}}",
                ..Query::METRICS
            }],
            ..Panel::LINES
        },
        Panel {
            id: 17,
            title: "Published ports",
            about: "Every port that a container publishes on its host, and on which address.",
            link: Some(&SERVICE),
            queries: &[Query {
                expr: "max by (<id>, port, protocol, host_ip, host_port) (spyhop_container_published_port_info{<project>})",
                ..Query::METRICS
            }],
            ..Panel::TABLE
        },
        Panel {
            id: 18,
            title: "Policies in force",
            about: "Which policy each host has, by the beginning of its SHA-256, and checks that are not possible there.",
            queries: &[
                Query {
                    expr: "max by (host, digest, tiers, projects, exceptions) (spyhop_policy_info{<host>})",
                    ..Query::METRICS
                },
                Query {
                    expr: "max by (host) (spyhop_checks_not_possible{<host>})",
                    name: "checks not possible",
                    steps: ANY_IS_WORTH_A_LOOK,
                    ..Query::METRICS
                },
                Query {
                    expr: "max by (host) (spyhop_findings_left_out{<host>})",
                    name: "findings without a series",
                    steps: ANY_IS_WORTH_A_LOOK,
                    ..Query::METRICS
                },
            ],
            ..Panel::TABLE
        },
    ],
};
