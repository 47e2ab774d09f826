//! Who has talked to whom, over time.

use std::{collections::BTreeMap, time::Duration};

use jiff::Timestamp;

use super::{MAX_EDGES, Observed, ledger::is_loose};
use crate::isolation::Edge;

/// What is remembered of one edge.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sighting {
    /// When it was seen for the first time since it was last forgotten.
    pub first: Timestamp,
    /// When it was seen last.
    pub last: Timestamp,
    /// Connections, each once. Those that came and went between two sweeps and left no trace are not among them.
    pub connections: u64,
}

/// The dependencies of services as they were seen: edges that nobody uses any more are forgotten after a while.
#[derive(Clone, Debug)]
pub struct Graph {
    edges: BTreeMap<Edge, Sighting>,
    loose: usize,
    keep: Duration,
    refused: u64,
}

impl Default for Graph {
    /// One that remembers for [`Graph::KEEP`].
    fn default() -> Self {
        Self::new(Self::KEEP)
    }
}

impl Graph {
    /// How long an edge is remembered unless somebody says otherwise: what runs once a day still is in it.
    pub const KEEP: Duration = Duration::from_secs(24 * 60 * 60);

    /// An empty one that remembers edges for so long.
    pub const fn new(keep: Duration) -> Self {
        Self { edges: BTreeMap::new(), loose: 0, keep, refused: 0 }
    }

    /// Adds what a sweep has seen, and forgets what was seen too long ago.
    pub fn note(&mut self, observed: &Observed, now: Timestamp) {
        for edge in observed.flows.keys() {
            let fresh = observed.fresh.get(edge).copied().unwrap_or(0);
            if let Some(sighting) = self.edges.get_mut(edge) {
                sighting.last = sighting.last.max(now);
                sighting.connections = sighting.connections.saturating_add(fresh);
                continue;
            }
            let loose = is_loose(&edge.to);
            if self.edges.len() >= MAX_EDGES || (loose && self.loose >= MAX_EDGES / 2) {
                self.refused = self.refused.saturating_add(1);
                continue;
            }
            self.loose += usize::from(loose);
            // A connection that is there was made, even where the graph begins after it.
            let connections = observed.flows.get(edge).copied().unwrap_or(0).max(fresh);
            self.edges.insert(edge.clone(), Sighting { first: now, last: now, connections });
        }
        let (keep, loose) = (self.keep, &mut self.loose);
        self.edges.retain(|edge, sighting| {
            let fresh_enough = now.duration_since(sighting.last).unsigned_abs() <= keep || sighting.last > now;
            *loose -= usize::from(!fresh_enough && is_loose(&edge.to));
            fresh_enough
        });
    }

    /// Edges and what is remembered of them, in order.
    pub fn edges(&self) -> impl ExactSizeIterator<Item = (&Edge, &Sighting)> {
        self.edges.iter()
    }

    /// One edge.
    pub fn get(&self, edge: &Edge) -> Option<&Sighting> {
        self.edges.get(edge)
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.edges.len()
    }

    /// Whether nothing was seen, or all of it long ago.
    pub fn is_empty(&self) -> bool {
        self.edges.is_empty()
    }

    /// How often an edge was not taken because there were too many ([`MAX_EDGES`], half of them to addresses).
    pub const fn refused(&self) -> u64 {
        self.refused
    }
}
