//! What is taken and sent as OTLP, whose it is, and who calls whom.

use std::{collections::BTreeMap, time::Duration};

use jiff::Timestamp;
use serde::Serialize;

use super::{Filter, View};
use crate::traces::{
    figures::{self, Counted, Figures},
    red::{self, figures::Recently},
};

/// Numbers by word; of words that came to nothing none is there.
type Words = BTreeMap<&'static str, u64>;

/// `/api/v1/traces`; empty while nothing is taken and nothing sent. Counted since the agent started.
#[derive(Debug, Serialize)]
pub(in crate::http) struct Traces<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    host: Option<&'a str>,
    /// By signal and code.
    requests: BTreeMap<&'static str, Words>,
    pub(in crate::http) refused: Words,
    /// By signal and outcome.
    pub(in crate::http) records: BTreeMap<&'static str, Words>,
    /// By signal and rule.
    pub(in crate::http) attributed: BTreeMap<&'static str, Words>,
    /// By signal and reason.
    pub(in crate::http) unattributed: BTreeMap<&'static str, Words>,
    pub(in crate::http) destinations: Vec<Destination>,
    pub(in crate::http) services: Vec<Service>,
    pub(in crate::http) calls: Vec<Call>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sampling: Option<Sampling>,
    pub(in crate::http) lifecycle: Words,
}

/// One back end.
#[derive(Debug, Serialize)]
pub(in crate::http) struct Destination {
    pub(in crate::http) name: String,
    /// `ok`, or `kept_back` while nothing is sent.
    state: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::http) trouble: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::http) last_ack_at: Option<Timestamp>,
    /// By signal and how they ended.
    requests: BTreeMap<&'static str, Words>,
    /// By signal, and `sent` or `rejected`.
    pub(in crate::http) records: BTreeMap<&'static str, Words>,
    /// By signal and reason.
    pub(in crate::http) lost: BTreeMap<&'static str, Words>,
    pub(in crate::http) queue_bytes: u64,
    pub(in crate::http) queue_limit_bytes: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    oldest_age_seconds: Option<f64>,
    disk_errors: u64,
}

/// A service in its last full minute, by the spans with which it began something.
#[derive(Debug, Serialize)]
pub(in crate::http) struct Service {
    pub(in crate::http) project: String,
    /// `service.name`.
    pub(in crate::http) service: String,
    /// What its container is in its project.
    compose_service: String,
    pub(in crate::http) requests: u64,
    pub(in crate::http) errors: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::http) p50_seconds: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::http) p95_seconds: Option<f64>,
}

/// Calls of one service by another of which both halves were seen.
#[derive(Debug, Serialize)]
pub(in crate::http) struct Call {
    pub(in crate::http) client: Party,
    pub(in crate::http) server: Party,
    /// `messaging_system`; left out for what is asked and answered.
    #[serde(skip_serializing_if = "str::is_empty")]
    connection_type: &'static str,
    pub(in crate::http) calls: u64,
    pub(in crate::http) failed: u64,
    /// The mean, as the server saw them.
    mean_seconds: f64,
}

#[derive(Debug, Serialize)]
pub(in crate::http) struct Party {
    pub(in crate::http) project: String,
    pub(in crate::http) service: String,
}

/// Traces that wait for a decision, or waited.
#[derive(Debug, Serialize)]
struct Sampling {
    traces: Words,
    early: u64,
    late_spans: Words,
    waiting_bytes: u64,
    waiting_traces: u64,
}

impl<'a> Traces<'a> {
    pub(super) fn new(view: &View<'a>, filter: &Filter<'_>) -> Self {
        let figures = view.traces.map(figures::Board::figures).unwrap_or_default();
        let Figures { requests, refused, records, attributed, unattributed, lifecycle, .. } = &figures;
        let edges: &[red::Edge] = figures.red.as_ref().map_or(&[], |red| &red.edges);
        let mut calls: Vec<Call> = edges.iter().map(Call::new).filter(|call| call.matches(filter)).collect();
        calls.sort_by(|one, two| one.ends().cmp(&two.ends()));
        Self {
            host: view.host,
            requests: by_signal(
                &requests.iter().map(|([signal, _, code], count)| ([*signal, *code], *count)).collect(),
            ),
            refused: words(refused),
            records: by_signal(records),
            attributed: by_signal(attributed),
            unattributed: by_signal(unattributed),
            destinations: figures.destinations.iter().map(|to| Destination::new(to, view.now)).collect(),
            services: figures.services.iter().filter(|of| matches(of, filter)).map(Service::new).collect(),
            calls,
            sampling: figures.sampling.as_ref().map(Sampling::new),
            lifecycle: words(lifecycle),
        }
    }
}

