//! The host's own namespace: its addresses, which are the gateways of bridges too, and the ports on which it listens.

use std::{collections::BTreeSet, io, net::IpAddr, ops::ControlFlow, path::Path};

use super::{
    picture::Picture,
    space::{FULL_EVERY, is_ephemeral},
};
use crate::{
    host::sockets::{Buffer, Counts, Namespace, Table},
    model::{IntoTree as _, Protocol, SocketState},
};

/// Listeners kept at most.
const MAX_LISTENERS: usize = 8192;

/// What is known of the host's namespace.
#[derive(Debug, Default)]
pub(super) struct HostSide {
    pub(super) addresses: BTreeSet<IpAddr>,
    listeners: BTreeSet<(IpAddr, Protocol, u16)>,
    udp_before: BTreeSet<(IpAddr, Protocol, u16)>,
    ports: BTreeSet<(Protocol, u16)>,
    counts: Option<Counts>,
}

impl HostSide {
    /// Reads what has changed, through process 1. Where that is not the host's nothing is known of the host but what others tell.
    pub(super) fn look(&mut self, proc: &Path, buffer: &mut Buffer, sweep: u64) -> io::Result<()> {
        let namespace = Namespace::of(proc, 1);
        self.addresses = namespace.addresses()?.into_iter().collect();
        let counts = namespace.counts()?;
        let stands =
            |before: Counts, now: Counts| now.same_tcp(&before) && (now.udp, now.udp6) == (before.udp, before.udp6);
        let same = self.counts.zip(counts).is_some_and(|(before, now)| stands(before, now));
        self.udp_before.clone_from(&self.listeners);
        if same && !sweep.is_multiple_of(FULL_EVERY) {
            return Ok(());
        }
        let mut found = BTreeSet::new();
        for table in Table::ALL {
            let filled = counts.is_none_or(|counts| !counts.is_empty(table));
            if filled {
                namespace.rows(table, buffer, |row| {
                    let socket = row.socket;
                    if socket.state != SocketState::Listen {
                        // In tables of TCP listeners stand first.
                        return if table.protocol() == Protocol::Tcp {
                            ControlFlow::Break(())
                        } else {
                            ControlFlow::Continue(())
                        };
                    }
                    if !socket.local.ip().is_loopback() && found.len() < MAX_LISTENERS {
                        found.insert((socket.local.ip(), socket.protocol, socket.local.port()));
                    }
                    ControlFlow::Continue(())
                })?;
            }
        }
        self.listeners = found;
        self.ports = self.listeners.iter().map(|(_, protocol, port)| (*protocol, *port)).into_set();
        self.counts = counts;
        Ok(())
    }

    /// Forgets everything: the host cannot be seen any more.
    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }

    /// Whether the host listens at this port, on whichever address but loopback.
    pub(super) fn listens(&self, protocol: Protocol, port: u16) -> bool {
        self.ports.contains(&(protocol, port))
    }

    /// Ports that containers find behind a gateway, those published for containers left out.
    pub(super) fn for_containers(&self, picture: &Picture<'_>) -> BTreeSet<(Protocol, u16)> {
        let reachable = |at: &&(IpAddr, Protocol, u16)| {
            let (address, protocol, port) = **at;
            let stays = protocol == Protocol::Tcp || !is_ephemeral(port) || self.udp_before.contains(*at);
            // On the host's network the agent is found there, and everybody may.
            let is_agent = protocol == Protocol::Tcp && picture.agent_on_host == Some(port);
            stays
                && !is_agent
                && (address.is_unspecified() || picture.is_bridge(address))
                && !picture.is_published(protocol, port)
        };
        self.listeners.iter().filter(reachable).map(|(_, protocol, port)| (*protocol, *port)).into_set()
    }
}
