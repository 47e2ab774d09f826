//! Which connections a round begins: from the pictures to addresses, pure.
//!
//! | target | addresses |
//! |---|---|
//! | a service | of its container on every network, each family by itself; ports published for it, through the gateways of the source |
//! | a service on the host's network | the gateways of the source |
//! | the host | the gateways of the source, at ports that are named and, of the default list, at those on which it listens; of Docker Desktop the address of its own |

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    net::{IpAddr, Ipv4Addr, SocketAddr},
    sync::Arc,
};

use super::super::{
    Edge, End,
    passive::{Observed, is_ephemeral},
};
use crate::{
    inventory::{Entry, Snapshot},
    model::{
        Attachment, Container, ContainerId, IntoTree as _, Network, NetworkMode, Protocol, PublishedPort, ServiceKey,
    },
    targets::network_owner,
};

/// Ports tried of one service.
const MAX_PORTS: usize = 32;

/// Ports tried of the host.
const MAX_HOST_PORTS: usize = 64;

/// Connections of one round; more take turns.
pub(super) const MAX_QUESTIONS: usize = 4_096;

/// Tried where no port of a service is known: whether it is closed or open, an answer says that the way is.
const SOME_PORT: (Protocol, u16) = (Protocol::Tcp, 80);

/// Docker Desktop's own engine and its ports, which every container could reach (CVE-2025-9074).
const DESKTOP: (IpAddr, [u16; 2]) = (IpAddr::V4(Ipv4Addr::new(192, 168, 65, 7)), [2375, 2376]);

/// What a plan is made of.
pub(super) struct Input<'a> {
    pub(super) snapshot: &'a Snapshot,
    /// Ports that services and the host listen on, where somebody has looked.
    pub(super) observed: Option<&'a Observed>,
    pub(super) host_ports: &'a [u16],
    /// Whether ports on which the host was seen to listen for containers are tried, too.
    pub(super) host_listeners: bool,
    /// Whether allowed edges are tried.
    pub(super) allowed: bool,
    /// Whether internal networks are asked for a name.
    pub(super) ask_name: bool,
    /// Whether the policy has a say in what a service begins.
    pub(super) speaks: &'a dyn Fn(&ServiceKey) -> bool,
    /// Ports of a service that the policy or the engine knows of.
    pub(super) ports: &'a dyn Fn(&ServiceKey) -> Vec<(Protocol, u16)>,
    /// Whether an edge is allowed; `None` is nobody's business.
    pub(super) allows: &'a dyn Fn(&Edge) -> Option<bool>,
}

/// How often a connection is tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Pace {
    /// In every round: it should come to nothing.
    Always,
    /// Every ten minutes: it is allowed, or nothing is in its way, and what listens there will see it.
    Seldom,
}

/// One connection.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Question {
    pub(super) edge: Edge,
    pub(super) to: SocketAddr,
    pub(super) pace: Pace,
    /// After so many rounds every pair of replicas has had its turn.
    pub(super) turns: usize,
}

/// What is asked from inside one container.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Visit {
    pub(super) service: ServiceKey,
    pub(super) container: ContainerId,
    pub(super) pid: u32,
    /// Processes in the same namespace, its own among them.
    pub(super) pids: Vec<u32>,
    pub(super) questions: Vec<Question>,
    /// It is on internal networks alone, and asks for a name.
    pub(super) asks_name: bool,
    /// Nothing can be asked from there, for this reason.
    pub(super) hindrance: Option<&'static str>,
}

