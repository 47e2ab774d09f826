//! Counters outlive the agent, however it ends.
//!
//! Promised: after SIGTERM nothing is lost; after SIGKILL nothing that was written; and what happened while no agent ran is
//! counted by the next one as far as the engine can tell.

mod support;

use support::{
    agent::{Agent, Home},
    docker::{Docker, Turn},
    page::Page,
    scene::{and, binary, service},
    wait::{eventually, holds, promptly},
};

/// Waits until the state file has been written after everything counted so far.
fn written(agent: &Agent) {
    let writes = || agent.scrape().value("spyhop_state_writes_total", &[("outcome", "ok")]).unwrap_or(0.0);
    let before = writes();
    eventually("the state is written", || holds(writes() > before, || format!("{before} writes")));
}

fn exits(page: &Page, name: &str) -> f64 {
    page.all("spyhop_service_exits_total", &service("restart", name)).map(|sample| sample.value).sum()
}

#[test]
fn counters_survive_sigterm() {
    let Some(docker) = Docker::or_skip(Turn::Shared) else { return };
    let home = Home::new(&binary(), docker.socket());
    let agent = home.start();
    let container = docker.container("term").compose("restart", "term", 1).start();
    container.act(&["kill"]);
    container.act(&["start"]);
    let of = service("restart", "term");
    promptly("two runs", || agent.scrape().expect("spyhop_service_starts_total", &of, 2.0));
    let status = agent.terminate();
    assert!(status.success(), "a drained agent exits with 0, not {status}");
    let agent = home.start();
    let page = agent.scrape();
    assert_eq!(page.value("spyhop_service_starts_total", &of), Some(2.0));
    assert_eq!(page.value("spyhop_service_restarts_total", &of), Some(1.0));
    assert_eq!(page.value("spyhop_service_exits_total", &and(&of, "class", "signal")), Some(1.0));
}

#[test]
fn counters_survive_sigkill() {
    let Some(docker) = Docker::or_skip(Turn::Shared) else { return };
    let home = Home::new(&binary(), docker.socket());
    let agent = home.start();
    let of = service("restart", "killed");
    let container = docker.container("killed").compose("restart", "killed", 1).start();
    container.act(&["kill"]);
    promptly("an end", || agent.scrape().expect("spyhop_service_exits_total", &and(&of, "class", "signal"), 1.0));
    written(&agent);
    agent.kill();
    let agent = home.start();
    assert_eq!(agent.scrape().value("spyhop_service_exits_total", &and(&of, "class", "signal")), Some(1.0));
    assert_eq!(agent.scrape().value("spyhop_service_starts_total", &of), Some(1.0));
}

#[test]
fn what_happened_meanwhile_is_counted() {
    let Some(docker) = Docker::or_skip(Turn::Shared) else { return };
    let home = Home::new(&binary(), docker.socket());
    let agent = home.start();
    let container = docker.container("away").compose("restart", "away", 1).start();
    let gone = docker.container("gone").compose("restart", "gone", 1).start();
    let (of, left) = (service("restart", "away"), service("restart", "gone"));
    promptly("both", || {
        let page = agent.scrape();
        page.expect("spyhop_service_starts_total", &of, 1.0)?;
        page.expect("spyhop_service_starts_total", &left, 1.0)?;
        page.expect("spyhop_service_replicas_expected", &left, 1.0)
    });
    agent.terminate();
    container.act(&["kill"]);
    container.act(&["start"]);
    gone.remove();
    let new = docker.container("new").compose("restart", "new", 1).start();
    let agent = home.start();
    let page = agent.scrape();
    assert_eq!(page.value("spyhop_service_starts_total", &of), Some(2.0), "one run began meanwhile");
    assert_eq!(exits(&page, "away"), 1.0, "and one ended");
    assert_eq!(page.value("spyhop_service_starts_total", &service("restart", "new")), Some(1.0));
    assert_eq!(
        page.value("spyhop_service_starts_total", &left),
        Some(1.0),
        "a service is remembered without its containers"
    );
    assert_eq!(page.value("spyhop_service_replicas_expected", &left), Some(1.0));
    drop(new);
}

#[test]
fn a_broken_state_file_is_set_aside() {
    let Some(docker) = Docker::or_skip(Turn::Shared) else { return };
    let home = Home::new(&binary(), docker.socket());
    home.start().terminate();
    let files: Vec<_> = home.state_files();
    assert!(!files.is_empty(), "there is a state file");
    for file in &files {
        std::fs::write(file, b"\0not a state file").expect("it can be written");
    }
    let agent = home.start();
    assert_eq!(agent.scrape().value("spyhop_ready", &[]), Some(1.0));
    assert!(agent.log().to_lowercase().contains("state"), "the log says what became of it");
}
