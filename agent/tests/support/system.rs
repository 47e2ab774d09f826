//! The stand-ins of the reference systems (`compose/systems`) under names, ports and networks of a test's own.

use std::{
    collections::BTreeMap,
    fs,
    net::SocketAddr,
    path::PathBuf,
    process::Command,
    sync::atomic::{AtomicU32, Ordering},
};

use serde_json::Value;

use super::{
    agent::{Agent, Home},
    compose::{self, Composed, free_port},
    docker::{Docker, Turn},
    scene::binary,
};

/// The demo service, the programs of Debian, and the servers of the one which brings its own monitoring.
const IMAGES: &[&str] =
    &["spyhop-demo:test", "spyhop-lab/services:1", "spyhop-lab/prometheus:1", "spyhop-lab/alertmanager:1"];

/// Networks with a subnet of their own: the originals' lie where the engine takes its own from, and two tests cannot have the same.
static SUBNETS: AtomicU32 = AtomicU32::new(0);

/// A system, started or not.
#[derive(Debug)]
pub struct System {
    /// Its project.
    pub composed: Composed,
    /// The engine.
    pub docker: Docker,
    /// The policy with names and ports of this run.
    pub policy: String,
    /// Ports of this run by those of the original.
    pub ports: BTreeMap<u16, u16>,
    /// Folder of its secrets and the authority.
    pub secrets: String,
    folder: String,
}

impl System {
    /// The system of a folder below `compose/systems`, nothing of it started yet; `None`, after telling why, where it cannot be.
    pub fn of(name: &str, stem: &str, files: &[&str]) -> Option<Self> {
        let docker = Docker::or_skip(Turn::Shared)?;
        let folder = format!("systems/{name}");
        let images = if name == "fog-compute" { IMAGES } else { &IMAGES[..2] };
        let mut composed = Composed::or_skip(&docker, stem, &below(&folder, files), images)?;
        let made = Command::new(compose::file("lab/system.sh"))
            .args(["files", name])
            .env("SPYHOP_SYSTEMS", composed.folder.path())
            .output()
            .expect("system.sh runs");
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        let secrets = String::from_utf8_lossy(&made.stdout).trim().to_owned();
        composed.set("SYSTEM_FILES", &secrets).set("DEMO_IMAGE", IMAGES[0]);
        let mut ports = BTreeMap::new();
        for (variable, default) in variables(&folder) {
            if variable.ends_with("_PORT") {
                let port = free_port();
                composed.set(&variable, &port.to_string());
                ports.insert(default.parse().expect("a port"), port);
            } else if variable.ends_with("_SUBNET") {
                composed.set(&variable, &subnet());
            } else if variable.ends_with("_CHECK_INTERVAL") {
                // Engine 20.10 asks for the first time when an interval is over: nobody is healthy before. More often would load the machine.
                composed.set(&variable, "4s");
            }
        }
        let policy = fs::read_to_string(compose::file(&folder).join("policy.yml")).expect("its policy");
        let policy = renamed(&policy, &project(&folder), &composed.project, &ports);
        Some(Self { composed, docker, policy, ports, secrets, folder })
    }

    /// Goes on with other files, as somebody does who starts it another way: nothing is taken down.
    pub fn restart_with(&mut self, files: &[&str]) {
        let files = below(&self.folder, files);
        self.composed.swap(&files);
        self.composed.up();
    }

    /// An agent on this host, which reaches every bridge (vantage H), with the policy and the system's secrets.
    pub fn watch(&self) -> (Home, Agent) {
        self.watch_with(&format!("containers:\n  include: [project={}]\n", self.composed.project))
    }

    /// The same with other lines for the configuration.
    pub fn watch_with(&self, more: &str) -> (Home, Agent) {
        let policy = self.write_policy(&self.policy);
        let more = format!("{more}policy:\n  file: {}\n", policy.display());
        let home = Home::with(&binary(), self.docker.socket(), &more).environment("SECRETS_DIR", &self.secrets);
        let agent = home.start();
        (home, agent)
    }

    /// Writes the policy that the agent reads.
    pub fn write_policy(&self, policy: &str) -> PathBuf {
        self.composed.write("policy.yml", policy)
    }

    /// `spyhop check --require`: its exit code, and its findings as `service class subject` with how often each is there.
    pub fn check(&self, policy: &str) -> (Option<i32>, BTreeMap<String, usize>) {
        self.check_with(policy, &[])
    }

