//! Which calls are slow or fail, who calls whom, and how long do containers take to start?

use crate::render::dashboards::{
    Board, Color, Empty, Feature, Link, Panel, Query, Row, Steps, Unit, Variable,
    steps::{ANY_IS_BAD, ANY_IS_WORTH_A_LOOK},
};

pub(super) static BOARD: Board = Board {
    uid: "spyhop-traces",
    title: "Traces",
    about: "Which calls are slow or fail, who calls whom, and what takes so long when containers start? Figures are made on the host of every span, before any is sampled away.",
    variables: &[
        Variable::Datasource,
        Variable::Tempo,
        Variable::Job,
        Variable::Host,
        Variable::Project,
        Variable::Service,
    ],
    rows: &[NOW, CALLS, GRAPH, STARTS, WAY],
    ..Board::BASE
};

const OFF: Empty = Empty::Without(Feature::Traces);
const FAILING: Option<&Steps> = Some(&Steps::From(Color::Green, &[(0.01, Color::Orange), (0.05, Color::Red)]));
static SERVICE: Link =
    Link { title: "Service", uid: "spyhop-service", by: &["host", "project", "service=compose_service"] };

const NOW: Row = Row {
    id: 100,
    title: "Now",
    closed: false,
    panels: &[
        Panel {
            id: 2,
            title: "Spans",
            about: "Spans accepted a second.",
            empty: OFF,
            unit: Unit::ASecond,
            queries: &[Query {
                expr: r#"sum(rate(spyhop_otlp_records_total{<host>,signal="traces",outcome="accepted"}[$__rate_interval]))"#,
                ..Query::METRICS
            }],
            ..Panel::STAT
        },
        Panel {
            id: 3,
            title: "Of unknown containers",
            about: "Share of what comes in whose container is not known, and which is sent on as it came.",
            empty: OFF,
            unit: Unit::Share,
            steps: Some(&Steps::Alert("SpyhopTracesUnattributed", "most")),
            queries: &[Query {
                expr: "(sum(rate(spyhop_otlp_unattributed_total{<host>}[$__rate_interval])) or 0 * sum(rate(spyhop_otlp_attributed_total{<host>}[$__rate_interval]))) / ((sum(rate(spyhop_otlp_attributed_total{<host>}[$__rate_interval])) + (sum(rate(spyhop_otlp_unattributed_total{<host>}[$__rate_interval])) or 0 * sum(rate(spyhop_otlp_attributed_total{<host>}[$__rate_interval])))) > 0)",
                ..Query::METRICS
            }],
            ..Panel::STAT
        },
        Panel {
            id: 4,
            title: "Lost in 1h",
            about: "Spans, points and records within an hour that were acknowledged and will never arrive.",
            empty: Empty::Healthy,
            steps: ANY_IS_BAD,
            queries: &[Query {
                expr: "round(sum(increase(spyhop_otlp_destination_lost_records_total{<host>}[1h])))",
                ..Query::METRICS
            }],
            ..Panel::STAT
        },
        Panel {
            id: 5,
            title: "Back ends in trouble",
            about: "Destinations that something keeps requests back from.",
            empty: OFF,
            steps: ANY_IS_BAD,
            queries: &[Query {
                expr: "sum(min by (host, destination) (spyhop_otlp_destination_up{<host>}) < bool 1)",
                ..Query::METRICS
            }],
            ..Panel::STAT
        },
        Panel {
            id: 6,
            title: "Fullest queue",
            about: "Share of its room that the fullest queue takes: at all of it the oldest requests give way.",
            empty: OFF,
            unit: Unit::Share,
            steps: Some(&Steps::Alert("SpyhopTracesQueueFull", "most")),
            queries: &[Query {
                expr: "max(spyhop_otlp_queue_bytes{<host>} / (spyhop_otlp_queue_limit_bytes{<host>} > 0))",
                ..Query::METRICS
            }],
            ..Panel::STAT
        },
        Panel {
            id: 7,
            title: "Sets of labels",
            about: "Sets of labels of metrics from spans; above traces.red_max_series all others are counted together.",
            empty: OFF,
            queries: &[Query { expr: "sum(spyhop_red_series{<host>})", ..Query::METRICS }],
            ..Panel::STAT
        },
    ],
};

