//! Does spyhop itself do well, and what does it cost?

use crate::render::dashboards::{
    Board, Color, Empty, Feature, Panel, Query, Row, Show, Steps, Unit, Variable,
    steps::{ANY_IS_BAD, ANY_IS_WORTH_A_LOOK},
};

pub(super) static BOARD: Board = Board {
    uid: "spyhop-agent",
    title: "Agent",
    about: "Does spyhop itself do well, and what does it cost? All that other boards show is worth what this one says of it.",
    variables: &[Variable::Datasource, Variable::Job, Variable::Host, Variable::Instance],
    rows: &[NOW, COST, ENGINE, DOOR, SIGHT],
    ..Board::BASE
};

const YES: &[(&str, &str, Color)] = &[("1", "yes", Color::Green), ("0", "no", Color::Red)];

const NOW: Row = Row {
    id: 100,
    title: "Now",
    closed: false,
    panels: &[
        Panel {
            id: 2,
            title: "Agents",
            about: "Every agent that is scraped: whether its first inventory is complete, whether it hears its engine, and what it sees.",
            size: (24, 7),
            queries: &[
                Query {
                    expr: "max by (host, instance, version) (spyhop_build_info{<agent>} <of_host>)",
                    ..Query::METRICS
                },
                Query {
                    expr: "max by (host, instance) (spyhop_ready{<agent>} <of_host>)",
                    name: "ready",
                    words: Some(YES),
                    ..Query::METRICS
                },
                Query {
                    expr: "max by (host, instance) (spyhop_engine_up{<agent>} <of_host>)",
                    name: "hears its engine",
                    words: Some(YES),
                    ..Query::METRICS
                },
                Query {
                    expr: "max by (host, instance) ((time() - process_start_time_seconds{<agent>}) <of_host>)",
                    name: "up for",
                    unit: Some(Unit::Seconds),
                    ..Query::METRICS
                },
                Query {
                    expr: "max by (host, instance) (process_resident_memory_bytes{<agent>} <of_host>)",
                    name: "memory",
                    unit: Some(Unit::Bytes),
                    ..Query::METRICS
                },
                Query {
                    expr: "max by (host, instance) (spyhop_inventory_containers{<agent>} <of_host>)",
                    name: "containers",
                    ..Query::METRICS
                },
                Query {
                    expr: "max by (host, instance) (spyhop_inventory_services{<agent>} <of_host>)",
                    name: "services",
                    ..Query::METRICS
                },
            ],
            ..Panel::TABLE
        },
        Panel {
            id: 3,
            title: "Longest silence of an engine",
            about: "Time since an engine was last heard: the age of everything but kernel figures.",
            unit: Unit::Seconds,
            steps: Some(&Steps::From(Color::Green, &[(60.0, Color::Orange), (120.0, Color::Red)])),
            queries: &[Query { expr: "max(spyhop_engine_silence_seconds{<agent>} <of_host>)", ..Query::METRICS }],
            ..Panel::STAT
        },
        Panel {
            id: 4,
            title: "Slowest scrapes in 1h",
            about: "99 of 100 scrapes took less, on the slowest agent.",
            unit: Unit::Seconds,
            queries: &[Query {
                expr: "max(histogram_quantile(0.99, sum by (le, job, instance) (increase(spyhop_scrape_duration_seconds_bucket{<agent>}[1h]))) <of_host>)",
                ..Query::METRICS
            }],
            ..Panel::STAT
        },
        Panel {
            id: 5,
            title: "Left out in 1h",
            about: "Things beyond a ceiling which agents left out within the hour.",
            empty: Empty::Healthy,
            steps: ANY_IS_WORTH_A_LOOK,
            queries: &[Query {
                expr: "round(sum(increase(spyhop_refused_total{<agent>}[1h]) <of_host>))",
                ..Query::METRICS
            }],
            ..Panel::STAT
        },
        Panel {
            id: 6,
            title: "State not saved in 1h",
            about: "Writes of the state file that failed within the hour: a restart of the agent would lose counts.",
            empty: Empty::Healthy,
            steps: ANY_IS_BAD,
            queries: &[Query {
                expr: r#"round(sum(increase(spyhop_state_writes_total{<agent>,outcome="error"}[1h]) <of_host>))"#,
                ..Query::METRICS
            }],
            ..Panel::STAT
        },
        Panel {
            id: 7,
            title: "Own log lines left out in 1h",
            about: "Lines of the agents' own logs within the hour which were too many of one kind.",
            steps: ANY_IS_WORTH_A_LOOK,
            queries: &[Query {
                expr: "round(sum(increase(spyhop_log_lines_suppressed_total{<agent>}[1h]) <of_host>))",
                ..Query::METRICS
            }],
            ..Panel::STAT
        },
        Panel {
            id: 8,
            title: "Certificate ends in",
            about: "The certificate that ends first of those agents serve with.",
            empty: Empty::Without(Feature::Tls),
            unit: Unit::Seconds,
            steps: Some(&Steps::Alert("SpyhopCertificateExpiring", "least")),
            queries: &[Query {
                expr: "min((spyhop_tls_certificate_expiry_timestamp_seconds{<agent>} - time()) <of_host>)",
                ..Query::METRICS
            }],
            ..Panel::STAT
        },
    ],
};

