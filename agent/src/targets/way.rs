//! The ways to a target, by what right they are believed in, and why there may be none.

use std::{net::SocketAddr, sync::Arc};

use crate::model::Process;

/// By what right the agent reaches a target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Vantage {
    /// (S) The agent's container and the target share a network.
    SharedNetwork,
    /// (H) The agent runs on the host, where the target's bridge is.
    Host,
    /// (N) A helper makes sockets inside the target's own network namespace.
    Namespace,
}

impl Vantage {
    /// The word in `__meta_spyhop_vantage`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::SharedNetwork => "shared_network",
            Self::Host => "host",
            Self::Namespace => "namespace",
        }
    }
}

/// How a target is reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Way {
    /// An address of the container, on a network the agent reaches.
    Address {
        /// Address and declared port.
        at: SocketAddr,
        /// The network.
        network: Arc<str>,
        /// Why it is believed to be the container's.
        vantage: Vantage,
    },
    /// An address of the container, from inside its own network namespace.
    Namespace {
        /// Address and declared port. Never loopback: what listens there alone is no business of others, and no way should make it one.
        at: SocketAddr,
        /// The network.
        network: Arc<str>,
        /// A process of the container.
        process: Process,
    },
    /// It is the agent itself, which serves its page and does not fetch it.
    Itself,
}

impl Way {
    /// Where it ends; `None` for the agent itself.
    pub const fn address(&self) -> Option<SocketAddr> {
        match self {
            Self::Address { at, .. } | Self::Namespace { at, .. } => Some(*at),
            Self::Itself => None,
        }
    }

    /// On which network that is.
    pub fn network(&self) -> Option<&str> {
        match self {
            Self::Address { network, .. } | Self::Namespace { network, .. } => Some(network),
            Self::Itself => None,
        }
    }

    /// The word in `__meta_spyhop_vantage`.
    pub const fn vantage(&self) -> &'static str {
        match self {
            Self::Address { vantage, .. } => vantage.as_str(),
            Self::Namespace { .. } => Vantage::Namespace.as_str(),
            Self::Itself => "itself",
        }
    }
}

/// Why there is no way to a target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoWay {
    /// The agent's container shares no network with it.
    NoSharedNetwork,
    /// The agent is on the host, and none of the container's networks is a bridge of this host.
    NoBridge,
    /// The container has no address: no network, or none yet.
    NoAddress,
    /// The container is on the host's network and the agent is not.
    HostNetwork,
    /// The engine is on another machine.
    RemoteEngine,
}

impl NoWay {
    /// The `reason` label.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NoSharedNetwork => "no_shared_network",
            Self::NoBridge => "no_bridge",
            Self::NoAddress => "no_address",
            Self::HostNetwork => "host_network",
            Self::RemoteEngine => "remote_engine",
        }
    }

    /// For people.
    pub const fn explain(self) -> &'static str {
        match self {
            Self::NoSharedNetwork => "the agent's container shares no network with it",
            Self::NoBridge => "none of its networks is a bridge of this host",
            Self::NoAddress => "it has no address",
            Self::HostNetwork => "it is on the host's network and the agent is not",
            Self::RemoteEngine => "the engine is on another machine",
        }
    }
}
