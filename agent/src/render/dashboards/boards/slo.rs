//! Are objectives kept, and for how much longer?

use crate::render::dashboards::{
    Board, Color, Empty, Feature, Panel, Query, Row, Steps, Unit, Variable,
    steps::{ANY_IS_BAD, ANY_IS_WORTH_A_LOOK},
};

pub(super) static BOARD: Board = Board {
    uid: "spyhop-slo",
    title: "Objectives",
    about: "Are objectives kept, how fast do their budgets go, and how often were they broken? What is counted as good is in the policy and in docs/objectives.md.",
    variables: &[
        Variable::Datasource,
        Variable::Job,
        Variable::Host,
        Variable::Project,
        Variable::Service,
        Variable::Slo,
    ],
    from: "now-24h",
    rows: &[NOW, BUDGETS, EVENTS, BREACHES],
    ..Board::BASE
};

const NONE: Empty = Empty::Without(Feature::Objectives);
const LEFT: Option<&Steps> = Some(&Steps::From(Color::Red, &[(0.0, Color::Orange), (0.25, Color::Green)]));
const KNOWN: Option<&Steps> = Some(&Steps::From(Color::Orange, &[(0.5, Color::Green)]));

const NOW: Row = Row {
    id: 100,
    title: "Now",
    closed: false,
    panels: &[
        Panel {
            id: 2,
            title: "Objectives",
            about: "Objectives of the policy whose rules are loaded.",
            empty: NONE,
            queries: &[Query { expr: "count(count by (slo) (spyhop:slo_objective:ratio{<slo>}))", ..Query::METRICS }],
            ..Panel::STAT
        },
        Panel {
            id: 3,
            title: "Missed",
            about: "Objectives whose budget is used up.",
            empty: NONE,
            steps: ANY_IS_BAD,
            queries: &[Query {
                expr: "count(min by (slo) (spyhop:slo_budget_remaining:ratio{<slo>}) <= 0) or 0 * count(spyhop:slo_budget_remaining:ratio{<slo>})",
                ..Query::METRICS
            }],
            ..Panel::STAT
        },
        Panel {
            id: 4,
            title: "Least budget left",
            about: "What is left of the budget that is nearest to its end: 100% is all of it, below 0 an objective is missed.",
            empty: NONE,
            unit: Unit::Share,
            steps: LEFT,
            queries: &[Query { expr: "min(spyhop:slo_budget_remaining:ratio{<slo>})", ..Query::METRICS }],
            ..Panel::STAT
        },
        Panel {
            id: 5,
            title: "Fastest burn",
            about: "How many times its budget the fastest objective used in the last hour: at 1 a budget lasts exactly its window.",
            empty: NONE,
            unit: Unit::Plain,
            steps: Some(&Steps::Burn),
            queries: &[Query {
                expr: "max(spyhop:slo_errors:ratio1h{<slo>} / on (slo) group_left () (1 - max by (slo) (spyhop:slo_objective:ratio{<slo>})))",
                ..Query::METRICS
            }],
            ..Panel::STAT
        },
        Panel {
            id: 6,
            title: "Least known",
            about: "The smallest share of a window of which anything is known: what is not known is neither good nor bad.",
            empty: NONE,
            unit: Unit::Share,
            steps: KNOWN,
            queries: &[Query { expr: "min(spyhop:slo_coverage:ratio{<slo>})", ..Query::METRICS }],
            ..Panel::STAT
        },
        Panel {
            id: 7,
            title: "Alerts on objectives",
            about: "Alerts that fire because a budget goes too fast, is gone, or has no source.",
            empty: Empty::Healthy,
            steps: ANY_IS_BAD,
            queries: &[Query {
                expr: r#"count(ALERTS{alertname=~"SpyhopSlo.*",alertstate="firing",slo=~"$slo"})"#,
                ..Query::METRICS
            }],
            ..Panel::STAT
        },
    ],
};

