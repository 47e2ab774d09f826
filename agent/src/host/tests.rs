//! A whole host on fixture trees: v1, hybrid and v2, and what happens when a container ends.

use std::{fs, path::Path};

use super::*;

/// A host tree in a temporary folder; kernel files there are plain files.
struct Tree(tempfile::TempDir);

const ID: &str = "4f1d4ab0c27dd77e4d43bf2b7a3ee1bd01c56f6a65cb0d0a2a7c9ad9a3c31a10";
const PID: u32 = 4242;

const V1_MOUNTS: &str = "\
32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw,relatime - cgroup cgroup rw,cpu,cpuacct
35 31 0:32 / /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory
38 31 0:35 / /sys/fs/cgroup/blkio rw,relatime - cgroup cgroup rw,blkio
39 31 0:36 / /sys/fs/cgroup/pids rw,relatime - cgroup cgroup rw,pids
";
const HYBRID_MOUNT: &str = "41 31 0:38 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw\n";
const V2_MOUNT: &str = "31 23 0:28 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw\n";

impl Tree {
    fn new() -> Self {
        let tree = Self(tempfile::tempdir().unwrap());
        tree.write("proc/stat", "cpu  1 0 0 0\ncpu0 100 0 0 0\nbtime 1700000000\n");
        tree.write("proc/meminfo", "MemTotal: 1000 kB\n");
        tree.write("proc/2/comm", "kthreadd\n");
        tree
    }

