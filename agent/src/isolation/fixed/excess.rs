//! What neighbours on a network could ask each other and have no reason to.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::{Court, Judged, MAX_PAIRS, Member, subject_of};
use crate::{
    inventory::Snapshot,
    isolation::{
        Draft, Edge, End, Intent, Tier,
        reach::{Over, Port, ways},
    },
    model::{IntoTree as _, Protocol, ServiceKey},
    policy::Class,
};

/// Ports that are named in one message.
const SHOWN: usize = 8;

/// Ports of one service that are looked at: who listens on more listens on enough to be told of.
const MAX_PORTS: usize = 64;

/// Ports looked at over all pairs; what is above is counted. A few seconds of one processor in the worst case.
const MAX_LOOKS: usize = 500_000;

/// Services that share a network with one that listens, and have no flow to it: one finding for each two. `listeners` are ports on which
/// services listen for others, as the passive tier has seen them. Docker cannot close single ports within a network, so this is a count.
/// Pairs that were too many to look at are in `left_out`.
pub fn excess(
    intent: &Intent,
    snapshot: &Snapshot,
    listeners: &BTreeMap<ServiceKey, BTreeSet<(Protocol, u16)>>,
) -> Judged {
    let mut court = Court::new(intent, snapshot);
    let members = court.members();
    let mut neighbours: HashMap<&str, Vec<&Member<'_>>> = HashMap::new();
    for member in &members {
        for network in member.standing.feet.iter().filter_map(|foot| foot.network) {
            neighbours.entry(&network.id).or_default().push(member);
        }
    }
    let (mut pairs, mut looks) = (0, 0);
    for source in &members {
        let near = source.standing.feet.iter().filter_map(|foot| foot.network);
        let near = near.filter_map(|network| neighbours.get(&*network.id)).flatten();
        for target in near.filter(|target| target.key != source.key) {
            let ports = listeners.get(target.key);
            pairs += 1;
            looks += ports.map_or(0, |ports| ports.len().min(MAX_PORTS));
            if pairs > MAX_PAIRS || looks > MAX_LOOKS {
                court.judged.left_out += 1;
                continue;
            }
            let open: BTreeSet<(Protocol, u16)> = ports
                .into_iter()
                .flatten()
                .take(MAX_PORTS)
                .filter(|(protocol, port)| is_excess(&court, source, target, *port, *protocol))
                .copied()
                .into_set();
            if !open.is_empty() {
                court.draft(draft(source.key, target.key, &open));
            }
        }
    }
    court.judged
}

fn is_excess(court: &Court<'_>, source: &Member<'_>, target: &Member<'_>, number: u16, protocol: Protocol) -> bool {
    let edge = Edge { from: source.key.clone(), to: End::Service(target.key.clone()), port: number, protocol };
    let is_way = || {
        let ways = ways(&court.engine, &source.standing, &target.standing, Port { number, protocol });
        ways.iter().any(|way| matches!(way.over, Over::Shared(_)) && way.reach.is_open())
    };
    court.intent.allows(&edge) == Some(false) && is_way()
}

fn draft(from: &ServiceKey, to: &ServiceKey, open: &BTreeSet<(Protocol, u16)>) -> Draft {
    let shown: Vec<String> =
        open.iter().take(SHOWN).map(|(protocol, port)| format!("{port}/{}", protocol.as_str())).collect();
    let more = open.len().saturating_sub(SHOWN);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    let subject = subject_of(from, to, None);
    let message =
        format!("shares a network with {subject}, which listens on {}{more}, and has no flow to it", shown.join(", "));
    Draft {
        class: Class::ExcessReachability,
        service: from.clone(),
        to: Some(End::Service(to.clone())),
        port: None,
        subject: subject.into(),
        message,
        tier: Tier::Passive,
    }
}
