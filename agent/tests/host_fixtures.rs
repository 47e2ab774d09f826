//! The host reader over trees of kernel files: every hierarchy, every place it may be mounted, and files gone wrong.
//! Where the trees come from stands in `fixtures/host/README.md`.

mod support;

use std::fs;

use spyhop::{
    host::{Gone, Target},
    model::{ContainerId, ContainerSample, Cpu, DeviceIo, HostSample, MemoryKind, Pids, PressureLine, Spec},
    telemetry::Metrics,
};
use support::tree::{HYBRID, Tree, V2, copy_dir, hybrid_id, target, v2_id};

fn errors(metrics: &Metrics) -> u64 {
    metrics.scrape_errors.get()
}

#[test]
fn hybrid_takes_counters_from_v1_and_pressure_from_v2() {
    let sample = Tree::copy(HYBRID).read(&hybrid_id()).unwrap();
    assert_eq!(sample.cgroup_path.as_deref(), Some(&*format!("/docker/{}", hybrid_id())));
    let cpu = Cpu {
        usage_ns: Some(372_144_226),
        user_ns: Some(340_000_000),
        system_ns: Some(20_000_000),
        periods: Some(14),
        throttled_periods: Some(0),
        throttled_ns: Some(0),
        burst_periods: Some(0),
        burst_ns: Some(0),
    };
    assert_eq!(sample.cpu, cpu);
    let memory = sample.memory;
    assert_eq!((memory.kind, memory.usage, memory.working_set), (MemoryKind::V1, Some(331_776), Some(331_776)));
    assert_eq!((memory.rss, memory.kernel, memory.max_usage), (Some(53_248), Some(278_528), Some(4_349_952)));
    assert_eq!((memory.pgfault, memory.oom_kills, memory.failcnt), (Some(1780), Some(0), Some(0)));
    let io = DeviceIo {
        major: 254,
        minor: 0,
        device: Some("/dev/vda".into()),
        read_bytes: Some(8_388_608),
        write_bytes: Some(8_409_088),
        reads: Some(16),
        writes: Some(22),
    };
    assert_eq!(sample.io, [io]);
    assert_eq!(sample.pids, Pids { current: Some(1), limit: Some(50) });
    assert_eq!(sample.pressure.cpu, PressureLine { some_us: Some(648_800), full_us: Some(648_209) });
    let spec = Spec {
        cpu_quota_us: Some(50_000),
        cpu_period_us: Some(100_000),
        cpu_shares: Some(1024),
        cpu_weight: None,
        memory_known: true,
        memory_limit_bytes: Some(64 << 20),
        swap_known: true,
        swap_limit_bytes: Some(128 << 20),
        memory_reservation_bytes: Some(32 << 20),
    };
    assert_eq!(sample.spec, spec);
    let network = sample.network.unwrap();
    assert_eq!(network.iter().map(|i| (&*i.name, i.rx_bytes)).collect::<Vec<_>>(), [("eth0", 586)]);
}

#[test]
fn v2_reads_the_top_cgroup_of_a_container_with_cgroups_of_its_own() {
    let sample = Tree::copy(V2).read(&v2_id()).unwrap();
    assert_eq!(sample.cgroup_path.as_deref(), Some(&*format!("/system.slice/docker-{}.scope", v2_id())));
    assert_eq!((sample.cpu.usage_ns, sample.cpu.throttled_ns), (Some(1_190_000_000), Some(850_000_000)));
    assert_eq!((sample.cpu.periods, sample.cpu.throttled_periods), (Some(28), Some(19)));
    let memory = sample.memory;
    assert_eq!((memory.kind, memory.usage, memory.working_set), (MemoryKind::V2, Some(1_138_688), Some(1_138_688)));
    assert_eq!((memory.swap, memory.max_usage, memory.kernel), (Some(0), Some(128 << 20), Some(839_680)));
    assert_eq!((memory.events_high, memory.failcnt, memory.oom_kills), (Some(0), Some(82), Some(1)));
    assert_eq!((memory.pgfault, memory.hierarchy_pgfault, memory.pgsteal), (Some(34_343), Some(34_343), Some(2048)));
    let io: Vec<_> = sample.io.iter().map(|row| (row.major, row.device.as_deref(), row.write_bytes)).collect();
    assert_eq!(io, [(98, Some("/dev/ubda"), Some(8_388_608))]);
    assert_eq!(sample.pids, Pids { current: Some(2), limit: Some(512) });
    assert_eq!(sample.pressure.io, PressureLine { some_us: Some(15), full_us: Some(16) });
    let spec = Spec {
        cpu_quota_us: Some(50_000),
        cpu_period_us: Some(100_000),
        cpu_shares: None,
        cpu_weight: Some(20),
        memory_known: true,
        memory_limit_bytes: Some(128 << 20),
        swap_known: true,
        swap_limit_bytes: Some(128 << 20),
        memory_reservation_bytes: Some(32 << 20),
    };
    assert_eq!(sample.spec, spec);
    let names: Vec<_> = sample.network.as_deref().unwrap().iter().map(|i| &*i.name).collect();
    assert_eq!(names, ["eth0", "eth1"]);
}