    /// The same with a look at who reaches whom.
    pub fn check_isolation(&self, policy: &str) -> (Option<i32>, BTreeMap<String, usize>) {
        self.check_with(policy, &["--isolation"])
    }

    fn check_with(&self, policy: &str, flags: &[&str]) -> (Option<i32>, BTreeMap<String, usize>) {
        let policy = self.write_policy(policy);
        let config = format!(
            "engine:\n  address: unix://{}\ncontainers:\n  include: [project={}]\nhost:\n  rootfs: /\npolicy:\n  file: {}\n",
            self.docker.socket().display(),
            self.composed.project,
            policy.display()
        );
        let config = self.composed.write("spyhop.yml", &config);
        let mut command = Command::new(binary());
        command.args(["check", "--require", "--format", "json", "--config"]).arg(config).args(flags).env_clear();
        let output = command.env("SECRETS_DIR", &self.secrets).output().expect("the agent runs");
        let answer: Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{output:?}"));
        let mut found = BTreeMap::new();
        for finding in answer["findings"].as_array().expect("findings") {
            let word = |key: &str| finding[key].as_str().unwrap_or("-");
            // How large the host of the tests is, and what an engine leaves open within a network, is not the system's affair.
            if !matches!(word("class"), "overcommit" | "excess_reachability") {
                *found.entry(format!("{} {} {}", word("service"), word("class"), word("subject"))).or_default() += 1;
            }
        }
        if output.status.code() == Some(2) {
            eprintln!("not seen: {}", answer["not_checked"]);
        }
        (output.status.code(), found)
    }

    /// Where a service listens, seen from this host.
    pub fn address(&self, service: &str, port: u16) -> SocketAddr {
        let inspect = self.composed.inspect(service);
        let networks = inspect["NetworkSettings"]["Networks"].as_object().expect("networks");
        let address = networks.values().find_map(|network| network["IPAddress"].as_str()).expect("an address");
        SocketAddr::new(address.parse().expect("an address"), port)
    }
}

fn below(folder: &str, files: &[&str]) -> Vec<String> {
    files.iter().map(|name| format!("{folder}/{name}")).collect()
}

fn subnet() -> String {
    // Of the range for measurements between networks (RFC 2544), which nobody routes.
    let number = (std::process::id() * 7 + SUBNETS.fetch_add(1, Ordering::Relaxed)) % 512;
    format!("198.{}.{}.0/24", 18 + number / 256, number % 256)
}

/// Variables of its compose files, wherever these are, with their defaults.
fn variables(folder: &str) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    let mut folders = vec![compose::file(folder)];
    while let Some(folder) = folders.pop() {
        for path in fs::read_dir(folder).expect("its folder").map(|entry| entry.expect("an entry").path()) {
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "yml") {
                let text = fs::read_to_string(&path).expect("a file");
                for part in text.split("${").skip(1) {
                    let (variable, _) = part.split_once('}').expect("an end of the variable");
                    if let Some((name, default)) = variable.split_once(":-") {
                        found.insert(name.to_owned(), default.to_owned());
                    }
                }
            }
        }
    }
    found
}

/// The name which its compose file gives it.
fn project(folder: &str) -> String {
    let text = fs::read_to_string(compose::file(folder).join("compose.yml")).expect("its compose file");
    text.lines().find_map(|line| line.strip_prefix("name: ")).expect("a name").to_owned()
}

/// The policy for another name of the project, and other ports on this host.
fn renamed(policy: &str, from: &str, to: &str, ports: &BTreeMap<u16, u16>) -> String {
    let policy = policy.replace(&format!("  {from}:\n"), &format!("  {to}:\n"));
    let policy = policy.replace(&format!("connect: {from}/"), &format!("connect: {to}/"));
    let policy = policy.replace(&format!("project=\"{from}\""), &format!("project=\"{to}\""));
    let line = |line: &str| match line.split_once("publish: [") {
        Some((before, rest)) => {
            let (list, after) = rest.split_once(']').expect("an end of the list");
            let entries: Vec<_> = list.split(", ").map(|entry| on_other_port(entry, ports)).collect();
            format!("{before}publish: [{}]{after}\n", entries.join(", "))
        }
        None => format!("{line}\n"),
    };
    policy.lines().map(line).collect()
}

/// `443`, or `"127.0.0.1:443"`.
fn on_other_port(entry: &str, ports: &BTreeMap<u16, u16>) -> String {
    let bare = entry.trim_matches('"');
    let usual = bare.rsplit(':').next().expect("a port");
    let port = ports[&usual.parse().expect("a port")];
    entry.replace(usual, &port.to_string())
}
