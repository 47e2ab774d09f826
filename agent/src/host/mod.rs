//! Kernel files: what a container uses, what the host uses. Handles stay open; a reading costs a `pread` a file.
//!
//! ```text
//!  roots    where things are mounted      v1 v2 io net pressure node   what the files say (pure, over bytes)
//!  cgroup   which cgroup a process is in  handle reading               open files, one buffer, sorted errors
//!  container  one run of a container      filesystems machine          the host's slow facts
//!  sockets    who talks with whom in a network namespace: not the collectors', nothing of it is kept open
//! ```
//!
//! [`Host`] belongs to the collectors alone. It knows pids and cgroups, and nothing of the engine. An open
//! `/proc/<pid>/net/dev` keeps a network namespace alive, so [`Host::track`] must hear of every end at once.

mod ancestors;
mod ceiling;
mod cgroup;
mod container;
mod filesystems;
#[cfg(any(test, fuzzing))]
pub mod fuzz;
mod handle;
mod io;
mod machine;
mod net;
mod node;
mod parse;
mod pressure;
mod reading;
mod roots;
pub mod sockets;
mod v1;
mod v2;

use std::{
    collections::{HashMap, HashSet},
    path::Path,
    time::{Duration, Instant},
};

use self::{
    container::{Files, Surroundings},
    handle::Handle,
    reading::Reading,
    roots::Hierarchies,
};
use crate::{
    model::{ContainerId, ContainerSample, HostNetwork, HostSample, Limits, MachineSample, Pressure},
    telemetry::{Metrics, Reason},
};
use jiff::Timestamp;

pub use self::{machine::machine_id, roots::Roots};

/// What was read so short a time ago belongs to the same scrape.
const SAME_SCRAPE: Duration = Duration::from_millis(50);

/// What to read of one container.
#[derive(Clone, Debug, PartialEq)]
pub struct Target {
    /// Engine id.
    pub id: ContainerId,
    /// Its first process, in the pid namespace of [`Roots::proc`].
    pub pid: u32,
    /// Start of this run; another start is another set of files.
    pub started_at: Option<Timestamp>,
    /// It has a network namespace of its own.
    pub network: bool,
    /// What the engine was asked for: where it changes, limits are read again.
    pub limits: Limits,
}

impl Target {
    /// Whether the same files serve both.
    fn is_same_run(&self, other: &Self) -> bool {
        (self.pid, self.started_at, self.network) == (other.pid, other.started_at, other.network)
    }
}

/// The container's cgroup has vanished: it has no figures.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("read cgroup: it is gone")]
pub struct Gone;

/// All open kernel files.
#[derive(Debug)]
pub struct Host {
    around: Surroundings,
    tracked: HashMap<ContainerId, Tracked>,
    root: RootFiles,
    /// Whether block I/O is counted for any container; looked up once for each scrape.
    io_counted: Option<bool>,
    node: NodeFiles,
    filesystems: Option<filesystems::Table>,
    names: io::Names,
    /// The host's interfaces, and when they were read.
    interfaces: Vec<HostNetwork>,
    interfaces_read: Option<Instant>,
    reading: Reading,
    machine: MachineSample,
    availability: Vec<(&'static str, bool)>,
    /// Files of containers held now, and how many may be.
    held: usize,
    ceiling: usize,
    metrics: Metrics,
}

#[derive(Debug)]
struct Tracked {
    target: Target,
    files: Option<Files>,
    /// Its files did not fit under the ceiling; said and counted once.
    over_ceiling: bool,
}

/// The root cgroup and the host's own network.
#[derive(Debug, Default)]
struct RootFiles {
    v1: Option<v1::Files>,
    v2: Option<v2::Files>,
    /// Its block I/O is everybody's, not that of a cgroup somewhere below.
    all_io: bool,
}

#[derive(Debug, Default)]
struct NodeFiles {
    stat: Option<Handle>,
    meminfo: Option<Handle>,
    load: Option<Handle>,
    disks: Option<Handle>,
    network: Option<Handle>,
    pressure: pressure::Files,
}

impl Host {
    /// Finds the hierarchies, opens the host's own files, and raises the soft limit of open files to the hard one.
    pub fn open(roots: Roots, metrics: Metrics) -> Self {
        let ticks = rustix::param::clock_ticks_per_second().max(1);
        let machine = machine::read(&roots);
        let around = Surroundings {
            hierarchies: Hierarchies::find(&roots),
            tick_ns: 1_000_000_000 / ticks,
            boot_seconds: machine.boot_time.and_then(|at| u64::try_from(at.as_second()).ok()),
            roots,
        };
        let proc = &around.roots.proc;
        let node = NodeFiles {
            stat: Handle::table(&proc.join("stat")).ok(),
            meminfo: Handle::table(&proc.join("meminfo")).ok(),
            load: Handle::single(&proc.join("loadavg")).ok(),
            disks: Handle::table(&proc.join("diskstats")).ok(),
            // Without the host's pids, process 1 is our own container's.
            network: sees_host_pids(proc).then(|| Handle::table(&proc.join("1/net/dev")).ok()).flatten(),
            pressure: pressure::Files::open(|resource| proc.join("pressure").join(resource)),
        };
        let mut host = Self {
            root: RootFiles::open(&around.hierarchies),
            io_counted: None,
            node,
            filesystems: filesystems::Table::open(&around.roots),
            names: io::Names::new(&around.roots.sys),
            interfaces: Vec::new(),
            interfaces_read: None,
            reading: Reading::default(),
            machine,
            availability: Vec::new(),
            tracked: HashMap::new(),
            held: 0,
            ceiling: ceiling::handles(&around),
            around,
            metrics,
        };
        host.availability = host.find_availability();
        host
    }

