//! Its life, its lines, its calls, and what it says of itself.

use crate::render::dashboards::{Color, Empty, Feature, Link, Panel, Query, Row, Steps, Unit};

pub(super) const LIFE: Row = Row {
    id: 102,
    title: "Health and life",
    closed: false,
    panels: &[
        Panel {
            id: 16,
            title: "State",
            about: "Whether each container runs, and whether its health check fails while it does.",
            words: Some(super::STATE),
            queries: &[Query {
                expr: r#"max by (<one>) (spyhop_container_state{<service>,state="running"}) + 2 * max by (<one>) (spyhop_container_health_state{<service>,state="unhealthy"})"#,
                name: "{{service}} {{replica}}",
                ..Query::METRICS
            }],
            ..Panel::STATES
        },
        Panel {
            id: 17,
            title: "Health checks",
            about: "Health checks a second by how they ended.",
            empty: Empty::Without(Feature::HealthChecks),
            unit: Unit::ASecond,
            queries: &[Query {
                expr: "sum by (service, result) (max by (<id>, result) (rate(spyhop_service_health_checks_total{<service>}[$__rate_interval])))",
                name: "{{service}} {{result}}",
                ..Query::METRICS
            }],
            ..Panel::BARS
        },
        Panel {
            id: 18,
            title: "Starts, restarts and exits",
            about: "Runs that began, began anew, and ended, by how they ended.",
            queries: &[
                Query {
                    expr: "sum by (service) (max by (<id>) (increase(spyhop_service_starts_total{<service>}[$__rate_interval])))",
                    name: "{{service}} starts",
                    ..Query::METRICS
                },
                Query {
                    expr: "sum by (service) (max by (<id>) (increase(spyhop_service_restarts_total{<service>}[$__rate_interval])))",
                    name: "{{service}} restarts",
                    ..Query::METRICS
                },
                Query {
                    expr: "sum by (service, class) (max by (<id>, class) (increase(spyhop_service_exits_total{<service>}[$__rate_interval])))",
                    name: "{{service}} exits: {{class}}",
                    ..Query::METRICS
                },
            ],
            ..Panel::BARS
        },
        Panel {
            id: 19,
            title: "From start to healthy",
            about: "How long starts took until the first passing health check, each in the bucket it fell into.",
            empty: Empty::Without(Feature::HealthChecks),
            queries: &[Query {
                expr: "sum by (le) (max by (<id>, le) (increase(spyhop_service_startup_duration_seconds_bucket{<service>}[$__rate_interval])))",
                name: "{{le}}",
                ..Query::METRICS
            }],
            ..Panel::HEAT
        },
        Panel {
            id: 35,
            title: "From the last replica's end to the next",
            about: "How long nobody served, from the moment when no replica did to the next one that does, each time in the bucket it fell into; ends that a person asked for are left out.",
            queries: &[Query {
                expr: "sum by (le) (max by (<id>, le) (increase(spyhop_service_failover_duration_seconds_bucket{<service>}[$__rate_interval])))",
                name: "{{le}}",
                ..Query::METRICS
            }],
            ..Panel::HEAT
        },
        Panel {
            id: 36,
            title: "Metrics endpoints",
            about: "Endpoints which containers declare, and whether the agent has a way to them; where it has none the reason is beside it.",
            empty: Empty::Without(Feature::Applications),
            queries: &[Query {
                expr: "min by (<one>, target, reason) (spyhop_target_reachable{<service>})",
                name: "reachable",
                words: Some(&[("1", "yes", Color::Green), ("0", "no", Color::Red)]),
                ..Query::METRICS
            }],
            ..Panel::TABLE
        },
    ],
};

