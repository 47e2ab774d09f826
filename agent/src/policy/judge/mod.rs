//! A policy and a picture in, a verdict out. Pure but for the times of secret files, which come through [`SecretFiles`].

mod host;
mod limits;
mod ports;
mod presence;
mod secrets;
mod shape;
#[cfg(test)]
pub(crate) mod tests;
mod variables;

use std::sync::Arc;

use jiff::Timestamp;

use super::{
    Class, Finding, NotChecked, Policy, Resolved, SecretFiles, Verdict, exceptions,
    resolve::{self, TIER_LABEL},
};
use crate::{
    inventory::{Entry, Snapshot},
    model::ServiceKey,
};

/// What is judged.
#[derive(Clone, Copy)]
pub struct Scene<'a> {
    /// Containers, services and the engine.
    pub snapshot: &'a Snapshot,
    /// When.
    pub now: Timestamp,
    /// Files of the host.
    pub files: &'a dyn SecretFiles,
}

impl std::fmt::Debug for Scene<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Scene").field("generation", &self.snapshot.generation).finish_non_exhaustive()
    }
}

/// Judges a picture.
pub fn judge(policy: &Policy, scene: &Scene<'_>) -> Verdict {
    let profiles = resolve::profiles(policy, &scene.snapshot.containers);
    let mut court = Court { policy, scene, verdict: Verdict { profiles, ..Verdict::default() } };
    let expected =
        resolve::expected(policy, &court.verdict.profiles, scene.snapshot.host.as_deref().unwrap_or_default());
    for group in scene.snapshot.containers.chunk_by(|a, b| a.container.identity.key == b.container.identity.key) {
        let members: Vec<_> =
            group.iter().filter(|entry| !entry.container.identity.one_off).map(|entry| &**entry).collect();
        let Some(first) = members.first() else { continue };
        let key = &first.container.identity.key;
        let in_force = court.verdict.profiles.get(&key.project).map(Vec::as_slice).unwrap_or_default();
        let rules = resolve::service(policy, in_force, key, Some(&first.container.labels));
        let wanted_tier = first.container.labels.get(TIER_LABEL);
        if let Some(tier) = &rules.tier {
            court.verdict.tiers.insert(key.clone(), Arc::clone(&tier.name));
        }
        let subject = Subject { key, members: &members, rules: &rules };
        presence::judge(&mut court, &subject, wanted_tier, expected.get(key).copied());
        limits::judge(&mut court, &subject);
        shape::judge(&mut court, &subject);
        ports::judge(&mut court, &subject);
        secrets::judge(&mut court, &subject);
    }
    presence::missing(&mut court, &expected);
    host::judge(&mut court);
    court.close()
}

/// One service before the court.
struct Subject<'a> {
    key: &'a ServiceKey,
    /// Its containers of every state, one-off ones left out; at least one.
    members: &'a [&'a Entry],
    rules: &'a Resolved,
}

/// Takes down what is found.
struct Court<'a> {
    policy: &'a Policy,
    scene: &'a Scene<'a>,
    verdict: Verdict,
}

impl Court<'_> {
    /// Whether a class is looked for; if so, counts the look.
    fn looks(&mut self, class: Class) -> bool {
        let enabled = self.policy.enabled(class);
        self.verdict.checked += u64::from(enabled);
        enabled
    }

    /// Takes a look back: it could not be made.
    fn could_not(&mut self, class: Class, service: Option<&ServiceKey>, reason: impl Into<String>) {
        self.verdict.checked = self.verdict.checked.saturating_sub(1);
        self.verdict.not_checked.push(NotChecked { class, service: service.cloned(), reason: reason.into() });
    }

    /// Takes down a finding, once.
    fn finds(&mut self, class: Class, service: Option<&ServiceKey>, subject: &str, message: String) {
        let Some(severity) = self.policy.checks.severity(class) else { return };
        // Services are judged one after the other: what is known of this one stands at the end.
        let mut known = self.verdict.findings.iter().rev().take_while(|known| known.service.as_ref() == service);
        if known.any(|known| known.key() == (class, service, subject)) {
            return;
        }
        let (service, subject) = (service.cloned(), subject.into());
        self.verdict.findings.push(Finding { class, severity, service, subject, message, since: None });
    }

    fn close(mut self) -> Verdict {
        exceptions::apply(self.policy, self.scene.now, &mut self.verdict);
        let order = |a: &Finding, b: &Finding| b.severity.cmp(&a.severity).then_with(|| a.key().cmp(&b.key()));
        self.verdict.findings.sort_by(order);
        self.verdict
    }
}
