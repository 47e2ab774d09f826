//! Do databases answer, and what are they short of?

mod exporters;

use crate::render::dashboards::{
    Board, Color, Empty, Feature, Panel, Query, Row, Steps, Unit, Variable,
    link::SERVICE,
    steps::{ANY_IS_BAD, ANY_IS_WORTH_A_LOOK},
};

pub(super) static BOARD: Board = Board {
    uid: "spyhop-databases",
    title: "Databases",
    about: "Do Redis and PostgreSQL answer, and what are they short of: connections, memory, cache? Figures are those of the agent's probes with info or statistics on; the last row has those of the usual exporters.",
    variables: &[Variable::Datasource, Variable::Job, Variable::Host, Variable::Project, Variable::Database],
    rows: &[NOW, REDIS, POSTGRES, exporters::ROW],
    ..Board::BASE
};

const OFF: Empty = Empty::Without(Feature::Probes);
const YES: &[(&str, &str, Color)] = &[("1", "yes", Color::Green), ("0", "no", Color::Red)];
const NEAR: Option<&Steps> = Some(&Steps::From(Color::Green, &[(0.8, Color::Orange), (0.95, Color::Red)]));
const CACHE: Option<&Steps> = Some(&Steps::From(Color::Orange, &[(0.9, Color::Green)]));

const NOW: Row = Row {
    id: 100,
    title: "Now",
    closed: false,
    panels: &[
        Panel {
            id: 2,
            title: "Databases that do not answer",
            about: "Databases whose last probe failed.",
            empty: OFF,
            steps: ANY_IS_BAD,
            queries: &[Query {
                expr: r#"sum(max by (<one>, probe) (spyhop_probe_success{<service>,kind=~"redis|postgres"}) < bool 1)"#,
                ..Query::METRICS
            }],
            ..Panel::STAT
        },
        Panel {
            id: 3,
            title: "Fullest Redis",
            about: "Share of the memory it may have that the fullest Redis with a limit uses.",
            empty: OFF,
            unit: Unit::Share,
            steps: NEAR,
            queries: &[Query {
                expr: "max(spyhop_redis_used_memory_bytes{<service>} / (spyhop_redis_max_memory_bytes{<service>} > 0))",
                ..Query::METRICS
            }],
            ..Panel::STAT
        },
        Panel {
            id: 4,
            title: "PostgreSQL connections in use",
            about: "Share of its connections that the busiest PostgreSQL has in use.",
            empty: OFF,
            unit: Unit::Share,
            steps: NEAR,
            queries: &[Query {
                expr: "max(sum without (state) (spyhop_postgres_connections{<service>}) / (spyhop_postgres_max_connections{<service>} > 0))",
                ..Query::METRICS
            }],
            ..Panel::STAT
        },
        Panel {
            id: 5,
            title: "Oldest transaction",
            about: "Age of the oldest open transaction: while it is open nothing it may see is cleared away.",
            empty: OFF,
            unit: Unit::Seconds,
            steps: Some(&Steps::From(Color::Green, &[(300.0, Color::Orange), (3_600.0, Color::Red)])),
            queries: &[Query { expr: "max(spyhop_postgres_oldest_transaction_seconds{<service>})", ..Query::METRICS }],
            ..Panel::STAT
        },
        Panel {
            id: 6,
            title: "Deadlocks in 1h",
            about: "Deadlocks that PostgreSQL found within an hour.",
            empty: OFF,
            steps: ANY_IS_WORTH_A_LOOK,
            queries: &[Query {
                expr: "round(sum(increase(spyhop_postgres_deadlocks_total{<service>}[1h])))",
                ..Query::METRICS
            }],
            ..Panel::STAT
        },
        Panel {
            id: 7,
            title: "Keys evicted in 1h",
            about: "Keys that Redis removed within an hour because memory ran out.",
            empty: OFF,
            steps: ANY_IS_WORTH_A_LOOK,
            queries: &[Query {
                expr: "round(sum(increase(spyhop_redis_evicted_keys_total{<service>}[1h])))",
                ..Query::METRICS
            }],
            ..Panel::STAT
        },
        Panel {
            id: 8,
            title: "Every database",
            about: "Whether each database answers, how long that takes, and the version it says it has.",
            empty: OFF,
            link: Some(&SERVICE),
            queries: &[
                Query {
                    expr: r#"max by (<one>, probe, kind) (spyhop_probe_success{<service>,kind=~"redis|postgres"})"#,
                    name: "answers",
                    words: Some(YES),
                    ..Query::METRICS
                },
                Query {
                    expr: r#"max by (<one>, probe, kind) (spyhop_probe_duration_seconds{<service>,kind=~"redis|postgres"})"#,
                    name: "took",
                    unit: Some(Unit::Seconds),
                    ..Query::METRICS
                },
                Query {
                    expr: "max by (<one>, probe, kind, version) (spyhop_redis_info{<service>}) or max by (<one>, probe, kind, version) (spyhop_postgres_info{<service>})",
                    ..Query::METRICS
                },
            ],
            ..Panel::TABLE
        },
        Panel {
            id: 9,
            title: "Queries, as applications see them",
            about: "95 of 100 spans that are SQL statements were faster than this, by who asked.",
            empty: Empty::Without(Feature::Traces),
            unit: Unit::Seconds,
            queries: &[Query {
                expr: r#"histogram_quantile(0.95, sum by (le, host, project, compose_service) (rate(traces_spanmetrics_latency_bucket{<project>,span_kind="SPAN_KIND_CLIENT",span_name=~"(SELECT|INSERT|UPDATE|DELETE).*"}[$__rate_interval])))"#,
                name: "{{project}}/{{compose_service}}",
                ..Query::METRICS
            }],
            ..Panel::LINES
        },
    ],
};

