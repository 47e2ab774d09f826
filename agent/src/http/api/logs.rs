//! Where logs go, and how far each service is.

use std::{collections::BTreeMap, sync::atomic::Ordering};

use jiff::Timestamp;
use serde::Serialize;

use super::{Filter, View};
use crate::{
    logs::board::{Board, DestinationLog, Dropped, Gap, Outcome, ServiceLog},
    model::IntoTree as _,
};

/// `/api/v1/logs`; lists are empty while logs go nowhere.
#[derive(Debug, Serialize)]
pub(in crate::http) struct Logs<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    host: Option<&'a str>,
    pub(in crate::http) destinations: Vec<Destination>,
    pub(in crate::http) services: Vec<Service>,
    sources: Vec<Source>,
}

/// One Loki.
#[derive(Debug, Serialize)]
pub(in crate::http) struct Destination {
    pub(in crate::http) name: String,
    /// `ok`, or `kept_back` while nothing is sent.
    state: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::http) trouble: Option<Trouble>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::http) last_ack_at: Option<Timestamp>,
    pub(in crate::http) sent_lines: u64,
    sent_bytes: u64,
    pushes: BTreeMap<&'static str, u64>,
    pub(in crate::http) queued_bytes: u64,
    /// Left out without a state directory.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::http) spool: Option<Spool>,
}

#[derive(Debug, Serialize)]
pub(in crate::http) struct Trouble {
    kind: &'static str,
    pub(in crate::http) text: String,
}

#[derive(Debug, Serialize)]
pub(in crate::http) struct Spool {
    pub(in crate::http) bytes: u64,
    limit_bytes: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    oldest_age_seconds: Option<f64>,
    errors: u64,
}

/// Counted since the agent started; of words that came to nothing none is shown.
#[derive(Debug, Serialize)]
pub(in crate::http) struct Service {
    pub(in crate::http) project: String,
    pub(in crate::http) service: String,
    read_lines: u64,
    read_bytes: u64,
    sent_lines: u64,
    pub(in crate::http) dropped_lines: BTreeMap<&'static str, u64>,
    pub(in crate::http) gaps: BTreeMap<&'static str, u64>,
    corrupt_bytes: u64,
    cut_lines: u64,
    restamped_lines: u64,
    redactions: u64,
    behind_bytes: u64,
    pub(in crate::http) lag_seconds: f64,
    pub(in crate::http) upstream_lossy: bool,
}

#[derive(Debug, Serialize)]
struct Source {
    source: &'static str,
    #[serde(skip_serializing_if = "String::is_empty")]
    reason: String,
    containers: u64,
}

impl<'a> Logs<'a> {
    pub(super) fn new(view: &View<'a>, filter: &Filter<'_>) -> Self {
        let services = view.logs.map(Board::services).unwrap_or_default();
        let services = services.iter().filter(|log| filter.matches(&log.key));
        let sources = view.logs.map(Board::readings).unwrap_or_default().into_iter();
        let destinations = view.logs.map(Board::destinations).unwrap_or_default();
        Self {
            host: view.host,
            destinations: destinations.iter().map(|log| Destination::new(log, view.now)).collect(),
            services: services.map(|log| Service::new(log, view.now)).collect(),
            sources: sources.map(|(source, reason, containers)| Source { source, reason, containers }).collect(),
        }
    }
}

impl Destination {
    fn new(log: &DestinationLog, now: Timestamp) -> Self {
        let trouble = log.trouble().map(|trouble| Trouble { kind: trouble.kind.as_str(), text: trouble.text });
        let limit_bytes = log.spool_limit.get();
        let spool = (limit_bytes > 0).then(|| Spool {
            bytes: log.spool_bytes.get(),
            limit_bytes,
            oldest_age_seconds: log.spool_age(now).map(|age| age.as_secs_f64()),
            errors: log.spool_errors.get(),
        });
        Self {
            name: log.name.clone(),
            state: if trouble.is_some() { "kept_back" } else { "ok" },
            trouble,
            last_ack_at: log.acknowledged_at(),
            sent_lines: log.sent_lines.get(),
            sent_bytes: log.sent_bytes.get(),
            pushes: counted(Outcome::ALL.map(|outcome| (outcome.as_str(), log.pushes(outcome)))),
            queued_bytes: log.queued_bytes.get(),
            spool,
        }
    }
}

impl Service {
    fn new(log: &ServiceLog, now: Timestamp) -> Self {
        Self {
            project: log.key.project.to_string(),
            service: log.key.service.to_string(),
            read_lines: log.read_lines.get(),
            read_bytes: log.read_bytes.get(),
            sent_lines: log.sent_lines.get(),
            dropped_lines: counted(Dropped::ALL.map(|reason| (reason.as_str(), log.dropped(reason)))),
            gaps: counted(Gap::ALL.map(|reason| (reason.as_str(), log.gaps(reason)))),
            corrupt_bytes: log.corrupt_bytes.get(),
            cut_lines: log.cut_lines.get(),
            restamped_lines: log.restamped_lines.get(),
            redactions: log.redactions.get(),
            behind_bytes: log.behind_bytes.get(),
            lag_seconds: log.lag(now).unwrap_or_default().as_secs_f64(),
            upstream_lossy: log.lossy_upstream.load(Ordering::Relaxed),
        }
    }

    /// Entries lost beside what somebody asked to be left out.
    pub(in crate::http) fn lost_lines(&self) -> u64 {
        let unasked = Dropped::ALL.into_iter().filter(|reason| !reason.is_asked_for());
        unasked.filter_map(|reason| self.dropped_lines.get(reason.as_str())).sum()
    }
}

fn counted<const N: usize>(counts: [(&'static str, u64); N]) -> BTreeMap<&'static str, u64> {
    counts.into_iter().filter(|(_, count)| *count > 0).into_map()
}
