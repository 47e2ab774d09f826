//! The JSON interface: what stands behind `/api/v1/...` and `/health`.
//!
//! Field names are a contract (`docs/api.md`): fields are added, never renamed. What is not known is left out, never `null`
//! or 0. Times are RFC 3339 in UTC, durations seconds, sizes bytes. Labels and environments of containers are not shown:
//! people keep secrets there.

mod container;
mod engine;
pub(in crate::http) mod findings;
mod history;
pub(in crate::http) mod isolation;
pub(in crate::http) mod logs;
pub(in crate::http) mod probes;
mod service;
pub(in crate::http) mod traces;

use std::{borrow::Cow, collections::BTreeMap};

use jiff::Timestamp;
use serde::Serialize;

use super::query;
use crate::{inventory::Snapshot, logs::board::Board, model::ServiceKey, policy, telemetry::Sandboxed};

pub(super) use engine::{AGENT_VERSION, Engine};

/// One picture at one time: what the answers of one request are made from.
#[derive(Clone, Copy, Debug)]
pub(super) struct View<'a> {
    pub(super) snapshot: &'a Snapshot,
    pub(super) host: Option<&'a str>,
    /// `None` while logs go nowhere.
    pub(super) logs: Option<&'a Board>,
    /// `None` where nobody is asked.
    pub(super) probes: Option<&'a crate::probes::Board>,
    /// `None` where nobody judges.
    pub(super) policy: Option<&'a policy::Board>,
    /// Who reaches whom.
    pub(super) isolation: Option<&'a crate::isolation::board::Board>,
    /// `None` while nothing is taken or sent as OTLP.
    pub(super) traces: Option<&'a crate::traces::figures::Board>,
    /// The last hour; `None` where nobody keeps it.
    pub(super) history: Option<&'a crate::history::Board>,
    pub(super) now: Timestamp,
}

/// `?project=` and `?service=`: equality, each of them optional.
#[derive(Debug, Default)]
pub(super) struct Filter<'a> {
    project: Option<Cow<'a, str>>,
    service: Option<Cow<'a, str>>,
}

impl<'a> Filter<'a> {
    /// Reads the query; of equal names the last counts.
    pub(super) fn from_query(query: Option<&'a str>) -> Self {
        Self { project: query::last(query, "project"), service: query::last(query, "service") }
    }

    /// Whether everything is asked for.
    pub(super) const fn is_empty(&self) -> bool {
        self.project.is_none() && self.service.is_none()
    }

    /// Whether anything of a project is asked for.
    pub(super) fn admits_project(&self, project: &str) -> bool {
        self.project.as_deref().is_none_or(|asked| *asked == *project)
    }

    /// Whether a service is asked for.
    pub(super) fn matches(&self, key: &ServiceKey) -> bool {
        self.project.as_deref().is_none_or(|project| *key.project == *project)
            && self.service.as_deref().is_none_or(|service| *key.service == *service)
    }
}

/// `/api/v1/containers`.
#[derive(Debug, Serialize)]
pub(super) struct Containers<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    host: Option<&'a str>,
    engine: Engine<'a>,
    containers: Vec<container::Container<'a>>,
}

/// `/api/v1/services`.
#[derive(Debug, Serialize)]
pub(super) struct Services<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    host: Option<&'a str>,
    engine: Engine<'a>,
    services: Vec<service::Service<'a>>,
}

/// `/api/v1/version`.
#[derive(Debug, Serialize)]
pub(super) struct Version<'a> {
    version: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    revision: Option<&'static str>,
    engine: Engine<'a>,
    /// By process what it has given up; empty before that is known.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    sandbox: BTreeMap<&'static str, BTreeMap<&'static str, bool>>,
}

/// `/health`.
#[derive(Debug, Serialize)]
pub(super) struct Health<'a> {
    status: Status,
    version: &'static str,
    live: bool,
    ready: bool,
    engine: Engine<'a>,
}

/// The agent in one word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Status {
    /// Everything works.
    Ok,
    /// The first inventory is not complete.
    Starting,
    /// The engine is not heard; what it told last is still shown.
    Degraded,
    /// No scrape can be answered.
    Failed,
}

