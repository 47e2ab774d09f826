//! From a container to the host, and out of it.

use super::{
    Engine, Family,
    map::{Foot, Place, Standing, gateway},
    why::{Reach, Why},
};
use crate::model::{Gateway, Network};

/// Whether services of the host answer a container: those on wildcard addresses, or on the address of a gateway.
pub fn to_host(engine: &Engine, from: &Standing<'_>, family: Family) -> Reach {
    match from.place {
        Place::Host => return Reach::Open(Why::OnHost),
        Place::Alone => return Reach::Closed(Why::NoNetwork),
        Place::Lost => return Reach::Unknown(Why::UnknownNamespace),
        Place::Own => {}
    }
    // The host that gateways lead to is another one.
    if engine.desktop {
        return Reach::Unknown(Why::Desktop);
    }
    if engine.rootless {
        return Reach::Unknown(Why::Rootless);
    }
    let ways =
        from.feet.iter().map(|foot| match (foot.network, foot.network.and_then(|network| network.driver.as_deref())) {
            (None, _) => Reach::Unknown(Why::UnknownNetwork),
            (_, Some("bridge")) if !foot.speaks(family) => Reach::Closed(Why::NoAddress),
            (_, Some("bridge")) if foot.has_host(engine, family) => Reach::Open(Why::ThroughGateway),
            (_, Some("bridge")) => Reach::Closed(Why::NoGateway),
            (_, Some("macvlan" | "ipvlan")) => Reach::Closed(Why::ParentAndChild),
            (_, Some("overlay")) => Reach::Unknown(Why::Overlay),
            _ => Reach::Unknown(Why::ForeignDriver),
        });
    Reach::best(ways).unwrap_or(Reach::Closed(Why::NoNetwork))
}

/// Whether packets of a container leave the host over one of its networks. Names that the engine resolves on its behalf are another
/// matter.
pub(super) fn out_of(engine: &Engine, foot: &Foot<'_>) -> Reach {
    let Some(network) = foot.network else { return Reach::Unknown(Why::UnknownNetwork) };
    let internal = network.internal == Some(true);
    match network.driver.as_deref() {
        Some("bridge") if internal => from_internal(engine, foot, network),
        Some("bridge") => match gateway(engine, network, Family::V4) {
            None => Reach::Unknown(Why::UnknownMode),
            Some(Gateway::Nat) if network.options.masquerade == Some(false) => Reach::Open(Why::Untranslated),
            Some(_) => Reach::Open(Why::WayOut),
        },
        Some("macvlan" | "ipvlan" | "overlay") if internal => Reach::Closed(Why::FromInternal),
        Some("macvlan" | "ipvlan") => Reach::Open(Why::OnLan),
        // Over the gateway bridge that each host of a Swarm has.
        Some("overlay") => Reach::Open(Why::WayOut),
        _ => Reach::Unknown(Why::ForeignDriver),
    }
}

/// Rules keep it in, and from 25 on the want of a route; where none are written for IPv6 before that, nothing does.
fn from_internal(engine: &Engine, foot: &Foot<'_>, network: &Network) -> Reach {
    let unfiltered = foot.speaks(Family::V6) && network.ipv6 == Some(true) && engine.since(25, 0) == Some(false);
    match engine.filters_ipv6() {
        Some(false) if unfiltered => Reach::Open(Why::Ipv6Unfiltered),
        None if unfiltered => Reach::Unknown(Why::Ipv6Unknown),
        _ => Reach::Closed(Why::FromInternal),
    }
}

/// Whether packets of a container leave the host at all, with the network over which they do first.
pub fn outside<'a>(engine: &Engine, from: &Standing<'a>) -> Vec<(&'a str, Reach)> {
    match from.place {
        Place::Host => vec![("host", Reach::Open(Why::OnHost))],
        Place::Alone => Vec::new(),
        Place::Lost => vec![("", Reach::Unknown(Why::UnknownNamespace))],
        Place::Own => from.feet.iter().map(|foot| (foot.name, out_of(engine, foot))).collect(),
    }
}
