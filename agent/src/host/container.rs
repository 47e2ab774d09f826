//! One container's kernel files, from the first reading until its run ends.

use std::{
    hash::{DefaultHasher, Hash as _, Hasher as _},
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};

use jiff::Timestamp;

use super::{
    Gone, Target,
    ancestors::Levels,
    cgroup::{self, Membership},
    handle::{CGROUP_CEILING, Handle, read_once},
    net, parse,
    reading::Reading,
    roots::{Hierarchies, Roots},
    v1, v2,
};
use crate::model::{ContainerSample, Process, Spec};

/// How far the engine's start time and the kernel's may lie apart for one process: the engine notes it after the start, and wall
/// clocks are set now and then. A reused pid is younger by the life of the container, usually more.
const START_TOLERANCE_SECONDS: i64 = 30;

/// Facts of the host needed to open and read a container.
#[derive(Debug)]
pub(super) struct Surroundings {
    pub(super) roots: Roots,
    pub(super) hierarchies: Hierarchies,
    /// Nanoseconds a clock tick (`sysconf(_SC_CLK_TCK)`).
    pub(super) tick_ns: u64,
    /// When the host started, seconds since 1970.
    pub(super) boot_seconds: Option<u64>,
}

/// The open files of one run of a container.
#[derive(Debug)]
pub(super) struct Files {
    cgroup: Cgroup,
    network: Option<Handle>,
    /// The `id` label; `None` where none of its cgroups can be seen.
    path: Option<Arc<str>>,
    limits: Option<Limits>,
    /// Cgroups above, by the hierarchy of memory and of pids.
    above: (Levels, Levels),
    /// Number of files held.
    count: usize,
}

#[derive(Debug)]
enum Cgroup {
    V1(Box<v1::Files>, Box<v1::Directories>),
    V2(Box<v2::Files>, Option<PathBuf>),
}

/// What changes so rarely that its files are not kept open: limits, and what cannot move without them.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Slow {
    pub(super) spec: Spec,
    pub(super) pids: Option<u64>,
    /// How often the memory limit was hit, where there is none: the counter rises only at a limit of its own (mm/page_counter.c).
    pub(super) failcnt: Option<u64>,
}

/// Limits as they were read, and until when they count as fresh.
#[derive(Clone, Copy, Debug)]
struct Limits {
    read: Slow,
    until: Instant,
}

/// How long limits are believed. The engine says when it changes them ([`super::Host::track`] hears of it); this is for the
/// hand that writes into a cgroup past the engine. A third of the files would otherwise be read for nothing at every scrape.
const LIMITS_FRESH: Duration = Duration::from_secs(60);

impl Files {
    /// Finds and opens the files of a container's first process.
    ///
    /// # Errors
    /// [`Gone`] when the process has ended, or its pid belongs to somebody else by now.
    pub(super) fn open(around: &Surroundings, target: &Target) -> Result<Self, Gone> {
        let process = around.roots.proc.join(target.pid.to_string());
        let bytes = read_once(&process.join("cgroup"), CGROUP_CEILING).map_err(|_| Gone)?;
        let membership = Membership::parse(&bytes);
        let id = target.id.as_str();
        if !membership.mentions(id) && !same_start(around, &process, target.started_at) {
            return Err(Gone);
        }
        let cgroup = Cgroup::open(around, &membership, id);
        let path = cgroup.label(&around.hierarchies).map(Into::into);
        let network = target.network.then(|| Handle::table(&process.join("net/dev")).ok()).flatten();
        let count = cgroup.count() + usize::from(network.is_some());
        let above = cgroup.above(&around.hierarchies);
        let files = Self { cgroup, network, path, limits: None, above, count };
        // The process may have ended, and its pid been given away, while its files were opened one by one.
        match read_once(&process.join("cgroup"), CGROUP_CEILING) {
            Ok(again) if again == bytes => Ok(files),
            _ => Err(Gone),
        }
    }

    /// Number of files held.
    pub(super) const fn count(&self) -> usize {
        self.count
    }

    /// Forgets the limits: the engine has changed them.
    pub(super) fn limits_changed(&mut self) {
        self.limits = None;
    }

    fn limits(&mut self) -> Slow {
        if let Some(limits) = self.limits.filter(|limits| Instant::now() < limits.until) {
            return limits.read;
        }
        let (memory, pids) = self.above;
        let read = match &mut self.cgroup {
            Cgroup::V1(files, at) => {
                let mut slow = at.limits();
                let Spec { cpu_quota_us, memory_limit_bytes, .. } = slow.spec;
                files.follow_limits(at, cpu_quota_us.is_some(), memory_limit_bytes.is_some());
                let file = "memory.limit_in_bytes";
                slow.spec.memory_limit_bytes = memory.tightest(memory_limit_bytes, at.memory.as_deref(), file);
                slow.pids = pids.tightest(slow.pids, at.pids.as_deref(), "pids.max");
                slow
            }
            Cgroup::V2(_, folder) => {
                let folder = folder.as_deref();
                let mut slow = folder.map(v2::limits).unwrap_or_default();
                slow.spec.memory_limit_bytes = memory.tightest(slow.spec.memory_limit_bytes, folder, "memory.max");
                slow.pids = pids.tightest(slow.pids, folder, "pids.max");
                slow
            }
        };
        self.count = self.cgroup.count() + usize::from(self.network.is_some());
        self.limits = Some(Limits { read, until: fresh_until(self.path.as_deref().unwrap_or_default()) });
        read
    }

