//! Whose a connection is, as far as shares of places and of room go.

use std::{
    net::{IpAddr, Ipv6Addr},
    sync::Arc,
};

use crate::traces::caller::{Caller, Way};

/// An address, or the network of one subscriber, or a container of this machine, or one of its users.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Origin {
    /// Over TCP.
    Address(IpAddr),
    /// Over the unix socket, of a container: processes it has as many as it likes.
    Container(Arc<str>),
    /// Over the unix socket, of a process in no container that is known.
    User(u32),
}

impl Origin {
    /// Of a connection, `container` being that of the process at the other end of a unix socket.
    pub(super) fn of(caller: &Caller, container: Option<Arc<str>>) -> Self {
        match (&caller.way, container) {
            (Way::Tcp { peer, .. }, _) => Self::Address(subscriber(peer.ip())),
            (Way::Unix { .. }, Some(container)) => Self::Container(container),
            (Way::Unix { uid, .. }, None) => Self::User(*uid),
            (Way::Inside, _) => Self::Address(IpAddr::V6(Ipv6Addr::UNSPECIFIED)),
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
            Origin::of(&Caller { way: Way::Tcp { peer, local: peer } }, None)
        };
        assert_eq!(of("[2001:db8::1]:1"), of("[2001:db8::ffff:1]:2"));
        assert_ne!(of("[2001:db8::1]:1"), of("[2001:db8:0:1::1]:1"));
        assert_eq!(of("[::ffff:10.0.0.1]:1"), of("10.0.0.1:9"));
        assert_ne!(of("10.0.0.1:1"), of("10.0.0.2:1"));
    }
    #[test]
    fn all_processes_of_a_container_are_one() {
        let of = |pid, uid, container: Option<&str>| {
            Origin::of(&Caller { way: Way::Unix { pid: Some(pid), uid } }, container.map(Into::into))
        };
        assert_eq!(of(1, 0, Some("abc")), of(2, 1000, Some("abc")));
        assert_ne!(of(1, 0, Some("abc")), of(1, 0, Some("def")));
        assert_eq!(of(1, 1000, None), of(2, 1000, None));
        assert_ne!(of(1, 1000, None), of(2, 0, None));
    }
}
