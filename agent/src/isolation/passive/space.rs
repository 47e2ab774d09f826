//! The sockets of one namespace, read again only when something may have changed.

use std::{
    collections::{BTreeSet, HashMap},
    io,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    ops::ControlFlow,
};

use super::MAX_ROWS;
use crate::{
    host::sockets::{Buffer, Counts, Diag, Namespace, Row, Table, diag::ALL_STATES},
    model::{IntoTree as _, Protocol, Socket, SocketState},
};

/// Every which sweep a namespace is read although its counters are what they were: a listener that moves to another port changes none.
pub const FULL_EVERY: u64 = 6;

/// How many sweeps a port is remembered after the last one who listened on it: an ended connection shows for a minute.
const REMEMBERED: u64 = 12;

/// Where the engine's resolver listens inside of containers on networks of their own.
const RESOLVER: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 11));

/// Ports the kernel gives to who asks for none (`net.ipv4.ip_local_port_range`).
pub(in crate::isolation) const fn is_ephemeral(port: u16) -> bool {
    matches!(port, 32768..=60999)
}

/// What is known of one namespace.
#[derive(Debug, Default)]
pub(super) struct Space {
    tcp: Vec<Row>,
    udp: Vec<Row>,
    counts: Option<Counts>,
    /// TCP ports with a listener for others, and the sweep that saw it last.
    listened: HashMap<u16, u64>,
    tcp_listeners: BTreeSet<u16>,
    udp_listeners: BTreeSet<u16>,
    /// Those of the sweep before.
    udp_before: BTreeSet<u16>,
    /// The engine's resolver lives here.
    pub(super) has_resolver: bool,
    /// Where packets leave for elsewhere.
    pub(super) gateways: Vec<IpAddr>,
    /// Sockets of the last reading that were above the ceilings.
    pub(super) over: u64,
    /// How many looks there were.
    looks: u64,
}

/// What a look at a namespace came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Look {
    /// Tables of TCP were read.
    pub(super) read: bool,
    /// Lines that were not understood.
    pub(super) strange: u64,
    /// The descriptor for sock_diag is of no use.
    pub(super) diag_failed: bool,
}

/// How to look.
pub(super) struct Looking<'l> {
    pub(super) namespace: &'l Namespace,
    pub(super) diag: Option<&'l mut Diag>,
    pub(super) buffer: &'l mut Buffer,
    /// Number of the sweep.
    pub(super) sweep: u64,
    /// Although nothing has changed.
    pub(super) full: bool,
    /// Sockets that may be kept.
    pub(super) room: usize,
}

impl Space {
    /// Brings it up to date.
    ///
    /// # Errors
    /// What the system says; what was known before stands.
    pub(super) fn look(&mut self, mut how: Looking<'_>) -> io::Result<Look> {
        let counts = how.namespace.counts()?;
        let mut look = Look::default();
        let same = self.counts.zip(counts).is_some_and(|(before, now)| now.same_tcp(&before));
        let asking = self.tcp.iter().any(|row| row.socket.state == SocketState::SynSent);
        let tables = |wanted: Protocol| {
            let filled = move |table: &Table| counts.is_none_or(|counts| !counts.is_empty(*table));
            Table::ALL.into_iter().filter(move |table| table.protocol() == wanted).filter(filled)
        };
        let ceiling = MAX_ROWS.min(how.room);
        let mut over = 0;
        if how.full || asking || !same {
            let mut rows = Vec::new();
            for table in tables(Protocol::Tcp) {
                over += how.rows(table, &mut rows, ceiling, &mut look)?;
            }
            self.tcp = rows;
            self.gateways = how.namespace.gateways();
            look.read = true;
        }
        let mut rows = Vec::new();
        for table in tables(Protocol::Udp) {
            over += how.rows(table, &mut rows, ceiling.saturating_sub(self.tcp.len()), &mut look)?;
        }
        self.udp = rows;
        self.over = if look.read { over } else { self.over.max(over) };
        self.counts = counts;
        self.looks += 1;
        self.find_listeners(how.sweep);
        Ok(look)
    }

