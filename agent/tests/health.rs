//! Health as the engine checks it: every change within a second, and the results in between.
//!
//! Promised: the state set follows the engine's verdict, changes are counted by the agent, and the newest result (duration,
//! success, time) is fresh although the engine announces changes only.

#![expect(clippy::indexing_slicing, reason = "an assumption that breaks fails the test, as it should")]

mod support;

use std::time::Duration;

use support::{
    container::Running,
    docker::Turn,
    engine_view::now,
    scene::{Scene, and, replica, service},
    wait::{eventually, factor, holds, promptly},
};

/// Waits for the engine's own verdict, so that what follows measures the agent and not the check's interval.
fn wait_for(container: &Running, status: &str) {
    eventually("the engine's verdict", || {
        let found = container.inspect()["State"]["Health"]["Status"].clone();
        holds(found == status, || format!("{found}, wanted {status}"))
    });
}

#[test]
fn a_change_of_health_is_seen_and_counted() {
    let Some(scene) = Scene::or_skip(Turn::Shared) else { return };
    let (who, of) = (replica("health", "changes", "1"), service("health", "changes"));
    let container = scene.docker.container("changes").compose("health", "changes", 1).health("1s").start();
    promptly("a check that has not run", || {
        scene.agent.scrape().expect("spyhop_container_health_state", &and(&who, "state", "starting"), 1.0)
    });
    wait_for(&container, "healthy");
    promptly("healthy", || {
        let page = scene.agent.scrape();
        page.expect("spyhop_container_health_state", &and(&who, "state", "healthy"), 1.0)?;
        page.expect("container_health_state", &[("name", &container.name)], 1.0)?;
        page.expect("spyhop_service_replicas", &and(&of, "state", "healthy"), 1.0)?;
        page.expect("spyhop_service_health_transitions_total", &and(&of, "to", "healthy"), 1.0)
    });
    container.exec("touch /sick");
    wait_for(&container, "unhealthy");
    promptly("unhealthy", || {
        let page = scene.agent.scrape();
        page.expect("spyhop_container_health_state", &and(&who, "state", "unhealthy"), 1.0)?;
        page.expect("container_health_state", &[("name", &container.name)], 0.0)?;
        page.expect("spyhop_service_replicas", &and(&of, "state", "healthy"), 0.0)?;
        page.expect("spyhop_service_health_transitions_total", &and(&of, "to", "unhealthy"), 1.0)?;
        page.expect("spyhop_container_health_check_success", &who, 0.0)
    });
    container.exec("rm /sick");
    wait_for(&container, "healthy");
    promptly("healthy again", || {
        let page = scene.agent.scrape();
        page.expect("spyhop_service_health_transitions_total", &and(&of, "to", "healthy"), 2.0)?;
        page.expect("spyhop_container_health_failing_streak", &who, 0.0)
    });
}

#[test]
fn results_between_changes_are_counted_once_each() {
    let Some(scene) = Scene::or_skip(Turn::Shared) else { return };
    let (who, of) = (replica("health", "steady", "1"), service("health", "steady"));
    let container = scene.docker.container("steady").compose("health", "steady", 1).health("1s").start();
    wait_for(&container, "healthy");
    // Ten results are twice what the engine keeps: none can be missed by looking too rarely, or counted twice.
    let passed = and(&of, "result", "passed");
    eventually("ten results", || {
        let count = scene.agent.scrape().require("spyhop_service_health_checks_total", &passed)?;
        holds(count >= 10.0, || format!("{count} results"))
    });
    let page = scene.agent.scrape();
    let count = page.value("spyhop_service_health_checks_total", &passed).expect("just seen");
    let age = now() - page.value("spyhop_container_started_timestamp_seconds", &who).expect("it runs");
    assert!(count <= age, "{count} results in {age} s at one a second");
    let newest = page.value("spyhop_container_health_check_timestamp_seconds", &who).expect("a result");
    // Looked at every four intervals at least, and a check takes its time.
    let oldest_allowed = Duration::from_secs(6).mul_f64(factor()).as_secs_f64();
    assert!(now() - newest < oldest_allowed, "the newest result is {} s old", now() - newest);
    assert_eq!(page.value("spyhop_container_health_check_interval_seconds", &who), Some(1.0));
    assert!(page.value("spyhop_container_health_check_duration_seconds", &who) > Some(0.0));
}
