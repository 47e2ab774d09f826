//! `compose/stack.yml`, started on the real engine: agent, Prometheus and Alertmanager, each in its hardened container.
//!
//! Promised: every target is up, every rule of `alerts/` is loaded and sound, samples are kept long enough for objectives of 30 days, the stack
//! itself gives no cause for an alert, and what fires reaches the webhooks.
//!
//! No Grafana can be had here. In its place stands a web server that runs as Grafana would: what is mounted is there for it to read, and no more
//! than that is known.

#![expect(
    clippy::indexing_slicing,
    clippy::expect_used,
    reason = "an assumption that breaks fails the test, as it should"
)]

mod support;

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    net::{Ipv4Addr, SocketAddr},
    path::Path,
};

use serde_json::Value;
use support::{
    compose::{self, Composed, free_port},
    docker::{Docker, Turn},
    wait::{holds, patience, within},
    webhook::Webhook,
    wire,
};

const IMAGES: &[&str] =
    &["spyhop:test", "spyhop-lab/prometheus:1", "spyhop-lab/alertmanager:1", "spyhop-lab/services:1"];
/// Names of rules which fire when all is well.
const ALWAYS: &str = "SpyhopWatchdog";

/// Answers the health check of the file; its folder is the one that Grafana keeps its database in.
const STANDS_FOR_GRAFANA: &str = "services:
  grafana:
    command: [sh, -c, 'mkdir -p /tmp/www/api && echo ok >/tmp/www/api/health && exec httpd -f -p 3000 -h /tmp/www']
";

/// The stack with images built here, ports of its own and a policy which knows them.
struct Stack {
    composed: Composed,
    docker: Docker,
    prometheus: SocketAddr,
    alertmanager: SocketAddr,
}

impl Stack {
    fn or_skip() -> Option<Self> {
        let docker = Docker::or_skip(Turn::Shared)?;
        let mut composed = Composed::or_skip(&docker, "stack", &["stack.yml"], IMAGES)?;
        let socket = docker.socket().to_owned();
        let group = std::os::unix::fs::MetadataExt::gid(&fs::metadata(socket).expect("the socket")).to_string();
        let policy = fs::read_to_string(compose::file("stack/policy/policy.yml")).expect("the stack's policy");
        let mut policy = policy.replace("  spyhop:\n    services", &format!("  {}:\n    services", composed.project));
        policy = policy.replace("project: spyhop", &format!("project: {}", composed.project));
        let ports =
            [("SPYHOP_PORT", 9477), ("PROMETHEUS_PORT", 9090), ("ALERTMANAGER_PORT", 9093), ("GRAFANA_PORT", 3000)];
        let ports = ports.map(|(variable, usual)| {
            let port = free_port();
            policy = policy.replace(&format!("127.0.0.1:{usual}"), &format!("127.0.0.1:{port}"));
            composed.set(variable, &port.to_string());
            SocketAddr::from((Ipv4Addr::LOCALHOST, port))
        });
        composed.write("policy/policy.yml", &policy);
        for receiver in ["page", "tickets", "digest", "heartbeat"] {
            composed.write(&format!("urls/{receiver}"), "http://not-yet.invalid/\n");
        }
        let folder = composed.folder.path().display().to_string();
        open(composed.folder.path());
        let network = composed.project.clone();
        composed.set("SPYHOP_POLICY", &format!("{folder}/policy")).set("ALERT_URLS", &format!("{folder}/urls"));
        composed.set("DOCKER_GID", &group).set("SPYHOP_NETWORK", &network).set("SPYHOP_IMAGE", IMAGES[0]);
        composed
            .set("PROMETHEUS_IMAGE", IMAGES[1])
            .set("ALERTMANAGER_IMAGE", IMAGES[2])
            .set("GRAFANA_IMAGE", IMAGES[3]);
        // Other containers of this machine are none of this test's business.
        let include = format!(
            "services: {{ spyhop: {{ environment: {{ SPYHOP__CONTAINERS__INCLUDE: 'project={network}' }} }} }}\n"
        );
        composed.overlay(&include);
        composed.overlay(STANDS_FOR_GRAFANA);
        composed.up();
        Some(Self { composed, docker, prometheus: ports[1], alertmanager: ports[2] })
    }

    /// Gives the receivers their addresses: on the one of this machine that the containers see. Alertmanager reads the files for each message.
    fn listen(&self) -> Webhook {
        let format = "{{(index .IPAM.Config 0).Gateway}}";
        let gateway = self.docker.run(&["network", "inspect", "--format", format, &self.composed.project]);
        let webhook = Webhook::at(gateway.parse().expect("the gateway of a network"));
        for receiver in ["page", "tickets", "digest", "heartbeat"] {
            self.composed.write(&format!("urls/{receiver}"), &format!("{}\n", webhook.url(receiver)));
        }
        webhook
    }

    fn ask(&self, server: SocketAddr, path: &str) -> Result<Value, String> {
        let answer = wire::get(server, path, &[], patience()).map_err(|error| format!("{path}: {error}"))?;
        serde_json::from_slice(&answer.body).map_err(|error| format!("{path}: {error}"))
    }

    fn prometheus(&self, path: &str) -> Result<Value, String> {
        self.ask(self.prometheus, path).map(|mut answer| answer["data"].take())
    }
}

/// The servers run as nobody: temporary folders are closed to them.
fn open(folder: &Path) {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(folder, fs::Permissions::from_mode(0o755)).expect("the folder is ours");
}

