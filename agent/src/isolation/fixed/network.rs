//! Whether networks are as closed as the policy wants them.

use std::sync::Arc;

use super::{Court, whole};
use crate::{
    isolation::reach::{Family, gateway},
    model::{Gateway, Network},
    policy::{Class, GatewayMode, NetworkRule},
};

pub(super) fn judge(court: &mut Court<'_>) {
    let (intent, snapshot) = (court.intent, court.snapshot);
    for (project, wanted) in &intent.projects {
        for (name, rule) in &wanted.networks {
            let own = |network: &&Arc<Network>| {
                court.owners.get(&*network.id) == Some(&project) && *network.short_name(project) == **name
            };
            let mut found: Vec<&Network> = snapshot.networks.iter().filter(own).map(|network| &**network).collect();
            if found.is_empty() {
                // One that the project did not make, by its own name.
                found = snapshot
                    .networks
                    .iter()
                    .filter(|network| network.name == *name)
                    .map(|network| &**network)
                    .collect();
            }
            // A network that is not there is on nobody's way; who should be on it is told by placement.
            for network in found {
                one(court, project, name, rule, network);
            }
        }
    }
}

fn one(court: &mut Court<'_>, project: &Arc<str>, name: &Arc<str>, rule: &NetworkRule, network: &Network) {
    let mut faults = Vec::new();
    if rule.internal == Some(true) && network.internal == Some(false) {
        faults.push("is not internal".to_owned());
    }
    if rule.internal == Some(true) && network.internal.is_none() {
        court.gap(
            Class::InternalFlag,
            whole(project),
            format!("the engine does not say whether network {name} is internal"),
        );
    }
    if let Some(driver) = rule.driver.as_ref().filter(|driver| network.driver.as_ref() != Some(*driver)) {
        let found = network.driver.as_deref().unwrap_or("none that is told");
        faults.push(format!("has the driver {found} and not {driver}"));
    }
    if rule.ipv6 == Some(false) && network.ipv6 == Some(true) {
        faults.push("has IPv6".to_owned());
    }
    if rule.icc == Some(false) && network.options.icc != Some(false) {
        faults.push("lets its containers talk to each other (icc)".to_owned());
    } else if rule.icc == Some(false) && court.engine.firewall.bridge_v4_off {
        faults.push(
            "lets its containers talk to each other: packets on bridges are not filtered on this host".to_owned(),
        );
    }
    if network.is_bridge() {
        for family in Family::ALL {
            gateways(court, project, name, rule, network, family, &mut faults);
        }
    } else if rule.gateway == Some(GatewayMode::Isolated) {
        faults.push("is no bridge, and has no isolated gateway".to_owned());
    }
    court.looks(project);
    if !faults.is_empty() {
        court.finds(Class::InternalFlag, &whole(project), name, format!("network {name} {}", faults.join(", and ")));
    }
}

/// The mode in force against the one that is wanted; what is stricter is as good. Not said is translated, the engine's default.
fn gateways(
    court: &mut Court<'_>,
    project: &Arc<str>,
    name: &Arc<str>,
    rule: &NetworkRule,
    network: &Network,
    family: Family,
    faults: &mut Vec<String>,
) {
    let most = match rule.gateway {
        Some(GatewayMode::Any | GatewayMode::NatUnprotected) => return,
        Some(GatewayMode::Isolated) => Gateway::Isolated,
        Some(GatewayMode::Routed) => Gateway::Routed,
        Some(GatewayMode::Nat) | None => Gateway::Nat,
    };
    // Without IPv6 a bridge has an address of it all the same, on the link, unless it is isolated in both.
    if family == Family::V6 && most != Gateway::Isolated && network.ipv6 != Some(true) {
        return;
    }
    let Some(found) = gateway(&court.engine, network, family) else {
        let reason = format!("the gateway mode of network {name} is one that is not known here");
        court.gap(Class::InternalFlag, whole(project), reason);
        return;
    };
    if found > most {
        let (family, found) = (family.as_str(), found.as_str());
        let unable = match court.engine.since(28, 0) {
            _ if most != Gateway::Isolated => String::new(),
            _ if court.engine.podman => "; Podman has no isolated ones".to_owned(),
            Some(false) => format!("; {} has no isolated ones, 28.0 has", court.engine.name()),
            _ => String::new(),
        };
        faults.push(format!("has a gateway of mode {found} for {family} and not {}{unable}", most.as_str()));
    }
}
