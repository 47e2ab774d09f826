//! Networks and how containers hang on them.

use std::{net::IpAddr, sync::Arc};

/// A network (`GET /networks`).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Network {
    /// Engine id.
    pub id: Arc<str>,
    /// Name.
    pub name: Arc<str>,
    /// `bridge`, `host`, `null`, `overlay`, `macvlan`, `ipvlan` or a plugin.
    pub driver: Option<Arc<str>>,
    /// `local` or `swarm`.
    pub scope: Option<Arc<str>>,
    /// No way out by design.
    pub internal: Option<bool>,
    /// Subnets as the engine writes them.
    pub subnets: Vec<Arc<str>>,
    /// Addresses of gateways as asked for or given (`IPAM.Config[].Gateway`); an engine may have one without saying so.
    pub gateways: Vec<IpAddr>,
    /// `EnableIPv4`, which engines before 28 have always on and do not say, and Podman says wrongly.
    pub ipv4: Option<bool>,
    /// `EnableIPv6`.
    pub ipv6: Option<bool>,
    /// `Attachable`: containers of no service may join a network of a Swarm.
    pub attachable: Option<bool>,
    /// `Ingress`: the network by which a Swarm spreads published ports.
    pub ingress: Option<bool>,
    /// `ConfigOnly`: a pattern for others; nobody can be on it.
    pub config_only: Option<bool>,
    /// What its driver was told.
    pub options: LinkOptions,
    /// `com.docker.compose.project`, or the stack of a Swarm.
    pub project: Option<Arc<str>>,
    /// `com.docker.compose.network`: what the compose file calls it.
    pub short: Option<Arc<str>>,
}

impl Network {
    /// Whether its driver is the one in which bridges and their rules are the engine's.
    pub fn is_bridge(&self) -> bool {
        self.driver.as_deref() == Some("bridge")
    }
}

/// Options of a network's driver that change who reaches whom (`Options`). `None` is not said: the engine's default holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LinkOptions {
    /// `com.docker.network.bridge.enable_icc`: containers on it may talk to each other. On by default.
    pub icc: Option<bool>,
    /// `com.docker.network.bridge.gateway_mode_ipv4`, from Engine 27 on.
    pub gateway_v4: Option<Gateway>,
    /// `com.docker.network.bridge.gateway_mode_ipv6`, from Engine 27 on.
    pub gateway_v6: Option<Gateway>,
    /// `com.docker.network.bridge.enable_ip_masquerade`: what leaves has the host's address. On by default.
    pub masquerade: Option<bool>,
    /// `com.docker.network.bridge.host_binding_ipv4`: where ports are published that name no address.
    pub host_binding: Option<IpAddr>,
    /// `com.docker.network.bridge.inhibit_ipv4`: the bridge has no IPv4 address.
    pub inhibit_ipv4: Option<bool>,
    /// `com.docker.network.bridge.trusted_host_interfaces`, from Engine 28.2 on: who may reach addresses of containers directly.
    pub trusted_interfaces: Option<Arc<str>>,
    /// `com.docker.network.bridge.name`: the bridge's name on the host where it was chosen.
    pub bridge: Option<Arc<str>>,
    /// `com.docker.network.bridge.default_bridge`: the network `bridge`, the only one on which links mean anything.
    pub default_bridge: Option<bool>,
    /// `parent` of macvlan and ipvlan: the host's interface; a network without one is alone.
    pub parent: Option<Arc<str>>,
    /// `isolate` of Podman: `true` keeps it from others that say so, `strict` from all.
    pub isolate: Option<Arc<str>>,
    /// `encrypted` of an overlay network.
    pub encrypted: Option<bool>,
}

/// How the engine treats what is behind the gateway of a bridge.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Gateway {
    /// The host has no address on the bridge (`isolated`, from 28 on, internal networks alone).
    Isolated,
    /// Addresses are translated, and ports that are not published closed (`nat`). The default.
    Nat,
    /// Addresses are routed, and ports that are not published closed (`routed`).
    Routed,
    /// Addresses are translated, and every port is open to whoever has a route (`nat-unprotected`, from 28 on).
    NatUnprotected,
    /// A word this version does not know.
    Unknown,
}

impl Gateway {
    /// The engine's word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Isolated => "isolated",
            Self::Nat => "nat",
            Self::Routed => "routed",
            Self::NatUnprotected => "nat-unprotected",
            Self::Unknown => "unknown",
        }
    }

    /// The mode of a word; the engine's own default for none.
    pub fn from_word(word: &str) -> Self {
        match word {
            "isolated" => Self::Isolated,
            "nat" | "" => Self::Nat,
            "routed" => Self::Routed,
            "nat-unprotected" => Self::NatUnprotected,
            _ => Self::Unknown,
        }
    }
}

/// One container on one network (`NetworkSettings.Networks`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attachment {
    /// Name of the network.
    pub network: Arc<str>,
    /// Id of the network; absent before the first start.
    pub network_id: Option<Arc<str>>,
    /// Addresses in it; none while the container does not run.
    pub addresses: Vec<IpAddr>,
    /// Names it answers to in this network.
    pub aliases: Vec<Arc<str>>,
}
