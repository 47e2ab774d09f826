//! The collectors: what they report of, and from where they read.

use super::figures;
use crate::{
    collectors::{self, FromEngine, NamePatterns, Scraper},
    config::Config,
    host::{Host, Roots},
    inventory,
    isolation::Isolation,
    logs::board::Board,
    policy,
    probes::Probes,
    targets::Targets,
    telemetry::Metrics,
};

/// Parts that the collectors report of.
pub(super) struct Reports<'a> {
    pub(super) targets: &'a Targets,
    pub(super) logs: Option<&'a Board>,
    pub(super) policy: &'a policy::Board,
    pub(super) probes: &'a Probes,
    pub(super) isolation: &'a Isolation,
    pub(super) traces: Option<&'a crate::traces::figures::Board>,
    pub(super) history: &'a crate::history::Board,
}

/// What of the configuration the collectors take; also after a reload.
pub(super) fn collector_settings(config: &Config, reports: &Reports<'_>) -> collectors::Settings {
    collectors::Settings {
        logs: reports.logs.cloned(),
        policy: Some(reports.policy.clone()),
        probes: Some(reports.probes.board().clone()),
        isolation: Some(reports.isolation.board().clone()),
        traces: reports.traces.cloned(),
        history: Some(reports.history.clone()),
        targets: Some(reports.targets.clone()),
        groups: config.metrics.collect.clone(),
        labels: NamePatterns::new(&config.metrics.container_labels),
        hidden_interfaces: NamePatterns::new(&config.metrics.hidden_interfaces),
        ..collectors::Settings::default()
    }
}

pub(super) fn roots(config: &Config) -> Roots {
    Roots { proc: config.host.proc.clone(), sys: config.host.sys.clone(), rootfs: config.host.rootfs.resolve() }
}

pub(super) fn start_collectors(
    config: &Config,
    settings: collectors::Settings,
    reader: &inventory::Reader,
    metrics: &Metrics,
    figures: &figures::Wanted<'_>,
) -> Scraper {
    let host = Host::open(roots(config), metrics.clone());
    for (collector, _) in host.availability().into_iter().filter(|(_, available)| !available) {
        tracing::info!(collector, "not available here: its series are absent");
    }
    match figures.board(config, &host) {
        Some(board) => {
            figures.start(&board, reader);
            Scraper::new(FromEngine::new(host, board), reader.clone(), settings, metrics.clone())
        }
        None => Scraper::new(host, reader.clone(), settings, metrics.clone()),
    }
}
