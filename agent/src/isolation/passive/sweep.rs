//! One sweep over all namespaces, and the owner of everything that sweeps remember.

use std::{collections::HashMap, net::SocketAddr, os::fd::OwnedFd, path::Path, time::Duration};

use jiff::Timestamp;

use super::{
    MAX_ALL_ROWS, MAX_ROWS, Observed,
    groups::{Groups, Proven, is_named, key},
    host_side::HostSide,
    ledger::{Ledger, Page, Seen},
    owners::Owners,
    past::Past,
    picture::Picture,
    space::{FULL_EVERY, Looking, Space},
};
use crate::{
    host::sockets::{Buffer, Diag, Namespace, sees_host},
    inventory::Snapshot,
    model::{InOrder as _, Process},
};

/// Whether a socket with this own address, made in the namespace of this process, is a probe of the agent's, whoever or only this one is asked.
pub type Ours<'a> = &'a dyn Fn(u32, SocketAddr, Option<SocketAddr>) -> bool;

/// What a sweep has to know beside the picture.
#[derive(Clone, Copy)]
pub struct Around<'a> {
    /// The host's procfs.
    pub proc: &'a Path,
    /// The time, by the clock that `started_at` of containers is told in.
    pub now: Timestamp,
    /// Id or name of the agent's own container.
    pub own: Option<&'a str>,
    /// Whether a socket with this own address, made in the namespace of this process, is a probe of the agent's.
    pub ours: Ours<'a>,
}

/// How long nobody asks for another descriptor after one was of no use: a module may be loaded some day, and the files do as well.
const SPARED: Duration = Duration::from_secs(600);

/// Looks again and again, and remembers what it has seen: one owner, one sweep at a time. It blocks.
#[derive(Debug, Default)]
pub struct Sweeper {
    spaces: HashMap<Process, Space>,
    diags: HashMap<Process, Diag>,
    /// Namespaces in which the kernel lists nothing over netlink (it has no `tcp_diag`), and when that was found out.
    spared: HashMap<Process, Timestamp>,
    proven: Proven,
    past: Past,
    ledger: Ledger,
    host: HostSide,
    buffer: Buffer,
    sweeps: u64,
    before: Option<Timestamp>,
    /// Where the agent listens; 0 nowhere.
    port: u16,
}

impl Sweeper {
    /// One that has seen nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// Where the agent itself is found: on the host's network this port of the host is the agent, not a service of the host.
    pub const fn listening_on(mut self, port: u16) -> Self {
        self.port = port;
        self
    }

    /// Takes note of a picture between sweeps: who has which address, and whose namespaces need not be held any more. A container whose
    /// whole life falls between two sweeps is known by its address alone if this hears of it; a descriptor for `sock_diag` keeps the
    /// namespace of a dead container alive until this does. Cheap; [`Self::sweep`] does it as well.
    pub fn note(&mut self, snapshot: &Snapshot, now: Timestamp) {
        self.past.note(snapshot, now);
        self.proven.keep(snapshot);
        let living = self.proven.processes();
        self.diags.retain(|process, _| living.contains(process));
        self.spaces.retain(|process, _| living.contains(process));
        let lately = |since: &Timestamp| now.duration_since(*since).unsigned_abs() < SPARED;
        self.spared.retain(|process, since| living.contains(process) && lately(since));
    }

    /// Processes whose namespaces the last sweep read from files, for which a descriptor would be quicker ([`Self::give`]). Where one was of
    /// no use nobody is asked for another for ten minutes.
    pub fn wanting(&self) -> Vec<Process> {
        let is_wanting = |process: &&Process| !self.diags.contains_key(process) && !self.spared.contains_key(process);
        let mut wanting: Vec<Process> = self.spaces.keys().filter(is_wanting).copied().collect();
        wanting.order();
        wanting
    }

    /// Takes a `sock_diag` descriptor which the helper made in the namespace of this process. It is closed when the process has gone, or when
    /// the kernel does not answer on it.
    pub fn give(&mut self, process: Process, diag: OwnedFd) {
        if self.spaces.contains_key(&process) {
            self.diags.insert(process, Diag::new(diag));
        }
    }

    /// How many descriptors are held.
    pub fn descriptors(&self) -> usize {
        self.diags.len()
    }

