//! Is everybody there, is everybody known, has everybody a tier?

use std::collections::{BTreeMap, BTreeSet};

use super::{Class, Court, Subject};
use crate::{
    inventory::Entry,
    model::{ContainerState, IntoTree as _, ServiceKey},
    policy::{Amount, Unit},
};

/// `wanted_tier` is what the label asks for, `expected` how many are to run at least.
pub(super) fn judge(court: &mut Court<'_>, subject: &Subject<'_>, wanted_tier: Option<&str>, expected: Option<u64>) {
    let Subject { key, rules, .. } = subject;
    if rules.project && court.looks(Class::UnlistedService) && !rules.listed {
        let message = format!("{} is in no rule of project {}", key.service, key.project);
        court.finds(Class::UnlistedService, Some(key), "", message);
    }
    if !court.policy.tiers.is_empty() && court.looks(Class::NoTier) && rules.tier.is_none() {
        let message = match wanted_tier {
            Some(name) => format!("asks for tier {:?}, which the policy does not have", shortened(name)),
            None => "no rule and no label gives it a tier".to_owned(),
        };
        court.finds(Class::NoTier, Some(key), "", message);
    }
    if rules.replicas.is_some() || expected.is_some() {
        replicas(court, subject, expected);
    }
}

/// What has done its work counts as if it ran.
fn replicas(court: &mut Court<'_>, subject: &Subject<'_>, expected: Option<u64>) {
    let counts = |entry: &&&Entry| {
        matches!(entry.container.state, ContainerState::Running | ContainerState::Paused) || entry.completed()
    };
    let there = subject.members.iter().filter(counts).count();
    let given = subject.rules.replicas.unwrap_or(Amount::ANY);
    let wanted = Amount { least: given.least.or(expected.map(|least| least as f64)), most: given.most };
    let shown = wanted.show(Unit::Count);
    let few = wanted.least.is_some_and(|least| (there as f64) < least);
    if court.looks(Class::ReplicasMissing) && few {
        court.finds(Class::ReplicasMissing, Some(subject.key), "", format!("{there} of it run, {shown} should"));
    }
    let many = wanted.most.is_some_and(|most| there as f64 > most);
    if wanted.most.is_some() && court.looks(Class::ReplicasExcess) && many {
        court.finds(Class::ReplicasExcess, Some(subject.key), "", format!("{there} of it run, {shown} should"));
    }
}

/// Services of the policy that have no container at all.
pub(super) fn missing(court: &mut Court<'_>, expected: &BTreeMap<ServiceKey, u64>) {
    let snapshot = court.scene.snapshot;
    // Before the first list of containers nobody is missing.
    if snapshot.engine.ready_since.is_none() {
        return;
    }
    let members = snapshot.containers.iter().filter(|entry| !entry.container.identity.one_off);
    let mut there: BTreeSet<&ServiceKey> = members.map(|entry| &entry.container.identity.key).into_set();
    there.extend(snapshot.undescribed.iter().filter_map(|(_, key)| key.as_ref()));
    let strangers = snapshot.undescribed.iter().any(|(_, key)| key.is_none());
    there.extend(snapshot.excluded.iter());
    for key in expected.keys() {
        if !court.looks(Class::ServiceMissing) {
            return;
        }
        if !there.contains(key) && strangers {
            let reason = "it may be one of the containers which the engine does not describe";
            court.could_not(Class::ServiceMissing, Some(key), reason);
        } else if !there.contains(key) {
            let message = "the policy names it, and it has no container".to_owned();
            court.finds(Class::ServiceMissing, Some(key), "", message);
        }
    }
}

/// A label's value, harmless in a message.
fn shortened(text: &str) -> String {
    text.chars().take(40).collect()
}
