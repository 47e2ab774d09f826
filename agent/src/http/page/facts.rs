//! What the pieces of the page are written from: everything that is known, asked for once.

use std::{collections::BTreeMap, sync::Arc};

use crate::{
    history::{Objective, Usage},
    http::api::{
        Filter, View,
        findings::Findings,
        isolation::Isolation,
        logs::Logs,
        probes::{Probe, Probes},
        traces::Traces,
    },
    inventory::{Entry, ServiceEntry},
    model::{ContainerState, HealthStatus, ServiceKey},
    policy::{Severity, Verdict},
};

/// One picture, sorted out.
pub(super) struct Facts<'a> {
    pub(super) view: View<'a>,
    /// Containers by service.
    replicas: BTreeMap<&'a ServiceKey, Vec<&'a Arc<Entry>>>,
    /// `None` where nobody judges.
    pub(super) findings: Option<Findings<'a>>,
    verdict: Option<Arc<Verdict>>,
    /// `None` while nobody looks.
    pub(super) isolation: Option<Isolation<'a>>,
    pub(super) probes: Vec<Probe>,
    pub(super) logs: Logs<'a>,
    pub(super) traces: Traces<'a>,
    pub(super) objectives: Vec<Objective>,
}

/// What the containers of a service use together, of what they may.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Used {
    /// In cores; `None` where it is not known of any.
    pub(super) cpu: Option<f64>,
    /// Limits added up; `None` where one of them has none.
    pub(super) cpu_limit: Option<f64>,
    /// Working sets in bytes.
    pub(super) memory: Option<u64>,
    pub(super) memory_limit: Option<u64>,
}

impl<'a> Facts<'a> {
    pub(super) fn new(view: &View<'a>) -> Self {
        let all = Filter::default();
        let mut replicas = BTreeMap::<_, Vec<_>>::new();
        for entry in &view.snapshot.containers {
            replicas.entry(&entry.container.identity.key).or_default().push(entry);
        }
        let Probes { probes, .. } = view.probes(&all);
        Self {
            view: *view,
            replicas,
            findings: view.findings(&all),
            verdict: view.policy.map(|board| board.verdict(view.snapshot, view.now)),
            isolation: view.isolation(&all).filter(|known| !known.coverage.is_empty()),
            probes,
            logs: view.logs(&all),
            traces: view.traces(&all),
            objectives: view.history.map(crate::history::Board::objectives).unwrap_or_default(),
        }
    }

    /// The containers of a service.
    pub(super) fn replicas(&self, key: &ServiceKey) -> &[&'a Arc<Entry>] {
        self.replicas.get(key).map(Vec::as_slice).unwrap_or_default()
    }

    /// Name of the tier of a service.
    pub(super) fn tier(&self, key: &ServiceKey) -> Option<&str> {
        self.verdict.as_ref()?.tiers.get(key).map(AsRef::as_ref)
    }

    /// Tiers of the policy in the order of the file, with how much they matter.
    pub(super) fn tiers(&self) -> impl Iterator<Item = (&str, Severity)> {
        let tiers = self.verdict.as_ref().map(|verdict| verdict.policy.tiers.as_slice()).unwrap_or_default();
        tiers.iter().map(|tier| (&*tier.name, tier.severity))
    }

    /// How bad it is when this service fails: what its tier says. Without any tier nobody has said that one matters less; beside
    /// services that have one, those without matter less.
    pub(super) fn weight(&self, key: &ServiceKey) -> Severity {
        let own = self.tier(key);
        let said = self.tiers().find(|(name, _)| Some(*name) == own).map(|(_, severity)| severity);
        said.unwrap_or(if self.tiers().next().is_none() { Severity::Critical } else { Severity::Warning })
    }

    /// What a container uses now.
    pub(super) fn usage(&self, entry: &Entry) -> Option<Usage> {
        self.view.history?.usage(&entry.container.id)
    }

    /// What a service uses now.
    pub(super) fn used(&self, key: &ServiceKey) -> Used {
        let running: Vec<_> = self.replicas(key).iter().filter(|entry| entry.container.has_processes()).collect();
        let usages: Vec<_> = running.iter().filter_map(|entry| self.usage(entry)).collect();
        let limits = || running.iter().map(|entry| entry.container.limits);
        let cpus: Vec<f64> = usages.iter().filter_map(|usage| usage.cpu_cores).collect();
        let memory: Vec<u64> = usages.iter().filter_map(|usage| usage.memory_bytes).collect();
        Used {
            cpu: (!cpus.is_empty()).then(|| cpus.iter().sum()),
            cpu_limit: limits().map(|limits| limits.cpu_cores).sum::<Option<f64>>().filter(|_| !running.is_empty()),
            memory: (!memory.is_empty()).then(|| memory.iter().sum()),
            memory_limit: limits()
                .map(|limits| limits.memory_bytes)
                .sum::<Option<u64>>()
                .filter(|_| !running.is_empty()),
        }
    }
}

/// Replicas of a service that should run and do not.
pub(super) const fn missing(service: &ServiceEntry) -> u64 {
    service.expected.saturating_sub(service.running)
}

/// Health of a container which runs; of others the engine only remembers it.
pub(super) fn health(entry: &Entry) -> Option<HealthStatus> {
    let container = &entry.container;
    container.health.as_ref().filter(|_| container.has_processes()).map(|health| health.status)
}

/// The state in a word, and how to show it.
pub(super) fn state(entry: &Entry) -> (&'static str, &'static str) {
    match entry.container.state {
        ContainerState::Exited if entry.stopped_by_person => ("", "stopped"),
        ContainerState::Exited if entry.container.completed() => ("", "completed"),
        state @ ContainerState::Running => ("good", state.as_str()),
        state @ (ContainerState::Created | ContainerState::Removing) => ("", state.as_str()),
        state @ (ContainerState::Paused | ContainerState::Unknown) => ("warn", state.as_str()),
        state @ (ContainerState::Exited | ContainerState::Dead | ContainerState::Restarting) => ("bad", state.as_str()),
    }
}

/// `project/service`, or the service alone.
pub(super) fn place(project: &str, service: &str) -> String {
    match (project, service) {
        ("", service) => service.to_owned(),
        (project, "") => project.to_owned(),
        (project, service) => format!("{project}/{service}"),
    }
}
