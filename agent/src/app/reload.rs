//! SIGHUP: the configuration is read again, and what can change while the agent runs is changed.

use std::sync::Arc;

use tokio::sync::mpsc;

use super::{
    access::Files,
    scraping::{Reports, collector_settings},
};
use crate::{
    collectors::Scraper,
    config::{self, Config, Sources},
    isolation::Isolation,
    logs::{Handle, board::Board},
    policy,
    probes::Probes,
    targets::Targets,
    telemetry::log,
};

/// What a reload needs at hand.
pub(super) struct Reload {
    pub(super) config: Config,
    pub(super) sources: Sources,
    pub(super) log: log::Handle,
    pub(super) scraper: Scraper,
    pub(super) targets: Targets,
    /// Takes files of access, which are read by whoever keeps them.
    pub(super) files: mpsc::Sender<Files>,
    /// Whoever reads logs.
    pub(super) reading: Option<Handle>,
    /// What it counts.
    pub(super) counted: Option<Board>,
    /// Who judges.
    pub(super) policy: policy::Board,
    /// Who asks.
    pub(super) probes: Probes,
    /// Who looks who reaches whom.
    pub(super) isolation: Isolation,
    /// What is counted of OTLP.
    pub(super) traces: Option<crate::traces::figures::Board>,
    /// The last hour, and the objectives.
    pub(super) history: crate::history::Board,
}

impl Reload {
    /// Takes over a configuration without a mistake. One with mistakes changes nothing; each is in the log.
    pub(super) fn run(&mut self) {
        let loaded = match config::load(&self.sources) {
            Ok(loaded) => loaded,
            Err(report) => {
                tracing::error!(mistakes = %report, "the configuration has mistakes and is not taken over");
                return;
            }
        };
        let changes = config::reload(&self.config, &loaded);
        self.log.set_level(loaded.log.level);
        let reports = Reports {
            targets: &self.targets,
            logs: self.counted.as_ref(),
            policy: &self.policy,
            probes: &self.probes,
            isolation: &self.isolation,
            traces: self.traces.as_ref(),
            history: &self.history,
        };
        self.scraper.configure(collector_settings(&loaded, &reports));
        self.policy.replace(Arc::clone(&loaded.policy));
        self.probes.ring();
        self.isolation.configure(loaded.isolation.clone());
        if let Some(reading) = &self.reading {
            reading.configure(loaded.logs.clone());
        }
        // Sent also when no name has changed: who sends the signal after replacing a certificate wants it read now. Where one is
        // waiting already the files are about to be read, and the names in it are an earlier signal's.
        if self.files.try_send(Files::of(&loaded, &self.sources.environment)).is_err() {
            tracing::error!("certificates, users and tokens are being read: send the signal again");
        }
        let policy = *loaded.policy != *self.config.policy;
        tracing::info!(changed = ?changes.reloadable, policy, "the configuration was read again");
        if !changes.needs_restart.is_empty() {
            tracing::warn!(keys = ?changes.needs_restart, "these changes wait for a restart");
        }
        // Keys that wait for a restart stay in the picture, so that the next reload names them again.
        self.config.take_reloadable(loaded);
    }
}
