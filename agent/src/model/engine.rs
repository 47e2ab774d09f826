//! The engine itself: version, facts, events, images.

use std::{fmt, sync::Arc};

use jiff::Timestamp;

use super::{ContainerId, Labels};

/// `GET /version`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EngineVersion {
    /// Engine version, `28.5.1`.
    pub version: Arc<str>,
    /// Newest API the engine speaks, `1.51`.
    pub api_version: Arc<str>,
    /// Oldest API the engine speaks.
    pub min_api_version: Option<Arc<str>>,
    /// API version spoken with it: the lower of both newest ones.
    pub negotiated: Arc<str>,
    /// `Os` and `Arch`.
    pub os: Option<Arc<str>>,
    /// Machine architecture as Go names it.
    pub arch: Option<Arc<str>>,
    /// Kernel release.
    pub kernel: Option<Arc<str>>,
    /// It is Podman, whose versions count otherwise: a component says so (`Podman Engine`).
    pub podman: bool,
}

impl EngineVersion {
    /// The engine's version as numbers; `None` for a build without one (`dev`).
    pub fn release(&self) -> Option<Release> {
        Release::parse(&self.version)
    }
}

/// Numbers of a version, in order. What stands behind them (`-rc.1`, `+dfsg1`) is left out: a distribution's own mends do not show.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Release {
    /// `28` of 28.5.1.
    pub major: u16,
    /// `5` of 28.5.1.
    pub minor: u16,
    /// `1` of 28.5.1; 0 where there is none.
    pub patch: u16,
}

impl Release {
    /// A version by its numbers.
    pub const fn new(major: u16, minor: u16, patch: u16) -> Self {
        Self { major, minor, patch }
    }

    /// Reads `28.5.1`, `20.10.24+dfsg1`, `29.0`; `None` without two numbers.
    pub fn parse(text: &str) -> Option<Self> {
        let numbers = text.split(['-', '+', '~', ' ']).next().unwrap_or_default();
        let mut parts = numbers.split('.').map(|part| part.parse::<u16>().ok());
        let (major, minor) = (parts.next()??, parts.next()??);
        Some(Self { major, minor, patch: parts.next().flatten().unwrap_or_default() })
    }
}

impl fmt::Display for Release {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.major, self.minor, self.patch)
    }
}

/// `GET /info`, reduced.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EngineInfo {
    /// Host name as the engine knows it; the `host` of every identity unless the file says otherwise.
    pub name: Arc<str>,
    /// `CgroupDriver`: `cgroupfs`, `systemd` or `none`.
    pub cgroup_driver: Option<Arc<str>>,
    /// `CgroupVersion`: `1` or `2`.
    pub cgroup_version: Option<Arc<str>>,
    /// `OperatingSystem`.
    pub operating_system: Option<Arc<str>>,
    /// `Driver`: storage driver.
    pub storage_driver: Option<Arc<str>>,
    /// `DockerRootDir`.
    pub root_dir: Option<Arc<str>>,
    /// `NCPU`: processors the engine sees.
    pub cpus: Option<u64>,
    /// `MemTotal` in bytes.
    pub memory_bytes: Option<u64>,
    /// The engine's own clock at the answer (`SystemTime`).
    pub system_time: Option<Timestamp>,
    /// What is said of the rules between networks.
    pub firewall: Firewall,
    /// `SecurityOptions` has `name=rootless`: everything lies in a namespace of a user's own.
    pub rootless: bool,
    /// `SecurityOptions` has `name=userns`: ids in containers are others than on the host.
    pub userns: bool,
    /// `Swarm.LocalNodeState` is `active`.
    pub swarm: bool,
}

/// What an engine says of how it keeps networks apart. `None` is what it did not say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Firewall {
    /// `FirewallBackend.Driver`, from Engine 28.1 on: `iptables`, `iptables+firewalld`, `nftables`.
    pub backend: Option<Arc<str>>,
    /// `FirewallBackend.Info`, `EnableUserlandProxy`, from Engine 29.5 on.
    pub userland_proxy: Option<bool>,
    /// A warning says that `DOCKER_INSECURE_NO_IPTABLES_RAW` is set: addresses of containers can be reached from outside the host.
    pub raw_off: bool,
    /// A warning says that bridges do not pass packets to iptables: what is between containers of one network is not filtered.
    pub bridge_v4_off: bool,
    /// The same of ip6tables.
    pub bridge_v6_off: bool,
    /// `ExperimentalBuild`: before 27 no rule for IPv6 is written without it.
    pub experimental: Option<bool>,
}

/// `GET /images/{id}/json`, reduced.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Image {
    /// Digest.
    pub id: Arc<str>,
    /// `Created`; reproducible builds say 1970, which is `None` here.
    pub created: Option<Timestamp>,
}

/// One line of `GET /events`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// `timeNano` of the engine's clock.
    pub time: Timestamp,
    /// What happened.
    pub kind: EventKind,
    /// Attributes of what it happened to: for a container its `name`, its `image` and all its labels, so that a container
    /// which is gone before anybody can inspect it still has an identity. Empty when the engine sent none.
    pub attributes: Labels,
}

/// The events spyhop asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EventKind {
    /// `create`.
    Created(ContainerId),
    /// `start`.
    Started(ContainerId),
    /// `die`.
    Died {
        /// Which.
        id: ContainerId,
        /// Attribute `exitCode`.
        exit_code: Option<i64>,
    },
    /// `oom`.
    Oom(ContainerId),
    /// `kill` or `stop`: a person or a program asked for the end of the run.
    StopRequested {
        /// Which.
        id: ContainerId,
        /// Attribute `signal` of `kill`; `None` for `stop`.
        signal: Option<i64>,
    },
    /// `health_status: ...`.
    Health {
        /// Which.
        id: ContainerId,
        /// The new status.
        status: super::HealthStatus,
    },
    /// `pause`, `unpause`, `rename`, `update`, `restart`, or a network attached or taken away: look again.
    Changed(ContainerId),
    /// `destroy`.
    Destroyed(ContainerId),
    /// A network was made, removed, joined or left.
    NetworkChanged,
    /// Podman's `log-rotation`: the file behind the stream was changed for another, and events may be missing or come again.
    Turnover,
    /// Something asked for by mistake or new: ignored, counted.
    Other,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_numbers() {
        let read = |text: &str| Release::parse(text).map(|release| (release.major, release.minor, release.patch));
        for (text, expected) in [
            ("20.10.24+dfsg1", (20, 10, 24)),
            ("28.5.2", (28, 5, 2)),
            ("29.0", (29, 0, 0)),
            ("26.0.0-rc3", (26, 0, 0)),
            ("25.0.5~ds1", (25, 0, 5)),
            ("28.3.3 (build 1)", (28, 3, 3)),
            ("4.3.x", (4, 3, 0)),
        ] {
            assert_eq!(read(text), Some(expected), "{text}");
        }
        for text in ["", "dev", "28", "library-import", "99999999.1"] {
            assert_eq!(read(text), None, "{text}");
        }
        assert!(Release::new(28, 0, 0) > Release::new(27, 5, 1) && Release::new(20, 10, 9) < Release::new(20, 10, 24));
    }
}
