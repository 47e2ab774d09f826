//! From a container to a port of the host that is published for another.

use std::net::IpAddr;

use super::{
    Engine, Family,
    map::{Foot, Place, Standing},
    why::{Reach, Why},
};

/// Whether a port published at an address of the host answers there.
pub(super) fn reach(engine: &Engine, from: &Standing<'_>, at: IpAddr) -> Reach {
    let family = Family::of(at);
    match from.place {
        Place::Lost => return Reach::Unknown(Why::UnknownNamespace),
        Place::Alone => return Reach::Closed(Why::NoNetwork),
        Place::Host => return Reach::Open(Why::Published),
        Place::Own => {}
    }
    if at.to_canonical().is_loopback() {
        return Reach::Closed(Why::LoopbackPublished);
    }
    let ways = from.feet.iter().map(|foot| over(engine, foot, family));
    Reach::best(ways).unwrap_or(Reach::Closed(Why::NoGateway))
}

/// Over one network of the source.
fn over(engine: &Engine, foot: &Foot<'_>, family: Family) -> Reach {
    let Some(network) = foot.network else { return Reach::Unknown(Why::UnknownNetwork) };
    match network.driver.as_deref() {
        Some("bridge") => {}
        Some("macvlan" | "ipvlan") => return Reach::Closed(Why::ParentAndChild),
        Some("overlay") => return Reach::Unknown(Why::Overlay),
        _ => return Reach::Unknown(Why::ForeignDriver),
    }
    if !foot.speaks(family) {
        return Reach::Closed(Why::NoAddress);
    }
    if engine.podman {
        return if foot.is_internal() { Reach::Unknown(Why::PodmanInternal) } else { Reach::Open(Why::Published) };
    }
    if foot.is_internal() {
        return from_internal(engine, foot, family);
    }
    match engine.since(29, 0) {
        Some(true) => Reach::Open(Why::Published),
        // Rules pass over what comes from a bridge, so that only the proxy takes it; whether there is one an engine before 29.5 does not
        // tell, and there is unless somebody turned it off.
        _ if engine.firewall.userland_proxy == Some(false) => Reach::Closed(Why::NoProxy),
        _ => Reach::Open(Why::PublishedByProxy),
    }
}

/// The packet is given the target's address first, and then it is one that leaves the network. Where no rule for IPv6 is written the
/// proxy takes it.
fn from_internal(engine: &Engine, foot: &Foot<'_>, family: Family) -> Reach {
    if !foot.has_host(engine, family) {
        return Reach::Closed(Why::NoGateway);
    }
    match (family, engine.filters_ipv6()) {
        (Family::V4, _) | (Family::V6, Some(true)) => Reach::Closed(Why::InternalPublished),
        (Family::V6, Some(false)) => Reach::Open(Why::ProxyOnIpv6),
        (Family::V6, None) if engine.release.is_none() => Reach::Unknown(Why::UnknownVersion),
        (Family::V6, None) => Reach::Unknown(Why::Ipv6Unknown),
    }
}
