//! Who shares a network with whom: between those no port can be closed.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use crate::{inventory::Snapshot, model::ServiceKey};

/// Networks of services that run.
#[derive(Debug, Default)]
pub(super) struct Neighbours {
    networks: BTreeMap<ServiceKey, BTreeSet<Arc<str>>>,
}

impl Neighbours {
    pub(super) fn of(snapshot: &Snapshot) -> Self {
        let mut found = Self::default();
        // Where containers may not talk to each other it is a wall like any other.
        let walled = |network: &str| {
            let known = snapshot.networks.iter().find(|known| *known.id == *network || *known.name == *network);
            known.is_some_and(|known| known.options.icc == Some(false))
        };
        for entry in snapshot.containers.iter().filter(|entry| entry.container.has_processes()) {
            let key = &entry.container.identity.key;
            // Nobody meets anybody on `none`, and whoever is on `host` is a finding of its own.
            let own = |name: &str| !["none", "host"].contains(&name);
            for attachment in entry.container.networks.iter().filter(|attachment| own(&attachment.network)) {
                // A name may stand for two networks, an id for one.
                let network = attachment.network_id.as_ref().unwrap_or(&attachment.network);
                if !walled(network) {
                    found.networks.entry(key.clone()).or_default().insert(Arc::clone(network));
                }
            }
        }
        found
    }

    /// Whether the two have a network in common.
    pub(super) fn share(&self, one: &ServiceKey, other: &ServiceKey) -> bool {
        match (self.networks.get(one), self.networks.get(other)) {
            (Some(one), Some(other)) => !one.is_disjoint(other),
            _ => false,
        }
    }
}
