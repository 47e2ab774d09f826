//! The engine's figures in place of the kernel's files: the same numbers.
//!
//! Promised: an agent which sees no cgroups asks the engine, in the background, and shows what the engine says under the same
//! names; what the API does not tell is absent. Two agents watch the same containers, one with the kernel's files, one with an empty
//! folder in their place.
//!
//! The engine reads the same files at another moment. A frozen container does not move between the two, so everything of it must
//! be equal, with two exceptions: memory, of which the kernel keeps counts a processor at a time and folds them in when it
//! likes (32 pages each), and packets, which reach a frozen container's interface too.

#![expect(clippy::expect_used, reason = "helpers of tests")]

mod support;

use support::{
    agent::{Agent, Home},
    container::{Role, Running},
    docker::Turn,
    page::{Page, Sample},
    scene::{Scene, binary},
    wait::{eventually, holds},
};

/// 32 pages of 4 KiB for each of up to eight processors, at most this often behind.
const MEMORY_SLACK: f64 = 32.0 * 4096.0 * 8.0;
/// Neighbours are looked for on a new interface for a while.
const NETWORK_SLACK: f64 = 4096.0;

/// Families whose every figure the API tells. Podman tells one figure of memory: which one, its version says.
const FAMILIES: [&str; 11] = [
    "container_cpu_usage_seconds_total",
    "container_memory_usage_bytes",
    "container_memory_working_set_bytes",
    "container_memory_rss",
    "container_memory_cache",
    "container_fs_reads_bytes_total",
    "container_fs_writes_bytes_total",
    "container_network_receive_bytes_total",
    "container_network_transmit_packets_total",
    "container_spec_memory_limit_bytes",
    "container_spec_cpu_quota",
];

/// An agent that sees processes and no cgroups.
fn blind(scene: &Scene, folder: &std::path::Path) -> (Agent, Home) {
    std::fs::create_dir_all(folder.join("fs/cgroup")).expect("a folder");
    let home = Home::with(&binary(), scene.docker.socket(), &format!("host:\n  sys: {}\n", folder.display()))
        .environment("SPYHOP__ENGINE__STATS_INTERVAL", "5s");
    (home.start(), home)
}

fn series<'a>(page: &'a Page, family: &str, container: &'a Running) -> Vec<&'a Sample> {
    let mut rows: Vec<_> = page.all(family, &[("name", &container.name)]).collect();
    rows.sort_by_key(|sample| sample.label("interface").to_owned());
    rows
}

fn slack(family: &str) -> f64 {
    match family {
        "container_memory_usage_bytes" | "container_memory_working_set_bytes" => MEMORY_SLACK,
        "container_memory_rss" | "container_memory_cache" => MEMORY_SLACK,
        family if family.starts_with("container_network") => NETWORK_SLACK,
        _ => 0.0,
    }
}

#[test]
fn the_engine_and_the_kernel_say_the_same() {
    let Some(scene) = Scene::or_skip(Turn::Shared) else { return };
    let product = scene.docker.product();
    let folder = tempfile::tempdir().expect("a folder");
    let (agent, _home) = blind(&scene, folder.path());
    let write = "dd if=/dev/zero of=/data bs=4096 count=512 conv=fsync 2>/dev/null; echo ready; sleep 100000";
    let recipe = scene.docker.container("frozen").options(&["--memory", "64m", "--cpus", "0.5", "--pids-limit", "50"]);
    let frozen = recipe.role(Role::Script(write.into())).start();
    eventually("it has written", || {
        let log = frozen.act(&["logs"]);
        holds(log.contains("ready"), || log)
    });
    // Before the pause: Podman joins nobody to a paused container.
    let guest = scene.docker.container("guest").options(&["--network", &format!("container:{}", frozen.id)]).start();
    frozen.act(&["pause"]);

    let podman_4 = product.leaves_out(product.is_podman_4(), "its figures of networks are sums without packets");
    let podman = product.leaves_out(product.is_podman(), "of memory its API tells one figure");
    let told_of_memory = if podman_4 { "usage_bytes" } else { "working_set_bytes" };
    let named = [("name", frozen.name.as_str())];
    eventually("both agents agree", || {
        let (by_kernel, by_engine) = (scene.agent.scrape(), agent.scrape());
        by_engine.require("container_cpu_usage_seconds_total", &named)?;
        let mut wrong = Vec::new();
        for family in FAMILIES {
            let skipped = podman_4 && family.starts_with("container_network")
                || podman && family.strip_prefix("container_memory_").is_some_and(|figure| figure != told_of_memory);
            let (kernel, engine) = (series(&by_kernel, family, &frozen), series(&by_engine, family, &frozen));
            if skipped {
                wrong.extend(engine.iter().map(|sample| format!("{sample} is made up")));
                continue;
            }
            // Linux 6.18 with cgroup v1 counts no bytes of a disk for which no throttle was ever set: nobody has a figure then.
            let may_be_absent = family.starts_with("container_fs");
            if kernel.len() != engine.len() || kernel.is_empty() && !may_be_absent {
                wrong.push(format!("{family}: {} series by the kernel, {} by the engine", kernel.len(), engine.len()));
            }
            for (kernel, engine) in kernel.iter().zip(&engine) {
                if (kernel.value - engine.value).abs() > slack(family) {
                    wrong.push(format!("{kernel} by the kernel, {} by the engine", engine.value));
                }
            }
        }
        holds(wrong.is_empty(), || wrong.join("\n"))
    });
    let page = eventually("both containers have figures", || {
        let page = agent.scrape();
        let count = page.require("spyhop_figures_containers", &[("source", "engine")])?;
        holds(count >= 2.0, || format!("{count}")).map(|()| page)
    });
    // What the API does not tell is absent, and pids are shown by their share.
    for absent in
        ["container_memory_swap", "container_memory_kernel_usage", "container_pressure_cpu_waiting_seconds_total"]
    {
        page.absent(absent, &named).expect("nothing is made up");
    }
    page.absent("container_network_receive_bytes_total", &[("name", &guest.name)])
        .expect("a shared network has one owner");
    let age = page.value("spyhop_figures_oldest_age_seconds", &[]).expect("figures of the engine have an age");
    assert!((0.0..=20.0).contains(&age), "{age} s");
    assert_eq!(page.value("spyhop_figures_containers", &[("source", "kernel")]), Some(0.0));
    let seen = scene.agent.scrape();
    assert!(seen.value("spyhop_figures_containers", &[("source", "kernel")]) >= Some(2.0));
    seen.absent("spyhop_figures_oldest_age_seconds", &[]).expect("the kernel's figures are of now");

    frozen.act(&["unpause"]);
    frozen.act(&["kill"]);
    eventually("who has ended has no figures", || agent.scrape().absent("container_last_seen", &named));
    assert!(agent.scrape().value("spyhop_engine_requests_total", &[("call", "stats"), ("outcome", "ok")]) > Some(0.0));
}
