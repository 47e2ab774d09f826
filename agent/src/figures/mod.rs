//! What containers use, asked of the engine where the kernel's files cannot be seen: an engine elsewhere, Docker Desktop, a
//! container without the cgroup mount.
//!
//! ```text
//!  inventory::Reader --who runs--> watch --engine::stats--> Board <--read at the scrape-- collectors
//! ```
//!
//! It runs beside the scrape and never holds it up. The engine pays for each question with a walk through containerd to the
//! kernel, so there is a ceiling of everything: each container is asked for once an interval, [`AT_ONCE`] questions are on their
//! way, an answer has a deadline, and nobody is asked while nobody scrapes or the engine does not answer.

mod board;
#[cfg(test)]
mod tests;
mod watch;

pub use board::{Board, Held};
pub use watch::watch;

use std::time::Duration;

/// Questions on their way at a time. Each costs the engine one to two milliseconds of CPU (measured on 20.10, cgroup v1), so that
/// this many keep less than a core of it busy.
pub const AT_ONCE: usize = 4;

/// Figures older than this many intervals are not shown any more.
pub const STALE_AFTER: u32 = 4;

/// Without a scrape for this many intervals nobody is asked any more.
const IDLE_AFTER: u32 = 8;

/// How often somebody new is looked for.
const STEP: Duration = Duration::from_secs(1);
