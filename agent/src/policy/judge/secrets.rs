//! Ages of secret files.

use std::time::Duration;

use super::{Class, Court, Subject};
use crate::{model::InOrder as _, policy::secrets::secret};

pub(super) fn judge(court: &mut Court<'_>, subject: &Subject<'_>) {
    let Some(oldest) = court.policy.checks.secrets_max_age else { return };
    let mounts = subject.members.iter().flat_map(|entry| &entry.container.mounts);
    let mut files: Vec<_> = mounts.filter_map(|mount| Some((secret(mount)?, mount))).collect();
    files.order_by_key(|(name, _)| *name);
    files.dedup_by_key(|(name, _)| *name);
    for (name, mount) in files {
        if !court.looks(Class::SecretStale) {
            return;
        }
        let key = Some(subject.key);
        let Some(name) = name else {
            court.could_not(
                Class::SecretStale,
                key,
                "a whole folder of secrets is mounted: mount its files one by one",
            );
            continue;
        };
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
