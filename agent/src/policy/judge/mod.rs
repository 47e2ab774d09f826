//! A policy and a picture in, a verdict out. Pure but for the times of secret files, which come through [`SecretFiles`].

mod host;
mod limits;
mod ports;
mod presence;
mod secrets;
mod shape;
#[cfg(test)]
pub(crate) mod tests;

use std::{collections::HashMap, sync::Arc};

use jiff::Timestamp;

use super::{
    Class, Finding, NotChecked, Policy, Project, Resolved, SecretFiles, Verdict, exceptions,
    resolve::{self, Rulebook, TIER_LABEL},
};
use crate::{
    inventory::{Entry, Snapshot},
    model::{ContainerFilter, ServiceKey},
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
    /// Which containers can be in the picture at all.
    pub filter: &'a ContainerFilter,
}

impl std::fmt::Debug for Scene<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Scene").field("generation", &self.snapshot.generation).finish_non_exhaustive()
    }
}

/// Judges a picture.
pub fn judge(policy: &Arc<Policy>, scene: &Scene<'_>) -> Verdict {
    let Snapshot { containers, host, .. } = scene.snapshot;
    let profiles = resolve::profiles(policy, containers);
    let expected = resolve::expected(policy, &profiles, host.as_deref().unwrap_or_default(), scene.filter);
    let in_force = |project: &Project| profiles.get(&project.name).map(Vec::as_slice).unwrap_or_default();
    let books: HashMap<&str, Rulebook<'_>> =
        policy.projects.iter().map(|project| (&*project.name, Rulebook::of(project, in_force(project)))).collect();
    let verdict = Verdict { policy: Arc::clone(policy), profiles: profiles.clone(), ..Verdict::default() };
    let mut court = Court { policy, scene, verdict };
    court.unseen();
    for group in containers.chunk_by(|a, b| a.container.identity.key == b.container.identity.key) {
        let members: Vec<&Entry> =
            group.iter().map(|entry| &**entry).filter(|entry| !entry.container.identity.one_off).collect();
        let Some(first) = members.first() else { continue };
        let key = &first.container.identity.key;
        let rules = resolve::service(policy, books.get(&*key.project), key, Some(&first.container.labels));
        court.has_tier(key, &rules);
        let subject = Subject { key, members: &members, rules: &rules };
        presence::judge(&mut court, &subject, first.container.labels.get(TIER_LABEL), expected.get(key).copied());
        limits::judge(&mut court, &subject);
        shape::judge(&mut court, &subject);
        ports::judge(&mut court, &subject);
        secrets::judge(&mut court, &subject);
    }
    for key in expected.keys() {
        court.has_tier(key, &resolve::service(policy, books.get(&*key.project), key, None));
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
        let (class, service, reason) = (Some(class), service.cloned(), reason.into());
        self.verdict.not_checked.push(NotChecked { class, service, reason });
    }

    /// Containers which the engine has told of and not described: nothing is known of them.
    fn unseen(&mut self) {
        for (id, key) in &self.scene.snapshot.undescribed {
            let reason = format!("the engine does not describe container {}", id.short());
            self.verdict.not_checked.push(NotChecked { class: None, service: key.clone(), reason });
        }
    }

    fn has_tier(&mut self, key: &ServiceKey, rules: &Resolved) {
        if let Some(tier) = rules.tier.as_ref().filter(|_| !self.verdict.tiers.contains_key(key)) {
            self.verdict.tiers.insert(key.clone(), Arc::clone(&tier.name));
        }
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
        self.verdict.close();
        self.verdict
    }
}
