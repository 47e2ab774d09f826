//! Rootless Docker where no cgroups are delegated (cgroup v1): what cannot be accounted is absent, and the rest is there.
//!
//! Such an engine's containers are in the cgroup of whoever started it, the machine's root at worst. Promised: its figures are
//! nobody's, whether they come from the kernel or from the engine; state, network and counters are those of any engine.

mod support;

use support::{
    agent::Home,
    docker::{Docker, Turn},
    scene::{Scene, and, binary, replica, service},
    wait::{eventually, promptly},
};

/// Whether the engine gives containers no cgroups.
fn is_without_cgroups(docker: &Docker) -> bool {
    let driver = docker.run(&["info", "--format", "{{.CgroupDriver}}"]);
    if driver != "none" {
        eprintln!("skipped: the engine's cgroup driver is {driver}, this is about one without");
    }
    driver == "none"
}

#[test]
fn nobody_is_shown_the_figures_of_everybody() {
    let Some(scene) = Scene::or_skip(Turn::Shared) else { return };
    if !is_without_cgroups(&scene.docker) {
        return;
    }
    let home = Home::with(&binary(), scene.docker.socket(), "").environment("SPYHOP__ENGINE__STATS", "always");
    let by_engine = home.start();
    let (who, of) = (replica("rootless", "web", "1"), service("rootless", "web"));
    let container = scene.docker.container("web").compose("rootless", "web", 1).start();
    let named = [("name", container.name.as_str())];
    promptly("a start", || {
        let page = scene.agent.scrape();
        page.expect("spyhop_container_state", &and(&who, "state", "running"), 1.0)?;
        page.require("container_last_seen", &named)?;
        page.require("container_network_receive_bytes_total", &and(&named, "interface", "eth0"))
    });
    eventually("the engine was asked", || {
        by_engine.scrape().require("spyhop_engine_requests_total", &[("call", "stats"), ("outcome", "ok")])
    });
    eventually("its answer is on the page", || by_engine.scrape().require("container_last_seen", &named));
    for page in [scene.agent.scrape(), by_engine.scrape()] {
        for family in
            ["cpu_usage_seconds_total", "memory_usage_bytes", "fs_reads_bytes_total", "spec_memory_limit_bytes"]
        {
            page.absent(&format!("container_{family}"), &named).expect("the figures are somebody else's");
        }
    }
    let page = scene.agent.scrape();
    assert_eq!(page.value("spyhop_figures_containers", &[("source", "kernel")]), Some(0.0));
    assert_eq!(
        page.one("spyhop_engine_info", &[]).map(|info| info.label("cgroup_driver").to_owned()),
        Some("none".into())
    );
    container.act(&["kill"]);
    promptly("a kill", || scene.agent.scrape().expect("spyhop_service_exits_total", &and(&of, "class", "signal"), 1.0));
}