const COST: Row = Row {
    id: 101,
    title: "What it costs",
    closed: false,
    panels: &[
        Panel {
            id: 9,
            title: "CPU",
            about: "Cores in use by each agent.",
            unit: Unit::Plain,
            size: (8, 8),
            queries: &[Query {
                expr: "max by (host, instance) (rate(process_cpu_seconds_total{<agent>}[$__rate_interval]) <of_host>)",
                name: "{{host}}",
                ..Query::METRICS
            }],
            ..Panel::LINES
        },
        Panel {
            id: 10,
            title: "Memory",
            about: "Resident memory of each agent.",
            unit: Unit::Bytes,
            size: (8, 8),
            queries: &[Query {
                expr: "max by (host, instance) (process_resident_memory_bytes{<agent>} <of_host>)",
                name: "{{host}}",
                ..Query::METRICS
            }],
            ..Panel::LINES
        },
        Panel {
            id: 11,
            title: "Files",
            about: "Share of the files it may open that each agent has open.",
            unit: Unit::Share,
            size: (8, 8),
            steps: Some(&Steps::From(Color::Green, &[(0.8, Color::Orange), (0.95, Color::Red)])),
            queries: &[Query {
                expr: "max by (host, instance) (process_open_fds{<agent>} / (process_max_fds{<agent>} > 0) <of_host>)",
                name: "{{host}}",
                ..Query::METRICS
            }],
            ..Panel::LINES
        },
        Panel {
            id: 12,
            title: "Scrapes",
            about: "How long scrapes took, each in the bucket it fell into.",
            queries: &[Query {
                expr: "sum by (le) (increase(spyhop_scrape_duration_seconds_bucket{<agent>}[$__rate_interval]) <of_host>)",
                name: "{{le}}",
                ..Query::METRICS
            }],
            ..Panel::HEAT
        },
        Panel {
            id: 13,
            title: "What went wrong",
            about: "Kernel files that could not be read, engine answers that had to be repaired, and breaks of its event stream.",
            queries: &[
                Query {
                    expr: "sum by (host) (increase(spyhop_scrape_errors_total{<agent>}[$__rate_interval]) <of_host>)",
                    name: "{{host}} kernel files",
                    ..Query::METRICS
                },
                Query {
                    expr: "sum by (host) (increase(spyhop_engine_repaired_answers_total{<agent>}[$__rate_interval]) <of_host>)",
                    name: "{{host}} repaired answers",
                    ..Query::METRICS
                },
                Query {
                    expr: "sum by (host) (increase(spyhop_engine_reconnects_total{<agent>}[$__rate_interval]) <of_host>)",
                    name: "{{host}} event stream opened again",
                    ..Query::METRICS
                },
            ],
            ..Panel::BARS
        },
    ],
};

