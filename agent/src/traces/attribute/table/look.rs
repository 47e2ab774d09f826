//! What can be asked of the table.

use std::{net::IpAddr, sync::Arc};

use jiff::{SignedDuration, Timestamp};
use tokio::time::Instant;

use super::{
    super::{life::Life, names::Index, spaces::Place},
    Doubt, GIVEN_UP, Table,
};
use crate::model::{Attachment, ContainerId};

/// How long before a start its networks are joined at most.
const BEFORE_START: SignedDuration = SignedDuration::from_secs(5);

/// Somebody who has an address.
#[derive(Clone, Debug)]
pub(in crate::traces::attribute) struct Candidate {
    /// Whose namespace it is.
    pub(in crate::traces::attribute) owner: Arc<Life>,
    /// Who runs in it, the agent left out.
    pub(in crate::traces::attribute) members: Vec<Arc<Life>>,
    /// Another container belongs into the namespace and may start at any moment.
    pub(in crate::traces::attribute) dormant: bool,
    /// The address lies in a network that the agent is on as well, or the agent is on the host, where addresses lead to one place alone.
    pub(in crate::traces::attribute) near: bool,
    /// Since when the address is known to be its.
    pub(in crate::traces::attribute) since: Instant,
    /// When it got it at the latest, by the engine's clock: an event told, or its run began then.
    pub(in crate::traces::attribute) got_at: Option<Timestamp>,
}

impl Table {
    /// Containers by their ids.
    pub(in crate::traces::attribute) fn index(&self) -> Arc<Index> {
        Arc::clone(&self.index)
    }

    /// Who has an address.
    pub(in crate::traces::attribute) fn holders(&self, address: IpAddr) -> Vec<Candidate> {
        let holders = self.addresses.get(&address).map(Vec::as_slice).unwrap_or_default();
        let near = |id| match self.spaces.place() {
            Place::Host => true,
            Place::Of(own) => self.on(own, None).any(|ours| self.on(id, Some(address)).any(|theirs| ours == theirs)),
            Place::Unknown => false,
        };
        let space = |id| Some(Candidate { near: near(id), ..self.space(id)? });
        holders.iter().filter_map(space).collect()
    }

    /// Whether an address is that of one run, and of nobody else that is known or may be about to be.
    pub(in crate::traces::attribute) fn is_held_by(&self, address: IpAddr, life: &Arc<Life>, now: Instant) -> bool {
        let alone =
            |holder: &Candidate| matches!(&*holder.members, [only] if Arc::ptr_eq(only, life)) && !holder.dormant;
        let holders = self.holders(address.to_canonical());
        self.connected && !self.has_due(now) && matches!(&*holders, [holder] if alone(holder))
    }

    /// Networks of a container by id, or by name where there is none; those in which it has this address.
    fn on(&self, id: &ContainerId, address: Option<IpAddr>) -> impl Iterator<Item = &str> {
        let entry = self.records.get(id).and_then(|record| record.entry.as_ref());
        let attachments = entry.into_iter().flat_map(|entry| &entry.container.networks);
        let has = move |attachment: &&Attachment| {
            address.is_none_or(|address| attachment.addresses.iter().any(|own| own.to_canonical() == address))
        };
        attachments.filter(has).map(|attachment| attachment.network_id.as_deref().unwrap_or(&attachment.network))
    }

    /// Who runs in the namespace of a container; `None` where that does not run.
    pub(in crate::traces::attribute) fn space(&self, owner: &ContainerId) -> Option<Candidate> {
        let record = self.records.get(owner)?;
        let life = record.life.as_ref()?;
        let own = self.spaces.own();
        let ids = || std::iter::once(owner).chain(self.spaces.joined(owner)).filter(|id| Some(*id) != own);
        let running = |id| self.records.get(id).and_then(|record| record.life.clone());
        let members: Vec<_> = ids().filter_map(running).collect();
        let dormant = members.len() < ids().count();
        let since = record.since.unwrap_or_else(Instant::now);
        // Docker tells of networks shortly before a start. Podman does not: there the start itself is what gave the address.
        let of_this_run =
            |moved: &Timestamp| life.started_at.is_none_or(|started| started.duration_since(*moved) < BEFORE_START);
        let got_at = record.moved_at.filter(of_this_run).or(life.started_at);
        Some(Candidate { owner: Arc::clone(life), members, dormant, near: false, since, got_at })
    }

    /// The run of a container.
    pub(in crate::traces::attribute) fn life(&self, id: &ContainerId) -> Option<Arc<Life>> {
        self.records.get(id).and_then(|record| record.life.clone())
    }

    /// Whether there is such a container, running or not.
    pub(in crate::traces::attribute) fn knows(&self, id: &ContainerId) -> bool {
        self.records.get(id).is_some_and(|record| record.entry.is_some())
    }

    /// Whether it is the agent's own container.
    pub(in crate::traces::attribute) fn is_own(&self, id: &ContainerId) -> bool {
        self.spaces.own() == Some(id)
    }

    /// Whether a container was made or started that is not described yet: it may be in anybody's namespace.
    pub(in crate::traces::attribute) fn has_due(&self, now: Instant) -> bool {
        let waits = |doubt: &Doubt| now.duration_since(doubt.at) <= GIVEN_UP;
        !self.ready || self.records.values().any(|record| record.due.as_ref().is_some_and(waits))
    }

    /// Whether anybody may just have got any address.
    pub(in crate::traces::attribute) fn has_doubts(&self, now: Instant) -> bool {
        let waits = |doubt: &Doubt| now.duration_since(doubt.at) <= GIVEN_UP;
        !self.ready || self.records.values().any(|record| [&record.due, &record.moved].into_iter().flatten().any(waits))
    }

    /// Whether it is the host's end of a network.
    pub(in crate::traces::attribute) fn is_gateway(&self, address: IpAddr) -> bool {
        self.gateways.contains(&address)
    }

    /// In which network namespace the agent is.
    pub(in crate::traces::attribute) const fn place(&self) -> &Place {
        self.spaces.place()
    }
}
