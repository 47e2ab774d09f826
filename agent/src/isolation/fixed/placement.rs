//! Who is on which network.

use std::sync::Arc;

use super::{Court, Member};
use crate::{
    model::{Attachment, Network, NetworkMode, ServiceKey},
    policy::{Class, Flow},
};

/// A service is on the networks the policy gives it, and on no others.
pub(super) fn judge(court: &mut Court<'_>, member: &Member<'_>) {
    let Some(wanted) = &member.wanted.networks else { return };
    let container = &member.entry.container;
    // On the networks of another container, or on the host's, it has none of its own: that is a matter of namespaces.
    if !matches!(container.network_mode, NetworkMode::Own(_) | NetworkMode::None) {
        return;
    }
    court.looks(&member.key.project);
    for on in &container.networks {
        let short = called(court, member.key, on);
        if !wanted.iter().any(|name| is_meant(name, &short, on)) {
            let message = format!("is on network {short}, which the policy does not give it");
            court.finds(Class::Placement, member.key, &short, message);
        }
    }
    for name in wanted {
        let is_on = container.networks.iter().any(|on| is_meant(name, &called(court, member.key, on), on));
        if !is_on {
            let message = format!("is not on network {name}, which the policy gives it");
            court.finds(Class::Placement, member.key, name, message);
        }
    }
}

/// What the compose file of the container's project calls the network.
fn called(court: &Court<'_>, key: &ServiceKey, on: &Attachment) -> Arc<str> {
    match court.map.network(on) {
        Some(network) => network.short_name(&key.project).into(),
        None => {
            let network = Network { name: Arc::clone(&on.network), ..Network::default() };
            network.short_name(&key.project).into()
        }
    }
}

fn is_meant(name: &str, short: &str, on: &Attachment) -> bool {
    *name == *short || *name == *on.network
}

/// On a network of a project is nobody else: a neighbour reaches every port.
pub(super) fn strangers(court: &mut Court<'_>) {
    let snapshot = court.snapshot;
    for entry in snapshot.containers.iter().filter(|entry| entry.container.has_processes()) {
        let key = &entry.container.identity.key;
        for on in &entry.container.networks {
            let Some(network) = court.map.network(on) else { continue };
            let Some(owner) = court.owners.get(&*network.id).copied().filter(|owner| **owner != key.project) else {
                continue;
            };
            court.looks(owner);
            if !is_invited(court, owner, key, network) {
                let short = network.short_name(owner);
                let message = format!("is on network {short} of project {owner}, and is not of it");
                court.finds(Class::Placement, key, short, message);
            }
        }
    }
}

/// The agent, whom the policy of its own project puts there, and who has a flow with the owner's project.
fn is_invited(court: &Court<'_>, owner: &str, key: &ServiceKey, network: &Network) -> bool {
    let own = court.intent.service(key).and_then(|service| service.networks.as_ref());
    let is_flow = |said_by: &str, other: &str, flow: &Flow| {
        let ends = [(&flow.source_project, &flow.source), (&flow.target_project, &flow.target)];
        let mine = |(project, name): &(&Option<Arc<str>>, &crate::model::Glob)| {
            *key.project == *project.as_deref().unwrap_or(said_by) && name.matches(&key.service)
        };
        ends.iter().any(mine) && ends.iter().any(|(project, _)| project.as_deref().unwrap_or(said_by) == other)
    };
    let flows = |project: &str| {
        let project = court.intent.projects.get(project);
        project.into_iter().flat_map(|project| project.flows.iter().flatten()).flat_map(|(_, flows)| flows)
    };
    court.intent.agent.as_ref() == Some(key)
        || own.is_some_and(|own| own.iter().any(|name| **name == *network.name))
        || flows(owner).any(|flow| is_flow(owner, owner, flow))
        || flows(&key.project).any(|flow| is_flow(&key.project, owner, flow))
}
