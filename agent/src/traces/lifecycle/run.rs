//! One run of a container: from its start to its end, as far as it is known.

use std::time::Duration;

use super::at::At;

/// Signals kept of one run.
pub(super) const MAX_SIGNALS: usize = 4;

/// A signal is held to be the reason of an end for this long (as in the inventory's ledger).
const STOP_WINDOW: Duration = Duration::from_secs(300);

/// The engine tells of a stop so long after the end at most.
const STOP_SLACK: Duration = Duration::from_secs(10);

/// Signals which ask a program to end: INT, QUIT, KILL, TERM.
const ENDING: [i64; 4] = [2, 3, 9, 15];

/// Facts of one run; absent is not known, or not yet.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Run {
    /// `StartedAt`, or the time of the `start` event while no inspection has shown it.
    pub(super) begun: Option<At>,
    /// `begun` is `StartedAt`.
    pub(super) exact: bool,
    /// The `start` event.
    pub(super) told: Option<At>,
    /// First sign of this start: it joins its networks before its program runs.
    pub(super) prepared: Option<At>,
    /// How it ended.
    pub(super) end: Option<End>,
    /// First `oom` event that is not told yet.
    pub(super) oom: Option<At>,
    /// The newest that was told, and survived.
    pub(super) oom_told: Option<At>,
    /// Signals sent by people and programs, oldest first.
    pub(super) signals: Vec<(At, i64)>,
    /// The engine told of an orderly stop.
    pub(super) stopped: Option<At>,
    /// First healthy moment.
    pub(super) healthy: Option<Seen>,
    /// Since when it is unhealthy; `None` once it is healthy again.
    pub(super) unhealthy: Option<At>,
    /// Newest change of health that counted.
    pub(super) health_at: Option<At>,
}

/// A moment, perhaps only known from an inspection later on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Seen {
    pub(super) at: At,
    /// It was so at `at` at the latest.
    pub(super) inferred: bool,
}

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct End {
    /// The `die` event, or `FinishedAt`.
    pub(super) at: At,
    /// An event told it.
    pub(super) told: bool,
    pub(super) code: Option<i64>,
    /// `OOMKilled`.
    pub(super) oom: bool,
}

impl Run {
    /// Notes a signal (`Some`) or a stop. `false` for one that was noted before or is of another run.
    pub(super) fn asked(&mut self, at: At, signal: Option<i64>) -> bool {
        if self.begun.is_some_and(|begun| at <= begun) {
            return false;
        }
        let Some(signal) = signal else {
            // The engine says so when it has ended, or a little before. Later it is about a start that does not come any more.
            let late = self.end.is_some_and(|end| at.since(end.at) > STOP_SLACK);
            return !late && self.stopped.replace(at).is_none();
        };
        if self.end.is_some_and(|end| at > end.at) || self.signals.contains(&(at, signal)) {
            return false;
        }
        if self.signals.len() >= MAX_SIGNALS {
            // The first that asks for the end and the newest tell most.
            match self.signals.iter().position(|(_, kept)| !ENDING.contains(kept)) {
                Some(other) => drop(self.signals.remove(other)),
                None => drop(self.signals.pop()),
            }
        }
        self.signals.push((at, signal));
        self.signals.sort_unstable();
        true
    }

    /// When somebody asked for its end; `None` when it ended by itself, or has not.
    pub(super) fn requested(&self) -> Option<At> {
        let end = self.end?;
        let mut recent = self.signals.iter().filter(|(at, _)| end.at.since(*at) <= STOP_WINDOW);
        let ending = recent.clone().find(|(_, signal)| ENDING.contains(signal)).map(|(at, _)| *at);
        // An image may name any signal to be stopped by.
        let any = recent.next_back().map(|(at, _)| *at);
        ending.or_else(|| self.stopped.map(|stopped| any.unwrap_or(stopped.min(end.at))))
    }

    /// The newest `oom` event of it, told or not.
    pub(super) fn newest_oom(&self) -> Option<At> {
        self.oom.max(self.oom_told)
    }

    /// It was killed for want of memory.
    pub(super) fn oom_killed(&self) -> bool {
        self.end.is_some_and(|end| end.oom || (self.oom.is_some() && end.code == Some(137)))
    }

    /// It ended, and not as it should: by itself, with a code other than 0.
    pub(super) fn failed(&self) -> bool {
        let bad = |end: End| end.oom || end.code.is_some_and(|code| code != 0);
        self.requested().is_none() && self.end.is_some_and(bad)
    }

    /// `error.type` of a run that failed.
    pub(super) fn error(&self) -> Option<String> {
        let code = self.end.and_then(|end| end.code);
        match self.failed() {
            false => None,
            true if self.oom_killed() => Some("oom".to_owned()),
            true => Some(format!("exit_{}", code.unwrap_or_default())),
        }
    }

    /// When its start began: the first sign, `StartedAt`, the event.
    pub(super) fn starting(&self) -> Option<At> {
        self.prepared.or(self.begun).into_iter().chain(self.begun).min()
    }

    /// When it was up: the event, else `StartedAt`.
    pub(super) fn up(&self) -> Option<At> {
        self.told.or(self.begun).into_iter().chain(self.begun).max()
    }

    /// The newest moment something is known of.
    pub(super) fn newest(&self) -> Option<At> {
        let ends = self.end.map(|end| end.at);
        let health = self.healthy.map(|seen| seen.at).max(self.health_at);
        [self.up(), self.prepared, ends, self.oom, self.stopped, health].into_iter().flatten().max()
    }
}
