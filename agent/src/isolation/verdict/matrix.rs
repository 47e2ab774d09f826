//! Every edge between services of one project: expected, observed, probed.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    Answer, Look,
    neighbours::Neighbours,
    report::{Cell, State},
};
use crate::{
    isolation::{Edge, End, passive::Graph},
    model::{IntoTree as _, Protocol, ServiceKey},
};

/// Ports of each service that anybody has named, listened on or tried.
fn ports(look: &Look<'_>, project: &str, allowed: &[Edge]) -> BTreeMap<ServiceKey, BTreeSet<(u16, Protocol)>> {
    let mut ports = BTreeMap::<ServiceKey, BTreeSet<(u16, Protocol)>>::new();
    let probed = look.probed.into_iter().flat_map(|probed| probed.edges.keys().chain(probed.untried.keys()));
    for edge in allowed.iter().chain(probed) {
        if let End::Service(target) = &edge.to
            && *target.project == *project
        {
            ports.entry(target.clone()).or_default().insert((edge.port, edge.protocol));
        }
    }
    let listeners = look.observed.into_iter().flat_map(|observed| &observed.listeners);
    for (service, listening) in listeners.filter(|(service, _)| *service.project == *project) {
        ports.entry(service.clone()).or_default().extend(listening.iter().map(|(protocol, port)| (*port, *protocol)));
    }
    ports
}

/// The matrix of a project, in the order of the edges, and whether it is too large to be whole; empty where its flows are not judged.
pub(super) fn of(
    look: &Look<'_>,
    project: &str,
    allowed: &[Edge],
    neighbours: &Neighbours,
    graph: &Graph,
) -> (Vec<Cell>, bool) {
    let required: BTreeSet<Edge> = look.wanted.required().into_iter().into_set();
    let key = |service| ServiceKey { project: project.into(), service };
    let services: Vec<ServiceKey> = look.wanted.services(project).into_iter().map(key).collect();
    let ports = ports(look, project, allowed);
    let mut cells = Vec::new();
    for from in &services {
        for (target, ports) in ports.iter().filter(|(target, _)| *target != from) {
            for (port, protocol) in ports {
                let edge =
                    Edge { from: from.clone(), to: End::Service(target.clone()), port: *port, protocol: *protocol };
                // Whether flows are judged does not depend on the port: of thousands of listeners that nobody judges one is asked about.
                let Some(allowed) = look.wanted.allows(&edge) else { break };
                if cells.len() >= super::MAX_CELLS {
                    return (cells, true);
                }
                let probed = look.probed.and_then(|probed| probed.edges.get(&edge)).copied();
                let state = state(look, &edge, probed, graph);
                let (required, neighbours) = (required.contains(&edge), neighbours.share(from, target));
                cells.push(Cell { edge, allowed, state, required, neighbours, probed });
            }
        }
    }
    (cells, false)
}

fn state(look: &Look<'_>, edge: &Edge, probed: Option<Answer>, graph: &Graph) -> State {
    if graph.get(edge).is_some_and(|seen| look.now.duration_since(seen.last).unsigned_abs() < super::REMEMBER) {
        return State::Used;
    }
    match probed {
        Some(Answer::Open | Answer::Refused) => State::Open,
        Some(Answer::Dropped | Answer::NoRoute) => State::Closed,
        Some(Answer::Unknown) => State::Unsupported,
        None if look.probed.is_some_and(|probed| probed.untried.contains_key(edge)) => State::Unsupported,
        None => State::Untested,
    }
}

/// How many cells there are of each kind.
pub(super) fn tally(cells: &[Cell]) -> [[u64; 5]; 2] {
    let mut tally = [[0; 5]; 2];
    let [allowed, denied] = &mut tally;
    for cell in cells {
        let row = if cell.allowed { &mut *allowed } else { &mut *denied };
        if let Some(count) = State::ALL.iter().position(|state| *state == cell.state).and_then(|at| row.get_mut(at)) {
            *count += 1;
        }
    }
    tally
}
