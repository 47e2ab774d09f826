//! Who reaches whom, and should not?

use crate::render::dashboards::{
    Board, Empty, Feature, Link, Panel, Query, Row, Show, Steps, Unit, Variable,
    steps::{ANY_IS_BAD, ANY_IS_WORTH_A_LOOK},
};

pub(super) static BOARD: Board = Board {
    uid: "spyhop-isolation",
    title: "Isolation",
    about: "Who reaches whom and should not, who was turned away, and how much of it all was looked at? What the policy wants is in docs/isolation.md; that nothing was found says nothing of what nobody looked at.",
    variables: &[Variable::Datasource, Variable::Job, Variable::Host, Variable::Project],
    from: "now-6h",
    rows: &[NOW, WHO, TIME, LOOKS],
    ..Board::BASE
};

const OFF: Empty = Empty::Without(Feature::Isolation);
const COVERED: Option<&Steps> = Some(&Steps::Alert("SpyhopIsolationCoverageLow", "least"));
/// Of a violation, whoever began.
static SOURCE: Link = Link { title: "Service", uid: "spyhop-service", by: &["host", "project", "service=src"] };

const NOW: Row = Row {
    id: 100,
    title: "Now",
    closed: false,
    panels: &[
        Panel {
            id: 2,
            title: "Violations",
            about: "What stands that the policy does not want; waived ones and excess reach are left out.",
            empty: OFF,
            steps: ANY_IS_BAD,
            queries: &[Query {
                expr: r#"sum(max by (host, project, class) (spyhop_isolation_violations{<project>,class!="excess_reachability"}))"#,
                ..Query::METRICS
            }],
            ..Panel::STAT
        },
        Panel {
            id: 3,
            title: "Excess reach",
            about: "Pairs of services that share a network and need not: no violation, but less of it is better.",
            empty: OFF,
            queries: &[Query {
                expr: r#"sum(max by (host, project) (spyhop_isolation_violations{<project>,class="excess_reachability"}))"#,
                ..Query::METRICS
            }],
            ..Panel::STAT
        },
        Panel {
            id: 4,
            title: "Denied attempts in 1h",
            about: "Connections within an hour which the policy does not name and nobody answered.",
            empty: OFF,
            steps: ANY_IS_WORTH_A_LOOK,
            queries: &[Query {
                expr: "round(sum(max by (host, project, src) (increase(spyhop_isolation_denied_attempts_total{<project>}[1h]))))",
                ..Query::METRICS
            }],
            ..Panel::STAT
        },
        Panel {
            id: 5,
            title: "Least that was looked at",
            about: "The smallest share of what there is that a tier of checks has looked at; SpyhopIsolationCoverageLow begins where it turns orange.",
            empty: OFF,
            unit: Unit::Share,
            size: (8, 4),
            steps: COVERED,
            queries: &[Query {
                expr: "min by (mode) (max by (host, project, mode) (spyhop_isolation_coverage_ratio{<project>}))",
                name: "{{mode}}",
                ..Query::METRICS
            }],
            ..Panel::STAT
        },
        Panel {
            id: 6,
            title: "Oldest sweep",
            about: "Time since the last sweep, on the host where that is longest; the static tier looks when something changes and not by the clock.",
            empty: OFF,
            unit: Unit::Seconds,
            steps: Some(&Steps::Alert("SpyhopIsolationSweepStale", "late")),
            queries: &[Query {
                expr: r#"max by (mode) (time() - max by (host, mode) (spyhop_isolation_last_sweep_timestamp_seconds{<host>,mode!="static"}))"#,
                name: "{{mode}}",
                ..Query::METRICS
            }],
            ..Panel::STAT
        },
    ],
};

