//! Limits and reservations against what the tier, or the service's own rule, asks for.

use super::{Class, Court, Subject};
use crate::{
    model::Limits,
    policy::{Amount, Unit},
};

/// One thing that can be limited.
struct Resource {
    /// The subject of findings.
    name: &'static str,
    unit: Unit,
    missing: Class,
    wrong: Class,
    wanted: Option<Amount>,
    given: fn(&Limits) -> Option<f64>,
}

pub(super) fn judge(court: &mut Court<'_>, subject: &Subject<'_>) {
    for resource in resources(&subject.rules.limits) {
        let Some(wanted) = resource.wanted else { continue };
        let (missing, wrong) = (court.looks(resource.missing), court.looks(resource.wrong));
        for entry in subject.members {
            let found = match (resource.given)(&entry.container.limits) {
                None if missing => {
                    let wanted = if wanted == Amount::ANY { String::new() } else { wants(wanted, resource.unit) };
                    let what = if resource.missing == Class::LimitMissing { "limit of " } else { "" };
                    Some((resource.missing, format!("no {what}{} is set{wanted}", resource.name)))
                }
                Some(given) if wrong && !wanted.admits(given) => {
                    let given = resource.unit.show(given);
                    let wanted = wants(wanted, resource.unit);
                    Some((resource.wrong, format!("{} is {given}{wanted}", resource.name)))
                }
                _ => None,
            };
            if let Some((class, message)) = found {
                court.finds(class, Some(subject.key), resource.name, message);
            }
        }
    }
}

fn wants(wanted: Amount, unit: Unit) -> String {
    format!(", wanted is {}", wanted.show(unit))
}

fn resources(wanted: &crate::policy::Limits) -> [Resource; 4] {
    let limit = |name, unit, wanted, given| Resource {
        name,
        unit,
        missing: Class::LimitMissing,
        wrong: Class::LimitWrong,
        wanted,
        given,
    };
    [
        limit("memory", Unit::Bytes, wanted.memory, |limits| Some(limits.memory_bytes? as f64)),
        limit("cpus", Unit::Cores, wanted.cpus, |limits| limits.cpu_cores),
        limit("pids", Unit::Count, wanted.pids, |limits| Some(limits.pids? as f64)),
        Resource {
            missing: Class::ReservationMissing,
            wrong: Class::ReservationWrong,
            ..limit("memory_reservation", Unit::Bytes, wanted.memory_reservation, |limits| {
                Some(limits.memory_reservation_bytes? as f64)
            })
        },
    ]
}
