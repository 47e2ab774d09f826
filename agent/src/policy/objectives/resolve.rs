//! Specs -> objectives: whose each is, what the tier says, and what is wrong with it.

use std::{collections::BTreeMap, sync::Arc};

use super::{Notify, Objective, Sli, Spec, Unknown, Whose, check::check};
use crate::{
    model::InOrder as _,
    policy::{Layer, Policy, Project, ServiceRule, Severity, Tier},
};

/// Seconds between two probes of a service in a critical tier, and of any other, unless its interval is written: as `probes` does it.
const PACE_CRITICAL: u64 = 5;
const PACE: u64 = 15;

/// Something wrong with a spec.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Where it stands.
    pub origin: Arc<str>,
    /// What is wrong.
    pub what: String,
    /// What to write instead.
    pub hint: String,
}

/// All objectives of a policy, in the order of the file, and everything that is wrong with them.
pub fn resolve(policy: &Policy) -> (Vec<Objective>, Vec<Fault>) {
    resolve_with(policy, &|whose, name| interval(policy, whose, name))
}

/// The same, with somebody to say how often a probe is made, in seconds; `None` for one that nobody declared.
pub(super) fn resolve_with(
    policy: &Policy,
    probe: &dyn Fn(&Whose, &str) -> Option<u64>,
) -> (Vec<Objective>, Vec<Fault>) {
    let mut all = Vec::new();
    let nobody = |project: &str, spec: &Spec| match &spec.sli {
        // A target elsewhere: its name is its service.
        Some(Sli::Probe(name) | Sli::Latency(name)) => Whose::Service { project: "".into(), service: Arc::clone(name) },
        _ => Whose::Named { project: project.into(), service: Arc::clone(&spec.service) },
    };
    all.extend(policy.objectives.iter().filter_map(|spec| objective(spec, nobody(&spec.project, spec), None)));
    for project in &policy.projects {
        all.extend(project.objectives.iter().filter_map(|spec| objective(spec, nobody(&project.name, spec), None)));
        all.extend(of_services(policy, project));
    }
    let mut faults: Vec<Fault> = all.iter().flat_map(|objective| faults(objective, probe)).collect();
    faults.extend(clashes(&all));
    faults.dedup();
    (all, faults)
}

/// Layers of a project that hold for rendering: its base, and profiles that are asked for by name.
fn layers<'a>(policy: &'a Policy, project: &'a Project) -> impl Iterator<Item = &'a Layer> {
    let asked = project.profiles.iter().rev().filter(|profile| policy.profiles.contains(&profile.name));
    asked.map(|profile| &profile.layer).chain([&project.base])
}

fn of_services(policy: &Policy, project: &Project) -> Vec<Objective> {
    let rules: Vec<&ServiceRule> = layers(policy, project).flat_map(|layer| &layer.services).collect();
    let mut seen: BTreeMap<(&str, &str), ()> = BTreeMap::new();
    let mut all = Vec::new();
    for rule in &rules {
        // Of a profile's rule the base says what it leaves open.
        let tier = rules.iter().filter(|other| other.name == rule.name).find_map(|other| other.tier.as_deref());
        let tier = tier.and_then(|name| policy.tier(name));
        let is_job = rules.iter().filter(|other| other.name == rule.name).find_map(|other| other.job).unwrap_or(false);
        let of_tier = tier.into_iter().filter(|_| !is_job).flat_map(|tier| &tier.objectives);
        for spec in rule.objectives.iter().chain(of_tier) {
            // The first of a name counts: the rule's own before the tier's, a profile's before the base's.
            if seen.insert((&*rule.name, &*spec.name), ()).is_none() {
                all.extend(objective(spec, whose(project, rule, &spec.name, &rules), tier));
            }
        }
    }
    all
}

fn whose(project: &Project, rule: &ServiceRule, name: &str, rules: &[&ServiceRule]) -> Whose {
    let project = Arc::clone(&project.name);
    if rule.is_exact() {
        return Whose::Service { project, service: Arc::clone(&rule.name) };
    }
    let own = |other: &&&ServiceRule| {
        other.is_exact() && rule.matches(&other.name) && other.objectives.iter().any(|spec| *spec.name == *name)
    };
    let mut except: Vec<Arc<str>> = rules.iter().filter(own).map(|other| Arc::clone(&other.name)).collect();
    except.order();
    except.dedup();
    Whose::Pattern { project, pattern: Arc::clone(&rule.name), except }
}

