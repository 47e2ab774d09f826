//! Which of several containers in one namespace has a socket.
//!
//! The kernel prints of each socket which user made it and by which number descriptors know it. Descriptors are shown to few, users to all:
//! where they tell the containers apart a socket is told to be of one of them, and otherwise it is of one of all.

use std::{
    cell::OnceCell,
    collections::{BTreeMap, HashMap},
    net::SocketAddr,
    path::Path,
};

use super::groups::{Group, key};
use crate::{
    host::sockets::{Buffer, Holder, Namespace, Table, family_of},
    model::{IntoTree as _, Protocol, ServiceKey, Socket, SocketState},
};

/// Who has which socket of a namespace; looked at when it is asked for the first time in a sweep.
#[derive(Debug)]
pub(super) struct Owners<'s> {
    proc: &'s Path,
    services: Vec<&'s ServiceKey>,
    found: OnceCell<Found>,
}

/// Services by their place among those of the namespace.
#[derive(Debug, Default)]
struct Found {
    by_inode: HashMap<u64, usize>,
    /// `None` of a user that two services have.
    by_uid: HashMap<u32, Option<usize>>,
    sockets: HashMap<(Protocol, SocketAddr, SocketAddr), Holder>,
    /// Listeners by port.
    listeners: Vec<(Protocol, u16, Holder)>,
}

/// Whose it is, as far as that can be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Owner<'s> {
    /// Nobody else is in there.
    Alone(&'s ServiceKey),
    /// This one's, of several.
    Told(&'s ServiceKey),
    /// One of several; the one whose network it is stands for all.
    OneOf(&'s ServiceKey),
}

impl<'s> Owner<'s> {
    /// The name it goes by.
    pub(super) const fn service(self) -> &'s ServiceKey {
        match self {
            Self::Alone(service) | Self::Told(service) | Self::OneOf(service) => service,
        }
    }
}

impl<'s> Owners<'s> {
    pub(super) fn new(proc: &'s Path, group: &Group<'s>) -> Self {
        let services: BTreeMap<&ServiceKey, ()> =
            group.members.iter().map(|(container, _)| (key(container), ())).into_map();
        Self { proc, services: services.into_keys().collect(), found: OnceCell::new() }
    }

    /// Services in there; one where nobody shares it.
    pub(super) fn services(&self) -> &[&'s ServiceKey] {
        &self.services
    }

    /// Whose socket it is that has these ends.
    pub(super) fn of(&self, group: &Group<'s>, protocol: Protocol, local: SocketAddr, remote: SocketAddr) -> Owner<'s> {
        self.decide(group, |found| found.sockets.get(&(protocol, local, remote)).map(|holder| found.service(*holder)))
            .unwrap_or_else(|| self.listener(group, protocol, local.port()))
    }

    /// Who listens at a port.
    pub(super) fn listener(&self, group: &Group<'s>, protocol: Protocol, port: u16) -> Owner<'s> {
        let listening = |found: &Found| {
            let at = found.listeners.iter().filter(|(of, at, _)| (*of, *at) == (protocol, port));
            let mut places = at.map(|(_, _, holder)| found.service(*holder));
            let first = places.next()?;
            // Two may listen at one port, each at an address of its own or by `SO_REUSEPORT`.
            Some(first.filter(|_| places.all(|place| place == first)))
        };
        self.decide(group, listening).unwrap_or(Owner::OneOf(key(group.owner)))
    }

    /// `None` of a socket that is not found, so that somebody else may be asked.
    fn decide(&self, group: &Group<'s>, ask: impl FnOnce(&Found) -> Option<Option<usize>>) -> Option<Owner<'s>> {
        if let [one] = self.services.as_slice() {
            return Some(Owner::Alone(one));
        }
        let found = self.found.get_or_init(|| Found::look(self.proc, group, &self.services));
        let told = ask(found)?.and_then(|place| self.services.get(place));
        Some(told.map_or(Owner::OneOf(key(group.owner)), |service| Owner::Told(service)))
    }
}

impl Found {
    fn look(proc: &Path, group: &Group<'_>, services: &[&ServiceKey]) -> Self {
        let mut found = Self::default();
        for (container, process) in &group.members {
            let Some(place) = services.iter().position(|service| *service == key(container)) else { continue };
            let family = family_of(proc, process.pid);
            found.by_inode.extend(family.inodes.into_iter().map(|inode| (inode, place)));
            for uid in family.uids {
                found
                    .by_uid
                    .entry(uid)
                    .and_modify(|known| *known = known.filter(|known| *known == place))
                    .or_insert(Some(place));
            }
        }
        let (namespace, mut buffer) = (Namespace::of(proc, group.process.pid), Buffer::default());
        for table in Table::ALL {
            let each = |socket: Socket, holder: Holder| {
                if socket.state == SocketState::Listen {
                    found.listeners.push((socket.protocol, socket.local.port(), holder));
                } else {
                    found.sockets.insert((socket.protocol, socket.local, socket.remote), holder);
                }
            };
            if let Err(error) = namespace.holders(table, &mut buffer, each) {
                tracing::debug!(%error, ?table, "read who holds the sockets of a namespace");
            }
        }
        found
    }

    fn service(&self, holder: Holder) -> Option<usize> {
        let by_user = || self.by_uid.get(&holder.uid).copied().flatten();
        self.by_inode.get(&holder.inode).copied().or_else(by_user)
    }
}