impl Destination {
    fn new(to: &figures::Destination, now: Timestamp) -> Self {
        let age = |ms: u64| Duration::from_millis(millis(now).saturating_sub(ms)).as_secs_f64();
        Self {
            name: to.name.clone(),
            state: if to.trouble.is_some() { "kept_back" } else { "ok" },
            trouble: to.trouble.clone(),
            last_ack_at: to.last_ack_ms.and_then(|ms| Timestamp::from_millisecond(i64::try_from(ms).ok()?).ok()),
            requests: by_signal(&to.requests),
            records: by_signal(&to.records),
            lost: by_signal(&to.lost),
            queue_bytes: to.queue_bytes,
            queue_limit_bytes: to.queue_limit,
            oldest_age_seconds: to.oldest_ms.map(age),
            disk_errors: to.disk_errors,
        }
    }
}

impl Service {
    fn new(of: &Recently) -> Self {
        let seconds = |ns: u64| Duration::from_nanos(ns).as_secs_f64();
        Self {
            project: of.project.to_string(),
            service: of.service.to_string(),
            compose_service: of.compose_service.to_string(),
            requests: of.minute.requests,
            errors: of.minute.errors,
            p50_seconds: of.minute.p50_ns.map(seconds),
            p95_seconds: of.minute.p95_ns.map(seconds),
        }
    }
}

impl Call {
    fn new(edge: &red::Edge) -> Self {
        let party = |(service, project): &(std::sync::Arc<str>, std::sync::Arc<str>)| Party {
            project: project.to_string(),
            service: service.to_string(),
        };
        // Each edge has a call at least.
        let calls = edge.calls.server.count().max(1);
        let mean = edge.calls.server.sum_ns / u128::from(calls);
        Self {
            client: party(&edge.client),
            server: party(&edge.server),
            connection_type: edge.connection_type,
            calls,
            failed: edge.calls.failed,
            mean_seconds: Duration::from_nanos(u64::try_from(mean).unwrap_or(u64::MAX)).as_secs_f64(),
        }
    }

    fn matches(&self, filter: &Filter<'_>) -> bool {
        [&self.client, &self.server].iter().any(|party| {
            filter.admits_project(&party.project) && filter.service.as_deref().is_none_or(|it| *it == *party.service)
        })
    }

    fn ends(&self) -> [&str; 5] {
        let (client, server) = (&self.client, &self.server);
        [&client.project, &client.service, &server.project, &server.service, self.connection_type]
    }
}

impl Sampling {
    fn new(of: &figures::Sampling) -> Self {
        Self {
            traces: words(&of.traces),
            early: of.early,
            late_spans: words(&of.late),
            waiting_bytes: of.waiting_bytes,
            waiting_traces: of.waiting_traces,
        }
    }
}

/// By what it calls itself, or by what its container is.
fn matches(of: &Recently, filter: &Filter<'_>) -> bool {
    filter.admits_project(&of.project)
        && filter.service.as_deref().is_none_or(|asked| *asked == *of.service || *asked == *of.compose_service)
}

fn millis(at: Timestamp) -> u64 {
    u64::try_from(at.as_millisecond()).unwrap_or_default()
}

fn words(counts: &Counted<1>) -> Words {
    counts.iter().filter(|(_, count)| *count > 0).map(|([word], count)| (*word, *count)).collect()
}

fn by_signal(counts: &Counted<2>) -> BTreeMap<&'static str, Words> {
    let mut signals: BTreeMap<&'static str, Words> = BTreeMap::new();
    for ([signal, word], count) in counts.iter().filter(|(_, count)| *count > 0) {
        *signals.entry(signal).or_default().entry(word).or_default() += count;
    }
    signals
}
