//! `GET /networks`, and how a container hangs on them.

use std::{collections::HashMap, net::IpAddr, sync::Arc};

use bollard::models as api;

use super::word;
use crate::model::{Attachment, Network, PublishedPort};

/// One network; `None` without an id or a name, for nothing could be joined to it.
pub(in crate::engine) fn network(answer: api::Network) -> Option<Network> {
    let ranges = answer.ipam.and_then(|ipam| ipam.config).unwrap_or_default();
    Some(Network {
        id: word(answer.id.as_deref())?,
        name: word(answer.name.as_deref())?,
        driver: word(answer.driver.as_deref()),
        scope: word(answer.scope.as_deref()),
        internal: answer.internal,
        subnets: ranges.iter().filter_map(|range| word(range.subnet.as_deref())).collect(),
    })
}

/// The container's networks, sorted by name.
pub(super) fn attachments(networks: Option<HashMap<String, api::EndpointSettings>>) -> Vec<Attachment> {
    let attachment = |(name, endpoint): (String, api::EndpointSettings)| {
        let addresses = [&endpoint.ip_address, &endpoint.global_ipv6_address];
        // From API 1.44 on the container's own names moved from the aliases to a list of their own.
        let aliases = endpoint.aliases.iter().chain(endpoint.dns_names.iter()).flatten();
        let mut aliases: Vec<Arc<str>> = aliases.filter_map(|alias| word(Some(alias.as_str()))).collect();
        aliases.sort();
        aliases.dedup();
        Attachment {
            network: name.into(),
            network_id: word(endpoint.network_id.as_deref()),
            addresses: addresses.into_iter().filter_map(|text| text.as_deref()?.parse::<IpAddr>().ok()).collect(),
            aliases,
        }
    };
    let mut attachments: Vec<_> = networks.into_iter().flatten().map(attachment).collect();
    attachments.sort_by(|a, b| a.network.cmp(&b.network));
    attachments
}

/// Published ports, sorted. A port the engine is still to choose (empty, 0 or a range) is not published yet.
pub(super) fn published_ports(ports: Option<api::PortMap>) -> Vec<PublishedPort> {
    let mut published = Vec::new();
    for (port, bindings) in ports.into_iter().flatten() {
        let (number, protocol) = port.split_once('/').unwrap_or((&port, "tcp"));
        let Ok(container_port) = number.parse() else {
            continue;
        };
        let protocol: Arc<str> = protocol.into();
        for binding in bindings.into_iter().flatten() {
            let Some(host_port) = binding.host_port.and_then(|text| text.parse().ok()).filter(|port| *port != 0) else {
                continue;
            };
            // Asked for without an address: every one.
            let host_ip = word(binding.host_ip.as_deref()).unwrap_or_else(|| "0.0.0.0".into());
            published.push(PublishedPort { container_port, protocol: Arc::clone(&protocol), host_ip, host_port });
        }
    }
    published.sort();
    published.dedup();
    published
}