#[test]
fn the_stack_starts_scrapes_and_has_nothing_to_complain_of() {
    let Some(stack) = Stack::or_skip() else { return };
    let webhook = stack.listen();
    // Their interval is 15 s, and each target has its own place in it.
    within(patience() * 3, "every target is up", || {
        let targets = stack.prometheus("/api/v1/targets?state=active")?;
        let list = targets["activeTargets"].as_array().ok_or("no list of targets")?;
        let health: BTreeMap<&str, &str> = list
            .iter()
            .map(|t| (t["labels"]["job"].as_str().unwrap_or(""), t["health"].as_str().unwrap_or("")))
            .collect();
        let wanted = BTreeMap::from([("alertmanager", "up"), ("prometheus", "up"), ("spyhop", "up")]);
        holds(health == wanted, || format!("{targets:#}"))
    });
    let wanted = rules();
    // Evaluated every half minute, each group at its own time.
    within(patience() * 4, "every rule is evaluated", || {
        let loaded = stack.prometheus("/api/v1/rules")?;
        let groups = loaded["groups"].as_array().ok_or("no groups")?;
        let rules: Vec<&Value> = groups.iter().filter_map(|group| group["rules"].as_array()).flatten().collect();
        let names: BTreeSet<&str> =
            rules.iter().filter(|rule| rule["type"] == "alerting").filter_map(|rule| rule["name"].as_str()).collect();
        assert_eq!(names, wanted.iter().map(String::as_str).collect(), "every alert of alerts/ is loaded");
        let wrong: Vec<_> = rules.iter().filter(|rule| rule["health"] != "ok").collect();
        holds(wrong.is_empty(), || format!("{wrong:#?}"))
    });
    let flags = stack.prometheus("/api/v1/status/flags").expect("the flags");
    // As Prometheus writes 35 days.
    assert_eq!(flags["storage.tsdb.retention.time"], "5w");

    // Pending ones too, once everything has started: what is not right about the stack itself would fire in an hour.
    within(patience() * 6, "nothing to complain of", || {
        let alerts = stack.prometheus("/api/v1/alerts")?;
        let alerts = alerts["alerts"].as_array().ok_or("no list of alerts")?;
        let unasked: Vec<_> = alerts.iter().filter(|alert| alert["labels"]["alertname"] != ALWAYS).collect();
        holds(unasked.is_empty(), || format!("{unasked:#?}"))
    });
    let firing = stack.ask(stack.alertmanager, "/api/v2/alerts").expect("Alertmanager answers");
    let firing = firing.as_array().expect("a list of alerts");
    assert!(firing.iter().all(|alert| alert["labels"]["alertname"] == ALWAYS), "{firing:#?}");

    if wanted.contains(ALWAYS) {
        within(patience() * 6, "the dead man's switch is heard", || {
            let told = webhook.told();
            holds(told.iter().any(|t| t.receiver == "heartbeat" && t.label("alertname") == ALWAYS), || {
                format!("{told:#?}")
            })
        });
    }
    assert!(webhook.told().iter().all(|told| told.receiver == "heartbeat"), "{:#?}", webhook.told());

    for service in ["spyhop", "prometheus", "alertmanager"] {
        let inspect = stack.composed.inspect(service);
        let host = &inspect["HostConfig"];
        assert_eq!((&host["ReadonlyRootfs"], &host["CapDrop"][0]), (&true.into(), &"ALL".into()), "{service}");
        assert!(inspect["Config"]["User"].as_str().is_some_and(|user| user.starts_with("65534")), "{service}");
    }
    what_grafana_reads(&stack);
}

/// Everything that is mounted for Grafana, as the user it runs as reads it.
fn what_grafana_reads(stack: &Stack) {
    let inspect = stack.composed.inspect("grafana");
    let host = &inspect["HostConfig"];
    assert_eq!((&host["ReadonlyRootfs"], &host["CapDrop"][0]), (&true.into(), &"ALL".into()));
    assert_eq!(inspect["Config"]["User"], "472:0");
    let read = |path: &str| stack.composed.run(&["exec", "-T", "grafana", "cat", path]);
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    for file in ["datasources/spyhop.yml", "dashboards/spyhop.yml"] {
        let here =
            fs::read_to_string(root.join("compose/stack/grafana/provisioning").join(file)).expect("provisioning");
        assert_eq!(read(&format!("/etc/grafana/provisioning/{file}")), here.trim(), "{file}");
    }
    let boards = stack.composed.run(&["exec", "-T", "grafana", "ls", "/etc/grafana/dashboards"]);
    let boards: BTreeSet<&str> = boards.lines().filter(|name| name.ends_with(".json")).collect();
    let here = fs::read_dir(root.join("dashboards")).expect("dashboards/").flatten();
    let here: Vec<String> = here.filter_map(|entry| entry.file_name().into_string().ok()).collect();
    assert!(here.len() > 5);
    assert_eq!(boards, here.iter().map(String::as_str).filter(|name| name.ends_with(".json")).collect());
    for board in boards {
        let text = read(&format!("/etc/grafana/dashboards/{board}"));
        assert!(serde_json::from_str::<Value>(&text).is_ok_and(|board| board["uid"].is_string()), "{board}");
    }
}

/// Names of all alerts in the rule files of `alerts/`.
fn rules() -> BTreeSet<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../alerts");
    let files =
        fs::read_dir(folder).expect("alerts/").flatten().map(|entry| entry.path()).filter(|path| path.is_file());
    let texts = files.map(|path| fs::read_to_string(path).expect("a file of alerts/"));
    let of_rules = texts.filter(|text| text.lines().any(|line| line == "groups:"));
    let names = of_rules.flat_map(|text| {
        text.lines().filter_map(|line| line.trim().strip_prefix("- alert: ").map(str::to_owned)).collect::<Vec<_>>()
    });
    names.collect()
}
