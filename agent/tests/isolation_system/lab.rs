//! The system under watch: the stand-in, a helper, an agent with every tier on, and an outside of the test's own making.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::{Ipv4Addr, TcpListener},
    process::{Child, Command, Stdio},
    time::Duration,
};

use serde_json::Value;

use super::support::{
    agent::{Agent, Home},
    compose::free_port,
    container::Recipe,
    motovault::System,
    netns_helper::NetnsHelper,
    process,
    wait::{self, within},
};

/// How often the agent of these tests looks. The promise is in looks: at most two.
pub(crate) const INTERVAL: Duration = Duration::from_secs(2);

/// Longest time until a finding is there, or gone: two looks, and one round of connections.
pub(crate) fn deadline() -> Duration {
    (INTERVAL * 2 + Duration::from_secs(2)).mul_f64(wait::factor())
}

/// One finding: class, service, subject.
pub(crate) type Key = (String, String, String);

/// All parts, running.
pub(crate) struct Lab {
    pub(crate) agent: Agent,
    _home: Home,
    _helper: NetnsHelper,
    pub(crate) system: System,
    /// A port of the host on which the test listens, of those that the agent tries.
    pub(crate) host_port: u16,
}

impl Lab {
    /// With `strangers` the agent sees the containers of other tests as well.
    pub(crate) fn start(system: System, strangers: bool) -> Self {
        let helper = NetnsHelper::start(&[]);
        let host_port = free_port();
        let more = format!(
            "containers:\n  include: [\"project={project}\"{strangers}]\nisolation:\n  interval: {}s\n  active: true\n  helper: {}\n  host_ports: [{host_port}]\n",
            INTERVAL.as_secs(),
            helper.path().display(),
            project = system.composed.project,
            strangers = if strangers { ", \"name=spyhop-test-*\"" } else { "" },
        );
        let (home, agent) = system.watch_with(&more);
        Self { agent, _home: home, _helper: helper, system, host_port }
    }

    /// What `/api/v1/isolation` says now of this system.
    pub(crate) fn isolation(&self) -> Value {
        let answer = self.agent.get("/api/v1/isolation", &[]).expect("the agent answers");
        assert_eq!(answer.status, 200, "{}", answer.text());
        serde_json::from_str(answer.text()).expect("JSON")
    }

    /// Findings by what they are about, with the tiers that agree; what is worth knowing only is left out.
    pub(crate) fn violations(&self) -> BTreeMap<Key, BTreeSet<String>> {
        self.findings()
            .into_iter()
            .filter(|(_, (severity, _))| severity != "info")
            .map(|(key, (_, tiers))| (key, tiers))
            .collect()
    }

    /// All findings, with their severity and the tiers that agree.
    pub(crate) fn findings(&self) -> BTreeMap<Key, (String, BTreeSet<String>)> {
        let answer = self.isolation();
        let word = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let of = |finding: &Value| {
            let tiers = finding["evidence"].as_array().expect("evidence").iter().map(word).collect();
            let key = (word(&finding["class"]), word(&finding["service"]), word(&finding["subject"]));
            (key, (word(&finding["severity"]), tiers))
        };
        let mine = |finding: &&Value| {
            let project = finding["project"].as_str().unwrap_or_default();
            project == self.system.composed.project || project.is_empty()
        };
        answer["findings"].as_array().expect("findings").iter().filter(mine).map(of).collect()
    }

    /// Coverage of the project by mode, from the metrics.
    pub(crate) fn coverage(&self) -> BTreeMap<String, f64> {
        let page = self.agent.scrape_path("/metrics?collect[]=isolation");
        let mine = [("project", self.system.composed.project.as_str())];
        page.all("spyhop_isolation_coverage_ratio", &mine)
            .map(|sample| (sample.label("mode").to_owned(), sample.value))
            .collect()
    }

    /// Another policy, read at once.
    pub(crate) fn policy(&self, policy: &str) {
        self.system.write_policy(policy);
        assert!(process::signal(self.agent.pid(), rustix::process::Signal::HUP), "the agent runs");
    }

    /// Waits until the finding is there, from that tier among others.
    #[track_caller]
    pub(crate) fn finds(&self, (class, service, subject): (&str, &str, &str), tier: &str) -> Duration {
        let key = (class.to_owned(), service.to_owned(), subject.to_owned());
        let ((), took) = within(deadline(), &format!("{key:?} by {tier}"), || {
            let found = self.findings();
            match found.get(&key) {
                Some((_, tiers)) if tiers.contains(tier) => Ok(()),
                _ => Err(format!("{found:#?}")),
            }
        });
        took
    }

    /// Waits until nothing is violated.
    #[track_caller]
    pub(crate) fn recovers(&self) -> Duration {
        let ((), took) = within(deadline(), "every finding goes", || {
            let left = self.violations();
            if left.is_empty() { Ok(()) } else { Err(format!("{left:#?}")) }
        });
        took
    }

