//! Whose a connection is, as far as shares of places and of room go.

use std::net::{IpAddr, Ipv6Addr};

use crate::traces::caller::{Caller, Way};

/// An address, or the network of one subscriber, or a user of this machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Origin {
    /// Over TCP.
    Address(IpAddr),
    /// Over the unix socket, of a process that has a number here.
    Process(u32),
    /// Over the unix socket, of one that has none.
    User(u32),
}

impl Origin {
    /// Of a connection.
    pub(super) fn of(caller: &Caller) -> Self {
        match caller.way {
            Way::Tcp { peer, .. } => Self::Address(subscriber(peer.ip())),
            Way::Unix { pid: Some(pid), .. } => Self::Process(pid),
            Way::Unix { pid: None, uid } => Self::User(uid),
            Way::Inside => Self::Address(IpAddr::V6(Ipv6Addr::UNSPECIFIED)),
        }
    }
}

/// Of IPv6 the first 64 bits: all below them belong to one host or one network. A mapped address is the one of IPv4.
fn subscriber(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() >> 64 << 64)),
        address @ IpAddr::V4(_) => address,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_of_ipv6_is_one_subscriber() {
        let of = |peer: &str| {
            let peer = peer.parse().unwrap();
            Origin::of(&Caller { way: Way::Tcp { peer, local: peer } })
        };
        assert_eq!(of("[2001:db8::1]:1"), of("[2001:db8::ffff:1]:2"));
        assert_ne!(of("[2001:db8::1]:1"), of("[2001:db8:0:1::1]:1"));
        assert_eq!(of("[::ffff:10.0.0.1]:1"), of("10.0.0.1:9"));
        assert_ne!(of("10.0.0.1:1"), of("10.0.0.2:1"));
    }
}
