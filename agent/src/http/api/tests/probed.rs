//! A board of probes in every state, for the examples and the page.

use std::{sync::Arc, time::Duration};

use crate::{
    model::Durations,
    net::Certificate,
    policy::probe::Kind,
    probes::{Board, Facts, Failure, HttpFacts, Id, Outcome, Reason, Record, Shown, Unreachable},
};

/// A service that answers over TLS and one of its probes that fails, a target elsewhere, and one out of reach.
pub(in crate::http) fn board() -> Board {
    let record = |project: &str, service: &str, probe: &str, kind, target: &str| {
        let replica = if project.is_empty() { "" } else { "1" };
        let [project, service, replica, probe] = [project, service, replica, probe].map(Into::into);
        let mut record = Record::new(Id { project, service, replica, probe }, Duration::from_secs(15));
        (record.kind, record.target) = (Some(kind), target.into());
        record
    };
    let asked = |mut record: Record, failure: Option<Failure>, facts: Facts| {
        (record.attempts, record.failures) = (480, 3);
        record.shown.clone_from(&facts.shown);
        record.failing_since = failure.as_ref().map(|_| super::time("2026-03-01T11:58:30Z"));
        let outcome = Outcome { failure, took: Duration::from_millis(42), facts };
        record.last = Some((super::time("2026-03-01T11:59:58Z"), Arc::new(outcome)));
        record
    };
    let answer = |status| {
        let (version, body_length) = (11, 15);
        Some(HttpFacts { status, version, content_length: None, body_length, failed_by_pattern: false })
    };
    let certificate = Certificate {
        validity: (1_767_225_600, 1_774_915_200),
        subject: "CN=shop.example".into(),
        issuer: "CN=R11,O=Let's Encrypt,C=US".into(),
        serial: "04af".into(),
        names: vec!["shop.example".into(), "www.shop.example".into()],
        fingerprint: "ab".repeat(32),
    };
    let shown = Shown { certificate, chain_ends: 1_774_915_200, chain: true, names: true, time: true };
    let mut phases = [None; 5];
    phases[2] = Some(Duration::from_millis(17));
    let good = Facts { http: answer(200), shown: Some(Arc::new(shown)), phases, ..Facts::default() };
    let refused = Failure::new(Reason::Status, "answered 503");
    let mut stopped = record("shop", "batch", "port", Kind::Tcp, "tcp://shop/batch:22");
    stopped.unreachable = Some(Unreachable::Stopped);
    let board = Board::default();
    for record in [
        asked(record("shop", "web", "front", Kind::Https, "https://shop/web:443/"), None, good),
        asked(
            record("shop", "web", "orders", Kind::Http, "http://shop/web:8000/orders"),
            Some(refused),
            Facts { http: answer(503), ..Facts::default() },
        ),
        asked(record("", "site", "site", Kind::Tcp, "tcp://<b>:1"), None, Facts::default()),
        stopped,
    ] {
        board.put(record, Durations::default());
    }
    board
}
