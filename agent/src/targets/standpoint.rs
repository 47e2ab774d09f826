//! From where the agent sees containers: which of their addresses it reaches, and by what right it believes so.
//!
//! Docker drops traffic between bridges, so an agent in a container reaches what shares a network with it
//! ([`Vantage::SharedNetwork`]), and an agent on the host reaches the bridges that are on this host ([`Vantage::Host`]). Where neither
//! leads there, a helper's socket does ([`Vantage::Namespace`]): for that the proof is a process which the kernel has in a cgroup of that
//! very container.
//! Nothing is tried out: an address that merely looks like a container's may be somebody else's (an overlay network with the
//! subnet of the office, an engine on another machine), so each way needs a proof. In a container it is the engine's word
//! that the agent's own container hangs on the network; on the host it is a bridge in the kernel's routes which belongs to
//! that network.

use std::{
    cell::OnceCell,
    collections::HashMap,
    fs,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
    sync::Arc,
};

use super::{
    routes::{self, Route},
    way::{NoWay, Vantage, Way},
};
use crate::{
    inventory::{Entry, Snapshot},
    model::{Attachment, Container, ContainerId, InOrder as _, NetworkMode, Process},
};

/// Largest kernel file that is read here; a host with a thousand routes has 128 KiB.
const MAX_FILE: usize = 1 << 20;

/// Containers one may share the network of another, and that one of a third; the engine allows no chain, labels may lie.
const MAX_CHAIN: usize = 2;

/// Swarm's network for published ports: what hangs on it takes traffic from outside, not from its neighbours.
const INGRESS: &str = "ingress";

/// Where the agent stands, found out once at start.
#[derive(Clone, Debug)]
pub struct Standpoint {
    own_id: Option<String>,
    local_engine: bool,
    /// Where the agent listens; 0 nowhere.
    port: u16,
    proc: PathBuf,
    sys: PathBuf,
    /// Where the host's `/proc` is, when there is a helper.
    helper: Option<PathBuf>,
}

impl Standpoint {
    /// Finds out; `local_engine` is whether the engine is spoken to over a socket of this machine.
    pub fn discover(local_engine: bool) -> Self {
        Self::with_roots(local_engine, Path::new("/proc"), Path::new("/sys"))
    }

    /// Like [`Self::discover`] with other roots for the agent's own `/proc` and `/sys`, for tests.
    pub fn with_roots(local_engine: bool, proc: &Path, sys: &Path) -> Self {
        let mounts = read(&proc.join("self/mountinfo"));
        Self { own_id: own_id(&mounts), local_engine, port: 0, proc: proc.into(), sys: sys.into(), helper: None }
    }

    /// The id or name of the container the agent runs in, where it runs in one.
    pub fn own_container(&self) -> Option<&str> {
        self.own_id.as_deref()
    }

    /// The container in a picture which this process runs in, where it runs in one.
    pub fn own_container_in(snapshot: &Snapshot, local_engine: bool) -> Option<ContainerId> {
        let own = Self::discover(local_engine).own_id?;
        by_id_or_name(snapshot, &own).map(|entry| entry.container.id.clone())
    }

    /// The port on which the agent itself is found.
    pub const fn listening_on(mut self, port: u16) -> Self {
        self.port = port;
        self
    }

    /// With a helper that makes sockets in the namespaces of processes, which are found in the host's `/proc`.
    pub fn with_helper(mut self, host_proc: &Path) -> Self {
        self.helper = Some(host_proc.into());
        self
    }

    /// Joins the standpoint with one picture.
    pub(crate) fn look<'s>(&'s self, snapshot: &'s Snapshot) -> View<'s> {
        let own = self.own_id.as_deref().and_then(|id| by_id_or_name(snapshot, id));
        let host = |loopback| Place::Host { routes: self.routes(), loopback };
        let find = |name: &str| by_id_or_name(snapshot, name).map(|entry| &entry.container);
        let own = own.map(|own| network_owner(&own.container, find));
        let place = match own {
            // The engine knows the agent's container, so it is this machine's.
            Some(Some(owner)) if owner.network_mode == NetworkMode::Host => host(true),
            Some(Some(owner)) => Place::In(&owner.networks),
            // In a container the engine does not tell of, an excluded one: the routes are those of that container.
            Some(None) => host(false),
            None if self.local_engine => host(self.own_id.is_none()),
            None => Place::Elsewhere,
        };
        let own = own.flatten();
        View { standpoint: self, snapshot, own, place, index: OnceCell::new() }
    }

