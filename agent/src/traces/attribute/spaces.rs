//! Who shares whose network namespace, and where the agent is.

use std::collections::{HashMap, HashSet};

use crate::{
    inventory::Snapshot,
    model::{Container, ContainerId, NetworkMode},
};

/// Containers that join each other's namespace in a row; an engine refuses a ring, a picture between two answers may have one.
const MAX_CHAIN: usize = 8;

/// In which network namespace the agent is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) enum Place {
    /// The host's.
    Host,
    /// That of a container.
    Of(ContainerId),
    /// Its container is not in the picture.
    #[default]
    Unknown,
}

/// Namespaces with more than one container in them.
#[derive(Debug, Default)]
pub(super) struct Spaces {
    joined: HashMap<ContainerId, Vec<ContainerId>>,
    shared: HashSet<ContainerId>,
    own: Option<ContainerId>,
    place: Place,
}

impl Spaces {
    /// Those of a picture; `own` is the agent's container by id or name.
    pub(super) fn of(picture: &Snapshot, own: Option<&str>) -> Self {
        let containers = || picture.containers.iter().map(|entry| &entry.container);
        let mut spaces = Self::default();
        let joining: Vec<_> =
            containers().filter(|container| matches!(container.network_mode, NetworkMode::Container(_))).collect();
        // Ids last: one is never somebody else's name.
        let mut by_name: HashMap<&str, &Container> = HashMap::new();
        if !joining.is_empty() || own.is_some() {
            by_name.extend(containers().map(|container| (&*container.name, container)));
            by_name.extend(containers().map(|container| (container.id.as_str(), container)));
        }
        for container in joining {
            if let Some(owner) = owner(container, &by_name) {
                spaces.shared.extend([owner.id.clone(), container.id.clone()]);
                spaces.joined.entry(owner.id.clone()).or_default().push(container.id.clone());
            }
        }
        let container = own.map(|own| by_name.get(own).copied());
        spaces.own = container.flatten().map(|container| container.id.clone());
        spaces.place = match container {
            None => Place::Host,
            Some(container) => match container.and_then(|container| owner(container, &by_name)) {
                Some(owner) if owner.network_mode == NetworkMode::Host => Place::Host,
                Some(owner) => Place::Of(owner.id.clone()),
                None => Place::Unknown,
            },
        };
        spaces
    }

    /// Containers that have joined the namespace of this one, running or not.
    pub(super) fn joined(&self, owner: &ContainerId) -> impl Iterator<Item = &ContainerId> {
        self.joined.get(owner).into_iter().flatten()
    }

    /// Whether a container shares a namespace with another one.
    pub(super) fn is_shared(&self, id: &ContainerId) -> bool {
        self.shared.contains(id)
    }

    /// The agent's own container, where it is in the picture.
    pub(super) const fn own(&self) -> Option<&ContainerId> {
        self.own.as_ref()
    }

    /// Where the agent is.
    pub(super) const fn place(&self) -> &Place {
        &self.place
    }
}

/// The container whose namespace this one is in.
fn owner<'a>(container: &'a Container, by_name: &HashMap<&str, &'a Container>) -> Option<&'a Container> {
    let mut owner = container;
    for _ in 0..MAX_CHAIN {
        match &owner.network_mode {
            NetworkMode::Container(other) => owner = by_name.get(&**other)?,
            _ => return Some(owner),
        }
    }
    None
}
