//! Connections over all sweeps: which rows are one connection, from whom to whom it is, and what is new of it.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    net::SocketAddr,
    sync::Arc,
};

use super::{
    MAX_EDGES, MAX_LOOSE, MAX_STRANGERS, Observed, OneOf, Ours, Stranger,
    groups::{Group, key},
    owners::{Owner, Owners},
    picture::{Picture, Who, Whom},
    space::{Space, is_ephemeral},
};
use crate::{
    host::sockets::Row,
    isolation::{Edge, End},
    model::{InOrder as _, Protocol, ServiceKey, Socket, SocketState},
};

/// The resolver's port.
const DNS: u16 = 53;

/// A connection as both of its ends know it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Connection {
    protocol: Protocol,
    client: SocketAddr,
    server: SocketAddr,
}

/// How far a connection is; of several rows of one connection the last word counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Life {
    /// Asked and not answered.
    Asking,
    /// Ended in order, and told.
    Ended,
    /// Agreed on.
    There,
}

impl Life {
    const fn of(state: SocketState) -> Option<Self> {
        match state {
            SocketState::SynSent => Some(Self::Asking),
            SocketState::Established => Some(Self::There),
            SocketState::TimeWait | SocketState::Closing => Some(Self::Ended),
            // Whoever was asked and has answered waits for the client, whose row says what became of it.
            SocketState::Listen | SocketState::SynReceived => None,
        }
    }
}

/// From whom to whom a connection is.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Way {
    /// It counts nowhere.
    Nowhere,
    /// The same, because nothing says whose an address was.
    Unclear,
    /// Between those who are known; `None` where nobody shares a namespace with either, so that there is nothing to be told apart.
    Known(Arc<Edge>, Option<OneOf>),
    /// From an address of nobody.
    Strange(Arc<Stranger>),
}

impl Way {
    const fn edge(&self) -> Option<&Arc<Edge>> {
        match self {
            Self::Known(edge, _) => Some(edge),
            Self::Nowhere | Self::Unclear | Self::Strange(_) => None,
        }
    }
}

#[derive(Debug)]
struct Known {
    /// As found at first sight, when its addresses were surely those who had them.
    way: Way,
    life: Life,
    /// An attempt, and told.
    attempted: bool,
    /// No sweep before this one has seen it.
    is_new: bool,
    /// What the rows of this sweep say, with the most retransmits; `None` before the first one.
    rows: Option<(Life, u8)>,
}

/// One row with the way it goes.
struct Candidate {
    connection: Connection,
    space: usize,
    outbound: bool,
    life: Life,
    retransmits: u8,
}

/// One namespace in a sweep.
pub(super) struct Seen<'s, 'l> {
    pub(super) group: &'l Group<'s>,
    pub(super) space: &'l Space,
    pub(super) owners: Owners<'s>,
}

/// What the ledger needs to know of one sweep.
pub(super) struct Page<'s, 'l> {
    pub(super) seen: &'l [Seen<'s, 'l>],
    pub(super) picture: &'l Picture<'s>,
    /// Ports on which the host listens, published ones among them.
    pub(super) host_listens: &'l dyn Fn(Protocol, u16) -> bool,
    /// Whether a socket with this address, made in the namespace of this process to reach the other, is a probe of ours.
    pub(super) ours: Ours<'l>,
}

/// The connections of all namespaces.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    connections: HashMap<Connection, Known>,
    edges: HashSet<Arc<Edge>>,
    strangers: HashSet<Arc<Stranger>>,
    /// How many of them lead to an address that is no service's, by who began them: whoever knocks everywhere takes no place of others.
    loose: HashMap<ServiceKey, usize>,
}