const REDIS: Row = Row {
    id: 101,
    title: "Redis",
    closed: false,
    panels: &[
        Panel {
            id: 10,
            title: "Redis memory",
            about: "Memory that each Redis has asked for, and its limit where it has one.",
            empty: OFF,
            unit: Unit::Bytes,
            size: (8, 8),
            queries: &[
                Query {
                    expr: "max by (<one>) (spyhop_redis_used_memory_bytes{<service>})",
                    name: "{{project}}/{{service}}",
                    ..Query::METRICS
                },
                Query {
                    expr: "max by (<one>) (spyhop_redis_max_memory_bytes{<service>})",
                    name: "limit {{project}}/{{service}}",
                    ..Query::BOUND
                },
            ],
            ..Panel::LINES
        },
        Panel {
            id: 11,
            title: "Look-ups that find something",
            about: "Share of look-ups that found a key.",
            empty: OFF,
            unit: Unit::Share,
            size: (8, 8),
            steps: CACHE,
            queries: &[Query {
                expr: "max by (<one>) (rate(spyhop_redis_keyspace_hits_total{<service>}[$__rate_interval]) / (rate(spyhop_redis_keyspace_hits_total{<service>}[$__rate_interval]) + rate(spyhop_redis_keyspace_misses_total{<service>}[$__rate_interval]) > 0))",
                name: "{{project}}/{{service}}",
                ..Query::METRICS
            }],
            ..Panel::LINES
        },
        Panel {
            id: 12,
            title: "Commands",
            about: "Commands a second.",
            empty: OFF,
            unit: Unit::ASecond,
            size: (8, 8),
            queries: &[Query {
                expr: "max by (<one>) (rate(spyhop_redis_commands_processed_total{<service>}[$__rate_interval]))",
                name: "{{project}}/{{service}}",
                ..Query::METRICS
            }],
            ..Panel::LINES
        },
        Panel {
            id: 13,
            title: "Clients",
            about: "Clients that are connected, and that wait in a blocking call.",
            empty: OFF,
            size: (8, 8),
            queries: &[
                Query {
                    expr: "max by (<one>) (spyhop_redis_connected_clients{<service>})",
                    name: "{{project}}/{{service}}",
                    ..Query::METRICS
                },
                Query {
                    expr: "max by (<one>) (spyhop_redis_blocked_clients{<service>})",
                    name: "{{project}}/{{service}} waiting",
                    ..Query::METRICS
                },
            ],
            ..Panel::LINES
        },
        Panel {
            id: 14,
            title: "Keys",
            about: "Keys of each database.",
            empty: OFF,
            size: (8, 8),
            queries: &[Query {
                expr: "max by (<one>, database) (spyhop_redis_keys{<service>})",
                name: "{{project}}/{{service}} {{database}}",
                ..Query::METRICS
            }],
            ..Panel::LINES
        },
        Panel {
            id: 15,
            title: "Keys that went",
            about: "Keys a second that were removed because memory ran out, or because their time was over.",
            empty: OFF,
            unit: Unit::ASecond,
            size: (8, 8),
            queries: &[
                Query {
                    expr: "max by (<one>) (rate(spyhop_redis_evicted_keys_total{<service>}[$__rate_interval]))",
                    name: "{{project}}/{{service}} evicted",
                    ..Query::METRICS
                },
                Query {
                    expr: "max by (<one>) (rate(spyhop_redis_expired_keys_total{<service>}[$__rate_interval]))",
                    name: "{{project}}/{{service}} expired",
                    ..Query::METRICS
                },
            ],
            ..Panel::LINES
        },
    ],
};