#[test]
fn pure_v1_has_no_pressure() {
    let tree = Tree::copy(HYBRID);
    tree.edit("proc/self/mountinfo", |text| {
        text.lines().filter(|l| !l.contains("cgroup2")).map(|l| format!("{l}\n")).collect()
    });
    let sample = tree.read(&hybrid_id()).unwrap();
    assert_eq!(sample.pressure, Default::default());
    assert_eq!(sample.memory.usage, Some(331_776));
}

#[test]
fn controllers_mounted_together_are_found() {
    let tree = Tree::copy(HYBRID);
    let both = tree.path("sys/fs/cgroup/cpu,cpuacct");
    copy_dir(&tree.path("sys/fs/cgroup/cpu"), &both);
    copy_dir(&tree.path("sys/fs/cgroup/cpuacct"), &both);
    tree.edit("proc/self/mountinfo", |text| {
        let rest: String =
            text.lines().filter(|line| !line.contains("/cgroup/cpu")).map(|line| format!("{line}\n")).collect();
        rest + "50 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw,relatime - cgroup cgroup rw,cpu,cpuacct\n"
    });
    tree.edit("proc/4242/cgroup", |text| text.replace("2:cpuacct:", "9:x:").replace("1:cpu:", "1:cpu,cpuacct:"));
    let sample = tree.read(&hybrid_id()).unwrap();
    assert_eq!((sample.cpu.usage_ns, sample.cpu.periods), (Some(372_144_226), Some(14)));
}

#[test]
fn a_missing_controller_is_absent_and_not_zero() {
    let tree = Tree::copy(HYBRID);
    tree.edit("proc/self/mountinfo", |text| {
        text.lines().filter(|l| !l.ends_with("rw,memory")).map(|l| format!("{l}\n")).collect()
    });
    let sample = tree.read(&hybrid_id()).unwrap();
    assert_eq!((sample.memory.usage, sample.memory.working_set, sample.spec.memory_known), (None, None, false));
    assert_eq!(sample.cgroup_path.as_deref(), Some(&*format!("/docker/{}", hybrid_id())));
    let available = tree.host(&Metrics::default()).availability();
    assert!(available.contains(&("cgroup_memory", false)) && available.contains(&("cgroup_cpu", true)));
}

#[test]
fn a_sidecar_in_a_cgroup_namespace_of_its_own_sees_the_others() {
    let tree = Tree::copy(V2);
    // The sidecar is /system.slice/docker-<its id>.scope and sees everything from there.
    tree.edit("proc/self/mountinfo", |text| text.replace("0:23 / ", "0:23 /../.. "));
    tree.write("proc/self/cgroup", "0::/\n");
    tree.write("proc/4242/cgroup", &format!("0::/../docker-{}.scope/init.scope\n", v2_id()));
    let sample = tree.read(&v2_id()).unwrap();
    assert_eq!(sample.cgroup_path.as_deref(), Some(&*format!("/system.slice/docker-{}.scope", v2_id())));
    assert_eq!(sample.memory.usage, Some(1_138_688));
}

#[test]
fn a_sidecar_which_sees_only_itself_says_so() {
    let tree = Tree::copy(V2);
    tree.write("proc/self/cgroup", "0::/\n");
    tree.write("sys/fs/cgroup/cgroup.type", "domain\n");
    tree.write("proc/4242/cgroup", &format!("0::/../docker-{}.scope\n", v2_id()));
    let sample = tree.read(&v2_id()).unwrap();
    assert_eq!((sample.cpu.usage_ns, sample.cgroup_path), (None, None));
    assert!(sample.network.is_some());
    assert!(tree.host(&Metrics::default()).availability().contains(&("cgroup_cpu", false)));
}

