//! Limits that stand above a container: a slice, a `--cgroup-parent`, the container of a nested engine.
//!
//! The kernel enforces the tightest limit on the way to the root; what stands in the container's own cgroup is one of them
//! (Documentation/admin-guide/cgroup-v2.rst, "Limits"; cgroup-v1/memory.rst, "Hierarchy support").

use std::path::Path;

use super::{handle::read_once, parse, roots::Mount};

/// Most levels that are looked at. Docker makes two or three; a nested engine a few more.
const MAX_LEVELS: usize = 16;

/// How many cgroups stand between a container's own and the root of what is mounted, neither included.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Levels(usize);

impl Levels {
    /// Counts them. Nobody limits the root, so it is left out.
    pub(super) fn between(mount: Option<&Mount>, folder: Option<&Path>) -> Self {
        let below = mount.zip(folder).and_then(|(mount, folder)| folder.strip_prefix(&mount.point).ok());
        Self(below.map_or(0, |below| below.components().count().saturating_sub(1).min(MAX_LEVELS)))
    }

    /// The tightest of a container's `own` limit and those above it; `None` when there is none at all.
    pub(super) fn tightest(self, own: Option<u64>, folder: Option<&Path>, file: &str) -> Option<u64> {
        let above = folder.into_iter().flat_map(Path::ancestors).skip(1).take(self.0);
        let limit = |folder: &Path| read_once(&folder.join(file), 4096).ok().and_then(|bytes| parse::limit(&bytes));
        above.filter_map(limit).chain(own).min()
    }
}
