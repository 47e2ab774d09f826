//! The stand-in of the first reference system (`compose/systems/motovault-k8s`) under names and ports of a test's own.

use std::{collections::BTreeMap, fs, net::SocketAddr, path::PathBuf, process::Command};

use serde_json::Value;

use super::{
    agent::{Agent, Home},
    compose::{self, Composed, free_port},
    docker::{Docker, Turn},
    scene::binary,
};

/// Its folder.
pub const SYSTEM: &str = "systems/motovault-k8s";
const IMAGES: &[&str] = &["spyhop-demo:test", "spyhop-lab/services:1"];

/// Variables of the ports that the original publishes, and the ports.
const PUBLISHED: &[(&str, u16)] =
    &[("MOTOVAULT_HTTP_PORT", 80), ("MOTOVAULT_HTTPS_PORT", 443), ("MOTOVAULT_API_PORT", 8080)];
const DEVELOPMENT: &[(&str, u16)] = &[
    ("MOTOVAULT_ADMIN_POSTGRES_PORT", 5432),
    ("MOTOVAULT_PLATFORM_POSTGRES_PORT", 5433),
    ("MOTOVAULT_VEHICLES_DB_PORT", 5434),
    ("MOTOVAULT_ADMIN_REDIS_PORT", 6379),
    ("MOTOVAULT_PLATFORM_REDIS_PORT", 6380),
    ("MOTOVAULT_VEHICLES_REDIS_PORT", 6381),
    ("MOTOVAULT_MINIO_PORT", 9000),
    ("MOTOVAULT_MINIO_CONSOLE_PORT", 9001),
];

/// The system, started or not.
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
    /// Folder of the token and the authority.
    pub secrets: String,
}

impl System {
    /// Nothing started yet; `None`, after telling why, where it cannot be.
    pub fn or_skip(stem: &str, files: &[&str]) -> Option<Self> {
        let docker = Docker::or_skip(Turn::Shared)?;
        let files: Vec<String> = files.iter().map(|name| format!("{SYSTEM}/{name}")).collect();
        let names: Vec<&str> = files.iter().map(String::as_str).collect();
        let mut composed = Composed::or_skip(&docker, stem, &names, IMAGES)?;
        let made = Command::new(compose::file("lab/system.sh"))
            .args(["files", "motovault-k8s"])
            .env("SPYHOP_SYSTEMS", composed.folder.path())
            .output()
            .expect("system.sh runs");
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        let secrets = String::from_utf8_lossy(&made.stdout).trim().to_owned();
        composed.set("SYSTEM_FILES", &secrets);
        composed.set("DEMO_IMAGE", IMAGES[0]).set("MOTOVAULT_PLANTED_PORT", &free_port().to_string());
        let mut ports = BTreeMap::new();
        let mut policy = fs::read_to_string(compose::file(SYSTEM).join("policy.yml")).expect("its policy");
        policy = policy.replace("  motovault:\n", &format!("  {}:\n", composed.project));
        policy = policy.replace("motovault/traefik", &format!("{}/traefik", composed.project));
        for (variable, usual) in PUBLISHED.iter().chain(DEVELOPMENT) {
            let port = free_port();
            composed.set(variable, &port.to_string());
            policy = policy.replace(&format!("\"127.0.0.1:{usual}\""), &format!("\"127.0.0.1:{port}\""));
            ports.insert(*usual, port);
        }
        let published = |ports: [u16; 3]| format!("publish: [{}, {}, {}]", ports[0], ports[1], ports[2]);
        policy = policy.replace(&published([80, 443, 8080]), &published([ports[&80], ports[&443], ports[&8080]]));
        Some(Self { composed, docker, policy, ports, secrets })
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
        let policy = self.write_policy(policy);
        let config = format!(
            "engine:\n  address: unix://{}\ncontainers:\n  include: [project={}]\nhost:\n  rootfs: \"off\"\npolicy:\n  file: {}\n",
            self.docker.socket().display(),
            self.composed.project,
            policy.display()
        );
        let config = self.composed.write("spyhop.yml", &config);
        let mut command = Command::new(binary());
        command.args(["check", "--require", "--format", "json", "--config"]).arg(config).env_clear();
        let output = command.output().expect("the agent runs");
        let answer: Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{output:?}"));
        let mut found = BTreeMap::new();
        // How large the host of the tests is, is not the system's affair.
        for finding in
            answer["findings"].as_array().expect("findings").iter().filter(|finding| finding["class"] != "overcommit")
        {
            let word = |key: &str| finding[key].as_str().unwrap_or("-");
            *found.entry(format!("{} {} {}", word("service"), word("class"), word("subject"))).or_default() += 1;
        }
        (output.status.code(), found)
    }
}

impl System {
    /// Where a service listens, seen from this host.
    pub fn address(&self, service: &str, port: u16) -> SocketAddr {
        let inspect = self.composed.inspect(service);
        let networks = inspect["NetworkSettings"]["Networks"].as_object().expect("networks");
        let address = networks.values().find_map(|network| network["IPAddress"].as_str()).expect("an address");
        SocketAddr::new(address.parse().expect("an address"), port)
    }
}
