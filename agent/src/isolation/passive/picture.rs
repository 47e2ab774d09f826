//! Whose an address is, in one picture of the inventory.

use std::{
    collections::{BTreeSet, HashMap},
    net::{IpAddr, SocketAddr},
    sync::Arc,
};

use jiff::Timestamp;

use super::{
    groups::{Group, Groups, is_named, key},
    past::Past,
};
use crate::{
    inventory::Snapshot,
    isolation::End,
    model::{Container, ContainerId, Gateway, Network, NetworkMode, Protocol, ServiceKey, Subnet},
};

/// Everything that addresses are held against.
#[derive(Debug)]
pub(super) struct Picture<'s> {
    holders: HashMap<IpAddr, &'s Container>,
    /// Index of the namespace each container is in.
    spaces: HashMap<&'s ContainerId, usize>,
    agents: Vec<bool>,
    host: &'s BTreeSet<IpAddr>,
    gateways: BTreeSet<IpAddr>,
    published: HashMap<(Protocol, u16), Vec<Publication<'s>>>,
    /// With the names of their networks.
    subnets: Vec<(Subnet, &'s Arc<str>)>,
    bridges: Vec<(Subnet, &'s Arc<str>)>,
    own: Option<&'s str>,
    /// The port of the host on which the agent listens, where it has no network of its own.
    pub(super) agent_on_host: Option<u16>,
    past: &'s Past,
    /// When the sweep before looked.
    before: Option<Timestamp>,
}

/// A port published on the host.
#[derive(Debug)]
struct Publication<'s> {
    /// Address of the host; an unspecified one is each of its family.
    on: IpAddr,
    container: &'s Container,
    /// Its own port.
    port: u16,
}

/// Whom a connection goes to.
#[derive(Clone, Debug)]
pub(super) enum Whom<'s> {
    /// Somebody, at this port of his own.
    End(End, u16),
    /// A container, at this port of its own.
    Container(&'s Container, u16),
    /// The address has changed hands since the last sweep, or may have before the first one: whose it was when the connection began is not known.
    Unclear,
}

