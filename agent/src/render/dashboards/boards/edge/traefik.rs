//! Traefik: the routes it should have, and what goes through it.

use crate::render::dashboards::{
    Color, Empty, Feature, Panel, Query, Row, Steps, Unit, link::SERVICE, steps::ANY_IS_WORTH_A_LOOK,
};

const OFF: Empty = Empty::Without(Feature::Traefik);

pub(super) const ROUTES: Row = Row {
    id: 103,
    title: "Routes",
    closed: false,
    panels: &[
        Panel {
            id: 15,
            title: "Routes found of those expected",
            about: "Share of the routes asked for by labels of containers which Traefik has and uses.",
            empty: OFF,
            unit: Unit::Share,
            size: (8, 8),
            steps: Some(&Steps::From(Color::Red, &[(1.0, Color::Green)])),
            queries: &[Query {
                expr: "max by (<id>) (spyhop_traefik_routes_complete_ratio{<project>})",
                name: "{{host}} {{project}}/{{service}}",
                ..Query::METRICS
            }],
            ..Panel::LINES
        },
        Panel {
            id: 16,
            title: "Missing routes",
            about: "Routes that a service asks for and Traefik does not have or use, with the reason.",
            empty: Empty::Healthy,
            size: (8, 8),
            link: Some(&SERVICE),
            queries: &[Query {
                expr: "max by (<id>, router, reason) (spyhop_traefik_route_missing{<service>})",
                ..Query::METRICS
            }],
            ..Panel::TABLE
        },
        Panel {
            id: 17,
            title: "Routes that are not as they should be",
            about: "Routes that are there and without TLS, without middleware that was asked for, or of nobody.",
            empty: Empty::Healthy,
            size: (8, 8),
            steps: ANY_IS_WORTH_A_LOOK,
            link: Some(&SERVICE),
            queries: &[Query {
                expr: "max by (<id>, router, finding) (spyhop_traefik_route_finding{<service>})",
                ..Query::METRICS
            }],
            ..Panel::TABLE
        },
    ],
};

/// Traefik's own series. Through the agent they have the labels of its container, and its label `service` becomes `exported_service`.
pub(super) const REQUESTS: Row = Row {
    id: 104,
    title: "What goes through Traefik (its own metrics)",
    closed: true,
    panels: &[
        Panel {
            id: 18,
            title: "Requests by status",
            about: "Requests a second at each entry point, by status code.",
            empty: OFF,
            unit: Unit::RequestsASecond,
            queries: &[Query {
                expr: "sum by (entrypoint, code) (rate(traefik_entrypoint_requests_total{<edge>}[$__rate_interval]))",
                name: "{{entrypoint}} {{code}}",
                ..Query::METRICS
            }],
            ..Panel::STACK
        },
        Panel {
            id: 19,
            title: "Share of requests that fail",
            about: "Requests answered with 5xx at each entry point, of all.",
            empty: OFF,
            unit: Unit::Share,
            steps: Some(&Steps::From(Color::Green, &[(0.001, Color::Orange), (0.01, Color::Red)])),
            queries: &[Query {
                expr: r#"(sum by (entrypoint) (rate(traefik_entrypoint_requests_total{<edge>,code=~"5.."}[$__rate_interval])) or 0 * sum by (entrypoint) (rate(traefik_entrypoint_requests_total{<edge>}[$__rate_interval]))) / (sum by (entrypoint) (rate(traefik_entrypoint_requests_total{<edge>}[$__rate_interval])) > 0)"#,
                name: "{{entrypoint}}",
                ..Query::METRICS
            }],
            ..Panel::LINES
        },
        Panel {
            id: 20,
            title: "How long requests take",
            about: "Half and 95 of 100 requests at each entry point were faster than this.",
            empty: OFF,
            unit: Unit::Seconds,
            steps: Some(&Steps::From(Color::Green, &[(0.5, Color::Orange)])),
            queries: &[
                Query {
                    expr: "histogram_quantile(0.5, sum by (le, entrypoint) (rate(traefik_entrypoint_request_duration_seconds_bucket{<edge>}[$__rate_interval])))",
                    name: "{{entrypoint}} p50",
                    ..Query::METRICS
                },
                Query {
                    expr: "histogram_quantile(0.95, sum by (le, entrypoint) (rate(traefik_entrypoint_request_duration_seconds_bucket{<edge>}[$__rate_interval])))",
                    name: "{{entrypoint}} p95",
                    ..Query::METRICS
                },
            ],
            ..Panel::LINES
        },
        Panel {
            id: 21,
            title: "Services behind it",
            about: "Requests a second, share that fails and 95th percentile of each service that Traefik sends to.",
            empty: OFF,
            sort: Some("requests"),
            queries: &[
                Query {
                    expr: "sum by (service, exported_service) (rate(traefik_service_requests_total{<edge>}[$__rate_interval]))",
                    name: "requests",
                    unit: Some(Unit::RequestsASecond),
                    ..Query::METRICS
                },
                Query {
                    expr: r#"sum by (service, exported_service) (rate(traefik_service_requests_total{<edge>,code=~"5.."}[$__rate_interval])) / (sum by (service, exported_service) (rate(traefik_service_requests_total{<edge>}[$__rate_interval])) > 0)"#,
                    name: "failing",
                    unit: Some(Unit::Share),
                    steps: Some(&Steps::From(Color::Green, &[(0.001, Color::Orange), (0.01, Color::Red)])),
                    ..Query::METRICS
                },
                Query {
                    expr: "histogram_quantile(0.95, sum by (le, service, exported_service) (rate(traefik_service_request_duration_seconds_bucket{<edge>}[$__rate_interval]))) >= 0",
                    name: "p95",
                    unit: Some(Unit::Seconds),
                    steps: Some(&Steps::From(Color::Green, &[(0.5, Color::Orange)])),
                    ..Query::METRICS
                },
            ],
            ..Panel::TABLE
        },
        Panel {
            id: 22,
            title: "Open connections",
            about: "Connections that are open at each entry point.",
            empty: OFF,
            queries: &[Query {
                expr: "sum by (entrypoint, protocol) (traefik_open_connections{<edge>})",
                name: "{{entrypoint}} {{protocol}}",
                ..Query::METRICS
            }],
            ..Panel::LINES
        },
        Panel {
            id: 23,
            title: "Its certificates",
            about: "How long the certificates last which Traefik itself holds.",
            empty: OFF,
            unit: Unit::Seconds,
            steps: Some(&Steps::Alert("SpyhopProbeCertificateExpiring", "days")),
            queries: &[Query {
                expr: "min by (cn) (traefik_tls_certs_not_after{<edge>}) - time()",
                name: "{{cn}}",
                ..Query::METRICS
            }],
            ..Panel::GAUGES
        },
    ],
};
