//! What the policy says of one service, once profiles and patterns are laid on top of each other.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use super::{
    Amount, EgressTarget, Limits, Policy, Project, Publish, Sharing, Tier, probe::Probe, rules::Layer,
    rules::ServiceRule,
};
use crate::{
    inventory::Entry,
    model::{ContainerFilter, Labels, ServiceKey},
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

/// Profiles in force in each project: those asked for, and those of whose compose files its newest container was started from.
///
/// The newest that runs, or of those that do not: Compose leaves the label of a container alone that it does not make anew, and what
/// was left over from another way of starting says nothing of this one.
pub(super) fn profiles(policy: &Policy, containers: &[Arc<Entry>]) -> BTreeMap<Arc<str>, Vec<Arc<str>>> {
    let mut newest: HashMap<&str, &Entry> = HashMap::new();
    let age = |entry: &Entry| (entry.container.has_processes(), entry.container.created);
    for entry in containers.iter().filter(|entry| !entry.container.identity.one_off) {
        let known = newest.entry(&entry.container.identity.key.project).or_insert(entry);
        if age(entry) > age(known) {
            *known = entry;
        }
    }
    let mut all = BTreeMap::new();
    for project in policy.projects.iter().filter(|project| !project.profiles.is_empty()) {
        let label = newest.get(&*project.name).and_then(|entry| entry.container.labels.get(FILES_LABEL));
        let files: Vec<&str> =
            label.unwrap_or_default().split(',').filter_map(|path| path.trim().rsplit('/').next()).collect();
        let in_force = project.profiles.iter().filter(|profile| {
            policy.profiles.contains(&profile.name) || profile.files.iter().any(|file| files.contains(&&**file))
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

/// The rules of one project, found by name.
#[derive(Debug)]
pub(super) struct Rulebook<'a> {
    /// Of each layer, the one that wins first: rules by their own name, and patterns in the order of the file.
    layers: Vec<(HashMap<&'a str, &'a ServiceRule>, Vec<&'a ServiceRule>)>,
}

impl<'a> Rulebook<'a> {
    pub(super) fn of(project: &'a Project, in_force: &[Arc<str>]) -> Self {
        let split = |layer: &'a Layer| {
            let (exact, patterns): (Vec<_>, Vec<_>) = layer.services.iter().partition(|rule| rule.is_exact());
            (exact.into_iter().map(|rule| (&*rule.name, rule)).collect(), patterns)
        };
        Self { layers: layers(project, in_force).map(split).collect() }
    }

    /// The rules about a service, the one that wins first: in each layer its own name before patterns.
    fn about(&self, service: &str) -> Vec<&'a ServiceRule> {
        let of_layer = self.layers.iter().flat_map(|(exact, patterns)| {
            exact.get(service).into_iter().chain(patterns.iter().filter(|rule| rule.matches(service)))
        });
        of_layer.copied().collect()
    }

    /// Rules of single services, of every layer.
    fn names(&self) -> impl Iterator<Item = &'a ServiceRule> {
        self.layers.iter().flat_map(|(exact, _)| exact.values().copied())
    }
}

/// What is said of a service; `labels` are those of one of its containers.
///
/// A tier that a label asks for cannot ask for less than is usual: labels are not to be trusted.
pub(super) fn service(
    policy: &Policy,
    book: Option<&Rulebook<'_>>,
    key: &ServiceKey,
    labels: Option<&Labels>,
) -> Resolved {
    let rules = book.map(|book| book.about(&key.service)).unwrap_or_default();
    let named = rules.iter().find_map(|rule| rule.tier.as_deref()).and_then(|name| policy.tier(name));
    let asked = labels.and_then(|labels| labels.get(TIER_LABEL)).and_then(|name| policy.tier(name));
    let of_tier = match (named, asked) {
        (Some(tier), _) => tier.limits,
        (None, Some(tier)) => tier.limits.or(Limits::USUAL),
        (None, None) => Limits::USUAL,
    };
    let own = rules.iter().fold(Limits::default(), |limits, rule| limits.or(rule.limits));
    Resolved {
        project: book.is_some(),
        listed: !rules.is_empty(),
        limits: own.or(of_tier),
        tier: named.or(asked).cloned(),
        replicas: rules.iter().find_map(|rule| rule.replicas),
        publish: rules.iter().find_map(|rule| rule.publish.clone()),
        job: rules.iter().find_map(|rule| rule.job).unwrap_or_default(),
    }
}

/// What is said of where a service stands, once rules are laid on top of each other.
#[derive(Clone, Debug, Default)]
pub struct Placed<'p> {
    /// A rule matches it.
    pub listed: bool,
    /// Networks it belongs on; `None` is not said.
    pub networks: Option<&'p [Arc<str>]>,
    /// What it may reach outside; `None` is not said.
    pub egress: Option<&'p [EgressTarget]>,
    /// Ports it may publish.
    pub publish: &'p [Publish],
    /// Namespaces it may share.
    pub namespace: Sharing,
    /// It may forward between its networks.
    pub multihomed: bool,
}

/// What the file has the containers of each service asked, and says of where they stand.
#[derive(Debug)]
pub struct Asked<'p> {
    policy: &'p Policy,
    in_force: BTreeMap<Arc<str>, Vec<Arc<str>>>,
    books: HashMap<&'p str, Rulebook<'p>>,
}

