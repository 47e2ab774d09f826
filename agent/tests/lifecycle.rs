//! What happens to a container is on the page within a second.
//!
//! Promised: series appear with the start and leave with the end; a stopped container keeps its state, a removed one nothing;
//! counters of a service outlive its containers; a paused container keeps its series; a new name replaces the old one.
//! Every second is counted from the return of the command line.

mod support;

use support::{
    container::Role,
    docker::Turn,
    scene::{Scene, and, replica, service},
    wait::{eventually, holds, promptly},
};

#[test]
fn a_start_and_a_removal_are_seen() {
    let Some(scene) = Scene::or_skip(Turn::Shared) else { return };
    let who = replica("lifecycle", "seen", "1");
    let container = scene.docker.container("seen").compose("lifecycle", "seen", 1).start();
    let name = container.name.clone();
    promptly("a start", || {
        let page = scene.agent.scrape();
        page.require("container_last_seen", &[("name", &name)])?;
        page.require("container_cpu_usage_seconds_total", &[("name", &name)])?;
        page.expect("spyhop_container_state", &and(&who, "state", "running"), 1.0)?;
        page.expect("spyhop_container_info", &and(&who, "id", &container.id), 1.0)
    });
    container.remove();
    promptly("a removal", || {
        let page = scene.agent.scrape();
        let left = page
            .samples
            .iter()
            .find(|s| s.label("name") == name || s.name.starts_with("spyhop_container_") && s.matches(&who));
        holds(left.is_none(), || format!("{left:?} is still there"))
    });
    let page = scene.agent.scrape();
    assert_eq!(
        page.value("spyhop_service_starts_total", &service("lifecycle", "seen")),
        Some(1.0),
        "the service is remembered"
    );
    assert_eq!(
        page.value("spyhop_service_replicas", &and(&service("lifecycle", "seen"), "state", "running")),
        Some(0.0)
    );
}

#[test]
fn a_kill_is_seen() {
    let Some(scene) = Scene::or_skip(Turn::Shared) else { return };
    let who = replica("lifecycle", "killed", "1");
    let container = scene.docker.container("killed").compose("lifecycle", "killed", 1).start();
    promptly("a start", || scene.agent.scrape().require("container_last_seen", &[("name", &container.name)]));
    container.act(&["kill"]);
    promptly("a kill", || {
        let page = scene.agent.scrape();
        page.absent("container_last_seen", &[("name", &container.name)])?;
        page.expect("spyhop_container_state", &and(&who, "state", "stopped"), 1.0)?;
        page.expect("spyhop_container_exit_code", &who, 137.0)?;
        page.expect("spyhop_service_exits_total", &and(&service("lifecycle", "killed"), "class", "signal"), 1.0)
    });
    let kernel_series = scene.agent.scrape().samples.iter().filter(|s| s.label("name") == container.name).count();
    assert_eq!(kernel_series, 1, "of a stopped container only spyhop_container_info carries the name");
    container.act(&["start"]);
    promptly("a start after a kill", || {
        let page = scene.agent.scrape();
        page.require("container_last_seen", &[("name", &container.name)])?;
        page.absent("spyhop_container_exit_code", &who)?;
        page.expect("spyhop_service_restarts_total", &service("lifecycle", "killed"), 1.0)
    });
}

#[test]
fn a_container_that_did_its_work_is_completed() {
    let Some(scene) = Scene::or_skip(Turn::Shared) else { return };
    let made = scene.docker.container("made").compose("lifecycle", "made", 1).create();
    promptly("a creation", || {
        scene.agent.scrape().state("spyhop_container_state", &replica("lifecycle", "made", "1"), "state")
    });
    let job = scene.docker.container("job").compose("lifecycle", "job", 1).role(Role::ExitAfter(0.2, 0)).start();
    job.act(&["wait"]);
    promptly("an end", || {
        let page = scene.agent.scrape();
        page.expect("spyhop_container_state", &and(&replica("lifecycle", "job", "1"), "state", "completed"), 1.0)?;
        page.expect("spyhop_service_replicas", &and(&service("lifecycle", "job"), "state", "completed"), 1.0)?;
        page.expect("spyhop_service_exits_total", &and(&service("lifecycle", "job"), "class", "success"), 1.0)
    });
    let page = scene.agent.scrape();
    assert_eq!(page.state("spyhop_container_state", &replica("lifecycle", "made", "1"), "state"), Ok("created".into()));
    assert_eq!(page.value("spyhop_container_started_timestamp_seconds", &replica("lifecycle", "made", "1")), None);
    made.remove();
}

