//! One destination as it is seen from outside.

use std::{
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use jiff::Timestamp;

use super::{
    Number,
    words::{Outcome, TroubleKind},
};

/// Figures of one destination.
#[derive(Debug, Default)]
pub struct DestinationLog {
    /// Its name: host and port, for people and the label `destination`.
    pub name: String,
    /// Pushes by how they ended, in the order of [`Outcome::ALL`].
    pushes: [Number; Outcome::ALL.len()],
    /// Bytes of pushes that had an answer, compressed, those sent again included.
    pub sent_bytes: Number,
    /// Lines acknowledged.
    pub sent_lines: Number,
    /// Bytes of chunks in memory.
    pub queued_bytes: Number,
    /// Bytes in the spool.
    pub spool_bytes: Number,
    /// Largest the spool may be.
    pub spool_limit: Number,
    /// When the oldest in the spool was put there, in milliseconds since 1970; 0 for an empty one.
    pub spool_oldest: Number,
    /// Errors of the spool's disk.
    pub spool_errors: Number,
    /// The last thing asked of the spool's disk failed.
    spool_failing: AtomicBool,
    /// When something was last acknowledged, in milliseconds since 1970; 0 before.
    pub last_ack: Number,
    /// Why nothing is sent at present, for people.
    trouble: Mutex<Option<Trouble>>,
}

/// Why a destination takes nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trouble {
    /// Why in a word.
    pub kind: TroubleKind,
    /// Text for people.
    pub text: String,
}

impl DestinationLog {
    /// That of a destination of this name, with nothing counted.
    pub(super) fn new(name: String) -> Self {
        Self { name, ..Self::default() }
    }

    /// Counts an error of the spool's disk, and tells the first of several.
    pub fn spool_failed(&self, error: &(dyn std::error::Error + 'static), what: &'static str) {
        self.spool_errors.add(1);
        if !self.spool_failing.swap(true, Ordering::Relaxed) {
            tracing::warn!(destination = self.name, reason = chain(error), "{what}");
        }
    }

    /// The spool's disk took something.
    pub fn spool_works(&self) {
        if self.spool_failing.swap(false, Ordering::Relaxed) {
            tracing::info!(destination = self.name, "log lines are spooled again");
        }
    }

    /// Whether the spool's disk refused what it was last given.
    pub fn is_spool_failing(&self) -> bool {
        self.spool_failing.load(Ordering::Relaxed)
    }

    /// Counts a push.
    pub fn push(&self, outcome: Outcome) {
        if let Some(count) = self.pushes.get(outcome as usize) {
            count.add(1);
        }
    }

    /// Pushes that ended so.
    pub fn pushes(&self, outcome: Outcome) -> u64 {
        self.pushes.get(outcome as usize).map_or(0, Number::get)
    }

    /// When something was last acknowledged; `None` before.
    pub fn acknowledged_at(&self) -> Option<Timestamp> {
        time(&self.last_ack)
    }

    /// How long the oldest in the spool has been there; `None` for an empty one.
    pub fn spool_age(&self, now: Timestamp) -> Option<Duration> {
        let age = now.duration_since(time(&self.spool_oldest)?);
        Some(Duration::try_from(age).unwrap_or_default())
    }

    /// Says why nothing is sent; `None` when all is well.
    pub fn set_trouble(&self, trouble: Option<Trouble>) {
        *self.trouble.lock().unwrap_or_else(PoisonError::into_inner) = trouble;
    }

    /// Why nothing is sent.
    pub fn trouble(&self) -> Option<Trouble> {
        self.trouble.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Milliseconds since 1970 as a time; `None` for 0.
fn time(ms: &Number) -> Option<Timestamp> {
    let ms = i64::try_from(ms.get()).ok().filter(|ms| *ms > 0)?;
    Timestamp::from_millisecond(ms).ok()
}

/// An error and its causes.
pub(in crate::logs) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}
