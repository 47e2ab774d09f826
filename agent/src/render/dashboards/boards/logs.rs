//! Who writes how much, is it errors, and does it arrive?

use crate::render::dashboards::{
    Board, Color, Empty, Feature, Link, Panel, Query, Row, Steps, Unit, Variable, steps::ANY_IS_BAD,
};

pub(super) static BOARD: Board = Board {
    uid: "spyhop-logs",
    title: "Logs",
    about: "Who writes how much, how much of it is errors, and does it arrive in Loki? What is dropped, late or lost is told by the agent, which knows what it has read.",
    variables: &[
        Variable::Datasource,
        Variable::Loki,
        Variable::Job,
        Variable::Host,
        Variable::Project,
        Variable::Service,
    ],
    // Its list of services comes by `service_name`, which every line has.
    elsewhere: &[("Logs Drilldown", "/a/grafana-lokiexplore-app/explore?var-ds=${loki}")],
    rows: &[NOW, VOLUME, WAY, LINES],
    ..Board::BASE
};

const OFF: Empty = Empty::Without(Feature::Logs);
static SERVICE: Link = Link { title: "Service", uid: "spyhop-service", by: &["host", "project", "service"] };

const NOW: Row = Row {
    id: 100,
    title: "Now",
    closed: false,
    panels: &[
        Panel {
            id: 2,
            title: "Lines read",
            about: "Lines read a second.",
            empty: OFF,
            unit: Unit::LinesASecond,
            queries: &[Query {
                expr: "sum(rate(spyhop_logs_read_lines_total{<service>}[$__rate_interval]))",
                ..Query::METRICS
            }],
            ..Panel::STAT
        },
        Panel {
            id: 3,
            title: "Longest wait",
            about: "Age of the oldest line that was read and not acknowledged by every destination.",
            empty: OFF,
            unit: Unit::Seconds,
            steps: Some(&Steps::Alert("SpyhopLogsLate", "most")),
            queries: &[Query { expr: "max(spyhop_logs_lag_seconds{<service>})", ..Query::METRICS }],
            ..Panel::STAT
        },
        Panel {
            id: 4,
            title: "Lines lost in 1h",
            about: "Lines within an hour that will never arrive; those which somebody asked to leave out are not counted.",
            empty: OFF,
            steps: ANY_IS_BAD,
            queries: &[Query {
                expr: r#"round(sum(increase(spyhop_logs_dropped_lines_total{<service>,reason!~"rule|level|sampled|rate_lines|rate_size"}[1h])))"#,
                ..Query::METRICS
            }],
            ..Panel::STAT
        },
        Panel {
            id: 5,
            title: "Gaps in 1h",
            about: "Places within an hour where lines may be missing which were never seen.",
            empty: OFF,
            steps: ANY_IS_BAD,
            queries: &[Query { expr: "round(sum(increase(spyhop_logs_gaps_total{<service>}[1h])))", ..Query::METRICS }],
            ..Panel::STAT
        },
        Panel {
            id: 6,
            title: "Destinations in trouble",
            about: "Destinations to which lines are kept back, which wait on disk meanwhile.",
            empty: OFF,
            steps: ANY_IS_BAD,
            queries: &[Query {
                expr: "sum(max by (host, destination) (spyhop_logs_destination_trouble{<host>}))",
                ..Query::METRICS
            }],
            ..Panel::STAT
        },
        Panel {
            id: 7,
            title: "Fullest spool",
            about: "Share of its room on disk that the fullest spool takes: at all of it the oldest lines give way.",
            empty: OFF,
            unit: Unit::Share,
            steps: Some(&Steps::Alert("SpyhopLogsSpoolFilling", "most")),
            queries: &[Query {
                expr: "max(spyhop_logs_spool_bytes{<host>} / (spyhop_logs_spool_limit_bytes{<host>} > 0))",
                ..Query::METRICS
            }],
            ..Panel::STAT
        },
    ],
};

const VOLUME: Row = Row {
    id: 101,
    title: "Volume and errors",
    closed: false,
    panels: &[
        Panel {
            id: 8,
            title: "Lines by service",
            about: "Lines read a second of each service.",
            empty: OFF,
            unit: Unit::LinesASecond,
            link: Some(&SERVICE),
            queries: &[Query {
                expr: "sum by (<id>) (rate(spyhop_logs_read_lines_total{<service>}[$__rate_interval]))",
                name: "{{host}} {{project}}/{{service}}",
                ..Query::METRICS
            }],
            ..Panel::LINES
        },
        Panel {
            id: 9,
            title: "Bytes by service",
            about: "Bytes of lines read a second of each service.",
            empty: OFF,
            unit: Unit::BytesASecond,
            link: Some(&SERVICE),
            queries: &[Query {
                expr: "sum by (<id>) (rate(spyhop_logs_read_bytes_total{<service>}[$__rate_interval]))",
                name: "{{host}} {{project}}/{{service}}",
                ..Query::METRICS
            }],
            ..Panel::LINES
        },
        Panel {
            id: 10,
            title: "Lines by level",
            about: "Lines in Loki a second, by the level which the agent recognised in them.",
            empty: OFF,
            unit: Unit::LinesASecond,
            size: (8, 8),
            queries: &[Query {
                expr: "sum by (detected_level) (rate({<logs>} [$__auto]))",
                name: "{{detected_level}}",
                ..Query::LOGS
            }],
            ..Panel::STACK
        },
        Panel {
            id: 11,
            title: "Share of errors by service",
            about: "Lines of level error and worse in Loki, of all lines of the service.",
            empty: OFF,
            unit: Unit::Share,
            size: (8, 8),
            steps: Some(&Steps::From(Color::Green, &[(0.05, Color::Orange), (0.25, Color::Red)])),
            queries: &[Query {
                expr: r#"sum by (project, service) (rate({<logs>} | detected_level=~"error|critical|fatal" [$__auto])) / sum by (project, service) (rate({<logs>} [$__auto]))"#,
                name: "{{project}}/{{service}}",
                ..Query::LOGS
            }],
            ..Panel::LINES
        },
        Panel {
            id: 12,
            title: "Lines by kind",
            about: "Lines in Loki a second by what they look like: application, access, error, audit.",
            empty: OFF,
            unit: Unit::LinesASecond,
            size: (8, 8),
            queries: &[Query {
                expr: "sum by (log_kind) (rate({<logs>} [$__auto]))",
                name: "{{log_kind}}",
                ..Query::LOGS
            }],
            ..Panel::STACK
        },
    ],
};

