//! Pictures of an inventory, made by hand.

use std::sync::Arc;

use jiff::Timestamp;

use crate::{
    inventory::{Entry, Snapshot},
    model::{Attachment, Container, ContainerState, Labels, Network, NetworkMode},
};

/// Id of a network by its name.
pub(super) fn network_id(name: &str) -> Arc<str> {
    format!("{name:0>12}{}", "f".repeat(52)).into()
}

/// A container's id by its name.
pub(super) fn id(name: &str) -> String {
    let hex: String = name.bytes().map(|byte| format!("{byte:02x}")).collect();
    format!("{hex:0>64}")
}

/// A running container: name, labels, and networks with the address in each.
pub(super) fn container(name: &str, labels: &[(&str, &str)], networks: &[(&str, &str)]) -> Entry {
    let labels = Labels::new(labels.iter().map(|(k, v)| ((*k).into(), (*v).into())));
    let attachment = |(network, address): &(&str, &str)| Attachment {
        network: (*network).into(),
        network_id: Some(network_id(network)),
        addresses: address.split(' ').filter_map(|address| address.parse().ok()).collect(),
        aliases: Vec::new(),
    };
    let container = Container {
        image: "image:1".into(),
        state: ContainerState::Running,
        pid: Some(1),
        network_mode: NetworkMode::Own(networks.first().map_or("none", |(network, _)| network).into()),
        networks: networks.iter().map(attachment).collect(),
        ..Container::bare(id(name), name, labels)
    };
    Entry::bare(container, Timestamp::UNIX_EPOCH)
}

/// The same container with another mode of network.
pub(super) fn with_mode(mut entry: Entry, mode: NetworkMode) -> Entry {
    entry.container.network_mode = mode;
    entry
}

/// A bridge network.
pub(super) fn network(name: &str, driver: &str, subnet: &str) -> Arc<Network> {
    Arc::new(Network {
        id: network_id(name),
        name: name.into(),
        driver: Some(driver.into()),
        scope: None,
        internal: None,
        subnets: vec![subnet.into()],
        ..Network::default()
    })
}

/// A picture of them.
pub(super) fn snapshot(entries: Vec<Entry>, networks: Vec<Arc<Network>>) -> Snapshot {
    let containers = entries.into_iter().map(Arc::new).collect();
    Snapshot { host: Some("whale".into()), containers, networks, ..Snapshot::default() }
}
