//! Probes of each kind, one that fails and one that is out of reach: every family has a value.

use std::{sync::Arc, time::Duration};

use spyhop::{
    model::Durations,
    net::Certificate,
    policy::probe::Kind,
    probes::{
        Board, Facts, Failure, Figures, HttpFacts, Id, Outcome, Reason, Record, Shown, Unreachable,
        postgres::statistics::{Activity, Database, Standby, Statistics},
        redis::Info,
        traefik::{self, Finding, Missing, Place, Protocol, Report},
    },
};

use super::synthetic::at;

pub(crate) fn board() -> Board {
    let board = Board::default();
    let mut outages = Durations::default();
    outages.observe(Duration::from_millis(12_500));
    board.put(web(), outages);
    for record in [broken(), gone(), cache(), database(), router()] {
        board.put(record, Durations::default());
    }
    board
}

fn record(service: &str, replica: &str, kind: Kind, target: &str) -> Record {
    let project = if replica.is_empty() { "" } else { "shop" };
    let id = Id { project: project.into(), service: service.into(), replica: replica.into(), probe: "health".into() };
    let mut record = Record::new(id, Duration::from_secs(15));
    record.kind = Some(kind);
    record.target = target.into();
    record
}

fn asked(mut record: Record, failure: Option<Failure>, took: u64, facts: Facts) -> Record {
    record.attempts = 40;
    record.failures = if failure.is_some() { 3 } else { 1 };
    record.shown.clone_from(&facts.shown);
    record.last = Some((at(3_600), Arc::new(Outcome { failure, took: Duration::from_millis(took), facts })));
    record
}

/// A service over TLS that answers too late to be called fast.
fn web() -> Record {
    let certificate = Certificate {
        validity: (1_690_000_000, 1_730_000_000),
        subject: "CN=web,O=\"Shop\"\n".into(),
        issuer: "CN=authority".into(),
        serial: "0a1b".into(),
        names: vec!["web".into(), "shop.example".into()],
        fingerprint: "ab".repeat(32),
    };
    let shown = Shown { certificate, chain_ends: 1_725_000_000, chain: true, names: false, time: true };
    let http = HttpFacts { status: 200, version: 11, content_length: None, body_length: 512, failed_by_pattern: false };
    let facts = Facts {
        phases: [1, 2, 30, 400, 5].map(|millis| Some(Duration::from_millis(millis))),
        ip: Some(4),
        http: Some(http),
        tls_version: Some("TLSv1_3"),
        shown: Some(Arc::new(shown)),
        enforced: Some(true),
        ..Facts::default()
    };
    let mut record = asked(record("web", "1", Kind::Https, "https://shop/web:8443/health"), None, 438, facts);
    (record.slow, record.max_duration) = (2, Some(Duration::from_millis(250)));
    record
}

/// A target elsewhere that refuses.
fn broken() -> Record {
    let record = record("site", "", Kind::Http, "http://shop.example:80/");
    asked(record, Some(Reason::Refused.into()), 3, Facts { ip: Some(6), ..Facts::default() })
}

fn gone() -> Record {
    let mut record = record("job", "1", Kind::Tcp, "tcp://shop/job:22");
    record.unreachable = Some(Unreachable::Stopped);
    record
}

fn cache() -> Record {
    let info = "redis_version:7.0.15\r\nuptime_in_seconds:3600\r\nconnected_clients:7\r\nblocked_clients:1\r\nmaxclients:10000\r\n\
        used_memory:1048576\r\nmaxmemory:2097152\r\nevicted_keys:2\r\nexpired_keys:3\r\nkeyspace_hits:90\r\nkeyspace_misses:10\r\n\
        rejected_connections:4\r\ntotal_commands_processed:500\r\nrole:slave\r\nmaster_link_status:up\r\nconnected_slaves:0\r\n\
        rdb_last_bgsave_status:ok\r\ndb0:keys=12,expires=3,avg_ttl=0\r\n";
    let figures = Some(Figures::Redis(Arc::new(Info::parse(info))));
    let mut record = asked(
        record("cache", "1", Kind::Redis, "redis://shop/cache:6379"),
        None,
        2,
        Facts { figures, ..Facts::default() },
    );
    record.figures = true;
    record
}

fn database() -> Record {
    let shop = Database {
        name: "shop".into(),
        connections: Some(5),
        commits: Some(1_000),
        rollbacks: Some(10),
        blocks_hit: Some(900),
        blocks_read: Some(100),
        deadlocks: Some(1),
        ..Database::default()
    };
    let statistics = Statistics {
        version: Some("15.18".into()),
        start_time_seconds: Some(1_700_000_000.5),
        max_connections: Some(100),
        connections: vec![(Activity::Active, 2), (Activity::Idle, 3)],
        oldest_transaction_seconds: Some(1.5),
        replicas: Some(0),
        standby: Some(Standby { streaming: true, lag_seconds: Some(0.5), replay_bytes: Some(0) }),
        databases: vec![shop],
        ..Statistics::default()
    };
    let figures = Some(Figures::Postgres(Arc::new(statistics)));
    let record = record("db", "1", Kind::Postgres, "postgres://shop/db:5432");
    let mut record = asked(record, None, 4, Facts { figures, ..Facts::default() });
    record.figures = true;
    record
}

fn router() -> Record {
    let place = |service: &str| Place {
        project: "shop".into(),
        service: service.into(),
        protocol: Protocol::Http,
        router: service.into(),
    };
    let missing = Missing { place: place("api"), reason: traefik::Reason::NoPort, errors: Vec::new() };
    let report = Report {
        expected: 2,
        found: 1,
        missing: vec![missing],
        findings: vec![(Finding::NoTls, place("web"))],
        ..Report::default()
    };
    let figures = Some(Figures::Routes(Arc::new(report)));
    let failure = Failure::new(Reason::Routes, "1 of 2 routes are missing");
    let record = record("router", "1", Kind::Traefik, "traefik://shop/router:8080");
    asked(record, Some(failure), 9, Facts { figures, ..Facts::default() })
}
