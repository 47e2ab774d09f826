//! Who calls whom on this host: the two halves of a call, found by the id which both carry.
//!
//! A call is a client's span and a server's whose parent it is, or a producer's and a consumer's. Either may come first, and the other
//! never: a half waits for one to two turns of [`WAIT`] and is then counted as unpaired. Names and bounds are those of Tempo's service graph.

use std::{
    collections::HashMap,
    fmt::Write as _,
    mem,
    sync::{Arc, atomic::Ordering::Relaxed},
};

use super::{
    hash::Keyed,
    histogram::{Exemplar, GRAPH, Histogram},
    label::Name,
    share::{Grant, Places, Share},
    words::{CLIENT, CONSUMER, ERROR, PRODUCER, SERVER},
};
use crate::otlp::wire::Span;

/// Seconds a half waits at least.
pub const WAIT: u32 = 10;

/// Halves that wait at most: as many as Tempo's edges.
pub const MAX_HALVES: usize = 10_000;

/// Pairs of services at most, the rest is one series: a host with so many has no picture anyway. Each origin has a share of them, and of
/// halves.
pub const MAX_EDGES: usize = 500;

/// Whose spans they are: what the labels say of a service, and who has to answer for it.
#[derive(Debug)]
pub(super) struct Who {
    pub(super) service: Arc<str>,
    pub(super) project: Arc<str>,
    pub(super) compose_service: Arc<str>,
    pub(super) origin: Arc<Share>,
}

/// Trace and span id of the client's half.
type Key = [u8; 24];

/// One span of a call.
#[derive(Clone, Debug)]
pub(super) struct Half {
    key: Key,
    calls: bool,
    messaging: bool,
    failed: bool,
    ns: u64,
    exemplar: Option<Exemplar>,
    who: Arc<Who>,
}

impl Half {
    /// `None` for a span that is neither end of a call, and for one without valid ids.
    #[inline]
    pub(super) fn of(span: &Span<'_>, who: &Arc<Who>, ns: u64, exemplar: Option<Exemplar>) -> Option<Self> {
        let (calls, id) = match span.kind {
            CLIENT | PRODUCER => (true, span.span_id),
            SERVER | CONSUMER => (false, span.parent_span_id),
            _ => return None,
        };
        let (trace, id) = (<[u8; 16]>::try_from(span.trace_id).ok()?, <[u8; 8]>::try_from(id).ok()?);
        let mut key = [0; 24];
        key.iter_mut().zip(trace.iter().chain(&id)).for_each(|(to, from)| *to = *from);
        Some(Self {
            key,
            calls,
            messaging: matches!(span.kind, PRODUCER | CONSUMER),
            failed: span.status == ERROR,
            ns,
            exemplar,
            who: Arc::clone(who),
        })
    }
}

/// What is counted of calls from one service to another.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Calls {
    /// Those in which either half failed.
    pub failed: u64,
    /// How long the server says they took; how many there were is its count.
    pub server: Histogram,
    /// How long the client says.
    pub client: Histogram,
    last: u32,
}

/// Two services of which one calls the other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Edge {
    /// Service and project of who calls.
    pub client: (Arc<str>, Arc<str>),
    /// Service and project of who is called.
    pub server: (Arc<str>, Arc<str>),
    /// `messaging_system`, or empty.
    pub connection_type: &'static str,
    /// The calls.
    pub calls: Calls,
}

/// An edge and the origin that has to answer for it.
#[derive(Debug)]
struct Line {
    edge: Edge,
    payer: Arc<Share>,
}

/// Halves that wait, and what pairs came to.
#[derive(Debug)]
pub(super) struct Graph {
    young: HashMap<Key, Half, Keyed>,
    old: HashMap<Key, Half, Keyed>,
    turn: u32,
    halves: Places,
    edges: HashMap<Name, Line, Keyed>,
    places: Places,
    overflow: Option<Box<Calls>>,
    scratch: String,
    pub(super) counts: Counts,
}

/// What became of halves without an edge of their own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Counts {
    /// Halves whose other half did not come in time: from another host, or from a service that makes no spans.
    pub unpaired: u64,
    /// Halves for which there was no room.
    pub dropped: u64,
    /// Pairs counted in the overflow.
    pub overflow: u64,
}

impl Default for Graph {
    fn default() -> Self {
        Self {
            young: HashMap::default(),
            old: HashMap::default(),
            turn: 0,
            halves: Places::new(MAX_HALVES),
            edges: HashMap::default(),
            places: Places::new(MAX_EDGES),
            overflow: None,
            scratch: String::new(),
            counts: Counts::default(),
        }
    }
}

