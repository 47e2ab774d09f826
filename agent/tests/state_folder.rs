//! The state folder when it is full, read-only, broken or somebody else's: counting goes on, and what is wrong is said.

mod support;

use std::{
    fs,
    path::Path,
    process::{Command, Stdio},
};

use support::{
    agent::{Agent, Home},
    fake_engine::{FakeContainer, FakeEngine, World},
    scene::{binary, service},
    wait::{eventually, holds},
};

fn engine() -> FakeEngine {
    FakeEngine::start(World::new().with(FakeContainer::new("web").compose("shop", "web", 1).running(1)))
}

fn folder(home: &Home) -> std::path::PathBuf {
    home.config().with_file_name("state")
}

fn written(agent: &Agent, outcome: &str) -> f64 {
    agent.scrape().value("spyhop_state_writes_total", &[("outcome", outcome)]).unwrap_or_default()
}

/// Something to save, and the count of it on the page.
fn live(engine: &FakeEngine, agent: &Agent, starts: f64) {
    engine.die("web", 1);
    engine.start_container("web", 2);
    eventually("a start", || agent.scrape().expect("spyhop_service_starts_total", &service("shop", "web"), starts));
}

#[test]
fn a_second_agent_in_the_same_folder_is_refused_by_name() {
    let engine = engine();
    let home = Home::new(&binary(), &engine.socket());
    let first = home.start();
    let second = Command::new(binary())
        .args(["run", "--config"])
        .arg(home.config())
        .env_remove("DOCKER_HOST")
        .stdin(Stdio::null())
        .output()
        .expect("the agent runs");
    let said = String::from_utf8_lossy(&second.stderr).into_owned() + &String::from_utf8_lossy(&second.stdout);
    assert_eq!(second.status.code(), Some(3), "{said}");
    assert!(said.contains("another agent keeps its state there") && said.contains("state.directory"), "{said}");
    live(&engine, &first, 1.0);
    // A killed one leaves no lock behind.
    first.kill();
    assert_eq!(home.start().scrape().value("spyhop_ready", &[]), Some(1.0));
}

/// A small disk of the test's own; `None`, after saying so, where none can be mounted.
struct Disk(std::path::PathBuf);

impl Disk {
    fn mount(on: &Path) -> Option<Self> {
        let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", "size=64k", "spyhop-test"]).arg(on).status();
        if mounted.is_ok_and(|status| status.success()) {
            return Some(Self(on.to_owned()));
        }
        eprintln!("skipped: no disk can be mounted here");
        None
    }

    fn remount(&self, how: &str) {
        let status = Command::new("mount").args(["-o", &format!("remount,{how}")]).arg(&self.0).status();
        assert!(status.is_ok_and(|status| status.success()), "remount {how}");
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // Lazily: the agent may still hold its lock there.
        drop(Command::new("umount").arg("--lazy").arg(&self.0).status());
    }
}

#[test]
fn a_full_disk_costs_no_count_and_heals() {
    let engine = engine();
    let home = Home::new(&binary(), &engine.socket());
    let Some(_disk) = Disk::mount(&folder(&home)) else { return };
    let agent = home.start();
    live(&engine, &agent, 1.0);
    eventually("it is written", || holds(written(&agent, "ok") >= 1.0, || "not yet".into()));
    let filler = folder(&home).join("filler");
    // More than fits: the write fails in the end, and the disk is full.
    drop(fs::write(&filler, vec![0; 1 << 20]));
    live(&engine, &agent, 2.0);
    eventually("it is refused", || holds(written(&agent, "error") >= 1.0, || "not yet".into()));
    assert!(agent.log().contains("counters are not saved"), "{}", agent.log());
    fs::remove_file(filler).expect("the filler is there");
    eventually("it is written again", || holds(agent.log().contains("saved again"), || "not yet".into()));
    assert_eq!(agent.terminate().code(), Some(0));
    let agent = home.start();
    assert_eq!(agent.scrape().expect("spyhop_service_starts_total", &service("shop", "web"), 2.0), Ok(()));
}

#[test]
fn a_disk_that_became_read_only_costs_no_count() {
    let engine = engine();
    let home = Home::new(&binary(), &engine.socket());
    let Some(disk) = Disk::mount(&folder(&home)) else { return };
    disk.remount("ro");
    let agent = home.start();
    live(&engine, &agent, 1.0);
    eventually("it is refused", || holds(written(&agent, "error") >= 1.0, || "not yet".into()));
    assert_eq!(agent.get("/health/ready", &[]).map(|answer| answer.status).ok(), Some(200));
    disk.remount("rw");
    eventually("it is written", || holds(written(&agent, "ok") >= 1.0, || "not yet".into()));
    assert_eq!(agent.terminate().code(), Some(0));
}

#[test]
fn a_pipe_instead_of_the_state_does_not_keep_the_agent_from_beginning() {
    let engine = engine();
    let home = Home::new(&binary(), &engine.socket());
    let pipe = folder(&home).join("state.json");
    let made = Command::new("mkfifo").arg(&pipe).status();
    assert!(made.is_ok_and(|status| status.success()), "mkfifo");
    let agent = home.start();
    live(&engine, &agent, 1.0);
    assert!(agent.log().contains("state file cannot be used"), "{}", agent.log());
}
