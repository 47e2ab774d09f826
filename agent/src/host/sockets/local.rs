//! Which addresses a namespace has, and by which gateways it goes out.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::{
    super::parse::{lines, words},
    hex::{Cursor, number},
};

/// Addresses taken of one file at most; a host has one for each bridge, end of a container and alias.
pub(super) const MAX_ADDRESSES: usize = 8192;

/// Own addresses in `/proc/<pid>/net/fib_trie`, each once, loopback left out. The kernel prints an address, and below it what it is to
/// whom (`net/ipv4/fib_trie.c`); own ones are `/32 host LOCAL`.
pub fn v4_addresses(fib_trie: &[u8]) -> Vec<IpAddr> {
    let mut found = Vec::new();
    let mut leaf = None;
    for line in lines(fib_trie) {
        let line = line.trim_ascii_start();
        if let Some(address) = line.strip_prefix(b"|-- ") {
            leaf = std::str::from_utf8(address).ok().and_then(|text| text.trim_end().parse::<Ipv4Addr>().ok());
        } else if line.starts_with(b"/32 host LOCAL") {
            found.extend(leaf.filter(|address| !address.is_loopback()).map(IpAddr::V4));
        }
        if found.len() >= MAX_ADDRESSES {
            break;
        }
    }
    // The tables `main` and `local` are printed one after the other and show the same.
    found.sort_unstable();
    found.dedup();
    found
}

/// Own addresses in `/proc/<pid>/net/if_inet6`, loopback left out: 32 digits without a separator, in the order they are spoken.
pub fn v6_addresses(if_inet6: &[u8]) -> Vec<IpAddr> {
    let address = |line| words(line).next().and_then(v6);
    let mut found: Vec<IpAddr> =
        lines(if_inet6).filter_map(address).filter(|ip| !ip.is_loopback()).take(MAX_ADDRESSES).collect();
    found.sort_unstable();
    found.dedup();
    found
}

const UP: u32 = 1;
const GATEWAY: u32 = 2;

/// Gateways in `/proc/<pid>/net/route`: interface, destination, gateway, flags; addresses in the order of the machine.
pub fn v4_gateways(route: &[u8]) -> Vec<IpAddr> {
    let gateway = |line| {
        let mut fields = words(line).skip(2);
        let address = number(fields.next()?.first_chunk::<8>()?)?;
        let flags = Cursor(fields.next()?).hex::<4>()?;
        (flags & (UP | GATEWAY) == UP | GATEWAY).then(|| IpAddr::V4(Ipv4Addr::from(address.to_ne_bytes())))
    };
    lines(route).skip(1).filter_map(gateway).take(MAX_ADDRESSES).collect()
}

/// Gateways in `/proc/<pid>/net/ipv6_route`: destination, length, source, length, next hop, metric, references, use, flags, interface.
pub fn v6_gateways(ipv6_route: &[u8]) -> Vec<IpAddr> {
    let gateway = |line| {
        let mut fields = words(line).skip(4);
        let address = v6(fields.next()?)?;
        let flags = number(fields.nth(3)?.first_chunk::<8>()?)?;
        (flags & (UP | GATEWAY) == UP | GATEWAY).then_some(address)
    };
    lines(ipv6_route).filter_map(gateway).take(MAX_ADDRESSES).collect()
}

/// An address of 32 digits.
fn v6(word: &[u8]) -> Option<IpAddr> {
    let mut at = Cursor(word);
    let mut segments = [0; 8];
    for segment in &mut segments {
        *segment = u16::try_from(at.hex::<4>()?).ok()?;
    }
    at.0.is_empty().then(|| super::table::plain(Ipv6Addr::from(segments)))
}
