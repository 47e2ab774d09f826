//! When to look at which container: pure queues, driven by the session.
//!
//! Events say when something changed, but the engine announces only *changes* of health and keeps five results. So a container
//! with a health check is looked at every four of its intervals while all is well, and every interval while it is not. Every other
//! container is looked at now and then, in case an event was lost on its way. The times are spread, so that a hundred
//! containers which started together are not inspected together.

use std::{
    cmp::Reverse,
    collections::{BinaryHeap, HashMap, VecDeque},
    hash::{DefaultHasher, Hash, Hasher},
    time::Duration,
};

use tokio::time::Instant;

use crate::model::{Container, ContainerId, ContainerState, HealthStatus};

/// A container of which nothing is heard is looked at this often: a safety net, not a source of facts.
pub(super) const LOOK_PERIOD: Duration = Duration::from_secs(300);

/// However short a health-check interval is, it does not make us ask more often than this.
const SHORTEST: Duration = Duration::from_secs(1);

/// Results the engine keeps, minus one for the check which ends while we ask.
const INTERVALS_A_LOOK: u32 = 4;

/// How long a container may go without being looked at.
pub(super) fn period(container: &Container) -> Duration {
    let running = container.state == ContainerState::Running;
    let Some(health) = container.health.as_ref().filter(|_| running) else { return LOOK_PERIOD };
    let calm = health.status == HealthStatus::Healthy && health.failing_streak.unwrap_or_default() == 0;
    let intervals = if calm { INTERVALS_A_LOOK } else { 1 };
    health.check.interval.saturating_mul(intervals).clamp(SHORTEST, LOOK_PERIOD)
}

/// A time within the last fifth of a period, different for each container and each look, the same in each run.
pub(super) fn spread(period: Duration, id: &ContainerId, look: u64) -> Duration {
    let mut hasher = DefaultHasher::new();
    (id, look).hash(&mut hasher);
    let thousandths = u32::try_from(hasher.finish() % 1000).unwrap_or_default();
    (period * (4000 + thousandths) / 5000).max(SHORTEST)
}

/// Which container is due when. Each stands in it at most once.
#[derive(Debug, Default)]
pub(super) struct Schedule {
    due: HashMap<ContainerId, Instant>,
    /// Times as they were set; one that is not in `due` any more is skipped.
    heap: BinaryHeap<Reverse<(Instant, ContainerId)>>,
    looks: u64,
}

impl Schedule {
    /// Sets the next look at a container within `period`, instead of an earlier decision.
    pub(super) fn set(&mut self, id: &ContainerId, now: Instant, period: Duration) {
        self.looks += 1;
        self.set_at(id, now + spread(period, id, self.looks));
    }

    /// Sets the next look at a container to `at`.
    pub(super) fn set_at(&mut self, id: &ContainerId, at: Instant) {
        self.due.insert(id.clone(), at);
        self.heap.push(Reverse((at, id.clone())));
        if self.heap.len() > 2 * self.due.len() + 64 {
            self.heap = self.due.iter().map(|(id, at)| Reverse((*at, id.clone()))).collect();
        }
    }

    /// Takes out a container that is no more.
    pub(super) fn remove(&mut self, id: &ContainerId) {
        self.due.remove(id);
    }

    /// Takes out the next container that is due.
    pub(super) fn pop(&mut self, now: Instant) -> Option<ContainerId> {
        self.next().filter(|at| *at <= now)?;
        let Reverse((_, id)) = self.heap.pop()?;
        self.due.remove(&id);
        Some(id)
    }

    /// When the next container is due.
    pub(super) fn next(&mut self) -> Option<Instant> {
        while let Some(Reverse((at, id))) = self.heap.peek() {
            if self.due.get(id) == Some(at) {
                return Some(*at);
            }
            self.heap.pop();
        }
        None
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> (usize, usize) {
        (self.due.len(), self.heap.len())
    }
}

/// Who is to be inspected now: a bounded number at once, each container at most once, in the order asked.
///
/// Several wishes for one container become one inspection; a wish while its inspection is on the way becomes one more.
#[derive(Debug)]
pub(super) struct Looks {
    at_once: usize,
    waiting: VecDeque<ContainerId>,
    states: HashMap<ContainerId, Look>,
    flying: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Look {
    Waiting,
    Flying {
        /// Wanted anew since it was asked.
        again: bool,
        /// The container was destroyed since: what comes back is the picture of a ghost.
        ghost: bool,
    },
}

impl Looks {
    pub(super) fn new(at_once: usize) -> Self {
        Self { at_once, waiting: VecDeque::new(), states: HashMap::new(), flying: 0 }
    }

    /// Wants a container inspected.
    pub(super) fn want(&mut self, id: &ContainerId) {
        match self.states.get_mut(id) {
            Some(Look::Waiting) => {}
            Some(Look::Flying { again, .. }) => *again = true,
            None => {
                self.states.insert(id.clone(), Look::Waiting);
                self.waiting.push_back(id.clone());
            }
        }
    }

    /// The next container to inspect, while there is room.
    pub(super) fn start(&mut self) -> Option<ContainerId> {
        if self.flying >= self.at_once {
            return None;
        }
        loop {
            let id = self.waiting.pop_front()?;
            if let Some(look @ Look::Waiting) = self.states.get_mut(&id) {
                *look = Look::Flying { again: false, ghost: false };
                self.flying += 1;
                return Some(id);
            }
        }
    }

    /// An inspection has been answered; `false`: its container is no more, the answer is void.
    pub(super) fn done(&mut self, id: &ContainerId) -> bool {
        self.flying = self.flying.saturating_sub(1);
        match self.states.remove(id) {
            Some(Look::Flying { again, ghost }) => {
                if again {
                    self.want(id);
                }
                !ghost
            }
            Some(Look::Waiting) | None => true,
        }
    }

    /// Nothing more is wanted of a container that is no more.
    pub(super) fn forget(&mut self, id: &ContainerId) {
        match self.states.get_mut(id) {
            Some(Look::Flying { again, ghost }) => (*again, *ghost) = (false, true),
            Some(Look::Waiting) => {
                self.states.remove(id);
            }
            None => {}
        }
    }
}
