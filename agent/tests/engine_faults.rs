//! An engine that hangs, is slow, closes connections or is gone does not take the page with it.
//!
//! Promised: `/metrics` answers in time with fresh kernel values, what the engine told carries its age, nobody knocks more than
//! once a second, and once the engine is back everything that happened meanwhile is known and counted once.

#![expect(clippy::expect_used, reason = "an assumption that breaks fails the test, as it should")]

mod support;

use std::{
    thread,
    time::{Duration, Instant},
};

use support::{
    agent::{Agent, IN_TIME},
    container::{Role, Running},
    docker::{Docker, Turn},
    proxy::{Mood, Proxy},
    scene::{Scene, and, replica, service},
    wait::{eventually, factor, holds, patience, promptly, within},
};

/// An agent which hears the engine through a proxy.
fn behind_a_proxy(turn: Turn) -> Option<(Scene, Proxy)> {
    let docker = Docker::or_skip(turn)?;
    let proxy = Proxy::new(docker.socket());
    Some((Scene::on(docker, &proxy.socket()), proxy))
}

/// A page within the time allowed, whatever the engine does.
fn page_in_time(agent: &Agent) -> support::page::Page {
    let start = Instant::now();
    let page = agent.scrape();
    let allowed = IN_TIME.mul_f64(factor());
    assert!(start.elapsed() < allowed, "a page took {:?}", start.elapsed());
    page
}

/// Kernel values move on from scrape to scrape.
fn kernel_values_are_fresh(agent: &Agent, busy: &Running) {
    let named = [("name", busy.name.as_str())];
    let used = || page_in_time(agent).value("container_cpu_usage_seconds_total", &named);
    let first = used().expect("the container's series are there");
    eventually("fresh kernel values", || holds(used() > Some(first), || format!("still {first}")));
}

#[test]
fn a_hanging_engine_does_not_hold_the_page() {
    let Some((scene, proxy)) = behind_a_proxy(Turn::Shared) else { return };
    let busy = scene.docker.container("busy").options(&["--cpus", "0.2"]).role(Role::Busy).start();
    let leaves = scene.docker.container("leaves").compose("faults", "leaves", 1).start();
    promptly("both", || {
        let page = scene.agent.scrape();
        page.require("container_last_seen", &[("name", &busy.name)])?;
        page.require("container_last_seen", &[("name", &leaves.name)])
    });
    proxy.mood(Mood::Frozen);
    kernel_values_are_fresh(&scene.agent, &busy);
    // Both happen at the real engine; the agent cannot have heard of them.
    let comes = scene.docker.container("comes").compose("faults", "comes", 1).start();
    leaves.act(&["kill"]);
    promptly("the kernel's word that it is gone", || {
        page_in_time(&scene.agent).absent("container_last_seen", &[("name", &leaves.name)])
    });
    within(patience() * 3, "the agent notices that nobody speaks", || {
        page_in_time(&scene.agent).expect("spyhop_engine_up", &[], 0.0)
    });
    let silence =
        || page_in_time(&scene.agent).value("spyhop_engine_silence_seconds", &[]).expect("the engine was heard once");
    let first = silence();
    eventually("its age grows", || holds(silence() >= first + 1.0, || format!("still {first}")));
    let page = page_in_time(&scene.agent);
    assert_eq!(
        page.state("spyhop_container_state", &replica("faults", "leaves", "1"), "state"),
        Ok("running".into()),
        "as last told"
    );
    assert_eq!(page.absent("spyhop_container_info", &[("name", &comes.name)]), Ok(()));
    assert_eq!(scene.agent.get("/health/live", &[]).expect("an answer").status, 200);

    proxy.mood(Mood::Well);
    within(patience() * 3, "everything is known again", || {
        let page = scene.agent.scrape();
        page.expect("spyhop_engine_up", &[], 1.0)?;
        page.require("container_last_seen", &[("name", &comes.name)])?;
        page.expect("spyhop_service_starts_total", &service("faults", "comes"), 1.0)?;
        page.expect("spyhop_container_exit_code", &replica("faults", "leaves", "1"), 137.0)?;
        page.expect("spyhop_service_exits_total", &and(&service("faults", "leaves"), "class", "signal"), 1.0)
    });
}

