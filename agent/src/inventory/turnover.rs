//! When the engine turns over the file it keeps its events in, and its stream cannot be trusted any more.
//!
//! Podman without journald keeps events in a file of a megabyte by default. When it is full, the younger half is copied into a new file
//! between two marks. Whoever follows the stream then (seen with 4.3 and 5.8):
//!
//! - misses what was written between its reader's last look, four times a second, and the change of files;
//! - is spared the copied half up to the first closing mark, which may be an older one of the turnover before: from there on everything
//!   is told a second time.
//!
//! The older mark may have been kept back, being older than what was asked for: then an event from the past is all there is to see.
//!
//! A stream opened after the turnover reads the new file from its beginning and is whole. It passes the marks too: they are older than
//! itself and come before anything that is younger.

use std::time::Duration;

use jiff::Timestamp;
use tokio::time::Instant;

/// Files are not turned over faster than this by anything but a fault.
pub(super) const PACE: Duration = Duration::from_millis(200);

/// Tells a turnover that happens from one that is read about.
#[derive(Clone, Copy, Debug)]
pub(super) struct Turnover {
    /// The engine's clock when the stream was opened, rather too late than too early.
    opened: Timestamp,
    /// Something younger than that has been heard.
    passed: bool,
    last: Option<Instant>,
}

/// What a mark means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mark {
    /// One of before the stream was opened.
    Old,
    /// The stream is to be opened anew.
    Turned,
    /// Again, and too soon: something is wrong with this engine.
    TooOften,
}

impl Turnover {
    /// A stream opened when the engine's clock showed `opened`.
    pub(super) const fn new(opened: Timestamp) -> Self {
        Self { opened, passed: false, last: None }
    }

    /// An event of that time was heard.
    pub(super) fn hear(&mut self, time: Timestamp) {
        self.passed |= time > self.opened;
    }

    /// A mark of that time was heard, at `now`, when the engine's clock showed `clock`.
    pub(super) fn mark(&mut self, time: Timestamp, clock: Timestamp, now: Instant) -> Mark {
        if !self.passed && time <= self.opened {
            return Mark::Old;
        }
        if self.reopen(clock.max(time), now) { Mark::Turned } else { Mark::TooOften }
    }

    /// The stream is to be opened anew, at `now`, when the engine's clock shows `clock`; `false` when it was only just.
    pub(super) fn reopen(&mut self, clock: Timestamp, now: Instant) -> bool {
        let paced = self.last.is_none_or(|last| now.duration_since(last) >= PACE);
        if paced {
            *self = Self { opened: clock, passed: false, last: Some(now) };
        }
        paced
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[tokio::test(start_paused = true)]
    async fn marks_of_a_new_stream_are_of_the_past() {
        let now = Instant::now();
        let mut turnover = Turnover::new(at(100));
        assert_eq!(turnover.mark(at(90), at(100), now), Mark::Old, "the opening mark");
        turnover.hear(at(50));
        assert_eq!(turnover.mark(at(40), at(100), now), Mark::Old, "the closing one of the turnover before");
        turnover.hear(at(95));
        assert_eq!(turnover.mark(at(91), at(100), now), Mark::Old);
        assert_eq!(turnover.mark(at(150), at(150), now), Mark::Turned, "while nothing happened that is asked for");
    }

    #[tokio::test(start_paused = true)]
    async fn an_old_mark_behind_news_is_a_turnover() {
        let (now, mut turnover) = (Instant::now(), Turnover::new(at(100)));
        turnover.hear(at(101));
        assert_eq!(turnover.mark(at(90), at(102), now), Mark::Turned);
        assert_eq!(turnover.mark(at(102), at(102), now), Mark::Old, "the stream of 102");
        turnover.hear(at(103));
        assert_eq!(turnover.mark(at(102), at(103), now + PACE / 2), Mark::TooOften);
        assert_eq!(turnover.mark(at(102), at(103), now + PACE), Mark::Turned);
    }

    #[tokio::test(start_paused = true)]
    async fn a_mark_of_the_future_is_taken_once() {
        let (now, mut turnover) = (Instant::now(), Turnover::new(at(100)));
        assert_eq!(turnover.mark(at(5_000), at(100), now), Mark::Turned);
        assert_eq!(turnover.mark(at(5_000), at(101), now + 2 * PACE), Mark::Old);
    }
}
