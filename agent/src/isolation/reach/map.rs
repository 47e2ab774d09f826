//! Where each container of a picture stands: in whose namespace, on which networks.

use std::{collections::HashMap, net::IpAddr, sync::Arc};

use super::Family;
use crate::{
    inventory::{Entry, Snapshot},
    model::{Container, ContainerId, Gateway, Network, NetworkMode, Protocol, PublishedPort},
};

/// Containers that join each other's namespace in a row; an engine refuses a ring, a picture between two answers may have one.
const MAX_CHAIN: usize = 8;

/// What kind of network namespace it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// One on networks of the engine.
    Own,
    /// The host's.
    Host,
    /// One with loopback alone.
    Alone,
    /// That of a container which is not in the picture.
    Lost,
}

/// The network namespace of a container, and what hangs on it.
#[derive(Clone, Debug)]
pub struct Standing<'a> {
    /// What kind it is.
    pub place: Place,
    /// Whose it is: two with the same owner share it.
    pub owner: &'a ContainerId,
    /// Name of the container whose it is.
    pub name: &'a str,
    /// Networks it is on.
    pub feet: Vec<Foot<'a>>,
    /// Ports published for it.
    pub ports: &'a [PublishedPort],
    /// Ports exposed by it.
    pub exposed: &'a [(Protocol, u16)],
    /// Links of it.
    pub links: &'a [Arc<str>],
}

/// One network that a namespace is on.
#[derive(Clone, Copy, Debug)]
pub struct Foot<'a> {
    /// The network; `None` where the engine did not describe it.
    pub network: Option<&'a Network>,
    /// Name of the network.
    pub name: &'a str,
    /// Addresses there.
    pub addresses: &'a [IpAddr],
}

impl Foot<'_> {
    /// Whether it has an address of that kind.
    pub fn speaks(&self, family: Family) -> bool {
        self.addresses.iter().any(|address| Family::of(*address) == family)
    }

    /// Whether its network is a bridge with an address of the host in that kind of IP, as this engine makes it.
    pub(super) fn has_host(&self, engine: &super::Engine, family: Family) -> bool {
        let Some(network) = self.network.filter(|network| network.is_bridge()) else { return false };
        let inhibited = family == Family::V4 && network.options.inhibit_ipv4 == Some(true);
        !inhibited && gateway(engine, network, family) != Some(Gateway::Isolated)
    }

    /// Whether nothing leaves its network by design. Not known of a network that was not described.
    pub(super) fn is_internal(&self) -> bool {
        self.network.is_some_and(|network| network.internal == Some(true))
    }
}

/// The gateway mode in force: engines before 27 know none, and 27 knows two. `None` is a word that this engine should not know.
pub(in crate::isolation) fn gateway(engine: &super::Engine, network: &Network, family: Family) -> Option<Gateway> {
    let said = match family {
        Family::V4 => network.options.gateway_v4,
        Family::V6 => network.options.gateway_v6,
    };
    let Some(said) = said.filter(|_| !engine.podman) else { return Some(Gateway::Nat) };
    match said {
        Gateway::Nat => Some(Gateway::Nat),
        Gateway::Unknown => None,
        // An option that an engine does not know is kept and does nothing.
        _ if engine.since(27, 0) == Some(false) => Some(Gateway::Nat),
        Gateway::Isolated | Gateway::NatUnprotected if engine.since(28, 0) == Some(false) => Some(Gateway::Nat),
        said => Some(said),
    }
}

impl Standing<'_> {
    /// Whether both are in one namespace.
    pub fn shares_with(&self, other: &Self) -> bool {
        match (self.place, other.place) {
            (Place::Host, Place::Host) => true,
            (Place::Lost, _) | (_, Place::Lost) => false,
            _ => self.owner == other.owner,
        }
    }

    /// Whether it has networks, and nothing leaves any of them.
    pub fn is_internal(&self) -> bool {
        !self.feet.is_empty() && self.feet.iter().all(Foot::is_internal)
    }
}

/// A picture, with its containers and networks by what others call them.
#[derive(Debug)]
pub struct Map<'a> {
    containers: HashMap<&'a str, &'a Container>,
    networks: HashMap<&'a str, &'a Network>,
}

impl<'a> Map<'a> {
    /// Of a picture.
    pub fn new(snapshot: &'a Snapshot) -> Self {
        let mut containers = HashMap::with_capacity(snapshot.containers.len() * 2);
        for container in snapshot.containers.iter().map(|entry| &entry.container) {
            containers.insert(container.id.as_str(), container);
            containers.entry(&*container.name).or_insert(container);
        }
        let mut networks = HashMap::with_capacity(snapshot.networks.len() * 2);
        for network in &snapshot.networks {
            // Podman joins by name, and names may be those of several networks on Docker: ids first.
            networks.insert(&*network.id, &**network);
            networks.entry(&*network.name).or_insert(network);
        }
        Self { containers, networks }
    }

    /// The network that an attachment is about.
    pub fn network(&self, attachment: &crate::model::Attachment) -> Option<&'a Network> {
        let id = attachment.network_id.as_deref().and_then(|id| self.networks.get(id));
        id.or_else(|| self.networks.get(&*attachment.network)).copied()
    }

    /// A container by its id or name.
    pub fn container(&self, name: &str) -> Option<&'a Container> {
        self.containers.get(name).copied()
    }

    /// Where a container stands.
    pub fn standing(&self, entry: &'a Entry) -> Standing<'a> {
        self.of(&entry.container)
    }

    /// Where a container stands.
    pub fn of(&self, container: &'a Container) -> Standing<'a> {
        let mut owner = container;
        let mut place = Place::Lost;
        for _ in 0..MAX_CHAIN {
            place = match &owner.network_mode {
                NetworkMode::Host => Place::Host,
                NetworkMode::None => Place::Alone,
                NetworkMode::Own(_) => Place::Own,
                NetworkMode::Container(other) => match self.containers.get(&**other) {
                    Some(next) => {
                        owner = next;
                        place = Place::Lost;
                        continue;
                    }
                    None => Place::Lost,
                },
            };
            break;
        }
        let feet = owner.networks.iter().map(|attachment| Foot {
            network: self.network(attachment),
            name: &attachment.network,
            addresses: &attachment.addresses,
        });
        let feet: Vec<_> = if place == Place::Own { feet.collect() } else { Vec::new() };
        Standing {
            // A container of `none` may be put on a network later.
            place: if place == Place::Own && feet.is_empty() { Place::Alone } else { place },
            owner: &owner.id,
            name: &owner.name,
            feet,
            ports: if place == Place::Own { &owner.ports } else { &[] },
            exposed: &owner.confinement.exposed,
            links: &container.confinement.links,
        }
    }
}
