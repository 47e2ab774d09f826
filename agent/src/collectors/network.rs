//! `container_network_*`.

use std::sync::Arc;

use super::reading::Reading;
use crate::{
    exposition::{LabelSet, Page, catalogue::io as family},
    model::{InterfaceCounters, metric::Family},
};

pub(super) fn write(reading: &Reading, page: &mut Page) {
    interfaces(reading, page, &family::NETWORK_RX_BYTES, |counters| counters.rx_bytes);
    interfaces(reading, page, &family::NETWORK_RX_PACKETS, |counters| counters.rx_packets);
    interfaces(reading, page, &family::NETWORK_RX_DROPPED, |counters| counters.rx_dropped);
    interfaces(reading, page, &family::NETWORK_RX_ERRORS, |counters| counters.rx_errors);
    interfaces(reading, page, &family::NETWORK_TX_BYTES, |counters| counters.tx_bytes);
    interfaces(reading, page, &family::NETWORK_TX_PACKETS, |counters| counters.tx_packets);
    interfaces(reading, page, &family::NETWORK_TX_DROPPED, |counters| counters.tx_dropped);
    interfaces(reading, page, &family::NETWORK_TX_ERRORS, |counters| counters.tx_errors);
}

fn interfaces(reading: &Reading, page: &mut Page, family: &'static Family, read: impl Fn(&InterfaceCounters) -> u64) {
    let mut writer = page.family(family);
    // Nearly every container has one interface, and they all have the same name.
    let mut tag = (Arc::<str>::default(), LabelSet::EMPTY);
    let mut write = |labels, counters: &InterfaceCounters| {
        if tag.0 != counters.name || tag.1.is_empty() {
            tag = (Arc::clone(&counters.name), LabelSet::new([("interface", counters.name.as_ref())]));
        }
        writer.tagged(labels, &tag.1, read(counters));
    };
    for counters in reading.root.network.iter().flatten().filter(|counters| !is_plumbing(&counters.name)) {
        write(&reading.root_labels, counters);
    }
    for row in reading.live_rows() {
        for counters in row.sample.network.iter().flatten() {
            write(&row.labels, counters);
        }
    }
}

/// The host's ends of container networks, which would count every byte of theirs a second time; cAdvisor's list. It does
/// not apply inside containers: their interfaces may be called anything.
fn is_plumbing(interface: &str) -> bool {
    ["lo", "veth", "docker", "nerdctl"].iter().any(|prefix| {
        interface.as_bytes().get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix.as_bytes()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn host_ends_of_container_networks_are_plumbing() {
        for name in ["lo", "veth1a2b3c", "docker0", "Docker_gwbridge", "nerdctl0"] {
            assert!(is_plumbing(name), "{name}");
        }
        for name in ["eth0", "enp3s0", "br-1a2b", "wg0", "l", ""] {
            assert!(!is_plumbing(name), "{name}");
        }
    }
}
