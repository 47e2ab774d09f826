//! The verdict: what the tiers say, held against what is wanted, and against what was said before.
//!
//! ```text
//!  fixed::look --> Draft -------------------+
//!  Observed --> seen ----> Draft, attempts +--> merge (class, service, subject) --> waivers, severities --> Report
//!  Probed ----> probed --> Draft ----------+       evidence, since                                           |
//!  required flows -------> missing --------+                                     coverage, matrix, graph ----+
//! ```
//!
//! Pure: pictures, sweeps and times go in. What it remembers is bounded: since when, who was seen within an hour, how often somebody
//! tried in vain. There is no debounce but that of missing flows: a finding is there while a tier says so in its newest look.

mod coverage;
mod matrix;
mod merge;
mod missing;
mod neighbours;
mod probed;
mod report;
mod seen;
mod strangers;
#[cfg(test)]
pub(crate) mod tests;
mod wanted;

use std::{collections::BTreeMap, net::IpAddr, sync::Arc, time::Duration};

use jiff::Timestamp;

pub use report::{Cell, Coverage, Finding, Link, Newcomer, Project, Report, State, Sweep};
pub use wanted::Wanted;

use self::{merge::Known, missing::Patience, neighbours::Neighbours, strangers::Strangers};
pub use super::active::Answer;
use super::{
    Draft, Edge, End,
    active::Probed,
    fixed::Judged,
    passive::{self, Graph, LeftOut, Observed},
};
use crate::{
    inventory::Snapshot,
    model::{InOrder as _, ServiceKey},
    policy::{CLASSES, Class, Policy},
};

/// How long an edge that was seen is shown as used, and the former address of a container is known as its own.
pub const REMEMBER: Duration = Duration::from_secs(3_600);

/// Findings of one project whose details are kept; the mildest are left out, and all are counted.
pub const MAX_FINDINGS: usize = 1_000;

/// Edges of one project in the matrix: forty services with six ports each, or a hundred with one.
pub const MAX_CELLS: usize = 10_000;

/// Reasons kept of what one tier did not look at in one project.
pub const MAX_REASONS: usize = 100;

/// Services whose attempts in vain are counted.
const MAX_ATTEMPTING: usize = 2_000;

/// How long the attempts of a service are known after its last one: what runs once a day goes on counting.
pub const DENIED_KEPT: Duration = Duration::from_secs(25 * 3_600);

/// Former addresses of containers which are remembered.
const MAX_ADDRESSES: usize = 10_000;

/// What there is to judge by at one time.
#[derive(Clone, Copy)]
pub struct Look<'a> {
    /// Severities, exceptions, classes that are off.
    pub policy: &'a Policy,
    /// What may be.
    pub wanted: &'a dyn Wanted,
    /// The picture.
    pub snapshot: &'a Snapshot,
    /// What the static tier says of this picture.
    pub fixed: &'a Judged,
    /// Who shares a network without a flow, with ports that the newest sweep has seen ([`fixed::excess`]).
    pub excess: &'a [Draft],
    /// The newest sweep; `None` while there is none.
    pub observed: Option<&'a Observed>,
    /// The newest round of probes; `None` while there is none.
    pub probed: Option<&'a Probed>,
    /// When.
    pub now: Timestamp,
}

impl std::fmt::Debug for Look<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Look").field("generation", &self.snapshot.generation).field("now", &self.now).finish()
    }
}

/// What is remembered from one judgement to the next.
#[derive(Clone, Debug)]
pub struct Court {
    known: Known,
    patience: Patience,
    graph: Graph,
    /// Attempts in vain, by project and service, and when the last of them was seen.
    denied: BTreeMap<ServiceKey, (u64, Timestamp)>,
    /// Whose an address was last, and when. A peer that has not noticed keeps its half of a connection for long.
    addresses: BTreeMap<IpAddr, (ServiceKey, Timestamp)>,
    strangers: Strangers,
    /// What sweeps have seen and attributed to nobody.
    left_out: LeftOut,
}

impl Default for Court {
    fn default() -> Self {
        let (known, patience, denied, addresses, strangers, left_out) = Default::default();
        Self { known, patience, graph: Graph::new(REMEMBER), denied, addresses, strangers, left_out }
    }
}

impl Court {
    /// For whoever looks once: there is no second look at which somebody who is away could be back.
    pub fn for_one_look() -> Self {
        Self { patience: Patience::none(), strangers: Strangers::at_once(), ..Self::default() }
    }

    /// Takes a picture down: whose every address is, before a sweep is held against it.
    pub fn meet(&mut self, snapshot: &Snapshot, now: Timestamp) {
        for entry in &snapshot.containers {
            for address in entry.container.networks.iter().flat_map(|attachment| &attachment.addresses) {
                self.addresses.insert(*address, (entry.container.identity.key.clone(), now));
            }
        }
        keep_newest(&mut self.addresses, now, REMEMBER, MAX_ADDRESSES);
    }

