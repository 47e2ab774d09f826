//! Figures from the engine in place of the kernel's files, for a [`Source`] that cannot see them.

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

use super::Source;
use crate::{
    figures::Board,
    host::{Gone, Target},
    model::{ContainerId, ContainerSample, HostSample, Limits, MachineSample, Spec},
};

/// Length of a CPU period which the engine uses where only a number of cores was asked for, in microseconds.
const CPU_PERIOD_US: u64 = 100_000;

/// Where the figures of the containers on a page came from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Origin {
    /// Read from the kernel's files.
    pub kernel: usize,
    /// Asked of the engine.
    pub engine: usize,
    /// Run, and have no figures on this page.
    pub none: usize,
    /// Age of the oldest of the engine's; `None` when there are none.
    pub oldest: Option<Duration>,
}

/// A source whose containers are those of the engine's answers, and everything else its own.
#[derive(Debug)]
pub struct FromEngine<S> {
    own: S,
    board: Board,
    targets: HashMap<ContainerId, Target>,
    /// When the figures of each container of the last reading arrived.
    arrived: HashMap<ContainerId, Arrival>,
}

/// The same figures are shown until new ones come: they keep the moment at which they were first shown to have arrived.
#[derive(Clone, Copy, Debug)]
struct Arrival {
    at: Instant,
    /// On the clock of the collectors.
    elapsed: Option<Duration>,
}

impl<S> FromEngine<S> {
    /// Shows what `board` holds.
    pub fn new(own: S, board: Board) -> Self {
        Self { own, board, targets: HashMap::new(), arrived: HashMap::new() }
    }
}

impl<S: Source> Source for FromEngine<S> {
    fn track(&mut self, targets: &[Target]) {
        // Not handed on: a pid of another machine's engine may be anybody's here.
        self.own.track(&[]);
        self.targets = targets.iter().map(|target| (target.id.clone(), target.clone())).collect();
        self.arrived.retain(|id, _| self.targets.contains_key(id));
    }

    fn container(&mut self, id: &ContainerId, into: &mut ContainerSample) -> Result<(), Gone> {
        let target = self.targets.get(id).ok_or(Gone)?;
        let Some(held) = self.board.look(id, target.started_at) else {
            self.arrived.remove(id);
            *into = ContainerSample::default();
            return Err(Gone);
        };
        into.clone_from(&held.sample);
        limits(&target.limits, into);
        if !target.network {
            into.network = None;
        }
        if self.arrived.get(id).is_none_or(|arrival| arrival.at != held.at) {
            self.arrived.insert(id.clone(), Arrival { at: held.at, elapsed: None });
        }
        Ok(())
    }

    fn root(&mut self, into: &mut ContainerSample) {
        self.own.root(into);
    }

    fn host(&mut self, into: &mut HostSample) {
        self.own.host(into);
    }

    fn machine(&mut self) -> MachineSample {
        self.own.machine()
    }

    fn availability(&self) -> Vec<(&'static str, bool)> {
        self.own.availability()
    }

    fn open_handles(&self) -> usize {
        self.own.open_handles()
    }

    fn read_at(&mut self, id: &ContainerId, now: Duration) -> Duration {
        let Some(arrival) = self.arrived.get_mut(id) else { return now };
        *arrival.elapsed.get_or_insert_with(|| now.saturating_sub(arrival.at.elapsed()))
    }

    fn asks_elsewhere(&self) -> bool {
        true
    }

    fn origin(&self, _tracked: usize, _live: usize) -> Origin {
        let engine = self.arrived.len();
        let oldest = self.arrived.values().map(|arrival| arrival.at.elapsed()).max();
        Origin { kernel: 0, engine, none: self.targets.len().saturating_sub(engine), oldest }
    }
}

/// What was asked of the engine stands in for what the kernel enforces. The engine's own answer tells an unlimited container the
/// memory of the host. A number of cores is shown as a quota in the usual period, whatever the two were.
fn limits(asked: &Limits, into: &mut ContainerSample) {
    into.spec = Spec {
        cpu_quota_us: asked.cpu_cores.map(quota),
        cpu_period_us: asked.cpu_cores.map(|_| CPU_PERIOD_US),
        cpu_shares: asked.cpu_shares,
        memory_known: into.memory.usage.or(into.memory.working_set).is_some(),
        memory_limit_bytes: asked.memory_bytes,
        memory_reservation_bytes: asked.memory_reservation_bytes,
        ..Spec::default()
    };
    into.pids.limit = asked.pids;
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a positive number of cores times a hundred thousand; `as` saturates"
)]
fn quota(cores: f64) -> u64 {
    (cores * CPU_PERIOD_US as f64).round() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_the_ones_asked_for() {
        let mut sample = ContainerSample::default();
        limits(&Limits::default(), &mut sample);
        assert_eq!((sample.spec, sample.pids.limit), (Spec::default(), None));
        sample.memory.usage = Some(1);
        let asked = Limits { memory_bytes: Some(64), cpu_cores: Some(0.3), pids: Some(5), ..Limits::default() };
        limits(&asked, &mut sample);
        let spec = sample.spec;
        assert_eq!((spec.cpu_quota_us, spec.cpu_period_us), (Some(30_000), Some(100_000)));
        assert_eq!((spec.memory_known, spec.memory_limit_bytes, sample.pids.limit), (true, Some(64), Some(5)));
    }
}
