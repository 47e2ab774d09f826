//! What survives a restart of the agent, as plain values; `store.rs` brings it to disk.

use jiff::Timestamp;

use super::{ledger::Ledger, service::Service};
use crate::model::{ContainerId, ServiceKey};

/// How urgently the state file should be written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Unsaved {
    /// All is saved.
    #[default]
    Nothing,
    /// Only what the engine would tell again (its newest health-check results).
    Minor,
    /// Something that would be lost.
    Major,
}

/// What survives a restart of the agent.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Saved {
    pub(super) last_event: Option<Timestamp>,
    pub(super) listed_at: Option<Timestamp>,
    pub(super) services: Vec<(ServiceKey, Service)>,
    pub(super) containers: Vec<SavedContainer>,
}

/// One container in [`Saved`].
#[derive(Clone, Debug, PartialEq)]
pub(super) struct SavedContainer {
    pub(super) id: ContainerId,
    pub(super) key: ServiceKey,
    pub(super) one_off: bool,
    pub(super) ledger: Ledger,
}

/// What would be lost with the process by a change of a ledger: health-check results are told again by the engine.
pub(super) fn loss(before: &Ledger, after: &Ledger) -> Unsaved {
    let mut told_again = before.clone();
    told_again.result = after.result;
    (told_again.known_start, told_again.known_end) = (after.known_start, after.known_end);
    if before == after {
        Unsaved::Nothing
    } else if told_again == *after {
        Unsaved::Minor
    } else {
        Unsaved::Major
    }
}
