//! A container as the engine describes it (`GET /containers/{id}/json`), reduced to what spyhop uses.

use std::{fmt, sync::Arc, time::Duration};

use jiff::Timestamp;

use super::{Attachment, Confinement, Identity, IntoTree as _, LogSetup};

/// The engine's full container id (64 hexadecimal digits on Docker and Podman).
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ContainerId(Arc<str>);

impl ContainerId {
    /// Wraps an id as the engine gave it.
    pub fn new(id: impl Into<Arc<str>>) -> Self {
        Self(id.into())
    }

    /// The whole id.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The first twelve characters, as `docker ps` prints them.
    pub fn short(&self) -> &str {
        self.0.get(..12).unwrap_or(&self.0)
    }
}

impl fmt::Display for ContainerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for ContainerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.short())
    }
}

/// Everything spyhop knows of one container from one inspection.
#[derive(Clone, Debug, PartialEq)]
pub struct Container {
    /// Engine id.
    pub id: ContainerId,
    /// Name without the leading slash.
    pub name: Arc<str>,
    /// Image reference as the container was created from (`Config.Image`); may be a bare digest.
    pub image: Arc<str>,
    /// Digest of the image (`Image`, `sha256:...`).
    pub image_id: Option<Arc<str>>,
    /// All labels, sorted by key.
    pub labels: Labels,
    /// Who this container is, from Compose or Swarm labels or its name.
    pub identity: Identity,
    /// `Created`.
    pub created: Option<Timestamp>,
    /// `State.Status`.
    pub state: ContainerState,
    /// `State.Pid` of the first process in the host's pid namespace; `None` when not running.
    pub pid: Option<u32>,
    /// `State.StartedAt` of the newest run; `None` when never started (the engine says year 1).
    pub started_at: Option<Timestamp>,
    /// `State.FinishedAt` of the newest finished run; `None` when no run has ended.
    pub finished_at: Option<Timestamp>,
    /// `State.ExitCode` of the newest run once it has ended, or of a start that failed; `None` while it runs (the engine writes 0).
    pub exit_code: Option<i64>,
    /// `State.OOMKilled` of the newest run.
    pub oom_killed: Option<bool>,
    /// `RestartCount`: restarts by the restart policy since the last explicit start.
    pub restart_count: Option<u64>,
    /// Health; `None` when the container has no health check.
    pub health: Option<Health>,
    /// Limits and reservations which the engine was asked for.
    pub limits: Limits,
    /// `HostConfig.RestartPolicy`.
    pub restart_policy: RestartPolicy,
    /// `HostConfig.NetworkMode`.
    pub network_mode: NetworkMode,
    /// Networks the container is attached to, sorted by name.
    pub networks: Vec<Attachment>,
    /// Ports published on the host, sorted.
    pub ports: Vec<PublishedPort>,
    /// How many ports its image, its definition or a publication exposes: `NetworkSettings.Ports`. `None` while it does not run.
    pub exposed_ports: Option<usize>,
    /// Mounts, sorted by destination.
    pub mounts: Vec<Mount>,
    /// How its output is kept.
    pub log: LogSetup,
    /// What it may do, and what it was given to know.
    pub confinement: Confinement,
}

impl Container {
    /// One of which nothing is known but its id, its name and its labels: for those who know more to add to.
    pub fn bare(id: impl Into<Arc<str>>, name: &str, labels: Labels) -> Self {
        Self {
            id: ContainerId::new(id),
            name: name.into(),
            image: Arc::default(),
            image_id: None,
            identity: Identity::from_labels(&labels, name),
            labels,
            created: None,
            state: ContainerState::Unknown,
            pid: None,
            started_at: None,
            finished_at: None,
            exit_code: None,
            oom_killed: None,
            restart_count: None,
            health: None,
            limits: Limits::default(),
            restart_policy: RestartPolicy::No,
            network_mode: NetworkMode::None,
            networks: Vec::new(),
            ports: Vec::new(),
            exposed_ports: None,
            mounts: Vec::new(),
            log: LogSetup::default(),
            confinement: Confinement::default(),
        }
    }

    /// Whether the kernel has processes of it to account: running or paused, with a pid.
    pub fn has_processes(&self) -> bool {
        self.pid.is_some() && matches!(self.state, ContainerState::Running | ContainerState::Paused)
    }

    /// Exit 0 and a restart policy that leaves it at that: the container has done what it was started for.
    pub fn completed(&self) -> bool {
        self.state == ContainerState::Exited && self.exit_code == Some(0) && self.restart_policy.lets_end()
    }
}

/// Labels sorted by key; keys are unique.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Labels(Box<[(Arc<str>, Arc<str>)]>);

impl Labels {
    /// Sorts and wraps; of equal keys the last wins.
    pub fn new(pairs: impl IntoIterator<Item = (Arc<str>, Arc<str>)>) -> Self {
        let sorted: std::collections::BTreeMap<_, _> = pairs.into_iter().into_map();
        Self(sorted.into_iter().collect())
    }

    /// The value of one label.
    pub fn get(&self, key: &str) -> Option<&str> {
        let at = self.0.binary_search_by(|(k, _)| k.as_ref().cmp(key)).ok()?;
        self.0.get(at).map(|(_, v)| v.as_ref())
    }

    /// All pairs in order of their keys.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(k, v)| (k.as_ref(), v.as_ref()))
    }
}