    /// Looks at every namespace of the picture once.
    pub fn sweep(&mut self, snapshot: &Snapshot, around: &Around<'_>) -> Observed {
        self.sweeps += 1;
        self.note(snapshot, around.now);
        let mut observed = Observed::default();
        let host = self.look_at_host(around.proc);
        let mut groups = Groups::find(snapshot, around.proc, host, around.own, &mut self.proven);
        let mut failed = std::mem::take(&mut groups.failed);
        let mut before = std::mem::take(&mut self.spaces);
        let mut room = MAX_ALL_ROWS;
        groups.spaces.retain(|group| {
            let space = before.remove(&group.process).unwrap_or_default();
            let looked = self.look(group.process, space, (around.proc, around.now), room, &mut observed);
            let reason = match &looked {
                Ok(space) if space.over == 0 => None,
                Ok(_) => Some(format!("more sockets than are looked at ({MAX_ROWS}, of all together {MAX_ALL_ROWS})")),
                Err(reason) => Some(reason.clone()),
            };
            for reason in reason.iter() {
                failed.extend(group.members.iter().map(|(container, _)| (*container, reason.clone())));
            }
            let Ok(space) = looked else { return false };
            room = room.saturating_sub(space.len());
            observed.left_out.rows += space.over;
            self.spaces.insert(group.process, space);
            true
        });
        self.attribute(snapshot, around, &groups, &mut observed);
        tell(&groups, failed, around.own, &mut observed);
        self.before = Some(around.now);
        observed
    }

    /// Looks at the host's own namespace; its number, where it is seen.
    fn look_at_host(&mut self, proc: &Path) -> Option<u64> {
        if !sees_host(proc) {
            self.host.clear();
            return None;
        }
        if let Err(error) = self.host.look(proc, &mut self.buffer, self.sweeps) {
            tracing::debug!(%error, "read the host's sockets");
            self.host.clear();
        }
        Namespace::of(proc, 1).identity().ok()
    }

    /// Brings one namespace up to date, where the process is still the one that was meant when that is done.
    fn look(
        &mut self,
        process: Process,
        mut space: Space,
        (proc, now): (&Path, Timestamp),
        room: usize,
        observed: &mut Observed,
    ) -> Result<Space, String> {
        let how = Looking {
            namespace: &Namespace::of(proc, process.pid),
            diag: self.diags.get_mut(&process),
            buffer: &mut self.buffer,
            sweep: self.sweeps,
            // Not all of them in the same sweep.
            full: (self.sweeps + u64::from(process.pid)).is_multiple_of(FULL_EVERY),
            room,
        };
        let look = space.look(how).map_err(|error| format!("read /proc/{}/net: {error}", process.pid))?;
        if look.diag_failed {
            self.diags.remove(&process);
            self.spared.insert(process, now);
        }
        if look.read && !process.lives(proc) {
            return Err(format!("process {} ended meanwhile", process.pid));
        }
        observed.read += u64::from(look.read);
        observed.unchanged += u64::from(!look.read);
        observed.left_out.strange += look.strange;
        Ok(space)
    }

    /// Finds out whose all the sockets are.
    fn attribute(&mut self, snapshot: &Snapshot, around: &Around<'_>, groups: &Groups<'_>, observed: &mut Observed) {
        let Self { spaces, past, host, ledger, port, .. } = self;
        let mut picture = Picture::new(snapshot, groups, &host.addresses, around.own, past, self.before);
        let looked = groups.spaces.iter().filter_map(|group| {
            let (space, owners) = (spaces.get(&group.process)?, Owners::new(around.proc, group));
            Some(Seen { group, space, owners })
        });
        let seen: Vec<Seen<'_, '_>> = looked.collect();
        picture.agent_on_host =
            Some(*port).filter(|port| *port != 0 && groups.spaces.iter().all(|group| !group.is_agent));
        // Where the host is not seen, a container on a bridge still knows it by its gateway.
        seen.iter().flat_map(|seen| &seen.space.gateways).for_each(|gateway| picture.add_gateway(*gateway));
        let page = Page {
            seen: &seen,
            picture: &picture,
            host_listens: &|protocol, port| host.listens(protocol, port) || picture.is_published(protocol, port),
            ours: around.ours,
        };
        ledger.enter(&page, observed);
        for Seen { group, space, owners } in &seen {
            if owners.services().len() > 1 {
                let shared = observed.shared.entry(key(group.owner).clone()).or_default();
                shared.extend(owners.services().iter().map(|service| (*service).clone()));
            }
            for container in group.members.iter().map(|(container, _)| *container).chain([group.owner]) {
                observed.listeners.entry(key(container).clone()).or_default().extend(space.listeners());
            }
        }
        observed.host_listeners = host.for_containers(&picture);
    }
}

/// Who was looked at, and who was not and why.
fn tell(
    groups: &Groups<'_>,
    failed: Vec<(&crate::model::Container, String)>,
    own: Option<&str>,
    observed: &mut Observed,
) {
    for (container, reason) in failed {
        observed.unseen.entry(key(container).clone()).or_insert(reason);
    }
    for container in &groups.on_host {
        if is_named(container, own) {
            observed.seen.insert(key(container).clone());
        } else {
            let reason = "on the host's network: its sockets cannot be told from the host's".to_owned();
            observed.unseen.entry(key(container).clone()).or_insert(reason);
        }
    }
    let members = groups.spaces.iter().flat_map(|group| &group.members);
    observed.seen.extend(members.map(|(container, _)| key(container).clone()));
    let unseen = &observed.unseen;
    observed.seen.retain(|service| !unseen.contains_key(service));
}