    fn write(&self, path: &str, content: &str) {
        let path = self.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn host(&self) -> Host {
        let roots = Roots { proc: self.path().join("proc"), sys: self.path().join("sys"), rootfs: None };
        Host::open(roots, Metrics::default())
    }

    fn network(&self) {
        let file = "headline\n    lo: 9 9 9 9 0 0 0 0 9 9 9 9 0 0 0 0\n  eth0: 310 3 1 2 0 0 0 0 7 8 9 10 0 0 0 0\n";
        self.write(&format!("proc/{PID}/net/dev"), file);
    }

    fn v1(&self) {
        self.write("proc/self/mountinfo", V1_MOUNTS);
        let path = format!("/docker/{ID}");
        self.write(
            &format!("proc/{PID}/cgroup"),
            &format!("4:memory:{path}\n3:cpu,cpuacct:{path}\n2:blkio:{path}\n1:pids:{path}\n"),
        );
        let put = |controller: &str, name: &str, content: &str| {
            self.write(&format!("sys/fs/cgroup/{controller}{path}/{name}"), content);
        };
        put("cpu,cpuacct", "cpuacct.usage", "22580308\n");
        put("cpu,cpuacct", "cpuacct.stat", "user 150\nsystem 50\n");
        put("cpu,cpuacct", "cpu.stat", "nr_periods 20\nnr_throttled 3\nthrottled_time 4000\n");
        put("cpu,cpuacct", "cpu.cfs_quota_us", "50000\n");
        put("cpu,cpuacct", "cpu.cfs_period_us", "100000\n");
        put("cpu,cpuacct", "cpu.shares", "1024\n");
        put("memory", "memory.usage_in_bytes", "2117632\n");
        put("memory", "memory.limit_in_bytes", "67108864\n");
        put("memory", "memory.soft_limit_in_bytes", "9223372036854771712\n");
        put(
            "memory",
            "memory.stat",
            "cache 1\nrss 2\npgfault 5\ntotal_cache 1609728\ntotal_rss 49152\ntotal_inactive_file 117632\ntotal_pgfault 6\n",
        );
        put("memory", "memory.oom_control", "oom_kill_disable 0\nunder_oom 0\noom_kill 2\n");
        put("blkio", "blkio.throttle.io_service_bytes_recursive", "8:0 Read 4096\n8:0 Write 512\nTotal 4608\n");
        put("blkio", "blkio.throttle.io_serviced_recursive", "8:0 Read 1\n8:0 Write 2\nTotal 3\n");
        put("pids", "pids.current", "7\n");
        put("pids", "pids.max", "max\n");
        self.write("sys/dev/block/8:0/uevent", "MAJOR=8\nDEVNAME=sda\n");
        self.network();
    }

    fn v2(&self, path: &str) {
        self.write("proc/self/mountinfo", V2_MOUNT);
        self.write(&format!("proc/{PID}/cgroup"), &format!("0::{path}\n"));
        self.write("sys/fs/cgroup/cgroup.controllers", "cpuset cpu io memory pids\n");
        let put = |name: &str, content: &str| {
            self.write(&format!("sys/fs/cgroup/system.slice/docker-{ID}.scope/{name}"), content)
        };
        put(
            "cpu.stat",
            "usage_usec 5000\nuser_usec 3000\nsystem_usec 2000\nnr_periods 4\nnr_throttled 1\nthrottled_usec 9\nnr_bursts 0\nburst_usec 0\n",
        );
        put("cpu.max", "max 100000\n");
        put("cpu.weight", "100\n");
        put("memory.current", "5000\n");
        put("memory.stat", "anon 1000\nfile 4000\nkernel 300\ninactive_file 6000\npgfault 11\n");
        put("memory.peak", "9000\n");
        put("memory.events", "low 0\nhigh 1\nmax 2\noom 3\noom_kill 4\n");
        put("memory.max", "max\n");
        put("memory.low", "0\n");
        put("memory.swap.current", "12\n");
        put("memory.swap.max", "0\n");
        put("io.stat", "8:0 rbytes=1 wbytes=2 rios=3 wios=4\n8:16\n");
        put("pids.current", "3\n");
        put("pids.max", "50\n");
        put("cpu.pressure", "some avg10=0.00 total=70\nfull avg10=0.00 total=7\n");
        self.network();
    }
}

fn target() -> Target {
    Target { id: ContainerId::new(ID), pid: PID, started_at: None, network: true, limits: Limits::default() }
}

fn read(host: &mut Host) -> Result<ContainerSample, Gone> {
    let mut sample = ContainerSample::default();
    host.track(&[target()]);
    host.container(&ContainerId::new(ID), &mut sample)?;
    Ok(sample)
}

#[test]
fn tables_of_block_io_are_open_only_while_the_kernel_counts_it() {
    let tree = Tree::new();
    tree.v1();
    let root = |content: &str| {
        for name in ["io_service_bytes_recursive", "io_serviced_recursive"] {
            tree.write(&format!("sys/fs/cgroup/blkio/blkio.throttle.{name}"), content);
        }
    };
    root("Total 0\n");
    // Not the root of all: what it says is not about the container.
    let mut below = tree.host();
    assert_eq!(read(&mut below).unwrap().io.len(), 1);
    tree.write("sys/fs/cgroup/blkio/release_agent", "\n");
    let mut host = tree.host();
    assert_eq!(read(&mut host).unwrap().io, [], "nothing is counted, and nothing is shown as 0");
    let closed = host.open_handles();
    root("8:0 Read 0\n8:0 Write 0\n8:0 Total 0\nTotal 0\n");
    assert_eq!(read(&mut host).unwrap().io, [], "the same scrape");
    for (content, rows) in [("8:0 Read 0\nTotal 0\n", 1), ("Total 0\n", 0)] {
        root(content);
        host.root(&mut ContainerSample::default());
        assert_eq!(read(&mut host).unwrap().io.len(), rows);
        assert_eq!(host.open_handles(), closed + 2 * rows);
    }
}

#[test]
fn every_file_of_v1_is_read() {
    let tree = Tree::new();
    tree.v1();
    let sample = read(&mut tree.host()).unwrap();
    assert_eq!(sample.cgroup_path.as_deref(), Some(format!("/docker/{ID}").as_str()));
    assert_eq!(sample.cpu.usage_ns, Some(22_580_308));
    assert_eq!((sample.cpu.user_ns, sample.cpu.system_ns), (Some(1_500_000_000), Some(500_000_000)));
    assert_eq!(
        (sample.cpu.periods, sample.cpu.throttled_periods, sample.cpu.throttled_ns),
        (Some(20), Some(3), Some(4000))
    );
    assert_eq!((sample.memory.usage, sample.memory.working_set), (Some(2_117_632), Some(2_000_000)));
    assert_eq!((sample.memory.rss, sample.memory.cache), (Some(49_152), Some(1_609_728)));
    assert_eq!((sample.memory.pgfault, sample.memory.hierarchy_pgfault), (Some(5), Some(6)));
    assert_eq!((sample.memory.oom_kills, sample.memory.max_usage), (Some(2), None), "a missing file is absent");
    let io: Vec<_> = sample.io.iter().map(|row| (row.device.as_deref(), row.read_bytes, row.writes)).collect();
    assert_eq!(io, [(Some("/dev/sda"), Some(4096), Some(2))]);
    assert_eq!((sample.pids.current, sample.pids.limit), (Some(7), None));
    assert_eq!((sample.spec.cpu_quota_us, sample.spec.cpu_period_us), (Some(50_000), Some(100_000)));
    assert_eq!((sample.spec.memory_limit_bytes, sample.spec.memory_reservation_bytes), (Some(67_108_864), None));
    assert!(sample.spec.memory_known && !sample.spec.swap_known);
    assert_eq!(sample.network.map(|interfaces| interfaces.len()), Some(1));
}

#[test]
fn limits_are_read_again_when_the_engine_changed_them() {
    let tree = Tree::new();
    tree.v1();
    let mut host = tree.host();
    assert_eq!(read(&mut host).unwrap().spec.memory_limit_bytes, Some(67_108_864));
    tree.write(&format!("sys/fs/cgroup/memory/docker/{ID}/memory.limit_in_bytes"), "134217728\n");
    assert_eq!(read(&mut host).unwrap().spec.memory_limit_bytes, Some(67_108_864), "believed for a minute");
    let held = host.open_handles();
    let limits = Limits { memory_bytes: Some(134_217_728), ..Limits::default() };
    host.track(&[Target { limits, ..target() }]);
    assert_eq!(host.open_handles(), held, "the run is the same: its files stay open");
    let mut sample = ContainerSample::default();
    host.container(&ContainerId::new(ID), &mut sample).unwrap();
    assert_eq!(sample.spec.memory_limit_bytes, Some(134_217_728));
}

#[test]
fn every_file_of_v2_is_read() {
    let tree = Tree::new();
    tree.v2(&format!("/system.slice/docker-{ID}.scope"));
    let sample = read(&mut tree.host()).unwrap();
    assert_eq!((sample.cpu.usage_ns, sample.cpu.throttled_ns), (Some(5_000_000), Some(9_000)));
    assert_eq!((sample.memory.usage, sample.memory.working_set), (Some(5000), Some(0)), "floor 0");
    assert_eq!(
        (sample.memory.oom_kills, sample.memory.failcnt, sample.memory.events_high),
        (Some(4), Some(2), Some(1))
    );
    assert_eq!((sample.memory.swap, sample.memory.max_usage, sample.memory.kernel), (Some(12), Some(9000), Some(300)));
    assert_eq!(sample.io.len(), 1, "a device without figures has no row");
    assert_eq!((sample.pids.current, sample.pids.limit), (Some(3), Some(50)));
    assert_eq!(
        (sample.pressure.cpu.some_us, sample.pressure.cpu.full_us, sample.pressure.io.some_us),
        (Some(70), Some(7), None)
    );
    assert_eq!((sample.spec.cpu_quota_us, sample.spec.cpu_period_us), (None, Some(100_000)));
    assert!(sample.spec.memory_known && sample.spec.memory_limit_bytes.is_none());
    assert_eq!(sample.spec.swap_limit_bytes, Some(0), "no swap allowed is a limit of 0");
}

#[test]
fn a_hybrid_host_has_v1_figures_and_v2_pressure() {
    let tree = Tree::new();
    tree.v1();
    tree.write("proc/self/mountinfo", &format!("{V1_MOUNTS}{HYBRID_MOUNT}"));
    let path = format!("/docker/{ID}");
    tree.write(&format!("proc/{PID}/cgroup"), &format!("4:memory:{path}\n3:cpu,cpuacct:{path}\n0::{path}\n"));
    tree.write(
        &format!("sys/fs/cgroup/unified{path}/memory.pressure"),
        "some avg10=0 total=33\nfull avg10=0 total=3\n",
    );
    let sample = read(&mut tree.host()).unwrap();
    assert_eq!((sample.memory.usage, sample.pressure.memory.some_us), (Some(2_117_632), Some(33)));
    assert_eq!(sample.pids.current, None, "the membership names no pids cgroup");
}

#[test]
fn paths_seen_from_a_private_namespace_are_found() {
    let tree = Tree::new();
    tree.v2(&format!("/../docker-{ID}.scope"));
    tree.write("proc/self/mountinfo", "31 23 0:28 /../.. /sys/fs/cgroup ro - cgroup2 cgroup2 rw\n");
    let sample = read(&mut tree.host()).unwrap();
    assert_eq!(sample.cpu.usage_ns, Some(5_000_000));
    assert_eq!(sample.cgroup_path.as_deref(), Some(format!("/system.slice/docker-{ID}.scope").as_str()));
}

#[test]
fn processes_below_the_container_do_not_hide_it() {
    let tree = Tree::new();
    tree.v2(&format!("/system.slice/docker-{ID}.scope/init.scope"));
    assert_eq!(read(&mut tree.host()).unwrap().cpu.usage_ns, Some(5_000_000));
}

#[test]
fn a_container_that_ended_is_gone_and_leaves_no_handle() {
    let tree = Tree::new();
    tree.v1();
    let mut host = tree.host();
    read(&mut host).unwrap();
    let held = host.open_handles();
    assert_eq!(held, 10, "one a file that is read at each scrape");
    host.track(&[]);
    assert_eq!(host.open_handles(), 0);
    assert_eq!(host.container(&ContainerId::new(ID), &mut ContainerSample::default()), Err(Gone));
    fs::remove_file(tree.path().join(format!("proc/{PID}/cgroup"))).unwrap();
    assert_eq!(read(&mut host), Err(Gone));
}

#[test]
fn a_pid_that_belongs_to_somebody_else_is_gone() {
    let tree = Tree::new();
    tree.v1();
    tree.write(&format!("proc/{PID}/cgroup"), "4:memory:/user.slice\n");
    tree.write(&format!("proc/{PID}/stat"), "4242 (sh) S 1 1 1 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 500 0 0\n");
    let started = |second| Target { started_at: Some(Timestamp::from_second(second).unwrap()), ..target() };
    let mut host = tree.host();
    let mut sample = ContainerSample::default();
    host.track(&[started(1_700_000_000 + 3600)]);
    assert_eq!(
        host.container(&ContainerId::new(ID), &mut sample),
        Err(Gone),
        "it started an hour before the container"
    );
    host.track(&[started(1_700_000_005)]);
    assert_eq!(
        host.container(&ContainerId::new(ID), &mut sample),
        Ok(()),
        "an engine which does not put ids into paths"
    );
}

#[test]
fn beyond_the_ceiling_figures_are_the_same_and_nothing_stays_open() {
    let tree = Tree::new();
    tree.v1();
    let mut host = tree.host();
    host.ceiling = 3;
    let first = read(&mut host).unwrap();
    let second = read(&mut host).unwrap();
    assert_eq!(first, second);
    assert_eq!(host.open_handles(), 0);
}

#[test]
fn handles_fit_into_the_agents_own_memory_limit() {
    let tree = Tree::new();
    tree.v2(&format!("/system.slice/docker-{ID}.scope"));
    assert!(tree.host().ceiling > 200, "no limit of its own");
    tree.write("proc/self/cgroup", "0::/system.slice/agent.scope\n");
    tree.write("sys/fs/cgroup/system.slice/agent.scope/memory.max", "1048576\n");
    assert_eq!(tree.host().ceiling, 102, "half a MiB at 5 KiB each");
}

#[test]
fn endless_and_broken_files_are_counted_and_absent() {
    let tree = Tree::new();
    tree.v1();
    tree.write(&format!("sys/fs/cgroup/memory/docker/{ID}/memory.usage_in_bytes"), &"9".repeat(100_000));
    tree.write(&format!("sys/fs/cgroup/pids/docker/{ID}/pids.current"), "seven\n");
    let mut host = tree.host();
    let sample = read(&mut host).unwrap();
    assert_eq!((sample.memory.usage, sample.memory.working_set, sample.pids.current), (None, None, None));
    assert_eq!(host.metrics.scrape_errors.get(), 2);
}

#[test]
fn availability_names_what_is_missing() {
    let tree = Tree::new();
    tree.v2(&format!("/system.slice/docker-{ID}.scope"));
    tree.write("sys/fs/cgroup/cgroup.controllers", "cpu pids\n");
    let available: HashMap<_, _> = tree.host().availability().into_iter().collect();
    assert_eq!((available["cgroup_cpu"], available["cgroup_memory"], available["cgroup_io"]), (true, false, false));
    assert_eq!((available["pid_namespace"], available["filesystem"]), (true, false));
}
