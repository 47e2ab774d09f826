//! Who and whom, in words of the policy: never an address of a container, an id or a port that the kernel chose.

use std::{fmt, net::IpAddr, sync::Arc};

use crate::model::{Protocol, ServiceKey};

/// One end of an edge.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum End {
    /// A service, of whichever project.
    Service(ServiceKey),
    /// The host itself, through a gateway or any of its addresses.
    Host,
    /// The agent, or what asks on its behalf: implied in every policy.
    Agent,
    /// An address of a network of this host that belongs to no container in the picture.
    Unlisted(IpAddr),
    /// An address of no network of this host.
    External(IpAddr),
}

impl End {
    /// The label `dst` (or `src`) in series of this project: a service's name, or one word for everybody else.
    pub fn label(&self, project: &str) -> Arc<str> {
        match self {
            Self::Service(key) if *key.project == *project => Arc::clone(&key.service),
            Self::Service(_) => "other_project".into(),
            Self::Host => "host".into(),
            Self::Agent => "agent".into(),
            Self::Unlisted(_) => "unlisted".into(),
            Self::External(_) => "external".into(),
        }
    }
}

impl fmt::Display for End {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Service(key) if key.project.is_empty() => f.write_str(&key.service),
            Self::Service(key) => write!(f, "{}/{}", key.project, key.service),
            Self::Host => f.write_str("the host"),
            Self::Agent => f.write_str("the agent"),
            Self::Unlisted(address) | Self::External(address) => write!(f, "{address}"),
        }
    }
}

/// A way from a service to a port of somebody. Ports are the target's own, not those that are published for it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Edge {
    /// Who begins.
    pub from: ServiceKey,
    /// Whom it goes to.
    pub to: End,
    /// Port there.
    pub port: u16,
    /// TCP or UDP.
    pub protocol: Protocol,
}

impl fmt::Display for Edge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} -> {}:{}", End::Service(self.from.clone()), self.to, self.port)?;
        match self.protocol {
            Protocol::Tcp => Ok(()),
            Protocol::Udp => f.write_str("/udp"),
        }
    }
}
