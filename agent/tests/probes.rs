//! Probes by the agent as a program, with a scripted engine and servers on loopback: from a label or a line of the policy to series, page,
//! JSON and table.
//!
//! Promised: labels and policy are laid on each other; what a hostile label says leads nowhere; a secret is shown to whom it is for and
//! to nobody else; SIGHUP reads it again.

#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "an assumption that breaks fails the test, as it should"
)]

mod support;

use std::{fs, process::Command};

use rustix::process::Signal;
use serde_json::Value;
use support::{
    agent::{Agent, Home},
    application::{Application, respond_with},
    fake_engine::{FakeContainer, FakeEngine, World},
    process,
    scene::binary,
    wait::{eventually, holds},
};

/// An engine with these containers, and an agent that watches it.
fn scene(containers: Vec<FakeContainer>, more: &str) -> (FakeEngine, Home, Agent) {
    let engine = FakeEngine::start(containers.into_iter().fold(World::new(), World::with));
    let home = Home::with(&binary(), &engine.socket(), more);
    let agent = home.start();
    (engine, home, agent)
}

/// A container on the host's network, which the agent reaches over loopback.
fn on_host(service: &str) -> FakeContainer {
    FakeContainer::new(&format!("shop-{service}-1")).compose("shop", service, 1).network_mode("host").running(1)
}

/// A server that answers each path with what `status` says of it.
fn server(status: impl Fn(&str) -> &'static str + Send + Sync + 'static) -> Application {
    Application::start(move |head, stream| {
        let path = head.split(' ').nth(1).unwrap_or_default();
        respond_with(stream, status(path), "", b"{\"status\":\"UP\"}")
    })
}

/// `/api/v1/probes` of a service.
fn probes(agent: &Agent, service: &str) -> Vec<Value> {
    let answer = agent.get(&format!("/api/v1/probes?service={service}"), &[]).expect("the agent answers");
    assert_eq!(answer.status, 200, "{}", answer.text());
    let answer: Value = serde_json::from_str(answer.text()).expect("JSON");
    answer["probes"].as_array().expect("a list").clone()
}

/// Waits for the states of a service's probes, sorted by name.
#[track_caller]
fn states(agent: &Agent, service: &str, expected: &[(&str, &str, &str)]) {
    eventually(&format!("the probes of {service}"), || {
        let mut found: Vec<_> = probes(agent, service)
            .iter()
            .map(|probe| {
                let word = |key: &str| probe[key].as_str().unwrap_or_default().to_owned();
                (word("probe"), word("state"), word("reason"))
            })
            .collect();
        found.sort();
        let found: Vec<_> = found.iter().map(|(a, b, c)| (a.as_str(), b.as_str(), c.as_str())).collect();
        holds(found == expected, || format!("{found:?}"))
    });
}

