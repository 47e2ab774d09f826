//! What the sweep of sockets has against whom.

use std::{collections::BTreeMap, net::IpAddr};

use super::{Look, wanted::Wanted};
use crate::{
    isolation::{
        Draft, Edge, End, Tier,
        passive::{Observed, OneOf},
    },
    model::ServiceKey,
    policy::Class,
};

/// What is not allowed of the connections that were seen.
pub(super) fn flows(look: &Look<'_>, observed: &Observed, drafts: &mut Vec<Draft>) {
    for edge in observed.flows.keys() {
        if let Some((class, subject)) = against(look.wanted, observed, edge) {
            let mut message = match class {
                Class::Egress => format!("a connection to {} was seen; egress does not list it", subject),
                Class::HostReach => {
                    format!("a connection to port {subject} of the host was seen; host.reach does not list it")
                }
                _ => format!("a connection to {} was seen; no flow names it", whom(edge)),
            };
            message.extend(one_of(observed, edge));
            drafts.push(draft(class, edge, subject, message, Tier::Passive));
        }
    }
}

/// Whether an attempt is one at what is not allowed.
pub(super) fn is_denied(wanted: &dyn Wanted, observed: &Observed, edge: &Edge) -> bool {
    against(wanted, observed, edge).is_some()
}

/// Who may be meant by an end that stands for all in its namespace.
fn meant<'o>(observed: &'o Observed, service: &'o ServiceKey, is_one_of: bool) -> Vec<&'o ServiceKey> {
    let shared = observed.shared.get(service).filter(|_| is_one_of);
    shared.map_or_else(|| vec![service], |shared| shared.iter().collect())
}

/// The same in words, where somebody shares a namespace with an end and nothing tells which of them it is.
fn one_of(observed: &Observed, edge: &Edge) -> Option<String> {
    let OneOf { from, to } = *observed.one_of.get(edge)?;
    let names = |service: &ServiceKey| {
        let names = meant(observed, service, true).into_iter().map(|service| name(&edge.from, service));
        names.collect::<Vec<_>>().join(", ")
    };
    let begins = from.then(|| format!("; one of {} began it", names(&edge.from)));
    let target = match &edge.to {
        End::Service(target) if to => Some(format!("; one of {} was asked", names(target))),
        _ => None,
    };
    Some(begins.into_iter().chain(target).collect::<String>() + ", which share a network namespace")
}

/// What an edge breaks, and the subject; `None` where it is allowed, or nobody has a say. Where one of several is meant it is allowed as soon as
/// it would be of any of them.
fn against(wanted: &dyn Wanted, observed: &Observed, edge: &Edge) -> Option<(Class, String)> {
    let Some(one_of) = observed.one_of.get(edge) else { return of_one(wanted, edge) };
    let targets: Vec<End> = match &edge.to {
        End::Service(target) => {
            meant(observed, target, one_of.to).into_iter().map(|target| End::Service(target.clone())).collect()
        }
        end => vec![end.clone()],
    };
    for from in meant(observed, &edge.from, one_of.from) {
        for to in &targets {
            of_one(wanted, &Edge { from: from.clone(), to: to.clone(), ..edge.clone() })?;
        }
    }
    of_one(wanted, edge)
}

fn of_one(wanted: &dyn Wanted, edge: &Edge) -> Option<(Class, String)> {
    let Edge { from, to, port, protocol } = edge;
    match to {
        End::Agent => None,
        End::Service(target) if target == from => None,
        End::Service(_) | End::Unlisted(_) => {
            (wanted.allows(edge) == Some(false)).then(|| (Class::UnexpectedFlow, subject(edge)))
        }
        End::External(address) => {
            let judged = wanted.speaks_of(&from.project) && !wanted.may_leave(from, *address, *port, *protocol);
            judged.then(|| (Class::Egress, subject(edge)))
        }
        End::Host => {
            let judged = wanted.speaks_of(&from.project) && !wanted.may_reach_host(from, *port, *protocol);
            judged.then(|| (Class::HostReach, subject(edge)))
        }
    }
}

/// Whom an edge goes to, in words of the policy of its source: `db:5432/tcp`, `22/tcp` for the host, `unlisted:5432/tcp`.
pub(super) fn subject(edge: &Edge) -> String {
    let port = format!("{}/{}", edge.port, edge.protocol.as_str());
    match &edge.to {
        End::Service(target) => format!("{}:{port}", name(&edge.from, target)),
        End::Host => port,
        End::Agent => format!("agent:{port}"),
        End::Unlisted(_) => format!("unlisted:{port}"),
        End::External(IpAddr::V6(address)) => format!("[{address}]:{port}"),
        End::External(IpAddr::V4(address)) => format!("{address}:{port}"),
    }
}

/// A service as another one of the same project calls it; with its project for all others.
pub(super) fn name(from: &ServiceKey, target: &ServiceKey) -> String {
    if from.project == target.project {
        return target.service.to_string();
    }
    format!("{}/{}", target.project, target.service)
}

fn whom(edge: &Edge) -> String {
    match &edge.to {
        End::Unlisted(address) => format!("{} ({address}, a container that is not in the picture)", subject(edge)),
        _ => subject(edge),
    }
}

pub(super) fn draft(class: Class, edge: &Edge, subject: String, message: String, tier: Tier) -> Draft {
    let port = Some((edge.port, edge.protocol));
    Draft { class, service: edge.from.clone(), to: Some(edge.to.clone()), port, subject: subject.into(), message, tier }
}

/// The one finding of a pair.
pub(super) fn excess_draft(from: &ServiceKey, target: &ServiceKey, tier: Tier) -> Draft {
    let whom = name(from, target);
    Draft {
        class: Class::ExcessReachability,
        service: from.clone(),
        to: Some(End::Service(target.clone())),
        port: None,
        message: format!("it shares a network with {whom}, which listens, and no flow is between them"),
        subject: whom.into(),
        tier,
    }
}

/// Services with those to which a flow leads from them.
pub(super) type Talking = BTreeMap<ServiceKey, Vec<ServiceKey>>;

pub(super) fn talking(wanted: &dyn Wanted) -> Talking {
    let mut named = Talking::new();
    for edge in wanted.allowed() {
        if let End::Service(target) = edge.to {
            named.entry(edge.from).or_default().push(target);
        }
    }
    named
}

/// Whether a flow is between the two, either way: they have to share a network then, and nobody can close their other ports.
pub(super) fn talks(talking: &Talking, one: &ServiceKey, other: &ServiceKey) -> bool {
    let leads = |from, to| talking.get(from).is_some_and(|targets: &Vec<ServiceKey>| targets.contains(to));
    leads(one, other) || leads(other, one)
}
