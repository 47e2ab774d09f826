//! What became of lifecycle traces, as numbers.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// What a trace tells of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// Containers of a project, or one of none, that were started.
    Start,
    /// A container which ended and ran again.
    Restart,
    /// The kernel killed for want of memory.
    Oom,
    /// A spell of failing health checks.
    Unhealthy,
    /// A container which ended.
    Stop,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Self; 5] = [Self::Start, Self::Restart, Self::Oom, Self::Unhealthy, Self::Stop];

    /// The word in labels and ids.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::Restart => "restart",
            Self::Oom => "oom",
            Self::Unhealthy => "unhealthy",
            Self::Stop => "stop",
        }
    }
}

/// Why something is not told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Lost {
    /// Events that came faster than they were taken; what inspections still show of them is told. Counts events.
    Queue,
    /// Containers beyond the ceiling of those followed. Counts events.
    Containers,
    /// Containers beyond the ceiling of one trace. Counts containers.
    Members,
    /// More traces in a minute than allowed. Counts traces.
    Rate,
    /// What inspection alone shows and is too long ago to be told. Counts facts: starts, ends.
    Old,
    /// The state could not be kept on disk: a restart may repeat or forget. Counts attempts.
    State,
}

impl Lost {
    /// Every reason.
    pub const ALL: [Self; 6] = [Self::Queue, Self::Containers, Self::Members, Self::Rate, Self::Old, Self::State];

    /// The word in labels.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Queue => "queue",
            Self::Containers => "containers",
            Self::Members => "members",
            Self::Rate => "rate",
            Self::Old => "old",
            Self::State => "state",
        }
    }
}

/// Counters since the agent's start; any thread may read.
#[derive(Debug, Default)]
pub struct Counts {
    traces: [AtomicU64; 5],
    lost: [AtomicU64; 6],
}

impl Counts {
    /// Traces told of a kind.
    pub fn traces(&self, kind: Kind) -> u64 {
        cell(&self.traces, &Kind::ALL, kind).map_or(0, |count| count.load(Relaxed))
    }

    /// What was lost for a reason; the unit is the reason's.
    pub fn lost(&self, reason: Lost) -> u64 {
        cell(&self.lost, &Lost::ALL, reason).map_or(0, |count| count.load(Relaxed))
    }

    pub(super) fn told(&self, kind: Kind) {
        cell(&self.traces, &Kind::ALL, kind).map(|count| count.fetch_add(1, Relaxed));
    }

    pub(super) fn lose(&self, reason: Lost) {
        cell(&self.lost, &Lost::ALL, reason).map(|count| count.fetch_add(1, Relaxed));
    }
}

fn cell<'a, T: PartialEq>(cells: &'a [AtomicU64], words: &[T], word: T) -> Option<&'a AtomicU64> {
    cells.get(words.iter().position(|each| *each == word)?)
}