    fn find_listeners(&mut self, sweep: u64) {
        let ports = |rows: &[Row]| -> BTreeSet<u16> {
            let waiting = rows.iter().map(|row| row.socket).filter(|socket| socket.state == SocketState::Listen);
            waiting.filter(|socket| !socket.local.ip().is_loopback()).map(|socket| socket.local.port()).into_set()
        };
        self.tcp_listeners = ports(&self.tcp);
        self.udp_before = std::mem::replace(&mut self.udp_listeners, ports(&self.udp));
        self.listened.extend(self.tcp_listeners.iter().map(|port| (*port, sweep)));
        self.listened.retain(|_, seen| sweep.saturating_sub(*seen) <= REMEMBERED);
        let mut listeners = self.tcp.iter().chain(&self.udp).filter(|row| row.socket.state == SocketState::Listen);
        self.has_resolver = listeners.any(|row| row.socket.local.ip() == RESOLVER);
    }

    /// All sockets.
    pub(super) fn rows(&self) -> impl Iterator<Item = &Row> {
        self.tcp.iter().chain(&self.udp)
    }

    /// Whether nobody has looked before: of what has ended nothing says when.
    pub(super) const fn is_first(&self) -> bool {
        self.looks <= 1
    }

    /// How many sockets are kept.
    pub(super) const fn len(&self) -> usize {
        self.tcp.len() + self.udp.len()
    }

    /// Whether somebody takes connections at this port, or did until a moment ago.
    pub(super) fn listens(&self, protocol: Protocol, port: u16) -> bool {
        match protocol {
            Protocol::Tcp => self.listened.contains_key(&port),
            Protocol::Udp => self.udp_listeners.contains(&port),
        }
    }

    /// Ports on which somebody listens for others.
    pub(super) fn listeners(&self) -> impl Iterator<Item = (Protocol, u16)> {
        let tcp = self.tcp_listeners.iter().map(|port| (Protocol::Tcp, *port));
        let stayed = |port: &&u16| !is_ephemeral(**port) || self.udp_before.contains(port);
        tcp.chain(self.udp_listeners.iter().filter(stayed).map(|port| (Protocol::Udp, *port)))
    }
}

impl Looking<'_> {
    /// Adds the rows of a table that matter; how many there was no room for.
    fn rows(&mut self, table: Table, rows: &mut Vec<Row>, ceiling: usize, look: &mut Look) -> io::Result<u64> {
        let before = rows.len();
        let mut over = 0;
        if let Some(diag) = self.diag.as_deref_mut() {
            match diag.rows(table, ALL_STATES, self.buffer, |row| keep(row, rows, ceiling, &mut over)) {
                Ok(strange) => {
                    look.strange += strange;
                    return Ok(over);
                }
                Err(error) => {
                    tracing::debug!(%error, ?table, "ask sock_diag");
                    // Without a module for UDP the rest is still worth having.
                    look.diag_failed |= table.protocol() == Protocol::Tcp;
                    rows.truncate(before);
                    over = 0;
                }
            }
        }
        look.strange += self.namespace.rows(table, self.buffer, |row| keep(row, rows, ceiling, &mut over))?;
        Ok(over)
    }
}

fn keep(row: Row, rows: &mut Vec<Row>, ceiling: usize, over: &mut u64) -> ControlFlow<()> {
    if matters(&row.socket) {
        if rows.len() < ceiling {
            rows.push(row);
        } else {
            *over += 1;
        }
    }
    ControlFlow::Continue(())
}

/// Whether a socket says something of others: loopback does not, but for the engine's resolver.
fn matters(socket: &Socket) -> bool {
    if socket.state == SocketState::Listen {
        return !socket.local.ip().is_loopback() || socket.local.ip() == RESOLVER;
    }
    let inside = |at: SocketAddr| at.ip().is_loopback() || at.ip().is_unspecified();
    !inside(socket.local) && !inside(socket.remote) && !socket.remote.ip().is_multicast() && socket.remote.port() != 0
}
