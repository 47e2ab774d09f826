//! Which containers are in which network namespace, and whose it is.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    io,
    path::Path,
};

use jiff::Timestamp;

use crate::{
    host::sockets::{Namespace, Stranger},
    inventory::Snapshot,
    model::{Container, ContainerId, NetworkMode, Process, ServiceKey},
    targets::network_owner,
};

/// One namespace, and the containers in it.
#[derive(Debug)]
pub(super) struct Group<'s> {
    /// Whose network it is; the service its connections belong to.
    pub(super) owner: &'s Container,
    /// The process through which it is read.
    pub(super) process: Process,
    /// All of them, with their first processes.
    pub(super) members: Vec<(&'s Container, Process)>,
    /// The agent is in it.
    pub(super) is_agent: bool,
}

/// Containers by namespace.
#[derive(Debug, Default)]
pub(super) struct Groups<'s> {
    /// Namespaces other than the host's.
    pub(super) spaces: Vec<Group<'s>>,
    /// In the host's namespace.
    pub(super) on_host: Vec<&'s Container>,
    /// Those that could not be looked at, with the reason.
    pub(super) failed: Vec<(&'s Container, String)>,
}

/// First processes that were proven to be those of their containers, and their namespaces: a process does not change either.
#[derive(Debug, Default)]
pub(super) struct Proven(HashMap<ContainerId, (Option<Timestamp>, Process, u64)>);

impl Proven {
    /// Forgets containers which do not run any more, or not in this run.
    pub(super) fn keep(&mut self, snapshot: &Snapshot) {
        let runs: HashMap<&ContainerId, (Option<u32>, Option<Timestamp>)> = snapshot
            .containers
            .iter()
            .map(|entry| &entry.container)
            .filter(|container| container.has_processes())
            .map(|container| (&container.id, (container.pid, container.started_at)))
            .collect();
        self.0.retain(|id, (at, process, _)| runs.get(id) == Some(&(Some(process.pid), *at)));
    }

    /// Processes known.
    pub(super) fn processes(&self) -> HashSet<Process> {
        self.0.values().map(|(_, process, _)| *process).collect()
    }

    /// The first process of a container, and the number of its namespace.
    fn process(&mut self, proc: &Path, container: &Container, pid: u32) -> Result<(Process, u64), Failed> {
        let process = Process::find(proc, pid)?;
        match self.0.get(&container.id) {
            Some((_, known, identity)) if *known == process => Ok((process, *identity)),
            _ => {
                process.prove(proc, &container.id, container.started_at)?;
                let identity = Namespace::of(proc, pid).identity().map_err(|source| Failed::Net { pid, source })?;
                self.0.insert(container.id.clone(), (container.started_at, process, identity));
                Ok((process, identity))
            }
        }
    }
}

/// Why a container's namespace is not known.
#[derive(Debug, thiserror::Error)]
enum Failed {
    #[error(transparent)]
    Process(#[from] Stranger),
    #[error("read /proc/{pid}/net")]
    Net { pid: u32, source: io::Error },
}

/// An error and its causes in one line.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}

impl<'s> Groups<'s> {
    /// Finds them. What the kernel says counts, not what the engine was asked for: a container that joined another one's network stays in
    /// the old namespace when that one starts anew. `host` is the number of the host's namespace, `own` the agent's container by id or name.
    pub(super) fn find(
        snapshot: &'s Snapshot,
        proc: &Path,
        host: Option<u64>,
        own: Option<&str>,
        proven: &mut Proven,
    ) -> Self {
        let mut this = Self::default();
        let mut by_number: BTreeMap<u64, Vec<(&'s Container, Process)>> = BTreeMap::new();
        for container in snapshot.containers.iter().map(|entry| &entry.container) {
            let Some(pid) = container.pid.filter(|_| container.has_processes()) else { continue };
            match proven.process(proc, container, pid) {
                Ok((_, identity)) if host == Some(identity) => this.on_host.push(container),
                Ok(_) if container.network_mode == NetworkMode::Host => this.on_host.push(container),
                Ok((process, identity)) => by_number.entry(identity).or_default().push((container, process)),
                Err(error) => this.failed.push((container, chain(&error))),
            }
        }
        let is_own = |container: &Container| is_named(container, own);
        for members in by_number.into_values() {
            let joined = |container: &Container| matches!(container.network_mode, NetworkMode::Container(_));
            let at_home = members.iter().find(|(container, _)| !joined(container));
            // Where the owner is gone its name is still the one that others know the network by.
            let Some((container, process)) = at_home.or(members.first()).copied() else { continue };
            let owner = network_owner(container, |name| by_id_or_name(snapshot, name)).unwrap_or(container);
            let is_agent = members.iter().any(|(container, _)| is_own(container));
            this.spaces.push(Group { owner, process, members, is_agent });
        }
        this
    }
}

/// Whether it is the container of that id or name.
pub(super) fn is_named(container: &Container, name: Option<&str>) -> bool {
    name.is_some_and(|name| container.id.as_str() == name || *container.name == *name)
}

fn by_id_or_name<'s>(snapshot: &'s Snapshot, name: &str) -> Option<&'s Container> {
    snapshot.containers.iter().map(|entry| &entry.container).find(|container| is_named(container, Some(name)))
}

/// The service of a container.
pub(super) const fn key(container: &Container) -> &ServiceKey {
    &container.identity.key
}
