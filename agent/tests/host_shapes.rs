//! Hosts of every shape, made from the recorded trees: what is not there is absent and said to be so, what stands elsewhere is found.
//!
//! The same shapes on a living kernel are in `host_shapes_real.rs`; `docs/kernels.md` has the table of both.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::fs;

use spyhop::{host::Gone, model::PressureLine, telemetry::Metrics};
use support::tree::{HYBRID, Tree, V2, copy_dir, hybrid_id, target, v2_id};

fn available(tree: &Tree, group: &str) -> bool {
    let all = tree.host(&Metrics::default()).availability();
    all.iter().find(|(name, _)| *name == group).unwrap().1
}

fn scope() -> String {
    format!("sys/fs/cgroup/system.slice/docker-{}.scope", v2_id())
}

/// Takes lines out of the mount table.
fn unmount(tree: &Tree, unwanted: impl Fn(&str) -> bool) {
    tree.edit("proc/self/mountinfo", |text| {
        text.lines().filter(|line| !unwanted(line)).map(|line| format!("{line}\n")).collect()
    });
}

#[test]
fn each_controller_may_be_missing_on_v1() {
    for (controller, group) in
        [("cpu", "cgroup_cpu"), ("memory", "cgroup_memory"), ("blkio", "cgroup_io"), ("pids", "cgroup_pids")]
    {
        let tree = Tree::copy(HYBRID);
        assert!(available(&tree, group));
        unmount(&tree, |line| line.ends_with(&format!(" rw,{controller}")));
        let sample = tree.read(&hybrid_id()).unwrap();
        assert!(!available(&tree, group), "{controller}");
        let seen = [
            ("cpu", sample.cpu.periods.is_some() || sample.spec.cpu_shares.is_some()),
            ("memory", sample.memory.usage.is_some() || sample.memory.rss.is_some() || sample.spec.memory_known),
            ("blkio", !sample.io.is_empty()),
            ("pids", sample.pids.current.is_some() || sample.pids.limit.is_some()),
        ];
        for (name, seen) in seen {
            assert_eq!(seen, name != controller, "{name} without {controller}");
        }
        assert!(sample.cpu.usage_ns.is_some(), "what a container uses is told by cpuacct");
    }
}

#[test]
fn each_controller_may_be_missing_on_v2() {
    let files: [(&str, &str, &[&str]); 4] = [
        ("cpu", "cgroup_cpu", &["cpu.max", "cpu.weight"]),
        ("io", "cgroup_io", &["io.stat"]),
        (
            "memory",
            "cgroup_memory",
            &[
                "memory.current",
                "memory.stat",
                "memory.peak",
                "memory.events",
                "memory.max",
                "memory.low",
                "memory.swap.current",
                "memory.swap.max",
            ],
        ),
        ("pids", "cgroup_pids", &["pids.current", "pids.max"]),
    ];
    for (controller, group, files) in files {
        let tree = Tree::copy(V2);
        assert!(available(&tree, group));
        tree.edit("sys/fs/cgroup/cgroup.controllers", |text| text.replace(controller, ""));
        for file in files {
            fs::remove_file(tree.path(&format!("{}/{file}", scope()))).unwrap();
        }
        if controller == "cpu" {
            // Without the controller the file has the times alone.
            tree.edit(&format!("{}/cpu.stat", scope()), |text| {
                text.lines().take(4).map(|l| format!("{l}\n")).collect()
            });
        }
        let sample = tree.read(&v2_id()).unwrap();
        assert!(!available(&tree, group), "{controller}");
        let seen = [
            (
                "cpu",
                sample.cpu.periods.is_some() || sample.spec.cpu_weight.is_some() || sample.spec.cpu_period_us.is_some(),
            ),
            ("memory", sample.memory.usage.is_some() || sample.memory.rss.is_some() || sample.spec.memory_known),
            ("io", !sample.io.is_empty()),
            ("pids", sample.pids.current.is_some() || sample.pids.limit.is_some()),
        ];
        for (name, seen) in seen {
            assert_eq!(seen, name != controller, "{name} without {controller}");
        }
        assert!(sample.cpu.usage_ns.is_some(), "cpu.stat is there without the controller");
    }
}