#[test]
fn a_pid_of_another_container_is_not_believed() {
    let tree = Tree::copy(V2);
    tree.write("proc/4242/cgroup", "0::/system.slice/nginx.service\n");
    assert_eq!(tree.read(&v2_id()), Err(Gone));
}

#[test]
fn a_vanished_process_or_cgroup_is_gone_and_leaves_no_handle() {
    let tree = Tree::copy(V2);
    let metrics = Metrics::default();
    let mut host = tree.host(&metrics);
    let id = ContainerId::new(v2_id());
    let mut sample = ContainerSample::default();
    assert_eq!(host.container(&id, &mut sample), Err(Gone));
    host.track(&[target(&v2_id())]);
    assert_eq!(host.container(&id, &mut sample), Ok(()));
    assert!(host.open_handles() > 10);
    host.track(&[]);
    assert_eq!((host.open_handles(), host.container(&id, &mut sample)), (0, Err(Gone)));

    fs::remove_dir_all(tree.path("proc/4242")).unwrap();
    host.track(&[target(&v2_id())]);
    assert_eq!(host.container(&id, &mut sample), Err(Gone));
    assert_eq!((host.open_handles(), sample), (0, ContainerSample::default()));
}

#[test]
fn another_run_of_the_same_container_is_opened_anew() {
    let tree = Tree::copy(V2);
    let mut host = tree.host(&Metrics::default());
    let id = ContainerId::new(v2_id());
    let mut sample = ContainerSample::default();
    host.track(&[target(&v2_id())]);
    host.container(&id, &mut sample).unwrap();
    fs::rename(tree.path("proc/4242"), tree.path("proc/4343")).unwrap();
    host.track(&[Target { pid: 4343, ..target(&v2_id()) }]);
    assert_eq!(host.open_handles(), 0);
    assert_eq!(host.container(&id, &mut sample), Ok(()));
}

#[test]
fn a_shared_network_is_not_read() {
    let tree = Tree::copy(V2);
    let mut host = tree.host(&Metrics::default());
    host.track(&[Target { network: false, ..target(&v2_id()) }]);
    let mut sample = ContainerSample { network: Some(Vec::new()), ..Default::default() };
    host.container(&ContainerId::new(v2_id()), &mut sample).unwrap();
    assert_eq!(sample.network, None);
}

#[test]
fn broken_and_endless_files_cost_their_own_figures_only() {
    let tree = Tree::copy(V2);
    let scope = format!("sys/fs/cgroup/system.slice/docker-{}.scope", v2_id());
    tree.write(&format!("{scope}/memory.current"), "garbage\n");
    tree.write(&format!("{scope}/cpu.max"), "");
    tree.write(&format!("{scope}/io.stat"), "98:0 rbytes=1 wbytes=\n\u{1}\u{2}\n");
    fs::remove_file(tree.path(&format!("{scope}/memory.stat"))).unwrap();
    std::os::unix::fs::symlink("/dev/zero", tree.path(&format!("{scope}/memory.stat"))).unwrap();
    let metrics = Metrics::default();
    let mut host = tree.host(&metrics);
    host.track(&[target(&v2_id())]);
    let mut sample = ContainerSample::default();
    host.container(&ContainerId::new(v2_id()), &mut sample).unwrap();
    assert_eq!((sample.memory.usage, sample.memory.rss, sample.spec.cpu_quota_us), (None, None, None));
    assert_eq!(sample.memory.max_usage, Some(128 << 20));
    assert_eq!(sample.io.len(), 1);
    assert_eq!(errors(&metrics), 2, "what is no number, and what never ends");
}

#[test]
fn a_limit_changed_by_the_engine_is_right_at_the_next_reading() {
    let tree = Tree::copy(V2);
    let mut host = tree.host(&Metrics::default());
    let id = ContainerId::new(v2_id());
    host.track(&[target(&v2_id())]);
    let mut sample = ContainerSample::default();
    host.container(&id, &mut sample).unwrap();
    tree.write(&format!("sys/fs/cgroup/system.slice/docker-{}.scope/memory.max", v2_id()), "268435456\n");
    let limits = spyhop::model::Limits { memory_bytes: Some(256 << 20), ..Default::default() };
    host.track(&[Target { limits, ..target(&v2_id()) }]);
    host.container(&id, &mut sample).unwrap();
    assert_eq!(sample.spec.memory_limit_bytes, Some(256 << 20));
}

