//! Whose an address was before: rows of ended connections outlive a container by a minute.
//!
//! Of the time before the first picture nothing is known, so there is a minute in which an ended connection may be of somebody who had the
//! address earlier and was never seen with it.

use std::{collections::HashMap, net::IpAddr, time::Duration};

use jiff::{SignedDuration, Timestamp};

use crate::{
    inventory::Snapshot,
    model::{Container, InOrder as _, ServiceKey},
};

/// `TIME_WAIT` lasts 60 s; the rest is for the sweep that looks.
const KEPT: Duration = Duration::from_secs(120);

/// How long the kernel lists an ended connection whose other end is gone: 60 s (`TCP_TIMEWAIT_LEN`, and as much for `tcp_fin_timeout`), and
/// what its timers are late for at that distance, an eighth at worst (`kernel/time/timer.c`).
const LISTED: SignedDuration = SignedDuration::from_secs(68);

/// Former addresses kept at most; the oldest make room.
const MAX_PAST: usize = 4096;

/// Who holds which address, and who did.
#[derive(Debug, Default)]
pub(super) struct Past {
    current: HashMap<IpAddr, ServiceKey>,
    gone: HashMap<IpAddr, (ServiceKey, Timestamp)>,
    /// The first picture of those that were noted without a gap.
    began: Option<Timestamp>,
    /// The last one.
    noted: Option<Timestamp>,
}

impl Past {
    /// Takes note of a picture.
    pub(super) fn note(&mut self, snapshot: &Snapshot, now: Timestamp) {
        // The picture of an engine that was not asked is how the owner says that nobody looks any more.
        let nobody_looks = snapshot.containers.is_empty() && snapshot.engine.ready_since.is_none();
        self.began = if nobody_looks { None } else { self.began.or(Some(now)) };
        self.noted = Some(now);
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

    /// Whether a container ran already when the first picture came: what its namespace lists may be older than all that is known.
    pub(super) fn is_older(&self, container: &Container) -> bool {
        self.began.zip(container.started_at).is_none_or(|(began, started)| started < began)
    }

    /// Whether an ended connection with an address of this container may be of somebody who had the address before, and whom no picture shows:
    /// it would have ended before the container started, and before the first picture.
    pub(super) fn may_have_inherited(&self, container: &Container) -> bool {
        let (Some(began), Some(now)) = (self.began, self.noted) else { return false };
        let since = container.started_at.map_or(began, |started| started.min(began));
        now.duration_since(since) <= LISTED
    }

    /// Whose the address was until some time ago, whoever has it now.
    pub(super) fn holder(&self, address: IpAddr) -> Option<&ServiceKey> {
        self.gone.get(&address).map(|(key, _)| key)
    }
}
