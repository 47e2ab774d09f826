//! The host on the page agrees with /proc, /sys and `statvfs`: `node_*`, `machine_*` and cAdvisor's `id="/"`.
//!
//! Promised: no series is missing, none is made up, and each has the value which the kernel gives. The truth is read before and
//! after a scrape by code of the tests' own. What never moves must be equal and counters must lie between, at every scrape. A gauge
//! goes up and down while we look, so that a scrape may have met it outside of both: it must lie between at one of some scrapes.

#![expect(clippy::expect_used, reason = "helpers of tests")]

mod support;

use std::collections::BTreeSet;

use support::{
    agent::{Agent, Home},
    engine_view::now,
    facts::{Expected, Facts, Key},
    fake_engine::{FakeEngine, World},
    host_view,
    page::{Page, Sample},
    scene::binary,
    wait::{eventually, holds},
};

/// Labels of every `machine_*` series, compared by themselves.
const MACHINE_LABELS: [&str; 3] = ["machine_id", "system_uuid", "boot_id"];

fn start() -> (FakeEngine, Agent, Home) {
    let fake = FakeEngine::start(World::new());
    let home = Home::with(&binary(), &fake.socket(), "host:\n  rootfs: /\n");
    let agent = home.start();
    (fake, agent, home)
}

/// Whether a series may be met outside of what was seen before and after: only gauges that fall as well as rise. Time that a CPU
/// waits is corrected downwards now and then (proc(5)).
fn wavers(key: &Key) -> bool {
    const STILL: [&str; 6] = [
        "node_boot_time_seconds",
        "node_memory_MemTotal_bytes",
        "node_memory_SwapTotal_bytes",
        "node_memory_VmallocTotal_bytes",
        "container_creation_time_seconds",
        "container_start_time_seconds",
    ];
    let (name, labels) = key;
    let waiting = labels.get("mode").is_some_and(|mode| mode == "iowait" || mode == "idle");
    let still = name.starts_with("machine_") || name.starts_with("container_spec_") || STILL.contains(&name.as_str());
    waiting || !(name.ends_with("_total") || still)
}

/// Compares some scrapes with what `look` says before and after each of them.
fn agrees(agent: &Agent, least: usize, look: impl Fn() -> Facts, part: impl Fn(&Sample) -> bool, own: &[&str]) {
    let mut right = BTreeSet::new();
    let compared = eventually("every gauge is met between two looks", || {
        let before = look();
        let page = agent.scrape();
        let expected = Expected::of(&[before, look()]);
        let samples: Vec<&Sample> = page.samples.iter().filter(|sample| part(sample)).collect();
        let wrong = expected.disagreeing(samples.iter().copied(), own);
        let never: Vec<_> = wrong.iter().filter(|(key, _)| !wavers(key)).map(|(_, reason)| reason).collect();
        assert!(never.is_empty(), "{} disagreements: {never:#?}", never.len());
        right.extend(expected.keys().filter(|key| !wrong.contains_key(key)).cloned());
        let left: Vec<_> = wrong.iter().filter(|(key, _)| !right.contains(*key)).map(|(_, reason)| reason).collect();
        holds(left.is_empty(), || format!("{left:#?}"))?;
        Ok::<_, String>(samples.len())
    });
    assert!(compared >= least, "only {compared} series were compared");
}

#[test]
fn figures_of_the_node_are_those_of_proc() {
    let (_fake, agent, _home) = start();
    let other = ["node_uname_info", "node_time_seconds"];
    let part = |sample: &Sample| {
        let name = sample.name.as_str();
        name.starts_with("node_") && !name.starts_with("node_filesystem_") && !other.contains(&name)
    };
    agrees(&agent, 100, host_view::node, part, &[]);
    let began = now();
    let page = agent.scrape();
    let time = page.value("node_time_seconds", &[]).expect("the time");
    assert!((began - 0.001..=now()).contains(&time), "{time} is not the time");
    uname(&page);
}

/// Against /proc/sys/kernel, where the same words stand.
fn uname(page: &Page) {
    let sample = page.one("node_uname_info", &[]).expect("the kernel's names");
    for (label, file) in [("sysname", "ostype"), ("release", "osrelease"), ("version", "version")] {
        assert_eq!(sample.label(label), fact(&format!("/proc/sys/kernel/{file}")).expect("it is there"), "{label}");
    }
    assert_eq!((sample.label("machine"), sample.value), (std::env::consts::ARCH, 1.0));
}

#[test]
fn figures_of_the_machine_are_those_of_proc_and_sys() {
    let (_fake, agent, _home) = start();
    agrees(&agent, 5, host_view::machine, |sample| sample.name.starts_with("machine_"), &MACHINE_LABELS);
    let page = agent.scrape();
    let sample = page.one("machine_memory_bytes", &[]).expect("the machine's memory");
    let id = fact("/etc/machine-id").or_else(|| fact("/var/lib/dbus/machine-id"));
    for (label, expected) in [
        ("machine_id", id),
        ("system_uuid", fact("/sys/class/dmi/id/product_uuid")),
        ("boot_id", fact("/proc/sys/kernel/random/boot_id")),
    ] {
        assert_eq!(sample.label(label), expected.unwrap_or_default(), "{label}");
    }
}

#[test]
fn figures_of_the_root_are_those_of_its_cgroup_and_the_host() {
    const FILESYSTEMS: [&str; 4] = [
        "container_fs_usage_bytes",
        "container_fs_limit_bytes",
        "container_fs_inodes_total",
        "container_fs_inodes_free",
    ];
    let (_fake, agent, _home) = start();
    let part = |sample: &Sample| {
        sample.label("id") == "/"
            && sample.name.starts_with("container_")
            && sample.name != "container_last_seen"
            && !FILESYSTEMS.contains(&sample.name.as_str())
    };
    agrees(&agent, 40, host_view::root, part, &["id"]);
}

#[test]
fn figures_of_filesystems_are_those_of_statvfs() {
    let (_fake, agent, _home) = start();
    let places: BTreeSet<_> =
        agent.scrape().all("node_filesystem_size_bytes", &[]).map(|s| s.label("mountpoint").to_owned()).collect();
    assert!(places.contains("/"), "{places:?}");
    let look = || {
        let mut facts = Facts::default();
        for place in &places {
            let names = ["size_bytes", "free_bytes", "avail_bytes", "files", "files_free"];
            for (name, value) in names.iter().zip(host_view::filesystem(place)) {
                facts.set(&format!("node_filesystem_{name}"), &[("mountpoint", place)], Some(value));
            }
            facts.set("node_filesystem_device_error", &[("mountpoint", place)], Some(0.0));
        }
        facts
    };
    let part = |sample: &Sample| {
        sample.name.starts_with("node_filesystem_")
            && sample.name != "node_filesystem_readonly"
            && places.contains(sample.label("mountpoint"))
    };
    agrees(&agent, 6, look, part, &["device", "fstype"]);
    let page = agent.scrape();
    for whole in page.all("container_fs_limit_bytes", &[("id", "/")]) {
        let device = [("device", whole.label("device"))];
        let sizes: Vec<f64> = page.all("node_filesystem_size_bytes", &device).map(|sample| sample.value).collect();
        assert!(sizes.contains(&whole.value), "{whole}: {sizes:?}");
    }
}

/// A file of one word or line; `None` where it cannot be read or says nothing.
fn fact(path: &str) -> Option<String> {
    let text = std::fs::read_to_string(path).ok()?.trim().to_owned();
    Some(text).filter(|text| !text.is_empty())
}