    /// Takes a new sweep down, once: what is remembered of it outlives the next one.
    ///
    /// Former addresses of containers become their services in it, as far as they are remembered.
    pub fn saw(&mut self, wanted: &dyn Wanted, observed: &mut Observed, now: Timestamp) {
        for edges in [&mut observed.flows, &mut observed.attempts] {
            let unknown: Vec<Edge> = edges.keys().filter(|edge| matches!(edge.to, End::Unlisted(_))).cloned().collect();
            for edge in unknown {
                let End::Unlisted(address) = &edge.to else { continue };
                if let Some((service, _)) = self.addresses.get(address)
                    && let Some(count) = edges.remove(&edge)
                {
                    *edges.entry(Edge { to: End::Service(service.clone()), ..edge }).or_default() += count;
                }
            }
        }
        self.strangers.saw(observed, now, |address| self.addresses.get(&address).map(|(service, _)| service));
        self.graph.note(observed, now);
        self.left_out.add(observed.left_out);
        for (edge, count) in &observed.attempts {
            if !wanted.speaks_of(&edge.from.project) || !seen::is_denied(wanted, observed, edge) {
                continue;
            }
            let (known, last) = self.denied.entry(edge.from.clone()).or_insert((0, now));
            (*known, *last) = (known.saturating_add(*count), now);
        }
        keep_newest(&mut self.denied, now, DENIED_KEPT, MAX_ATTEMPTING);
    }

    /// Judges what there is. Two calls with the same looks differ in nothing but what time makes of them.
    pub fn judge(&mut self, look: &Look<'_>) -> Report {
        self.patience.follow(look.snapshot, look.now);
        self.meet(look.snapshot, look.now);
        let neighbours = Neighbours::of(look.snapshot);
        let mut drafts: Vec<Draft> = look.fixed.drafts.iter().chain(look.excess).cloned().collect();
        if let Some(observed) = look.observed {
            seen::flows(look, observed, &mut drafts);
            strangers::flows(look, observed, &mut drafts);
        }
        if let Some(probed) = look.probed {
            probed::reached(look, probed, &neighbours, &mut drafts);
        }
        let talking = seen::talking(look.wanted);
        drafts.retain(|draft| match (draft.class, &draft.to) {
            (Class::ExcessReachability, Some(End::Service(to))) => !seen::talks(&talking, &draft.service, to),
            _ => true,
        });
        self.patience.judge(look, &mut drafts);
        let findings = self.known.merge(look.policy, drafts, look.now);
        let mut report = merge::waive(look.policy, look.now, findings);
        self.projects(look, &neighbours, &mut report);
        if look.fixed.left_out > 0 {
            report.projects.values_mut().for_each(|project| project.truncated = true);
        }
        report.graph = self.links(look.now);
        report.strangers = self.strangers.newcomers();
        report.left_out = self.left_out;
        report
    }

    /// When it has to judge again although nothing happens; `None` while nothing is waited for.
    pub fn wakes(&self) -> Option<Duration> {
        self.patience.wakes()
    }

    fn projects(&self, look: &Look<'_>, neighbours: &Neighbours, report: &mut Report) {
        let allowed = look.wanted.allowed();
        for name in look.wanted.projects() {
            let project = report.projects.entry(Arc::clone(&name)).or_default();
            project.hash = look.wanted.hash(&name);
            project.coverage = coverage::of(look, &name);
            let (cells, cut) = matrix::of(look, &name, &allowed, neighbours, &self.graph);
            project.edges = (!cells.is_empty()).then(|| matrix::tally(&cells));
            (project.matrix, project.truncated) = (cells, project.truncated || cut);
            let own = self.denied.iter().filter(|(service, _)| *service.project == *name);
            project.denied = own.map(|(service, (count, _))| (Arc::clone(&service.service), *count)).collect();
        }
        for project in report.projects.values_mut() {
            for class in isolation_classes() {
                project.counts.entry(class).or_default();
            }
        }
    }

    fn links(&self, now: Timestamp) -> Vec<Link> {
        let lately = self.graph.edges().filter(|(_, seen)| now.duration_since(seen.last).unsigned_abs() < REMEMBER);
        let link = |(edge, seen): (&Edge, &passive::Sighting)| Link {
            edge: edge.clone(),
            first: seen.first,
            last: seen.last,
            connections: seen.connections,
        };
        lately.map(link).collect()
    }
}

/// Forgets what is older than `age`; of what is left and too much the oldest goes, at equal times the last in order.
fn keep_newest<K: Ord + Clone, V>(known: &mut BTreeMap<K, (V, Timestamp)>, now: Timestamp, age: Duration, most: usize) {
    known.retain(|_, (_, last)| now.duration_since(*last).unsigned_abs() < age);
    let over = known.len().saturating_sub(most);
    if over > 0 {
        let mut by_age: Vec<(Timestamp, K)> = known.iter().map(|(key, (_, last))| (*last, key.clone())).collect();
        by_age.order_by(|(a, one), (b, other)| a.cmp(b).then_with(|| other.cmp(one)));
        by_age.iter().take(over).for_each(|(_, key)| drop(known.remove(key)));
    }
}

/// The ten.
pub fn isolation_classes() -> impl Iterator<Item = Class> {
    CLASSES.iter().copied().filter(|class| class.is_isolation())
}
