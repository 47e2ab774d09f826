//! Stub: the signatures the collectors are built against.

use std::path::PathBuf;

use jiff::Timestamp;

use crate::{
    model::{ContainerId, ContainerSample, HostSample, MachineSample},
    telemetry::Metrics,
};

/// Where the host's kernel files are.
#[derive(Clone, Debug)]
pub struct Roots {
    /// `/proc` of the host.
    pub proc: PathBuf,
    /// `/sys` of the host.
    pub sys: PathBuf,
    /// The host's root directory as seen by us; `None`: no filesystems.
    pub rootfs: Option<PathBuf>,
}

/// One container to read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// Which.
    pub id: ContainerId,
    /// Its first process.
    pub pid: u32,
    /// Start of its run.
    pub started_at: Option<Timestamp>,
    /// It has a network namespace of its own.
    pub network: bool,
}

/// The container's cgroup vanished.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gone;

/// Kept handles on kernel files.
#[derive(Debug)]
pub struct Host {}

impl Host {
    /// Opens nothing.
    pub fn open(_roots: Roots, _metrics: Metrics) -> Self {
        Self {}
    }

    /// Tracks nothing.
    pub fn track(&mut self, _targets: &[Target]) {}

    /// Reads nothing.
    ///
    /// # Errors
    /// Always [`Gone`].
    pub fn container(&mut self, _id: &ContainerId, _into: &mut ContainerSample) -> Result<(), Gone> {
        Err(Gone)
    }

    /// Reads nothing.
    pub fn root(&mut self, _into: &mut ContainerSample) {}

    /// Reads nothing.
    pub fn host(&mut self, _into: &mut HostSample) {}

    /// Knows nothing.
    pub fn machine(&mut self) -> MachineSample {
        MachineSample::default()
    }

    /// Nothing is readable.
    pub fn availability(&self) -> Vec<(&'static str, bool)> {
        Vec::new()
    }

    /// None.
    pub fn open_handles(&self) -> usize {
        0
    }
}