#[test]
fn without_swap_accounting_there_is_no_swap() {
    let tree = Tree::copy(V2);
    for file in ["memory.swap.current", "memory.swap.max"] {
        fs::remove_file(tree.path(&format!("{}/{file}", scope()))).unwrap();
    }
    let sample = tree.read(&v2_id()).unwrap();
    assert_eq!((sample.memory.swap, sample.spec.swap_known, sample.spec.swap_limit_bytes), (None, false, None));
    assert!(sample.memory.usage.is_some());

    let tree = Tree::copy(HYBRID);
    let folder = format!("sys/fs/cgroup/memory/docker/{}", hybrid_id());
    fs::remove_file(tree.path(&format!("{folder}/memory.memsw.limit_in_bytes"))).unwrap();
    tree.edit(&format!("{folder}/memory.stat"), |text| {
        text.lines().filter(|line| !line.contains("swap")).map(|line| format!("{line}\n")).collect()
    });
    let sample = tree.read(&hybrid_id()).unwrap();
    assert_eq!((sample.memory.swap, sample.spec.swap_known), (None, false));
}

#[test]
fn without_pressure_there_is_none() {
    let tree = Tree::copy(V2);
    assert!(available(&tree, "pressure") && available(&tree, "cgroup_pressure"));
    fs::remove_dir_all(tree.path("proc/pressure")).unwrap();
    for resource in ["cpu", "memory", "io"] {
        fs::remove_file(tree.path(&format!("{}/{resource}.pressure", scope()))).unwrap();
    }
    let sample = tree.read(&v2_id()).unwrap();
    assert_eq!(sample.pressure, Default::default());
    assert!(!available(&tree, "pressure") && !available(&tree, "cgroup_pressure"));
}

#[test]
fn pressure_of_the_cpu_had_one_line_once() {
    // `full` of the CPU came with 5.13.
    let tree = Tree::copy(V2);
    tree.write(&format!("{}/cpu.pressure", scope()), "some avg10=0.00 avg60=0.00 avg300=0.00 total=7\n");
    let sample = tree.read(&v2_id()).unwrap();
    assert_eq!(sample.pressure.cpu, PressureLine { some_us: Some(7), full_us: None });
}

#[test]
fn the_tightest_limit_on_the_way_to_the_root_is_in_force() {
    let own = |tree: &Tree| {
        let sample = tree.read(&v2_id()).unwrap();
        (sample.spec.memory_limit_bytes, sample.pids.limit)
    };
    // A parent of a person's choice, deep down: a slice below a slice.
    let tree = Tree::copy(V2);
    let (old, new) = (scope(), format!("sys/fs/cgroup/shop.slice/shop-night.slice/docker-{}.scope", v2_id()));
    copy_dir(&tree.path(&old), &tree.path(&new));
    tree.write("proc/4242/cgroup", &format!("0::/shop.slice/shop-night.slice/docker-{}.scope\n", v2_id()));
    let table = [
        // memory.max of the slice, of the one below, of the container; which is in force
        ("max", "max", "max", None),
        ("max", "max", "134217728", Some(128 << 20)),
        ("67108864", "max", "134217728", Some(64 << 20)),
        ("67108864", "33554432", "134217728", Some(32 << 20)),
        ("67108864", "max", "max", Some(64 << 20)),
        ("garbage", "max", "1048576", Some(1 << 20)),
    ];
    for (upper, lower, container, expected) in table {
        tree.write("sys/fs/cgroup/shop.slice/memory.max", &format!("{upper}\n"));
        tree.write("sys/fs/cgroup/shop.slice/shop-night.slice/memory.max", &format!("{lower}\n"));
        tree.write(&format!("{new}/memory.max"), &format!("{container}\n"));
        assert_eq!(own(&tree).0, expected, "{upper} {lower} {container}");
    }
    tree.write("sys/fs/cgroup/shop.slice/pids.max", "100\n");
    assert_eq!(own(&tree).1, Some(100));
    // What stands at the root is nobody's limit.
    tree.write("sys/fs/cgroup/memory.max", "1\n");
    assert_eq!(own(&tree).0, Some(1 << 20));

    let tree = Tree::copy(HYBRID);
    tree.write("sys/fs/cgroup/memory/docker/memory.limit_in_bytes", "16777216\n");
    tree.write("sys/fs/cgroup/pids/docker/pids.max", "7\n");
    let sample = tree.read(&hybrid_id()).unwrap();
    assert_eq!((sample.spec.memory_limit_bytes, sample.pids.limit), (Some(16 << 20), Some(7)));
}

