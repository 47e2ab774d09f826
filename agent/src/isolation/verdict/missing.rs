//! Flows that must work and do not. The one class with a grace: whoever has just started does not listen yet.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use jiff::{SignedDuration, Timestamp};

use super::{Answer, Look, seen};
use crate::{
    inventory::{Entry, Snapshot},
    isolation::{Draft, Edge, End, Tier},
    model::{ContainerId, IntoTree as _, ServiceKey},
    policy::Class,
};

/// After a start of either end, or a connection of it to a network, nothing is said.
const GRACE: SignedDuration = SignedDuration::from_secs(30);

/// How long a target has to be away before that is said: a container that is made anew is away for a moment, and nothing in the
/// picture tells when it began to be.
const AWAY: SignedDuration = SignedDuration::from_secs(10);

/// What is remembered of ends of flows.
#[derive(Clone, Debug, Default)]
pub(super) struct Patience {
    /// Networks of each container, and when they became other than they had been.
    networks: BTreeMap<ContainerId, (BTreeSet<Arc<str>>, Option<Timestamp>)>,
    /// Since when the target of a flow does not serve, as far as the inventory and the sweep say.
    away: BTreeMap<Edge, Timestamp>,
    /// Nobody looks again.
    is_last: bool,
}

impl Patience {
    /// Says at once who is away.
    pub(super) fn none() -> Self {
        Self { is_last: true, ..Self::default() }
    }

    /// Takes a picture down.
    pub(super) fn follow(&mut self, snapshot: &Snapshot, now: Timestamp) {
        let mut networks = BTreeMap::new();
        for entry in &snapshot.containers {
            let is: BTreeSet<_> = entry.container.networks.iter().map(|on| Arc::clone(&on.network)).into_set();
            let changed = match self.networks.remove(&entry.container.id) {
                None => None,
                Some((was, changed)) if was == is => changed,
                Some((was, changed)) => {
                    if is.is_subset(&was) {
                        changed
                    } else {
                        Some(now)
                    }
                }
            };
            networks.insert(entry.container.id.clone(), (is, changed));
        }
        self.networks = networks;
    }

    /// What must work and does not.
    pub(super) fn judge(&mut self, look: &Look<'_>, drafts: &mut Vec<Draft>) {
        let mut away = BTreeMap::new();
        for edge in look.wanted.required() {
            let End::Service(target) = &edge.to else { continue };
            let tiers = self.absent(look, &edge, target);
            if !tiers.is_empty() {
                let since = self.away.get(&edge).copied().unwrap_or(look.now);
                away.insert(edge.clone(), since);
            }
            let wait = if self.is_last { SignedDuration::ZERO } else { AWAY };
            let late = away.get(&edge).is_some_and(|since| look.now.duration_since(*since) >= wait);
            if self.graced(look, &edge.from, target) {
                continue;
            }
            if late {
                drafts.extend(tiers.into_iter().map(|(tier, why)| missing(&edge, why, tier)));
            }
            let answer = look.probed.and_then(|probed| probed.edges.get(&edge));
            if let Some(why) = answer.and_then(|answer| closed(*answer)) {
                drafts.push(missing(&edge, why, Tier::Active));
            }
        }
        self.away = away;
    }

    /// Who says that the target cannot serve, and why.
    fn absent(&self, look: &Look<'_>, edge: &Edge, target: &ServiceKey) -> Vec<(Tier, &'static str)> {
        let mut running = containers(look.snapshot, target).filter(|entry| entry.container.has_processes());
        if running.next().is_none() {
            let said = [Some(Tier::Static), look.observed.map(|_| Tier::Passive)];
            return said.into_iter().flatten().map(|tier| (tier, "no container of it runs")).collect();
        }
        let Some(observed) = look.observed.filter(|observed| observed.seen.contains(target)) else { return Vec::new() };
        let listens = observed.listeners.get(target).is_some_and(|ports| ports.contains(&(edge.protocol, edge.port)));
        if listens { Vec::new() } else { vec![(Tier::Passive, "it does not listen there")] }
    }

    fn graced(&self, look: &Look<'_>, from: &ServiceKey, target: &ServiceKey) -> bool {
        let ends = containers(look.snapshot, from).chain(containers(look.snapshot, target));
        let changes = ends.filter(|entry| entry.container.has_processes()).flat_map(|entry| {
            let connected = self.networks.get(&entry.container.id).and_then(|(_, changed)| *changed);
            [entry.container.started_at, connected]
        });
        changes.flatten().any(|changed| {
            let age = look.now.duration_since(changed);
            // A start in the future is a clock that was set: no reason to be silent for good.
            !age.is_negative() && age < GRACE
        })
    }

    /// When something that is being waited for has to be looked at again although nothing happens; `None` while there is none.
    pub(super) fn wakes(&self) -> Option<Duration> {
        (!self.away.is_empty()).then(|| AWAY.unsigned_abs())
    }
}

fn containers<'a>(snapshot: &'a Snapshot, key: &'a ServiceKey) -> impl Iterator<Item = &'a Entry> {
    // Sorted by key, see `Snapshot`.
    let from = snapshot.containers.partition_point(|entry| entry.container.identity.key < *key);
    let rest = snapshot.containers.get(from..).unwrap_or_default().iter();
    let same = rest.take_while(move |entry| entry.container.identity.key == *key);
    same.map(|entry| &**entry).filter(|entry| !entry.container.identity.one_off)
}

fn missing(edge: &Edge, why: &str, tier: Tier) -> Draft {
    let subject = seen::subject(edge);
    let message = format!("the flow to {subject} must work and cannot: {why}");
    seen::draft(Class::MissingFlow, edge, subject, message, tier)
}

const fn closed(answer: Answer) -> Option<&'static str> {
    match answer {
        Answer::Open | Answer::Unknown => None,
        Answer::Refused => Some("it refuses connections"),
        Answer::Dropped => Some("nothing comes back"),
        Answer::NoRoute => Some("there is no way to it"),
    }
}
