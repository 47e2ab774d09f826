//! Who has which address: from events, which take away at once, and pictures, which give.
//!
//! An address is given by a description alone, and only by one that was asked for after the last event that may have changed it; so it does
//! not matter in which order events, answers and pictures come. Between an event and the description that follows it nobody has the
//! address: who asks meanwhile waits.

mod look;

use std::{
    collections::{HashMap, HashSet},
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    sync::Arc,
    time::Duration,
};

use jiff::Timestamp;
use tokio::time::Instant;

pub(super) use self::look::Candidate;
use super::{
    life::Life,
    names::{Index, Row},
    pieces::Pieces,
    spaces::Spaces,
    who::{Common, Who},
};
use crate::{
    inventory::{Entry, Snapshot},
    model::{ContainerId, Event, EventKind, Glob, Identity, Network, NetworkMode, ServiceKey},
};

/// How long a container that the engine does not describe makes others wait.
const GIVEN_UP: Duration = Duration::from_secs(10);

/// After so long a description is believed although it is not known when it was asked for.
const OLD_DOUBT: Duration = Duration::from_secs(30);

/// Containers that have been heard of at most.
const MAX_RECORDS: usize = 2 * crate::inventory::MAX_CONTAINERS;

/// What is told to the table once.
#[derive(Clone, Debug, Default)]
pub(super) struct Telling {
    /// The agent's own container, by id or name.
    pub(super) own: Option<Arc<str>>,
    /// Labels that become attributes.
    pub(super) labels: Vec<Glob>,
    /// `deployment.environment.name`.
    pub(super) environment: Option<Arc<str>>,
    /// `host.id`.
    pub(super) host_id: Option<Arc<str>>,
}

/// See the head of this file.
#[derive(Debug, Default)]
pub(super) struct Table {
    telling: Telling,
    records: HashMap<ContainerId, Record>,
    addresses: HashMap<IpAddr, Vec<ContainerId>>,
    spaces: Spaces,
    gateways: HashSet<IpAddr>,
    common: Common,
    /// Attributes of what is on the host and in no container.
    pub(super) of_host: Arc<Pieces>,
    /// The engine is heard.
    pub(super) connected: bool,
    /// It has described everybody once.
    ready: bool,
    /// Events heard.
    heard: u64,
    pictures: u64,
    index: Arc<Index>,
}

/// One container.
#[derive(Debug, Default)]
struct Record {
    entry: Option<Arc<Entry>>,
    who: Option<Arc<Who>>,
    life: Option<Arc<Life>>,
    /// The newest end of a run: which event it was, and when by the engine's clock.
    died: Option<(u64, Timestamp)>,
    /// It was made or started and is not described yet.
    due: Option<Doubt>,
    /// It has joined or left a network and is not described yet.
    moved: Option<Doubt>,
    /// When it last got or lost an address, by the engine's clock; `None` if no event has told of any.
    moved_at: Option<Timestamp>,
    /// It is destroyed, and no picture can bring it back.
    gone: bool,
    /// Addresses it has.
    bound: Vec<IpAddr>,
    /// Since when it has them, as far as is known here.
    since: Option<Instant>,
    /// The last picture it was in.
    picture: u64,
}

#[derive(Clone, Debug)]
struct Doubt {
    /// Which event.
    event: u64,
    at: Instant,
    /// The service of a container that may turn out not to be watched.
    service: Option<ServiceKey>,
}

impl Table {
    pub(super) fn new(telling: Telling) -> Self {
        Self { telling, ..Self::default() }
    }