const CALLS: Row = Row {
    id: 101,
    title: "Calls",
    closed: false,
    panels: &[
        Panel {
            id: 8,
            title: "Calls by service",
            about: "Requests which each service served a second.",
            empty: OFF,
            unit: Unit::RequestsASecond,
            size: (8, 8),
            link: Some(&SERVICE),
            queries: &[Query {
                expr: "<all_calls>",
                name: "{{host}} {{project}}/{{compose_service}}",
                ..Query::METRICS
            }],
            ..Panel::LINES
        },
        Panel {
            id: 9,
            title: "Share of calls that fail",
            about: "Served requests whose span is an error, of all.",
            empty: OFF,
            unit: Unit::Share,
            size: (8, 8),
            steps: FAILING,
            link: Some(&SERVICE),
            queries: &[Query {
                expr: "<failing_calls> / (<all_calls> > 0)",
                name: "{{host}} {{project}}/{{compose_service}}",
                ..Query::METRICS
            }],
            ..Panel::LINES
        },
        Panel {
            id: 10,
            title: "How long calls take",
            about: "95 of 100 served requests were faster than this; points are traces that can be opened.",
            empty: OFF,
            unit: Unit::Seconds,
            size: (8, 8),
            link: Some(&SERVICE),
            queries: &[Query {
                expr: "histogram_quantile(0.95, <call_buckets>) or histogram_quantile(0.95, <call_buckets_ms>) / 1000",
                name: "{{host}} {{project}}/{{compose_service}}",
                ..Query::METRICS
            }],
            ..Panel::LINES
        },
        Panel {
            id: 11,
            title: "Operations",
            about: "What is called: calls a second, share that fails and 95th percentile of each span's name.",
            empty: OFF,
            sort: Some("calls"),
            link: Some(&SERVICE),
            queries: &[
                Query {
                    expr: "<by_operation> (rate(traces_spanmetrics_calls_total{<served>}[$__rate_interval])) or <by_operation> (rate(traces_span_metrics_calls_total{<served>}[$__rate_interval]))",
                    name: "calls",
                    unit: Some(Unit::RequestsASecond),
                    ..Query::METRICS
                },
                Query {
                    expr: r#"<by_operation> (rate(traces_spanmetrics_calls_total{<served>,status_code="STATUS_CODE_ERROR"}[$__rate_interval])) / (<by_operation> (rate(traces_spanmetrics_calls_total{<served>}[$__rate_interval])) > 0) or <by_operation> (rate(traces_span_metrics_calls_total{<served>,status_code="STATUS_CODE_ERROR"}[$__rate_interval])) / (<by_operation> (rate(traces_span_metrics_calls_total{<served>}[$__rate_interval])) > 0)"#,
                    name: "failing",
                    unit: Some(Unit::Share),
                    steps: FAILING,
                    ..Query::METRICS
                },
                Query {
                    expr: "histogram_quantile(0.95, sum by (le, host, project, compose_service, span_name) (rate(traces_spanmetrics_latency_bucket{<served>}[$__rate_interval]))) >= 0 or histogram_quantile(0.95, sum by (le, host, project, compose_service, span_name) (rate(traces_span_metrics_duration_milliseconds_bucket{<served>}[$__rate_interval]))) / 1000 >= 0",
                    name: "p95",
                    unit: Some(Unit::Seconds),
                    ..Query::METRICS
                },
            ],
            ..Panel::TABLE
        },
        Panel {
            id: 12,
            title: "Durations",
            about: "How long served requests took, each in the bucket it fell into.",
            empty: OFF,
            queries: &[Query {
                expr: "sum by (le) (increase(traces_spanmetrics_latency_bucket{<served>}[$__rate_interval]))",
                name: "{{le}}",
                ..Query::METRICS
            }],
            ..Panel::HEAT
        },
    ],
};

