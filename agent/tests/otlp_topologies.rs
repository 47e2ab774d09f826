//! The examples of `docs/traces-topologies.md`, brought up by Compose with the real agent: what an application sends without saying who it is
//! comes out under its service, or is counted under the reason that the page gives.
//!
//! Nothing is sent on. What came out is read where the agent shows it: metrics made of spans, and its own counts.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::{
    collections::BTreeMap,
    fs,
    io::{Read as _, Write as _},
    net::SocketAddr,
    os::unix::{fs::MetadataExt as _, net::UnixStream},
    path::Path,
    thread,
    time::Duration,
};

use serde_json::{Value, json};
use support::{
    compose::{Composed, free_port},
    container::Role,
    docker::{Docker, Turn},
    page::Page,
    scene::binary,
    wait::{eventually, holds, patience},
    wire,
};

/// The image whose program is replaced by the one under test.
const IMAGE: &str = "spyhop:test";

/// Every example of the page.
const EXAMPLES: [&str; 7] =
    ["shared-network", "host-gateway", "unix-socket", "host-network", "shared-namespace", "relay", "trusted-proxy"];

/// An example as it stands on the page.
fn example(name: &str) -> String {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/traces-topologies.md");
    let page = fs::read_to_string(page).unwrap();
    let (_, rest) = page.split_once(&format!("<!-- {name} -->")).unwrap_or_else(|| panic!("no example {name}"));
    let (block, _) = rest.split_once("<!-- end -->").unwrap();
    block.lines().filter(|line| !line.starts_with("```")).map(|line| format!("{line}\n")).collect()
}

#[test]
fn every_example_is_tried() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/traces-topologies.md");
    let page = fs::read_to_string(page).unwrap();
    assert_eq!(page.matches("```yaml").count(), EXAMPLES.len());
    EXAMPLES
        .iter()
        .for_each(|name| assert!(example(name).starts_with("services:") || example(name).contains("services:")));
}

/// An example under way.
struct Way {
    composed: Composed,
    /// Where the agent's page is.
    page: SocketAddr,
    /// Where OTLP/HTTP is taken by an agent on the host.
    http: u16,
}

impl Way {
    /// Brings an example up. `talks` says for each application which one it is: those over the unix socket are programs of this test's own.
    fn up(name: &str, talks: &[(&str, Talk)]) -> Option<Self> {
        Self::up_with(name, talks, "services: {}\n")
    }

    /// The same with one more file.
    fn up_with(name: &str, talks: &[(&str, Talk)], more: &str) -> Option<Self> {
        let docker = Docker::or_skip(Turn::Shared)?;
        let mut composed = Composed::or_skip(&docker, name, &["agent.yml"], &[IMAGE])?;
        let page = SocketAddr::from(([127, 0, 0, 1], free_port()));
        let group = fs::metadata(docker.socket()).unwrap().gid().to_string();
        let network = docker.unique("monitoring");
        for (key, value) in [
            ("SPYHOP_IMAGE", IMAGE),
            ("SPYHOP_PORT", &page.port().to_string()),
            ("SPYHOP_NETWORK", &network),
            ("DOCKER_GID", &group),
        ] {
            composed.set(key, value);
        }
        let (grpc, http) = (free_port(), free_port());
        // On the host's network ports are everybody's. Inside of a container they are its own.
        let on_host = example(name).contains("    network_mode: host\n    networks: !reset []");
        let mut text = example(name).replace("example/", "spyhop-test/");
        if on_host {
            text = text.replace(":4317", &format!(":{grpc}")).replace(":4318", &format!(":{http}"));
        }
        composed.overlay(&text);
        let mut agent = BTreeMap::from([
            ("SPYHOP_OTLP_ENDPOINT", "off".to_owned()),
            ("SPYHOP__TRACES__ENABLED", "true".to_owned()),
            ("SPYHOP__TRACES__LIFECYCLE", "false".to_owned()),
        ]);
        if on_host {
            agent.insert("SPYHOP__HTTP__LISTEN", page.to_string());
        }
        let mut services = serde_json::Map::new();
        let program = format!("{}:/spyhop:ro", binary());
        services.insert("spyhop".into(), json!({ "environment": agent, "volumes": [program], "restart": "no" }));
        for (service, talk) in talks {
            services.insert((*service).into(), talk.service(service, docker.image()));
        }
        composed.overlay(&json!({ "services": services }).to_string());
        composed.overlay(more);
        composed.start();
        let way = Self { composed, page, http };
        eventually("the agent is ready", || {
            let answer = wire::get(way.page, "/health/ready", &[], patience()).map_err(|error| error.to_string())?;
            holds(answer.status == 200, || answer.text().to_owned())
        });
        Some(way)
    }

