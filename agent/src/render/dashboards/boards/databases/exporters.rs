//! The same from postgres_exporter and redis_exporter, where they are scraped through the agent.

use super::{CACHE, NEAR};
use crate::render::dashboards::{Empty, Feature, Panel, Query, Row, Unit};

const OFF: Empty = Empty::Without(Feature::Exporters);

pub(super) const ROW: Row = Row {
    id: 103,
    title: "From postgres_exporter and redis_exporter",
    closed: true,
    panels: &[
        Panel {
            id: 21,
            title: "Connections in use, by the exporter",
            about: "Share of its connections that each PostgreSQL has in use.",
            empty: OFF,
            unit: Unit::Share,
            size: (8, 8),
            steps: NEAR,
            queries: &[Query {
                expr: "sum by (project, service, instance) (pg_stat_database_numbackends{<edge>}) / (max by (project, service, instance) (pg_settings_max_connections{<edge>}) > 0)",
                name: "{{project}}/{{service}} {{instance}}",
                ..Query::METRICS
            }],
            ..Panel::LINES
        },
        Panel {
            id: 22,
            title: "Transactions, by the exporter",
            about: "Transactions a second that were committed and rolled back.",
            empty: OFF,
            unit: Unit::ASecond,
            size: (8, 8),
            queries: &[
                Query {
                    expr: "sum by (project, service, datname) (rate(pg_stat_database_xact_commit{<edge>}[$__rate_interval]))",
                    name: "{{service}} {{datname}} committed",
                    ..Query::METRICS
                },
                Query {
                    expr: "sum by (project, service, datname) (rate(pg_stat_database_xact_rollback{<edge>}[$__rate_interval]))",
                    name: "{{service}} {{datname}} rolled back",
                    ..Query::METRICS
                },
            ],
            ..Panel::LINES
        },
        Panel {
            id: 23,
            title: "Blocks found in the cache, by the exporter",
            about: "Share of blocks that were found in the cache, of all that were asked for.",
            empty: OFF,
            unit: Unit::Share,
            size: (8, 8),
            steps: CACHE,
            queries: &[Query {
                expr: "sum by (project, service, datname) (rate(pg_stat_database_blks_hit{<edge>}[$__rate_interval])) / (sum by (project, service, datname) (rate(pg_stat_database_blks_hit{<edge>}[$__rate_interval])) + sum by (project, service, datname) (rate(pg_stat_database_blks_read{<edge>}[$__rate_interval])) > 0)",
                name: "{{service}} {{datname}}",
                ..Query::METRICS
            }],
            ..Panel::LINES
        },
        Panel {
            id: 24,
            title: "Size, by the exporter",
            about: "Bytes of each database.",
            empty: OFF,
            unit: Unit::Bytes,
            size: (8, 8),
            queries: &[Query {
                expr: "max by (project, service, datname) (pg_database_size_bytes{<edge>})",
                name: "{{service}} {{datname}}",
                ..Query::METRICS
            }],
            ..Panel::LINES
        },
        Panel {
            id: 25,
            title: "Redis memory, by the exporter",
            about: "Memory that each Redis has asked for, and its limit where that is not 0.",
            empty: OFF,
            unit: Unit::Bytes,
            size: (8, 8),
            queries: &[
                Query {
                    expr: "max by (project, service, instance) (redis_memory_used_bytes{<edge>})",
                    name: "{{project}}/{{service}} {{instance}}",
                    ..Query::METRICS
                },
                Query {
                    expr: "max by (project, service, instance) (redis_memory_max_bytes{<edge>}) > 0",
                    name: "limit {{project}}/{{service}} {{instance}}",
                    ..Query::BOUND
                },
            ],
            ..Panel::LINES
        },
        Panel {
            id: 26,
            title: "Redis commands and look-ups, by the exporter",
            about: "Commands a second, and how many look-ups of a second found a key or none.",
            empty: OFF,
            unit: Unit::ASecond,
            size: (8, 8),
            queries: &[
                Query {
                    expr: "sum by (project, service) (rate(redis_commands_processed_total{<edge>}[$__rate_interval]))",
                    name: "{{project}}/{{service}} commands",
                    ..Query::METRICS
                },
                Query {
                    expr: "sum by (project, service) (rate(redis_keyspace_hits_total{<edge>}[$__rate_interval]))",
                    name: "{{project}}/{{service}} found",
                    ..Query::METRICS
                },
                Query {
                    expr: "sum by (project, service) (rate(redis_keyspace_misses_total{<edge>}[$__rate_interval]))",
                    name: "{{project}}/{{service}} not found",
                    ..Query::METRICS
                },
            ],
            ..Panel::LINES
        },
    ],
};
