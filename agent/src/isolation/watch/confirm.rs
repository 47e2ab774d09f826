//! A way across networks counts when two rounds have found it.
//!
//! Between a picture and a round made by it a network may be taken away; what is sent to one of its addresses then goes wherever the host
//! sends what it does not know, and somebody out there may answer. By the next round the picture has no such address any more.

use std::collections::BTreeSet;

use crate::isolation::{
    Edge, End,
    active::{Answer, Probed},
};

use crate::model::IntoTree as _;

/// Ways across that the last round has found.
#[derive(Debug, Default)]
pub(super) struct Confirmed(BTreeSet<Edge>);

impl Confirmed {
    /// Takes what is found for the first time as not known yet.
    pub(super) fn confirm(&mut self, probed: &mut Probed) {
        let across = |edge: &Edge, answer: Answer| {
            answer.is_reachable() && matches!(edge.to, End::Service(_)) && !probed.beside.contains(edge)
        };
        let found: BTreeSet<Edge> = probed
            .edges
            .iter()
            .filter(|(edge, answer)| across(edge, **answer))
            .map(|(edge, _)| edge.clone())
            .into_set();
        for edge in found.difference(&self.0) {
            probed.edges.insert(edge.clone(), Answer::Unknown);
        }
        self.0 = found;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Protocol, ServiceKey};

    fn edge(to: End) -> Edge {
        let from = ServiceKey { project: "shop".into(), service: "web".into() };
        Edge { from, to, port: 5432, protocol: Protocol::Tcp }
    }

    #[test]
    fn two_rounds_have_to_agree() {
        let db = End::Service(ServiceKey { project: "shop".into(), service: "db".into() });
        let round = |answer| Probed { edges: [(edge(db.clone()), answer)].into(), ..Probed::default() };
        let mut confirmed = Confirmed::default();
        let mut take = |mut probed: Probed| {
            confirmed.confirm(&mut probed);
            probed.edges.into_values().next().unwrap()
        };
        assert_eq!(take(round(Answer::Refused)), Answer::Unknown);
        assert_eq!(take(round(Answer::Open)), Answer::Open);
        assert_eq!(take(round(Answer::Dropped)), Answer::Dropped);
        assert_eq!(take(round(Answer::Open)), Answer::Unknown, "it was closed in between");
        let host = Probed { edges: [(edge(End::Host), Answer::Open)].into(), ..Probed::default() };
        assert_eq!(take(host), Answer::Open, "the host goes nowhere");
        let mut beside = round(Answer::Open);
        beside.beside.insert(edge(db.clone()));
        assert_eq!(take(beside), Answer::Open, "a neighbour is reached over no router");
    }
}
