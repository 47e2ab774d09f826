//! CPU use over the last ten seconds or more, from counters read at whatever times scrapes come.

use std::{collections::VecDeque, time::Duration};

/// Shortest time a rate is taken over: below, one throttling period more or less would show.
const WINDOW: Duration = Duration::from_secs(10);

/// Marks are at least this far apart, so that several scrapers do not fill the list.
const STEP: Duration = Duration::from_secs(5);

/// An older mark tells of a time nobody asks about any more.
const FORGET: Duration = Duration::from_secs(300);

#[derive(Clone, Copy, Debug)]
struct Mark {
    at: Duration,
    usage_ns: u64,
}

/// Marks of one container's CPU counter; at most `WINDOW / STEP + 2` of them.
#[derive(Debug, Default)]
pub(super) struct CpuWindow {
    marks: VecDeque<Mark>,
    cores: Option<f64>,
}

impl CpuWindow {
    /// Takes in the counter as read at `at` (any monotonic clock).
    pub(super) fn record(&mut self, at: Duration, usage_ns: u64) {
        // A counter that fell belongs to a new run.
        if self.marks.back().is_some_and(|mark| usage_ns < mark.usage_ns || at < mark.at) {
            self.marks.clear();
        }
        let age = |mark: &Mark| at.saturating_sub(mark.at);
        while self.marks.front().is_some_and(|mark| age(mark) > FORGET)
            || self.marks.get(1).is_some_and(|mark| age(mark) >= WINDOW)
        {
            self.marks.pop_front();
        }
        self.cores = self.marks.front().filter(|mark| age(mark) >= WINDOW).map(|mark| {
            let used = Duration::from_nanos(usage_ns - mark.usage_ns);
            used.as_secs_f64() / age(mark).as_secs_f64()
        });
        if self.marks.back().is_none_or(|mark| age(mark) >= STEP) {
            self.marks.push_back(Mark { at, usage_ns });
        }
    }

    /// Cores used on average; `None` until known.
    pub(super) const fn cores(&self) -> Option<f64> {
        self.cores
    }

    /// Forgets everything: the container runs anew or cannot be read.
    pub(super) fn reset(&mut self) {
        self.marks.clear();
        self.cores = None;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SECOND: u64 = 1_000_000_000;

    fn after(reads: &[(u64, u64)]) -> Option<f64> {
        let mut window = CpuWindow::default();
        for (at, seconds) in reads {
            window.record(Duration::from_secs(*at), seconds * SECOND);
        }
        window.cores()
    }

    #[test]
    fn takes_the_shortest_window_of_ten_seconds() {
        assert_eq!(after(&[(0, 0)]), None);
        assert_eq!(after(&[(0, 0), (9, 9)]), None);
        assert_eq!(after(&[(0, 0), (10, 5)]), Some(0.5));
        assert_eq!(after(&[(0, 0), (15, 15), (30, 45)]), Some(2.0));
        // A scraper every second: the marks stand five seconds apart.
        let busy: Vec<(u64, u64)> = (0_u64..100).map(|second| (second, second.saturating_sub(80) * 2)).collect();
        assert_eq!(after(&busy), Some(2.0));
    }

    #[test]
    fn starts_anew_after_a_restart_or_a_long_silence() {
        assert_eq!(after(&[(0, 100), (15, 1)]), None);
        assert_eq!(after(&[(0, 100), (15, 1), (30, 16)]), Some(1.0));
        assert_eq!(after(&[(0, 0), (400, 400)]), None);
    }

    proptest! {
        #[test]
        fn stays_small_and_between_bounds(steps in prop::collection::vec((0_u64..40, 0_u64..80), 1..200)) {
            let mut window = CpuWindow::default();
            let (mut at, mut used) = (0, 0);
            for (step, more) in steps {
                at += step;
                used += more.min(step * 2);
                window.record(Duration::from_secs(at), used * SECOND);
                prop_assert!(window.marks.len() <= 4);
                prop_assert!(window.cores().is_none_or(|cores| (0.0..=2.0).contains(&cores)));
            }
        }
    }
}
