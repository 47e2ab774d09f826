//! Connections over all sweeps: which rows are one connection, from whom to whom it is, and what is new of it.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    net::SocketAddr,
    sync::Arc,
};

use super::{
    MAX_EDGES, MAX_LOOSE, Observed, Ours,
    groups::{Group, key},
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

#[derive(Debug)]
struct Known {
    /// As found at first sight, when its addresses were surely those who had them; `None` counts nowhere.
    edge: Option<Arc<Edge>>,
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
            if !self.connections.contains_key(&candidate.connection) {
                let edge = self.edge(page, candidate, &inbound, observed);
                let twice = !candidate.outbound && edge.is_some() && edge.as_ref() == through.get(&(protocol, client));
                let edge = edge.filter(|_| !twice);
                let known = Known { edge, life: Life::Asking, attempted: false, is_new: true, rows: None };
                self.connections.insert(candidate.connection, known);
            }
            if let Some(known) = self.connections.get_mut(&candidate.connection) {
                if let Some(edge) =
                    known.edge.as_ref().filter(|_| candidate.outbound && page.picture.is_host(server.ip()))
                {
                    through.insert((protocol, client), Arc::clone(edge));
                }
                known.rows = known.rows.max(Some((candidate.life, candidate.retransmits)));
            }
        }
        drop(through);
        self.connections.retain(|_, known| known.advance(observed));
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

    /// From whom to whom a connection goes that is seen for the first time; `None`, counted where it matters, when it counts nowhere.
    fn edge(
        &mut self,
        page: &Page<'_, '_>,
        candidate: &Candidate,
        inbound: &HashSet<Connection>,
        observed: &mut Observed,
    ) -> Option<Arc<Edge>> {
        let Candidate { connection, space, .. } = candidate;
        let Connection { protocol, client, server } = *connection;
        let seen = page.seen.get(*space)?;
        let left_out = &mut observed.left_out;
        let is_ours = |group: &Group<'_>, to: Option<SocketAddr>| {
            group.members.iter().any(|(_, process)| (page.ours)(process.pid, client, to))
        };
        let edge = if candidate.outbound {
            if seen.group.is_agent || is_ours(seen.group, Some(server)) {
                return None;
            }
            match page.picture.whom(protocol, server, || inbound.contains(connection)) {
                Whom::End(End::External(_) | End::Host, DNS) if seen.space.has_resolver => {
                    left_out.resolver += 1;
                    return None;
                }
                // A resolver in a container that is published for the whole machine is asked by the engine's on behalf of everybody.
                Whom::End(_, DNS) if seen.space.has_resolver && page.picture.is_host(server.ip()) => {
                    left_out.resolver += 1;
                    return None;
                }
                Whom::End(to, port) => Edge { from: key(seen.group.owner).clone(), to, port, protocol },
                Whom::Unclear => {
                    left_out.ambiguous += 1;
                    return None;
                }
            }
        } else {
            let peer = page.picture.space_of(client.ip()).and_then(|index| page.seen.get(index));
            // A published port was asked for at another address than the server has.
            if peer.is_some_and(|peer| is_ours(peer.group, None)) {
                return None;
            }
            let from = match page.picture.who(client.ip()) {
                Who::Service(key) => key.clone(),
                Who::Others => return None,
                Who::Stranger => {
                    left_out.strangers += 1;
                    return None;
                }
                Who::Unclear => {
                    left_out.ambiguous += 1;
                    return None;
                }
            };
            let to = if seen.group.is_agent { End::Agent } else { End::Service(key(seen.group.owner).clone()) };
            Edge { from, to, port: server.port(), protocol }
        };
        let kept = self.intern(edge);
        left_out.edges += u64::from(kept.is_none());
        kept
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

/// Whether an end is an address: there may be any number of those.
pub(super) const fn is_loose(end: &End) -> bool {
    matches!(end, End::External(_) | End::Unlisted(_))
}

impl Known {
    /// Takes what the rows of a sweep say of it; whether there were any.
    fn advance(&mut self, observed: &mut Observed) -> bool {
        let Some((life, retransmits)) = self.rows.take() else { return false };
        let (was, is_new) = (self.life, std::mem::take(&mut self.is_new));
        self.life = life;
        let edge = self.edge.as_deref();
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
