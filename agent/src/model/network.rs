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

    /// Its name as a project's compose file has it: by its label, without `<project>_`, else the engine's own.
    pub fn short_name(&self, project: &str) -> &str {
        match self.project.as_deref() {
            Some(owner) if owner == project => match self.short.as_deref() {
                Some(short) => short,
                None => without_project(project, &self.name),
            },
            // Another project's: only its whole name says which is meant.
            Some(_) => &self.name,
            None => without_project(project, &self.name),
        }
    }

    /// Whether it is a project's own: its label says so, or it has no label and is called as Compose would call it.
    pub fn belongs_to(&self, project: &str) -> bool {
        match self.project.as_deref() {
            Some(owner) => owner == project,
            None => without_project(project, &self.name).len() < self.name.len(),
        }
    }
}

fn without_project<'a>(project: &str, name: &'a str) -> &'a str {
    let rest = name.strip_prefix(project).and_then(|rest| rest.strip_prefix('_'));
    rest.filter(|rest| !rest.is_empty() && !project.is_empty()).unwrap_or(name)
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

/// A range of addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Subnet {
    address: IpAddr,
    /// Leading bits that matter: at most 32 of IPv4, 128 of IPv6.
    bits: u8,
}

impl Subnet {
    /// Reads `10.0.0.0/8`, `fd00::/8`, or a single address; `None` for anything else.
    pub fn parse(text: &str) -> Option<Self> {
        let (address, bits) = text.split_once('/').map_or((text, None), |(address, bits)| (address, Some(bits)));
        let address: IpAddr = address.parse().ok()?;
        let most = if address.is_ipv4() { 32 } else { 128 };
        let bits = match bits {
            None => most,
            Some(bits) => bits.parse().ok().filter(|bits| *bits <= most)?,
        };
        Some(Self { address, bits })
    }

    /// Whether an address lies in it; an IPv4 address inside IPv6 (`::ffff:a.b.c.d`) is taken for IPv4.
    pub fn contains(&self, address: IpAddr) -> bool {
        let shifted = |bits: u128, most: u8| bits.checked_shr(u32::from(most.saturating_sub(self.bits))).unwrap_or(0);
        match (self.address, address.to_canonical()) {
            (IpAddr::V4(own), IpAddr::V4(other)) => {
                shifted(u128::from(u32::from(own)), 32) == shifted(u128::from(u32::from(other)), 32)
            }
            (IpAddr::V6(own), IpAddr::V6(other)) => shifted(u128::from(own), 128) == shifted(u128::from(other), 128),
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_hold_what_they_say() {
        for (range, address, expected) in [
            ("10.0.0.0/8", "10.255.0.1", true),
            ("10.0.0.0/8", "11.0.0.1", false),
            ("0.0.0.0/0", "203.0.113.9", true),
            ("0.0.0.0/0", "2001:db8::1", false),
            ("::/0", "2001:db8::1", true),
            ("203.0.113.9", "203.0.113.9", true),
            ("203.0.113.9", "203.0.113.8", false),
            ("172.16.0.0/12", "::ffff:172.31.0.1", true),
            ("2001:db8::/33", "2001:db8:8000::1", false),
        ] {
            let contains = Subnet::parse(range).unwrap().contains(address.parse().unwrap());
            assert_eq!(contains, expected, "{address} in {range}");
        }
        for text in ["", "10.0.0.0/33", "::/129", "10.0.0/8", "a/8", "10.0.0.0/", "10.0.0.0/-1"] {
            assert_eq!(Subnet::parse(text), None, "{text}");
        }
    }

    #[test]
    fn networks_are_called_as_the_compose_file_calls_them() {
        let network = |name: &str, project: Option<&str>, short: Option<&str>| Network {
            name: name.into(),
            project: project.map(Into::into),
            short: short.map(Into::into),
            ..Network::default()
        };
        for (name, project, short, called, own) in [
            ("shop_back", Some("shop"), Some("back"), "back", true),
            ("inner", Some("shop"), Some("back"), "back", true),
            ("shop_back", None, None, "back", true),
            ("shop_", None, None, "shop_", false),
            ("shop_back", Some("other"), Some("shop_back"), "shop_back", false),
            ("shop_back", Some("shop"), None, "back", true),
            ("bridge", None, None, "bridge", false),
        ] {
            let network = network(name, project, short);
            assert_eq!((network.short_name("shop"), network.belongs_to("shop")), (called, own), "{network:?}");
        }
        assert_eq!(network("_back", None, None).short_name(""), "_back");
    }
}
