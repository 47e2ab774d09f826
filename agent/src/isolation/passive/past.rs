//! Whose an address was before: rows of ended connections outlive a container by a minute.

use std::{collections::HashMap, net::IpAddr, time::Duration};

use jiff::Timestamp;

use crate::{
    inventory::Snapshot,
    model::{InOrder as _, ServiceKey},
};

/// `TIME_WAIT` lasts 60 s; the rest is for the sweep that looks.
const KEPT: Duration = Duration::from_secs(120);

/// Former addresses kept at most; the oldest make room.
const MAX_PAST: usize = 4096;

/// Who holds which address, and who did.
#[derive(Debug, Default)]
pub(super) struct Past {
    current: HashMap<IpAddr, ServiceKey>,
    gone: HashMap<IpAddr, (ServiceKey, Timestamp)>,
}

impl Past {
    /// Takes note of a picture.
    pub(super) fn note(&mut self, snapshot: &Snapshot, now: Timestamp) {
        let mut next = HashMap::new();
        for entry in &snapshot.containers {
            for address in entry.container.networks.iter().flat_map(|attachment| &attachment.addresses) {
                next.insert(*address, entry.container.identity.key.clone());
            }
        }
        for (address, key) in std::mem::replace(&mut self.current, next) {
            if self.current.get(&address) != Some(&key) {
                self.gone.insert(address, (key, now));
            }
        }
        self.gone.retain(|_, (_, since)| now.duration_since(*since).unsigned_abs() <= KEPT);
        let over = self.gone.len().saturating_sub(MAX_PAST);
        if over > 0 {
            let mut by_age: Vec<(Timestamp, IpAddr)> = self.gone.iter().map(|(ip, (_, at))| (*at, *ip)).collect();
            by_age.order();
            by_age.iter().take(over).for_each(|(_, address)| drop(self.gone.remove(address)));
        }
    }

    /// Whose the address was until some time ago, whoever has it now.
    pub(super) fn holder(&self, address: IpAddr) -> Option<&ServiceKey> {
        self.gone.get(&address).map(|(key, _)| key)
    }
}