const WAY: Row = Row {
    id: 102,
    title: "On the way to Loki",
    closed: false,
    panels: &[
        Panel {
            id: 13,
            title: "Wait by service",
            about: "Age of the oldest line of each service that not every destination has acknowledged; the line is where SpyhopLogsLate begins.",
            empty: OFF,
            unit: Unit::Seconds,
            steps: Some(&Steps::Alert("SpyhopLogsLate", "most")),
            queries: &[Query {
                expr: "max by (<id>) (spyhop_logs_lag_seconds{<service>})",
                name: "{{host}} {{project}}/{{service}}",
                ..Query::METRICS
            }],
            ..Panel::LINES
        },
        Panel {
            id: 14,
            title: "Left out, by reason",
            about: "Lines that were not sent, by reason: rule, level, sampled, rate_lines and rate_size were asked for, all others are losses.",
            empty: OFF,
            queries: &[Query {
                expr: "sum by (reason) (increase(spyhop_logs_dropped_lines_total{<service>}[$__rate_interval]))",
                name: "{{reason}}",
                ..Query::METRICS
            }],
            ..Panel::BARS
        },
        Panel {
            id: 15,
            title: "Pushes",
            about: "Pushes a second by how they ended; partial, split and refused ones have lost lines, or nearly.",
            empty: OFF,
            unit: Unit::ASecond,
            size: (8, 8),
            queries: &[Query {
                expr: "sum by (host, destination, outcome) (rate(spyhop_logs_pushes_total{<host>}[$__rate_interval]))",
                name: "{{host}} {{destination}} {{outcome}}",
                ..Query::METRICS
            }],
            ..Panel::LINES
        },
        Panel {
            id: 16,
            title: "What waits",
            about: "Bytes that no destination has acknowledged, in memory and on disk.",
            empty: OFF,
            unit: Unit::Bytes,
            size: (8, 8),
            queries: &[
                Query {
                    expr: "max by (host, destination) (spyhop_logs_queued_bytes{<host>})",
                    name: "{{host}} {{destination}} in memory",
                    ..Query::METRICS
                },
                Query {
                    expr: "max by (host, destination) (spyhop_logs_spool_bytes{<host>})",
                    name: "{{host}} {{destination}} on disk",
                    ..Query::METRICS
                },
            ],
            ..Panel::LINES
        },
        Panel {
            id: 17,
            title: "Not read yet",
            about: "Bytes of log files which are not read yet, by service.",
            empty: OFF,
            unit: Unit::Bytes,
            size: (8, 8),
            queries: &[Query {
                expr: "max by (<id>) (spyhop_logs_behind_bytes{<service>})",
                name: "{{host}} {{project}}/{{service}}",
                ..Query::METRICS
            }],
            ..Panel::LINES
        },
        Panel {
            id: 18,
            title: "Where lines are read",
            about: "Containers whose lines are read from files, asked of the engine, or not to be had, with the reason.",
            empty: OFF,
            queries: &[Query {
                expr: "max by (host, source, reason) (spyhop_logs_source_containers{<host>})",
                name: "containers",
                ..Query::METRICS
            }],
            ..Panel::TABLE
        },
        Panel {
            id: 19,
            title: "What was done to lines",
            about: "Secrets replaced, ends cut off, and times replaced that Loki would have refused.",
            empty: OFF,
            queries: &[
                Query {
                    expr: "sum by (service) (increase(spyhop_logs_redactions_total{<service>}[$__rate_interval]))",
                    name: "{{service}} secrets",
                    ..Query::METRICS
                },
                Query {
                    expr: "sum by (service) (increase(spyhop_logs_cut_lines_total{<service>}[$__rate_interval]))",
                    name: "{{service}} cut",
                    ..Query::METRICS
                },
                Query {
                    expr: "sum by (service) (increase(spyhop_logs_restamped_lines_total{<service>}[$__rate_interval]))",
                    name: "{{service}} other time",
                    ..Query::METRICS
                },
            ],
            ..Panel::BARS
        },
    ],
};

const LINES: Row = Row {
    id: 103,
    title: "Lines",
    closed: false,
    panels: &[Panel {
        id: 20,
        title: "Errors",
        about: "The newest lines of level error and worse.",
        empty: OFF,
        queries: &[Query { expr: r#"{<logs>} | detected_level=~"error|critical|fatal""#, ..Query::LOGS }],
        ..Panel::LOGS
    }],
};
