//! `spyhop_redis_*`, `spyhop_postgres_*` and `spyhop_traefik_*`.

use std::collections::BTreeSet;

use super::probes::Row;
use crate::{
    exposition::{LabelSet, Page, Value, catalogue::probe_figures as family},
    model::IntoTree as _,
    model::metric::Family,
    policy::probe::Kind,
    probes::{
        Figures,
        postgres::statistics::{Database, Statistics},
        redis::Info,
        traefik::Report,
    },
};

pub(super) fn write(rows: &[Row], host: &str, page: &mut Page) {
    redis(rows, page);
    postgres(rows, page);
    routes(rows, host, page);
}

/// Whether those are up which are asked for more than that.
fn up(rows: &[Row], page: &mut Page, family: &'static Family, kind: Kind) {
    let mut writer = page.family(family);
    for row in rows.iter().filter(|row| row.record.kind == Some(kind) && row.record.figures) {
        if let Some(outcome) = row.outcome() {
            writer.sample(&row.own, outcome.failure.is_none() && outcome.facts.figures.is_some());
        }
    }
}

fn redis(rows: &[Row], page: &mut Page) {
    up(rows, page, &family::REDIS_UP, Kind::Redis);
    let infos: Vec<(&LabelSet, &Info)> = rows
        .iter()
        .filter_map(|row| match row.facts()?.figures.as_ref()? {
            Figures::Redis(info) => Some((&row.own, info.as_ref())),
            _ => None,
        })
        .collect();
    let mut about = page.family(&family::REDIS_INFO);
    for (labels, info) in &infos {
        let version = info.version.as_deref().unwrap_or_default();
        let role = info.role.map_or("", |role| role.word());
        about.sample_with(labels, &[("version", version), ("role", role)], 1_u64);
    }
    each(&infos, page, &family::REDIS_UPTIME, |info| info.uptime_seconds);
    each(&infos, page, &family::REDIS_CLIENTS, |info| info.connected_clients);
    each(&infos, page, &family::REDIS_BLOCKED, |info| info.blocked_clients);
    each(&infos, page, &family::REDIS_MAX_CLIENTS, |info| info.max_clients);
    each(&infos, page, &family::REDIS_MEMORY, |info| info.used_memory_bytes);
    // 0 is how it says that there is none.
    each(&infos, page, &family::REDIS_MAX_MEMORY, |info| info.max_memory_bytes.filter(|bytes| *bytes > 0));
    each(&infos, page, &family::REDIS_EVICTED, |info| info.evicted_keys);
    each(&infos, page, &family::REDIS_EXPIRED, |info| info.expired_keys);
    each(&infos, page, &family::REDIS_HITS, |info| info.keyspace_hits);
    each(&infos, page, &family::REDIS_MISSES, |info| info.keyspace_misses);
    each(&infos, page, &family::REDIS_REJECTED, |info| info.rejected_connections);
    each(&infos, page, &family::REDIS_COMMANDS, |info| info.commands_processed);
    each(&infos, page, &family::REDIS_MASTER_LINK, |info| info.master_link_up);
    each(&infos, page, &family::REDIS_REPLICAS, |info| info.connected_replicas);
    each(&infos, page, &family::REDIS_SAVED, |info| info.rdb_last_bgsave_ok);
    let mut keys = page.family(&family::REDIS_KEYS);
    for (labels, info) in &infos {
        for database in &info.databases {
            keys.sample_with(labels, &[("database", &database.number.to_string())], database.keys);
        }
    }
}