#[test]
fn labels_and_policy_become_series_page_and_table() {
    let good = server(|path| if path == "/health" { "200 OK" } else { "404 Not Found" });
    let bad = server(|_| "503 Service Unavailable");
    let api = on_host("api")
        .label("spyhop.probe.health", &format!("http:{}/health", good.port))
        .label("spyhop.probe.auto", &format!("http:{}", good.port))
        .label("spyhop.probe.gone", "tcp:1")
        .label("spyhop.probe.port", &format!("tcp:{}", good.port));
    let policy = format!(
        "tiers: {{ critical: {{ severity: critical }} }}\nprojects:\n  shop:\n    services:\n      api: {{ tier: critical, probes: {{ gone: off, \
         deep: {{ http: {}/deep, max_duration: 10ms }} }} }}\nprobes:\n  site: http://127.0.0.1:{}/health\n",
        bad.port, good.port
    );
    let (_engine, home, agent) = scene(vec![api], &policy);
    states(
        &agent,
        "api",
        &[("auto", "ok", ""), ("deep", "failing", "status"), ("health", "ok", ""), ("port", "ok", "")],
    );
    states(&agent, "site", &[("site", "ok", "")]);
    let page = agent.scrape();
    let who = [("project", "shop"), ("service", "api"), ("replica", "1")];
    let of = |probe| [who.as_slice(), &[("probe", probe)]].concat();
    assert_eq!(page.value("spyhop_probe_success", &of("health")), Some(1.0));
    assert_eq!(page.value("spyhop_probe_success", &of("deep")), Some(0.0));
    assert_eq!(page.value("spyhop_probe_interval_seconds", &of("health")), Some(5.0), "of a critical tier");
    assert_eq!(page.value("spyhop_probe_reachable", &of("health")), Some(1.0));
    let reason = page.one("spyhop_probe_failure", &of("deep")).expect("the failure");
    assert_eq!((reason.label("reason"), reason.label("kind")), ("status", "http"));
    let shown = page.one("probe_success", &of("health")).expect("blackbox's name");
    assert_eq!(shown.label("target"), format!("http://shop/api:{}/health", good.port));
    assert_eq!(page.value("probe_http_status_code", &of("deep")), Some(503.0));
    assert!(
        page.value("probe_http_duration_seconds", &[of("health").as_slice(), &[("phase", "connect")]].concat())
            .is_some()
    );
    let elsewhere = [("project", ""), ("service", "site"), ("replica", ""), ("probe", "site")];
    assert_eq!(page.value("spyhop_probe_interval_seconds", &elsewhere), Some(15.0));
    agent.scrape_openmetrics();

    let index = agent.get("/", &[]).expect("the page");
    assert!(index.text().contains("<span class=\"state bad\">failing</span>") && index.text().contains("answered 503"));
    let status = Command::new(binary())
        .args(["status", "--config"])
        .arg(home.config())
        .args(["--listen", &agent.address.to_string()])
        .output()
        .expect("the command runs");
    let table = String::from_utf8_lossy(&status.stdout);
    assert!(table.contains("Probes: 1 of 5 fail\n  shop/api, deep: answered 503\n"), "{table}{status:?}");
}

#[test]
fn what_a_hostile_label_says_leads_nowhere() {
    let trap = server(|_| "200 OK");
    let own = server(|_| "302 Found");
    let port = trap.port;
    let hostile = on_host("hostile")
        .label("spyhop.probe.at", &format!("http:80@127.0.0.1:{port}/"))
        .label("spyhop.probe.host", &format!("http://127.0.0.1:{port}/"))
        .label("spyhop.probe.slashes", &format!("http:{}//127.0.0.1:{port}/", own.port))
        .label("spyhop.probe.dots", &format!("http:{}/..//x", own.port))
        .label("spyhop.probe.escaped", &format!("http:{}/%0d%0aHost:%20evil", own.port))
        .label("spyhop.probe.crlf", &format!("http:{}/\r\nHost: evil", own.port))
        .label("spyhop.probe.unicode", "http:\u{ff18}\u{ff10}/")
        .label("spyhop.probe.huge", &format!("http:{}/{}", own.port, "x".repeat(100_000)))
        .label("spyhop.probe.traefik", "traefik:8080")
        .label("spyhop.probe.secret", &format!("http:{}/secret", own.port))
        .label("spyhop.probe.secret.bearer_file", "/etc/shadow")
        .label("spyhop.probe.server", &format!("http:{}/server", own.port))
        .label("spyhop.probe.server.server_name", "evil")
        .label("spyhop.probe.leads", &format!("http:{}/leads", own.port));
    // Its address is one that nobody has shown to be its own.
    let bridged = FakeContainer::new("shop-bridged-1")
        .compose("shop", "bridged", 1)
        .network("shop_default", "127.0.0.1")
        .network("shop_other", "192.0.2.1")
        .running(2)
        .label("spyhop.probe.trap", &format!("http:{port}/"));
    let (_engine, _home, agent) = scene(vec![hostile, bridged], "");
    states(
        &agent,
        "hostile",
        &[
            ("at", "unreachable", "bad_port"),
            ("crlf", "unreachable", "bad_path"),
            ("dots", "unreachable", "bad_path"),
            ("escaped", "unreachable", "bad_path"),
            ("host", "unreachable", "bad_port"),
            ("huge", "unreachable", "bad_path"),
            ("leads", "failing", "redirect"),
            ("secret", "unreachable", "bad_option"),
            ("server", "unreachable", "bad_option"),
            ("slashes", "unreachable", "bad_path"),
            ("traefik", "unreachable", "bad_kind"),
            ("unicode", "unreachable", "bad_port"),
        ],
    );
    states(&agent, "bridged", &[("trap", "unreachable", "no_bridge")]);
    assert_eq!(trap.asked(), [""; 0], "nobody was led there");
    let asked = own.asked();
    assert!(asked.iter().all(|head| head.starts_with("GET /leads HTTP/1.1\r\n")), "{asked:?}");
    let page = agent.scrape();
    assert_eq!(page.all("spyhop_probe_success", &[("service", "hostile")]).count(), 1);
    assert_eq!(page.all("spyhop_probe_reachable", &[("service", "hostile")]).count(), 12);
}