impl<'p> Asked<'p> {
    /// With the profiles that are in force among these containers.
    pub fn new(policy: &'p Policy, containers: &[Arc<Entry>]) -> Self {
        let in_force = profiles(policy, containers);
        let book = |project: &'p Arc<Project>| {
            let in_force: &[Arc<str>] = in_force.get(&project.name).map(Vec::as_slice).unwrap_or_default();
            (&*project.name, Rulebook::of(project, in_force))
        };
        let books = policy.projects.iter().map(book).collect();
        Self { policy, in_force, books }
    }

    /// Probes of a service by name; `None` is not asked, whatever a label says.
    pub fn probes(&self, key: &ServiceKey) -> BTreeMap<&'p Arc<str>, Option<&'p Arc<Probe>>> {
        let rules = self.books.get(&*key.project).map(|book| book.about(&key.service)).unwrap_or_default();
        let mut probes = BTreeMap::new();
        // The rule that wins comes first.
        for (name, probe) in rules.into_iter().flat_map(|rule| &rule.probes) {
            probes.entry(name).or_insert(probe.as_ref());
        }
        probes
    }

    /// What is said of where a service stands and what it may reach.
    pub fn placed(&self, key: &ServiceKey) -> Placed<'p> {
        let rules = self.books.get(&*key.project).map(|book| book.about(&key.service)).unwrap_or_default();
        Placed {
            listed: !rules.is_empty(),
            networks: rules.iter().find_map(|rule| rule.networks.as_deref()),
            egress: rules.iter().find_map(|rule| rule.egress.as_deref()),
            publish: rules.iter().find_map(|rule| rule.publish.as_deref()).unwrap_or_default(),
            namespace: rules.iter().fold(Sharing::default(), |sharing, rule| sharing.or(&rule.namespace)),
            multihomed: rules.iter().find_map(|rule| rule.multihomed).unwrap_or_default(),
        }
    }

    /// Services that a project names without a pattern, in no order, some of them twice.
    pub fn named(&self, project: &str) -> impl Iterator<Item = &'p Arc<str>> {
        self.books.get(project).into_iter().flat_map(Rulebook::names).map(|rule| &rule.name)
    }

    /// The layers of a project that are in force, the one that wins first.
    pub fn layers(&self, project: &'p Project) -> impl Iterator<Item = &'p Layer> + Clone {
        let in_force = self.in_force.get(&project.name).map(Vec::as_slice).unwrap_or_default();
        layers(project, in_force)
    }

    /// The tier of a service, one of whose containers has these labels.
    pub fn tier(&self, key: &ServiceKey, labels: &Labels) -> Option<Arc<Tier>> {
        service(self.policy, self.books.get(&*key.project), key, Some(labels)).tier
    }
}

/// Services that must be there on this host, with how many are to run at least: each that is named and neither optional nor a job.
pub(super) fn expected(
    policy: &Policy,
    in_force: &BTreeMap<Arc<str>, Vec<Arc<str>>>,
    host: &str,
    filter: &ContainerFilter,
) -> BTreeMap<ServiceKey, u64> {
    let mut expected = BTreeMap::new();
    let here = |project: &&Arc<Project>| Policy::is_here(project, host) && filter.may_admit(&project.name);
    for project in policy.projects.iter().filter(here) {
        let book = Rulebook::of(project, in_force.get(&project.name).map(Vec::as_slice).unwrap_or_default());
        for rule in book.names() {
            let rules = book.about(&rule.name);
            let is = |flag: fn(&ServiceRule) -> Option<bool>| rules.iter().find_map(|rule| flag(rule)).unwrap_or(false);
            let replicas = rules.iter().find_map(|rule| rule.replicas).and_then(|replicas| replicas.least);
            let least = replicas.unwrap_or(1.0);
            if !is(|rule| rule.optional) && !is(|rule| rule.job) && least >= 1.0 {
                expected.insert(Policy::key(project, &rule.name), least as u64);
            }
        }
    }
    expected
}