fn postgres(rows: &[Row], page: &mut Page) {
    up(rows, page, &family::POSTGRES_UP, Kind::Postgres);
    let read: Vec<(&LabelSet, &Statistics)> = rows
        .iter()
        .filter_map(|row| match row.facts()?.figures.as_ref()? {
            Figures::Postgres(statistics) => Some((&row.own, statistics.as_ref())),
            _ => None,
        })
        .collect();
    let mut about = page.family(&family::POSTGRES_INFO);
    for (labels, statistics) in &read {
        about.sample_with(labels, &[("version", statistics.version.as_deref().unwrap_or_default())], 1_u64);
    }
    each(&read, page, &family::POSTGRES_STARTED, |statistics| statistics.start_time_seconds);
    each(&read, page, &family::POSTGRES_MAX_CONNECTIONS, |statistics| statistics.max_connections);
    let mut connections = page.family(&family::POSTGRES_CONNECTIONS);
    for (labels, statistics) in &read {
        for (state, count) in &statistics.connections {
            connections.sample_with(labels, &[("state", state.word())], *count);
        }
    }
    each(&read, page, &family::POSTGRES_OLDEST, |statistics| statistics.oldest_transaction_seconds);
    each(&read, page, &family::POSTGRES_REPLICAS, |statistics| statistics.replicas);
    each(&read, page, &family::POSTGRES_LAG, |statistics| statistics.standby?.lag_seconds);
    databases(&read, page, &family::POSTGRES_DATABASE_CONNECTIONS, |database| database.connections);
    databases(&read, page, &family::POSTGRES_COMMITS, |database| database.commits);
    databases(&read, page, &family::POSTGRES_ROLLBACKS, |database| database.rollbacks);
    databases(&read, page, &family::POSTGRES_HIT, |database| database.blocks_hit);
    databases(&read, page, &family::POSTGRES_READ, |database| database.blocks_read);
    databases(&read, page, &family::POSTGRES_CACHE, Database::cache_hit_ratio);
    databases(&read, page, &family::POSTGRES_DEADLOCKS, |database| database.deadlocks);
}

fn routes(rows: &[Row], host: &str, page: &mut Page) {
    let mut reports: Vec<(LabelSet, &Report)> = Vec::new();
    let mut taken = BTreeSet::new();
    for row in rows {
        let Some(Figures::Routes(report)) = row.facts().and_then(|facts| facts.figures.as_ref()) else { continue };
        let id = &row.record.id;
        // Replicas of one Traefik are asked for the same routes.
        if taken.insert((&id.project, &id.service)) {
            reports.push((place(host, &id.project, &id.service), report));
        }
    }
    let reports: Vec<(&LabelSet, &Report)> = reports.iter().map(|(labels, report)| (labels, *report)).collect();
    each(&reports, page, &family::ROUTES_EXPECTED, |report| Some(report.expected));
    each(&reports, page, &family::ROUTES_FOUND, |report| Some(report.found));
    each(&reports, page, &family::ROUTES_COMPLETE, Report::complete_ratio);
    let missing = reports.iter().flat_map(|(_, report)| &report.missing);
    let missing: BTreeSet<_> = missing
        .map(|missing| (&missing.place.project, &missing.place.service, &missing.place.router, missing.reason.word()))
        .collect();
    let mut writer = page.family(&family::ROUTE_MISSING);
    for (project, service, router, reason) in missing {
        writer.sample_with(&place(host, project, service), &[("router", router), ("reason", reason)], 1_u64);
    }
    let found = reports.iter().flat_map(|(_, report)| &report.findings);
    let found: BTreeSet<_> =
        found.map(|(finding, place)| (&place.project, &place.service, &place.router, finding.word())).into_set();
    let mut writer = page.family(&family::ROUTE_FINDING);
    for (project, service, router, finding) in found {
        writer.sample_with(&place(host, project, service), &[("router", router), ("finding", finding)], 1_u64);
    }
}

fn place(host: &str, project: &str, service: &str) -> LabelSet {
    LabelSet::new([("host", host), ("project", project), ("service", service)])
}

fn each<T, V: Into<Value>>(
    rows: &[(&LabelSet, &T)],
    page: &mut Page,
    family: &'static Family,
    read: impl Fn(&T) -> Option<V>,
) {
    let mut writer = page.family(family);
    for (labels, figures) in rows {
        if let Some(value) = read(figures) {
            writer.sample(labels, value);
        }
    }
}

fn databases<V: Into<Value>>(
    rows: &[(&LabelSet, &Statistics)],
    page: &mut Page,
    family: &'static Family,
    read: impl Fn(&Database) -> Option<V>,
) {
    let mut writer = page.family(family);
    for (labels, statistics) in rows {
        for database in &statistics.databases {
            if let Some(value) = read(database) {
                writer.sample_with(labels, &[("database", &database.name)], value);
            }
        }
    }
}