#[test]
fn a_container_of_an_engine_in_a_container_is_found_below_it() {
    let tree = Tree::copy(V2);
    let inner = format!("{:0<64}", "1dea");
    let below = format!("{}/docker/{inner}", scope());
    copy_dir(&tree.path(&format!("{}/init.scope", scope())), &tree.path(&below));
    tree.write(&format!("{below}/memory.current"), "4096\n");
    tree.write("proc/4242/cgroup", &format!("0::/system.slice/docker-{}.scope/docker/{inner}\n", v2_id()));
    // Asked by the inner engine's agent, and by the outer one's.
    let sample = tree.read(&inner).unwrap();
    assert_eq!(sample.memory.usage, Some(4096));
    assert_eq!(sample.cgroup_path.as_deref(), Some(&*format!("/system.slice/docker-{}.scope/docker/{inner}", v2_id())));
    assert_eq!(sample.spec.memory_limit_bytes, Some(128 << 20), "of the container around it");
    assert_eq!(tree.read(&v2_id()).unwrap().memory.usage, Some(1_138_688));
}

#[test]
fn a_namespace_of_our_own_never_shows_a_stranger() {
    let tree = Tree::copy(V2);
    // We are two levels down, and the mount shows all from the top.
    tree.edit("proc/self/mountinfo", |text| text.replace("0:23 / ", "0:23 /../.. "));
    tree.write("proc/self/cgroup", "0::/\n");
    // Its path is told from one level above ours: the name of that level is not told, and looked for.
    tree.write("proc/4242/cgroup", &format!("0::/../docker-{}.scope\n", v2_id()));
    assert_eq!(tree.read(&v2_id()).unwrap().memory.usage, Some(1_138_688));
    // A cgroup without a name of its own might be anybody's; told from a reused pid by its start alone, it is not believed here.
    tree.write("proc/4242/cgroup", "0::/..\n");
    assert_eq!(tree.read(&v2_id()), Err(Gone));
    // Two slices with a cgroup of that name: neither is shown.
    tree.write("proc/4242/cgroup", &format!("0::/../docker-{}.scope\n", v2_id()));
    copy_dir(&tree.path(&scope()), &tree.path(&scope().replace("system.slice", "user.slice")));
    let sample = tree.read(&v2_id()).unwrap();
    assert_eq!((sample.memory.usage, sample.cpu.usage_ns), (None, None));
}

#[test]
fn hidden_processes_are_gone_and_harm_nobody() {
    // hidepid=2 as seen by a user who is not root: the folders of others are not there; with hidepid=1 they cannot be entered.
    let tree = Tree::copy(V2);
    fs::remove_dir_all(tree.path("proc/4242")).unwrap();
    fs::remove_dir_all(tree.path("proc/2")).unwrap();
    fs::remove_dir_all(tree.path("proc/1")).unwrap();
    assert_eq!(tree.read(&v2_id()), Err(Gone));
    assert!(!available(&tree, "pid_namespace") && !available(&tree, "host_network"));
    assert!(available(&tree, "cgroup_memory"));
    let metrics = Metrics::default();
    let mut host = tree.host(&metrics);
    host.track(&[target(&v2_id())]);
    let mut sample = spyhop::model::HostSample::default();
    host.host(&mut sample);
    assert!(!sample.meminfo.is_empty() && sample.network.is_empty());
    assert_eq!(metrics.scrape_errors.get(), 0);
}