pub(super) const LOGS: Row = Row {
    id: 103,
    title: "Logs",
    closed: false,
    panels: &[
        Panel {
            id: 20,
            title: "Lines by level",
            about: "Lines in Loki a second, by the level which the agent recognised in them.",
            empty: Empty::Without(Feature::Logs),
            unit: Unit::LinesASecond,
            queries: &[Query {
                expr: "sum by (detected_level) (rate({<logs>} [$__auto]))",
                name: "{{detected_level}}",
                ..Query::LOGS
            }],
            ..Panel::STACK
        },
        Panel {
            id: 21,
            title: "Lines on their way",
            about: "How old the oldest line is that not every destination has acknowledged; the line is where SpyhopLogsLate begins.",
            empty: Empty::Without(Feature::Logs),
            unit: Unit::Seconds,
            steps: Some(&Steps::Alert("SpyhopLogsLate", "most")),
            link: Some(&Link { title: "Logs", uid: "spyhop-logs", by: &["host", "project", "service"] }),
            queries: &[Query {
                expr: "max by (<id>) (spyhop_logs_lag_seconds{<service>})",
                name: "{{service}}",
                ..Query::METRICS
            }],
            ..Panel::LINES
        },
        Panel {
            id: 22,
            title: "Lines",
            about: "The newest lines of the service.",
            empty: Empty::Without(Feature::Logs),
            queries: &[Query { expr: "{<logs>}", ..Query::LOGS }],
            ..Panel::LOGS
        },
    ],
};

static TRACES: Link =
    Link { title: "Traces", uid: "spyhop-traces", by: &["host", "project", "service=compose_service"] };

