//! Where a service should stand: what its networks are like, and whose namespaces it may be in. Held against what is there by
//! `isolation`.

use std::{fmt, sync::Arc};

/// How a network should be. What is `None` the next layer may say; what nobody says is as the engine's default has it, or stricter.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NetworkRule {
    /// `internal: true`: no way out.
    pub internal: Option<bool>,
    /// How its gateway treats it.
    pub gateway: Option<GatewayMode>,
    /// `icc: false`: who is on it may not talk to each other.
    pub icc: Option<bool>,
    /// `ipv6: false`: it has no IPv6.
    pub ipv6: Option<bool>,
    /// Its driver: `bridge`, `overlay`, `macvlan`, `ipvlan` or a plugin's.
    pub driver: Option<Arc<str>>,
}

impl NetworkRule {
    /// What is said here, and where nothing is, what `others` say.
    #[must_use]
    pub fn or(self, others: &Self) -> Self {
        Self {
            internal: self.internal.or(others.internal),
            gateway: self.gateway.or(others.gateway),
            icc: self.icc.or(others.icc),
            ipv6: self.ipv6.or(others.ipv6),
            driver: self.driver.or_else(|| others.driver.clone()),
        }
    }
}

/// `com.docker.network.bridge.gateway_mode_ipv4`, and that of IPv6.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GatewayMode {
    /// Addresses are translated.
    Nat,
    /// Addresses are routed.
    Routed,
    /// Addresses are translated, and no port is closed.
    NatUnprotected,
    /// No address on the host.
    Isolated,
    /// Whatever it is.
    Any,
}

impl GatewayMode {
    /// All of them, by their words.
    pub const WORDS: [(&'static str, Self); 5] = [
        ("nat", Self::Nat),
        ("routed", Self::Routed),
        ("nat-unprotected", Self::NatUnprotected),
        ("isolated", Self::Isolated),
        ("any", Self::Any),
    ];

    /// The mode of that word.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::WORDS.iter().find(|(known, _)| *known == word).map(|(_, mode)| *mode)
    }

    /// The word in the file.
    pub fn as_str(self) -> &'static str {
        Self::WORDS.iter().find(|(_, mode)| *mode == self).map_or("any", |(word, _)| word)
    }
}

/// Whose namespaces a service may be in beside its own; `None` the next rule may say, and without one it must be its own.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sharing {
    /// Of the network.
    pub network: Option<With>,
    /// Of processes.
    pub pid: Option<With>,
    /// Of shared memory.
    pub ipc: Option<With>,
    /// Of user ids: the host's, where the engine maps them for others.
    pub userns: Option<With>,
}

impl Sharing {
    /// What is said here, and where nothing is, what `others` say.
    #[must_use]
    pub fn or(self, others: &Self) -> Self {
        let or = |own: Option<With>, other: &Option<With>| own.or_else(|| other.clone());
        Self {
            network: or(self.network, &others.network),
            pid: or(self.pid, &others.pid),
            ipc: or(self.ipc, &others.ipc),
            userns: or(self.userns, &others.userns),
        }
    }
}

/// With whom a namespace may be shared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum With {
    /// Nobody.
    Own,
    /// The host.
    Host,
    /// Nobody, with loopback alone; of networks only.
    None,
    /// A service of the same project.
    Service(Arc<str>),
    /// A container by its name, of whichever project.
    Container(Arc<str>),
}

impl With {
    /// Reads `host`, `none`, `own`, `service:vpn`, `container:vpn-1`; `None` for anything else.
    pub fn parse(text: &str) -> Option<Self> {
        let named = |prefix: &str| text.strip_prefix(prefix).filter(|name| !name.is_empty()).map(Arc::from);
        match text {
            "own" => Some(Self::Own),
            "host" => Some(Self::Host),
            "none" => Some(Self::None),
            _ => named("service:").map(Self::Service).or_else(|| named("container:").map(Self::Container)),
        }
    }
}

impl fmt::Display for With {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Own => f.write_str("own"),
            Self::Host => f.write_str("host"),
            Self::None => f.write_str("none"),
            Self::Service(name) => write!(f, "service:{name}"),
            Self::Container(name) => write!(f, "container:{name}"),
        }
    }
}
