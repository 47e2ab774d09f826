//! Do services answer those who ask from outside?

mod traefik;

use crate::render::dashboards::{
    Board, Color, Empty, Feature, Panel, Query, Row, Steps, Unit, Variable,
    link::SERVICE,
    steps::{ANY_IS_BAD, ANY_IS_WORTH_A_LOOK},
};

pub(super) static BOARD: Board = Board {
    uid: "spyhop-edge",
    title: "Edge",
    about: "Do services and sites answer, how fast, with which certificate, and does Traefik have every route that was asked for? Probes are the agent's own; requests are Traefik's metrics, where it is scraped through the agent.",
    variables: &[Variable::Datasource, Variable::Job, Variable::Host, Variable::Project, Variable::Probed],
    rows: &[NOW, PROBES, CERTIFICATES, traefik::ROUTES, traefik::REQUESTS],
    ..Board::BASE
};

const OFF: Empty = Empty::Without(Feature::Probes);
const YES: &[(&str, &str, Color)] = &[("1", "yes", Color::Green), ("0", "no", Color::Red)];

const NOW: Row = Row {
    id: 100,
    title: "Now",
    closed: false,
    panels: &[
        Panel {
            id: 2,
            title: "Targets that do not answer",
            about: "Targets whose last probe failed.",
            empty: OFF,
            steps: ANY_IS_BAD,
            queries: &[Query {
                expr: "sum(max by (<one>, probe) (spyhop_probe_success{<service>}) < bool 1)",
                ..Query::METRICS
            }],
            ..Panel::STAT
        },
        Panel {
            id: 3,
            title: "Probes that succeed in 1h",
            about: "Share of all probes within an hour that succeeded.",
            empty: OFF,
            unit: Unit::Share,
            steps: Some(&Steps::From(Color::Red, &[(0.98, Color::Orange), (0.999, Color::Green)])),
            queries: &[Query {
                expr: "1 - sum(increase(spyhop_probe_failures_total{<service>}[1h])) / (sum(increase(spyhop_probe_attempts_total{<service>}[1h])) > 0)",
                ..Query::METRICS
            }],
            ..Panel::STAT
        },
        Panel {
            id: 4,
            title: "First certificate ends in",
            about: "How long the certificate lasts that ends first of those which targets showed. SpyhopProbeCertificateExpiring begins where it turns orange.",
            empty: OFF,
            unit: Unit::Seconds,
            steps: Some(&Steps::Alert("SpyhopProbeCertificateExpiring", "days")),
            queries: &[Query {
                expr: "min(spyhop_probe_certificate_not_after_timestamp_seconds{<service>} - time())",
                ..Query::METRICS
            }],
            ..Panel::STAT
        },
        Panel {
            id: 5,
            title: "Open to everybody",
            about: "Targets which answered without credentials and should have refused.",
            empty: OFF,
            steps: ANY_IS_BAD,
            queries: &[Query {
                expr: "sum(min by (<one>, probe) (spyhop_probe_authentication_enforced{<service>}) < bool 1)",
                ..Query::METRICS
            }],
            ..Panel::STAT
        },
        Panel {
            id: 6,
            title: "Out of the agent's reach",
            about: "Targets which the agent has no way to: whether they answer nobody knows.",
            empty: OFF,
            steps: ANY_IS_WORTH_A_LOOK,
            queries: &[Query {
                expr: "sum(max by (<one>, probe) (spyhop_probe_reachable{<service>}) < bool 1)",
                ..Query::METRICS
            }],
            ..Panel::STAT
        },
        Panel {
            id: 7,
            title: "Routes that are missing",
            about: "Routes which containers ask Traefik for, and which it does not have or use.",
            empty: Empty::Without(Feature::Traefik),
            steps: ANY_IS_BAD,
            queries: &[Query {
                expr: "sum(max by (<id>) (spyhop_traefik_routes_expected{<project>}) - max by (<id>) (spyhop_traefik_routes_found{<project>}))",
                ..Query::METRICS
            }],
            ..Panel::STAT
        },
    ],
};

