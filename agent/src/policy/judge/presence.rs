//! Is everybody there, is everybody known, has everybody a tier?

use std::collections::BTreeMap;

use super::{Class, Court, Subject};
use crate::{
    model::{ContainerState, ServiceKey},
    policy::Unit,
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

fn replicas(court: &mut Court<'_>, subject: &Subject<'_>, expected: Option<u64>) {
    if !court.looks(Class::Replicas) {
        return;
    }
    let runs = |state| matches!(state, ContainerState::Running | ContainerState::Paused);
    let running = subject.members.iter().filter(|entry| runs(entry.container.state)).count();
    let least = expected.unwrap_or(0) as f64;
    let wanted = subject.rules.replicas.unwrap_or(crate::policy::Amount { least: Some(least), most: None });
    if !wanted.admits(running as f64) {
        let message = format!("{running} of it run, {} should", wanted.show(Unit::Count));
        court.finds(Class::Replicas, Some(subject.key), "", message);
    }
}

/// Services of the policy that have no container at all.
pub(super) fn missing(court: &mut Court<'_>, expected: &BTreeMap<ServiceKey, u64>) {
    // Before the first list of containers nobody is missing.
    if court.scene.snapshot.engine.ready_since.is_none() {
        return;
    }
    for key in expected.keys() {
        if !court.looks(Class::ServiceMissing) {
            return;
        }
        let there = court.scene.snapshot.containers.iter().any(|entry| entry.container.identity.key == *key);
        if !there {
            let message = "the policy names it, and it has no container".to_owned();
            court.finds(Class::ServiceMissing, Some(key), "", message);
        }
    }
}

/// A label's value, harmless in a message.
fn shortened(text: &str) -> String {
    text.chars().take(40).collect()
}
