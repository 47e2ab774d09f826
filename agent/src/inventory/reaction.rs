//! What the state asks its owner to do.

use std::sync::Arc;

use crate::model::ContainerId;

/// What has to be asked after an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Reaction {
    /// Nothing.
    Nothing,
    /// Inspect this container.
    Look(ContainerId),
    /// Stop asking for this container.
    Forget(ContainerId),
    /// List the networks.
    Networks,
}

/// What has to be asked after an inspection.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Verdict {
    /// The container is kept; `false` for an excluded one or one beyond the ceiling.
    pub(super) kept: bool,
    /// It shows a fact too young to be judged.
    pub(super) unsettled: bool,
    /// An image whose build time is not known yet.
    pub(super) image: Option<Arc<str>>,
    /// It hangs on a network that is not on the list: Podman before version 5 does not announce new ones.
    pub(super) unknown_network: bool,
}

/// What a list brought to light.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Listed {
    /// On the list, never heard of.
    pub(super) unknown: Vec<ContainerId>,
    /// On the list and known, excluded ones left out.
    pub(super) known: Vec<ContainerId>,
    /// Known, and not on the list.
    pub(super) absent: Vec<ContainerId>,
}