    /// Takes an event. Every one that the inventory hears has to come here, before any picture that is made after it.
    pub(super) fn hear(&mut self, event: &Event, now: Instant) {
        self.heard += 1;
        let doubt = |service| Some(Doubt { event: self.heard, at: now, service });
        let (event_number, time) = (self.heard, event.time);
        match &event.kind {
            EventKind::Created(id) | EventKind::Started(id) => {
                let name = event.attributes.get("name");
                let due = doubt(name.map(|name| Identity::from_labels(&event.attributes, name).key));
                let Some(record) = self.record(id) else { return };
                record.due = due;
            }
            EventKind::Died { id, .. } => {
                let Some(record) = self.records.get_mut(id) else { return };
                record.died = record.died.max(Some((event_number, time)));
                // The end of an earlier run is heard again, or late.
                let ended = |life: &&Arc<Life>| life.started_at.is_none_or(|started| started <= time);
                if record.life.as_ref().filter(ended).is_some() {
                    self.end(id);
                }
            }
            EventKind::Destroyed(id) => {
                self.end(id);
                if let Some(record) = self.records.get_mut(id) {
                    *record = Record { gone: true, ..Record::default() };
                }
            }
            // Changes of a container have its attributes; what has none is that of a network, joined or left.
            EventKind::Changed(id) if event.attributes.iter().next().is_none() => {
                let moved = doubt(None);
                let Some(record) = self.record(id) else { return };
                record.moved = moved;
                record.moved_at = record.moved_at.max(Some(time));
                self.unbind(id);
            }
            _ => {}
        }
    }

    /// Takes a picture.
    pub(super) fn see(&mut self, picture: &Snapshot, now: Instant) {
        self.pictures += 1;
        (self.connected, self.ready) = (picture.engine.connected, picture.engine.ready_since.is_some());
        let common = self.common_of(picture);
        let renewed = common != self.common;
        if renewed || self.pictures == 1 {
            self.of_host = Arc::new(common.of_host());
            self.common = common;
        }
        let mut changed = renewed || self.pictures == 1;
        for entry in &picture.containers {
            changed |= self.describe(entry, renewed, now);
        }
        changed |= self.forget(picture, now);
        if changed {
            self.spaces = Spaces::of(picture, self.telling.own.as_deref());
            self.index = Arc::new(self.index_of(picture));
        }
        self.gateways = picture.networks.iter().flat_map(|network| gateways(network)).collect();
    }

    /// Whether there is news in it.
    fn describe(&mut self, entry: &Arc<Entry>, renewed: bool, now: Instant) -> bool {
        let (pictures, id) = (self.pictures, &entry.container.id);
        let Some(record) = self.record(id) else { return false };
        record.picture = pictures;
        if record.gone {
            return false;
        }
        if !renewed && record.entry.as_ref().is_some_and(|known| Arc::ptr_eq(known, entry)) {
            return false;
        }
        record.entry = Some(Arc::clone(entry));
        let who = Arc::new(Who::new(entry, &self.common, &self.telling.labels));
        let Some(record) = self.records.get_mut(id) else { return false };
        record.who = Some(Arc::clone(&who));
        let known = |doubt: &Doubt| entry.asked_after >= doubt.event || now.duration_since(doubt.at) > OLD_DOUBT;
        for doubt in [&mut record.due, &mut record.moved] {
            doubt.take_if(|doubt| known(doubt));
        }
        let moved = record.moved.is_some();
        let runs = record.runs(entry);
        match &record.life {
            Some(life) if runs && !life.is_over() && life.is_run_of(&entry.container) => life.is_called(who),
            _ => {
                self.end(id);
                if runs && let Some(record) = self.records.get_mut(id) {
                    record.life = Some(Life::new(&entry.container, who));
                }
            }
        }
        let own = matches!(entry.container.network_mode, NetworkMode::Own(_) | NetworkMode::None);
        let attachments = entry.container.networks.iter().filter(|_| runs && own && !moved);
        let mut addresses: Vec<IpAddr> =
            attachments.flat_map(|attachment| &attachment.addresses).map(IpAddr::to_canonical).collect();
        addresses.retain(|address| !address.is_unspecified() && !address.is_loopback());
        addresses.sort_unstable();
        addresses.dedup();
        self.bind(id, addresses, now);
        true
    }

    fn bind(&mut self, id: &ContainerId, addresses: Vec<IpAddr>, now: Instant) {
        if self.records.get(id).is_none_or(|record| record.bound == addresses) {
            return;
        }
        self.unbind(id);
        let Some(record) = self.records.get_mut(id) else { return };
        for address in &addresses {
            self.addresses.entry(*address).or_default().push(id.clone());
        }
        record.bound = addresses;
        record.since = Some(now);
    }

