//! What an engine of some version does with networks.

use crate::{
    inventory::EngineStatus,
    model::{Firewall, Release},
};

/// The engine, as far as its networks depend on it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Engine {
    /// Podman, whose rules and versions are others.
    pub podman: bool,
    /// Its version; `None` for a build without one.
    pub release: Option<Release>,
    /// Everything lies in a namespace of a user's own.
    pub rootless: bool,
    /// Everything lies in a machine of its own.
    pub desktop: bool,
    /// What it says of its rules.
    pub firewall: Firewall,
    /// It is part of a Swarm.
    pub swarm: bool,
}

impl Engine {
    /// What the inventory knows of it.
    pub fn of(status: &EngineStatus) -> Self {
        let version = status.version.as_deref();
        let info = status.info.as_deref();
        let system = info.and_then(|info| info.operating_system.as_deref());
        Self {
            podman: version.is_some_and(|version| version.podman),
            release: version.and_then(crate::model::EngineVersion::release),
            rootless: info.is_some_and(|info| info.rootless),
            desktop: system == Some("Docker Desktop"),
            firewall: info.map(|info| info.firewall.clone()).unwrap_or_default(),
            swarm: info.is_some_and(|info| info.swarm),
        }
    }

    /// Whether it is that version or a later one; `None` where its version is not known.
    pub fn since(&self, major: u16, minor: u16) -> Option<bool> {
        Some(self.release? >= Release::new(major, minor, 0))
    }

    /// Whether it writes rules for IPv6. From 27 on by default; before, only where experimental features are on and it is told to, which
    /// it does not tell: `None`.
    pub fn filters_ipv6(&self) -> Option<bool> {
        if self.podman || self.since(27, 0)? {
            return Some(true);
        }
        (self.firewall.experimental == Some(false)).then_some(false)
    }

    /// `20.10.24`, with whose it is.
    pub fn name(&self) -> String {
        let kind = if self.podman { "Podman" } else { "Docker" };
        self.release.map_or_else(|| kind.to_owned(), |release| format!("{kind} {release}"))
    }
}
