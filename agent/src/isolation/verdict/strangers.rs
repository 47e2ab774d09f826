//! Whoever comes from an address that is nobody's: the one thing in a sweep that has to be asked about twice.
//!
//! A container may talk before the picture has its address, so an address counts when a second sweep has not found its owner either. Until
//! then what it did waits, and is its owner's where one turns up.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
    sync::Arc,
};

use jiff::Timestamp;

use super::{Look, keep_newest, report::Newcomer};
use crate::{
    isolation::{
        Draft, Edge, End, Tier,
        passive::{Count, Observed, Sighting, Stranger},
    },
    model::ServiceKey,
    policy::Class,
};

/// Ways of strangers which are remembered; the oldest make room.
const MAX_SEEN: usize = 1_000;

/// Addresses named in one message.
const SHOWN: usize = 4;

/// What is remembered of them.
#[derive(Clone, Debug, Default)]
pub(super) struct Strangers {
    /// Nobody looks again.
    is_last: bool,
    /// Addresses that the sweep before found nobody behind.
    before: BTreeSet<IpAddr>,
    /// What they did in it, where it was the first time.
    waiting: BTreeMap<Stranger, Count>,
    seen: BTreeMap<Stranger, (Sighting, Timestamp)>,
}

impl Strangers {
    /// Believes the first look.
    pub(super) fn at_once() -> Self {
        Self { is_last: true, ..Self::default() }
    }

    /// Takes a sweep down: what is some service's after all becomes an edge, what is too young waits for the next.
    pub(super) fn saw<'k>(
        &mut self,
        observed: &mut Observed,
        now: Timestamp,
        owner: impl Fn(IpAddr) -> Option<&'k ServiceKey>,
    ) {
        let found = std::mem::take(&mut observed.strangers);
        let here: BTreeSet<IpAddr> = found.keys().map(|stranger| stranger.address).collect();
        let mut waiting = BTreeMap::new();
        for (stranger, count) in std::mem::take(&mut self.waiting) {
            match owner(stranger.address) {
                Some(service) => became(observed, service, &stranger, count),
                None => add(&mut observed.strangers, stranger, count),
            }
        }
        for (stranger, count) in found {
            match owner(stranger.address) {
                Some(service) => became(observed, service, &stranger, count),
                None if self.is_last || self.before.contains(&stranger.address) => {
                    // What stood in the sweep before and waited is the same connection.
                    let waited = observed.strangers.get(&stranger).copied().unwrap_or_default();
                    let count = Count { seen: count.seen.max(waited.seen), fresh: count.fresh + waited.fresh };
                    observed.strangers.insert(stranger, count);
                }
                None => drop(waiting.insert(stranger, count)),
            }
        }
        (self.before, self.waiting) = (here, waiting);
        for (stranger, count) in &observed.strangers {
            let first = Sighting { first: now, last: now, connections: 0 };
            let (sighting, last) = self.seen.entry(stranger.clone()).or_insert((first, now));
            // A connection that is there was made, even where nobody saw it begin.
            let more = if sighting.connections == 0 { count.seen.max(count.fresh) } else { count.fresh };
            sighting.connections = sighting.connections.saturating_add(more);
            (sighting.last, *last) = (now, now);
        }
        keep_newest(&mut self.seen, now, super::REMEMBER, MAX_SEEN);
    }

    /// All that are remembered.
    pub(super) fn newcomers(&self) -> Vec<Newcomer> {
        let newcomer = |(stranger, (seen, _)): (&Stranger, &(Sighting, Timestamp))| Newcomer {
            stranger: stranger.clone(),
            first: seen.first,
            last: seen.last,
            connections: seen.connections,
        };
        self.seen.iter().map(newcomer).collect()
    }
}

fn add(all: &mut BTreeMap<Stranger, Count>, stranger: Stranger, more: Count) {
    let count = all.entry(stranger).or_default();
    (count.seen, count.fresh) = (count.seen + more.seen, count.fresh + more.fresh);
}

fn became(observed: &mut Observed, service: &ServiceKey, stranger: &Stranger, count: Count) {
    let Stranger { to, port, protocol, .. } = stranger;
    let edge = Edge { from: service.clone(), to: End::Service(to.clone()), port: *port, protocol: *protocol };
    for (edges, more) in [(&mut observed.flows, count.seen), (&mut observed.fresh, count.fresh)] {
        if more > 0 {
            *edges.entry(edge.clone()).or_default() += more;
        }
    }
}

/// What they reached and nobody published for everybody: one finding for each port and network they came from.
pub(super) fn flows(look: &Look<'_>, observed: &Observed, drafts: &mut Vec<Draft>) {
    let mut groups = BTreeMap::<_, Vec<IpAddr>>::new();
    for Stranger { to, port, protocol, network, address } in observed.strangers.keys() {
        if look.wanted.admits_anybody(to, *port, *protocol) == Some(false) {
            groups.entry((to, *port, *protocol, network)).or_default().push(*address);
        }
    }
    for ((to, port, protocol, network), addresses) in groups {
        let whom = format!("{}:{port}/{}", to.service, protocol.as_str());
        let shown: Vec<String> = addresses.iter().take(SHOWN).map(IpAddr::to_string).collect();
        let more = addresses.len().saturating_sub(SHOWN);
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        drafts.push(Draft {
            class: Class::UnexpectedFlow,
            // Who began has no name: it is the project's whose service was asked.
            service: ServiceKey { project: Arc::clone(&to.project), service: Arc::default() },
            to: Some(End::Service(to.clone())),
            port: Some((port, protocol)),
            subject: format!("{whom} from {network}").into(),
            message: format!(
                "a connection to {whom} was seen from {}{more} on network {network}, where no container in the picture is",
                shown.join(", ")
            ),
            tier: Tier::Passive,
        });
    }
}