const ENGINE: Row = Row {
    id: 102,
    title: "The engine",
    closed: false,
    panels: &[
        Panel {
            id: 14,
            title: "Requests to the engine",
            about: "Requests a second by call and outcome.",
            unit: Unit::RequestsASecond,
            queries: &[Query {
                expr: "sum by (host, call, outcome) (rate(spyhop_engine_requests_total{<agent>}[$__rate_interval]) <of_host>)",
                name: "{{host}} {{call}} {{outcome}}",
                ..Query::METRICS
            }],
            ..Panel::LINES
        },
        Panel {
            id: 15,
            title: "Events of the engine",
            about: "Events a second, and how long it has been since anything was heard.",
            unit: Unit::ASecond,
            queries: &[
                Query {
                    expr: "sum by (host) (rate(spyhop_engine_events_total{<agent>}[$__rate_interval]) <of_host>)",
                    name: "{{host}}",
                    ..Query::METRICS
                },
                Query {
                    expr: "max by (host) (spyhop_engine_silence_seconds{<agent>} <of_host>)",
                    name: "{{host}} silence",
                    unit: Some(Unit::Seconds),
                    ..Query::METRICS
                },
            ],
            ..Panel::LINES
        },
    ],
};

const DOOR: Row = Row {
    id: 103,
    title: "Who asks it",
    closed: false,
    panels: &[
        Panel {
            id: 16,
            title: "Requests",
            about: "HTTP requests a second by route and status.",
            unit: Unit::RequestsASecond,
            queries: &[Query {
                expr: "sum by (host, route, code) (rate(spyhop_http_requests_total{<agent>}[$__rate_interval]) <of_host>)",
                name: "{{host}} {{route}} {{code}}",
                ..Query::METRICS
            }],
            ..Panel::LINES
        },
        Panel {
            id: 17,
            title: "Refused",
            about: "Connections and requests refused because of who asked or how, and what was left out at a ceiling.",
            empty: Empty::Healthy,
            queries: &[
                Query {
                    expr: "sum by (host, reason) (increase(spyhop_http_refused_total{<agent>}[$__rate_interval]) <of_host>)",
                    name: "{{host}} {{reason}}",
                    ..Query::METRICS
                },
                Query {
                    expr: "sum by (host, reason) (increase(spyhop_refused_total{<agent>}[$__rate_interval]) <of_host>)",
                    name: "{{host}} left out: {{reason}}",
                    ..Query::METRICS
                },
            ],
            ..Panel::BARS
        },
    ],
};

const SIGHT: Row = Row {
    id: 104,
    title: "What it can see, and what it has given up",
    closed: false,
    panels: &[
        Panel {
            id: 18,
            title: "Figures it can read",
            about: "1 where the kernel files behind a group of figures can be read; figures of others are absent, never zero.",
            words: Some(YES),
            queries: &[Query {
                expr: "max by (host, collector) (spyhop_collector_available{<agent>} <of_host>)",
                ..Query::METRICS
            }],
            show: Show::Matrix(&("collector", "host")),
            ..Panel::TABLE
        },
        Panel {
            id: 19,
            title: "Rights it has given up",
            about: "1 where a process of the agent has given up what this measure takes from it.",
            words: Some(YES),
            queries: &[Query {
                expr: "min by (process, measure) (spyhop_sandbox_state{<agent>} <of_host>)",
                ..Query::METRICS
            }],
            show: Show::Matrix(&("measure", "process")),
            ..Panel::TABLE
        },
        Panel {
            id: 20,
            title: "Where figures of containers come from",
            about: "Running containers by whether their figures are the kernel's, the engine's, or nobody's.",
            queries: &[Query {
                expr: "sum by (host, source) (spyhop_figures_containers{<agent>} <of_host>)",
                name: "{{host}} {{source}}",
                ..Query::METRICS
            }],
            ..Panel::LINES
        },
    ],
};
