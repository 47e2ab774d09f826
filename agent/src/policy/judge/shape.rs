//! How a container is made: health check, restart policy, image, environment, user, root filesystem.

use super::{Class, Court, Subject};
use crate::{
    inventory::Entry,
    model::{Container, RestartPolicy},
    policy::ImagePin,
};

/// Labels of containers which somebody else than the engine starts again: a Swarm manager, systemd for Podman.
const STARTED_BY_OTHERS: [&str; 2] = ["com.docker.swarm.task.id", "PODMAN_SYSTEMD_UNIT"];

pub(super) fn judge(court: &mut Court<'_>, subject: &Subject<'_>) {
    let pin = court.policy.checks.image_pin;
    let stays = |entry: &&&Entry| !subject.rules.job && !entry.completed();
    if court.looks(Class::HealthCheckMissing)
        && subject.members.iter().filter(stays).any(|entry| entry.container.health.is_none())
    {
        court.finds(Class::HealthCheckMissing, Some(subject.key), "", "nothing tells whether it works".to_owned());
    }
    let left_alone = |container: &Container| {
        let by_others = STARTED_BY_OTHERS.iter().any(|label| container.labels.get(label).is_some());
        container.restart_policy == RestartPolicy::No && !by_others
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
        for name in container.confinement.secret_variables.iter().filter(|_| environment) {
            let message = format!("variable {name} is named like a secret");
            court.finds(Class::SecretInEnvironment, Some(subject.key), name, message);
        }
    }
    rights(court, subject);
}

fn rights(court: &mut Court<'_>, subject: &Subject<'_>) {
    let user = |container: &Container| {
        let name = container.confinement.user.as_deref()?;
        Some(is_root(name).then(|| match name {
            "" => "no user is named: it runs as root".to_owned(),
            name => format!("it runs as {name}"),
        }))
    };
    let privileged =
        |container: &Container| Some(container.confinement.privileged?.then(|| "it is privileged".to_owned()));
    let root = |container: &Container| {
        let writable = !container.confinement.read_only_root?;
        Some(writable.then(|| "its root filesystem can be written to".to_owned()))
    };
    right(court, subject, Class::RootUser, user);
    right(court, subject, Class::Privileged, privileged);
    right(court, subject, Class::WritableRoot, root);
}

/// One look at all members: `fault` says what is wrong with one, and nothing at all where the engine did not say.
fn right(
    court: &mut Court<'_>,
    subject: &Subject<'_>,
    class: Class,
    fault: impl Fn(&Container) -> Option<Option<String>>,
) {
    if !court.looks(class) {
        return;
    }
    let faults: Vec<_> = subject.members.iter().map(|entry| fault(&entry.container)).collect();
    match faults.iter().flatten().flatten().next() {
        Some(message) => court.finds(class, Some(subject.key), "", message.clone()),
        None if faults.contains(&None) => court.could_not(class, Some(subject.key), "the engine does not say"),
        None => {}
    }
}

/// `""`, `0`, `root`, with or without a group.
fn is_root(user: &str) -> bool {
    let name = user.split(':').next().unwrap_or_default();
    let number = name.strip_prefix(['+', '-']).unwrap_or(name);
    name.is_empty() || name == "root" || (!number.is_empty() && number.bytes().all(|digit| digit == b'0'))
}

/// Why an image may be another one tomorrow; `None` when it may not.
fn unpinned(container: &Container, pin: ImagePin) -> Option<String> {
    let image = &*container.image;
    let by_digest = image.contains("@sha256:") || image.starts_with("sha256:");
    // By its own id, whole or its beginning.
    let id = container.image_id.as_deref().and_then(|id| id.strip_prefix("sha256:")).unwrap_or_default();
    let by_id = image.len() >= 12 && id.starts_with(image);
    if by_digest || by_id || is_built_here(container) {
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
        let table =
            [("", true), ("0", true), ("root", true), ("0:0", true), ("root:staff", true), ("00", true), ("+0", true)];
        let others = [("1000", false), ("nobody", false), ("65534:0", false), ("rooted", false), ("10", false)];
        for (user, expected) in table.into_iter().chain(others) {
            assert_eq!(is_root(user), expected, "{user}");
        }
    }
}