    /// Keeps the tables of block I/O open while the kernel counts it for anybody; on cgroup v2 there is one file, which says so itself.
    pub(super) fn follow_io(&mut self, counted: bool) {
        if let Cgroup::V1(files, at) = &mut self.cgroup {
            files.follow_io(at, counted);
            self.count = self.cgroup.count() + usize::from(self.network.is_some());
        }
    }

    /// Reads everything.
    ///
    /// # Errors
    /// [`Gone`] when the cgroup has been removed.
    pub(super) fn read(&mut self, tick_ns: u64, reading: &mut Reading, into: &mut ContainerSample) -> Result<(), Gone> {
        let slow = self.limits();
        match &self.cgroup {
            Cgroup::V1(files, _) => {
                files.read(tick_ns, reading, into)?;
                into.memory.failcnt = into.memory.failcnt.or(slow.failcnt);
            }
            Cgroup::V2(files, _) => files.read(reading, into)?,
        }
        (into.spec, into.pids.limit) = (slow.spec, slow.pids);
        if into.cgroup_path != self.path {
            into.cgroup_path.clone_from(&self.path);
        }
        match reading.bytes(self.network.as_ref())? {
            None => into.network = None,
            Some(bytes) => {
                let refused = net::read(bytes, into.network.get_or_insert_default());
                reading.refused += refused;
            }
        }
        Ok(())
    }
}

impl Cgroup {
    /// Finds the container's directories in every hierarchy there is, and opens what is in them.
    fn open(around: &Surroundings, membership: &Membership, id: &str) -> Self {
        let top = |path: Option<&Path>| path.map(|path| cgroup::top(path, id));
        let unified = top(membership.v2());
        if around.hierarchies.unified() {
            let mount = around.hierarchies.v2.as_ref();
            let folder = mount.zip(unified.as_ref()).and_then(|(mount, path)| mount.directory(path));
            return Self::V2(Box::new(folder.as_deref().map(v2::Files::open).unwrap_or_default()), folder);
        }
        let paths = v1::CONTROLLERS.map(|name| (name, top(membership.v1(name))));
        let directories = v1::Directories::find(&around.hierarchies, |controller| match controller {
            None => unified.as_deref(),
            Some(name) => paths.iter().find(|(known, _)| *known == name).and_then(|(_, path)| path.as_deref()),
        });
        Self::V1(Box::new(v1::Files::open(&directories)), Box::new(directories))
    }

    /// How deep the cgroups of memory and pids lie.
    fn above(&self, hierarchies: &Hierarchies) -> (Levels, Levels) {
        match self {
            Self::V1(_, at) => {
                let v1 =
                    |name: &str, folder: &Option<PathBuf>| Levels::between(hierarchies.v1.get(name), folder.as_deref());
                (v1("memory", &at.memory), v1("pids", &at.pids))
            }
            Self::V2(_, folder) => {
                let levels = Levels::between(hierarchies.v2.as_ref(), folder.as_deref());
                (levels, levels)
            }
        }
    }

    fn count(&self) -> usize {
        match self {
            Self::V1(files, _) => files.count(),
            Self::V2(files, _) => files.count(),
        }
    }

    /// The container's path below the root of its hierarchy, cAdvisor's `id`. With several hierarchies memory's counts first.
    fn label(&self, hierarchies: &Hierarchies) -> Option<String> {
        match self {
            Self::V2(_, folder) => Some(hierarchies.v2.as_ref()?.path_of(folder.as_deref()?)),
            Self::V1(_, at) => {
                let candidates = [("memory", &at.memory), ("cpu", &at.cpu), ("pids", &at.pids), ("blkio", &at.blkio)];
                candidates
                    .into_iter()
                    .find_map(|(name, folder)| Some(hierarchies.v1.get(name)?.path_of(folder.as_deref()?)))
            }
        }
    }
}

/// The memory limit of the agent's own cgroup; `None` when there is none or it cannot be seen.
pub(super) fn own_memory_limit(around: &Surroundings) -> Option<u64> {
    let membership = Membership::parse(&read_once(&around.roots.proc.join("self/cgroup"), CGROUP_CEILING).ok()?);
    let (mount, path, name) = if around.hierarchies.unified() {
        (around.hierarchies.v2.as_ref()?, membership.v2()?, "memory.max")
    } else {
        (around.hierarchies.v1.get("memory")?, membership.v1("memory")?, "memory.limit_in_bytes")
    };
    // Nobody limits the root, and what is written there is not about us.
    let path = Some(path).filter(|path| *path != Path::new("/"))?;
    read_once(&mount.directory(path)?.join(name), 4096).ok().and_then(|bytes| parse::limit(&bytes))
}

/// A time a bit after [`LIMITS_FRESH`], different for each container, so that their limits are not all read in one scrape.
fn fresh_until(path: &str) -> Instant {
    let mut hasher = DefaultHasher::new();
    path.hash(&mut hasher);
    Instant::now() + LIMITS_FRESH + Duration::from_millis(hasher.finish() % 30_000)
}

/// Whether a process started when the engine says the container did: field 22 of `/proc/<pid>/stat`, clock ticks since boot.
fn same_start(around: &Surroundings, process: &Path, started_at: Option<Timestamp>) -> bool {
    let Some((started_at, boot)) = started_at.zip(around.boot_seconds) else { return false };
    let Some(ticks) = read_once(&process.join("stat"), 4096).ok().and_then(|bytes| Process::start_time_of(&bytes))
    else {
        return false;
    };
    let since_boot = ticks.saturating_mul(around.tick_ns) / 1_000_000_000;
    let started = i64::try_from(boot.saturating_add(since_boot)).unwrap_or(i64::MAX);
    started_at.as_second().saturating_sub(started).abs() <= START_TOLERANCE_SECONDS
}
