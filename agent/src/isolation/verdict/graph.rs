//! Who was seen talking to whom, remembered for a while: most connections are shorter than the time between two sweeps.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::report::Link;
use crate::isolation::{Edge, passive::Observed};

/// Edges remembered: two hundred services with ten peers each. The longest unseen goes first.
const MAX_LINKS: usize = 2_000;

/// Connections by edge.
#[derive(Clone, Debug, Default)]
pub(super) struct Graph(BTreeMap<Edge, Link>);

impl Graph {
    /// Takes a sweep down.
    pub(super) fn saw(&mut self, observed: &Observed, now: Timestamp) {
        for (edge, connections) in &observed.flows {
            let link = self.0.entry(edge.clone()).or_insert_with(|| Link {
                edge: edge.clone(),
                first: now,
                last: now,
                connections: 0,
            });
            (link.last, link.connections) = (now, *connections);
        }
        self.forget(now);
        if self.0.len() > MAX_LINKS {
            let mut ages: Vec<Timestamp> = self.0.values().map(|link| link.last).collect();
            let over = ages.len() - MAX_LINKS;
            let (_, oldest_kept, _) = ages.select_nth_unstable(over);
            let oldest_kept = *oldest_kept;
            let mut of_that_age = MAX_LINKS - self.0.values().filter(|link| link.last > oldest_kept).count();
            self.0.retain(|_, link| {
                if link.last == oldest_kept {
                    let stays = of_that_age > 0;
                    of_that_age = of_that_age.saturating_sub(1);
                    return stays;
                }
                link.last > oldest_kept
            });
        }
    }

    /// Lets go of what was not seen for long.
    pub(super) fn forget(&mut self, now: Timestamp) {
        self.0.retain(|_, link| now.duration_since(link.last) < super::REMEMBER);
    }

    /// Whether an edge was seen lately.
    pub(super) fn has(&self, edge: &Edge) -> bool {
        self.0.contains_key(edge)
    }

    /// All of it, in the order of the edges.
    pub(super) fn links(&self) -> Vec<Link> {
        self.0.values().cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::isolation::verdict::tests::{at, edge};

    #[test]
    fn edges_are_remembered_for_an_hour_and_the_oldest_make_room() {
        let mut graph = Graph::default();
        let seen = |ports: std::ops::Range<u16>| Observed {
            flows: ports.map(|port| (edge("web", "db", port), 3)).collect(),
            ..Observed::default()
        };
        graph.saw(&seen(1..11), at(0));
        graph.saw(&seen(1..2), at(10));
        let first = graph.links().remove(0);
        assert_eq!((first.first, first.last, first.connections), (at(0), at(10), 3));
        graph.saw(&seen(100..2_095), at(20));
        assert_eq!(graph.links().len(), MAX_LINKS);
        assert!(graph.has(&edge("web", "db", 1)), "seen later than the others of the first sweep");
        assert_eq!((1..11).filter(|port| graph.has(&edge("web", "db", *port))).count(), 5);
        graph.forget(at(3_615));
        assert!(!graph.has(&edge("web", "db", 1)) && graph.has(&edge("web", "db", 100)));
        graph.forget(at(3_620));
        assert_eq!(graph.links(), []);
    }
}