impl Ledger {
    /// Takes the rows of a sweep.
    pub(super) fn enter(&mut self, page: &Page<'_, '_>, observed: &mut Observed) {
        let mut candidates = self.candidates(page, observed);
        // Clients first: they know whom they meant, where the server may see a gateway.
        candidates.order_by_key(|candidate| !candidate.outbound);
        let first_inbound = candidates.partition_point(|candidate| candidate.outbound);
        let inbound: HashSet<Connection> =
            candidates.get(first_inbound..).unwrap_or_default().iter().map(|candidate| candidate.connection).collect();
        // Connections through a published port, by their client: an engine that does not hide it shows them at the server as well.
        let mut through: HashMap<(Protocol, SocketAddr), Arc<Edge>> = HashMap::new();
        for candidate in &candidates {
            let Connection { protocol, client, server } = candidate.connection;
            if self.connections.get(&candidate.connection).is_none_or(|known| known.is_over(candidate.life)) {
                let way = self.way(page, candidate, &inbound, observed);
                let known_through = through.get(&(protocol, client));
                let twice = !candidate.outbound && known_through.is_some() && way.edge() == known_through;
                let way = if twice { Way::Nowhere } else { way };
                let known = Known { way, life: Life::Asking, attempted: false, is_new: true, rows: None };
                self.connections.insert(candidate.connection, known);
            }
            if let Some(known) = self.connections.get_mut(&candidate.connection) {
                if let Some(edge) = known.way.edge().filter(|_| candidate.outbound && page.picture.is_host(server.ip()))
                {
                    through.insert((protocol, client), Arc::clone(edge));
                }
                known.rows = known.rows.max(Some((candidate.life, candidate.retransmits)));
            }
        }
        drop(through);
        let mut told = HashSet::new();
        self.connections.retain(|_, known| known.advance(observed, &mut told));
        // What one connection tells of an edge the others of it need not.
        observed.one_of.retain(|edge, _| !told.contains(edge));
        self.strangers.retain(|stranger| Arc::strong_count(stranger) > 1);
        let loose = &mut self.loose;
        self.edges.retain(|edge| {
            let used = Arc::strong_count(edge) > 1;
            if let Some(count) = loose.get_mut(&edge.from).filter(|_| !used && is_loose(&edge.to)) {
                *count -= 1;
            }
            used
        });
        loose.retain(|_, count| *count > 0);
    }

    fn candidates(&self, page: &Page<'_, '_>, observed: &mut Observed) -> Vec<Candidate> {
        let mut found = Vec::new();
        for (space, seen) in page.seen.iter().enumerate() {
            for Row { socket, retransmits, .. } in seen.space.rows() {
                let Some(life) = Life::of(socket.state) else { continue };
                let Some(outbound) = self.is_outbound(page, seen.space, socket) else {
                    observed.left_out.ambiguous += 1;
                    continue;
                };
                let (client, server) =
                    if outbound { (socket.local, socket.remote) } else { (socket.remote, socket.local) };
                let connection = Connection { protocol: socket.protocol, client, server };
                found.push(Candidate { connection, space, outbound, life, retransmits: *retransmits });
            }
        }
        found
    }

    /// Which side began; `None` where nothing says so.
    fn is_outbound(&self, page: &Page<'_, '_>, space: &Space, socket: &Socket) -> Option<bool> {
        let Socket { protocol, local, remote, .. } = *socket;
        // What was found at first sight stands: whoever listened may have left.
        if self.connections.contains_key(&Connection { protocol, client: local, server: remote }) {
            return Some(true);
        }
        if self.connections.contains_key(&Connection { protocol, client: remote, server: local }) {
            return Some(false);
        }
        if socket.state == SocketState::SynSent {
            return Some(true);
        }
        let own = space.listens(protocol, local.port());
        let peer = page.picture.space_of(remote.ip()).and_then(|index| page.seen.get(index));
        let other = peer.is_some_and(|peer| peer.space.listens(protocol, remote.port()))
            || (page.picture.is_host(remote.ip()) && (page.host_listens)(protocol, remote.port()));
        // Both ends of one connection have to come to the same, so neither believes itself more than the other.
        if own != other {
            return Some(other);
        }
        // Both listen, or whoever did has left before anybody looked: the port that the kernel chose is the client's.
        match (is_ephemeral(local.port()), is_ephemeral(remote.port())) {
            (true, false) => Some(true),
            (false, true) => Some(false),
            // Nobody in here listens, and who is outside was hardly let in.
            _ if peer.is_none() => Some(!own),
            _ => None,
        }
    }

