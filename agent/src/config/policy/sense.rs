//! What can be read and cannot be meant: names which lead to nothing, and rules of which no engine can keep both.

use std::{collections::BTreeSet, sync::Arc};

use super::{
    super::report::{Position, Wrong, quoted},
    fields::Fields,
};
use crate::{
    model::IntoTree as _,
    policy::{GatewayMode, Layer, NetworkRule, Project, ServiceRule, With},
};

/// Within one project, its profiles among it.
pub(super) fn of_project(fields: &mut Fields<'_>, path: &str, at: Position, project: &Project) {
    let mut wrong = BTreeSet::new();
    names(project, &mut wrong);
    // Each profile on top of the base, alone: which of them are in force together is the host's business.
    for overlay in [None].into_iter().chain(project.profiles.iter().map(|profile| Some(&profile.layer))) {
        contradictions(project, overlay, &mut wrong);
    }
    for (what, hint) in wrong {
        fields.wrong(at, path, Wrong::new(what).hint(hint));
    }
}

/// What is wrong, and what to do about it; each once.
type Wrongs = BTreeSet<(String, &'static str)>;

/// Names of networks and of services in flows lead to something the project has, in itself or in a profile.
fn names(project: &Project, wrong: &mut Wrongs) {
    const HINT: &str = "add it, or correct the name";
    let layers: Vec<&Layer> = [&project.base].into_iter().chain(project.profiles.iter().map(|it| &it.layer)).collect();
    let networks: BTreeSet<&str> = layers.iter().flat_map(|layer| layer.networks.keys()).map(|name| &**name).into_set();
    let rules = || layers.iter().flat_map(|layer| &layer.services);
    // A project that describes no network says nothing about them.
    for name in rules().flat_map(|rule| rule.networks.iter().flatten()).filter(|_| !networks.is_empty()) {
        if !networks.contains(&**name) {
            wrong.insert((format!("a service is on network {}, which `networks` does not have", quoted(name)), HINT));
        }
    }
    for flow in layers.iter().flat_map(|layer| layer.flows.iter().flatten()) {
        let ends = [(&flow.source, &flow.source_project), (&flow.target, &flow.target_project)];
        // Those of other projects are looked for there.
        for (name, _) in
            ends.into_iter().filter(|(_, other)| other.as_deref().is_none_or(|other| *other == *project.name))
        {
            if !has_service(project, name.as_str()) {
                wrong.insert((
                    format!("a flow names {}, which is no service of the project", quoted(name.as_str())),
                    HINT,
                ));
            }
        }
    }
    for with in rules().flat_map(|rule| [&rule.namespace.network, &rule.namespace.pid, &rule.namespace.ipc]) {
        if let Some(With::Service(name)) = with
            && !has_service(project, name)
        {
            let what = format!("a service shares a namespace of {}, which is no service of the project", quoted(name));
            wrong.insert((what, HINT));
        }
    }
}

/// Whether a project speaks of a service of that name, or of one that a pattern may find.
fn has_service(project: &Project, name: &str) -> bool {
    let layers = [&project.base].into_iter().chain(project.profiles.iter().map(|it| &it.layer));
    let mut rules = layers.flat_map(|layer| &layer.services);
    name.contains('*') || rules.any(|rule| rule.matches(name) || *rule.name == *name)
}

/// Flows into projects which the policy describes lead to a service there.
pub(super) fn between_projects(fields: &mut Fields<'_>, projects: &[Arc<Project>], places: &[(String, Position)]) {
    for (project, (path, at)) in projects.iter().zip(places) {
        let layers = [&project.base].into_iter().chain(project.profiles.iter().map(|profile| &profile.layer));
        let mut wrong = BTreeSet::new();
        for flow in layers.flat_map(|layer| layer.flows.iter().flatten()) {
            let ends = [(&flow.source, &flow.source_project), (&flow.target, &flow.target_project)];
            for (name, other) in ends {
                let known = projects.iter().find(|known| other.as_deref() == Some(&*known.name));
                if let Some(known) = known.filter(|known| !has_service(known, name.as_str())) {
                    wrong.insert(format!("a flow names {}/{}, which is no service", known.name, name.as_str()));
                }
            }
        }
        for what in wrong {
            fields.wrong(*at, path, Wrong::new(what).hint("add it to that project, or correct the name"));
        }
    }
}

/// Rules of which no engine can keep both, with one profile on top of the base or without any.
fn contradictions(project: &Project, overlay: Option<&Layer>, wrong: &mut Wrongs) {
    let layers: Vec<&Layer> = overlay.into_iter().chain([&project.base]).collect();
    let network = |name: &str| {
        let rules = layers.iter().filter_map(|layer| layer.networks.get(name));
        rules.fold(NetworkRule::default(), |rule, other| rule.or(other))
    };
    for name in layers.iter().flat_map(|layer| layer.networks.keys()) {
        let rule = network(name);
        if rule.gateway == Some(GatewayMode::Isolated) && rule.internal != Some(true) {
            let what = format!("network {} has an isolated gateway and is not internal", quoted(name));
            wrong.insert((what, "an engine refuses that: write internal: true beside it"));
        }
    }
    // A pattern stands for whom it names; what a name says on top of it is seen with the name.
    for rule in layers.iter().flat_map(|layer| &layer.services) {
        let about: Vec<&ServiceRule> = layers
            .iter()
            .flat_map(|layer| {
                let exact = layer.services.iter().filter(|other| *other.name == *rule.name);
                exact
                    .chain(layer.services.iter().filter(|other| *other.name != *rule.name && other.matches(&rule.name)))
            })
            .collect();
        let networks = about.iter().find_map(|rule| rule.networks.as_deref()).unwrap_or_default();
        let publishes = about.iter().find_map(|rule| rule.publish.as_deref()).is_some_and(|ports| !ports.is_empty());
        let shares = about.iter().find_map(|rule| rule.namespace.network.as_ref()).filter(|with| **with != With::Own);
        let closed = |name: &Arc<str>| network(name).internal == Some(true);
        if publishes && !networks.is_empty() && networks.iter().all(closed) {
            let what = format!("{} publishes a port and is on internal networks alone", quoted(&rule.name));
            wrong.insert((
                what,
                "the engine publishes nothing there: take `publish` away, or give it a network with a way out",
            ));
        }
        if let Some(with) = shares.filter(|_| !networks.is_empty()) {
            let what = format!("{} has `namespace: {with}` and networks of its own", quoted(&rule.name));
            wrong.insert((what, "an engine gives it one of both: write networks: [], or take `namespace` away"));
        }
    }
}
