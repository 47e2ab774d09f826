//! A real Alertmanager with the configuration that people are given, and its amtool.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs::{self, File},
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use serde_json::Value;
use tempfile::TempDir;

use super::{
    docker::skip,
    process, prometheus,
    wait::{eventually, patience},
    webhook::Webhook,
    wire,
};

/// Labels of an alert, or of a query about alerts.
pub type Labels<'a> = &'a [(&'a str, &'a str)];

/// The configuration in `alerts/`.
pub fn file() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../alerts/alertmanager.yml")
}

/// The same, in a hurry and with its messages sent to `webhook`: no wait is longer than a second but the repeats, which are not shortened.
pub fn hurried(webhook: &Webhook) -> String {
    let text = fs::read_to_string(file()).expect("the configuration in alerts/");
    let mut hurried = String::new();
    for line in text.lines() {
        let (indent, rest) = line.split_at(line.len() - line.trim_start().len());
        let quick = ["group_wait:", "group_interval:"].into_iter().find(|key| rest.starts_with(key));
        let line = match (quick, rest.split_once("url_file: /etc/alertmanager/urls/")) {
            (Some(key), _) => format!("{indent}{key} 1s"),
            (None, Some((before, after))) => {
                let end = after.find([',', ' ']).unwrap_or(after.len());
                let (receiver, after) = after.split_at(end);
                format!("{indent}{before}url: '{}'{after}", webhook.url(receiver))
            }
            (None, None) => line.to_owned(),
        };
        hurried += &line;
        hurried.push('\n');
    }
    hurried
}

/// `alertmanager` or `amtool`: `SPYHOP_ALERTMANAGER`, `SPYHOP_AMTOOL`, else what the lab's scripts keep in the cache folder, else the one on
/// the path; `None`, after telling why, where it does not run.
pub fn program(name: &str) -> Option<PathBuf> {
    let named = std::env::var_os(format!("SPYHOP_{}", name.to_uppercase())).map(PathBuf::from);
    let cached = prometheus::cache().map(|cache| cache.join("bin").join(name)).filter(|path| path.exists());
    let program = named.or(cached).unwrap_or_else(|| PathBuf::from(name));
    match Command::new(&program).arg("--version").output() {
        Ok(_) => Some(program),
        Err(error) => {
            skip(name, &format!("run {}: {error} (compose/lab/alertmanager.sh fetches it)", program.display()))
        }
    }
}

/// A running one; killed when dropped.
#[derive(Debug)]
pub struct Alertmanager {
    child: Child,
    folder: TempDir,
    /// Where it listens.
    pub address: SocketAddr,
}

impl Alertmanager {
    /// Starts it with a whole configuration; `None`, after telling why, where there is none.
    #[track_caller]
    pub fn or_skip(config: &str) -> Option<Self> {
        let program = program("alertmanager")?;
        let folder = tempfile::tempdir().expect("a temporary folder");
        let file = folder.path().join("alertmanager.yml");
        fs::write(&file, config).expect("the configuration");
        let output = File::create(folder.path().join("log")).expect("the log");
        let child = Command::new(program)
            .arg(format!("--config.file={}", file.display()))
            .arg(format!("--storage.path={}", folder.path().join("data").display()))
            // Alone: no port for peers.
            .args(["--web.listen-address=127.0.0.1:0", "--cluster.listen-address="])
            .stdin(Stdio::null())
            .stdout(output.try_clone().expect("a second handle of the log"))
            .stderr(output)
            .spawn()
            .expect("it has just told its version");
        let mut server = Self { child, folder, address: SocketAddr::from(([127, 0, 0, 1], 0)) };
        server.address = eventually("Alertmanager opens its port", || {
            process::listening(server.child.id()).ok_or_else(|| server.log())
        });
        eventually("Alertmanager is ready", || match wire::get(server.address, "/-/ready", &[], patience()) {
            Ok(answer) if answer.status == 200 => Ok(()),
            other => Err(format!("{other:?}")),
        });
        Some(server)
    }

    /// Everything it has logged.
    pub fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }

    /// Tells it that these fire, as Prometheus does.
    #[track_caller]
    pub fn fire(&self, alerts: &[Labels]) {
        let alerts: Vec<Value> = alerts
            .iter()
            .map(|labels| serde_json::json!({ "labels": labels.iter().copied().collect::<BTreeMap<_, _>>() }))
            .collect();
        let body = Value::from(alerts).to_string();
        let headers = [("Content-Type", "application/json")];
        let answer = wire::request(self.address, "POST", "/api/v2/alerts", &headers, &body, patience());
        let answer = answer.expect("Alertmanager answers");
        assert_eq!(answer.status, 200, "{}", answer.text());
    }

    /// What it knows to fire, and whether something else keeps it from being told: `name key=value ...`, sorted.
    #[track_caller]
    pub fn firing(&self) -> Firing {
        let answer = wire::get(self.address, "/api/v2/alerts", &[], patience()).expect("Alertmanager answers");
        let list: Vec<Value> = serde_json::from_slice(&answer.body).expect("a list of alerts");
        let mut firing = Firing::default();
        for alert in list {
            let inhibited = alert["status"]["inhibitedBy"].as_array().is_some_and(|by| !by.is_empty());
            let side = if inhibited { &mut firing.inhibited } else { &mut firing.told };
            let labels: BTreeMap<String, String> = serde_json::from_value(alert["labels"].clone()).expect("labels");
            side.insert(written(labels.iter().map(|(name, value)| (name.as_str(), value.as_str()))));
        }
        firing
    }
}

impl Drop for Alertmanager {
    fn drop(&mut self) {
        // Both fail only when it is gone already.
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// Alerts that fire.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Firing {
    /// Those which somebody is told of.
    pub told: BTreeSet<String>,
    /// Those which something larger speaks for.
    pub inhibited: BTreeSet<String>,
}

/// An alert in one line: its name, then its other labels in order.
pub fn written<'a>(labels: impl Iterator<Item = (&'a str, &'a str)>) -> String {
    let labels: BTreeMap<&str, &str> = labels.collect();
    let name = labels.get("alertname").copied().unwrap_or_default();
    let others = labels.iter().filter(|(key, _)| **key != "alertname");
    others.fold(name.to_owned(), |line, (key, value)| format!("{line} {key}={value}"))
}
