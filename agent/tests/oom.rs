//! Kills because memory ran out are counted, whether the container died of them or not.
//!
//! Promised: the engine's events and the kernel's count make one number; the container's end is told as what it was.

mod support;

use std::time::Duration;

use support::{
    container::{Role, Running},
    docker::{Docker, Turn},
    scene::{Scene, and, replica, service},
    wait::{eventually, promptly, within},
};

const LIMIT: [&str; 4] = ["--memory", "24m", "--memory-swap", "24m"];

#[test]
fn a_container_that_died_of_it_says_so() {
    let Some(scene) = Scene::or_skip(Turn::Shared) else { return };
    let product = scene.docker.product();
    if product.leaves_out(product.is_podman_4(), "on cgroup v1 it does not notice that memory ran out") {
        return;
    }
    let (who, of) = (replica("oom", "dies", "1"), service("oom", "dies"));
    let container = scene.docker.container("dies").compose("oom", "dies", 1).options(&LIMIT).role(Role::Hungry).start();
    container.act(&["wait"]);
    let (oom, signal) = if noticed(&container) { (1.0, 0.0) } else { (0.0, 1.0) };
    promptly("death by memory", || {
        let page = scene.agent.scrape();
        page.expect("spyhop_container_oom_killed", &who, oom)?;
        page.expect("spyhop_container_state", &and(&who, "state", "exited"), 1.0)?;
        page.expect("spyhop_service_exits_total", &and(&of, "class", "oom"), oom)?;
        page.expect("spyhop_service_exits_total", &and(&of, "class", "signal"), signal)
    });
    let counted = || {
        let page = scene.agent.scrape();
        page.expect("spyhop_container_oom_kills_total", &who, oom)?;
        page.expect("spyhop_service_oom_kills_total", &of, oom)
    };
    if product
        .leaves_out(product.is_podman(), "it announces no oom: the kill is counted when no event can come any more")
    {
        within(Duration::from_secs(60), "the kill is counted", counted);
    } else {
        promptly("the kill is counted", counted);
    }
}

/// Whether the engine noticed. On cgroup v2 it hears of the kill through a file of the very cgroup which goes away with the container's
/// first process, and may be too late; nobody else could know by then. Then the agent must say what the engine says.
fn noticed(container: &Running) -> bool {
    let noticed = container.inspect().pointer("/State/OOMKilled") == Some(&true.into());
    assert!(noticed || unified(), "this engine does not notice that memory ran out");
    if !noticed {
        println!("the engine did not notice that memory ran out");
    }
    noticed
}

/// Whether this host has cgroup v2 alone.
fn unified() -> bool {
    std::path::Path::new("/sys/fs/cgroup/cgroup.controllers").exists()
}

#[test]
fn a_container_that_lost_a_child_goes_on_and_counts() {
    let Some(scene) = Scene::or_skip(Turn::Shared) else { return };
    let who = replica("oom", "survives", "1");
    // The shell is protected by being small: the kernel kills the largest.
    let script = "for i in 1 2 3; do tail /dev/zero; done; trap 'exit 0' TERM; sleep 100000 & wait";
    let recipe = scene.docker.container("survives").compose("oom", "survives", 1).options(&LIMIT);
    let container = recipe.role(Role::Script(script.into())).start();
    let named = [("name", container.name.as_str())];
    eventually("three kills", || scene.agent.scrape().expect("container_oom_events_total", &named, 3.0));
    let page = scene.agent.scrape();
    assert_eq!(page.state("spyhop_container_state", &who, "state"), Ok("running".into()));
    assert_eq!(page.value("spyhop_container_oom_kills_total", &who), Some(3.0));
    assert_eq!(page.value("spyhop_service_exits_total", &and(&service("oom", "survives"), "class", "oom")), Some(0.0));
    let limit = page.value("spyhop_container_memory_limit_bytes", &who).expect("a limit");
    assert!(page.value("container_memory_max_usage_bytes", &named) <= Some(limit));
}

#[test]
fn the_engine_agrees_that_memory_ran_out() {
    // Without this the tests above could pass on an engine which does not notice, and for the wrong reason.
    let Some(docker) = Docker::or_skip(Turn::Shared) else { return };
    if docker
        .product()
        .leaves_out(docker.product().is_podman_4(), "on cgroup v1 it does not notice that memory ran out")
    {
        return;
    }
    let container = docker.container("witness").options(&LIMIT).role(Role::Hungry).start();
    container.act(&["wait"]);
    noticed(&container);
    assert_eq!(container.inspect()["State"]["ExitCode"], 137);
}
