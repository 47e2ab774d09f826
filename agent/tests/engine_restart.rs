//! The engine itself is killed and comes back.
//!
//! Promised: kernel values go on while it is away; afterwards runs which ended or began meanwhile are counted once, and with
//! live-restore, where none did, nothing is counted. Done on a second engine that belongs to the test.

mod support;

use std::{path::Path, thread, time::Duration};

use support::{
    container::Running,
    docker::{Docker, Turn},
    page::Page,
    private_engine::PrivateEngine,
    scene::{Scene, replica, service},
    wait::{eventually, holds, patience, promptly, within},
};

fn seen(page: &Page, container: &Running) -> Result<f64, String> {
    page.require("container_last_seen", &[("name", &container.name)])
}

#[test]
fn runs_that_ended_with_the_engine_are_counted_once() {
    let Some(first) = Docker::or_skip(Turn::Alone) else { return };
    let Some(mut engine) = PrivateEngine::or_skip(false) else { return };
    let scene = Scene::on(engine.docker(&first), &engine.socket());
    let [stays, ends] = [("stays", "always"), ("ends", "no")].map(|(name, policy)| {
        scene.docker.container(name).compose("engine", name, 1).options(&["--restart", policy]).start()
    });
    promptly("both", || seen(&scene.agent.scrape(), &stays).and(seen(&scene.agent.scrape(), &ends)));
    engine.kill();
    promptly("the engine is gone", || scene.agent.scrape().expect("spyhop_engine_up", &[], 0.0));
    let page = scene.agent.scrape();
    assert_eq!(seen(&page, &stays).and(seen(&page, &ends)).err(), None, "containers outlive a killed engine");
    engine.start();
    within(patience() * 3, "the engine's containers are known again", || {
        let page = scene.agent.scrape();
        page.expect("spyhop_engine_up", &[], 1.0)?;
        seen(&page, &stays)?;
        page.expect("spyhop_service_starts_total", &service("engine", "stays"), 2.0)?;
        page.expect("spyhop_service_starts_total", &service("engine", "ends"), 1.0)?;
        // The new engine ends what it will not take over, by a signal: whether that reads as a stop or an exit is its own affair.
        let state = page.state("spyhop_container_state", &replica("engine", "ends", "1"), "state")?;
        holds(["exited", "stopped", "completed"].contains(&state.as_str()), || format!("it is {state}"))?;
        page.absent("container_last_seen", &[("name", &ends.name)])
    });
    let page = scene.agent.scrape();
    for (name, runs) in [("stays", 1.0), ("ends", 1.0)] {
        let exits: f64 =
            page.all("spyhop_service_exits_total", &service("engine", name)).map(|sample| sample.value).sum();
        assert_eq!(exits, runs, "ends of {name}");
    }
}

#[test]
fn with_live_restore_nothing_has_happened() {
    let Some(first) = Docker::or_skip(Turn::Alone) else { return };
    let Some(mut engine) = PrivateEngine::or_skip(true) else { return };
    let scene = Scene::on(engine.docker(&first), &engine.socket());
    let container = scene.docker.container("lives").compose("engine", "lives", 1).start();
    let pid = container.pid();
    promptly("a start", || seen(&scene.agent.scrape(), &container));
    for _ in 0..2 {
        engine.stop();
        promptly("the engine is gone", || scene.agent.scrape().expect("spyhop_engine_up", &[], 0.0));
        assert!(Path::new("/proc").join(pid.to_string()).exists());
        engine.start();
        within(patience() * 3, "the engine is back", || scene.agent.scrape().expect("spyhop_engine_up", &[], 1.0));
    }
    let page = scene.agent.scrape();
    assert_eq!(seen(&page, &container).err(), None);
    assert_eq!(page.value("spyhop_service_starts_total", &service("engine", "lives")), Some(1.0));
    assert_eq!(page.all("spyhop_service_exits_total", &service("engine", "lives")).map(|s| s.value).sum::<f64>(), 0.0);
    assert_eq!(container.pid(), pid);
}

#[test]
fn an_agent_may_come_before_its_engine() {
    let Some(first) = Docker::or_skip(Turn::Alone) else { return };
    let Some(mut engine) = PrivateEngine::or_skip(false) else { return };
    let docker = engine.docker(&first);
    engine.stop();
    let home = support::agent::Home::new(&support::scene::binary(), &engine.socket());
    let agent = home.open();
    let page = agent.scrape();
    assert_eq!(page.value("spyhop_ready", &[]), Some(0.0));
    assert_eq!(agent.get("/health/ready", &[]).expect("an answer").status, 503);
    assert_eq!(agent.get("/health/live", &[]).expect("an answer").status, 200);
    assert!(page.value("node_load1", &[]).is_some(), "the host is seen without an engine");
    engine.start();
    within(patience() * 3, "the agent is ready", || agent.scrape().expect("spyhop_ready", &[], 1.0));
    let container = docker.container("late").start();
    promptly("a start", || seen(&agent.scrape(), &container));
    // Ready is for ever: an engine which goes away later does not make the agent unready.
    engine.stop();
    eventually("the engine is gone", || agent.scrape().expect("spyhop_engine_up", &[], 0.0));
    thread::sleep(Duration::from_secs(1));
    assert_eq!(agent.get("/health/ready", &[]).expect("an answer").status, 200);
    engine.start();
}
