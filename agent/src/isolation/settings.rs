//! What the configuration says of isolation.

use std::{path::PathBuf, time::Duration};

use super::active::Name;

/// Whether anything is looked at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Enabled {
    /// While a project of the policy has a say.
    #[default]
    Auto,
    /// Also while none has: connections are seen and drawn then, and nothing is wrong with any.
    Always,
    /// No.
    Never,
}

/// Section `isolation`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Whether anything is looked at.
    pub enabled: Enabled,
    /// Time between two sweeps, and between two rounds of probes, above 0.
    pub interval: Duration,
    /// Whether the kernel's lists of sockets are read.
    pub passive: bool,
    /// Whether connections are begun from inside the namespaces of containers. It needs the helper.
    pub active: bool,
    /// Whether allowed edges are tried now and then, too.
    pub active_allowed: bool,
    /// Socket of the helper; `None` is none.
    pub helper: Option<PathBuf>,
    /// TCP ports of the host that are tried through gateways, in order.
    pub host_ports: Vec<u16>,
    /// How long an answer is waited for.
    pub probe_timeout: Duration,
    /// A name of the world outside that services on internal networks alone must not be able to resolve; `None` asks for none.
    pub outside_name: Option<Name>,
}

/// Ports of the host on which services listen that no container should reach: SSH, the portmapper, the engine, databases, web servers,
/// Prometheus, node_exporter, the engine's metrics, the kubelet.
pub const HOST_PORTS: [u16; 11] = [22, 111, 2375, 2376, 5432, 6379, 8080, 9090, 9100, 9323, 10250];

impl Default for Settings {
    fn default() -> Self {
        Self {
            enabled: Enabled::Auto,
            interval: Duration::from_secs(10),
            passive: true,
            active: false,
            active_allowed: false,
            helper: None,
            host_ports: HOST_PORTS.into(),
            probe_timeout: Duration::from_millis(250),
            outside_name: None,
        }
    }
}

impl Enabled {
    /// Every choice.
    pub const ALL: [Self; 3] = [Self::Auto, Self::Always, Self::Never];

    /// The word in the configuration.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Always => "true",
            Self::Never => "false",
        }
    }
}
