//! Published ports against what the policy lists. A project that is not in the policy may publish what it likes.

use std::collections::BTreeMap;

use super::{Class, Court, Subject};
use crate::{inventory::Entry, model::Attachment};

pub(super) fn judge(court: &mut Court<'_>, subject: &Subject<'_>) {
    if !subject.rules.project {
        return;
    }
    let listed = subject.rules.publish.as_deref().unwrap_or_default();
    let unlisted = court.looks(Class::PortUnlisted);
    // One finding a port, with all its addresses.
    let mut open: BTreeMap<(u16, &str), Vec<&str>> = BTreeMap::new();
    // What does not run publishes nothing: what it wishes is no open port.
    let running: Vec<_> = subject.members.iter().filter(|entry| entry.container.has_processes()).collect();
    let bound = running.iter().flat_map(|entry| &entry.container.ports);
    for port in bound.clone().filter(|port| unlisted && !listed.iter().any(|entry| entry.admits(port))) {
        let addresses = open.entry((port.host_port, &port.protocol)).or_default();
        let address = if port.host_ip.is_empty() { "every address" } else { &port.host_ip };
        if !addresses.contains(&address) {
            addresses.push(address);
        }
    }
    for ((port, protocol), addresses) in open {
        let name = format!("{port}/{protocol}");
        let message = format!("port {name} is published on {} and not listed", addresses.join(" and "));
        court.finds(Class::PortUnlisted, Some(subject.key), &name, message);
    }
    if listed.is_empty() || running.is_empty() || !court.looks(Class::PortMissing) {
        return;
    }
    let internal = running.iter().all(|entry| is_internal(court, entry));
    for entry in listed.iter().filter(|entry| !bound.clone().any(|port| entry.admits(port))) {
        let name = entry.to_string();
        let why = if internal { ": all its networks are internal, and the engine publishes nothing there" } else { "" };
        let message = format!("port {name} is listed and not published{why}");
        court.finds(Class::PortMissing, Some(subject.key), &name, message);
    }
}

/// Whether it is on networks from which nothing is published, and on no others. An engine takes `ports:` all the same, and says nothing.
fn is_internal(court: &Court<'_>, entry: &Entry) -> bool {
    let networks = &entry.container.networks;
    let closed = |on: &Attachment| {
        let mut all = court.scene.snapshot.networks.iter();
        let found =
            all.find(|network| on.network_id.as_ref().map_or(network.name == on.network, |id| network.id == *id));
        found.is_some_and(|network| network.internal == Some(true))
    };
    !networks.is_empty() && networks.iter().all(closed)
}
