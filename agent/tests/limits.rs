//! Limits changed on a living container are on the page within a second.
//!
//! Promised: what was asked of the engine and what the kernel enforces both follow `docker update`, and the share in use is
//! worked out against the new limit.

mod support;

use support::{
    container::Role,
    docker::Turn,
    scene::{Scene, and, replica},
    wait::{eventually, holds, promptly},
};

const MIB: f64 = 1024.0 * 1024.0;

#[test]
fn an_update_of_every_limit_is_seen() {
    let Some(scene) = Scene::or_skip(Turn::Shared) else { return };
    let product = scene.docker.product();
    if product.leaves_out(product.is_podman_4(), "its API has no update") {
        return;
    }
    let who = replica("limits", "updated", "1");
    let recipe = scene.docker.container("updated").compose("limits", "updated", 1);
    let container = recipe.options(&["--memory", "64m", "--memory-swap", "64m"]).start();
    let named = [("name", container.name.as_str())];
    promptly("the first limit", || {
        let page = scene.agent.scrape();
        page.expect("container_spec_memory_limit_bytes", &named, 64.0 * MIB)?;
        page.expect("spyhop_container_memory_limit_bytes", &who, 64.0 * MIB)?;
        page.expect("spyhop_container_limit_present", &and(&who, "resource", "cpu"), 0.0)?;
        page.absent("container_spec_cpu_quota", &named)
    });
    let memory = ["--memory", "128m", "--memory-swap", "128m", "--memory-reservation", "96m", "--pids-limit", "40"];
    let podman = product.leaves_out(product.is_podman(), "its update does not know --cpus: quota and period instead");
    let cpu: &[&str] = if podman { &["--cpu-quota", "50000", "--cpu-period", "100000"] } else { &["--cpus", "0.5"] };
    container.act(&[&["update"], &memory[..], cpu].concat());
    promptly("an update", || {
        let page = scene.agent.scrape();
        page.expect("container_spec_memory_limit_bytes", &named, 128.0 * MIB)?;
        page.expect("container_spec_memory_reservation_limit_bytes", &named, 96.0 * MIB)?;
        page.expect("spyhop_container_memory_limit_bytes", &who, 128.0 * MIB)?;
        page.expect("spyhop_container_memory_reservation_bytes", &who, 96.0 * MIB)?;
        page.expect("spyhop_container_cpu_limit_cores", &who, 0.5)?;
        page.expect("spyhop_container_pids_limit", &who, 40.0)?;
        for resource in ["memory", "cpu", "pids"] {
            page.expect("spyhop_container_limit_present", &and(&who, "resource", resource), 1.0)?;
        }
        let (quota, period) =
            (page.require("container_spec_cpu_quota", &named)?, page.require("container_spec_cpu_period", &named)?);
        holds(quota / period == 0.5, || format!("{quota} of {period} us"))
    });
    let page = scene.agent.scrape();
    let used = page.value("container_memory_working_set_bytes", &named).expect("memory is accounted");
    let share = page.value("spyhop_container_limit_utilization_ratio", &and(&who, "resource", "memory"));
    assert_eq!(share, Some(used / (128.0 * MIB)));
}

#[test]
fn a_busy_container_uses_its_cpu_limit_up() {
    let Some(scene) = Scene::or_skip(Turn::Shared) else { return };
    let who = replica("limits", "busy", "1");
    let recipe = scene.docker.container("busy").compose("limits", "busy", 1).options(&["--cpus", "0.1"]);
    let container = recipe.role(Role::Busy).start();
    // The share is taken over ten seconds or more, between scrapes.
    let share = eventually("a share of the CPU limit", || {
        scene.agent.scrape().require("spyhop_container_limit_utilization_ratio", &and(&who, "resource", "cpu"))
    });
    assert!((0.8..=1.2).contains(&share), "a busy container uses {share} of its limit");
    let page = scene.agent.scrape();
    let throttled = page.value("container_cpu_cfs_throttled_periods_total", &[("name", &container.name)]);
    assert!(throttled > Some(0.0), "the kernel holds it back: {throttled:?}");
}