#[test]
fn a_secret_is_shown_to_whom_it_is_for_and_to_nobody_else() {
    const SECRET: &str = "hunter2-of-the-shop";
    let guard = Application::start(|head, stream| {
        let known = head.contains(&format!("authorization: Bearer {SECRET}\r\n"));
        respond_with(stream, if known { "200 OK" } else { "401 Unauthorized" }, "", SECRET.as_bytes())
    });
    let folder = tempfile::tempdir().expect("a folder for secrets");
    let policy = format!(
        "projects:\n  shop:\n    services:\n      api:\n        probes:\n          \
         good: {{ http: {0}/, interval: 1s, bearer_file: token, unauthorized: [401] }}\n          \
         wrong: {{ http: {0}/, interval: 1s, bearer_file: other }}\n          \
         missing: {{ http: {0}/, interval: 1s, bearer_file: missing }}\n",
        guard.port
    );
    fs::write(folder.path().join("token"), SECRET).expect("a secret");
    fs::write(folder.path().join("other"), format!("{SECRET}\nand more")).expect("a secret of two lines");
    let engine = FakeEngine::start(World::new().with(on_host("api")));
    let secrets = folder.path().display().to_string();
    let home = Home::with(&binary(), &engine.socket(), &policy).environment("SECRETS_DIR", &secrets);
    let agent = home.start();
    states(
        &agent,
        "api",
        &[("good", "ok", ""), ("missing", "failing", "credentials"), ("wrong", "failing", "credentials")],
    );
    let page = agent.scrape();
    assert_eq!(page.value("spyhop_probe_authentication_enforced", &[("probe", "good")]), Some(1.0));
    // Another secret counts with the next probe.
    fs::write(folder.path().join("other"), SECRET).expect("the secret");
    states(&agent, "api", &[("good", "ok", ""), ("missing", "failing", "credentials"), ("wrong", "ok", "")]);
    for path in ["/metrics", "/", "/api/v1/probes", "/api/v1/findings", "/health"] {
        let answer = agent.get(path, &[]).expect("the agent answers");
        assert!(!answer.text().contains(SECRET), "{path}: {}", answer.text());
    }
    assert!(!agent.log().contains(SECRET), "{}", agent.log());
    let printed = Command::new(binary()).args(["config", "print", "--config"]).arg(home.config()).output();
    assert!(!String::from_utf8_lossy(&printed.expect("it runs").stdout).contains(SECRET));
}

#[test]
fn the_signal_reads_it_again_and_mistakes_change_nothing() {
    let good = server(|_| "200 OK");
    let (_engine, home, agent) = scene(vec![on_host("api")], "");
    assert_eq!(probes(&agent, "api"), [] as [Value; 0]);
    assert!(agent.scrape().all("spyhop_probe_success", &[]).next().is_none());
    let before = fs::read_to_string(home.config()).expect("the configuration");
    let with = |probes: &str| {
        let text = format!("{before}projects:\n  shop:\n    services:\n      api: {{ probes: {{ {probes} }} }}\n");
        fs::write(home.config(), text).expect("the configuration");
        assert!(process::signal(agent.pid(), Signal::HUP));
    };
    with(&format!("health: 'http:{}/'", good.port));
    states(&agent, "api", &[("health", "ok", "")]);
    with("health: 'http:nowhere/'");
    eventually("the mistake", || {
        let log = agent.log();
        let told = log.contains("probes.health") && log.contains("has no port from 1 to 65535");
        holds(told, || log)
    });
    states(&agent, "api", &[("health", "ok", "")]);
    with(&format!("other: 'tcp:{}'", good.port));
    states(&agent, "api", &[("other", "ok", "")]);
}
