//! Is anything wrong, and where?

use crate::render::dashboards::{
    Board, Color, Empty, Feature, Link, Panel, Query, Row, Steps, Unit, Variable,
    link::{HOST, SERVICE},
    steps::{ANY_IS_BAD, ANY_IS_WORTH_A_LOOK},
};

pub(super) static BOARD: Board = Board {
    uid: "spyhop-overview",
    title: "Overview",
    about: "Is anything wrong on any host, and where? Begin here, and follow a row to its service, host or tier.",
    variables: &[Variable::Datasource, Variable::Job, Variable::Host, Variable::Project, Variable::Tier],
    rows: &[NOW, WRONG, HOSTS, TIME],
    ..Board::BASE
};

const AT_A_QUARTER: Option<&Steps> = Some(&Steps::From(Color::Red, &[(0.0, Color::Orange), (0.25, Color::Green)]));

const NOW: Row = Row {
    id: 100,
    title: "Now",
    closed: false,
    panels: &[
        Panel {
            id: 2,
            title: "Hosts",
            about: "Hosts whose agent is scraped.",
            queries: &[Query { expr: "count(count by (host) (spyhop_policy_info{<host>}))", ..Query::METRICS }],
            ..Panel::STAT
        },
        Panel {
            id: 3,
            title: "Agents down",
            about: "Agents that answered within a day and cannot be scraped now: nothing is known of their hosts.",
            steps: ANY_IS_BAD,
            link: Some(&Link { title: "Agent", uid: "spyhop-agent", by: &[] }),
            queries: &[Query {
                expr: "sum((up{<job>} < bool 1) * on (job, instance) group_left (host) max by (job, instance, host) (last_over_time(spyhop_policy_info{<host>}[1d])))",
                ..Query::METRICS
            }],
            ..Panel::STAT
        },
        Panel {
            id: 4,
            title: "Services down",
            about: "Services of which something should run and nothing does.",
            steps: ANY_IS_BAD,
            queries: &[Query {
                expr: r#"count(<wanted> > 0 and max by (<id>) (spyhop_service_replicas{<project>,state="running"}) == 0) or 0 * count(spyhop_service_replicas_expected{<project>})"#,
                ..Query::METRICS
            }],
            ..Panel::STAT
        },
        Panel {
            id: 5,
            title: "Unhealthy containers",
            about: "Containers whose health check fails.",
            steps: ANY_IS_BAD,
            queries: &[Query {
                expr: r#"sum(max by (<one>) (spyhop_container_health_state{<project>,state="unhealthy"}))"#,
                ..Query::METRICS
            }],
            ..Panel::STAT
        },
        Panel {
            id: 6,
            title: "Isolation violations",
            about: "Ways between services that the policy does not want; excess reach is no violation.",
            empty: Empty::Without(Feature::Isolation),
            steps: ANY_IS_BAD,
            link: Some(&Link { title: "Isolation", uid: "spyhop-isolation", by: &[] }),
            queries: &[Query {
                expr: r#"sum(max by (host, project, class) (spyhop_isolation_violations{<project>,class!="excess_reachability"}))"#,
                ..Query::METRICS
            }],
            ..Panel::STAT
        },
        Panel {
            id: 7,
            title: "Findings",
            about: "What is not as the policy, or good practice, wants it: critical findings and warnings.",
            steps: ANY_IS_WORTH_A_LOOK,
            link: Some(&Link { title: "Tiers and limits", uid: "spyhop-tiers", by: &[] }),
            queries: &[Query {
                expr: r#"sum(max by (host, class, severity) (spyhop_findings{<host>,severity=~"critical|warning"}))"#,
                ..Query::METRICS
            }],
            ..Panel::STAT
        },
    ],
};

const WRONG: Row = Row {
    id: 101,
    title: "What is wrong",
    closed: false,
    panels: &[
        Panel {
            id: 8,
            title: "Firing alerts",
            about: "Every alert of ours that fires; those about a host or an agent get the host's name from its agent.",
            empty: Empty::Healthy,
            link: Some(&SERVICE),
            sort: Some("severity"),
            queries: &[Query {
                expr: r#"max by (alertname, severity, host, project, service) (
  ALERTS{<firing>,host=~"$host",host!="",project=~"$project"}
  or ALERTS{<firing>,host="",instance!=""} * on (instance) group_left (host) max by (instance, host) (spyhop_policy_info{<host>})
  or ALERTS{<firing>,host="",instance="",project=~"$project"}
)"#,
                ..Query::METRICS
            }],
            ..Panel::TABLE
        },
        Panel {
            id: 9,
            title: "Services with something wrong",
            about: "Replicas that are short of what should be healthy, restarts and kills for want of memory within 1h, and findings.",
            empty: Empty::Healthy,
            link: Some(&SERVICE),
            sort: Some("short"),
            queries: &[
                Query {
                    expr: r#"<wanted> - max by (<id>) (spyhop_service_replicas{<project>,state="healthy"}) > 0"#,
                    name: "short",
                    steps: ANY_IS_BAD,
                    ..Query::METRICS
                },
                Query {
                    expr: "round(max by (<id>) (increase(spyhop_service_restarts_total{<project>}[1h]))) > 0",
                    name: "restarts 1h",
                    steps: ANY_IS_WORTH_A_LOOK,
                    ..Query::METRICS
                },
                Query {
                    expr: "round(max by (<id>) (increase(spyhop_service_oom_kills_total{<project>}[1h]))) > 0",
                    name: "OOM kills 1h",
                    steps: ANY_IS_BAD,
                    ..Query::METRICS
                },
                Query {
                    expr: r#"sum by (<id>) (max by (<id>, class) (spyhop_finding{<project>,severity=~"critical|warning"})) > 0"#,
                    name: "findings",
                    steps: ANY_IS_WORTH_A_LOOK,
                    ..Query::METRICS
                },
            ],
            ..Panel::TABLE
        },
    ],
};