    /// Says which containers have processes from now on. Files of others, and of another run of the same one, are closed at once;
    /// new ones are opened at their first reading.
    pub fn track(&mut self, targets: &[Target]) {
        let wanted: HashSet<&ContainerId> = targets.iter().map(|target| &target.id).collect();
        self.tracked.retain(|id, _| wanted.contains(id));
        for target in targets {
            match self.tracked.get_mut(&target.id) {
                Some(known) if known.target.is_same_run(target) => {
                    if known.target.limits != target.limits {
                        known.target.limits = target.limits;
                        known.files.as_mut().into_iter().for_each(Files::limits_changed);
                    }
                }
                _ => {
                    let tracked = Tracked { target: target.clone(), files: None, over_ceiling: false };
                    self.tracked.insert(target.id.clone(), tracked);
                }
            }
        }
        self.held = self.tracked.values().filter_map(|tracked| tracked.files.as_ref()).map(Files::count).sum();
    }

    /// Reads one tracked container into `into`, whose storage is reused.
    ///
    /// # Errors
    /// [`Gone`] when its cgroup has vanished, or it is not tracked.
    pub fn container(&mut self, id: &ContainerId, into: &mut ContainerSample) -> Result<(), Gone> {
        let io_counted = *self.io_counted.get_or_insert_with(|| self.root.counts_io(&mut self.reading));
        let tracked = self.tracked.get_mut(id).ok_or(Gone)?;
        let mut files = match tracked.files.take() {
            Some(files) => {
                self.held -= files.count();
                files
            }
            None => match Files::open(&self.around, &tracked.target) {
                Ok(files) => files,
                Err(gone) => {
                    *into = ContainerSample::default();
                    return Err(gone);
                }
            },
        };
        files.follow_io(io_counted);
        if files.read(self.around.tick_ns, &mut self.reading, into).is_err() {
            // The files are dropped here: a handle must not outlive its container, nor half a reading.
            *into = ContainerSample::default();
            self.settle();
            return Err(Gone);
        }
        self.names.fill(&mut into.io);
        if self.held + files.count() <= self.ceiling {
            self.held += files.count();
            tracked.files = Some(files);
        } else if !tracked.over_ceiling {
            tracked.over_ceiling = true;
            self.metrics.refuse(Reason::Handles, 1);
        }
        self.settle();
        Ok(())
    }

    /// Reads the root cgroup, and the host's network as its own. It comes after the containers and ends their reading.
    pub fn root(&mut self, into: &mut ContainerSample) {
        // A scrape right after another one is a scrape of its own.
        (self.io_counted, self.interfaces_read) = (None, None);
        let cgroup = match &self.root {
            RootFiles { v1: Some(files), .. } => files.read(self.around.tick_ns, &mut self.reading, into),
            RootFiles { v2: Some(files), .. } => files.read(&mut self.reading, into),
            RootFiles { .. } => Ok(()),
        };
        if cgroup.is_err() {
            *into = ContainerSample::default();
        }
        if into.cgroup_path.is_none() {
            into.cgroup_path = Some("/".into());
        }
        self.names.fill(&mut into.io);
        // On v1 the root has no pressure of its own: what all tasks wait for is the host's.
        if into.pressure == Pressure::default()
            && self.node.pressure.read(&mut self.reading, &mut into.pressure).is_err()
        {
            into.pressure = Pressure::default();
        }
        self.read_network();
        if self.node.network.is_some() {
            net::of_root(&self.interfaces, into.network.get_or_insert_default());
        } else {
            into.network = None;
        }
        self.settle();
    }

    /// Brings the host's interfaces up to date: once for each scrape, although two groups show them. With a thousand containers the
    /// table has a thousand rows.
    fn read_network(&mut self) {
        if self.interfaces_read.is_some_and(|at| at.elapsed() < SAME_SCRAPE) {
            return;
        }
        self.interfaces_read = Some(Instant::now());
        match self.reading.bytes(self.node.network.as_ref()) {
            Ok(Some(bytes)) => {
                let refused = net::read_host(bytes, &mut self.interfaces);
                self.reading.refused += refused;
            }
            _ => self.interfaces.clear(),
        }
    }