impl<'a> View<'a> {
    /// Containers of every state that match.
    pub(super) fn containers(&self, filter: &Filter<'_>) -> Containers<'a> {
        let services = &self.snapshot.services;
        let containers = self.snapshot.containers.iter().filter(|entry| filter.matches(&entry.container.identity.key));
        let containers = containers.map(|entry| {
            // Sorted by key, see `Snapshot`.
            let at = services.binary_search_by(|service| service.key.cmp(&entry.container.identity.key));
            let service = at.ok().and_then(|at| services.get(at));
            container::Container::new(entry, service.map(|service| &service.counters))
        });
        Containers { host: self.host, engine: self.engine(), containers: containers.collect() }
    }

    /// Expected services that match.
    pub(super) fn services(&self, filter: &Filter<'_>) -> Services<'a> {
        let services = self.snapshot.services.iter().filter(|service| filter.matches(&service.key));
        let services = services.map(|entry| service::Service::new(entry)).collect();
        Services { host: self.host, engine: self.engine(), services }
    }

    /// Where logs go and how far they are; of services those that match.
    pub(super) fn logs(&self, filter: &Filter<'_>) -> logs::Logs<'a> {
        logs::Logs::new(self, filter)
    }

    /// What was asked of whom; of services those that match.
    pub(super) fn probes(&self, filter: &Filter<'_>) -> probes::Probes<'a> {
        probes::Probes::new(self, filter)
    }

    /// What is not as it should be; of services those that match. `None` where nobody judges.
    pub(super) fn findings(&self, filter: &Filter<'_>) -> Option<findings::Findings<'a>> {
        let verdict = self.policy?.verdict(self.snapshot, self.now);
        let report = self.isolation.map(|board| board.report()).filter(|report| !report.is_idle());
        let Some(report) = report else { return Some(findings::Findings::new(self.host, &verdict, filter)) };
        Some(findings::Findings::new(self.host, &report.join(&verdict), filter))
    }

    /// Who reaches whom and should not; of services those that match. `None` where nobody looks.
    pub(super) fn isolation(&self, filter: &Filter<'_>) -> Option<isolation::Isolation<'a>> {
        Some(isolation::Isolation::new(self.host, &self.isolation?.report(), filter))
    }

    /// What is taken and sent as OTLP; of services and calls those that match.
    pub(super) fn traces(&self, filter: &Filter<'_>) -> traces::Traces<'a> {
        traces::Traces::new(self, filter)
    }

    /// The last hour of the host and of containers that match. `None` where nobody keeps it.
    pub(super) fn history(&self, filter: &Filter<'_>) -> Option<history::History<'a>> {
        Some(history::History::new(self, self.history?, filter))
    }

    /// What this agent has seen of objectives, of services that match. `None` where nobody keeps it.
    pub(super) fn objectives(&self, filter: &Filter<'_>) -> Option<history::Objectives<'a>> {
        Some(history::Objectives::new(self, self.history?, filter))
    }

    /// Who is asked, and who is behind.
    pub(super) fn version(&self, measures: &[Sandboxed]) -> Version<'a> {
        let mut sandbox: BTreeMap<_, BTreeMap<_, _>> = BTreeMap::new();
        for Sandboxed { process, measure, holds } in measures {
            sandbox.entry(*process).or_default().insert(*measure, *holds);
        }
        Version { version: AGENT_VERSION, revision: option_env!("SPYHOP_REVISION"), engine: self.engine(), sandbox }
    }

    /// How the agent is; `live` is whether it can answer a scrape.
    pub(super) fn health(&self, live: bool) -> Health<'a> {
        let engine = &self.snapshot.engine;
        let status = match (live, engine.ready_since, engine.connected) {
            (false, _, _) => Status::Failed,
            (true, None, _) => Status::Starting,
            (true, Some(_), false) => Status::Degraded,
            (true, Some(_), true) => Status::Ok,
        };
        let ready = engine.ready_since.is_some();
        Health { status, version: AGENT_VERSION, live, ready, engine: self.engine() }
    }

    /// How well the engine is heard.
    pub(super) fn engine(&self) -> Engine<'a> {
        Engine::new(&self.snapshot.engine, self.now)
    }
}

#[cfg(test)]
pub(in crate::http) mod tests;
