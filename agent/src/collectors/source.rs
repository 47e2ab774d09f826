//! Where samples come from: the host's kernel files in the agent, fixed values in tests and benches.

use std::time::Duration;

use super::{Origin, ProcessSample, process};
use crate::{
    host::{Gone, Host, Target},
    model::{ContainerId, ContainerSample, HostSample, MachineSample},
};

/// Everything a scrape reads from outside; owned by the collectors. Each call overwrites what `into` held, and leaves
/// `None` for what cannot be read.
pub trait Source {
    /// Says which containers have processes from now on; everything kept for others is let go.
    fn track(&mut self, targets: &[Target]);

    /// Reads one tracked container.
    ///
    /// # Errors
    /// [`Gone`] when its cgroup vanished: it has no series in this scrape.
    fn container(&mut self, id: &ContainerId, into: &mut ContainerSample) -> Result<(), Gone>;

    /// Reads the root cgroup, cAdvisor's `id="/"`.
    fn root(&mut self, into: &mut ContainerSample);

    /// Reads the host.
    fn host(&mut self, into: &mut HostSample);

    /// Facts of the machine.
    fn machine(&mut self) -> MachineSample;

    /// Groups of kernel files and whether they can be read.
    fn availability(&self) -> Vec<(&'static str, bool)>;

    /// Kernel files kept open.
    fn open_handles(&self) -> usize;

    /// When the figures which [`Self::container`] gave are of, on the clock by which it is `now`.
    fn read_at(&mut self, _id: &ContainerId, now: Duration) -> Duration {
        now
    }

    /// Where the figures of all tracked containers came from; `live` of them have a cgroup that was read.
    fn origin(&self, tracked: usize, live: usize) -> Origin {
        Origin { kernel: live, none: tracked.saturating_sub(live), ..Origin::default() }
    }

    /// Whether figures of containers are asked of somebody whom that costs more than it costs us.
    fn asks_elsewhere(&self) -> bool {
        false
    }

    /// Reads what the agent itself uses.
    fn process(&mut self, into: &mut ProcessSample) {
        process::read(into);
    }
}

impl Source for Host {
    fn track(&mut self, targets: &[Target]) {
        Self::track(self, targets);
    }

    fn container(&mut self, id: &ContainerId, into: &mut ContainerSample) -> Result<(), Gone> {
        Self::container(self, id, into)
    }

    fn root(&mut self, into: &mut ContainerSample) {
        Self::root(self, into);
    }

    fn host(&mut self, into: &mut HostSample) {
        Self::host(self, into);
    }

    fn machine(&mut self) -> MachineSample {
        Self::machine(self)
    }

    fn availability(&self) -> Vec<(&'static str, bool)> {
        Self::availability(self)
    }

    fn open_handles(&self) -> usize {
        Self::open_handles(self)
    }
}
