//! Targets which declare https: who is believed, and that a bad one ends with itself.
//!
//! Promised: nothing is asked of a target before its certificate has been verified, by the configured roots and for the name of its service;
//! without roots it is out of reach, with a reason; in time and bytes it is bounded as any other.

#![expect(clippy::expect_used, reason = "an assumption that breaks fails the test, as it should")]

mod support;

use std::{
    fs,
    io::Write,
    time::{Duration, Instant},
};

use support::{
    agent::{Agent, Home},
    application::{Application, TEXT, on_host, respond_with},
    fake_engine::{FakeContainer, FakeEngine, World},
    scene::binary,
    tls_proxy::{Authority, Gate},
    wait::{eventually, holds},
};

const PAGE: &str = "# HELP one One.\n# TYPE one counter\none 1\n";

fn secure(service: &str, port: u16) -> FakeContainer {
    on_host(service, port).label("spyhop.metrics.scheme", "https")
}

/// An agent that watches these, with roots in a file or without.
fn scene(
    containers: Vec<FakeContainer>,
    roots: Option<&str>,
    more: &str,
) -> (FakeEngine, Home, Agent, tempfile::TempDir) {
    let engine = FakeEngine::start(containers.into_iter().fold(World::new(), World::with));
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("roots.pem");
    let home = Home::with(&binary(), &engine.socket(), more);
    let home = match roots {
        Some(pem) => {
            fs::write(&file, pem).expect("a file");
            home.environment("SPYHOP__TARGETS__CA_FILE", &file.display().to_string())
        }
        None => home,
    };
    let agent = home.start();
    (engine, home, agent, folder)
}

fn outcome(agent: &Agent, outcome: &str) -> f64 {
    agent.scrape().value("spyhop_target_requests_total", &[("outcome", outcome)]).expect("every outcome is on the page")
}

#[test]
fn a_certificate_of_the_services_name_is_believed() {
    let authority = Authority::new();
    let one = Application::good(PAGE);
    let [plain, named] =
        ["one", "metrics.example"].map(|name| Gate::of_application(one.port, authority.application(name)));
    let other = secure("two", named.address.port()).label("spyhop.metrics.server_name", "metrics.example");
    let (_engine, _home, agent, _folder) =
        scene(vec![secure("one", plain.address.port()), other], Some(authority.pem()), "");
    for path in ["/proxy/shop/one/1", "/proxy/shop/two/1"] {
        let answer = agent.get(path, &[]).expect("an answer");
        assert_eq!((answer.status, answer.text()), (200, PAGE), "{path}");
    }
    assert_eq!(outcome(&agent, "ok"), 2.0);
    // Prometheus speaks to the agent as it always does; who goes there directly is told the scheme.
    for (mode, scheme) in [("proxy", "http"), ("direct", "https")] {
        let groups = agent.get(&format!("/sd?mode={mode}"), &[]).expect("an answer");
        let groups: serde_json::Value = serde_json::from_str(groups.text()).expect("a JSON list");
        assert_eq!(groups.pointer("/0/labels/__scheme__"), Some(&scheme.into()), "{mode}");
    }
}

#[test]
fn who_is_not_believed_is_asked_for_nothing() {
    let (ours, theirs) = (Authority::new(), Authority::new());
    let one = Application::good(PAGE);
    let forged = Gate::of_application(one.port, theirs.application("forged"));
    let stranger = Gate::of_application(one.port, ours.application("somebody"));
    let silent = Application::start(|_, stream| std::io::copy(stream, &mut std::io::sink()).map(drop));
    let containers = vec![
        secure("forged", forged.address.port()),
        secure("stranger", stranger.address.port()),
        // Plain HTTP where TLS is declared: takes the greeting for a request and says what it thinks of it.
        secure("plain", one.port),
        secure("silent", silent.port),
        secure("dead", Application::dead()),
    ];
    let (_engine, _home, agent, _folder) = scene(containers, Some(ours.pem()), "targets:\n  timeout: 1s\n");
    for (service, status, word) in [
        ("forged", 502, "tls"),
        ("stranger", 502, "tls"),
        ("plain", 504, "timeout"),
        ("silent", 504, "timeout"),
        ("dead", 502, "connect"),
    ] {
        let (before, begun) = (outcome(&agent, word), Instant::now());
        let answer = agent.get(&format!("/proxy/shop/{service}/1"), &[]).expect("an answer");
        assert_eq!((answer.status, outcome(&agent, word) - before), (status, 1.0), "{service}: {}", answer.text());
        assert!(begun.elapsed() < Duration::from_secs(5), "{service} took {:?}", begun.elapsed());
    }
    assert_eq!(one.asked(), [""; 0], "no request was made");
}

