//! From one container to an address of another.

use super::{
    Engine, Family, Port,
    map::{Foot, Place, Standing, gateway},
    why::{Reach, Why},
};
use crate::model::{Gateway, Network};

/// Whether a port answers at an address that the target has on one of its networks; and whether the source is on that network.
pub(super) fn reach(
    engine: &Engine,
    from: &Standing<'_>,
    to: &Standing<'_>,
    foot: &Foot<'_>,
    family: Family,
    port: Port,
) -> (bool, Reach) {
    let Some(network) = foot.network else { return (false, Reach::Unknown(Why::UnknownNetwork)) };
    match from.place {
        Place::Lost => return (false, Reach::Unknown(Why::UnknownNamespace)),
        Place::Alone => return (false, Reach::Closed(Why::NoNetwork)),
        Place::Host => return (false, from_host(engine, foot, network, family)),
        Place::Own => {}
    }
    let own = from.feet.iter().find(|own| own.network.is_some_and(|other| other.id == network.id));
    match own {
        Some(own) if !own.speaks(family) => (true, Reach::Closed(Why::NoAddress)),
        Some(_) => (true, same_network(engine, from, to, network, family, port)),
        None => (false, across(engine, from, to, network, family, port)),
    }
}

fn from_host(engine: &Engine, foot: &Foot<'_>, network: &Network, family: Family) -> Reach {
    match network.driver.as_deref() {
        Some("bridge") if foot.has_host(engine, family) => Reach::Open(Why::HostOnBridge),
        Some("bridge") => Reach::Closed(Why::HostNotOnBridge),
        Some("macvlan" | "ipvlan") => Reach::Closed(Why::ParentAndChild),
        Some("overlay") => Reach::Unknown(Why::Overlay),
        _ => Reach::Unknown(Why::ForeignDriver),
    }
}

fn same_network(
    engine: &Engine,
    from: &Standing<'_>,
    to: &Standing<'_>,
    network: &Network,
    family: Family,
    port: Port,
) -> Reach {
    match network.driver.as_deref() {
        Some("bridge") => {}
        Some("macvlan" | "ipvlan") => return Reach::Open(Why::SameSegment),
        Some("overlay") => return Reach::Open(Why::SameOverlay),
        _ => return Reach::Unknown(Why::ForeignDriver),
    }
    // Podman has no such option.
    if network.options.icc != Some(false) || engine.podman {
        return Reach::Open(Why::SameBridge);
    }
    let unfiltered = match family {
        Family::V4 => engine.firewall.bridge_v4_off,
        Family::V6 => engine.firewall.bridge_v6_off,
    };
    if unfiltered {
        return Reach::Open(Why::IccUnfiltered);
    }
    if family == Family::V6 {
        match engine.filters_ipv6() {
            Some(true) => {}
            Some(false) => return Reach::Open(Why::Ipv6Unfiltered),
            None => return Reach::Unknown(unfiltered_because(engine)),
        }
    }
    // Links are of the default bridge alone, and open what is exposed.
    let is_link = |link: &str| link.split(':').next().is_some_and(|name| name.trim_start_matches('/') == to.name);
    let exposed = to.exposed.contains(&(port.protocol, port.number));
    if network.options.default_bridge == Some(true) && exposed && from.links.iter().any(|link| is_link(link)) {
        return Reach::Open(Why::Linked);
    }
    Reach::Closed(Why::IccOff)
}

/// Over networks that the source is not on.
fn across(
    engine: &Engine,
    from: &Standing<'_>,
    to: &Standing<'_>,
    network: &Network,
    family: Family,
    port: Port,
) -> Reach {
    match network.driver.as_deref() {
        Some("bridge") => {}
        Some("macvlan" | "ipvlan") => return onto_lan(from, network),
        Some("overlay") => return Reach::Unknown(Why::Overlay),
        _ => return Reach::Unknown(Why::ForeignDriver),
    }
    let feet: Vec<&Foot<'_>> = from.feet.iter().filter(|foot| foot.speaks(family)).collect();
    if feet.is_empty() {
        return Reach::Closed(Why::NoAddress);
    }
    // What stands on the LAN or on an overlay as well has ways of its own, which nobody here can see.
    let ways = feet.into_iter().map(|foot| match foot.network {
        None => Reach::Unknown(Why::UnknownNetwork),
        Some(own) => match own.driver.as_deref() {
            Some("bridge") if engine.podman => podman(engine, own, network),
            Some("bridge") => bridge_to_bridge(engine, own, to, network, family, port),
            Some("macvlan" | "ipvlan") if own.internal == Some(true) => Reach::Closed(Why::FromInternal),
            Some("macvlan" | "ipvlan") => Reach::Closed(Why::ParentAndChild),
            Some("overlay") => Reach::Unknown(Why::Overlay),
            _ => Reach::Unknown(Why::ForeignDriver),
        },
    });
    Reach::best(ways).unwrap_or(Reach::Closed(Why::NoAddress))
}

