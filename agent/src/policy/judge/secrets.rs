//! Ages of secret files.

use std::time::Duration;

use super::{Class, Court, Subject};
use crate::policy::secrets::FOLDER;

pub(super) fn judge(court: &mut Court<'_>, subject: &Subject<'_>) {
    let Some(oldest) = court.policy.checks.secrets_max_age else { return };
    let mounts = subject.members.iter().flat_map(|entry| &entry.container.mounts);
    // Swarm's secrets are not files of the host, and the engine does not list them as mounts.
    let mut files: Vec<_> = mounts
        .filter(|mount| &*mount.kind == "bind")
        .filter_map(|mount| Some((mount.destination.strip_prefix(FOLDER)?.strip_prefix('/')?, mount)))
        .collect();
    files.sort_by_key(|(name, _)| *name);
    files.dedup_by_key(|(name, _)| *name);
    for (name, mount) in files {
        if !court.looks(Class::SecretStale) {
            return;
        }
        let key = Some(subject.key);
        match court.scene.files.modified(mount) {
            Err(reason) => court.could_not(Class::SecretStale, key, format!("secret {name}: {reason}")),
            Ok(written) => {
                let age = Duration::try_from(court.scene.now.duration_since(written)).unwrap_or_default();
                if age > oldest {
                    let message = format!("secret {name} is {} days old, {} is the oldest", days(age), days(oldest));
                    court.finds(Class::SecretStale, key, name, message);
                }
            }
        }
    }
}

const fn days(age: Duration) -> u64 {
    age.as_secs() / 86_400
}
