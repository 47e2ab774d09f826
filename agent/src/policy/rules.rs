//! The policy itself: plain values, valid by construction. `config::policy` makes it from a file; without one it is
//! [`Policy::default`], which asks for what every host should have and names nobody.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use super::{
    Amount, Class, EgressTarget, Exception, Flow, NetworkRule, Publish, Severity, Sharing,
    objectives::Spec,
    probe::{Elsewhere, Probe},
};
use crate::model::{Glob, ServiceKey};

/// Everything the file says.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Policy {
    /// Tiers, in the order of the file.
    pub tiers: Vec<Arc<Tier>>,
    /// Projects, in the order of the file.
    pub projects: Vec<Arc<Project>>,
    /// Objectives that are about no service of the policy.
    pub objectives: Vec<Spec>,
    /// Which checks are made, and how.
    pub checks: Checks,
    /// What is known to be otherwise, and by whose leave.
    pub exceptions: Vec<Arc<Exception>>,
    /// Targets elsewhere that are probed, in the order of the file.
    pub probes: Vec<Arc<Elsewhere>>,
    /// Profiles named by flag, environment or configuration: in force in every project that has them.
    pub profiles: Vec<Arc<str>>,
    /// First eight bytes of the SHA-256 of a policy file, as hexadecimal digits; `None` without a file of its own.
    pub digest: Option<Arc<str>>,
}

/// One tier: how much its services matter, and what they must have.
#[derive(Clone, Debug, PartialEq)]
pub struct Tier {
    /// Name; the label `tier`.
    pub name: Arc<str>,
    /// Severity of alerts about its services.
    pub severity: Severity,
    /// What each service must have.
    pub limits: Limits,
    /// What each service aims at, unless it says otherwise.
    pub objectives: Vec<Spec>,
}

/// What a service must have; `None` is not asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Limits {
    /// Memory in bytes.
    pub memory: Option<Amount>,
    /// Processor cores.
    pub cpus: Option<Amount>,
    /// Processes and threads.
    pub pids: Option<Amount>,
    /// Memory in bytes kept for it under pressure.
    pub memory_reservation: Option<Amount>,
}

impl Limits {
    /// What is asked of a service whose tier says nothing: memory and CPU must have some limit.
    pub const USUAL: Self =
        Self { memory: Some(Amount::ANY), cpus: Some(Amount::ANY), pids: None, memory_reservation: None };

    /// What is asked here, and where nothing is, what `others` ask.
    pub fn or(self, others: Self) -> Self {
        Self {
            memory: self.memory.or(others.memory),
            cpus: self.cpus.or(others.cpus),
            pids: self.pids.or(others.pids),
            memory_reservation: self.memory_reservation.or(others.memory_reservation),
        }
    }
}

/// One project (`com.docker.compose.project`, or the Swarm stack).
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Project {
    /// Its name.
    pub name: Arc<str>,
    /// Hosts it belongs on; empty is every host that has this policy.
    pub hosts: Vec<Glob>,
    /// What holds whatever the profile.
    pub base: Layer,
    /// What comes on top of it, in the order of the file.
    pub profiles: Vec<Profile>,
    /// Objectives of the project as a whole.
    pub objectives: Vec<Spec>,
}

/// What a project or a profile says.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Layer {
    /// Its services, in the order of the file.
    pub services: Vec<ServiceRule>,
    /// Its networks.
    pub networks: BTreeMap<Arc<str>, NetworkRule>,
    /// Who may talk to whom; `None` says nothing of it, an empty list that nobody may talk to anybody.
    pub flows: Option<Vec<Flow>>,
    /// Ports of the host that its containers may use through a gateway; `None` says nothing of it, which is none where the project has a
    /// say at all.
    pub host_reach: Option<Vec<Publish>>,
}

impl Layer {
    /// Whether it says anything of who reaches whom: then the project is looked at by isolation.
    pub fn speaks_of_isolation(&self) -> bool {
        let of_service = |rule: &ServiceRule| rule.networks.is_some() || rule.egress.is_some();
        !self.networks.is_empty()
            || self.flows.is_some()
            || self.host_reach.is_some()
            || self.services.iter().any(of_service)
    }
}

