//! What the kernel says of processes, addresses and sockets. All of it blocks for some microseconds, rarely milliseconds.

use std::{
    collections::VecDeque,
    fmt::Debug,
    net::{IpAddr, SocketAddr},
    path::PathBuf,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use super::life::Life;
use crate::{
    host::sockets::{Buffer, Namespace, containers_of, descriptor_of, numbers_agree, sees_host},
    model::Process,
};

/// Processes that had sockets of the host when it was asked last: they have the next ones, too.
const RECENT: usize = 32;

/// Where no process shows its files it is not tried again so soon.
const BLIND: Duration = Duration::from_secs(30);

/// Whose socket of the host it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Owner {
    /// That of a process in a container, with the ids that its cgroups name, the innermost last.
    Container(Vec<String>),
    /// That of a process in none.
    Process,
    /// That of the agent.
    Agent,
    /// It cannot be told.
    Unknown,
}

/// Whoever can be asked. The kernel, and in tests one that is made up.
pub(super) trait Kernel: Debug + Send + Sync + 'static {
    /// Whether processes of the host are seen under the engine's numbers.
    fn sees_host(&self) -> bool;

    /// Whether the run goes on and its network namespace has this address.
    fn has_address(&self, life: &Life, address: IpAddr) -> bool;

    /// Whether the run goes on and its network namespace has a TCP socket with these two ends, seen from there.
    fn has_socket(&self, life: &Life, local: SocketAddr, remote: SocketAddr) -> bool;

    /// Whose socket with these two ends it is in the host's network namespace. The kernel shows that to who may trace the process, which a
    /// process under Landlock may not.
    fn owner(&self, local: SocketAddr, remote: SocketAddr) -> Owner;

    /// Whether the host's network namespace has this address.
    fn is_of_host(&self, address: IpAddr) -> bool;

    /// Ids of the containers that a process is in, the innermost last; empty for one in none, `None` where it cannot be seen. The number is
    /// one of our own pid namespace.
    fn containers_of(&self, pid: u32) -> Option<Vec<String>>;
}

/// The real one, through procfs.
#[derive(Debug)]
pub(super) struct Files {
    proc: PathBuf,
    sees_host: bool,
    /// Numbers of processes in that procfs are those of our own pid namespace.
    numbers_agree: bool,
    recent: Mutex<Recent>,
}

#[derive(Debug, Default)]
struct Recent {
    pids: VecDeque<u32>,
    blind_until: Option<Instant>,
}

impl Files {
    /// With the host's `/proc` there.
    pub(super) fn new(proc: PathBuf) -> Self {
        let (sees_host, numbers_agree) = (sees_host(&proc), numbers_agree(&proc));
        Self { proc, sees_host, numbers_agree, recent: Mutex::default() }
    }

    /// Looks at the namespace of a run, and makes sure that it was that of this run all the while.
    fn inside(&self, life: &Life, look: impl FnOnce(&Namespace) -> bool) -> bool {
        let Some(process) = life.pid.and_then(|pid| Process::find(&self.proc, pid).ok()) else { return false };
        process.prove(&self.proc, &life.id, life.started_at).is_ok()
            && look(&Namespace::of(&self.proc, process.pid))
            && process.lives(&self.proc)
    }

    /// The process which has that socket open, as far as it lets others see.
    fn process_with(&self, inode: u64) -> Option<u32> {
        let mut recent = self.recent.lock().unwrap_or_else(PoisonError::into_inner);
        if recent.blind_until.is_some_and(|until| Instant::now() < until) {
            return None;
        }
        let found = descriptor_of(&self.proc, inode, recent.pids.make_contiguous());
        recent.blind_until = (found.shown == 0).then(|| Instant::now() + BLIND);
        let pid = found.pid?;
        recent.pids.retain(|known| *known != pid);
        recent.pids.push_front(pid);
        recent.pids.truncate(RECENT);
        Some(pid)
    }
}

impl Kernel for Files {
    fn sees_host(&self) -> bool {
        self.sees_host
    }

    fn has_address(&self, life: &Life, address: IpAddr) -> bool {
        self.inside(life, |namespace| namespace.addresses().is_ok_and(|own| own.contains(&address)))
    }

    fn has_socket(&self, life: &Life, local: SocketAddr, remote: SocketAddr) -> bool {
        let found = |namespace: &Namespace| namespace.find(local, remote, &mut Buffer::default());
        self.inside(life, |namespace| found(namespace).is_ok_and(|found| found.is_some()))
    }

    fn owner(&self, local: SocketAddr, remote: SocketAddr) -> Owner {
        let host = Namespace::of(&self.proc, 1);
        let inode = host.find(local, remote, &mut Buffer::default()).ok().flatten().filter(|inode| *inode != 0);
        let Some(pid) = inode.and_then(|inode| self.process_with(inode)) else { return Owner::Unknown };
        if self.numbers_agree && pid == std::process::id() {
            return Owner::Agent;
        }
        match containers_of(&self.proc, pid) {
            Ok(ids) if ids.is_empty() => Owner::Process,
            Ok(ids) => Owner::Container(ids),
            Err(_) => Owner::Unknown,
        }
    }

    fn is_of_host(&self, address: IpAddr) -> bool {
        Namespace::of(&self.proc, 1).addresses().is_ok_and(|own| own.contains(&address))
    }

    fn containers_of(&self, pid: u32) -> Option<Vec<String>> {
        if !self.numbers_agree {
            return None;
        }
        containers_of(&self.proc, pid).ok()
    }
}
