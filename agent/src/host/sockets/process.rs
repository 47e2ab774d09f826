//! One process, told from another one that got its number.

use std::{io, path::Path};

use jiff::Timestamp;

use super::super::{
    cgroup::Membership,
    handle::{CGROUP_CEILING, read_once},
};
use crate::model::{ContainerId, Process};

/// How far the engine's start time and the kernel's may lie apart for one process; see `host/container.rs`.
const START_TOLERANCE_SECONDS: i64 = 30;

/// The process is not what was looked for.
#[derive(Debug, thiserror::Error)]
pub enum Stranger {
    /// It cannot be read, or there is none.
    #[error("read /proc/{pid}/{file}")]
    Unreadable {
        /// Its number.
        pid: u32,
        /// Which file.
        file: &'static str,
        /// What the system says.
        source: io::Error,
    },
    /// Somebody else has the number by now, or the procfs is not that of the host.
    #[error("process {pid} is not one of the container")]
    Another {
        /// The number.
        pid: u32,
    },
}

impl Process {
    /// Finds the process with this number.
    ///
    /// # Errors
    /// [`Stranger::Unreadable`].
    pub fn find(proc: &Path, pid: u32) -> Result<Self, Stranger> {
        let unreadable = |source| Stranger::Unreadable { pid, file: "stat", source };
        let stat = read_once(&proc.join(pid.to_string()).join("stat"), CGROUP_CEILING).map_err(unreadable)?;
        let nonsense = || unreadable(io::Error::new(io::ErrorKind::InvalidData, "it has no start time"));
        Ok(Self { pid, start_time: Self::start_time_of(&stat).ok_or_else(nonsense)? })
    }

    /// Whether the process still is the one it was.
    pub fn lives(&self, proc: &Path) -> bool {
        Self::find(proc, self.pid).is_ok_and(|now| now == *self)
    }

    /// Proves that it is a process of this container: its cgroup has the container's id, or it began when the container did.
    ///
    /// # Errors
    /// [`Stranger`].
    pub fn prove(&self, proc: &Path, id: &ContainerId, started_at: Option<Timestamp>) -> Result<(), Stranger> {
        let path = proc.join(self.pid.to_string()).join("cgroup");
        let unreadable = |source| Stranger::Unreadable { pid: self.pid, file: "cgroup", source };
        let cgroup = read_once(&path, CGROUP_CEILING).map_err(unreadable)?;
        let same = || self.started_at(proc).zip(started_at).is_some_and(|(kernel, engine)| near(kernel, engine));
        if Membership::parse(&cgroup).mentions(id.as_str()) || same() {
            return Ok(());
        }
        Err(Stranger::Another { pid: self.pid })
    }

    /// When it began, by the wall clock: `btime` of `/proc/stat` and its own ticks.
    fn started_at(&self, proc: &Path) -> Option<Timestamp> {
        let stat = read_once(&proc.join("stat"), super::super::handle::TABLE_CEILING).ok()?;
        let boot = super::super::node::stat(&stat, 1.0, &mut Vec::new()).boot_time_seconds?;
        let since = self.start_time / rustix::param::clock_ticks_per_second().max(1);
        Timestamp::from_second(i64::try_from(boot.checked_add(since)?).ok()?).ok()
    }
}

/// Whether this is the procfs of the host, so that process 1 is the host's and not the agent's own container's.
pub fn sees_host(proc: &Path) -> bool {
    super::super::sees_host_pids(proc)
}

fn near(one: Timestamp, other: Timestamp) -> bool {
    one.as_second().saturating_sub(other.as_second()).abs() <= START_TOLERANCE_SECONDS
}
