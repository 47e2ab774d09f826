//! Keys of the isolation checks.

use std::path::PathBuf;

use super::{Key, key, kinds};

pub(in crate::config) static HELPER: Key<Option<PathBuf>> = key(
    "isolation.helper",
    kinds::PATH_OR_OFF,
    || None,
    "Socket of `spyhop helper netns`, which makes sockets inside the networks of containers: for targets and probes that no other way leads to, \
     and for the active checks. `off` does without.",
);
