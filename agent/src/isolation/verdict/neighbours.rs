//! Who shares a network with whom: between those no port can be closed.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use crate::{inventory::Snapshot, model::ServiceKey};

/// Pairs looked at for one judgement: two hundred services on one network. More are left out, and the project is marked.
const MAX_PAIRS: usize = 40_000;

/// Networks of services that run.
#[derive(Debug, Default)]
pub(super) struct Neighbours {
    networks: BTreeMap<ServiceKey, BTreeSet<Arc<str>>>,
    members: BTreeMap<Arc<str>, BTreeSet<ServiceKey>>,
}

impl Neighbours {
    pub(super) fn of(snapshot: &Snapshot) -> Self {
        let mut found = Self::default();
        for entry in snapshot.containers.iter().filter(|entry| entry.container.has_processes()) {
            let key = &entry.container.identity.key;
            // Nobody meets anybody on `none`, and whoever is on `host` is a finding of its own.
            let own = |name: &str| !["none", "host"].contains(&name);
            for attachment in entry.container.networks.iter().filter(|attachment| own(&attachment.network)) {
                // A name may stand for two networks, an id for one.
                let network = attachment.network_id.as_ref().unwrap_or(&attachment.network);
                found.networks.entry(key.clone()).or_default().insert(Arc::clone(network));
                found.members.entry(Arc::clone(network)).or_default().insert(key.clone());
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

    /// Every pair that has, both ways, each once; and whether some were left out.
    pub(super) fn pairs(&self) -> (BTreeSet<(&ServiceKey, &ServiceKey)>, bool) {
        let mut pairs = BTreeSet::new();
        for members in self.members.values() {
            for one in members {
                for other in members.iter().filter(|other| *other != one) {
                    if pairs.len() >= MAX_PAIRS {
                        return (pairs, true);
                    }
                    pairs.insert((one, other));
                }
            }
        }
        (pairs, false)
    }
}