/// The visits of one round; `round` counts them, and gives each pair of replicas its turn.
pub(super) fn plan(input: &Input<'_>, round: usize) -> Vec<Visit> {
    let ground = Ground::new(input.snapshot);
    let targets: Vec<_> = ground.services.iter().map(|(key, nodes)| (*key, nodes, ports(input, key, nodes))).collect();
    let sources = ground.services.iter().filter(|(key, _)| (input.speaks)(key));
    let visits = sources.filter_map(|(key, nodes)| {
        let from = nodes.get(round % nodes.len().max(1))?;
        let mut questions = BTreeSet::new();
        for (to, replicas, ports) in targets.iter().filter(|(to, ..)| to != key) {
            let turn = round / nodes.len().max(1) % replicas.len().max(1);
            if let Some(to_node) = replicas.get(turn).filter(|to| to.owner.id != from.owner.id) {
                let turns = nodes.len() * replicas.len();
                let add = |edge, to, pace| questions.insert(Question { edge, to, pace, turns });
                to_service(input, &ground, (*key, from), (*to, to_node), ports, add);
            }
        }
        let add = |edge, to, pace| questions.insert(Question { edge, to, pace, turns: nodes.len() });
        to_host(input, &ground, (*key, from), add);
        let pids = nodes_of(&ground, &from.owner.id).filter_map(|node| node.entry.container.pid);
        Some(Visit {
            service: (*key).clone(),
            container: from.entry.container.id.clone(),
            pid: from.entry.container.pid?,
            pids: pids.collect(),
            questions: questions.into_iter().collect(),
            asks_name: input.ask_name && from.is_internal(),
            hindrance: (from.owner.network_mode == NetworkMode::Host)
                .then_some("it is on the host's network, and reaches what the host reaches"),
        })
    });
    visits.filter(|visit| !visit.questions.is_empty() || visit.asks_name).collect()
}

/// A running container, and whose network it has.
struct Node<'a> {
    entry: &'a Entry,
    owner: &'a Container,
    networks: Vec<(&'a Attachment, Option<&'a Network>)>,
}

/// Everybody who runs, by service.
struct Ground<'a> {
    services: BTreeMap<&'a ServiceKey, Vec<Node<'a>>>,
    /// Ports published on the host, with whose they are.
    published: Vec<(&'a PublishedPort, &'a ServiceKey)>,
    desktop: bool,
}

impl<'a> Ground<'a> {
    fn new(snapshot: &'a Snapshot) -> Self {
        let entries = || snapshot.containers.iter().filter(|entry| entry.container.has_processes());
        let find = |name: &str| {
            let is = |entry: &&Arc<Entry>| entry.container.id.as_str() == name || *entry.container.name == *name;
            snapshot.containers.iter().find(is).map(|entry| &entry.container)
        };
        let mut services: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for entry in entries().filter(|entry| !entry.container.identity.one_off) {
            let Some(owner) = network_owner(&entry.container, find) else { continue };
            let network = |attachment: &'a Attachment| (attachment, network(attachment, snapshot));
            let networks = owner.networks.iter().map(network).collect();
            services.entry(&entry.container.identity.key).or_default().push(Node { entry, owner, networks });
        }
        let ports =
            |entry: &'a Arc<Entry>| entry.container.ports.iter().map(move |port| (port, &entry.container.identity.key));
        let info = snapshot.engine.info.as_deref();
        let system = info.and_then(|info| info.operating_system.as_deref());
        Self {
            services,
            published: entries().flat_map(ports).collect(),
            desktop: system.is_some_and(|system| system.starts_with("Docker Desktop")),
        }
    }
}

fn nodes_of<'g, 'a>(ground: &'g Ground<'a>, owner: &'g ContainerId) -> impl Iterator<Item = &'g Node<'a>> {
    ground.services.values().flatten().filter(move |node| node.owner.id == *owner)
}

impl Node<'_> {
    /// Addresses of its networks' gateways, as far as these are the host's.
    fn gateways(&self) -> impl Iterator<Item = IpAddr> {
        self.networks.iter().filter_map(|(_, network)| *network).flat_map(gateways).filter(|gateway| is_plain(*gateway))
    }

    fn is_internal(&self) -> bool {
        let internal = |(_, network): &(&Attachment, Option<&Network>)| {
            network.is_some_and(|network| network.internal == Some(true))
        };
        !self.networks.is_empty() && self.networks.iter().all(internal)
    }

    /// Whether it hangs on the network, and the engine puts nothing between those who do.
    fn is_beside(&self, theirs: &Attachment) -> bool {
        self.networks.iter().any(|(ours, network)| {
            ours.network_id.is_some()
                && ours.network_id == theirs.network_id
                && network.is_none_or(|network| network.options.icc != Some(false))
        })
    }
}

