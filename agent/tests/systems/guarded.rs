//! A watched system with those who are told of what goes wrong: the real Prometheus with the rules of the system's own policy, the real
//! Alertmanager with the configuration of `alerts/`, and somebody who writes down each message.

use std::{collections::BTreeSet, process::Command, time::Duration};

use tempfile::TempDir;

use super::{
    support::{
        alertmanager::{self, Alertmanager},
        docker::skip,
        prometheus::{Prometheus, Release},
        scene::binary,
        system::System,
        wait::{eventually, factor, holds, patience, within},
        webhook::{Told, Webhook},
    },
    watched::Watched,
};

/// Every duration in the rules is multiplied with it, as in the fire drills: a minute here is fifty of theirs.
const SCALE: f64 = 0.02;

/// How long a system has to be well without a word about it, in scrapes of a second each.
const HEALTHY_SCRAPES: f64 = 60.0;

/// Longest wait of a rule that is asked for here, an hour of theirs, and as long again for a machine that others use.
const LONGEST: Duration = Duration::from_secs(144);

/// Prometheus, Alertmanager and who is told; taken down when dropped.
pub(crate) struct Guarded {
    prometheus: Prometheus,
    _alertmanager: Alertmanager,
    webhook: Webhook,
    _rules: TempDir,
    project: String,
}

impl Guarded {
    /// Starts them beside an agent that is there already; `None`, after telling why, where one of them cannot be had.
    pub(crate) fn start(system: &System, watched: &Watched) -> Option<Self> {
        let release = Release::find(3).map_or_else(|reason| skip("Prometheus 3", &reason), Some)?;
        let webhook = Webhook::start();
        let alertmanager = Alertmanager::or_skip(&alertmanager::hurried(&webhook))?;
        let rules = tempfile::tempdir().expect("a temporary folder");
        let policy = system.write_policy(&system.policy);
        let rendered = Command::new(binary())
            .args(["render", "alerts", "--time-scale", &SCALE.to_string()])
            .args(["--set", &format!("policy.file={}", policy.display()), "--out"])
            .arg(rules.path())
            .output()
            .expect("the agent runs");
        assert!(rendered.status.success(), "{rendered:?}");
        let agent = watched.agent.address;
        let prometheus = release.start_with(&format!(
            "global: {{ scrape_interval: 1s, scrape_timeout: 1s, evaluation_interval: 1s }}
alerting: {{ alertmanagers: [{{ static_configs: [{{ targets: ['{}'] }}] }}] }}
rule_files: ['{}/*.yml']
scrape_configs:
  - {{ job_name: spyhop, static_configs: [{{ targets: ['{agent}'] }}] }}
  - {{ job_name: applications, http_sd_configs: [{{ url: 'http://{agent}/sd', refresh_interval: 2s }}] }}
",
            alertmanager.address,
            rules.path().display(),
        ));
        let project = system.composed.project.clone();
        Some(Self { prometheus, _alertmanager: alertmanager, webhook, _rules: rules, project })
    }

    /// Whether an alert is about this project: what is about the machine as a whole is no affair of the system's.
    fn is_ours(&self, told: &Told) -> bool {
        told.label("project") == self.project
    }

    /// What was told of the system.
    fn told(&self) -> Vec<Told> {
        self.webhook.told().into_iter().filter(|told| self.is_ours(told)).collect()
    }

    /// Lets a healthy minute pass, after which nobody was told anything of the system, from the beginning.
    #[track_caller]
    pub(crate) fn has_a_quiet_minute(&self) {
        let scrapes = || self.prometheus.number("count_over_time(up{job=\"spyhop\"}[1h])");
        let wanted = eventually("Prometheus scrapes", scrapes) + HEALTHY_SCRAPES;
        within(Duration::from_secs(120).mul_f64(factor()), "a minute passes", || {
            let seen = scrapes()?;
            holds(seen >= wanted, || format!("{seen} scrapes of {wanted}"))
        });
        let told = self.told();
        assert!(told.is_empty(), "a healthy system is no news: {told:#?}");
        let watchdog = self.webhook.told().iter().any(|told| told.label("alertname") == "SpyhopWatchdog");
        assert!(watchdog, "silence says something only where a message would have come");
    }

    /// Waits until these alerts were told: name, and a label that tells which.
    #[track_caller]
    pub(crate) fn tells(&self, expected: &[(&str, (&str, &str))]) {
        for (alert, (label, value)) in expected {
            within(LONGEST.mul_f64(factor()), &format!("{alert} with {label}={value}"), || {
                let is = |told: &Told| told.firing && told.label("alertname") == *alert && told.label(label) == *value;
                holds(self.told().iter().any(is), || self.summary())
            });
        }
    }

    /// Waits until nothing of the system fires any more.
    #[track_caller]
    pub(crate) fn is_well_again(&self) {
        within(patience() * 5, "everything is well again", || {
            let query = format!("ALERTS{{alertstate=\"firing\",project=\"{}\"}}", self.project);
            let left = self.prometheus.query(&query)?.elements;
            holds(left.is_empty(), || format!("{left:#?}"))
        });
    }

    /// Puts the system right, started with other files, and waits until neither the agent nor Prometheus has anything left to say of it.
    #[track_caller]
    pub(crate) fn is_put_right(&self, system: &mut System, watched: &Watched, files: &[&str]) {
        system.restart_with(files);
        watched.shows(&[]);
        self.is_well_again();
    }

    /// A query that has one answer.
    pub(crate) fn number(&self, expression: &str) -> Result<f64, String> {
        self.prometheus.number(expression)
    }

    fn summary(&self) -> String {
        let line = |told: &Told| format!("{} {:?} to {}", told.label("alertname"), told.labels, told.receiver);
        let told: BTreeSet<_> = self.told().iter().map(line).collect();
        let pending = self.prometheus.query("ALERTS").map(|outcome| outcome.elements);
        format!("told so far: {told:#?}\n{pending:#?}")
    }
}
