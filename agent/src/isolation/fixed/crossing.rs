//! What gets from one network to another, and out of the host.

use std::{
    collections::{BTreeMap, HashSet},
    sync::Arc,
};

use super::{Court, MAX_PAIRS, Member, subject_of, whole};
use crate::{
    isolation::{
        Draft, Edge, End, Tier,
        reach::{Engine, Family, Over, Place, Port, Reach, Standing, gateway, outside, ways},
    },
    model::{Gateway, Network, Protocol, ServiceKey},
    policy::Class,
};

/// Whom nothing may leave, and a network of his has a way out.
pub(super) fn egress(court: &mut Court<'_>, member: &Member<'_>) {
    if member.wanted.egress.as_ref().is_none_or(|targets| !targets.is_empty()) {
        return;
    }
    court.looks(&member.key.project);
    for (name, reach) in outside(&court.engine, &member.standing) {
        let network = member.standing.feet.iter().find(|foot| foot.name == name).and_then(|foot| foot.network);
        let short = network.map_or(name, |network| network.short_name(&member.key.project));
        match reach {
            Reach::Open(why) => {
                let message = format!("the policy lets nothing out of it, and network {short} does: {}", why.as_str());
                court.finds(Class::Egress, member.key, short, message);
            }
            Reach::Unknown(why) => court.gap(Class::Egress, member.key.clone(), format!("{short}: {}", why.as_str())),
            Reach::Closed(_) => {}
        }
    }
}

/// One of the containers of a service that stand alike.
struct Representative<'a> {
    key: &'a ServiceKey,
    standing: Standing<'a>,
    ports: Vec<Port>,
}

/// Who reaches a service over a network that he is not on, though no flow says so. Ports that are published are exposure.
pub(super) fn judge(court: &mut Court<'_>) {
    // Where every network keeps others out, as those of Docker do by default, nobody has to be asked.
    let open: HashSet<&str> = {
        let permeable = |network: &&Arc<Network>| may_be_crossed(&court.engine, network);
        court.snapshot.networks.iter().filter(permeable).map(|network| &*network.id).collect()
    };
    if open.is_empty() {
        return;
    }
    let all = representatives(court);
    let is_open = |target: &&Representative<'_>| {
        target.standing.feet.iter().any(|foot| foot.network.is_some_and(|network| open.contains(&*network.id)))
    };
    let mut pairs = 0;
    for target in all.iter().filter(is_open) {
        for source in all.iter().filter(|source| source.key != target.key) {
            pairs += 1;
            if pairs > MAX_PAIRS {
                court.judged.left_out += 1;
                return;
            }
            pair(court, source, target);
        }
    }
}

fn pair(court: &mut Court<'_>, source: &Representative<'_>, target: &Representative<'_>) {
    // With no port known any will do: the way is open, whoever listens.
    let none = [None];
    let some: Vec<Option<Port>> = target.ports.iter().map(|port| Some(*port)).collect();
    let ports = if some.is_empty() { none.as_slice() } else { &some };
    let mut looked = false;
    for port in ports {
        let any = port.unwrap_or(Port { number: 1, protocol: Protocol::Tcp });
        let to = End::Service(target.key.clone());
        let edge = Edge { from: source.key.clone(), to: to.clone(), port: any.number, protocol: any.protocol };
        if court.intent.allows(&edge) != Some(false) {
            continue;
        }
        looked = true;
        let ways = ways(&court.engine, &source.standing, &target.standing, any);
        // On a network that both are on Docker closes nothing: that is a count, not a hole.
        if ways.iter().any(|way| matches!(way.over, Over::Shared(_) | Over::Loopback) && way.reach.is_open()) {
            return;
        }
        let across = ways.iter().filter(|way| matches!(way.over, Over::Across(_)));
        match Reach::best(across.clone().map(|way| way.reach)) {
            Some(Reach::Open(why)) => {
                let subject = subject_of(source.key, target.key, *port);
                let message = format!("reaches {subject} over a network it is not on: {}", why.as_str());
                let port = port.map(|port| (port.number, port.protocol));
                let (class, service, tier) = (Class::UnexpectedReachability, source.key.clone(), Tier::Static);
                court.draft(Draft { class, service, to: Some(to), port, subject: subject.into(), message, tier });
            }
            Some(Reach::Unknown(why)) => {
                let reason =
                    format!("who reaches {} from other networks: {}", End::Service(target.key.clone()), why.as_str());
                court.gap(Class::UnexpectedReachability, whole(&source.key.project), reason);
            }
            _ => {}
        }
    }
    if looked {
        court.looks(&source.key.project);
    }
}

/// Containers on networks of their own, one of those that stand alike in each service: replicas do.
fn representatives<'a>(court: &Court<'a>) -> Vec<Representative<'a>> {
    let mut known: HashSet<(&ServiceKey, Vec<&str>)> = HashSet::new();
    let mut all = Vec::new();
    for entry in court.snapshot.containers.iter().filter(|entry| entry.container.has_processes()) {
        let (key, standing) = (&entry.container.identity.key, court.map.standing(entry));
        let networks: Vec<&str> = standing.feet.iter().map(|foot| foot.name).collect();
        if standing.place == Place::Own && known.insert((key, networks)) {
            let named = court.intent.service(key).into_iter().flat_map(|service| service.ports.iter().copied());
            let exposed = entry.container.confinement.exposed.iter().copied();
            let published = entry
                .container
                .ports
                .iter()
                .filter_map(|bound| Some((Protocol::from_word(&bound.protocol)?, bound.container_port)));
            let ports: BTreeMap<(Protocol, u16), Port> = named
                .chain(exposed)
                .chain(published)
                .map(|(protocol, number)| ((protocol, number), Port { number, protocol }))
                .collect();
            all.push(Representative { key, standing, ports: ports.into_values().collect() });
        }
    }
    all
}

/// Whether anybody may come into a network from another: by its mode, its driver, or for want of rules.
fn may_be_crossed(engine: &Engine, network: &Network) -> bool {
    let open = |family| {
        let mode = gateway(engine, network, family);
        !matches!(mode, Some(Gateway::Nat | Gateway::Isolated))
    };
    let unfiltered = network.ipv6 == Some(true) && engine.filters_ipv6() != Some(true);
    !network.is_bridge() || engine.podman || unfiltered || engine.firewall.raw_off || Family::ALL.into_iter().any(open)
}