    fn scrape(&self) -> Result<Page, String> {
        let answer = wire::get(self.page, "/metrics", &[("Accept", "text/plain;version=0.0.4")], patience());
        let answer = answer.map_err(|error| error.to_string())?;
        Page::text(answer.text())
    }

    /// The spans of a service come out under its name, told by this rule.
    #[track_caller]
    fn shows(&self, service: &str, rule: &str) {
        eventually(service, || {
            let page = self.scrape()?;
            let span = format!("from {service}");
            let of = [("span_name", &*span)];
            let calls: Vec<_> = page.all("traces_spanmetrics_calls_total", &of).collect();
            // Before it was described it is nobody; it is never another one.
            for call in &calls {
                let named = call.label("compose_service");
                assert!(named.is_empty() || named == service, "{call:?}");
            }
            let whole =
                [of[0], ("service", service), ("compose_service", service), ("project", &self.composed.project)];
            let found = page.all("traces_spanmetrics_calls_total", &whole).next().is_some();
            holds(found, || format!("{calls:?}\n{}", self.counts(&page)))?;
            let counted = page.value("spyhop_otlp_attributed_total", &[("signal", "traces"), ("rule", rule)]);
            holds(counted.is_some_and(|count| count > 0.0), || self.counts(&page))
        });
    }

    /// Resources are counted under this reason.
    #[track_caller]
    fn misses(&self, reason: &str) {
        eventually(reason, || {
            let page = self.scrape()?;
            let counted = page.value("spyhop_otlp_unattributed_total", &[("signal", "traces"), ("reason", reason)]);
            holds(counted.is_some_and(|count| count > 0.0), || self.counts(&page))
        });
    }

    fn counts(&self, page: &Page) -> String {
        let families = ["spyhop_otlp_attributed_total", "spyhop_otlp_unattributed_total", "spyhop_otlp_requests_total"];
        let samples = families.into_iter().flat_map(|family| page.all(family, &[]));
        samples.filter(|sample| sample.value > 0.0).map(|sample| format!("{sample}\n")).collect()
    }
}

/// How an application is played.
#[derive(Clone, Copy)]
enum Talk {
    /// Posts to `OTEL_EXPORTER_OTLP_ENDPOINT`.
    Http,
    /// Posts what that service at that address is said to have sent.
    For(&'static str, &'static str),
    /// Does nothing.
    Silent,
    /// Over the socket that `OTEL_EXPORTER_OTLP_ENDPOINT` names.
    Unix,
}

/// A script that posts a span of a service again and again. The shell's own `$` stand in it.
fn posting(service: &str, to: &str) -> String {
    let body = json!({ "resourceSpans": [{ "scopeSpans": [{ "spans": [{
        "traceId": "5b8efff798038103d269b633813fc60c", "spanId": "eee19b7ec3c1b174", "name": format!("from {service}"),
        "kind": 2, "startTimeUnixNano": "$(date +%s)000000000", "endTimeUnixNano": "$(date +%s)000000001",
    }] }] }] });
    let body = body.to_string().replace('"', "\\\"");
    let post = format!("wget -q -O - --header 'Content-Type: application/json' --post-data \"{body}\" {to}/v1/traces");
    format!("while :; do {post}; sleep 0.3; done")
}

impl Talk {
    fn service(self, service: &str, image: &str) -> Value {
        // What Compose would take for a variable of its own is doubled.
        match self {
            Self::Http => {
                let command = ["sh", "-c", &posting(service, "$OTEL_EXPORTER_OTLP_ENDPOINT").replace('$', "$$")];
                json!({ "image": image, "command": command, "stop_grace_period": "0s" })
            }
            Self::For(whom, address) => {
                let header = format!("--header 'X-Forwarded-For: {address}' --post-data");
                let script = posting(whom, "http://spyhop:4318").replace("--post-data", &header).replace('$', "$$");
                json!({ "image": image, "command": ["sh", "-c", script], "stop_grace_period": "0s" })
            }
            Self::Silent => json!({ "image": image, "command": ["sleep", "100000"], "stop_grace_period": "0s" }),
            Self::Unix => json!({
                "image": image,
                "volumes": [format!("{}:/sender:ro", std::env::current_exe().unwrap().display())],
                "environment": { "SENDER": service },
                "entrypoint": ["/sender", "--ignored", "--exact", "posts_over_a_unix_socket"],
                "stop_grace_period": "0s",
            }),
        }
    }
}