    fn routes(&self) -> Vec<Route> {
        let mut routes = routes::read_v4(&read(&self.proc.join("self/net/route")));
        routes.extend(routes::read_v6(&read(&self.proc.join("self/net/ipv6_route"))));
        routes
    }
}

enum Place<'s> {
    /// In a container with these networks.
    In(&'s [Attachment]),
    /// Wherever the kernel's routes say; `loopback` when that is known to be the host's own network.
    Host { routes: Vec<Route>, loopback: bool },
    /// Not on the engine's machine.
    Elsewhere,
}

/// The standpoint with one picture.
pub(crate) struct View<'s> {
    standpoint: &'s Standpoint,
    snapshot: &'s Snapshot,
    /// The container whose network the agent's own container uses; the same one in most cases.
    own: Option<&'s Container>,
    place: Place<'s>,
    /// Containers by id and by name, made when the first one shares the network of another.
    index: OnceCell<HashMap<&'s str, &'s Container>>,
}

impl<'s> View<'s> {
    /// The way to a port of a container.
    pub(crate) fn way(&self, entry: &Entry, port: u16) -> Result<Way, NoWay> {
        self.own_way(entry, port).or_else(|no_way| match no_way {
            NoWay::NoSharedNetwork | NoWay::NoBridge => self.through_helper(entry, port).ok_or(no_way),
            // No address but loopback, the host's own network, or another machine's processes: no helper changes that.
            NoWay::NoAddress | NoWay::HostNetwork | NoWay::RemoteEngine => Err(no_way),
        })
    }

    /// From inside its namespace, to one of its addresses on a network.
    fn through_helper(&self, entry: &Entry, port: u16) -> Option<Way> {
        let proc = self.standpoint.helper.as_ref().filter(|_| self.standpoint.local_engine)?;
        let owner = self.network_owner(&entry.container)?;
        let (theirs, address) = owner.networks.iter().find_map(|theirs| Some((theirs, first(theirs)?)))?;
        let process = Process::of_container(proc, entry.container.pid?, entry.container.id.as_str()).ok()?;
        Some(Way::Namespace { at: SocketAddr::new(address, port), network: theirs.network.clone(), process })
    }

    fn own_way(&self, entry: &Entry, port: u16) -> Result<Way, NoWay> {
        let owner = self.network_owner(&entry.container).ok_or(NoWay::NoAddress)?;
        if owner.network_mode == NetworkMode::Host {
            return self.host_loopback(port);
        }
        // Whoever shares the agent's network has its addresses, and on this port they are the agent's.
        if port == self.standpoint.port && self.own.is_some_and(|own| own.id == owner.id) {
            return Ok(Way::Itself);
        }
        if owner.networks.iter().all(|attachment| attachment.addresses.is_empty()) {
            return Err(NoWay::NoAddress);
        }
        let to = |attachment: &Attachment, address: IpAddr, vantage| Way::Address {
            at: SocketAddr::new(address, port),
            network: attachment.network.clone(),
            vantage,
        };
        match &self.place {
            Place::Elsewhere => Err(NoWay::RemoteEngine),
            Place::In(networks) => {
                let shared = |theirs: &&Attachment| {
                    *theirs.network != *INGRESS && networks.iter().any(|ours| same_network(ours, theirs))
                };
                let mut ways = owner.networks.iter().filter(shared).filter_map(|theirs| Some((theirs, first(theirs)?)));
                let (theirs, address) = ways.next().ok_or(NoWay::NoSharedNetwork)?;
                Ok(to(theirs, address, Vantage::SharedNetwork))
            }
            Place::Host { routes, .. } => {
                let mut ways = owner.networks.iter().flat_map(|theirs| sorted(theirs).map(move |ip| (theirs, ip)));
                let found = ways.find(|(theirs, address)| self.is_bridge_of(routes, theirs, *address));
                let none = if self.standpoint.own_id.is_some() { NoWay::NoSharedNetwork } else { NoWay::NoBridge };
                found.map(|(theirs, address)| to(theirs, address, Vantage::Host)).ok_or(none)
            }
        }
    }

