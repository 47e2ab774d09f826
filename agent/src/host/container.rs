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
    cgroup::{self, Membership},
    handle::{CGROUP_CEILING, Handle, read_once},
    net, parse,
    reading::Reading,
    roots::{Hierarchies, Roots},
    v1, v2,
};
use crate::model::{ContainerSample, Spec};

/// How far the engine's start time and the kernel's may lie apart for one process: the engine notes it after the start, and wall
/// clocks are set now and then. A reused pid is younger by the life of the container, usually more.
const START_TOLERANCE_SECONDS: i64 = 30;

/// How long limits are believed. The engine says when it changes them ([`super::Host::track`] hears of it); this is for the
/// hand that writes into a cgroup past the engine. A third of the files would otherwise be read for nothing at every scrape.
const LIMITS_FRESH: Duration = Duration::from_secs(60);

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
    /// The `id` label.
    path: Arc<str>,
    limits: Option<Limits>,
}

#[derive(Debug)]
enum Cgroup {
    V1(Box<v1::Files>, Box<v1::Directories>),
    V2(Box<v2::Files>, Option<PathBuf>),
}

/// Limits as they were read, and until when they count as fresh.
#[derive(Clone, Copy, Debug)]
struct Limits {
    spec: Spec,
    pids: Option<u64>,
    until: Instant,
}

impl Files {
    /// Finds and opens the files of a container's first process.
    ///
    /// # Errors
    /// [`Gone`] when the process has ended, or its pid belongs to somebody else by now.
    pub(super) fn open(around: &Surroundings, target: &Target) -> Result<Self, Gone> {
        let process = around.roots.proc.join(target.pid.to_string());
        let told = read_once(&process.join("cgroup"), CGROUP_CEILING).map_err(|_| Gone)?;
        let membership = Membership::parse(&told);
        let id = target.id.as_str();
        if !membership.mentions(id) && !same_start(around, &process, target.started_at) {
            return Err(Gone);
        }
        let files = Self {
            cgroup: Cgroup::open(&around.hierarchies, &membership, id),
            network: target.network.then(|| Handle::table(&process.join("net/dev")).ok()).flatten(),
            path: label(&around.hierarchies, &membership, id),
            limits: None,
        };
        // The process may have ended, and its pid been given away, while its files were opened one by one.
        match read_once(&process.join("cgroup"), CGROUP_CEILING) {
            Ok(again) if again == told => Ok(files),
            _ => Err(Gone),
        }
    }

    /// Number of files held.
    pub(super) fn count(&self) -> usize {
        self.cgroup.count() + usize::from(self.network.is_some())
    }

    /// Forgets the limits: the engine has changed them.
    pub(super) fn limits_changed(&mut self) {
        self.limits = None;
    }

    fn limits(&mut self) -> Limits {
        if let Some(limits) = self.limits.filter(|limits| Instant::now() < limits.until) {
            return limits;
        }
        let (spec, pids) = self.cgroup.limits();
        *self.limits.insert(Limits { spec, pids, until: fresh_until(&self.path) })
    }

    /// Reads everything.
    ///
    /// # Errors
    /// [`Gone`] when the cgroup has been removed.
    pub(super) fn read(&mut self, tick_ns: u64, reading: &mut Reading, into: &mut ContainerSample) -> Result<(), Gone> {
        match &self.cgroup {
            Cgroup::V1(files, _) => files.read(tick_ns, reading, into)?,
            Cgroup::V2(files, _) => files.read(reading, into)?,
        }
        let limits = self.limits();
        (into.spec, into.pids.limit) = (limits.spec, limits.pids);
        if into.cgroup_path.as_ref() != Some(&self.path) {
            into.cgroup_path = Some(Arc::clone(&self.path));
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
    /// Opens what a container has in the hierarchies; one it cannot be found in adds no file.
    fn open(hierarchies: &Hierarchies, membership: &Membership, id: &str) -> Self {
        let unified = membership.v2().map(|path| cgroup::top(path, id));
        if hierarchies.unified() {
            let folder = hierarchies.v2.as_ref().zip(unified).and_then(|(mount, path)| mount.directory(&path));
            return Self::V2(Box::new(folder.as_deref().map(v2::Files::open).unwrap_or_default()), folder);
        }
        let directories = v1::Directories::find(hierarchies, |controller| match controller {
            None => unified.clone(),
            Some(name) => membership.v1(name).map(|path| cgroup::top(path, id)),
        });
        Self::V1(Box::new(v1::Files::open(&directories)), Box::new(directories))
    }

    fn count(&self) -> usize {
        match self {
            Self::V1(files, _) => files.count(),
            Self::V2(files, _) => files.count(),
        }
    }

    /// The limits, and that of pids.
    fn limits(&self) -> (Spec, Option<u64>) {
        match self {
            Self::V1(_, directories) => directories.limits(),
            Self::V2(_, folder) => folder.as_deref().map(v2::limits).unwrap_or_default(),
        }
    }
}

/// The `id` label. Where controllers have paths of their own, memory speaks for all, as it does with cAdvisor.
fn label(hierarchies: &Hierarchies, membership: &Membership, id: &str) -> Arc<str> {
    let path = match hierarchies.unified() {
        true => membership.v2(),
        false => membership.v1("memory").or_else(|| membership.v1("cpu")).or_else(|| membership.v2()),
    };
    path.map_or_else(|| format!("/{id}"), |path| cgroup::label(&cgroup::top(path, id))).into()
}

/// A time a bit after [`LIMITS_FRESH`], different for each container, so that their limits are not all read in one scrape.
fn fresh_until(path: &str) -> Instant {
    let mut hasher = DefaultHasher::new();
    path.hash(&mut hasher);
    Instant::now() + LIMITS_FRESH + Duration::from_millis(hasher.finish() % 30_000)
}

/// Whether a process started when the engine says the container did: field 22 of `/proc/<pid>/stat`, clock ticks since boot.
fn same_start(around: &Surroundings, process: &Path, started_at: Option<Timestamp>) -> bool {
    let Some((started_at, boot)) = started_at.zip(around.boot_seconds) else { return true };
    let Some(ticks) = read_once(&process.join("stat"), 4096).ok().and_then(|bytes| start_ticks(&bytes)) else {
        return false;
    };
    let since_boot = ticks.saturating_mul(around.tick_ns) / 1_000_000_000;
    let started = i64::try_from(boot.saturating_add(since_boot)).unwrap_or(i64::MAX);
    started_at.as_second().saturating_sub(started).abs() <= START_TOLERANCE_SECONDS
}

/// Field 22. The second field is the program's name in parentheses and may hold anything, parentheses and blanks included.
fn start_ticks(stat: &[u8]) -> Option<u64> {
    let (_, rest) = stat.split_at_checked(memchr::memrchr(b')', stat)? + 1)?;
    parse::words(rest).nth(22 - 3).and_then(parse::number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_start_is_found_behind_a_hostile_name() {
        let stat = b"42 (a) b) (c) S 1 42 42 0 -1 4194560 100 0 0 0 1 2 0 0 20 0 1 0 987654 1000 10";
        assert_eq!(start_ticks(stat), Some(987_654));
        assert_eq!(start_ticks(b"42 (sh S 1"), None);
        assert_eq!(start_ticks(b""), None);
    }
}
