//! The pairs which lines have of their sort, level and kind of log, written once for all lines.

use super::super::{loki::Metadata, parse::Kind};
use crate::model::LogLevel;

/// In the order of their numbers.
const KINDS: [Kind; 4] = [Kind::Application, Kind::Access, Kind::Error, Kind::Audit];

/// See the head of this file: by level, those without one first, then by kind.
#[derive(Debug)]
pub(super) struct Sorts(Vec<[Metadata; KINDS.len()]>);

impl Sorts {
    pub(super) fn new() -> Self {
        let levels = std::iter::once(None).chain(LogLevel::ALL.map(Some));
        Self(levels.map(|level| KINDS.map(|kind| pairs(level, kind))).collect())
    }

    /// The pairs of a line.
    pub(super) fn of(&self, level: Option<LogLevel>, kind: Kind) -> &Metadata {
        const NONE: &Metadata = &Metadata::new();
        let kinds = self.0.get(level.map_or(0, |level| 1 + level as usize));
        kinds.and_then(|kinds| kinds.get(kind as usize)).unwrap_or(NONE)
    }
}

fn pairs(level: Option<LogLevel>, kind: Kind) -> Metadata {
    let level = level.map(|level| ("detected_level", level.as_str()));
    level.into_iter().chain([("log_kind", kind.as_str())]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_sort_has_its_own_pairs() {
        let sorts = Sorts::new();
        for level in std::iter::once(None).chain(LogLevel::ALL.map(Some)) {
            for kind in KINDS {
                assert_eq!(*sorts.of(level, kind), pairs(level, kind), "{level:?} {kind:?}");
            }
        }
    }
}
