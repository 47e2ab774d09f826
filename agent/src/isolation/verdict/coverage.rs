//! How much of what there is was looked at: apart from what was found, because nothing found in what nobody saw says nothing.

use std::collections::{BTreeMap, BTreeSet};

use super::{Answer, Look, report::Coverage};
use crate::{
    isolation::Tier,
    model::{IntoTree as _, NetworkMode, ServiceKey},
};

/// Of one project, by tier. A tier that has not looked has none.
pub(super) fn of(look: &Look<'_>, project: &str) -> BTreeMap<Tier, Coverage> {
    let mut all = BTreeMap::new();
    all.insert(Tier::Static, fixed(look, project));
    if let Some(observed) = look.observed {
        let mut coverage = Coverage::default();
        for service in running(look, project) {
            match observed.unseen.get(service) {
                Some(why) if is_on_host(look, service) => coverage.cannot(service.service.to_string(), why.clone()),
                Some(why) => coverage.misses(service.service.to_string(), why.clone()),
                None if observed.seen.contains(service) => coverage.looks(),
                None => coverage.misses(service.service.to_string(), "it came after the last sweep"),
            }
        }
        all.insert(Tier::Passive, coverage);
    }
    if let Some(probed) = look.probed {
        let mut coverage = Coverage::default();
        for (edge, answer) in probed.edges.iter().filter(|(edge, _)| *edge.from.project == *project) {
            match answer {
                Answer::Unknown => coverage.cannot(edge.to_string(), "the answer, or its absence, says nothing"),
                _ => coverage.looks(),
            }
        }
        for (edge, why) in probed.untried.iter().filter(|(edge, _)| *edge.from.project == *project) {
            coverage.misses(edge.to_string(), why.clone());
        }
        all.insert(Tier::Active, coverage);
    }
    all
}

fn fixed(look: &Look<'_>, project: &str) -> Coverage {
    let looked = look.fixed.checked.get(project).copied().unwrap_or_default();
    let mut coverage = Coverage { looked, of: looked, missing: Vec::new() };
    for gap in &look.fixed.gaps {
        if let Some(service) = gap.service.as_ref().filter(|service| *service.project == *project) {
            let what = if service.service.is_empty() { project } else { &service.service };
            coverage.misses(what.to_owned(), gap.reason.clone());
        }
    }
    coverage
}

/// Whether all that runs of a service is on the host's network, where nobody can tell it from the host.
fn is_on_host(look: &Look<'_>, service: &ServiceKey) -> bool {
    let running = look.snapshot.containers.iter().filter(|entry| entry.container.has_processes());
    let mut own = running.filter(|entry| entry.container.identity.key == *service);
    own.all(|entry| entry.container.network_mode == NetworkMode::Host)
}

/// Services of a project of which a container runs.
fn running<'a>(look: &Look<'a>, project: &str) -> BTreeSet<&'a ServiceKey> {
    let running = look.snapshot.containers.iter().filter(|entry| entry.container.has_processes());
    running.map(|entry| &entry.container.identity.key).filter(|key| *key.project == *project).into_set()
}