const PROBES: Row = Row {
    id: 101,
    title: "Probes",
    closed: false,
    panels: &[
        Panel {
            id: 8,
            title: "Every target",
            about: "Whether each target answers, how long it took, what it may take, and how many of its probes succeeded within 1h.",
            empty: OFF,
            size: (24, 9),
            link: Some(&SERVICE),
            sort: Some("took"),
            queries: &[
                Query {
                    expr: "max by (<one>, probe, kind) (spyhop_probe_success{<service>})",
                    name: "answers",
                    words: Some(YES),
                    ..Query::METRICS
                },
                Query {
                    expr: "max by (<one>, probe, kind) (spyhop_probe_duration_seconds{<service>})",
                    name: "took",
                    unit: Some(Unit::Seconds),
                    ..Query::METRICS
                },
                Query {
                    expr: "max by (<one>, probe, kind) (spyhop_probe_max_duration_seconds{<service>})",
                    name: "may take",
                    unit: Some(Unit::Seconds),
                    ..Query::METRICS
                },
                Query {
                    expr: "1 - max by (<one>, probe, kind) (increase(spyhop_probe_failures_total{<service>}[1h]) / (increase(spyhop_probe_attempts_total{<service>}[1h]) > 0))",
                    name: "succeeded",
                    unit: Some(Unit::Share),
                    steps: Some(&Steps::From(Color::Red, &[(0.98, Color::Orange), (0.999, Color::Green)])),
                    ..Query::METRICS
                },
                Query {
                    expr: "max by (<one>, probe, kind) (spyhop_probe_interval_seconds{<service>})",
                    name: "each",
                    unit: Some(Unit::Seconds),
                    ..Query::METRICS
                },
            ],
            ..Panel::TABLE
        },
        Panel {
            id: 9,
            title: "How long answers take",
            about: "How long the last probe of each target took, and the budget of one probe where there is one.",
            empty: OFF,
            unit: Unit::Seconds,
            link: Some(&SERVICE),
            queries: &[
                Query {
                    expr: "max by (<id>, probe) (spyhop_probe_duration_seconds{<service>})",
                    name: "{{project}}/{{service}} {{probe}}",
                    ..Query::METRICS
                },
                Query {
                    expr: "min by (<id>, probe) (spyhop_probe_max_duration_seconds{<service>})",
                    name: "may: {{project}}/{{service}} {{probe}}",
                    ..Query::BOUND
                },
            ],
            ..Panel::LINES
        },
        Panel {
            id: 10,
            title: "Share of slow answers",
            about: "Answers that took longer than the budget of one probe; the line is where SpyhopProbeSlow begins.",
            empty: OFF,
            unit: Unit::Share,
            steps: Some(&Steps::Alert("SpyhopProbeSlow", "most")),
            queries: &[Query {
                expr: "max by (<id>, probe) (rate(spyhop_probe_slow_total{<service>}[$__rate_interval]) / (rate(spyhop_probe_attempts_total{<service>}[$__rate_interval]) > 0))",
                name: "{{project}}/{{service}} {{probe}}",
                ..Query::METRICS
            }],
            ..Panel::LINES
        },
        Panel {
            id: 11,
            title: "Why probes fail",
            about: "Targets whose last probe failed, with the reason; docs/probes.md says what each means.",
            empty: Empty::Healthy,
            link: Some(&SERVICE),
            queries: &[Query {
                expr: "max by (<one>, probe, reason) (spyhop_probe_failure{<service>})",
                name: "failing",
                ..Query::METRICS
            }],
            ..Panel::TABLE
        },
        Panel {
            id: 12,
            title: "Outages that are over",
            about: "Outages by how long they were, from the first failed probe to the next that succeeded.",
            empty: OFF,
            queries: &[Query {
                expr: "sum by (le) (increase(spyhop_probe_outage_duration_seconds_bucket{<service>}[$__rate_interval]))",
                name: "{{le}}",
                ..Query::METRICS
            }],
            ..Panel::HEAT
        },
    ],
};

const CERTIFICATES: Row = Row {
    id: 102,
    title: "Certificates",
    closed: false,
    panels: &[
        Panel {
            id: 13,
            title: "Every certificate",
            about: "How long each certificate lasts, whether it leads to a trusted root, whether it has every name that is asked for, and whether it is valid now.",
            empty: OFF,
            size: (16, 8),
            link: Some(&SERVICE),
            queries: &[
                Query {
                    expr: "min by (<one>, probe) (spyhop_probe_certificate_not_after_timestamp_seconds{<service>} - time())",
                    name: "ends in",
                    unit: Some(Unit::Seconds),
                    steps: Some(&Steps::Alert("SpyhopProbeCertificateExpiring", "days")),
                    ..Query::METRICS
                },
                Query {
                    expr: "min by (<one>, probe) (spyhop_probe_certificate_chain_not_after_timestamp_seconds{<service>} - time())",
                    name: "chain ends in",
                    unit: Some(Unit::Seconds),
                    steps: Some(&Steps::Alert("SpyhopProbeCertificateExpiring", "days")),
                    ..Query::METRICS
                },
                Query {
                    expr: r#"min by (<one>, probe) (spyhop_probe_certificate_valid{<service>,check="chain"})"#,
                    name: "trusted",
                    words: Some(YES),
                    ..Query::METRICS
                },
                Query {
                    expr: r#"min by (<one>, probe) (spyhop_probe_certificate_valid{<service>,check="names"})"#,
                    name: "every name",
                    words: Some(YES),
                    ..Query::METRICS
                },
                Query {
                    expr: r#"min by (<one>, probe) (spyhop_probe_certificate_valid{<service>,check="time"})"#,
                    name: "valid now",
                    words: Some(YES),
                    ..Query::METRICS
                },
            ],
            ..Panel::TABLE
        },
        Panel {
            id: 14,
            title: "TLS greetings",
            about: "How long the last TLS greeting of each target took; people notice from a second on.",
            empty: OFF,
            unit: Unit::Seconds,
            size: (8, 8),
            steps: Some(&Steps::From(Color::Green, &[(1.0, Color::Orange)])),
            queries: &[Query {
                expr: "max by (<id>, probe) (spyhop_probe_tls_handshake_seconds{<service>})",
                name: "{{project}}/{{service}} {{probe}}",
                ..Query::METRICS
            }],
            ..Panel::LINES
        },
    ],
};