const WHO: Row = Row {
    id: 101,
    title: "Who and whom",
    closed: false,
    panels: &[
        Panel {
            id: 7,
            title: "Violations, from the left to the top",
            about: "How many violations stand between each pair: rows are who begins, columns who is reached.",
            empty: Empty::Healthy,
            show: Show::Matrix(&("src", "dst")),
            steps: ANY_IS_BAD,
            queries: &[Query {
                expr: "sum by (src, dst) (max by (host, project, class, src, dst, port) (spyhop_isolation_violation{<project>}))",
                ..Query::METRICS
            }],
            ..Panel::TABLE
        },
        Panel {
            id: 8,
            title: "Every violation",
            about: "What stands, of which class, from whom to whom and where; the runbook of its alert says how to close it.",
            empty: Empty::Healthy,
            link: Some(&SOURCE),
            sort: Some("class"),
            queries: &[Query {
                expr: "max by (host, project, class, src, dst, port) (spyhop_isolation_violation{<project>})",
                ..Query::METRICS
            }],
            ..Panel::TABLE
        },
        Panel {
            id: 9,
            title: "Ways, as wanted and as known",
            about: "Ways from a service to a port of another: rows are what the policy says of them, columns what is known. Denied and used, or denied and open, is a violation.",
            empty: OFF,
            show: Show::Matrix(&("expected", "observed")),
            queries: &[Query {
                expr: "sum by (expected, observed) (max by (host, project, expected, observed) (spyhop_isolation_edges{<project>}))",
                ..Query::METRICS
            }],
            ..Panel::TABLE
        },
        Panel {
            id: 10,
            title: "Networks",
            about: "Networks of the engine; an internal one has no way out.",
            queries: &[Query {
                expr: "max by (host, network, driver, scope, internal) (spyhop_network_info{<host>})",
                ..Query::METRICS
            }],
            ..Panel::TABLE
        },
    ],
};

const TIME: Row = Row {
    id: 102,
    title: "Over time",
    closed: false,
    panels: &[
        Panel {
            id: 11,
            title: "Violations by class",
            about: "Violations of each class that stand in each project, 0 included.",
            empty: OFF,
            queries: &[Query {
                expr: r#"max by (host, project, class) (spyhop_isolation_violations{<project>,class!="excess_reachability"})"#,
                name: "{{host}} {{project}} {{class}}",
                ..Query::METRICS
            }],
            ..Panel::LINES
        },
        Panel {
            id: 12,
            title: "Denied attempts",
            about: "Connections which the policy does not name and nobody answered, by who began them.",
            empty: OFF,
            link: Some(&SOURCE),
            queries: &[Query {
                expr: "max by (host, project, src) (increase(spyhop_isolation_denied_attempts_total{<project>}[$__rate_interval]))",
                name: "{{host}} {{project}}/{{src}}",
                ..Query::METRICS
            }],
            ..Panel::BARS
        },
    ],
};

const LOOKS: Row = Row {
    id: 103,
    title: "How much was looked at",
    closed: false,
    panels: &[
        Panel {
            id: 13,
            title: "Coverage",
            about: "Share of what there is that each tier has looked at; /api/v1/isolation says what is missing and why.",
            empty: OFF,
            unit: Unit::Share,
            size: (8, 8),
            steps: COVERED,
            queries: &[Query {
                expr: "max by (host, project, mode) (spyhop_isolation_coverage_ratio{<project>})",
                name: "{{host}} {{project}} {{mode}}",
                ..Query::METRICS
            }],
            ..Panel::LINES
        },
        Panel {
            id: 14,
            title: "How long a sweep takes",
            about: "How long the last look of each tier took.",
            empty: OFF,
            unit: Unit::Seconds,
            size: (8, 8),
            queries: &[Query {
                expr: "max by (host, mode) (spyhop_isolation_sweep_duration_seconds{<host>})",
                name: "{{host}} {{mode}}",
                ..Query::METRICS
            }],
            ..Panel::LINES
        },
        Panel {
            id: 15,
            title: "Connections tried",
            about: "Connections that the active tier tried, by what became of them.",
            empty: OFF,
            size: (8, 8),
            queries: &[Query {
                expr: "sum by (host, result) (increase(spyhop_isolation_probes_total{<host>}[$__rate_interval]))",
                name: "{{host}} {{result}}",
                ..Query::METRICS
            }],
            ..Panel::BARS
        },
    ],
};
