//! What all drills share: the engine, two agents, Prometheus, Alertmanager and the one who is told.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    sync::Mutex,
    time::Duration,
};

use tempfile::TempDir;

use super::{
    MACHINE, WATCHDOG, disks, drill,
    drill::Expect,
    probes::{self, Authority},
    second::Second,
    support::{
        agent::{Agent, Home},
        alertmanager::{self, Alertmanager},
        container::{Recipe, Running},
        docker::{Docker, Turn, skip},
        prometheus::{Prometheus, Release},
        scene::binary,
        wait::{self, eventually, holds, patience, within},
        webhook::{Told, Webhook},
    },
};

/// Every duration in the rules is multiplied with it: half an hour becomes 36 s. Smaller, and the two minutes that a service may be away in a deploy
/// would be less than a deploy takes.
pub(crate) const SCALE: f64 = 0.02;

/// What a message may be late for reasons of this machine: a scrape, an evaluation, Alertmanager's second, and a processor that others use.
const LATE: Duration = Duration::from_secs(12);

/// Options that leave nothing to be found.
pub(crate) const SOUND: &[&str] = &["--network", "none", "--memory", "64m", "--memory-swap", "64m", "--cpus", "0.5"];

/// Something a drill needs until its end.
pub(crate) enum Prop {
    /// A container.
    Container(Running),
    /// A filesystem of its own.
    Disk(disks::Disk),
}

impl Prop {
    /// The container.
    #[track_caller]
    pub(crate) fn container(&self) -> &Running {
        let Self::Container(container) = self else { panic!("this prop is no container") };
        container
    }
}

/// Everything; taken down when dropped.
pub(crate) struct Stage {
    agent: Option<Agent>,
    home: Home,
    first: String,
    release: Release,
    rules: PathBuf,
    /// The second engine and its agent.
    pub second: Mutex<Second>,
    prometheus: Option<Prometheus>,
    alertmanager: Alertmanager,
    webhook: Webhook,
    /// Signs certificates of the drills.
    pub authority: Authority,
    /// Project of all containers of the drills.
    pub project: String,
    /// Folder of the drills' files.
    pub folder: TempDir,
    /// The engine.
    pub docker: Docker,
}

impl Stage {
    /// Starts what has to be there before the services are; `None`, after telling why, where something is missing.
    pub(crate) fn or_skip() -> Option<Self> {
        let docker = Docker::or_skip(Turn::Shared)?;
        let release = Release::find(3).map_or_else(|reason| skip("Prometheus 3", &reason), Some)?;
        let webhook = Webhook::start();
        let alertmanager = Alertmanager::or_skip(&alertmanager::hurried(&webhook))?;
        let folder = tempfile::tempdir().unwrap();
        let project = docker.unique("drills");
        let second = Second::or_skip(&docker, &project)?;
        if let Err(reason) = docker.cli(&["image", "inspect", probes::DEMO]) {
            return skip("image", &reason);
        }
        let authority = probes::files(folder.path());
        let policy = policy(folder.path(), &project);
        let both = format!("{project}, project={project}-walls");
        let more = settings("first", &both, &policy).replace("  name: first\n", "  name: first\n  rootfs: /\n");
        // Rules are hurried, sweeps are not: as often as may be.
        let more = more + "isolation:\n  interval: 2s\n";
        let home = Home::with(&binary(), docker.socket(), &more);
        let rules = render(folder.path(), &policy);
        Some(Self {
            agent: None,
            home,
            first: String::new(),
            release,
            rules,
            second: Mutex::new(second),
            prometheus: None,
            alertmanager,
            webhook,
            authority,
            project,
            folder,
            docker,
        })
    }

    /// Starts those who look: what the policy names is there by now.
    pub(crate) fn open(&mut self) {
        let agent = self.home.start();
        self.first = agent.address.to_string();
        let config = format!(
            "global: {{ scrape_interval: 1s, scrape_timeout: 1s, evaluation_interval: 1s }}
alerting: {{ alertmanagers: [{{ static_configs: [{{ targets: ['{}'] }}] }}] }}
rule_files: ['{}/*.yml']
scrape_configs: [{{ job_name: spyhop, static_configs: [{{ targets: ['{}', '{}'] }}] }}]
",
            self.alertmanager.address,
            self.rules.display(),
            self.first,
            self.resolve("SECOND_INSTANCE")
        );
        self.agent = Some(agent);
        self.prometheus = Some(self.release.start_with(&config));
    }

    fn prometheus(&self) -> &Prometheus {
        self.prometheus.as_ref().expect("the stage is open")
    }

    /// The project of which the policy says who may talk to whom.
    pub(crate) fn walls(&self) -> String {
        format!("{}-walls", self.project)
    }

    /// A sound container of a service.
    pub(crate) fn sound(&self, service: &str, replica: u32) -> Recipe {
        self.docker.container(service).compose(&self.project, service, replica).options(SOUND)
    }

    /// What a placeholder of [`Expect`] stands for.
    pub(crate) fn resolve(&self, value: &str) -> String {
        match value {
            "PROJECT" => self.project.clone(),
            "WALLS" => self.walls(),
            "FIRST" => "first".to_owned(),
            "SECOND" => "second".to_owned(),
            "FIRST_INSTANCE" => self.first.clone(),
            "SECOND_INSTANCE" => self.second.lock().unwrap().agent.address.to_string(),
            value => value.replace("MOUNT", &self.folder.path().display().to_string()),
        }
    }

    /// How soon an alert must have been told.
    pub(crate) fn within(&self, expect: &Expect) -> Duration {
        Duration::from_secs(expect.published().into()).mul_f64(SCALE) + LATE.mul_f64(wait::factor())
    }