const HOSTS: Row = Row {
    id: 102,
    title: "Hosts and tiers",
    closed: false,
    panels: &[
        Panel {
            id: 10,
            title: "Every host",
            about: "How much of each host is used. Without a mount of the host's root its filesystems are not known.",
            size: (24, 8),
            unit: Unit::Share,
            link: Some(&HOST),
            sort: Some("memory"),
            queries: &[
                Query {
                    expr: r#"1 - avg by (host) (rate(node_cpu_seconds_total{<job>,mode="idle"}[$__rate_interval]) <of_host>)"#,
                    name: "CPU",
                    steps: Some(&Steps::From(Color::Green, &[(0.8, Color::Orange), (0.95, Color::Red)])),
                    ..Query::METRICS
                },
                Query {
                    expr: "1 - max by (host) (node_memory_MemAvailable_bytes{<job>} <of_host>) / (max by (host) (node_memory_MemTotal_bytes{<job>} <of_host>) > 0)",
                    name: "memory",
                    steps: Some(&Steps::From(Color::Green, &[(0.8, Color::Orange), (0.95, Color::Red)])),
                    ..Query::METRICS
                },
                Query {
                    expr: "max by (host) (node_load5{<job>} <of_host>) / (max by (host) (machine_cpu_cores{<job>} <of_host>) > 0)",
                    name: "load per CPU",
                    unit: Some(Unit::Plain),
                    ..Query::METRICS
                },
                Query {
                    expr: r#"1 - min by (host) (node_filesystem_avail_bytes{<job>,fstype!~"tmpfs|ramfs|overlay|squashfs|iso9660|erofs"} / (node_filesystem_size_bytes{<job>} > 0) <of_host>)"#,
                    name: "fullest disk",
                    steps: Some(&Steps::From(Color::Green, &[(0.8, Color::Orange), (0.95, Color::Red)])),
                    ..Query::METRICS
                },
                Query {
                    expr: "count by (host) (max by (<id>) (spyhop_service_replicas_expected{<project>}))",
                    name: "services",
                    unit: Some(Unit::Plain),
                    ..Query::METRICS
                },
                Query {
                    expr: r#"sum by (host) (max by (<one>) (spyhop_container_state{<project>,state="running"}))"#,
                    name: "running",
                    unit: Some(Unit::Plain),
                    ..Query::METRICS
                },
                Query {
                    expr: "min by (host) (spyhop_engine_up{<job>} <of_host>)",
                    name: "engine",
                    words: Some(&[("1", "heard", Color::Green), ("0", "silent", Color::Red)]),
                    ..Query::METRICS
                },
            ],
            ..Panel::TABLE
        },
        Panel {
            id: 11,
            title: "Healthy services by tier",
            about: "Share of the services of a tier that have a healthy replica; one that a person stopped has none.",
            empty: Empty::Without(Feature::Tiers),
            unit: Unit::Share,
            steps: Some(&Steps::From(Color::Red, &[(0.8, Color::Orange), (1.0, Color::Green)])),
            link: Some(&Link { title: "Tiers and limits", uid: "spyhop-tiers", by: &["tier"] }),
            queries: &[Query {
                expr: r#"avg by (tier) (max by (<id>, tier) ((spyhop_service_replicas{<project>,state="healthy"} > bool 0) <of_tier>))"#,
                name: "{{tier}}",
                ..Query::METRICS
            }],
            ..Panel::GAUGES
        },
        Panel {
            id: 12,
            title: "Objectives with the least left",
            about: "What is left of the error budgets: 100% is all of it, below 0 an objective is missed.",
            empty: Empty::Without(Feature::Objectives),
            unit: Unit::Share,
            steps: AT_A_QUARTER,
            link: Some(&Link { title: "Objectives", uid: "spyhop-slo", by: &["slo"] }),
            queries: &[Query {
                expr: r#"bottomk(10, spyhop:slo_budget_remaining:ratio{<rules>})"#,
                name: "{{slo}} {{host}}",
                ..Query::METRICS
            }],
            ..Panel::GAUGES
        },
    ],
};

const TIME: Row = Row {
    id: 103,
    title: "Over time",
    closed: false,
    panels: &[
        Panel {
            id: 13,
            title: "Replicas short of what is expected",
            about: "Replicas that should be healthy and are not, by project.",
            queries: &[Query {
                expr: r#"sum by (host, project) (clamp_min(<wanted> - max by (<id>) (spyhop_service_replicas{<project>,state="healthy"}), 0))"#,
                name: "{{host}} {{project}}",
                ..Query::METRICS
            }],
            ..Panel::LINES
        },
        Panel {
            id: 14,
            title: "Restarts",
            about: "Runs begun anew in a container that had run before.",
            link: Some(&Link { title: "Service", uid: "spyhop-service", by: &["host", "project"] }),
            queries: &[Query {
                expr: "sum by (host, project) (max by (<id>) (increase(spyhop_service_restarts_total{<project>}[$__rate_interval])))",
                name: "{{host}} {{project}}",
                ..Query::METRICS
            }],
            ..Panel::BARS
        },
    ],
};
