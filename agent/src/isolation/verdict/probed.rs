//! What connections that should not come about have found out.

use super::{Answer, Look, neighbours::Neighbours, seen};
use crate::{
    isolation::{Draft, End, Tier, active::Probed},
    policy::Class,
};

/// What is reachable and should not be.
pub(super) fn reached(look: &Look<'_>, probed: &Probed, neighbours: &Neighbours, drafts: &mut Vec<Draft>) {
    for (edge, answer) in probed.edges.iter().filter(|(_, answer)| answer.is_reachable()) {
        match &edge.to {
            End::Service(target) if *target != edge.from => {
                if look.wanted.allows(edge) != Some(false) {
                    continue;
                }
                if neighbours.share(&edge.from, target) || probed.beside.contains(edge) {
                    // The engine cannot close it.
                    if *answer == Answer::Open {
                        drafts.push(seen::excess_draft(&edge.from, target, Tier::Active));
                    }
                    continue;
                }
                let subject = seen::subject(edge);
                let message = format!("{subject} {} across networks; no flow names it", said(*answer));
                drafts.push(seen::draft(Class::UnexpectedReachability, edge, subject, message, Tier::Active));
            }
            // A closed port of the host is no service of it.
            End::Host if *answer == Answer::Open => {
                let judged = look.wanted.speaks_of(&edge.from.project);
                if judged && !look.wanted.may_reach_host(&edge.from, edge.port, edge.protocol) {
                    let subject = seen::subject(edge);
                    let message = format!("port {subject} of the host answers it; host.reach does not list it");
                    drafts.push(seen::draft(Class::HostReach, edge, subject, message, Tier::Active));
                }
            }
            _ => {}
        }
    }
    for (service, _) in probed.resolves.iter().filter(|(service, resolves)| **resolves && judged(look, service)) {
        drafts.push(Draft {
            class: Class::Egress,
            service: service.clone(),
            to: None,
            port: None,
            subject: "dns".into(),
            message: "names of the world outside are resolved for it although all of its networks are internal"
                .to_owned(),
            tier: Tier::Active,
        });
    }
}

fn judged(look: &Look<'_>, service: &crate::model::ServiceKey) -> bool {
    look.wanted.speaks_of(&service.project) && !look.wanted.may_resolve(service)
}

const fn said(answer: Answer) -> &'static str {
    match answer {
        Answer::Refused => "refuses it, so that packets get there,",
        _ => "answers it",
    }
}
