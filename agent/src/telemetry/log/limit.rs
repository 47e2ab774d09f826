//! How often the same line may be written: a pure ceiling, driven by the times it is given.

use std::{
    collections::HashMap,
    hash::{DefaultHasher, Hash, Hasher},
    time::{Duration, Instant},
};

use tracing::callsite::Identifier;

/// Lines of one kind which are written in a window: enough to see what happens, too few to fill a disk.
const LINES_PER_WINDOW: u64 = 10;
/// Length of a window; it begins with the first line of its kind.
const WINDOW: Duration = Duration::from_secs(60);
/// Kinds of lines told apart. Further ones share one window: a message made of changing text must not take memory for ever.
const MAX_KINDS: usize = 512;
/// Characters of a message kept for the summary.
const MAX_MESSAGE: usize = 120;

/// What becomes of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It is written.
    Pass,
    /// It is the first of its window to be dropped.
    FirstDrop,
    /// It is dropped.
    Drop,
}

/// What a window has dropped.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Summary {
    /// Message of the dropped lines, cut.
    pub(super) message: String,
    /// How many there were, at least 1.
    pub(super) suppressed: u64,
}

#[derive(Debug)]
struct Window {
    end: Instant,
    lines: u64,
    message: String,
}

/// Windows by kind of line, which is the place in the code and the message.
#[derive(Debug)]
pub(super) struct Limiter {
    length: Duration,
    windows: HashMap<u64, Window>,
    /// Windows which have ended while nobody asked, because their kind came again.
    ended: Vec<Summary>,
}

impl Default for Limiter {
    fn default() -> Self {
        Self::with_windows_of(WINDOW)
    }
}

impl Limiter {
    /// A limiter with windows of another length.
    pub(super) fn with_windows_of(length: Duration) -> Self {
        Self { length, windows: HashMap::new(), ended: Vec::new() }
    }

    /// Counts a line and says what becomes of it.
    pub(super) fn admit(&mut self, callsite: Identifier, message: &str, now: Instant) -> Verdict {
        let mut hasher = DefaultHasher::new();
        (callsite, message).hash(&mut hasher);
        self.admit_kind(hasher.finish(), message, now)
    }

    fn admit_kind(&mut self, kind: u64, message: &str, now: Instant) -> Verdict {
        if !self.windows.contains_key(&kind) && self.windows.len() >= MAX_KINDS {
            self.windows.retain(|_, window| window.end > now || window.suppressed() > 0);
        }
        let (kind, message) = if self.windows.contains_key(&kind) || self.windows.len() < MAX_KINDS {
            (kind, message)
        } else {
            (0, "lines of too many kinds")
        };
        let end = now + self.length;
        let fresh = || Window { end, lines: 0, message: message.chars().take(MAX_MESSAGE).collect() };
        let window = self.windows.entry(kind).or_insert_with(fresh);
        if window.end <= now {
            self.ended.extend(std::mem::replace(window, fresh()).summary());
        }
        window.lines = window.lines.saturating_add(1);
        match window.suppressed() {
            0 => Verdict::Pass,
            1 => Verdict::FirstDrop,
            _ => Verdict::Drop,
        }
    }

    /// Takes the summaries of windows which have ended, and forgets them.
    pub(super) fn ended(&mut self, now: Instant) -> Vec<Summary> {
        let ended = self.windows.extract_if(|_, window| window.end <= now).filter_map(|(_, window)| window.summary());
        self.ended.extend(ended);
        std::mem::take(&mut self.ended)
    }

    /// Takes the summaries of all windows, ended or not.
    pub(super) fn drain(&mut self) -> Vec<Summary> {
        let all = self.windows.drain().filter_map(|(_, window)| window.summary());
        self.ended.extend(all);
        std::mem::take(&mut self.ended)
    }

    /// When the next window with a summary ends; `None` while nothing is dropped.
    pub(super) fn next_end(&self) -> Option<Instant> {
        self.windows.values().filter(|window| window.suppressed() > 0).map(|window| window.end).min()
    }
}

impl Window {
    const fn suppressed(&self) -> u64 {
        self.lines.saturating_sub(LINES_PER_WINDOW)
    }

    fn summary(self) -> Option<Summary> {
        let suppressed = self.suppressed();
        (suppressed > 0).then_some(Summary { message: self.message, suppressed })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn admitted(limiter: &mut Limiter, kind: u64, times: u64, now: Instant) -> u64 {
        let verdicts = (0..times).map(|_| limiter.admit_kind(kind, "m", now));
        u64::try_from(verdicts.filter(|verdict| *verdict == Verdict::Pass).count()).unwrap()
    }

    #[test]
    fn ten_lines_pass_a_window_and_the_rest_is_summed_up() {
        let mut limiter = Limiter::default();
        let start = Instant::now();
        assert_eq!(admitted(&mut limiter, 1, 10, start), 10);
        assert_eq!(limiter.next_end(), None);
        assert_eq!(limiter.admit_kind(1, "m", start), Verdict::FirstDrop);
        assert_eq!(limiter.admit_kind(1, "m", start + WINDOW / 2), Verdict::Drop);
        assert_eq!(limiter.next_end(), Some(start + WINDOW));
        assert_eq!(limiter.ended(start + WINDOW / 2), vec![]);
        assert_eq!(limiter.ended(start + WINDOW), vec![Summary { message: "m".into(), suppressed: 2 }]);
        assert_eq!(limiter.ended(start + WINDOW), vec![]);
        assert_eq!(admitted(&mut limiter, 1, 11, start + WINDOW), 10);
    }

    #[test]
    fn a_window_that_ended_unasked_keeps_its_summary() {
        let mut limiter = Limiter::default();
        let start = Instant::now();
        admitted(&mut limiter, 1, 15, start);
        assert_eq!(limiter.admit_kind(1, "m", start + WINDOW * 2), Verdict::Pass);
        assert_eq!(limiter.ended(start + WINDOW * 2), vec![Summary { message: "m".into(), suppressed: 5 }]);
        admitted(&mut limiter, 1, 12, start + WINDOW * 2);
        assert_eq!(limiter.drain(), vec![Summary { message: "m".into(), suppressed: 3 }]);
    }

    #[test]
    fn kinds_do_not_disturb_each_other_up_to_a_ceiling() {
        let mut limiter = Limiter::default();
        let start = Instant::now();
        for kind in 1..=10_000 {
            limiter.admit_kind(kind, "m", start);
        }
        assert!(limiter.windows.len() <= MAX_KINDS + 1, "{}", limiter.windows.len());
        let summaries = limiter.drain();
        assert_eq!(summaries.len(), 1);
        assert_eq!(summaries[0].message, "lines of too many kinds");
        for kind in 1..=10_000 {
            limiter.admit_kind(kind, "m", start + WINDOW * u32::try_from(kind).unwrap());
        }
        assert!(limiter.windows.len() <= MAX_KINDS, "{}", limiter.windows.len());
    }
}