/// The program of an application that speaks over a unix socket: this very test.
#[test]
#[ignore = "runs in a container that another test starts"]
fn posts_over_a_unix_socket() {
    let endpoint = std::env::var("OTEL_EXPORTER_OTLP_ENDPOINT").unwrap();
    let service = std::env::var("SENDER").unwrap();
    loop {
        // Until the agent has made it, and again when it was started anew.
        if let Ok(mut stream) = UnixStream::connect(endpoint.strip_prefix("unix://").unwrap()) {
            let now = jiff::Timestamp::now().as_nanosecond();
            let span = json!({
                "traceId": "5b8efff798038103d269b633813fc60c", "spanId": "eee19b7ec3c1b174", "name": format!("from {service}"),
                "kind": 2, "startTimeUnixNano": now.to_string(), "endTimeUnixNano": now.to_string(),
            });
            let body = json!({ "resourceSpans": [{ "scopeSpans": [{ "spans": [span] }] }] }).to_string();
            let head =
                "POST /v1/traces HTTP/1.1\r\nHost: otlp\r\nContent-Type: application/json\r\nConnection: close\r\n";
            write!(stream, "{head}Content-Length: {}\r\n\r\n{body}", body.len()).unwrap_or_default();
            stream.read_to_end(&mut Vec::new()).unwrap_or_default();
        }
        thread::sleep(Duration::from_millis(300));
    }
}

#[test]
fn a_shared_network() {
    let Some(way) = Way::up("shared-network", &[("web", Talk::Http)]) else { return };
    way.shows("web", "address");
}

#[test]
fn the_hosts_gateway() {
    let Some(way) = Way::up("host-gateway", &[("web", Talk::Http)]) else { return };
    way.shows("web", "address");
}

#[test]
fn a_unix_socket() {
    let Some(way) = Way::up("unix-socket", &[("web", Talk::Unix)]) else { return };
    way.shows("web", "socket");
}

#[test]
fn the_hosts_network() {
    let Some(way) = Way::up("host-network", &[("web", Talk::Unix)]) else { return };
    way.shows("web", "socket");
}

/// Who comes from the host's network by an address is somebody on this host, and nobody knows who.
#[test]
fn the_hosts_network_by_an_address() {
    let Some(way) = Way::up("host-gateway", &[("web", Talk::Http)]) else { return };
    let Some(docker) = Docker::or_skip(Turn::Shared) else { return };
    let script = posting("host", &format!("http://172.17.0.1:{}", way.http));
    let _sender = docker.container("host").options(&["--network", "host"]).role(Role::Script(script)).start();
    way.misses("host_net");
}

#[test]
fn one_namespace_for_several() {
    let Some(way) = Way::up("shared-namespace", &[("web", Talk::Http), ("sidecar", Talk::Http)]) else { return };
    way.misses("ambiguous");
}

#[test]
fn a_relay() {
    let Some(way) = Way::up("relay", &[("collector", Talk::Http)]) else { return };
    way.misses("relay");
}

/// What comes through a published port has lost its address.
#[test]
fn a_published_port() {
    let port = free_port();
    let published = json!({ "services": { "spyhop": { "ports": [format!("127.0.0.1:{port}:4318")] } } });
    let Some(way) = Way::up_with("shared-network", &[("web", Talk::Http)], &published.to_string()) else { return };
    let Some(docker) = Docker::or_skip(Turn::Shared) else { return };
    let script = posting("published", &format!("http://127.0.0.1:{port}"));
    let _sender = docker.container("published").options(&["--network", "host"]).role(Role::Script(script)).start();
    way.misses("gateway_ip");
    way.shows("web", "address");
}

/// The proxy passes on what another container has sent, and says from where.
#[test]
fn a_trusted_proxy() {
    let web = json!({ "networks": { "shop": { "ipv4_address": "172.31.250.3" } } });
    let more = json!({ "services": { "web": web } }).to_string();
    let talks = [("proxy", Talk::For("web", "172.31.250.3")), ("web", Talk::Silent)];
    let Some(way) = Way::up_with("trusted-proxy", &talks, &more) else { return };
    way.shows("web", "address");
}
