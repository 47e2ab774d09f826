//! What the policy says of one service, once profiles and patterns are laid on top of each other.

use std::{collections::BTreeMap, sync::Arc};

use super::{Amount, Limits, Policy, Project, Publish, Tier, rules::Layer, rules::ServiceRule};
use crate::{
    inventory::Entry,
    model::{Labels, ServiceKey},
};

/// The label by which a container asks for a tier. The file wins.
pub(super) const TIER_LABEL: &str = "spyhop.tier";
/// Where Compose says which files a project was started from.
const FILES_LABEL: &str = "com.docker.compose.project.config_files";

/// All that is said of one service.
#[derive(Clone, Debug, Default)]
pub struct Resolved {
    /// Its project is in the policy.
    pub project: bool,
    /// A rule of the project matches it.
    pub listed: bool,
    /// Its tier.
    pub tier: Option<Arc<Tier>>,
    /// What it must have.
    pub limits: Limits,
    /// How many are to run; `None` is not said.
    pub replicas: Option<Amount>,
    /// Ports it may and must publish; `None` is not said, which is none in a project of the policy.
    pub publish: Option<Vec<Publish>>,
    /// It ends by itself.
    pub job: bool,
}

/// Profiles in force in each project: those asked for, and those whose compose files a container was started from.
pub(super) fn profiles(policy: &Policy, containers: &[Arc<Entry>]) -> BTreeMap<Arc<str>, Vec<Arc<str>>> {
    let mut all = BTreeMap::new();
    for project in &policy.projects {
        let mut files: Vec<&str> = Vec::new();
        for entry in containers.iter().filter(|entry| entry.container.identity.key.project == project.name) {
            let paths = entry.container.labels.get(FILES_LABEL).unwrap_or_default().split(',');
            files.extend(paths.filter_map(|path| path.trim().rsplit('/').next()).filter(|name| !name.is_empty()));
        }
        files.sort_unstable();
        files.dedup();
        let in_force = project.profiles.iter().filter(|profile| {
            policy.profiles.contains(&profile.name)
                || profile.files.iter().any(|file| files.binary_search(&&**file).is_ok())
        });
        let names: Vec<_> = in_force.map(|profile| Arc::clone(&profile.name)).collect();
        if !names.is_empty() {
            all.insert(Arc::clone(&project.name), names);
        }
    }
    all
}

/// The layers of a project, the one that wins first: profiles in force, the last of the file before the others, then the base.
fn layers<'a>(project: &'a Project, in_force: &[Arc<str>]) -> impl Iterator<Item = &'a Layer> + Clone {
    let names: Vec<Arc<str>> = in_force.to_vec();
    let profiles = project.profiles.iter().rev().filter(move |profile| names.contains(&profile.name));
    profiles.map(|profile| &profile.layer).chain([&project.base])
}

/// The rules about a service, the one that wins first: in each layer its own name before patterns.
fn rules<'a>(project: &'a Project, in_force: &[Arc<str>], service: &str) -> Vec<&'a ServiceRule> {
    let mut rules = Vec::new();
    for layer in layers(project, in_force) {
        let matching = layer.services.iter().filter(|rule| rule.matches(service));
        let (exact, patterns): (Vec<_>, Vec<_>) = matching.partition(|rule| rule.is_exact());
        rules.extend(exact);
        rules.extend(patterns);
    }
    rules
}

/// What is said of a service; `labels` are those of one of its containers.
pub(super) fn service(policy: &Policy, in_force: &[Arc<str>], key: &ServiceKey, labels: Option<&Labels>) -> Resolved {
    let project = policy.project(&key.project);
    let rules = project.map(|project| rules(project, in_force, &key.service)).unwrap_or_default();
    let named = rules.iter().find_map(|rule| rule.tier.as_deref());
    let asked = || labels.and_then(|labels| labels.get(TIER_LABEL));
    let tier = named.or_else(asked).and_then(|name| policy.tier(name)).cloned();
    let own = rules.iter().fold(Limits::default(), |limits, rule| limits.or(rule.limits));
    let of_tier = tier.as_ref().map_or(Limits::USUAL, |tier| tier.limits);
    Resolved {
        project: project.is_some(),
        listed: !rules.is_empty(),
        limits: own.or(of_tier),
        tier,
        replicas: rules.iter().find_map(|rule| rule.replicas),
        publish: rules.iter().find_map(|rule| rule.publish.clone()),
        job: rules.iter().find_map(|rule| rule.job).unwrap_or_default(),
    }
}

/// Services that must be there on this host, with how many are to run at least.
pub(super) fn expected(
    policy: &Policy,
    in_force: &BTreeMap<Arc<str>, Vec<Arc<str>>>,
    host: &str,
) -> BTreeMap<ServiceKey, u64> {
    let mut expected = BTreeMap::new();
    for project in policy.projects.iter().filter(|project| Policy::is_here(project, host)) {
        let names = in_force.get(&project.name).map(Vec::as_slice).unwrap_or_default();
        for rule in layers(project, names).flat_map(|layer| &layer.services).filter(|rule| rule.is_exact()) {
            let key = Policy::key(project, &rule.name);
            let rules = rules_of(project, names, &key);
            let is = |flag: fn(&ServiceRule) -> Option<bool>| rules.iter().find_map(|rule| flag(rule)).unwrap_or(false);
            let least = rules.iter().find_map(|rule| rule.replicas).and_then(|replicas| replicas.least).unwrap_or(1.0);
            if !is(|rule| rule.optional) && !is(|rule| rule.job) && least >= 1.0 {
                expected.insert(key, least as u64);
            }
        }
    }
    expected
}

fn rules_of<'a>(project: &'a Project, in_force: &[Arc<str>], key: &ServiceKey) -> Vec<&'a ServiceRule> {
    rules(project, in_force, &key.service)
}