    /// One more container that says it is of a service.
    pub(crate) fn impostor(&self, service: &str, options: &[&str]) -> Recipe {
        self.system.docker.container(service).compose(&self.system.composed.project, service, 7).options(options)
    }

    /// A network of the project, by the engine's name.
    pub(crate) fn network(&self, short: &str) -> String {
        format!("{}_{short}", self.system.composed.project)
    }

    /// Subnet and gateway of a network of the project.
    pub(crate) fn subnet(&self, short: &str) -> (String, String) {
        let format = "{{range .IPAM.Config}}{{.Subnet}} {{.Gateway}}{{end}}";
        let line = self.system.docker.run(&["network", "inspect", "--format", format, &self.network(short)]);
        let (subnet, gateway) = line.split_once(' ').expect("a subnet and a gateway");
        (subnet.to_owned(), gateway.to_owned())
    }

    /// The address of a service on one of its networks.
    pub(crate) fn address_on(&self, service: &str, short: &str) -> String {
        let inspect = self.system.composed.inspect(service);
        inspect["NetworkSettings"]["Networks"][self.network(short)]["IPAddress"]
            .as_str()
            .expect("an address")
            .to_owned()
    }
}

/// A listener on every address of the host, which takes connections and says nothing.
pub(crate) struct HostService {
    pub(crate) port: u16,
    _listener: TcpListener,
}

impl HostService {
    pub(crate) fn on(port: u16) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::UNSPECIFIED, port)).expect("a port");
        let port = listener.local_addr().expect("its address").port();
        Self { port, _listener: listener }
    }
}

/// The world outside: a network namespace of the test's own behind a pair of interfaces, with somebody who listens.
pub(crate) struct Outside {
    name: String,
    server: Child,
    /// What it serves: nothing.
    _folder: tempfile::TempDir,
}

impl Outside {
    /// Addresses that no network has (RFC 5737).
    pub(crate) const ADDRESS: &str = "198.51.100.2";
    pub(crate) const PORT: u16 = 443;

    pub(crate) fn make() -> Self {
        let name = format!("spyhop-{}", std::process::id());
        let (here, there) = (format!("so{}", std::process::id()), format!("si{}", std::process::id()));
        ip(&["netns", "add", &name]);
        ip(&["link", "add", &here, "type", "veth", "peer", "name", &there, "netns", &name]);
        ip(&["address", "add", "198.51.100.1/24", "dev", &here]);
        ip(&["link", "set", &here, "up"]);
        ip(&["-n", &name, "address", "add", "198.51.100.2/24", "dev", &there]);
        ip(&["-n", &name, "link", "set", &there, "up"]);
        let folder = tempfile::tempdir().expect("an empty folder");
        let busybox = std::env::var("SPYHOP_BUSYBOX").unwrap_or_else(|_| "busybox".into());
        let port = Self::PORT.to_string();
        let server = Command::new("ip")
            .args(["netns", "exec", &name, &busybox, "httpd", "-f", "-p", &port, "-h"])
            .arg(folder.path())
            .stdin(Stdio::null())
            .spawn()
            .expect("a server outside");
        Self { name, server, _folder: folder }
    }
}

impl Drop for Outside {
    fn drop(&mut self) {
        self.server.kill().ok();
        self.server.wait().ok();
        // Its interfaces go with it.
        Command::new("ip").args(["netns", "delete", &self.name]).status().ok();
    }
}

#[track_caller]
fn ip(arguments: &[&str]) {
    let output = Command::new("ip").args(arguments).output().expect("ip runs");
    assert!(output.status.success(), "ip {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
}

/// A hole in the wall between two networks, as a firewall that was loaded anew leaves it; closed when dropped.
pub(crate) struct Hole {
    rules: Vec<Vec<String>>,
}

impl Hole {
    pub(crate) fn between(from: &str, to: &str) -> Self {
        let rule = |table: &str, chain: &str, from: &str, to: &str, target: &str| {
            [table, chain, "-s", from, "-d", to, "-j", target].map(str::to_owned).to_vec()
        };
        let rules = vec![
            rule("filter", "DOCKER-USER", from, to, "ACCEPT"),
            rule("filter", "DOCKER-USER", to, from, "ACCEPT"),
            // Whoever is on an internal network knows no way back to another.
            rule("nat", "POSTROUTING", from, to, "MASQUERADE"),
        ];
        rules.iter().for_each(|rule| assert!(iptables("-I", rule), "{rule:?}"));
        Self { rules }
    }
}

impl Drop for Hole {
    fn drop(&mut self) {
        self.rules.iter().for_each(|rule| {
            iptables("-D", rule);
        });
    }
}

fn iptables(verb: &str, rule: &[String]) -> bool {
    let mut command = Command::new("iptables");
    command.args(["--wait", "5", "-t", &rule[0], verb, &rule[1]]).args(&rule[2..]);
    command.status().is_ok_and(|status| status.success())
}