const GRAPH: Row = Row {
    id: 102,
    title: "Who calls whom",
    closed: false,
    panels: &[
        Panel {
            id: 13,
            title: "Service graph",
            about: "Calls between two services of which both halves were seen: how many a second, how many fail, and how long they take for who calls.",
            empty: OFF,
            size: (16, 9),
            sort: Some("calls"),
            queries: &[
                Query {
                    expr: "sum by (client, server) (rate(traces_service_graph_request_total{<caller>}[$__rate_interval])) > 0",
                    name: "calls",
                    unit: Some(Unit::RequestsASecond),
                    ..Query::METRICS
                },
                Query {
                    expr: "sum by (client, server) (rate(traces_service_graph_request_failed_total{<caller>}[$__rate_interval])) / (sum by (client, server) (rate(traces_service_graph_request_total{<caller>}[$__rate_interval])) > 0)",
                    name: "failing",
                    unit: Some(Unit::Share),
                    steps: FAILING,
                    ..Query::METRICS
                },
                Query {
                    expr: "histogram_quantile(0.95, sum by (le, client, server) (rate(traces_service_graph_request_client_seconds_bucket{<caller>}[$__rate_interval]))) >= 0",
                    name: "p95 for the client",
                    unit: Some(Unit::Seconds),
                    ..Query::METRICS
                },
                Query {
                    expr: "histogram_quantile(0.95, sum by (le, client, server) (rate(traces_service_graph_request_server_seconds_bucket{<caller>}[$__rate_interval]))) >= 0",
                    name: "p95 in the server",
                    unit: Some(Unit::Seconds),
                    ..Query::METRICS
                },
            ],
            ..Panel::TABLE
        },
        Panel {
            id: 14,
            title: "Halves without the other",
            about: "Spans a second that are one half of a call whose other half did not come in time, or had no room to wait.",
            empty: OFF,
            unit: Unit::ASecond,
            size: (8, 9),
            queries: &[
                Query {
                    expr: "sum by (host) (rate(traces_service_graph_unpaired_spans_total{<host>}[$__rate_interval]))",
                    name: "{{host}} alone",
                    ..Query::METRICS
                },
                Query {
                    expr: "sum by (host) (rate(traces_service_graph_dropped_spans_total{<host>}[$__rate_interval]))",
                    name: "{{host}} no room",
                    ..Query::METRICS
                },
            ],
            ..Panel::LINES
        },
    ],
};