    fn unbind(&mut self, id: &ContainerId) {
        let Some(record) = self.records.get_mut(id) else { return };
        for address in std::mem::take(&mut record.bound) {
            if let Some(holders) = self.addresses.get_mut(&address) {
                holders.retain(|holder| holder != id);
                if holders.is_empty() {
                    self.addresses.remove(&address);
                }
            }
        }
    }

    /// The run is over, and the container's addresses are free.
    fn end(&mut self, id: &ContainerId) {
        self.unbind(id);
        let life = self.records.get_mut(id).and_then(|record| record.life.take());
        life.inspect(|life| life.end());
    }

    /// What is in no picture any more, and what was waited for long enough.
    fn forget(&mut self, picture: &Snapshot, now: Instant) -> bool {
        let (pictures, mut gone) = (self.pictures, Vec::new());
        for (id, record) in &mut self.records {
            let unwatched = |doubt: &Doubt| {
                let service = doubt.service.as_ref();
                service.is_some_and(|service| picture.excluded.binary_search(service).is_ok())
            };
            let seen = record.picture == pictures;
            for doubt in [&mut record.due, &mut record.moved] {
                let over = |doubt: &Doubt| now.duration_since(doubt.at) > GIVEN_UP || (!seen && unwatched(doubt));
                // That a container has moved stands until it is described: others do not wait for it any more.
                doubt.take_if(|doubt| !seen && over(doubt));
            }
            if !seen && (record.entry.is_some() || record.gone || (record.due.is_none() && record.moved.is_none())) {
                gone.push(id.clone());
            }
        }
        for id in &gone {
            self.end(id);
            self.records.remove(id);
        }
        !gone.is_empty()
    }

    fn record(&mut self, id: &ContainerId) -> Option<&mut Record> {
        if self.records.len() >= MAX_RECORDS && !self.records.contains_key(id) {
            return None;
        }
        Some(self.records.entry(id.clone()).or_default())
    }

    fn common_of(&self, picture: &Snapshot) -> Common {
        let version = picture.engine.version.as_deref();
        Common {
            host: picture.host.clone(),
            host_id: self.telling.host_id.clone(),
            os: version.and_then(|version| version.os.clone()),
            runtime: version.map(|version| if version.podman { "podman" } else { "docker" }),
            runtime_version: version.map(|version| Arc::clone(&version.version)),
            environment: self.telling.environment.clone(),
        }
    }

    fn index_of(&self, picture: &Snapshot) -> Index {
        let rows = picture.containers.iter().filter_map(|entry| {
            let record = self.records.get(&entry.container.id)?;
            let alone =
                !self.spaces.is_shared(&entry.container.id) && entry.container.network_mode != NetworkMode::Host;
            Some(Row { who: Arc::clone(record.who.as_ref()?), life: record.life.clone(), alone })
        });
        Index::new(rows.collect(), self.spaces.own().cloned())
    }
}

/// The host's ends of a network. Engines do not say one that they have chosen themselves, which is the first address of the subnet.
fn gateways(network: &Network) -> impl Iterator<Item = IpAddr> {
    let first = |subnet: &Arc<str>| -> Option<IpAddr> {
        Some(match subnet.split_once('/')?.0.parse().ok()? {
            IpAddr::V4(address) => IpAddr::V4(Ipv4Addr::from_bits(address.to_bits().checked_add(1)?)),
            IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits().checked_add(1)?)),
        })
    };
    let chosen = network.subnets.iter().filter(|_| network.is_bridge()).filter_map(first);
    network.gateways.iter().copied().chain(chosen)
}

impl Record {
    /// Whether a description is of a run that goes on, as far as is known.
    fn runs(&self, entry: &Entry) -> bool {
        let after_its_end = |(event, at): (u64, Timestamp)| {
            entry.asked_after >= event || entry.container.started_at.is_some_and(|started| started > at)
        };
        entry.container.has_processes() && self.died.is_none_or(after_its_end)
    }
}
