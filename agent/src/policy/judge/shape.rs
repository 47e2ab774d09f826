//! How a container is made: health check, restart policy, image, environment, user, root filesystem.

use super::{Class, Court, Subject, variables};
use crate::{
    inventory::Entry,
    model::{Container, RestartPolicy},
    policy::ImagePin,
};

/// A task of a Swarm service: the manager starts it again, not the engine.
const SWARM_TASK: &str = "com.docker.swarm.task.id";

pub(super) fn judge(court: &mut Court<'_>, subject: &Subject<'_>) {
    let pin = court.policy.checks.image_pin;
    let stays = |entry: &&&Entry| !subject.rules.job && !entry.completed();
    if court.looks(Class::HealthCheckMissing)
        && subject.members.iter().filter(stays).any(|entry| entry.container.health.is_none())
    {
        court.finds(Class::HealthCheckMissing, Some(subject.key), "", "nothing tells whether it works".to_owned());
    }
    let left_alone = |container: &Container| {
        container.restart_policy == RestartPolicy::No && container.labels.get(SWARM_TASK).is_none()
    };
    if court.looks(Class::RestartPolicyMissing)
        && subject.members.iter().filter(stays).any(|entry| left_alone(&entry.container))
    {
        let message = "its restart policy is \"no\"".to_owned();
        court.finds(Class::RestartPolicyMissing, Some(subject.key), "", message);
    }
    let image = court.looks(Class::ImageUnpinned);
    let environment = court.looks(Class::SecretInEnvironment);
    for Entry { container, .. } in subject.members {
        if image && let Some(message) = unpinned(container, pin) {
            court.finds(Class::ImageUnpinned, Some(subject.key), "", message);
        }
        let names = container.confinement.variables.iter().filter(|name| environment && variables::is_secret(name));
        for name in names {
            let message = format!("variable {name} is named like a secret");
            court.finds(Class::SecretInEnvironment, Some(subject.key), name, message);
        }
    }
    rights(court, subject);
}

fn rights(court: &mut Court<'_>, subject: &Subject<'_>) {
    let user = court.looks(Class::RootUser);
    let privileged = court.looks(Class::Privileged);
    let root = court.looks(Class::WritableRoot);
    for Entry { container, .. } in subject.members {
        let confinement = &container.confinement;
        let key = Some(subject.key);
        if user && let Some(name) = confinement.user.as_deref().filter(|name| is_root(name)) {
            let message = match name {
                "" => "no user is named: it runs as root".to_owned(),
                name => format!("it runs as {name}"),
            };
            court.finds(Class::RootUser, key, "", message);
        }
        if privileged && confinement.privileged == Some(true) {
            court.finds(Class::Privileged, key, "", "it is privileged".to_owned());
        }
        if root && confinement.read_only_root == Some(false) {
            court.finds(Class::WritableRoot, key, "", "its root filesystem can be written to".to_owned());
        }
    }
}

/// `""`, `0`, `root`, with or without a group.
fn is_root(user: &str) -> bool {
    matches!(user.split(':').next().unwrap_or_default(), "" | "root") || user.split(':').next().is_some_and(is_zero)
}

fn is_zero(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|digit| digit == b'0')
}

/// Why an image may be another one tomorrow; `None` when it may not.
fn unpinned(container: &Container, pin: ImagePin) -> Option<String> {
    let image = &*container.image;
    let by_digest = image.contains("@sha256:") || image.starts_with("sha256:");
    if by_digest || is_built_here(container) {
        return None;
    }
    // A colon before the last slash is the registry's port.
    let name = image.rsplit('/').next().unwrap_or(image);
    let tag = name.split_once(':').map(|(_, tag)| tag);
    match (pin, tag) {
        (ImagePin::Digest, _) => Some(format!("image {image} is not named by a digest")),
        (ImagePin::Tag, None) => Some(format!("image {image} has no tag, which is latest")),
        (ImagePin::Tag, Some("latest")) => Some(format!("image {image} is whatever is latest")),
        (ImagePin::Tag, Some(_)) => None,
    }
}

/// Compose's own name for what it builds: nobody pulls it.
fn is_built_here(container: &Container) -> bool {
    let key = &container.identity.key;
    let image = container.image.strip_suffix(":latest").unwrap_or(&container.image);
    let rest = image.strip_prefix(&*key.project).unwrap_or_default();
    !key.project.is_empty() && rest.strip_prefix(['-', '_']).is_some_and(|service| *service == *key.service)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roots_are_known() {
        let table = [("", true), ("0", true), ("root", true), ("0:0", true), ("root:staff", true), ("00", true)];
        let others = [("1000", false), ("nobody", false), ("65534:0", false), ("rooted", false), ("10", false)];
        for (user, expected) in table.into_iter().chain(others) {
            assert_eq!(is_root(user), expected, "{user}");
        }
    }
}