/// `State.Status`, with what newer or other engines may invent kept as [`ContainerState::Unknown`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ContainerState {
    /// Made, never started.
    Created,
    /// Its processes run.
    Running,
    /// Frozen by `docker pause`.
    Paused,
    /// Between two runs, the restart policy waits.
    Restarting,
    /// Being removed.
    Removing,
    /// Its last run has ended.
    Exited,
    /// Removal failed half way.
    Dead,
    /// A word this version does not know.
    Unknown,
}

impl RestartPolicy {
    /// `no` and `on-failure`: a run that ended with 0 is the last.
    pub const fn lets_end(&self) -> bool {
        matches!(self, Self::No | Self::OnFailure(_))
    }
}

impl ContainerState {
    /// The engine's word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Running => "running",
            Self::Paused => "paused",
            Self::Restarting => "restarting",
            Self::Removing => "removing",
            Self::Exited => "exited",
            Self::Dead => "dead",
            Self::Unknown => "unknown",
        }
    }
}

/// Health check and its newest results.
#[derive(Clone, Debug, PartialEq)]
pub struct Health {
    /// `State.Health.Status`.
    pub status: HealthStatus,
    /// `State.Health.FailingStreak`.
    pub failing_streak: Option<u64>,
    /// `State.Health.Log`, oldest first; the engine keeps five.
    pub results: Vec<HealthResult>,
    /// `Config.Healthcheck`, engine defaults filled in.
    pub check: HealthCheck,
}

/// `State.Health.Status`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HealthStatus {
    /// Inside its start period, no verdict yet.
    Starting,
    /// The last checks passed.
    Healthy,
    /// `retries` checks in a row failed.
    Unhealthy,
    /// No verdict yet because it never started, or a word this version does not know.
    Unknown,
}

impl HealthStatus {
    /// The engine's word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Starting => "starting",
            Self::Healthy => "healthy",
            Self::Unhealthy => "unhealthy",
            Self::Unknown => "unknown",
        }
    }
}

/// One run of a health check; its output never leaves the engine edge.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HealthResult {
    /// `Start`; identifies the result.
    pub start: Timestamp,
    /// `End`.
    pub end: Option<Timestamp>,
    /// `ExitCode`: 0 passed, -1 ran into its timeout, anything else failed.
    pub exit_code: i64,
}

impl HealthResult {
    /// How long the check took; `None` when the clock jumped back in between.
    pub fn duration(&self) -> Option<Duration> {
        Duration::try_from(self.end?.duration_since(self.start)).ok()
    }

    /// Whether the check passed.
    pub const fn passed(&self) -> bool {
        self.exit_code == 0
    }
}

/// `Config.Healthcheck` with the engine's defaults filled in where it says 0 or nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HealthCheck {
    /// Time between checks; engine default 30 s.
    pub interval: Duration,
    /// Longest run of one check; engine default 30 s.
    pub timeout: Duration,
    /// Failures in this time after the start do not count; engine default 0.
    pub start_period: Duration,
    /// Failures in a row until unhealthy; engine default 3.
    pub retries: u64,
}

/// `HostConfig` limits; `None` is "no limit asked for".
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Limits {
    /// `Memory` in bytes.
    pub memory_bytes: Option<u64>,
    /// `MemoryReservation` in bytes.
    pub memory_reservation_bytes: Option<u64>,
    /// `MemorySwap` in bytes: memory and swap together; unlimited (-1) is `None`.
    pub memory_swap_bytes: Option<u64>,
    /// `NanoCpus / 1e9`, or `CpuQuota / CpuPeriod`, in cores.
    pub cpu_cores: Option<f64>,
    /// `CpuShares`.
    pub cpu_shares: Option<u64>,
    /// `PidsLimit`; 0 and -1 are `None`.
    pub pids: Option<u64>,
}

/// `HostConfig.RestartPolicy`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RestartPolicy {
    /// `no` or empty.
    No,
    /// `always`.
    Always,
    /// `unless-stopped`.
    UnlessStopped,
    /// `on-failure`, with `MaximumRetryCount` when not 0.
    OnFailure(Option<u64>),
    /// A word this version does not know.
    Unknown,
}

/// `HostConfig.NetworkMode`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NetworkMode {
    /// Shares the host's network namespace.
    Host,
    /// Its own namespace with loopback only.
    None,
    /// Shares the namespace of another container, given by id or name as the engine says it.
    Container(Arc<str>),
    /// Its own namespace on `bridge`, `default` or a named network.
    Own(Arc<str>),
}

/// A port published on the host (`NetworkSettings.Ports`).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct PublishedPort {
    /// Port inside the container.
    pub container_port: u16,
    /// `tcp`, `udp`, `sctp` or what the engine says.
    pub protocol: Arc<str>,
    /// Host address; `0.0.0.0` and `::` are every address.
    pub host_ip: Arc<str>,
    /// Port on the host.
    pub host_port: u16,
}

/// A mount (`Mounts`).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Mount {
    /// Path inside the container.
    pub destination: Arc<str>,
    /// `bind`, `volume`, `tmpfs` or what the engine says.
    pub kind: Arc<str>,
    /// Path on the host or name of the volume.
    pub source: Arc<str>,
    /// Whether the container may write.
    pub read_write: bool,
}