#[test]
fn a_restart_loop_is_counted_run_by_run() {
    let Some(scene) = Scene::or_skip(Turn::Shared) else { return };
    let (who, of) = (replica("lifecycle", "loops", "1"), service("lifecycle", "loops"));
    let product = scene.docker.product();
    // Podman passes over a stop that falls between two runs, and the loop goes on for ever.
    let ends_by_itself = product.leaves_out(product.is_podman(), "it announces no stop: the loop ends by itself");
    let policy = if ends_by_itself { "on-failure:6" } else { "always" };
    let recipe = scene.docker.container("loops").compose("lifecycle", "loops", 1);
    let told = scene.docker.watch(recipe.name());
    let container = recipe.options(&["--restart", policy]).role(Role::ExitAfter(0.05, 7)).start();
    // The engine doubles its pause from 100 ms, so a handful is what a few seconds give.
    eventually("five restarts", || {
        let restarts = scene.agent.scrape().require("spyhop_container_restarts_total", &who)?;
        holds(restarts >= 5.0, || format!("{restarts} restarts"))
    });
    if ends_by_itself {
        eventually("the engine tells its last", || {
            let [starts, ends] = ["start", "die"].map(|event| told.count(event));
            holds(starts == 7.0 && ends == 7.0, || format!("{starts} starts and {ends} ends"))
        });
    } else {
        container.act(&["stop"]);
        eventually("the engine tells its last", || holds(told.count("stop") == 1.0, || "no stop yet".into()));
    }
    // Not the engine's RestartCount: that has counted the run already which the stop has forestalled.
    let [starts, ends] = ["start", "die"].map(|event| told.count(event));
    promptly("every run of the loop", || {
        let page = scene.agent.scrape();
        page.expect("spyhop_service_starts_total", &of, starts)?;
        page.expect("spyhop_service_restarts_total", &of, starts - 1.0)?;
        page.expect(
            "spyhop_container_restarts_total",
            &who,
            container.inspect()["RestartCount"].as_f64().unwrap_or(-1.0),
        )?;
        let exits: f64 = page.all("spyhop_service_exits_total", &of).map(|sample| sample.value).sum();
        holds(exits == ends, || format!("{exits} exits counted, the engine told {ends}"))
    });
}

#[test]
fn a_pause_keeps_the_series() {
    let Some(scene) = Scene::or_skip(Turn::Shared) else { return };
    let who = replica("lifecycle", "paused", "1");
    let container = scene.docker.container("paused").compose("lifecycle", "paused", 1).role(Role::Busy).start();
    let named = [("name", container.name.as_str())];
    container.act(&["pause"]);
    promptly("a pause", || scene.agent.scrape().expect("spyhop_container_state", &and(&who, "state", "paused"), 1.0));
    let used = || scene.agent.scrape().value("container_cpu_usage_seconds_total", &named);
    let frozen = used().expect("a paused container keeps its series");
    assert_eq!(used(), Some(frozen), "a paused container uses no CPU");
    container.act(&["unpause"]);
    promptly("an end of a pause", || {
        scene.agent.scrape().expect("spyhop_container_state", &and(&who, "state", "running"), 1.0)
    });
    eventually("it goes on", || holds(used() > Some(frozen), || format!("still {frozen}")));
}

#[test]
fn a_new_name_replaces_the_old_one() {
    let Some(scene) = Scene::or_skip(Turn::Shared) else { return };
    let who = replica("lifecycle", "renamed", "1");
    let container = scene.docker.container("renamed").compose("lifecycle", "renamed", 1).start();
    promptly("a start", || scene.agent.scrape().require("container_last_seen", &[("name", &container.name)]));
    let name = scene.docker.unique("new-name");
    scene.docker.run(&["rename", &container.id, &name]);
    promptly("a new name", || {
        let page = scene.agent.scrape();
        page.require("container_last_seen", &[("name", &name)])?;
        page.expect("spyhop_container_info", &and(&who, "name", &name), 1.0)?;
        let old = page.samples.iter().find(|sample| sample.label("name") == container.name);
        holds(old.is_none(), || format!("{old:?} has the old name"))
    });
    assert_eq!(scene.agent.scrape().value("spyhop_service_starts_total", &service("lifecycle", "renamed")), Some(1.0));
}

#[test]
fn counters_outlive_a_recreation() {
    let Some(scene) = Scene::or_skip(Turn::Shared) else { return };
    let of = service("lifecycle", "recreated");
    let recipe = scene.docker.container("recreated").compose("lifecycle", "recreated", 1);
    let first = recipe.clone().start();
    promptly("the first", || scene.agent.scrape().expect("spyhop_service_starts_total", &of, 1.0));
    let old = first.id.clone();
    first.remove();
    promptly("nobody", || {
        let page = scene.agent.scrape();
        page.absent("spyhop_container_info", &[("id", &old)])?;
        page.expect("spyhop_service_replicas_expected", &of, 1.0)?;
        page.expect("spyhop_service_replicas", &and(&of, "state", "running"), 0.0)
    });
    let second = recipe.start();
    promptly("the second", || {
        let page = scene.agent.scrape();
        page.expect("spyhop_service_starts_total", &of, 2.0)?;
        page.expect("spyhop_service_restarts_total", &of, 0.0)?;
        page.expect("spyhop_service_exits_total", &and(&of, "class", "signal"), 1.0)?;
        page.expect("spyhop_container_info", &and(&of, "id", &second.id), 1.0)?;
        page.expect("spyhop_service_replicas", &and(&of, "state", "running"), 1.0)
    });
}
