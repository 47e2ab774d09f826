//! Keys that lead to the policy, and choose among its profiles.

use std::{collections::BTreeSet, path::PathBuf};

use super::{Key, key, kinds};

/// Where a policy file is looked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::config) enum PolicyFile {
    /// `/etc/spyhop/policy.yml` where there is one.
    Auto,
    /// Nowhere.
    Off,
    /// There, absolute.
    At(PathBuf),
}

pub(in crate::config) static FILE: Key<PolicyFile> = key(
    "policy.file",
    kinds::POLICY_FILE,
    || PolicyFile::Auto,
    "File with the policy, for one that several hosts share; see [policy.md](policy.md). `auto` is /etc/spyhop/policy.yml where there is one. \
     Its sections may stand in the configuration file itself instead.",
)
.reloads();

pub(in crate::config) static PROFILES: Key<BTreeSet<String>> = key(
    "policy.profiles",
    kinds::PROFILES,
    BTreeSet::new,
    "Profiles of the policy that are in force whatever compose files a project was started from.",
)
.reloads()
.flag("--profile");
