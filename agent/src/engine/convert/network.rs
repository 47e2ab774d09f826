//! `GET /networks`, and how a container hangs on them.

use std::{collections::HashMap, net::IpAddr, sync::Arc};

use super::{api, word};
use crate::model::{Attachment, Gateway, InOrder as _, LinkOptions, Network, PublishedPort};

/// One network; `None` without an id or a name, for nothing could be joined to it.
pub(in crate::engine) fn network(answer: bollard::models::Network) -> Option<Network> {
    let ranges = answer.ipam.and_then(|ipam| ipam.config).unwrap_or_default();
    let labels = answer.labels.unwrap_or_default();
    let label = |name: &str| word(labels.get(name).map(String::as_str));
    Some(Network {
        id: word(answer.id.as_deref())?,
        name: word(answer.name.as_deref())?,
        driver: word(answer.driver.as_deref()),
        scope: word(answer.scope.as_deref()),
        internal: answer.internal,
        subnets: ranges.iter().filter_map(|range| word(range.subnet.as_deref())).collect(),
        gateways: ranges.iter().filter_map(|range| address(range.gateway.as_deref()?)).collect(),
        ipv4: answer.enable_ipv4,
        ipv6: answer.enable_ipv6,
        attachable: answer.attachable,
        ingress: answer.ingress,
        config_only: answer.config_only,
        options: options(&answer.options.unwrap_or_default()),
        project: label("com.docker.compose.project").or_else(|| label("com.docker.stack.namespace")),
        short: label("com.docker.compose.network"),
    })
}

/// Some engines write an address with its prefix.
fn address(text: &str) -> Option<IpAddr> {
    text.split('/').next()?.parse().ok()
}

/// Words in a map, truth as Go reads it.
fn options(options: &HashMap<String, String>) -> LinkOptions {
    let text = |name: &str| options.get(name).map(String::as_str);
    let bridge = |name: &str| text(&format!("com.docker.network.bridge.{name}"));
    let truth = |text: &str| match text.to_ascii_lowercase().as_str() {
        "1" | "t" | "true" => Some(true),
        "0" | "f" | "false" => Some(false),
        _ => None,
    };
    LinkOptions {
        icc: bridge("enable_icc").and_then(truth),
        gateway_v4: bridge("gateway_mode_ipv4").map(Gateway::from_word),
        gateway_v6: bridge("gateway_mode_ipv6").map(Gateway::from_word),
        masquerade: bridge("enable_ip_masquerade").and_then(truth),
        host_binding: bridge("host_binding_ipv4").and_then(address),
        inhibit_ipv4: bridge("inhibit_ipv4").and_then(truth),
        trusted_interfaces: word(bridge("trusted_host_interfaces")),
        bridge: word(bridge("name")),
        default_bridge: bridge("default_bridge").and_then(truth),
        parent: word(text("parent")),
        isolate: word(text("isolate")),
        // Its mere presence turns it on, whatever it says.
        encrypted: text("encrypted").map(|value| truth(value).unwrap_or(true)),
    }
}

/// The container's networks, sorted by name.
pub(super) fn attachments(networks: Option<HashMap<String, api::EndpointSettings>>) -> Vec<Attachment> {
    let attachment = |(name, endpoint): (String, api::EndpointSettings)| {
        let addresses = [&endpoint.ip_address, &endpoint.global_ipv6_address];
        // From API 1.44 on the container's own names moved from the aliases to a list of their own.
        let aliases = endpoint.aliases.iter().chain(endpoint.dns_names.iter()).flatten();
        let mut aliases: Vec<Arc<str>> = aliases.filter_map(|alias| word(Some(alias.as_str()))).collect();
        aliases.order();
        aliases.dedup();
        Attachment {
            network: name.into(),
            network_id: word(endpoint.network_id.as_deref()),
            addresses: addresses.into_iter().filter_map(|text| text.as_deref()?.parse::<IpAddr>().ok()).collect(),
            aliases,
        }
    };
    let mut attachments: Vec<_> = networks.into_iter().flatten().map(attachment).collect();
    attachments.order_by(|a, b| a.network.cmp(&b.network));
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
    published.order();
    published.dedup();
    published
}
