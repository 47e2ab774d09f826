//! `/api/v1/probes`: what was asked of whom, and what came of it.

use std::sync::Arc;

use jiff::Timestamp;
use serde::Serialize;

use super::{Filter, View};
use crate::{
    model::{InOrder as _, ServiceKey},
    policy::probe::Kind,
    probes::{Phase, Record, Shown},
};

/// The answer.
#[derive(Debug, Serialize)]
pub(in crate::http) struct Probes<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    host: Option<&'a str>,
    /// Those that fail come first, those out of reach before those that are well.
    pub(in crate::http) probes: Vec<Probe>,
}

/// One target.
#[derive(Debug, Serialize)]
pub(in crate::http) struct Probe {
    pub(in crate::http) project: String,
    pub(in crate::http) service: String,
    pub(in crate::http) replica: String,
    pub(in crate::http) probe: String,
    #[serde(skip_serializing_if = "str::is_empty")]
    pub(in crate::http) kind: &'static str,
    pub(in crate::http) target: String,
    /// `failing`, `unreachable`, `waiting` or `ok`.
    pub(in crate::http) state: &'static str,
    /// The word of the failure, or of what is in the way.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::http) text: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::http) failing_since: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::http) last_run_at: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::http) duration_seconds: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_duration_seconds: Option<f64>,
    pub(in crate::http) interval_seconds: f64,
    attempts: u64,
    failures: u64,
    slow: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tls_handshake_seconds: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    authentication_enforced: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::http) certificate: Option<Certificate>,
}

/// The certificate shown last.
#[derive(Debug, Serialize)]
pub(in crate::http) struct Certificate {
    subject: String,
    issuer: String,
    names: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    not_before: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::http) not_after: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    chain_not_after: Option<Timestamp>,
    chain_valid: bool,
    names_valid: bool,
    time_valid: bool,
}

impl<'a> Probes<'a> {
    pub(super) fn new(view: &View<'a>, filter: &Filter<'_>) -> Self {
        let records = view.probes.map(crate::probes::Board::records).unwrap_or_default();
        let asked = records.iter().filter(|record| {
            let (project, service) = (Arc::clone(&record.id.project), Arc::clone(&record.id.service));
            filter.matches(&ServiceKey { project, service })
        });
        let mut probes: Vec<_> = asked.map(|record| Probe::new(record)).collect();
        // Stable: within a state in the order of who they are.
        probes.order_by_key(|probe| STATES.iter().position(|state| *state == probe.state));
        Self { host: view.host, probes }
    }
}

/// The worst first.
const STATES: [&str; 4] = ["failing", "unreachable", "waiting", "ok"];

impl Probe {
    fn new(record: &Record) -> Self {
        let last = record.last.as_ref();
        let outcome = last.map(|(_, outcome)| outcome.as_ref()).filter(|_| record.unreachable.is_none());
        let failure = outcome.and_then(|outcome| outcome.failure.as_ref());
        let (state, reason, text) = match (record.unreachable, outcome, failure) {
            (Some(reason), ..) => ("unreachable", Some(reason.as_str()), Some(reason.explain().to_owned())),
            (None, _, Some(failure)) => ("failing", Some(failure.reason.as_str()), Some(failure.text.clone())),
            (None, None, None) => ("waiting", None, None),
            (None, Some(_), None) => ("ok", None, None),
        };
        let facts = outcome.map(|outcome| &outcome.facts);
        Self {
            project: record.id.project.to_string(),
            service: record.id.service.to_string(),
            replica: record.id.replica.to_string(),
            probe: record.id.probe.to_string(),
            kind: record.kind.map_or("", Kind::as_str),
            target: record.target.to_string(),
            state,
            reason,
            text,
            failing_since: record.failing_since,
            last_run_at: last.map(|(at, _)| *at),
            duration_seconds: outcome.map(|outcome| outcome.took.as_secs_f64()),
            max_duration_seconds: record.max_duration.map(|budget| budget.as_secs_f64()),
            interval_seconds: record.interval.as_secs_f64(),
            attempts: record.attempts,
            failures: record.failures,
            slow: record.slow,
            status: facts.and_then(|facts| Some(facts.http?.status)),
            tls_handshake_seconds: facts.and_then(|facts| Some(facts.took(Phase::Tls)?.as_secs_f64())),
            authentication_enforced: facts.and_then(|facts| facts.enforced),
            certificate: record.shown.as_deref().map(Certificate::new),
        }
    }
}

impl Certificate {
    fn new(shown: &Shown) -> Self {
        let at = |seconds| Timestamp::from_second(seconds).ok();
        let certificate = &shown.certificate;
        Self {
            subject: certificate.subject.clone(),
            issuer: certificate.issuer.clone(),
            names: certificate.names.clone(),
            not_before: at(certificate.validity.0),
            not_after: at(certificate.validity.1),
            chain_not_after: at(shown.chain_ends),
            chain_valid: shown.chain,
            names_valid: shown.names,
            time_valid: shown.time,
        }
    }
}
