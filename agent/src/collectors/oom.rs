//! How often memory ran out in a container, over all its runs.

use jiff::Timestamp;

/// The kernel counts per cgroup and forgets when the run ends; this adds its runs up while the agent lives.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct OomCount {
    run: Option<Timestamp>,
    earlier_runs: u64,
    this_run: u64,
}

impl OomCount {
    /// Takes in the kernel's count of the run that began at `run`.
    pub(super) fn record(&mut self, run: Option<Timestamp>, kernel: u64) {
        if self.run != run {
            self.earlier_runs += self.this_run;
            self.this_run = 0;
            self.run = run;
        }
        self.this_run = self.this_run.max(kernel);
    }

    /// The higher of the kernel's count and the engine's events: each misses kills which the other has seen.
    pub(super) fn total(self, engine_events: u64) -> u64 {
        engine_events.max(self.earlier_runs + self.this_run)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn adds_runs_up_and_never_falls() {
        let [first, second] = [1, 2].map(|second| Timestamp::from_second(second).ok());
        let mut count = OomCount::default();
        assert_eq!(count.total(0), 0);
        count.record(first, 0);
        count.record(first, 3);
        assert_eq!((count.total(1), count.total(5)), (3, 5));
        count.record(second, 0);
        assert_eq!(count.total(1), 3);
        count.record(second, 2);
        assert_eq!(count.total(1), 5);
    }
}
