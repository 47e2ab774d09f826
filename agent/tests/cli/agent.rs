//! `spyhop health` and `spyhop status` against an agent on a real socket.

use std::{net::TcpListener, time::Instant};

use crate::{Outcome, fake_agent::FakeAgent, outcome, spyhop};

fn asking(command: &str, listen: &str) -> Outcome {
    outcome(&mut spyhop(&[command, "--config", "/dev/null", "--listen", listen]))
}

/// A port where nobody listens.
fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

#[test]
fn a_ready_agent_is_healthy() {
    let agent = FakeAgent::answering("200 OK", "ready\n");
    let run = asking("health", &agent.address());
    assert_eq!((run.code, run.stdout.as_str(), run.stderr.as_str()), (0, "ready\n", ""));
    let request = agent.request();
    assert!(request.starts_with("GET /health/ready HTTP/1.1\r\nhost: 127.0.0.1:"), "{request}");
}

#[test]
fn an_agent_on_every_address_is_found_on_loopback() {
    let agent = FakeAgent::answering("200 OK", "");
    assert_eq!(asking("health", &format!("0.0.0.0:{}", agent.port())).code, 0);
    if let Some(agent) = FakeAgent::on_v6("200 OK") {
        assert_eq!(asking("health", &format!("[::]:{}", agent.port())).code, 0);
    }
}

#[test]
fn an_agent_which_is_not_ready_gives_its_reason_in_one_line() {
    let agent = FakeAgent::answering("503 Service Unavailable", "the first inventory is not complete\u{1b}[2J\nmore\n");
    let run = asking("health", &agent.address());
    assert_eq!((run.code, run.stdout.as_str()), (1, ""));
    assert_eq!(run.stderr, "spyhop: not ready: status 503: the first inventory is not complete?[2J\n");
}

#[test]
fn an_agent_which_is_not_there_is_unhealthy() {
    let run = asking("health", &format!("127.0.0.1:{}", free_port()));
    assert_eq!((run.code, run.stdout.as_str()), (1, ""));
    assert!(
        run.stderr.starts_with("spyhop: cannot reach 127.0.0.1:") && run.stderr.contains("refused"),
        "{}",
        run.stderr
    );
}

#[test]
fn an_agent_which_does_not_answer_is_unhealthy_after_two_seconds() {
    let agent = FakeAgent::silent();
    let start = Instant::now();
    let run = asking("health", &agent.address());
    assert_eq!(run.code, 1);
    assert_eq!(run.stderr, format!("spyhop: no answer from {} within 2 s\n", agent.address()));
    assert!((2..5).contains(&start.elapsed().as_secs()), "{:?}", start.elapsed());
    agent.request();
}

#[test]
fn answers_which_are_not_http_or_too_large_are_unhealthy() {
    let agent = FakeAgent::raw("SSH-2.0-OpenSSH_9.2\r\n\r\n");
    let run = asking("health", &agent.address());
    assert_eq!(run.code, 1);
    assert!(run.stderr.contains("no HTTP answer"), "{}", run.stderr);
    let agent = FakeAgent::answering("200 OK", &"x".repeat(64 * 1024 + 1));
    let run = asking("health", &agent.address());
    assert_eq!(run.code, 1);
    assert!(run.stderr.contains("cannot read the answer"), "{}", run.stderr);
}

#[test]
fn a_port_which_is_not_known_or_a_wrong_configuration_is_said() {
    let run = asking("health", "127.0.0.1:0");
    assert_eq!(run.code, 1);
    assert!(run.stderr.contains("port 0"), "{}", run.stderr);
    assert_eq!(asking("health", "nowhere").code, 3);
}

#[test]
fn status_is_a_table_or_the_json_behind_it() {
    let body = r#"{"host":"lab","engine":{"connected":true,"version":"20.10.24"},"containers":[
        {"project":"shop","service":"web","replica":"1","state":"running","health":{"status":"healthy","failing_streak":0},
         "limits":{"memory_bytes":134217728},"restart_count":0,"started_at":"2026-01-01T00:00:00Z"}]}"#;
    let agent = FakeAgent::answering("200 OK", body);
    let run = asking("status", &agent.address());
    assert_eq!((run.code, run.stderr.as_str()), (0, ""));
    assert!(
        run.stdout.starts_with("lab, engine 20.10.24, 1 container\n\nPROJECT  SERVICE  REPLICA  STATE"),
        "{}",
        run.stdout
    );
    assert!(
        run.stdout.contains("\nshop     web      1        running  healthy  -          128 MiB       0         "),
        "{}",
        run.stdout
    );
    assert!(agent.request().starts_with("GET /api/v1/containers HTTP/1.1\r\n"));

    let agent = FakeAgent::answering("200 OK", body);
    let run = outcome(&mut spyhop(&["status", "--json", "--config", "/dev/null", "--listen", &agent.address()]));
    assert_eq!((run.code, run.stdout), (0, format!("{body}\n")));
}

#[test]
fn status_says_why_there_is_none() {
    let run = asking("status", &format!("127.0.0.1:{}", free_port()));
    assert_eq!((run.code, run.stdout.as_str()), (3, ""));
    assert!(run.stderr.contains("refused") && run.stderr.contains("is the agent running?"), "{}", run.stderr);
    for (status, body, expected) in
        [("404 Not Found", "", "status 404"), ("200 OK", "<html>", "not what an agent says")]
    {
        let agent = FakeAgent::answering(status, body);
        let run = asking("status", &agent.address());
        assert_eq!((run.code, run.stdout.as_str()), (3, ""));
        assert!(run.stderr.contains(expected), "{}", run.stderr);
    }
}