#[test]
fn an_engine_that_vanishes_is_found_again() {
    let Some((scene, proxy)) = behind_a_proxy(Turn::Shared) else { return };
    let busy = scene.docker.container("busy").options(&["--cpus", "0.2"]).role(Role::Busy).start();
    let restarted = scene.docker.container("restarted").compose("faults", "restarted", 1).start();
    let removed = scene.docker.container("removed").compose("faults", "removed", 1).start();
    promptly("all", || {
        let page = scene.agent.scrape();
        page.require("container_last_seen", &[("name", &busy.name)])?;
        page.require("container_last_seen", &[("name", &removed.name)])?;
        page.require("container_last_seen", &[("name", &restarted.name)])
    });
    proxy.vanish();
    promptly("the engine is gone", || page_in_time(&scene.agent).expect("spyhop_engine_up", &[], 0.0));
    kernel_values_are_fresh(&scene.agent, &busy);
    restarted.act(&["kill"]);
    restarted.act(&["start"]);
    let name = removed.name.clone();
    removed.remove();
    let comes = scene.docker.container("comes").compose("faults", "found", 1).start();
    proxy.appear();
    within(patience() * 3, "everything is known again", || {
        let page = scene.agent.scrape();
        page.expect("spyhop_engine_up", &[], 1.0)?;
        page.require("container_last_seen", &[("name", &comes.name)])?;
        page.require("container_last_seen", &[("name", &restarted.name)])?;
        page.absent("spyhop_container_info", &[("name", &name)])?;
        page.expect("spyhop_service_starts_total", &service("faults", "found"), 1.0)?;
        page.expect("spyhop_service_starts_total", &service("faults", "restarted"), 2.0)?;
        page.expect("spyhop_service_starts_total", &service("faults", "removed"), 1.0)
    });
    let page = scene.agent.scrape();
    assert!(page.value("spyhop_engine_reconnects_total", &[]) >= Some(1.0));
    assert_eq!(
        page.value("spyhop_service_exits_total", &and(&service("faults", "restarted"), "class", "signal")),
        Some(1.0)
    );
}

#[test]
fn nobody_knocks_more_than_once_a_second() {
    let Some((scene, proxy)) = behind_a_proxy(Turn::Shared) else { return };
    proxy.mood(Mood::Closing);
    proxy.cut();
    promptly("the engine is gone", || page_in_time(&scene.agent).expect("spyhop_engine_up", &[], 0.0));
    let (knocks, start) = (proxy.accepted(), Instant::now());
    // A span of time is what is measured here, so a span of time is what is waited for.
    thread::sleep(Duration::from_secs(6));
    let (knocks, span) = (proxy.accepted() - knocks, start.elapsed().as_secs_f64());
    assert!(knocks >= 1, "the agent has given up");
    #[expect(clippy::cast_precision_loss, reason = "a handful")]
    let rate = (knocks as f64 - 1.0) / span;
    assert!(rate <= 1.0, "{knocks} attempts in {span} s");
    proxy.mood(Mood::Well);
    within(patience() * 3, "the engine is back", || scene.agent.scrape().expect("spyhop_engine_up", &[], 1.0));
}

#[test]
fn a_slow_engine_does_not_slow_the_page() {
    let Some((scene, proxy)) = behind_a_proxy(Turn::Shared) else { return };
    proxy.mood(Mood::Slow(Duration::from_millis(400)));
    let busy = scene.docker.container("slowly").options(&["--cpus", "0.2"]).role(Role::Busy).start();
    eventually("the container is known in the end", || {
        page_in_time(&scene.agent).require("container_last_seen", &[("name", &busy.name)])
    });
    kernel_values_are_fresh(&scene.agent, &busy);
}