    /// Everything that was told, ends included.
    pub(crate) fn everything(&self) -> Vec<Told> {
        let machine = |told: &Told| {
            let name = told.label("alertname");
            let elsewhere = !told.label("mountpoint").starts_with(&self.folder.path().display().to_string());
            name == WATCHDOG || MACHINE.contains(&name) || (told.label("area") == "host" && elsewhere)
        };
        self.webhook.told().into_iter().filter(|told| !machine(told)).collect()
    }

    /// What was told to fire, without the machine's own and without what the second engine has from its beginning.
    pub(crate) fn told(&self) -> Vec<Told> {
        self.everything().into_iter().filter(|told| told.firing).collect()
    }

    /// Waits for an alert that goes to the heartbeat.
    pub(crate) fn is_heard(&self, alert: &str) {
        within(patience() * 2, "the dead man's switch is heard", || {
            let all = self.webhook.told();
            let heard = all.iter().any(|told| told.label("alertname") == alert && told.receiver == "heartbeat");
            holds(heard, || self.firing())
        });
        assert!(
            self.webhook.told().iter().all(|told| (told.receiver == "heartbeat") == (told.label("alertname") == alert))
        );
    }

    /// Lets time pass: so many scaled minutes of scrapes, a second each, and whatever waits for so long would have fired.
    pub(crate) fn quiet_for_scaled_minutes(&self, minutes: u32) {
        let scrapes = || self.number(&format!("count_over_time(up{{instance=\"{}\"}}[1h])", self.first));
        let wanted = eventually("Prometheus scrapes", scrapes) + f64::from(minutes) * 60.0 * SCALE;
        within(patience() * 2, "time passes", || {
            let seen = scrapes()?;
            holds(seen >= wanted, || format!("{seen} scrapes of {wanted}"))
        });
    }

    /// A query that has one answer.
    pub(crate) fn number(&self, expression: &str) -> Result<f64, String> {
        self.prometheus().number(expression)
    }

    /// Waits until Prometheus has seen so many running replicas of a service.
    #[track_caller]
    pub(crate) fn sees_running(&self, service: &str, count: f64) {
        let expression =
            format!("spyhop_service_replicas{{project=\"{}\",service=\"{service}\",state=\"running\"}}", self.project);
        eventually(&format!("{service}: {count} running"), || {
            let seen = self.number(&expression)?;
            holds((seen - count).abs() < 0.5, || format!("{seen}"))
        });
    }

    /// Alerts which Prometheus has as firing or about to, for messages of failure.
    pub(crate) fn firing(&self) -> String {
        // A scrape that failed begins every wait anew.
        let failed = "count_over_time((up == 0)[5m:1s]) or max_over_time(scrape_duration_seconds[5m])";
        let [alerts, scrapes] =
            ["ALERTS", failed].map(|query| self.prometheus().query(query).map(|outcome| outcome.elements));
        format!("{alerts:#?}\nfailed scrapes, longest scrapes: {scrapes:#?}")
    }

    /// Names and services of what fires, without the machine's own.
    pub(crate) fn firing_of_ours(&self) -> Vec<String> {
        let Ok(outcome) = self.prometheus().query("ALERTS{alertstate=\"firing\"}") else {
            return vec!["no answer".into()];
        };
        let word = |labels: &std::collections::BTreeMap<String, String>, name: &str| {
            labels.get(name).cloned().unwrap_or_default()
        };
        let ours = outcome.elements.into_iter().filter(|(labels, _)| {
            let name = word(labels, "alertname");
            let elsewhere = !word(labels, "mountpoint").starts_with(&self.folder.path().display().to_string());
            name != WATCHDOG && !MACHINE.contains(&name.as_str()) && !(word(labels, "area") == "host" && elsewhere)
        });
        ours.map(|(labels, _)| format!("{labels:?}")).collect()
    }

    /// Kills the first agent.
    pub(crate) fn stop_agent(&mut self) {
        self.agent.take().unwrap().kill();
    }
}

/// Lines of an agent's configuration file: its name, whom it watches, what they should look like.
pub(crate) fn settings(host: &str, project: &str, policy: &Path) -> String {
    format!(
        "host:\n  name: {host}\ncontainers:\n  include: [project={project}]\npolicy:\n  file: {}\n",
        policy.display()
    )
}

/// The policy: every drill's service is named and has a tier whose failure is critical.
fn policy(folder: &Path, project: &str) -> PathBuf {
    let mut services = String::new();
    for name in drill::all().iter().map(|drill| drill.name).chain(super::services::CONTROLS.iter().copied()) {
        let more = match name {
            "erring" | "short" => ", replicas: 2".to_owned(),
            "finished" => ", job: true".to_owned(),
            name => probes::of_policy(name, folder),
        };
        if super::services::is_service(name) {
            services += &format!("      {name}: {{ tier: first{more} }}\n");
        }
    }
    let text = format!(
        "version: 1
tiers:
  first: {{ severity: critical, limits: {{ memory: 64MiB, cpus: any }} }}
projects:
  {project}:
    services:
{services}  {project}-walls:
{walls}checks:
  off: [restart_policy_missing, health_check_missing, writable_root, root_user, overcommit, watched_twice]
",
        walls = super::walls::POLICY,
    );
    let path = folder.join("policy.yml");
    fs::write(&path, text).unwrap();
    path
}

/// The rules as `spyhop render alerts` writes them.
fn render(folder: &Path, policy: &Path) -> PathBuf {
    let rules = folder.join("rules");
    let output = Command::new(binary())
        .args([
            "render",
            "alerts",
            "--time-scale",
            &SCALE.to_string(),
            "--set",
            &format!("policy.file={}", policy.display()),
            "--out",
        ])
        .arg(&rules)
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    rules
}
