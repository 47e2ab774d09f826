//! Whose namespaces a container is in beside its own.

use super::{Court, Member};
use crate::{
    model::{NetworkMode, Shared},
    policy::{Class, With},
};

pub(super) fn judge(court: &mut Court<'_>, member: &Member<'_>) {
    let (container, wanted) = (&member.entry.container, &member.wanted.namespace);
    let network = match &container.network_mode {
        NetworkMode::Host => Shared::Host,
        NetworkMode::Container(other) => Shared::Container(other.clone()),
        NetworkMode::None | NetworkMode::Own(_) => Shared::Own,
    };
    let userns = if container.confinement.userns_host { Shared::Host } else { Shared::Own };
    court.looks(&member.key.project);
    one(court, member, "network", &network, wanted.network.as_ref());
    one(court, member, "pid", &container.confinement.pid, wanted.pid.as_ref());
    one(court, member, "ipc", &container.confinement.ipc, wanted.ipc.as_ref());
    one(court, member, "userns", &userns, wanted.userns.as_ref());
}

/// `name` is the subject, and the key in the policy.
fn one(court: &mut Court<'_>, member: &Member<'_>, name: &str, found: &Shared, wanted: Option<&With>) {
    let whose = match found {
        Shared::Own => return,
        Shared::Host if wanted == Some(&With::Host) => return,
        Shared::Host => "the host".to_owned(),
        Shared::Container(other) => {
            let target = court.map.container(other);
            let meant = match (wanted, target) {
                (Some(With::Service(service)), Some(target)) => {
                    let key = &target.identity.key;
                    key.project == member.key.project && key.service == *service
                }
                (Some(With::Container(name)), Some(target)) => target.name == *name,
                (Some(With::Container(name)), None) => name == other,
                _ => false,
            };
            if meant {
                return;
            }
            match target {
                Some(target) => format!("container {}", target.name),
                None => "a container that is not in the picture".to_owned(),
            }
        }
    };
    let what = match name {
        "network" => "network",
        "pid" => "processes",
        "ipc" => "shared memory",
        _ => "user ids",
    };
    let message = format!("shares the {what} of {whose}, and the policy does not say so");
    court.finds(Class::Namespace, member.key, name, message);
}