const BUDGETS: Row = Row {
    id: 101,
    title: "Budgets",
    closed: false,
    panels: &[
        Panel {
            id: 8,
            title: "Every objective",
            about: "Target, what is left of the budget, how fast it goes over an hour and six, and how much of the window is known.",
            empty: NONE,
            unit: Unit::Share,
            size: (24, 9),
            sort: Some("burn 1h"),
            queries: &[
                Query { expr: "max by (slo) (spyhop:slo_objective:ratio{<slo>})", name: "target", ..Query::METRICS },
                Query {
                    expr: "min by (slo) (spyhop:slo_budget_remaining:ratio{<slo>})",
                    name: "budget left",
                    steps: LEFT,
                    ..Query::METRICS
                },
                Query {
                    expr: "max by (slo) (spyhop:slo_errors:ratio1h{<slo>}) / on (slo) (1 - max by (slo) (spyhop:slo_objective:ratio{<slo>}))",
                    name: "burn 1h",
                    unit: Some(Unit::Plain),
                    steps: Some(&Steps::Burn),
                    ..Query::METRICS
                },
                Query {
                    expr: "max by (slo) (spyhop:slo_errors:ratio6h{<slo>}) / on (slo) (1 - max by (slo) (spyhop:slo_objective:ratio{<slo>}))",
                    name: "burn 6h",
                    unit: Some(Unit::Plain),
                    steps: Some(&Steps::Burn),
                    ..Query::METRICS
                },
                Query {
                    expr: "min by (slo) (spyhop:slo_coverage:ratio{<slo>})",
                    name: "known",
                    steps: KNOWN,
                    ..Query::METRICS
                },
            ],
            ..Panel::TABLE
        },
        Panel {
            id: 9,
            title: "Budget left",
            about: "What is left of each budget over time.",
            empty: NONE,
            unit: Unit::Share,
            steps: LEFT,
            floor: None,
            queries: &[Query {
                expr: "min by (slo, host) (spyhop:slo_budget_remaining:ratio{<slo>})",
                name: "{{slo}} {{host}}",
                ..Query::METRICS
            }],
            ..Panel::LINES
        },
        Panel {
            id: 10,
            title: "Burn over an hour",
            about: "How many times its budget each objective used in an hour; lines are where its alerts begin.",
            empty: NONE,
            unit: Unit::Plain,
            steps: Some(&Steps::Burn),
            queries: &[Query {
                expr: "max by (slo, host) (spyhop:slo_errors:ratio1h{<slo>} / on (slo) group_left () (1 - max by (slo) (spyhop:slo_objective:ratio{<slo>})))",
                name: "{{slo}} {{host}}",
                ..Query::METRICS
            }],
            ..Panel::LINES
        },
    ],
};

const EVENTS: Row = Row {
    id: 102,
    title: "What was bad of how much",
    closed: false,
    panels: &[
        Panel {
            id: 11,
            title: "Share that was bad",
            about: "Share of bad events in five minutes; above its budget an objective burns.",
            empty: NONE,
            unit: Unit::Share,
            steps: Some(&Steps::Budget),
            queries: &[Query {
                expr: "max by (slo, host) (spyhop:slo_errors:ratio5m{<slo>})",
                name: "{{slo}} {{host}}",
                ..Query::METRICS
            }],
            ..Panel::LINES
        },
        Panel {
            id: 12,
            title: "Bad events",
            about: "Bad events of five minutes.",
            empty: NONE,
            queries: &[Query {
                expr: "sum by (slo, host) (spyhop:slo_bad:increase5m{<slo>})",
                name: "{{slo}} {{host}}",
                ..Query::METRICS
            }],
            ..Panel::BARS
        },
        Panel {
            id: 13,
            title: "All events",
            about: "Events of five minutes: of few of them a share says little.",
            empty: NONE,
            queries: &[Query {
                expr: "sum by (slo, host) (spyhop:slo_total:increase5m{<slo>})",
                name: "{{slo}} {{host}}",
                ..Query::METRICS
            }],
            ..Panel::LINES
        },
        Panel {
            id: 14,
            title: "How much is known",
            about: "Share of each window of which anything is known.",
            empty: NONE,
            unit: Unit::Share,
            steps: KNOWN,
            queries: &[Query {
                expr: "min by (slo, host) (spyhop:slo_coverage:ratio{<slo>})",
                name: "{{slo}} {{host}}",
                ..Query::METRICS
            }],
            ..Panel::LINES
        },
    ],
};

const BREACHES: Row = Row {
    id: 103,
    title: "Breaches, and what they were made of",
    closed: false,
    panels: &[
        Panel {
            id: 15,
            title: "When objectives were broken",
            about: "Alerts on objectives over time: burning fast or slowly, used up, without a source.",
            empty: Empty::Healthy,
            size: (24, 7),
            words: Some(&[("1", "firing", Color::Red)]),
            queries: &[Query {
                expr: r#"max by (slo, alertname) (ALERTS{alertname=~"SpyhopSlo.*",alertstate="firing",slo=~"$slo"})"#,
                name: "{{slo}} {{alertname}}",
                ..Query::METRICS
            }],
            ..Panel::STATES
        },
        Panel {
            id: 16,
            title: "Probes that failed",
            about: "Failed probes of the chosen services.",
            empty: Empty::Without(Feature::Probes),
            steps: ANY_IS_WORTH_A_LOOK,
            queries: &[Query {
                expr: "sum by (service, probe) (max by (<one>, probe) (increase(spyhop_probe_failures_total{<service>}[$__rate_interval])))",
                name: "{{service}} {{probe}}",
                ..Query::METRICS
            }],
            ..Panel::BARS
        },
        Panel {
            id: 17,
            title: "Replicas short of what is expected",
            about: "Replicas of the chosen services that should be healthy and are not.",
            queries: &[Query {
                expr: r#"clamp_min(<wanted_here> - max by (<id>) (spyhop_service_replicas{<service>,state="healthy"}), 0)"#,
                name: "{{host}} {{project}}/{{service}}",
                ..Query::METRICS
            }],
            ..Panel::LINES
        },
    ],
};