#[test]
fn the_root_of_both_versions() {
    let mut sample = ContainerSample::default();
    Tree::copy(V2).host(&Metrics::default()).root(&mut sample);
    assert_eq!(sample.cgroup_path.as_deref(), Some("/"));
    assert_eq!((sample.memory.usage, sample.memory.working_set), (Some(270_913_536), Some(101_703_680)));
    assert_eq!((sample.cpu.usage_ns, sample.pids.current), (Some(13_950_000_000), None));
    // All it has are the engine's bridges and the ends of containers.
    assert_eq!(sample.network.as_deref(), Some(&[][..]));

    Tree::copy(HYBRID).host(&Metrics::default()).root(&mut sample);
    assert_eq!((sample.memory.kind, sample.spec.memory_limit_bytes), (MemoryKind::V1, None));
    assert!(sample.cpu.usage_ns.is_some() && sample.memory.usage.is_some() && sample.pressure.cpu.some_us.is_some());
    let names: Vec<_> = sample.network.as_deref().unwrap().iter().map(|i| &*i.name).collect();
    assert_eq!(names, ["eth0"]);
}

#[test]
fn the_host_as_recorded() {
    let metrics = Metrics::default();
    let tree = Tree::copy(HYBRID);
    let mut host = tree.host(&metrics);
    let mut sample = HostSample::default();
    host.host(&mut sample);
    assert_eq!(sample.cpus.iter().map(|cpu| cpu.cpu).collect::<Vec<_>>(), [0, 1]);
    assert_eq!(sample.stat.boot_time_seconds, Some(1_795_251_594));
    assert!(
        sample.meminfo.iter().any(|(name, value, bytes)| &**name == "MemTotal" && *value == 25_276_502_016 && *bytes)
    );
    assert_eq!(sample.disks.iter().map(|disk| (&*disk.device, disk.fields.len())).collect::<Vec<_>>(), [("vda", 17)]);
    let names: Vec<_> = sample.network.iter().map(|i| &*i.counters.name).collect();
    assert_eq!(names, ["lo", "eth0", "veth0000001"]);
    assert!(sample.load.is_some() && sample.pressure.memory.full_us.is_some());
    assert!(sample.filesystems.is_empty());
    assert_eq!(errors(&metrics), 0);
    // A second reading into the same sample replaces and does not add.
    let first = sample.clone();
    host.host(&mut sample);
    assert_eq!(sample, first);
}

#[test]
fn the_machine_below_other_roots() {
    let machine = Tree::copy(HYBRID).host(&Metrics::default()).machine();
    assert_eq!((machine.cpu_cores, machine.cpu_sockets), (Some(2), None), "this kernel does not name its sockets");
    assert_eq!((machine.memory_bytes, machine.swap_bytes), (Some(25_276_502_016), Some(0)));
    assert_eq!(machine.boot_id.as_deref(), Some("00000000-0000-4000-8000-000000000001"));
    assert_eq!(machine.boot_time.map(|time| time.as_second()), Some(1_795_251_594));
}

#[test]
fn without_the_hosts_processes_there_is_no_host_network() {
    let tree = Tree::copy(HYBRID);
    tree.write("proc/2/comm", "sh\n");
    let mut host = tree.host(&Metrics::default());
    let mut sample = HostSample::default();
    host.host(&mut sample);
    assert!(sample.network.is_empty());
    let available = host.availability();
    assert!(available.contains(&("pid_namespace", false)) && available.contains(&("host_network", false)));
}

#[test]
fn nothing_at_all_is_survived() {
    let empty = Tree::empty();
    let metrics = Metrics::default();
    let mut host = empty.host(&metrics);
    let (mut container, mut node) = (ContainerSample::default(), HostSample::default());
    host.track(&[target("c0ffee")]);
    assert_eq!(host.container(&ContainerId::new("c0ffee"), &mut container), Err(Gone));
    host.root(&mut container);
    host.host(&mut node);
    assert_eq!(node, HostSample::default());
    assert_eq!((host.open_handles(), errors(&metrics)), (0, 0));
    assert!(host.availability().iter().all(|(_, available)| !available));
}