/// Gateways of a network that are the host. That of a macvlan network is a router of the LAN, which nobody here has any business with; a bridge
/// may be told to have no address.
fn gateways(network: &Network) -> impl Iterator<Item = IpAddr> {
    let has_host = |gateway: &IpAddr| {
        let inhibited = gateway.is_ipv4() && network.options.inhibit_ipv4 == Some(true);
        network.is_bridge() && !inhibited
    };
    network.gateways.iter().copied().filter(has_host)
}

/// Ports of a service that are known: listened on, named in flows, exposed, published.
fn ports(input: &Input<'_>, key: &ServiceKey, nodes: &[Node<'_>]) -> BTreeSet<(Protocol, u16)> {
    let listened = input.observed.and_then(|observed| observed.listeners.get(key)).into_iter().flatten().copied();
    let exposed = nodes.iter().flat_map(|node| node.entry.container.confinement.exposed.iter().copied());
    let of = |port: &PublishedPort| Some((Protocol::from_word(&port.protocol)?, port.container_port));
    let published = nodes.iter().flat_map(|node| node.entry.container.ports.iter().filter_map(of));
    let named = (input.ports)(key).into_iter();
    // What the policy names comes first: a container can listen on as many ports as it likes.
    let known: BTreeSet<_> = named.chain(published).chain(exposed).chain(listened).take(MAX_PORTS).into_set();
    if known.is_empty() { [SOME_PORT].into() } else { known }
}

/// Whether, and how often, an edge is tried that nothing but the policy is against.
fn pace(input: &Input<'_>, edge: &Edge, is_beside: bool) -> Option<Pace> {
    match (input.allows)(edge)? {
        true => input.allowed.then_some(Pace::Seldom),
        false if is_beside => Some(Pace::Seldom),
        false => Some(Pace::Always),
    }
}

