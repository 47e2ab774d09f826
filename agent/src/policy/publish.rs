//! Which ports may be published on the host.

use std::{fmt, net::IpAddr, sync::Arc};

use crate::model::PublishedPort;

/// One entry of `publish`: `80`, `443/tcp`, `127.0.0.1:5432`, `[::]:53/udp`, `8000-8010`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Publish {
    /// Address of the host; `None` is any. `0.0.0.0` admits every IPv4 address, `::` every IPv6 one.
    pub address: Option<IpAddr>,
    /// First port on the host.
    pub first: u16,
    /// Last port on the host, at least `first`.
    pub last: u16,
    /// `tcp` or `udp` or `sctp`.
    pub protocol: Arc<str>,
}

impl Publish {
    /// Reads an entry; `None` for anything else.
    pub fn parse(text: &str) -> Option<Self> {
        let (rest, protocol) = text.split_once('/').unwrap_or((text, "tcp"));
        if !["tcp", "udp", "sctp"].contains(&protocol) {
            return None;
        }
        let (address, ports) = match rest.rsplit_once(':') {
            None => (None, rest),
            Some((address, ports)) => {
                let bare = address.strip_prefix('[').and_then(|inner| inner.strip_suffix(']')).unwrap_or(address);
                (Some(bare.parse().ok()?), ports)
            }
        };
        let (first, last) = ports.split_once('-').unwrap_or((ports, ports));
        let port = |text: &str| text.parse::<u16>().ok().filter(|port| *port > 0);
        let (first, last) = (port(first)?, port(last)?);
        (first <= last).then(|| Self { address, first, last, protocol: protocol.into() })
    }

    /// Whether it allows a port as the engine bound it.
    pub fn admits(&self, bound: &PublishedPort) -> bool {
        (self.first..=self.last).contains(&bound.host_port)
            && *self.protocol == *bound.protocol
            && self.admits_address(&bound.host_ip)
    }

    fn admits_address(&self, bound: &str) -> bool {
        let Some(allowed) = self.address else { return true };
        // The engine writes nothing, before a start, for every address.
        let Ok(bound) = bound.parse::<IpAddr>() else { return allowed.is_unspecified() && allowed.is_ipv4() };
        allowed == bound || (allowed.is_unspecified() && allowed.is_ipv4() == bound.is_ipv4())
    }
}

impl fmt::Display for Publish {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.address {
            Some(IpAddr::V6(address)) => write!(f, "[{address}]:")?,
            Some(address) => write!(f, "{address}:")?,
            None => {}
        }
        write!(f, "{}", self.first)?;
        if self.last > self.first {
            write!(f, "-{}", self.last)?;
        }
        if *self.protocol == *"tcp" { Ok(()) } else { write!(f, "/{}", self.protocol) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_are_read_and_written() {
        for text in ["80", "443/udp", "127.0.0.1:5432", "[::]:53/udp", "8000-8010", "0.0.0.0:8000-8010/sctp"] {
            assert_eq!(Publish::parse(text).map(|entry| entry.to_string()).as_deref(), Some(text));
        }
        assert_eq!(Publish::parse("80/tcp").map(|entry| entry.to_string()).as_deref(), Some("80"));
        for text in ["", "0", "http", "80-79", "70000", "80/icmp", "localhost:80", "1.2.3.4", "80:80", "-1"] {
            assert_eq!(Publish::parse(text), None, "{text}");
        }
    }

    #[test]
    fn wide_addresses_admit_narrow_ones() {
        let bound = |address: &str, port| PublishedPort {
            container_port: 1,
            protocol: "tcp".into(),
            host_ip: address.into(),
            host_port: port,
        };
        let table = [
            ("80", "0.0.0.0", true),
            ("80", "::", true),
            ("0.0.0.0:80", "0.0.0.0", true),
            ("0.0.0.0:80", "127.0.0.1", true),
            ("0.0.0.0:80", "::", false),
            ("127.0.0.1:80", "0.0.0.0", false),
            ("127.0.0.1:80", "127.0.0.1", true),
            ("[::]:80", "::1", true),
            ("0.0.0.0:80", "", true),
            ("127.0.0.1:80", "", false),
            ("80/udp", "0.0.0.0", false),
        ];
        for (entry, address, expected) in table {
            assert_eq!(Publish::parse(entry).unwrap().admits(&bound(address, 80)), expected, "{entry} {address}");
        }
        assert!(!Publish::parse("8000-8010").unwrap().admits(&bound("0.0.0.0", 8011)));
    }
}