/// `None` for one that only takes another away.
fn objective(spec: &Spec, whose: Whose, tier: Option<&Arc<Tier>>) -> Option<Objective> {
    let sli = spec.sli.clone()?;
    // Starts are rare: a page about the last hour would be about one of them.
    let pages = !matches!(sli, Sli::Start(_));
    let of_tier = tier.map_or(Severity::Critical, |tier| tier.severity);
    Some(Objective {
        slo: label(&whose, &spec.name),
        origin: Arc::clone(&spec.origin),
        whose,
        tier: tier.map(|tier| Arc::clone(&tier.name)),
        sli,
        target: spec.target,
        window: spec.window,
        unknown: spec.unknown,
        min_events: spec.min_events,
        page: notify(spec.page, pages.then_some(of_tier)),
        ticket: notify(spec.ticket, Some(of_tier.min(Severity::Warning))),
    })
}

fn notify(asked: Notify, otherwise: Option<Severity>) -> Option<Severity> {
    match asked {
        Notify::ByTier => otherwise,
        Notify::At(severity) => Some(severity),
        Notify::Off => None,
    }
}

/// `shop-api-availability`: small letters, digits, and dashes between them.
fn label(whose: &Whose, name: &str) -> Arc<str> {
    let parts = match whose {
        Whose::Service { project, service } | Whose::Named { project, service } => [project, service],
        Whose::Pattern { project, pattern, .. } => [project, pattern],
    };
    let mut label = String::new();
    for c in parts.into_iter().flat_map(|part| part.chars().chain(['-'])).chain(name.chars()) {
        match c.to_ascii_lowercase() {
            c if c.is_ascii_alphanumeric() => label.push(c),
            _ if label.is_empty() || label.ends_with('-') => {}
            _ => label.push('-'),
        }
    }
    label.trim_end_matches('-').into()
}

/// How often a probe of the policy is made, in seconds; the usual pace depends on the tier.
fn interval(policy: &Policy, whose: &Whose, name: &str) -> Option<u64> {
    let (project, service) = match whose {
        Whose::Service { project, service } | Whose::Named { project, service } => (project, service),
        Whose::Pattern { project, pattern, .. } => (project, pattern),
    };
    let (probe, tier) = if project.is_empty() {
        let target = policy.probes.iter().find(|target| target.name == *service)?;
        (&target.probe, target.tier.as_deref())
    } else {
        let project = policy.project(project)?;
        let rules = || layers(policy, project).flat_map(|layer| &layer.services).filter(|rule| rule.matches(service));
        let probe = rules().find_map(|rule| rule.probes.get(name))?.as_ref()?;
        (probe, rules().find_map(|rule| rule.tier.as_deref()))
    };
    let critical = tier.and_then(|tier| policy.tier(tier)).is_some_and(|tier| tier.severity == Severity::Critical);
    let usual = if critical { PACE_CRITICAL } else { PACE };
    Some(probe.interval.map_or(usual, |interval| interval.as_secs().max(1)))
}

fn faults(objective: &Objective, probe: &dyn Fn(&Whose, &str) -> Option<u64>) -> Vec<Fault> {
    let fault = |(what, hint): (String, String)| Fault { origin: Arc::clone(&objective.origin), what, hint };
    let interval = match &objective.sli {
        Sli::Probe(name) | Sli::Latency(name) => match probe(&objective.whose, name) {
            Some(interval) => Some(interval),
            None => {
                let hint = "declare it under `probes` of the service: one that only a label declares cannot carry an objective";
                return vec![fault((format!("there is no probe \"{name}\""), hint.to_owned()))];
            }
        },
        _ => None,
    };
    let mut faults: Vec<Fault> = check(objective, interval).into_iter().map(fault).collect();
    if objective.unknown == Unknown::Bad && !matches!(objective.sli, Sli::Availability(_)) {
        let what = "cannot count unknown time as bad: events that nobody saw have no number".to_owned();
        faults.push(fault((what, "write unknown: bad for availability alone".to_owned())));
    }
    faults
}

/// Two with the same label would be one to Prometheus.
fn clashes(all: &[Objective]) -> Vec<Fault> {
    let mut first: BTreeMap<&str, &Objective> = BTreeMap::new();
    let mut faults = Vec::new();
    for objective in all {
        match first.get(&*objective.slo) {
            Some(other) => faults.push(Fault {
                origin: Arc::clone(&objective.origin),
                what: format!("comes to the same name as {}: {}", other.origin, objective.slo),
                hint: "call one of them otherwise".to_owned(),
            }),
            None => {
                first.insert(&objective.slo, objective);
            }
        }
    }
    faults
}