    fn network_owner<'c>(&self, container: &'c Container) -> Option<&'c Container>
    where
        's: 'c,
    {
        network_owner(container, |name| {
            let found = self.index.get_or_init(|| index(self.snapshot)).get(name);
            found.copied()
        })
    }

    /// A container on the host's network has the host's addresses. Loopback is the one which is nobody else's, and only an
    /// agent on the same network has the same loopback.
    fn host_loopback(&self, port: u16) -> Result<Way, NoWay> {
        match &self.place {
            Place::Host { loopback: true, .. } if port == self.standpoint.port => Ok(Way::Itself),
            Place::Host { loopback: true, .. } => Ok(Way::Address {
                at: SocketAddr::from((Ipv4Addr::LOCALHOST, port)),
                network: "host".into(),
                vantage: Vantage::Host,
            }),
            Place::Elsewhere => Err(NoWay::RemoteEngine),
            _ => Err(NoWay::HostNetwork),
        }
    }

    /// Whether the kernel sends packets for the address into a bridge of that very network.
    fn is_bridge_of(&self, routes: &[Route], attachment: &Attachment, address: IpAddr) -> bool {
        // Podman writes the name of a network where Docker writes its id.
        let Some(id) = &attachment.network_id else { return false };
        let mut networks = self.snapshot.networks.iter();
        let Some(network) = networks.find(|network| network.id == *id || network.name == *id) else { return false };
        if network.driver.as_deref() != Some("bridge") {
            return false;
        }
        let Some(route) = routes::longest(routes, address) else { return false };
        // Docker names the bridges it makes after the network's id. One named otherwise must be a bridge with that subnet.
        let by_id = network.id.get(..12).is_some_and(|id| route.interface.strip_prefix("br-") == Some(id));
        let is_bridge = || self.standpoint.sys.join("class/net").join(&route.interface).join("bridge").is_dir();
        by_id || (network.subnets.iter().any(|subnet| route.is(subnet)) && is_bridge())
    }
}

/// The container whose network namespace this one lives in: itself, or the one it joined.
pub(crate) fn network_owner<'s>(
    container: &'s Container,
    find: impl Fn(&str) -> Option<&'s Container>,
) -> Option<&'s Container> {
    let mut owner = container;
    for _ in 0..=MAX_CHAIN {
        match &owner.network_mode {
            NetworkMode::Container(other) => owner = find(other)?,
            _ => return Some(owner),
        }
    }
    None
}

fn by_id_or_name<'s>(snapshot: &'s Snapshot, name: &str) -> Option<&'s Entry> {
    let found = |entry: &&Arc<Entry>| entry.container.id.as_str() == name || *entry.container.name == *name;
    snapshot.containers.iter().find(found).map(AsRef::as_ref)
}

/// Containers by name, and by id where both are the same: an id is never somebody else's.
fn index(snapshot: &Snapshot) -> HashMap<&str, &Container> {
    let containers = || snapshot.containers.iter().map(|entry| &entry.container);
    let names = containers().map(|container| (&*container.name, container));
    names.chain(containers().map(|container| (container.id.as_str(), container))).collect()
}

/// One network by its id; names may repeat.
fn same_network(ours: &Attachment, theirs: &Attachment) -> bool {
    ours.network_id.is_some() && ours.network_id == theirs.network_id
}

fn sorted(attachment: &Attachment) -> impl Iterator<Item = IpAddr> {
    let mut addresses = attachment.addresses.clone();
    // IPv4 first: it is what programs in containers listen on most reliably.
    addresses.order();
    addresses.into_iter().filter(|address| !address.is_unspecified() && !address.is_loopback())
}

/// The address of a container in one network.
pub(super) fn first(attachment: &Attachment) -> Option<IpAddr> {
    sorted(attachment).next()
}

/// The id of the container this process runs in, from the files which Docker and Podman mount into every one of them.
fn own_id(mountinfo: &str) -> Option<String> {
    mountinfo.lines().find_map(|line| {
        let mut fields = line.split(' ').skip(3);
        let (root, at) = (fields.next()?, fields.next()?);
        if !matches!(at, "/etc/hostname" | "/etc/hosts" | "/etc/resolv.conf") {
            return None;
        }
        let is_id = |part: &&str| part.len() == 64 && part.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
        root.split('/').find(is_id).map(str::to_owned)
    })
}

/// A kernel file's text; empty when it cannot be read, which means no proof of anything.
fn read(path: &Path) -> String {
    let mut bytes = fs::read(path).unwrap_or_default();
    bytes.truncate(MAX_FILE);
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
#[path = "tests/standpoint.rs"]
mod tests;
