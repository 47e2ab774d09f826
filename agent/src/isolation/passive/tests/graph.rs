//! Who has talked to whom, over a day.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::{
    super::{Graph, MAX_EDGES, Observed},
    world::*,
};
use crate::isolation::End;

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_900_000_000 + seconds).unwrap()
}

fn seen(flows: &[(&str, u64, u64)]) -> Observed {
    let to = |name: &str| edge("web", End::Service(service(name)), 80);
    Observed {
        flows: flows.iter().map(|(name, count, _)| (to(name), *count)).collect(),
        fresh: flows.iter().filter(|row| row.2 > 0).map(|(name, _, fresh)| (to(name), *fresh)).collect(),
        ..Observed::default()
    }
}

#[test]
fn an_edge_is_kept_for_a_while_after_it_was_seen_last() {
    let mut graph = Graph::new(Duration::from_secs(100));
    graph.note(&seen(&[("db", 2, 2), ("cache", 1, 1)]), at(0));
    graph.note(&seen(&[("db", 3, 1)]), at(60));
    let db = *graph.get(&edge("web", End::Service(service("db")), 80)).unwrap();
    assert_eq!((db.first, db.last, db.connections), (at(0), at(60), 3));
    graph.note(&seen(&[]), at(100));
    assert_eq!(graph.len(), 2);
    graph.note(&seen(&[]), at(101));
    assert_eq!(graph.edges().map(|(edge, _)| edge.to_string()).collect::<Vec<_>>(), ["shop/web -> shop/db:80"]);
    graph.note(&seen(&[]), at(161));
    assert!(graph.is_empty());
}

#[test]
fn a_clock_that_is_set_back_forgets_nothing() {
    let mut graph = Graph::default();
    graph.note(&seen(&[("db", 1, 1)]), at(0));
    let before = at(0).checked_sub(SignedDuration::from_hours(72)).unwrap();
    graph.note(&seen(&[("db", 1, 0)]), before);
    assert_eq!(graph.get(&edge("web", End::Service(service("db")), 80)).unwrap().last, at(0));
}

#[test]
fn addresses_fill_one_half_and_are_counted_above_it() {
    let mut graph = Graph::default();
    let address = |n: usize| End::External(std::net::Ipv4Addr::from(0xc633_0000 + n as u32).into());
    let flows = (0..MAX_EDGES).map(|n| (edge("web", address(n), 443), 1)).collect();
    graph.note(&Observed { flows, ..Observed::default() }, at(0));
    assert_eq!((graph.len(), graph.refused()), (MAX_EDGES / 2, (MAX_EDGES / 2) as u64));
    graph.note(&seen(&[("db", 1, 1)]), at(1));
    assert_eq!(graph.len(), MAX_EDGES / 2 + 1);
    graph.note(&Observed::default(), at(100_000));
    assert!(graph.is_empty());
    graph.note(&Observed { flows: [(edge("web", address(1), 443), 1)].into(), ..Observed::default() }, at(100_001));
    assert_eq!(graph.len(), 1, "places of forgotten ones are free");
}