/// Who a connection comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Who<'p> {
    /// A service.
    Service(&'p ServiceKey),
    /// The agent, the host, the world outside, through a published port or not: nobody whose outgoing connections are judged.
    Others,
    /// An address of one of our networks, which has this name, that is nobody's.
    Stranger(&'p Arc<str>),
    /// See [`Whom::Unclear`].
    Unclear,
}

impl<'s> Picture<'s> {
    /// Lays it out. `host` has the host's own addresses.
    pub(super) fn new(
        snapshot: &'s Snapshot,
        groups: &Groups<'s>,
        host: &'s BTreeSet<IpAddr>,
        own: Option<&'s str>,
        past: &'s Past,
        before: Option<Timestamp>,
    ) -> Self {
        let subnets = |only_bridges: bool| {
            let networks = snapshot.networks.iter();
            let wanted = networks.filter(move |network| !only_bridges || has_host(network));
            let named = |network: &'s Arc<Network>| {
                network.subnets.iter().filter_map(|text| Some((Subnet::parse(text)?, &network.name)))
            };
            wanted.flat_map(named).collect()
        };
        let mut this = Self {
            holders: HashMap::new(),
            spaces: HashMap::new(),
            agents: groups.spaces.iter().map(|group| group.is_agent).collect(),
            host,
            gateways: BTreeSet::new(),
            published: HashMap::new(),
            subnets: subnets(false),
            bridges: subnets(true),
            own,
            agent_on_host: None,
            past,
            before,
        };
        let given = snapshot.networks.iter().filter(|network| has_host(network));
        this.gateways.extend(given.flat_map(|network| &network.gateways));
        for container in snapshot.containers.iter().map(|entry| &entry.container) {
            // Whoever joined another one's network may be told with its addresses; they are the other one's.
            if !matches!(container.network_mode, NetworkMode::Container(_)) {
                let addresses = container.networks.iter().flat_map(|attachment| &attachment.addresses);
                this.holders.extend(addresses.map(|address| (*address, container)));
            }
            // What does not run publishes nothing: its ports are what was asked for.
            for port in container.ports.iter().filter(|_| container.has_processes()) {
                let Some(protocol) = Protocol::from_word(&port.protocol) else { continue };
                let on = port.host_ip.parse().unwrap_or(IpAddr::from([0, 0, 0, 0]));
                let place = this.published.entry((protocol, port.host_port)).or_default();
                place.push(Publication { on, container, port: port.container_port });
            }
        }
        for (index, group) in groups.spaces.iter().enumerate() {
            this.spaces.extend(group.members.iter().map(|(container, _)| (&container.id, index)));
        }
        this
    }

    /// The namespace in which the container with this address is.
    pub(super) fn space_of(&self, address: IpAddr) -> Option<usize> {
        self.space_with(self.holders.get(&address)?)
    }

    fn is_agent(&self, container: &Container) -> bool {
        let shared = self.spaces.get(&container.id).and_then(|index| self.agents.get(*index));
        is_named(container, self.own) || shared == Some(&true)
    }

    /// Whether the address is the host's own.
    pub(super) fn is_host(&self, address: IpAddr) -> bool {
        self.host.contains(&address) || self.gateways.contains(&address)
    }

    /// Takes a container's gateway for the host, where it is one ([`has_host`]).
    pub(super) fn add_gateway(&mut self, address: IpAddr) {
        if self.is_bridge(address) && !self.holders.contains_key(&address) {
            self.gateways.insert(address);
        }
    }

    /// Whether the address is on a bridge of the engine's on which the host is.
    pub(super) fn is_bridge(&self, address: IpAddr) -> bool {
        self.bridges.iter().any(|(subnet, _)| subnet.contains(address))
    }

    /// Whether the address is in a network that the engine knows.
    pub(super) fn is_inside(&self, address: IpAddr) -> bool {
        self.network_of(address).is_some()
    }

    /// The engine's name of the network that an address is in.
    fn network_of(&self, address: IpAddr) -> Option<&'s Arc<str>> {
        self.subnets.iter().find(|(subnet, _)| subnet.contains(address)).map(|(_, name)| *name)
    }

    /// The namespace in which a container is.
    pub(super) fn space_with(&self, container: &Container) -> Option<usize> {
        self.spaces.get(&container.id).copied()
    }

    /// The container behind a port of the host, and its own port.
    pub(super) fn published(&self, protocol: Protocol, at: SocketAddr) -> Option<(&'s Container, u16)> {
        let rows = self.published.get(&(protocol, at.port()))?;
        let fits = |on: IpAddr| on == at.ip() || (on.is_unspecified() && on.is_ipv4() == at.is_ipv4());
        rows.iter().find(|row| fits(row.on)).map(|row| (row.container, row.port))
    }

    /// Whether this port of the host is published for a container, on whichever address.
    pub(super) fn is_published(&self, protocol: Protocol, port: u16) -> bool {
        self.published.contains_key(&(protocol, port))
    }

    /// Whether what a namespace lists may be older than the first picture.
    pub(super) fn is_older(&self, group: &Group<'_>) -> bool {
        group.members.iter().any(|(container, _)| self.past.is_older(container))
    }

    /// Whom a connection to this address goes to. `proven` says whether the one who has it now has the other end; `early` is a connection
    /// that may have ended before anybody looked.
    pub(super) fn whom(
        &self,
        protocol: Protocol,
        at: SocketAddr,
        early: bool,
        proven: impl FnOnce() -> bool,
    ) -> Whom<'s> {
        let service = |container: &'s Container, port: u16| match self.is_agent(container) {
            true => Whom::End(End::Agent, port),
            false => Whom::Container(container, port),
        };
        if let Some(container) = self.holders.get(&at.ip()) {
            return if self.is_unclear(at.ip(), container, early) && !proven() {
                Whom::Unclear
            } else {
                service(container, at.port())
            };
        }
        // Behind a gateway may be the host, or who has published the port there.
        if self.is_host(at.ip()) {
            return match self.published(protocol, at) {
                Some((container, port)) => service(container, port),
                None if protocol == Protocol::Tcp && self.agent_on_host == Some(at.port()) => {
                    Whom::End(End::Agent, at.port())
                }
                None => Whom::End(End::Host, at.port()),
            };
        }
        let end = match self.past.holder(at.ip()) {
            Some(key) => End::Service(key.clone()),
            None if self.is_inside(at.ip()) || is_link_local(at.ip()) => End::Unlisted(at.ip()),
            None => End::External(at.ip()),
        };
        Whom::End(end, at.port())
    }

    /// Who a connection from this address comes from, seen at its other end alone; `early` as in [`Self::whom`].
    pub(super) fn who(&self, address: IpAddr, early: bool) -> Who<'_> {
        match self.holders.get(&address) {
            Some(container) if self.is_agent(container) => Who::Others,
            Some(container) if self.is_unclear(address, container, early) => Who::Unclear,
            Some(container) => Who::Service(key(container)),
            None if self.is_host(address) => Who::Others,
            None => match self.past.holder(address) {
                Some(key) => Who::Service(key),
                None => self.network_of(address).map_or(Who::Others, Who::Stranger),
            },
        }
    }

    /// Whether a connection with this address may be of somebody who had it before.
    fn is_unclear(&self, address: IpAddr, container: &Container, early: bool) -> bool {
        self.changed_hands(address, container) || (early && self.past.may_have_inherited(container))
    }

    /// Whether somebody else had the address when the last sweep looked, so that a row which is new may be his.
    fn changed_hands(&self, address: IpAddr, container: &Container) -> bool {
        let other = self.past.holder(address).is_some_and(|before| before != key(container));
        other && self.before.zip(container.started_at).is_none_or(|(before, started)| started >= before)
    }
}

/// Whether the gateway of a network is the host. On macvlan it is the network's own router, and a bridge may be told to have no address.
fn has_host(network: &Network) -> bool {
    let no_address =
        network.options.inhibit_ipv4 == Some(true) || network.options.gateway_v4 == Some(Gateway::Isolated);
    network.is_bridge() && !no_address
}

/// An address that no router passes on; of IPv4 only those, because clouds serve `169.254.169.254` to everybody.
fn is_link_local(address: IpAddr) -> bool {
    matches!(address, IpAddr::V6(six) if six.is_unicast_link_local())
}