/// Siblings on one interface see each other; from a bridge the host would have to pass it to its own child, which the kernel does not.
fn onto_lan(from: &Standing<'_>, network: &Network) -> Reach {
    let ways = from.feet.iter().map(|foot| match foot.network {
        None => Reach::Unknown(Why::UnknownNetwork),
        Some(own) if own.internal == Some(true) => Reach::Closed(Why::FromInternal),
        Some(_) if network.internal == Some(true) => Reach::Closed(Why::ToInternal),
        Some(own) => match own.driver.as_deref() {
            Some("macvlan" | "ipvlan")
                if own.options.parent.is_some() && own.options.parent == network.options.parent =>
            {
                Reach::Open(Why::SameParent)
            }
            Some("macvlan" | "ipvlan") => Reach::Unknown(Why::OnLan),
            Some("bridge") => Reach::Closed(Why::ParentAndChild),
            Some("overlay") => Reach::Unknown(Why::Overlay),
            _ => Reach::Unknown(Why::ForeignDriver),
        },
    });
    Reach::best(ways).unwrap_or(Reach::Closed(Why::NoAddress))
}

/// From a bridge of Docker to an address on another.
fn bridge_to_bridge(
    engine: &Engine,
    own: &Network,
    to: &Standing<'_>,
    network: &Network,
    family: Family,
    port: Port,
) -> Reach {
    if family == Family::V6 {
        match engine.filters_ipv6() {
            Some(true) => {}
            // Before 25 an internal network has a default route, and only rules keep others out; from then on nothing answers for want of
            // one, though what asks for no answer still comes in.
            Some(false) if own.internal == Some(true) && engine.since(25, 0) == Some(true) => {
                return Reach::Closed(Why::FromInternal);
            }
            Some(false) if network.internal == Some(true) && engine.since(25, 0) == Some(true) => {
                return Reach::Closed(Why::ToInternal);
            }
            Some(false) => return Reach::Open(Why::Ipv6Unfiltered),
            None => return Reach::Unknown(unfiltered_because(engine)),
        }
    }
    if own.internal == Some(true) {
        return Reach::Closed(Why::FromInternal);
    }
    if network.internal == Some(true) {
        return Reach::Closed(Why::ToInternal);
    }
    let published =
        to.ports.iter().any(|bound| bound.container_port == port.number && *bound.protocol == *port.protocol.as_str());
    match gateway(engine, network, family) {
        None => Reach::Unknown(Why::UnknownMode),
        Some(Gateway::Routed) => match engine.since(28, 0) {
            None => Reach::Unknown(Why::UnknownVersion),
            Some(false) => Reach::Closed(Why::Apart),
            Some(true) if published => Reach::Open(Why::Routed),
            // No port of the host stands for it: the engine lists it like one that is exposed and no more.
            Some(true) if to.exposed.contains(&(port.protocol, port.number)) => Reach::Unknown(Why::RoutedPublication),
            Some(true) => Reach::Closed(Why::Unpublished),
        },
        Some(Gateway::NatUnprotected) => match engine.since(29, 0) {
            None => Reach::Unknown(Why::UnknownVersion),
            Some(true) => Reach::Open(Why::Unprotected),
            Some(false) => Reach::Closed(Why::Apart),
        },
        // Chains that kept networks apart are gone from 29 on: for published ports what is switched off here did so.
        _ if published && engine.firewall.raw_off && engine.since(29, 0) != Some(false) => Reach::Unknown(Why::RawOff),
        _ => Reach::Closed(Why::Apart),
    }
}

/// Between bridges of Podman: from 6 on all are apart unless told otherwise, before none unless told so.
fn podman(engine: &Engine, own: &Network, network: &Network) -> Reach {
    if own.internal == Some(true) {
        return Reach::Closed(Why::FromInternal);
    }
    if network.internal == Some(true) {
        return Reach::Closed(Why::ToInternal);
    }
    let Some(strict) = engine.since(6, 0) else { return Reach::Unknown(Why::UnknownVersion) };
    let default = if strict { "strict" } else { "false" };
    let [own, other] = [own, network].map(|network| network.options.isolate.as_deref().unwrap_or(default));
    match (own, other) {
        ("strict", _) | (_, "strict") | ("true", "true") => Reach::Closed(Why::PodmanApart),
        _ => Reach::Open(Why::PodmanOpen),
    }
}

/// Why nothing is known of rules for IPv6.
fn unfiltered_because(engine: &Engine) -> Why {
    if engine.release.is_none() { Why::UnknownVersion } else { Why::Ipv6Unknown }
}