    /// Reads the host's own figures.
    pub fn host(&mut self, into: &mut HostSample) {
        let ticks_per_second = 1e9 / self.around.tick_ns as f64;
        let Self { node, reading, .. } = self;
        into.stat = match reading.bytes(node.stat.as_ref()) {
            Ok(Some(bytes)) => node::stat(bytes, ticks_per_second, &mut into.cpus),
            _ => {
                into.cpus.clear();
                crate::model::StatCounters::default()
            }
        };
        match reading.bytes(node.meminfo.as_ref()) {
            Ok(Some(bytes)) => node::meminfo(bytes, &mut into.meminfo),
            _ => into.meminfo.clear(),
        }
        into.load = reading.value(node.load.as_ref(), node::load).ok().flatten();
        match reading.bytes(node.disks.as_ref()) {
            Ok(Some(bytes)) => node::disks(bytes, &mut into.disks),
            _ => into.disks.clear(),
        }
        if node.pressure.read(reading, &mut into.pressure).is_err() {
            into.pressure = Pressure::default();
        }
        self.read_network();
        into.network.clone_from(&self.interfaces);
        match &mut self.filesystems {
            Some(table) => table.read(&mut into.filesystems),
            None => into.filesystems.clear(),
        }
        self.settle();
    }

    /// Facts of the machine, read once at start.
    pub fn machine(&self) -> MachineSample {
        self.machine.clone()
    }

    /// Which groups of kernel files can be read here, found out once at start: mounts and controllers do not come later.
    pub fn availability(&self) -> Vec<(&'static str, bool)> {
        self.availability.clone()
    }

    fn find_availability(&self) -> Vec<(&'static str, bool)> {
        let hierarchies = &self.around.hierarchies;
        let controller = |name: &str| {
            let v2 = hierarchies.v2.as_ref().filter(|mount| mount.is_v2_root());
            hierarchies.v1.get(name).is_some_and(roots::Mount::is_v1_root)
                || v2.is_some_and(|mount| offers(&mount.point, v2_name(name)))
        };
        let v2_pressure = hierarchies.v2.is_some() && self.node.pressure.count() > 0;
        vec![
            ("cgroup_cpu", controller("cpu")),
            ("cgroup_memory", controller("memory")),
            ("cgroup_io", controller("blkio")),
            ("cgroup_pids", controller("pids")),
            ("cgroup_pressure", v2_pressure),
            ("pressure", self.node.pressure.count() > 0),
            ("pid_namespace", sees_host_pids(&self.around.roots.proc)),
            ("host_network", self.node.network.is_some()),
            ("filesystem", self.filesystems.as_ref().is_some_and(filesystems::Table::available)),
        ]
    }

    /// Kernel files kept open for containers.
    pub const fn open_handles(&self) -> usize {
        self.held
    }

    /// Hands what went wrong in a reading to the counters.
    fn settle(&mut self) {
        let (failed, refused) = (std::mem::take(&mut self.reading.failed), std::mem::take(&mut self.reading.refused));
        if failed > 0 {
            self.metrics.scrape_errors.inc_by(failed);
        }
        if refused > 0 {
            self.metrics.refuse(Reason::Devices, refused);
        }
    }
}

impl RootFiles {
    fn open(hierarchies: &Hierarchies) -> Self {
        let top = Path::new("/");
        if hierarchies.unified() {
            let folder = hierarchies.v2.as_ref().and_then(|mount| mount.directory(top));
            return Self { v1: None, v2: folder.as_deref().map(v2::Files::open), all_io: false };
        }
        let directories = v1::Directories::find(hierarchies, |controller| controller.map(|_| top));
        let mut files = v1::Files::open(&directories);
        files.follow_limits(&directories, true, true);
        files.follow_io(&directories, true);
        let all_io = hierarchies.v1.get("blkio").is_some_and(roots::Mount::is_v1_root);
        Self { v1: Some(files), v2: None, all_io }
    }

    /// Whether containers may have figures of block I/O.
    fn counts_io(&self, reading: &mut Reading) -> bool {
        self.v1.as_ref().filter(|_| self.all_io).is_none_or(|files| files.counts_io(reading))
    }
}

/// The v2 controller which took over from a v1 one.
const fn v2_name(controller: &str) -> &str {
    match controller.as_bytes() {
        b"blkio" => "io",
        _ => controller,
    }
}

/// Whether the root of a v2 hierarchy has the controller.
fn offers(point: &Path, controller: &str) -> bool {
    handle::read_fact(&point.join("cgroup.controllers"))
        .is_some_and(|list| list.split(' ').any(|name| name == controller))
}

/// Kernel threads live in the host's pid namespace only; the first of them has had pid 2 since there are kernel threads.
fn sees_host_pids(proc: &Path) -> bool {
    handle::read_fact(&proc.join("2/comm")).is_some_and(|name| name == "kthreadd")
}

#[cfg(test)]
mod tests;