impl Graph {
    /// Takes one half at `second` since the start.
    pub(super) fn take(&mut self, half: Half, second: u32) {
        self.turn(second);
        let found = [&self.young, &self.old].iter().find_map(|halves| halves.get(&half.key).map(|other| other.calls));
        match found {
            Some(calls) if calls != half.calls => {
                let other = self.young.remove(&half.key).or_else(|| self.old.remove(&half.key));
                if let Some(other) = other {
                    self.halves.give(&other.who.origin.halves, 1);
                    let (client, server) = if half.calls { (half, other) } else { (other, half) };
                    self.pair(&client, &server, second);
                }
            }
            // The same span a second time, or a second server of one call: the first waits on.
            Some(_) => {}
            // Who is owed a place has one in a turn or two: nobody keeps theirs for longer.
            None if self.halves.take(&half.who.origin.halves) != Grant::Yes => self.counts.dropped += 1,
            None => _ = self.young.insert(half.key, half),
        }
    }

    /// Lets go of halves that have waited long enough.
    fn turn(&mut self, second: u32) {
        while self.turn < second / WAIT {
            // After two turns both are empty: a pause of days is not walked through.
            self.turn = if self.old.is_empty() && self.young.is_empty() { second / WAIT } else { self.turn + 1 };
            self.counts.unpaired += self.old.len() as u64;
            for (_, half) in self.old.drain() {
                self.halves.give(&half.who.origin.halves, 1);
            }
            mem::swap(&mut self.young, &mut self.old);
        }
    }

    fn pair(&mut self, client: &Half, server: &Half, second: u32) {
        let connection_type = if client.messaging || server.messaging { "messaging_system" } else { "" };
        let (a, b) = (&client.who.service, &client.who.project);
        let (c, d) = (&server.who.service, &server.who.project);
        self.scratch.clear();
        // With lengths no two pairs are written alike. Writing to a string does not fail.
        _ = write!(self.scratch, "{} {} {} {a}{b}{c}{d}{connection_type}", a.len(), b.len(), c.len());
        if !self.edges.contains_key(self.scratch.as_bytes()) {
            self.admit(&client.who, &server.who, connection_type);
        }
        let calls = match self.edges.get_mut(self.scratch.as_bytes()) {
            Some(line) => &mut line.edge.calls,
            None => {
                self.counts.overflow += 1;
                &mut **self.overflow.get_or_insert_default()
            }
        };
        calls.failed += u64::from(client.failed || server.failed);
        calls.server.observe(&GRAPH, server.ns, server.exemplar);
        calls.client.observe(&GRAPH, client.ns, client.exemplar);
        calls.last = second;
    }

    /// Makes an edge, under the name that was just written, if there is a place for it.
    fn admit(&mut self, client: &Who, server: &Who, connection_type: &'static str) {
        // Whoever calls itself by more names: a service that is called by another cannot help what that one calls itself.
        let names = |who: &Who| who.origin.names.load(Relaxed);
        let payer = if names(server) > names(client) { &server.origin } else { &client.origin };
        let mut grant = self.places.take(&payer.edges);
        if grant == Grant::Owed {
            self.reclaim(payer);
            grant = self.places.take(&payer.edges);
        }
        if grant != Grant::Yes {
            return;
        }
        let end = |who: &Who| (Arc::clone(&who.service), Arc::clone(&who.project));
        let edge = Edge { client: end(client), server: end(server), connection_type, calls: Calls::default() };
        self.edges.insert(Name(self.scratch.as_str().into()), Line { edge, payer: Arc::clone(payer) });
    }

    /// Takes edges from the origin that has most, because `owed` has fewer than its share.
    fn reclaim(&mut self, owed: &Share) {
        let held = |line: &&Line| line.payer.edges.load(Relaxed);
        let Some(largest) = self.edges.values().max_by_key(held).map(|line| Arc::clone(&line.payer)) else { return };
        for _ in 0..self.places.excess(&largest.edges, &owed.edges) {
            let of_it = self.edges.iter().filter(|(_, line)| Arc::ptr_eq(&line.payer, &largest));
            let oldest = of_it.min_by_key(|(_, line)| line.edge.calls.last).map(|(name, _)| name.clone());
            if oldest.is_some_and(|name| self.edges.remove(&name).is_some()) {
                self.places.give(&largest.edges, 1);
            }
        }
    }

    /// Lets go of edges that got nothing since `idle`, and of halves that have waited long enough at `second`.
    pub(super) fn forget_idle(&mut self, idle: u32, second: u32) {
        self.turn(second);
        let places = &mut self.places;
        self.edges.retain(|_, line| {
            let stays = line.edge.calls.last >= idle;
            places.give(&line.payer.edges, usize::from(!stays));
            stays
        });
    }

    pub(super) fn edges(&self) -> Vec<Edge> {
        self.edges.values().map(|line| line.edge.clone()).collect()
    }

    pub(super) fn overflow(&self) -> Option<Calls> {
        self.overflow.as_deref().cloned()
    }
}

#[cfg(test)]
mod tests;