#[test]
fn what_is_too_large_or_breaks_off_is_so_behind_tls_as_well() {
    let authority = Authority::new();
    let applications = [
        ("endless", Application::endless("junk{n=\"{}\"} 1\n"), "too_large"),
        (
            "cut",
            Application::start(|_, s| s.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\nup 1\n")),
            "broken",
        ),
    ];
    let gates =
        applications.each_ref().map(|(name, app, _)| Gate::of_application(app.port, authority.application(name)));
    let containers = applications.iter().zip(&gates).map(|((name, ..), gate)| secure(name, gate.address.port()));
    let more = "targets:\n  timeout: 2s\n  max_body_size: 1MiB\n";
    let (_engine, _home, agent, _folder) = scene(containers.collect(), Some(authority.pem()), more);
    for (name, _, word) in &applications {
        let before = outcome(&agent, word);
        let answer = agent.get(&format!("/proxy/shop/{name}/1"), &[]);
        assert!(answer.is_err(), "{name} looks whole: {answer:?}");
        eventually("its end is counted", || {
            let counted = outcome(&agent, word) - before;
            holds(counted == 1.0, || format!("{name} {word}: {counted}"))
        });
    }
    assert!(agent.usage().allocated < 21 << 20, "{:?}", agent.usage());
}

#[test]
fn without_roots_https_is_out_of_reach_and_says_so() {
    let one = Application::start(|_, stream| respond_with(stream, "200 OK", &format!("Content-Type: {TEXT}\r\n"), b""));
    let wrong = on_host("wrong", one.port).label("spyhop.metrics.server_name", "a name");
    let (_engine, _home, agent, _folder) = scene(vec![secure("one", one.port), wrong], None, "");
    for (service, reason) in [("one", "https"), ("wrong", "bad_server_name")] {
        let answer = agent.get(&format!("/proxy/shop/{service}/1"), &[]).expect("an answer");
        assert_eq!(answer.status, 502, "{}", answer.text());
        let labels = [("service", service), ("reason", reason)];
        agent.scrape().expect("spyhop_target_reachable", &labels, 0.0).expect("the reason");
    }
    assert_eq!(agent.get("/sd", &[]).expect("an answer").text(), "[]", "Prometheus is told of neither");
    assert_eq!(one.asked(), [""; 0]);
}

/// An authority that changes: the first certificate it cannot verify makes the agent look at the file again.
#[test]
fn roots_that_were_replaced_are_read_again() {
    let (old, new) = (Authority::new(), Authority::new());
    let one = Application::good(PAGE);
    let gate = Gate::of_application(one.port, new.application("one"));
    let containers = vec![secure("one", gate.address.port())];
    let (_engine, _home, agent, folder) = scene(containers, Some(old.pem()), "");
    let ask = || agent.get("/proxy/shop/one/1", &[]).expect("an answer").status;
    assert_eq!(ask(), 502);
    fs::write(folder.path().join("roots.pem"), new.pem()).expect("a file");
    eventually("the new roots count", || {
        let status = ask();
        holds(status == 200, || status.to_string())
    });
}

/// Merged pages take the same way.
#[test]
fn merging_speaks_tls_too() {
    let authority = Authority::new();
    let one = Application::good(PAGE);
    let gate = Gate::of_application(one.port, authority.application("one"));
    let containers = vec![secure("one", gate.address.port())];
    let (_engine, _home, agent, _folder) = scene(containers, Some(authority.pem()), "metrics:\n  merge: on\n");
    let page = agent.scrape();
    page.expect("one", &[("service", "one"), ("project", "shop")], 1.0).expect("a merged series");
    page.expect("spyhop_target_up", &[("service", "one")], 1.0).expect("it is up");
}