fn to_service(
    input: &Input<'_>,
    ground: &Ground<'_>,
    (key, from): (&ServiceKey, &Node<'_>),
    (to, target): (&ServiceKey, &Node<'_>),
    ports: &BTreeSet<(Protocol, u16)>,
    mut add: impl FnMut(Edge, SocketAddr, Pace) -> bool,
) {
    for (protocol, port) in ports {
        let edge = Edge { from: key.clone(), to: End::Service(to.clone()), port: *port, protocol: *protocol };
        let mut ask = |address: IpAddr, port: u16, is_beside: bool| {
            if let Some(pace) = pace(input, &edge, is_beside) {
                add(edge.clone(), SocketAddr::new(address, port), pace);
            }
        };
        if target.owner.network_mode == NetworkMode::Host {
            from.gateways().for_each(|gateway| ask(gateway, *port, false));
            continue;
        }
        for (attachment, _) in &target.networks {
            let is_beside = from.is_beside(attachment);
            attachment.addresses.iter().filter(|ip| is_plain(**ip)).for_each(|ip| ask(*ip, *port, is_beside));
        }
        let published = ground.published.iter().filter(|(published, _)| {
            // Whoever shares a namespace is published with its owner.
            published.container_port == *port && Protocol::from_word(&published.protocol) == Some(*protocol)
        });
        let owners = |owner: &ServiceKey| owner == to || *owner == target.owner.identity.key;
        for (published, _) in published.filter(|(_, owner)| owners(owner)) {
            for address in doors(published, from) {
                ask(address, published.host_port, false);
            }
        }
    }
}

/// Where a published port is found from inside a container.
fn doors(published: &PublishedPort, from: &Node<'_>) -> Vec<IpAddr> {
    match published.host_ip.parse::<IpAddr>() {
        Ok(all) if all.is_unspecified() => from.gateways().filter(|ip| ip.is_ipv4() == all.is_ipv4()).collect(),
        Ok(one) if is_plain(one) => vec![one],
        // Loopback of the host is nobody's but the host's.
        Ok(_) => Vec::new(),
        Err(_) => from.gateways().collect(),
    }
}

fn to_host(
    input: &Input<'_>,
    ground: &Ground<'_>,
    (key, from): (&ServiceKey, &Node<'_>),
    mut add: impl FnMut(Edge, SocketAddr, Pace) -> bool,
) {
    let is_published = |gateway: IpAddr, port: u16| {
        let published = ground.published.iter().filter(|(published, _)| published.host_port == port);
        published.filter(|(published, _)| &*published.protocol == "tcp").any(|(published, _)| {
            published.host_ip.parse::<IpAddr>().is_ok_and(|ip| ip.is_unspecified() || ip == gateway)
        })
    };
    // What a service on the host's network listens on is that service's.
    let on_host = ground
        .services
        .iter()
        .filter(|(_, nodes)| nodes.iter().any(|node| node.owner.network_mode == NetworkMode::Host));
    let listeners = |key: &ServiceKey| input.observed.and_then(|observed| observed.listeners.get(key));
    let taken: BTreeSet<_> = on_host.filter_map(|(key, _)| listeners(key)).flatten().copied().into_set();
    let ports = host_ports(input);
    let gateways = from.gateways().flat_map(|gateway| ports.iter().map(move |port| (gateway, *port)));
    let (address, ports) = DESKTOP;
    let desktop = ports.into_iter().map(|port| (address, port)).filter(|_| ground.desktop);
    for (address, port) in gateways.filter(|(gateway, port)| !is_published(*gateway, *port)).chain(desktop) {
        let edge = Edge { from: key.clone(), to: End::Host, port, protocol: Protocol::Tcp };
        if let Some(pace) = pace(input, &edge, false).filter(|_| !taken.contains(&(Protocol::Tcp, port))) {
            add(edge, SocketAddr::new(address, port), pace);
        }
    }
}

/// Ports of the host that are tried: those that were named first. One that the kernel has chosen is a program's for a moment (a port of RPC, a
/// test), and in the next round another's.
fn host_ports(input: &Input<'_>) -> BTreeSet<u16> {
    let heard = input.observed.filter(|_| input.host_listeners).into_iter().flat_map(|seen| &seen.host_listeners);
    let heard = heard.filter(|(protocol, port)| *protocol == Protocol::Tcp && !is_ephemeral(*port));
    let mut ports = BTreeSet::new();
    for port in input.host_ports.iter().copied().chain(heard.map(|(_, port)| *port)) {
        if ports.len() < MAX_HOST_PORTS {
            ports.insert(port);
        }
    }
    ports
}

/// Addresses behind which somebody of a picture is: with whose they are, and `None` where they are the host's.
pub(super) fn addresses(snapshot: &Snapshot) -> HashMap<IpAddr, Option<&ServiceKey>> {
    let gateways = snapshot.networks.iter().flat_map(|network| gateways(network));
    let published = snapshot.containers.iter().flat_map(|entry| &entry.container.ports);
    let published = published.filter_map(|port| port.host_ip.parse().ok());
    let mut found: HashMap<_, _> = gateways.chain(published).chain([DESKTOP.0]).map(|ip| (ip, None)).collect();
    for entry in &snapshot.containers {
        let addresses = entry.container.networks.iter().flat_map(|attachment| &attachment.addresses);
        found.extend(addresses.map(|ip| (*ip, Some(&entry.container.identity.key))));
    }
    found
}

/// An address that can be connected to without naming an interface, and is somebody's.
fn is_plain(address: IpAddr) -> bool {
    // One of IPv4 written as one of IPv6 goes where that of IPv4 goes.
    let address = address.to_canonical();
    let link_local = match address {
        IpAddr::V4(v4) => v4.is_link_local() || v4.is_broadcast(),
        IpAddr::V6(v6) => v6.is_unicast_link_local(),
    };
    !(address.is_unspecified() || address.is_loopback() || address.is_multicast() || link_local)
}

fn network<'a>(attachment: &Attachment, snapshot: &'a Snapshot) -> Option<&'a Network> {
    // Podman writes the name of a network where Docker writes its id.
    let id = attachment.network_id.as_ref()?;
    snapshot.networks.iter().find(|network| network.id == *id || network.name == *id).map(AsRef::as_ref)
}
