//! How many kernel files may stay open.

use rustix::process::{Resource, getrlimit, setrlimit};

use super::container::{self, Surroundings};

/// Descriptors left for sockets, the state file and what libraries open.
const RESERVED_DESCRIPTORS: u64 = 256;

/// Handles that may be kept for containers, by the limit of descriptors and by our own memory limit. Files beyond it are opened for
/// each reading. Raises the soft limit of descriptors to the hard one.
pub(super) fn handles(around: &Surroundings) -> usize {
    by_descriptors().min(by_memory(around))
}

/// What the kernel keeps for an open file of a cgroup, buffer included, and charges to the agent's own memory limit: 4.3 KiB
/// measured on Linux 6.18.
const HANDLE_BYTES: u64 = 5 * 1024;

/// Handles that fit into half of the agent's own memory limit: the other half is for the agent. With the 128 MiB of
/// `compose/agent.yml` these are the files of some 800 containers.
fn by_memory(around: &Surroundings) -> usize {
    let limit = container::own_memory_limit(around).unwrap_or(u64::MAX);
    usize::try_from(limit / 2 / HANDLE_BYTES).unwrap_or(usize::MAX)
}

/// Raises the soft limit as far as it goes without a privilege.
fn by_descriptors() -> usize {
    let mut limit = getrlimit(Resource::Nofile);
    let before = limit.current;
    limit.current = limit.maximum;
    let current = if setrlimit(Resource::Nofile, limit).is_ok() { limit.maximum } else { before };
    let room = current.unwrap_or(u64::MAX).saturating_sub(RESERVED_DESCRIPTORS);
    usize::try_from(room).unwrap_or(usize::MAX)
}