const POSTGRES: Row = Row {
    id: 102,
    title: "PostgreSQL",
    closed: false,
    panels: &[
        Panel {
            id: 16,
            title: "Connections",
            about: "Connections by what they do, and how many there may be.",
            empty: OFF,
            size: (8, 8),
            queries: &[
                Query {
                    expr: "max by (<one>, state) (spyhop_postgres_connections{<service>})",
                    name: "{{project}}/{{service}} {{state}}",
                    ..Query::METRICS
                },
                Query {
                    expr: "max by (<one>) (spyhop_postgres_max_connections{<service>})",
                    name: "limit {{project}}/{{service}}",
                    ..Query::BOUND
                },
            ],
            ..Panel::LINES
        },
        Panel {
            id: 17,
            title: "Transactions",
            about: "Transactions a second that were committed and rolled back.",
            empty: OFF,
            unit: Unit::ASecond,
            size: (8, 8),
            queries: &[
                Query {
                    expr: "max by (<one>, database) (rate(spyhop_postgres_commits_total{<service>}[$__rate_interval]))",
                    name: "{{service}} {{database}} committed",
                    ..Query::METRICS
                },
                Query {
                    expr: "max by (<one>, database) (rate(spyhop_postgres_rollbacks_total{<service>}[$__rate_interval]))",
                    name: "{{service}} {{database}} rolled back",
                    ..Query::METRICS
                },
            ],
            ..Panel::LINES
        },
        Panel {
            id: 18,
            title: "Blocks found in the cache",
            about: "Share of blocks that were found in the cache, of all that were asked for.",
            empty: OFF,
            unit: Unit::Share,
            size: (8, 8),
            steps: CACHE,
            queries: &[Query {
                expr: "max by (<one>, database) (rate(spyhop_postgres_blocks_hit_total{<service>}[$__rate_interval]) / (rate(spyhop_postgres_blocks_hit_total{<service>}[$__rate_interval]) + rate(spyhop_postgres_blocks_read_total{<service>}[$__rate_interval]) > 0))",
                name: "{{service}} {{database}}",
                ..Query::METRICS
            }],
            ..Panel::LINES
        },
        Panel {
            id: 19,
            title: "Replication",
            about: "How far each standby is behind, and how many replicas stream from each primary.",
            empty: OFF,
            queries: &[
                Query {
                    expr: "max by (<one>) (spyhop_postgres_replicas{<service>})",
                    name: "{{project}}/{{service}} replicas",
                    ..Query::METRICS
                },
                Query {
                    expr: "max by (<one>) (spyhop_postgres_standby_lag_seconds{<service>})",
                    name: "{{project}}/{{service}} behind",
                    unit: Some(Unit::Seconds),
                    ..Query::METRICS
                },
                Query {
                    expr: "max by (<one>) (spyhop_redis_connected_replicas{<service>})",
                    name: "{{project}}/{{service}} replicas of Redis",
                    ..Query::METRICS
                },
            ],
            ..Panel::LINES
        },
        Panel {
            id: 20,
            title: "Age of the oldest transaction",
            about: "Age of the oldest open transaction of each PostgreSQL, 0 without one.",
            empty: OFF,
            unit: Unit::Seconds,
            steps: Some(&Steps::From(Color::Green, &[(300.0, Color::Orange), (3_600.0, Color::Red)])),
            queries: &[Query {
                expr: "max by (<one>) (spyhop_postgres_oldest_transaction_seconds{<service>})",
                name: "{{project}}/{{service}}",
                ..Query::METRICS
            }],
            ..Panel::LINES
        },
    ],
};
