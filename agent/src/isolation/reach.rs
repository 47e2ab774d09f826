//! What the engine's networks allow, by the engine's version: predicted, not tried.
//!
//! ```text
//!  Snapshot -> Map -> Standing of each container (whose namespace, which networks) --+
//!  version, info --> Engine ---------------------------------------------------------+-> Reach: open, closed or unknown, and why
//! ```
//!
//! Pure: the same networks and the same engine give the same answer. What the engine does not tell (whether the userland proxy is off,
//! rules somebody else wrote) is taken as an engine has it by default, and where that will not do the answer is unknown. What other
//! programs block, the host's own firewall among them, is not seen here: an open way may be closed by them, a closed one is not opened.

mod address;
mod engine;
mod host;
mod map;
mod published;
#[cfg(test)]
pub(in crate::isolation) mod tests;
mod why;

use std::net::IpAddr;

pub(super) use self::map::gateway;
pub use self::{
    engine::Engine,
    host::{outside, to_host},
    map::{Foot, Map, Place, Standing},
    why::{Reach, Why},
};
use crate::model::Protocol;

/// A version of IP: each has rules of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Family {
    /// IPv4.
    V4,
    /// IPv6.
    V6,
}

impl Family {
    /// Both.
    pub const ALL: [Self; 2] = [Self::V4, Self::V6];

    /// That of an address; an IPv4 address inside IPv6 counts as IPv4.
    pub fn of(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V4(_) => Self::V4,
            IpAddr::V6(_) => Self::V6,
        }
    }

    /// `IPv4` or `IPv6`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::V4 => "IPv4",
            Self::V6 => "IPv6",
        }
    }
}

/// A port of somebody.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Port {
    /// Its number.
    pub number: u16,
    /// TCP or UDP.
    pub protocol: Protocol,
}

/// One way to a port, and whether it is open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Way {
    /// Over what.
    pub over: Over,
    /// Whether it is open.
    pub reach: Reach,
}

/// What a way leads over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Over {
    /// Loopback of the namespace that both are in.
    Loopback,
    /// An address of the target, on a network that both are on.
    Shared(IpAddr),
    /// An address of the target, on a network that the source is not on.
    Across(IpAddr),
    /// A port of the host that is published for the target: the address it is bound to, and the port.
    Published(IpAddr, u16),
}

/// Every way from one container to a port of another. None where the target has neither an address nor a published port.
pub fn ways(engine: &Engine, from: &Standing<'_>, to: &Standing<'_>, port: Port) -> Vec<Way> {
    if from.shares_with(to) {
        return vec![Way { over: Over::Loopback, reach: Reach::Open(Why::SameNamespace) }];
    }
    if to.place == Place::Host {
        let reach = Reach::best(Family::ALL.map(|family| to_host(engine, from, family)));
        return reach.map(|reach| Way { over: Over::Across(IpAddr::from([0, 0, 0, 0])), reach }).into_iter().collect();
    }
    let mut ways = Vec::new();
    for foot in &to.feet {
        for &address in foot.addresses {
            let (is_shared, reach) = address::reach(engine, from, to, foot, Family::of(address), port);
            let over = if is_shared { Over::Shared(address) } else { Over::Across(address) };
            ways.push(Way { over, reach });
        }
    }
    let own = |bound: &&crate::model::PublishedPort| {
        bound.container_port == port.number && *bound.protocol == *port.protocol.as_str()
    };
    for bound in to.ports.iter().filter(own) {
        // What the engine does not say is every IPv4 address.
        let at = bound.host_ip.parse().unwrap_or(IpAddr::from([0, 0, 0, 0]));
        ways.push(Way { over: Over::Published(at, bound.host_port), reach: published::reach(engine, from, at) });
    }
    ways
}

/// Whether any way from one container to a port of another is open; closed where there is none.
pub fn between(engine: &Engine, from: &Standing<'_>, to: &Standing<'_>, port: Port) -> Reach {
    let ways = ways(engine, from, to, port);
    Reach::best(ways.into_iter().map(|way| way.reach)).unwrap_or(Reach::Closed(Why::NoAddress))
}
