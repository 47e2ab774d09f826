//! The kernel's routes, as far as they lead somewhere without a gateway.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// A subnet the kernel reaches without a gateway.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Route {
    /// Where packets go.
    pub(super) interface: String,
    subnet: IpAddr,
    prefix: u32,
}

impl Route {
    fn holds(&self, address: IpAddr) -> bool {
        match (self.subnet, address) {
            (IpAddr::V4(subnet), IpAddr::V4(address)) => {
                let mask = u32::MAX.checked_shl(32 - self.prefix).unwrap_or(0);
                u32::from(subnet) == u32::from(address) & mask
            }
            (IpAddr::V6(subnet), IpAddr::V6(address)) => {
                let mask = u128::MAX.checked_shl(128 - self.prefix).unwrap_or(0);
                u128::from(subnet) == u128::from(address) & mask
            }
            _ => false,
        }
    }

    /// Whether the engine's spelling of a subnet means this one.
    pub(super) fn is(&self, subnet: &str) -> bool {
        let parts = subnet.split_once('/').and_then(|(ip, prefix)| Some((ip.parse().ok()?, prefix.parse().ok()?)));
        parts.is_some_and(|(ip, prefix): (IpAddr, u32)| prefix == self.prefix && self.holds(ip))
    }
}

/// The kernel's choice. Of two equal ones the first stands for both only if they are the same interface.
pub(super) fn longest(routes: &[Route], address: IpAddr) -> Option<&Route> {
    let best = routes.iter().filter(|route| route.holds(address)).max_by_key(|route| route.prefix)?;
    let rival =
        |route: &&Route| route.holds(address) && route.prefix == best.prefix && route.interface != best.interface;
    routes.iter().find(rival).is_none().then_some(best)
}

const UP: u32 = 1;
const GATEWAY: u32 = 2;

/// `/proc/net/route`: interface, destination, gateway, flags, ..., mask; numbers in hexadecimal as the machine holds them.
pub(super) fn read_v4(text: &str) -> Vec<Route> {
    let route = |line: &str| {
        let mut fields = line.split_ascii_whitespace();
        let (interface, subnet) = (fields.next()?, fields.next()?);
        let flags = u32::from_str_radix(fields.nth(1)?, 16).ok()?;
        let mask = u32::from_be(u32::from_str_radix(fields.nth(3)?, 16).ok()?);
        let subnet = Ipv4Addr::from(u32::from_be(u32::from_str_radix(subnet, 16).ok()?));
        let direct = flags & UP != 0 && flags & GATEWAY == 0 && mask.leading_ones() == mask.count_ones();
        direct.then(|| Route { interface: interface.to_owned(), subnet: subnet.into(), prefix: mask.leading_ones() })
    };
    text.lines().skip(1).filter_map(route).collect()
}

/// `/proc/net/ipv6_route`: destination, prefix length, source, its length, next hop, metric, references, use, flags, interface.
pub(super) fn read_v6(text: &str) -> Vec<Route> {
    let route = |line: &str| {
        let mut fields = line.split_ascii_whitespace();
        let subnet = u128::from_str_radix(fields.next()?, 16).ok()?;
        let prefix = u32::from_str_radix(fields.next()?, 16).ok().filter(|prefix| *prefix <= 128)?;
        let flags = u32::from_str_radix(fields.nth(6)?, 16).ok()?;
        let interface = fields.next()?.to_owned();
        let direct = flags & UP != 0 && flags & GATEWAY == 0;
        direct.then(|| Route { interface, subnet: Ipv6Addr::from(subnet).into(), prefix })
    };
    text.lines().filter_map(route).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn broken_route_files_prove_nothing() {
        for text in
            ["", "x", "a\tb\tc\td\n", "h\neth0\tZZ\t0\t1\t0\t0\t0\tFF\n", "h\neth0\t00\t0\t0001\t0\t0\t0\t00FF00FF\n"]
        {
            assert_eq!(read_v4(text), [], "{text:?}");
            assert_eq!(read_v6(text), [], "{text:?}");
        }
        let two = |other: &str| {
            let route =
                |interface: &str| Route { interface: interface.into(), subnet: [10, 0, 0, 0].into(), prefix: 8 };
            longest(&[route("a"), route(other)], [10, 1, 1, 1].into()).is_some()
        };
        assert!(two("a"));
        assert!(!two("b"), "two interfaces claim the address: nobody knows which the kernel takes");
    }
}