pub(super) const SPANS: Row = Row {
    id: 104,
    title: "Calls, as spans tell",
    closed: false,
    panels: &[
        Panel {
            id: 23,
            title: "Calls",
            about: "Requests which the service served a second, counted of its spans before any is sampled away.",
            empty: Empty::Without(Feature::Traces),
            unit: Unit::RequestsASecond,
            size: (8, 8),
            link: Some(&TRACES),
            queries: &[Query { expr: "<all_calls>", name: "{{compose_service}}", ..Query::METRICS }],
            ..Panel::LINES
        },
        Panel {
            id: 24,
            title: "Share of calls that fail",
            about: "Served requests whose span is an error, of all.",
            empty: Empty::Without(Feature::Traces),
            unit: Unit::Share,
            size: (8, 8),
            steps: Some(&Steps::From(Color::Green, &[(0.01, Color::Orange), (0.05, Color::Red)])),
            link: Some(&TRACES),
            queries: &[Query {
                expr: "<failing_calls> / (<all_calls> > 0)",
                name: "{{compose_service}}",
                ..Query::METRICS
            }],
            ..Panel::LINES
        },
        Panel {
            id: 25,
            title: "How long calls take",
            about: "95 of 100 served requests were faster than this; points are traces that can be opened.",
            empty: Empty::Without(Feature::Traces),
            unit: Unit::Seconds,
            size: (8, 8),
            link: Some(&TRACES),
            queries: &[Query {
                expr: "histogram_quantile(0.95, <call_buckets>) or histogram_quantile(0.95, <call_buckets_ms>) / 1000",
                name: "{{compose_service}}",
                ..Query::METRICS
            }],
            ..Panel::LINES
        },
        Panel {
            id: 26,
            title: "Traces",
            about: "The newest traces in which the service had a part.",
            empty: Empty::Without(Feature::Traces),
            queries: &[Query { expr: r#"{resource.service.name=~"$service"}"#, ..Query::TRACES }],
            ..Panel::TRACES
        },
    ],
};

/// Figures of the application itself, where it is scraped through the agent: the five names most programs use.
pub(super) const APPLICATION: Row = Row {
    id: 105,
    title: "Requests, as the application tells (http_requests_total, http_request_duration_seconds)",
    closed: true,
    panels: &[
        Panel {
            id: 27,
            title: "Requests by status",
            about: "Requests a second by status code.",
            empty: Empty::Without(Feature::Applications),
            unit: Unit::RequestsASecond,
            queries: &[Query {
                expr: "sum by (service, status_code) (rate(http_requests_total{<app>}[$__rate_interval]))",
                name: "{{service}} {{status_code}}",
                ..Query::METRICS
            }],
            ..Panel::STACK
        },
        Panel {
            id: 28,
            title: "Share of requests that fail",
            about: "Requests answered with 5xx, of all.",
            empty: Empty::Without(Feature::Applications),
            unit: Unit::Share,
            steps: Some(&Steps::From(Color::Green, &[(0.001, Color::Orange), (0.01, Color::Red)])),
            queries: &[Query {
                expr: r#"(sum by (service) (rate(http_requests_total{<app>,status_code=~"5.."}[$__rate_interval])) or 0 * sum by (service) (rate(http_requests_total{<app>}[$__rate_interval]))) / (sum by (service) (rate(http_requests_total{<app>}[$__rate_interval])) > 0)"#,
                name: "{{service}}",
                ..Query::METRICS
            }],
            ..Panel::LINES
        },
        Panel {
            id: 29,
            title: "How long requests take",
            about: "Half, 95 and 99 of 100 requests were faster than this.",
            empty: Empty::Without(Feature::Applications),
            unit: Unit::Seconds,
            steps: Some(&Steps::From(Color::Green, &[(0.5, Color::Orange)])),
            queries: &[
                Query {
                    expr: "histogram_quantile(0.5, sum by (le, service) (rate(http_request_duration_seconds_bucket{<app>}[$__rate_interval])))",
                    name: "{{service}} p50",
                    ..Query::METRICS
                },
                Query {
                    expr: "histogram_quantile(0.95, sum by (le, service) (rate(http_request_duration_seconds_bucket{<app>}[$__rate_interval])))",
                    name: "{{service}} p95",
                    ..Query::METRICS
                },
                Query {
                    expr: "histogram_quantile(0.99, sum by (le, service) (rate(http_request_duration_seconds_bucket{<app>}[$__rate_interval])))",
                    name: "{{service}} p99",
                    ..Query::METRICS
                },
            ],
            ..Panel::LINES
        },
        Panel {
            id: 30,
            title: "Routes",
            about: "Requests a second, share that fails and 95th percentile of each route.",
            empty: Empty::Without(Feature::Applications),
            sort: Some("requests"),
            queries: &[
                Query {
                    expr: "sum by (service, method, route) (rate(http_requests_total{<app>}[$__rate_interval])) > 0",
                    name: "requests",
                    unit: Some(Unit::RequestsASecond),
                    ..Query::METRICS
                },
                Query {
                    expr: r#"sum by (service, method, route) (rate(http_requests_total{<app>,status_code=~"5.."}[$__rate_interval])) / (sum by (service, method, route) (rate(http_requests_total{<app>}[$__rate_interval])) > 0)"#,
                    name: "failing",
                    unit: Some(Unit::Share),
                    steps: Some(&Steps::From(Color::Green, &[(0.001, Color::Orange), (0.01, Color::Red)])),
                    ..Query::METRICS
                },
                Query {
                    expr: "histogram_quantile(0.95, sum by (le, service, method, route) (rate(http_request_duration_seconds_bucket{<app>}[$__rate_interval]))) >= 0",
                    name: "p95",
                    unit: Some(Unit::Seconds),
                    steps: Some(&Steps::From(Color::Green, &[(0.5, Color::Orange)])),
                    ..Query::METRICS
                },
            ],
            ..Panel::TABLE
        },
    ],
};

/// What a shop wants to see of itself; docs/dashboards.md names the series.
pub(super) const BUSINESS: Row = Row {
    id: 106,
    title: "Business (orders_total, inventory_items, product_views_total, active_users)",
    closed: true,
    panels: &[
        Panel {
            id: 31,
            title: "Orders",
            about: "Orders a minute.",
            empty: Empty::Without(Feature::Applications),
            size: (6, 7),
            queries: &[Query {
                expr: "60 * sum by (service) (rate(orders_total{<app>}[$__rate_interval]))",
                name: "{{service}}",
                ..Query::METRICS
            }],
            ..Panel::LINES
        },
        Panel {
            id: 32,
            title: "Inventory",
            about: "Items in stock.",
            empty: Empty::Without(Feature::Applications),
            size: (6, 7),
            queries: &[Query {
                expr: "sum by (service) (inventory_items{<app>})",
                name: "{{service}}",
                ..Query::METRICS
            }],
            ..Panel::LINES
        },
        Panel {
            id: 33,
            title: "Product views",
            about: "Views of products a minute.",
            empty: Empty::Without(Feature::Applications),
            size: (6, 7),
            queries: &[Query {
                expr: "60 * sum by (service) (rate(product_views_total{<app>}[$__rate_interval]))",
                name: "{{service}}",
                ..Query::METRICS
            }],
            ..Panel::LINES
        },
        Panel {
            id: 34,
            title: "Users",
            about: "Users that are active.",
            empty: Empty::Without(Feature::Applications),
            size: (6, 7),
            queries: &[Query { expr: "sum by (service) (active_users{<app>})", name: "{{service}}", ..Query::METRICS }],
            ..Panel::LINES
        },
    ],
};