    /// From whom to whom a connection goes that is seen for the first time; what counts nowhere is counted where that matters.
    fn way(
        &mut self,
        page: &Page<'_, '_>,
        candidate: &Candidate,
        inbound: &HashSet<Connection>,
        observed: &mut Observed,
    ) -> Way {
        let Some(seen) = page.seen.get(candidate.space) else { return Way::Nowhere };
        let found = if candidate.outbound {
            outbound(page, seen, candidate, inbound)
        } else {
            inbound_of(page, seen, candidate)
        };
        let left_out = &mut observed.left_out;
        match found {
            Found::Nowhere => Way::Nowhere,
            Found::Resolver => {
                left_out.resolver += 1;
                Way::Nowhere
            }
            Found::Unclear => {
                left_out.ambiguous += 1;
                Way::Unclear
            }
            Found::Strange(stranger) => {
                let kept = self.intern_stranger(stranger);
                left_out.strangers += u64::from(kept.is_none());
                kept.map_or(Way::Nowhere, Way::Strange)
            }
            Found::Edge(edge, one_of) => {
                let kept = self.intern(edge);
                left_out.edges += u64::from(kept.is_none());
                kept.map_or(Way::Nowhere, |edge| Way::Known(edge, one_of))
            }
        }
    }

    fn intern_stranger(&mut self, stranger: Stranger) -> Option<Arc<Stranger>> {
        if let Some(known) = self.strangers.get(&stranger) {
            return Some(Arc::clone(known));
        }
        if self.strangers.len() >= MAX_STRANGERS {
            return None;
        }
        let stranger = Arc::new(stranger);
        self.strangers.insert(Arc::clone(&stranger));
        Some(stranger)
    }

    fn intern(&mut self, edge: Edge) -> Option<Arc<Edge>> {
        if let Some(known) = self.edges.get(&edge) {
            return Some(Arc::clone(known));
        }
        let loose = is_loose(&edge.to);
        let of_source = self.loose.get(&edge.from).copied().unwrap_or_default();
        if self.edges.len() >= MAX_EDGES || (loose && of_source >= MAX_LOOSE) {
            return None;
        }
        if loose {
            self.loose.insert(edge.from.clone(), of_source + 1);
        }
        let edge = Arc::new(edge);
        self.edges.insert(Arc::clone(&edge));
        Some(edge)
    }
}

/// What a row says of a connection.
enum Found {
    Nowhere,
    /// It may be the engine's resolver that asks.
    Resolver,
    Unclear,
    Strange(Stranger),
    Edge(Edge, Option<OneOf>),
}

/// Whether a connection begun with this address in that namespace is a probe of ours.
fn is_ours(page: &Page<'_, '_>, group: &Group<'_>, client: SocketAddr, to: Option<SocketAddr>) -> bool {
    group.members.iter().any(|(_, process)| (page.ours)(process.pid, client, to))
}

/// Whether a connection may have ended before the first picture: one that ended later was listed, or was not there, in an earlier sweep.
fn is_early(page: &Page<'_, '_>, seen: &Seen<'_, '_>, candidate: &Candidate) -> bool {
    candidate.life == Life::Ended && seen.space.is_first() && page.picture.is_older(seen.group)
}

/// By the client's row.
fn outbound(page: &Page<'_, '_>, seen: &Seen<'_, '_>, candidate: &Candidate, inbound: &HashSet<Connection>) -> Found {
    let Connection { protocol, client, server } = candidate.connection;
    if seen.group.is_agent || is_ours(page, seen.group, client, Some(server)) {
        return Found::Nowhere;
    }
    let from = seen.owners.of(seen.group, protocol, client, server);
    match page
        .picture
        .whom(protocol, server, is_early(page, seen, candidate), || inbound.contains(&candidate.connection))
    {
        Whom::End(End::External(_) | End::Host, DNS) if seen.space.has_resolver => Found::Resolver,
        // A resolver in a container that is published for the whole machine is asked by the engine's on behalf of everybody.
        Whom::End(_, DNS) | Whom::Container(_, DNS) if seen.space.has_resolver && page.picture.is_host(server.ip()) => {
            Found::Resolver
        }
        Whom::End(to, port) => between(from, None, to, port, protocol),
        Whom::Container(container, port) => {
            let home = page.picture.space_with(container).and_then(|index| page.seen.get(index));
            let to = home.map(|home| home.owners.listener(home.group, protocol, port));
            // An owner whose own process is not in there, and whoever was not looked at, stand for themselves.
            let name = to.map_or(key(container), Owner::service);
            between(from, to, End::Service(name.clone()), port, protocol)
        }
        Whom::Unclear => Found::Unclear,
    }
}

