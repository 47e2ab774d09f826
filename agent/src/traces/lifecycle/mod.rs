//! What containers go through, as traces.
//!
//! ```text
//!  inventory's events ---\                      / start of a project: create, wait for dependencies, start, become healthy
//!                         life (facts) -> machine  restart, oom, unhealthy, stop: short traces that point at the start
//!  inventory's pictures -/   |                  \ -> tell -> ExportTraceServiceRequest
//!                            +-> keep (a journal: a restart of the agent neither repeats nor forgets)
//! ```
//!
//! Backends assume traces that end soon, and do not show spans that have not ended: nothing is a span that lasts as long as its container.
//! A trace is told once it is over. Its ids are made of what it tells of, so that what is told twice is the same twice.

mod agenda;
mod at;
mod counts;
mod gone;
mod heard;
mod ids;
mod journal;
mod keep;
mod life;
mod machine;
mod passage;
mod rate;
mod run;
mod seen;
mod sight;
mod span;
mod task;
mod tell;
#[cfg(test)]
mod tests;
mod underway;
mod who;

use std::sync::Arc;

pub use counts::{Counts, Kind, Lost};
pub use task::{Handle, Settings, start};

/// The host in what is told.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Host {
    /// `host.name`; `None` takes the inventory's.
    pub name: Option<Arc<str>>,
    /// `host.id`, such as the machine id: with it ids of traces differ from those of every other host.
    pub id: Option<Arc<str>>,
}

impl Host {
    /// What ids are made with. Not the name: it may be known later than the first trace.
    fn key(&self) -> &str {
        self.id.as_deref().unwrap_or_default()
    }
}