/// A named overlay of a project.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Profile {
    /// Its name.
    pub name: Arc<str>,
    /// Compose files that put it in force: names without folder, any of which is among `com.docker.compose.project.config_files`.
    pub files: Vec<Arc<str>>,
    /// What it says.
    pub layer: Layer,
}

/// What is said of the services that a name or a pattern matches. What is `None` the next rule may say.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ServiceRule {
    /// Name, or pattern with `*`.
    pub name: Arc<str>,
    /// Its tier.
    pub tier: Option<Arc<str>>,
    /// How many are to run.
    pub replicas: Option<Amount>,
    /// What it must have, before what the tier says.
    pub limits: Limits,
    /// Ports it may and must publish.
    pub publish: Option<Vec<Publish>>,
    /// Networks it belongs on.
    pub networks: Option<Vec<Arc<str>>>,
    /// What it may reach outside; an empty list is nothing, and then no way out may be open to it.
    pub egress: Option<Vec<EgressTarget>>,
    /// Namespaces that it may share with others.
    pub namespace: Sharing,
    /// It is meant to stand on several networks with forwarding on.
    pub multihomed: Option<bool>,
    /// It ends by itself: neither a restart policy nor a health check is asked for.
    pub job: Option<bool>,
    /// It need not be there.
    pub optional: Option<bool>,
    /// What it aims at.
    pub objectives: Vec<Spec>,
    /// What its containers are asked, by name; `None` is not asked, whatever a label says.
    pub probes: BTreeMap<Arc<str>, Option<Arc<Probe>>>,
}

impl ServiceRule {
    /// Whether it names one service rather than a pattern.
    pub fn is_exact(&self) -> bool {
        !self.name.contains('*')
    }

    /// Whether it is about this service.
    pub fn matches(&self, service: &str) -> bool {
        *self.name == *service || (!self.is_exact() && Glob::matches_pattern(&self.name, service))
    }
}

/// Which checks are made, and how.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Checks {
    /// Not made at all.
    pub off: Vec<Class>,
    /// Severities other than the class's own.
    pub severity: BTreeMap<Class, Severity>,
    /// How far limits may exceed the host.
    pub overcommit: Overcommit,
    /// What an image must be named by.
    pub image_pin: ImagePin,
    /// Age from which a secret file is to be replaced; `None` is not asked for.
    pub secrets_max_age: Option<Duration>,
}

impl Checks {
    /// The severity of a class here; `None` when it is not checked.
    pub fn severity(&self, class: Class) -> Option<Severity> {
        let on = !self.off.contains(&class);
        on.then(|| self.severity.get(&class).copied().unwrap_or(class.severity()))
    }
}

/// How many times the host the limits of all running containers together may be.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Overcommit {
    /// Of its memory.
    pub memory: f64,
    /// Of its processors: sharing these makes slow, not dead.
    pub cpus: f64,
}

impl Default for Overcommit {
    fn default() -> Self {
        Self { memory: 1.0, cpus: 4.0 }
    }
}

/// What an image must be named by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ImagePin {
    /// A tag other than `latest`, or a digest.
    #[default]
    Tag,
    /// A digest.
    Digest,
}

impl Policy {
    /// The tier of that name.
    pub fn tier(&self, name: &str) -> Option<&Arc<Tier>> {
        self.tiers.iter().find(|tier| *tier.name == *name)
    }

    /// What is said of a project.
    pub fn project(&self, name: &str) -> Option<&Arc<Project>> {
        self.projects.iter().find(|project| *project.name == *name)
    }

    /// Whether nothing is said of any tier or project: there is no file, or one without either.
    pub fn names_nobody(&self) -> bool {
        self.tiers.is_empty() && self.projects.is_empty()
    }

    /// Classes that are looked for.
    pub fn enabled(&self, class: Class) -> bool {
        self.checks.severity(class).is_some()
    }

    /// Whether a project belongs on this host.
    pub fn is_here(project: &Project, host: &str) -> bool {
        project.hosts.is_empty() || project.hosts.iter().any(|glob| glob.matches(host))
    }

    /// Key of a service of a project.
    pub fn key(project: &Project, service: &Arc<str>) -> ServiceKey {
        ServiceKey { project: Arc::clone(&project.name), service: Arc::clone(service) }
    }
}
