//! Who is at the other end of a TCP connection, as far as the table knows; and what has to be asked or waited for before that is sure.
//!
//! Pure. Why more than a look at the table is needed: events come some milliseconds late, connections wait in the kernel until they are
//! accepted, and an engine gives an address away again at once. So what the table says is held against the kernel where it can be seen, and
//! otherwise against time.

use std::{
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use jiff::Timestamp;
use tokio::time::Instant;

use super::{
    reason::Miss,
    spaces::Place,
    table::{Candidate, Table},
};

/// How long events are waited for where the kernel cannot be asked: far longer than they take on a host that is not overrun.
pub(super) const GRACE: Duration = Duration::from_millis(100);

/// Who has had an address for so long before a connection was accepted need not show that very connection: none waits for so long to be
/// accepted. Over a network that the agent is not on somebody else may have the same address, however long.
const SETTLED: Duration = Duration::from_secs(60);

/// A connection.
#[derive(Clone, Copy, Debug)]
pub(super) struct Connection {
    /// Its other end.
    pub(super) peer: SocketAddr,
    /// Our own end.
    pub(super) local: SocketAddr,
    /// When it was accepted.
    pub(super) at: Instant,
    /// The same by the wall clock, which on one machine is the engine's.
    pub(super) wall: Timestamp,
}

/// What can be known of where the engine is and what the kernel shows.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sight {
    /// The engine is on this machine.
    pub(super) local_engine: bool,
    /// Processes of the host are seen.
    pub(super) kernel: bool,
}

/// What comes next.
#[derive(Clone, Debug)]
pub(super) enum Judged {
    /// It is this one.
    Take(Candidate),
    /// It is that one of these whom the kernel confirms: to have this very connection (`connection`), or else to have the address.
    Prove { candidates: Vec<Candidate>, connection: bool },
    /// The kernel knows whose socket it is on the host; if it does not say, this is why there is none.
    Owner(Miss),
    /// Nothing is sure before then.
    Later(Instant),
    /// Something is about to be described; if that takes too long, this is why there is none.
    Wait(Miss),
    /// There is none, because of this.
    Missed(Miss),
}

impl Connection {
    fn peer_ip(&self) -> IpAddr {
        self.peer.ip().to_canonical()
    }

    /// From the agent's own network namespace: over loopback, or from an address to itself.
    fn is_inside(&self) -> bool {
        self.peer_ip().is_loopback() || self.peer_ip() == self.local.ip().to_canonical()
    }
}

/// See the head of this file.
pub(super) fn judge(table: &Table, connection: &Connection, sight: Sight, now: Instant) -> Judged {
    if !sight.local_engine {
        return Judged::Missed(Miss::RemoteEngine);
    }
    // An address alone, without a connection: somebody who is trusted says where it came from.
    let told = connection.peer.port() == 0;
    if told && connection.peer_ip().is_loopback() {
        return Judged::Missed(Miss::Loopback);
    }
    if connection.is_inside() {
        return inside(table, connection, sight, now);
    }
    let candidates = table.holders(connection.peer_ip());
    if !candidates.is_empty() {
        return held(table, connection, sight, candidates, now);
    }
    match () {
        () if table.is_gateway(connection.peer_ip()) => of_host(table, sight, Miss::GatewayIp, now),
        () if table.has_doubts(now) => Judged::Wait(Miss::NotDescribed),
        () => Judged::Missed(Miss::UnknownIp),
    }
}

/// From the namespace which the agent is in.
fn inside(table: &Table, connection: &Connection, sight: Sight, now: Instant) -> Judged {
    match table.place() {
        Place::Host => of_host(table, sight, Miss::HostNet, now),
        Place::Unknown if table.has_doubts(now) => Judged::Wait(Miss::Loopback),
        Place::Unknown => Judged::Missed(Miss::Loopback),
        // Whoever has joined it or is about to.
        Place::Of(_) if table.has_due(now) => Judged::Wait(Miss::NotDescribed),
        Place::Of(owner) => match table.space(owner) {
            Some(candidate) if candidate.dormant && now < connection.at + GRACE => Judged::Later(connection.at + GRACE),
            Some(candidate) if !candidate.members.is_empty() => Judged::Take(candidate),
            _ => Judged::Missed(Miss::AgentItself),
        },
    }
}

fn of_host(table: &Table, sight: Sight, miss: Miss, now: Instant) -> Judged {
    match () {
        () if !sight.kernel => Judged::Missed(miss),
        // Its container may be one that is not described yet.
        () if table.has_due(now) => Judged::Wait(miss),
        () => Judged::Owner(miss),
    }
}

fn held(table: &Table, connection: &Connection, sight: Sight, candidates: Vec<Candidate>, now: Instant) -> Judged {
    // Whoever is not described yet may be in the namespace of any of them.
    if table.has_due(now) {
        return Judged::Wait(Miss::NotDescribed);
    }
    let settled = connection.at + GRACE;
    // A container that shares a namespace and has just been started connects as fast as the event of it comes.
    if candidates.iter().any(|candidate| candidate.dormant) && now < settled {
        return Judged::Later(settled);
    }
    let told = connection.peer.port() == 0;
    if sight.kernel && !told {
        let old = |candidate: &Candidate| candidate.near && candidate.since + SETTLED <= connection.at;
        let settled = matches!(&*candidates, [candidate] if old(candidate));
        return Judged::Prove { candidates, connection: !settled };
    }
    // Of what a description has told the event may still be on its way.
    let described = candidates.iter().map(|candidate| candidate.since).filter(|since| *since > connection.at);
    let settled = described.map(|since| since + GRACE).fold(settled, Instant::max);
    match &*candidates {
        _ if now < settled => Judged::Later(settled),
        // What has happened since nobody knows.
        _ if !table.connected => Judged::Wait(Miss::NotDescribed),
        // Somebody else has it in a network that leads here, or he got it after the connection was there.
        [candidate] if !(candidate.near || told) || !had_it(candidate, connection) => Judged::Missed(Miss::UnknownIp),
        [_] if sight.kernel => Judged::Prove { candidates, connection: false },
        [candidate] => Judged::Take(candidate.clone()),
        _ => Judged::Missed(Miss::Ambiguous),
    }
}

/// Whether somebody had the address when the connection was accepted: it was known here, or the engine's clock says so.
fn had_it(candidate: &Candidate, connection: &Connection) -> bool {
    candidate.since <= connection.at || candidate.got_at.is_some_and(|got| got <= connection.wall)
}