const STARTS: Row = Row {
    id: 103,
    title: "Lives of containers",
    closed: false,
    panels: &[
        Panel {
            id: 15,
            title: "Slowest starts",
            about: "The ten services whose starts took longest to become healthy, in the time that is shown.",
            unit: Unit::Seconds,
            steps: Some(&Steps::From(Color::Green, &[(30.0, Color::Orange)])),
            link: Some(&Link { title: "Service", uid: "spyhop-service", by: &["host", "project", "service"] }),
            queries: &[Query {
                expr: "topk(10, histogram_quantile(0.95, sum by (le, <id>) (increase(spyhop_service_startup_duration_seconds_bucket{<service>}[$__range]))) >= 0)",
                name: "{{host}} {{project}}/{{service}}",
                ..Query::METRICS
            }],
            ..Panel::GAUGES
        },
        Panel {
            id: 16,
            title: "Lifecycle traces",
            about: "Traces made of what containers went through, by kind.",
            empty: OFF,
            queries: &[Query {
                expr: "sum by (host, kind) (increase(spyhop_lifecycle_traces_total{<host>}[$__rate_interval]))",
                name: "{{host}} {{kind}}",
                ..Query::METRICS
            }],
            ..Panel::BARS
        },
        Panel {
            id: 17,
            title: "Starts that took longer than a second",
            about: "Traces of whole starts; what waited for what is in each of them.",
            empty: OFF,
            queries: &[Query { expr: r#"{name=~"compose.up.*|container.start.*" && duration>1s}"#, ..Query::TRACES }],
            ..Panel::TRACES
        },
        Panel {
            id: 18,
            title: "Failing and slow calls",
            about: "Traces of the chosen services that hold an error, or took longer than half a second.",
            empty: OFF,
            queries: &[Query {
                expr: r#"{resource.service.name=~"$service" && (status=error || duration>500ms)}"#,
                ..Query::TRACES
            }],
            ..Panel::TRACES
        },
    ],
};

const WAY: Row = Row {
    id: 104,
    title: "On the way to the back ends",
    closed: false,
    panels: &[
        Panel {
            id: 19,
            title: "Requests received",
            about: "OTLP requests answered a second, by signal, transport and code.",
            empty: OFF,
            unit: Unit::RequestsASecond,
            queries: &[Query {
                expr: "sum by (signal, transport, code) (rate(spyhop_otlp_requests_total{<host>}[$__rate_interval]))",
                name: "{{signal}} {{transport}} {{code}}",
                ..Query::METRICS
            }],
            ..Panel::LINES
        },
        Panel {
            id: 20,
            title: "What became of them",
            about: "Spans, points and records a second by outcome, here and at each back end.",
            empty: OFF,
            unit: Unit::ASecond,
            queries: &[
                Query {
                    expr: "sum by (signal, outcome) (rate(spyhop_otlp_records_total{<host>}[$__rate_interval]))",
                    name: "{{signal}} {{outcome}}",
                    ..Query::METRICS
                },
                Query {
                    expr: "sum by (destination, signal, outcome) (rate(spyhop_otlp_destination_records_total{<host>}[$__rate_interval]))",
                    name: "{{destination}} {{signal}} {{outcome}}",
                    ..Query::METRICS
                },
            ],
            ..Panel::LINES
        },
        Panel {
            id: 21,
            title: "Left out",
            about: "What was refused, is of nobody known, was lost, or is counted in no series of its own.",
            empty: Empty::Healthy,
            steps: ANY_IS_WORTH_A_LOOK,
            queries: &[
                Query {
                    expr: "sum by (reason) (increase(spyhop_otlp_refused_total{<host>}[$__rate_interval]))",
                    name: "refused: {{reason}}",
                    ..Query::METRICS
                },
                Query {
                    expr: "sum by (reason) (increase(spyhop_otlp_unattributed_total{<host>}[$__rate_interval]))",
                    name: "of nobody known: {{reason}}",
                    ..Query::METRICS
                },
                Query {
                    expr: "sum by (reason) (increase(spyhop_otlp_destination_lost_records_total{<host>}[$__rate_interval]))",
                    name: "lost: {{reason}}",
                    ..Query::METRICS
                },
                Query {
                    expr: "sum by (host) (increase(spyhop_red_overflow_total{<host>}[$__rate_interval]))",
                    name: "{{host}} without a series",
                    ..Query::METRICS
                },
            ],
            ..Panel::BARS
        },
        Panel {
            id: 22,
            title: "What waits",
            about: "Bytes that wait for each back end, and for a decision.",
            empty: OFF,
            unit: Unit::Bytes,
            queries: &[
                Query {
                    expr: "max by (host, destination) (spyhop_otlp_queue_bytes{<host>})",
                    name: "{{host}} {{destination}}",
                    ..Query::METRICS
                },
                Query {
                    expr: "max by (host) (spyhop_otlp_waiting_bytes{<host>})",
                    name: "{{host}} undecided",
                    ..Query::METRICS
                },
            ],
            ..Panel::LINES
        },
    ],
};
