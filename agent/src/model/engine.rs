//! The engine itself: version, facts, events, images.

use std::sync::Arc;

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
