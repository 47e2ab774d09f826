//! Who is behind a proxy, where the proxy is one that is believed.

use std::net::{IpAddr, SocketAddr};

use http::{HeaderMap, HeaderName};

use crate::traces::caller::{Caller, Way};

const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// The caller that a trusted proxy names: from the end of the list, the first that is no such proxy. `None` where the connection is not a
/// trusted proxy's, or it names nobody. The port is unknown, which is 0.
pub(super) fn behind(caller: &Caller, headers: &HeaderMap, trusted: &[IpAddr]) -> Option<Caller> {
    let Way::Tcp { peer, local } = caller.way else { return None };
    let is_trusted = |address: IpAddr| trusted.iter().any(|proxy| proxy.to_canonical() == address);
    if trusted.is_empty() || !is_trusted(peer.ip().to_canonical()) {
        return None;
    }
    let lists: Vec<_> = headers.get_all(FORWARDED_FOR).into_iter().collect();
    let hops = lists.iter().rev().flat_map(|list| list.to_str().unwrap_or("?").rsplit(','));
    for hop in hops {
        // Behind what is no address anybody may have written anything.
        let address = address(hop.trim())?;
        if !is_trusted(address) {
            return Some(Caller { way: Way::Tcp { peer: SocketAddr::new(address, 0), local } });
        }
    }
    None
}

/// Some write the port, too.
fn address(hop: &str) -> Option<IpAddr> {
    let alone = hop.strip_prefix('[').and_then(|hop| hop.strip_suffix(']')).unwrap_or(hop);
    let parsed = alone.parse().ok().or_else(|| hop.parse().ok().map(|address: SocketAddr| address.ip()));
    parsed.map(|address: IpAddr| address.to_canonical())
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn named(peer: &str, lists: &[&'static str]) -> Option<String> {
        let caller = Caller { way: Way::Tcp { peer: peer.parse().unwrap(), local: "10.0.0.9:4318".parse().unwrap() } };
        let trusted = ["10.0.0.1", "10.0.0.2"].map(|proxy| proxy.parse().unwrap());
        let headers = lists.iter().map(|list| (FORWARDED_FOR, HeaderValue::from_static(list))).collect();
        match behind(&caller, &headers, &trusted)?.way {
            Way::Tcp { peer, local } => {
                assert_eq!((local.to_string().as_str(), peer.port()), ("10.0.0.9:4318", 0));
                Some(peer.ip().to_string())
            }
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_nearest_that_is_no_proxy_is_who_asks() {
        for (peer, lists, expected) in [
            ("10.0.0.1:1", &["172.18.0.5"][..], Some("172.18.0.5")),
            ("[::ffff:10.0.0.1]:1", &["172.18.0.5"], Some("172.18.0.5")),
            ("10.0.0.1:1", &["1.1.1.1, 172.18.0.5, 10.0.0.2"], Some("172.18.0.5")),
            ("10.0.0.1:1", &["1.1.1.1", "172.18.0.5,10.0.0.2"], Some("172.18.0.5")),
            ("10.0.0.1:1", &["172.18.0.5:4000"], Some("172.18.0.5")),
            ("10.0.0.1:1", &["[fd00::5]:4000"], Some("fd00::5")),
            ("10.0.0.1:1", &["fd00::5"], Some("fd00::5")),
            ("10.0.0.1:1", &["172.18.0.5, unknown"], None),
            ("10.0.0.1:1", &["10.0.0.2"], None),
            ("10.0.0.1:1", &[], None),
            ("10.0.0.3:1", &["172.18.0.5"], None),
        ] {
            assert_eq!(named(peer, lists).as_deref(), expected, "{peer} {lists:?}");
        }
    }
}