/// By the server's row alone.
fn inbound_of(page: &Page<'_, '_>, seen: &Seen<'_, '_>, candidate: &Candidate) -> Found {
    let Connection { protocol, client, server } = candidate.connection;
    let peer = page.picture.space_of(client.ip()).and_then(|index| page.seen.get(index));
    // A published port was asked for at another address than the server has.
    if peer.is_some_and(|peer| is_ours(page, peer.group, client, None)) {
        return Found::Nowhere;
    }
    let to = seen.owners.of(seen.group, protocol, server, client);
    let port = server.port();
    let from = match page.picture.who(client.ip(), is_early(page, seen, candidate)) {
        Who::Service(key) => key,
        Who::Others => return Found::Nowhere,
        Who::Stranger(_) if seen.group.is_agent => return Found::Nowhere,
        Who::Stranger(network) => {
            let (to, network) = (to.service().clone(), Arc::clone(network));
            return Found::Strange(Stranger { to, port, protocol, network, address: client.ip() });
        }
        Who::Unclear => return Found::Unclear,
    };
    // The client's socket has gone: of several who share its address nobody tells which had it.
    let from = match peer.filter(|peer| peer.owners.services().len() > 1) {
        Some(_) => Owner::OneOf(from),
        None => Owner::Alone(from),
    };
    match seen.group.is_agent {
        true => between(from, None, End::Agent, port, protocol),
        false => between(from, Some(to), End::Service(to.service().clone()), port, protocol),
    }
}

fn between(from: Owner<'_>, target: Option<Owner<'_>>, to: End, port: u16, protocol: Protocol) -> Found {
    let ends = [Some(from), target];
    let shared = ends.iter().flatten().any(|owner| !matches!(owner, Owner::Alone(_)));
    let [from_one, to_one] = ends.map(|owner| matches!(owner, Some(Owner::OneOf(_))));
    let one_of = shared.then_some(OneOf { from: from_one, to: to_one });
    Found::Edge(Edge { from: from.service().clone(), to, port, protocol }, one_of)
}

/// Whether an end is an address: there may be any number of those.
pub(super) const fn is_loose(end: &End) -> bool {
    matches!(end, End::External(_) | End::Unlisted(_))
}

impl Known {
    /// Whether a row is of another connection between the same ports, after one of which it is not known whose it was.
    fn is_over(&self, life: Life) -> bool {
        self.way == Way::Unclear && self.rows.is_none() && self.life == Life::Ended && life == Life::There
    }

    /// Takes what the rows of a sweep say of it; whether there were any.
    fn advance(&mut self, observed: &mut Observed, told: &mut HashSet<Edge>) -> bool {
        let Some((life, retransmits)) = self.rows.take() else { return false };
        let (was, is_new) = (self.life, std::mem::take(&mut self.is_new));
        self.life = life;
        if let Way::Strange(stranger) = &self.way {
            if life == Life::There || was != Life::Ended {
                let count = observed.strangers.entry((**stranger).clone()).or_default();
                count.seen += 1;
                count.fresh += u64::from(was == Life::Asking || was == Life::Ended);
            }
            return true;
        }
        let edge = self.way.edge().map(|edge| &**edge);
        if let Way::Known(edge, Some(one_of)) = &self.way {
            if *one_of == OneOf::default() {
                told.insert((**edge).clone());
            } else {
                observed.one_of.insert((**edge).clone(), *one_of);
            }
        }
        if life == Life::Asking {
            // After more than asking it is another connection between the same ports.
            let again = was != Life::Asking;
            self.attempted &= !again;
            if (retransmits > 0 || !(is_new || again)) && !self.attempted {
                self.attempted = true;
                add(&mut observed.attempts, edge);
            }
            return true;
        }
        if life == Life::There || was != Life::Ended {
            add(&mut observed.flows, edge);
        }
        if was == Life::Asking || (life == Life::There && was == Life::Ended) {
            add(&mut observed.fresh, edge);
        }
        true
    }
}

fn add(counts: &mut BTreeMap<Edge, u64>, edge: Option<&Edge>) {
    let Some(edge) = edge else { return };
    match counts.get_mut(edge) {
        Some(count) => *count += 1,
        None => drop(counts.insert(edge.clone(), 1)),
    }
}
