//! The last hour of what is used, and what the agent itself has seen of the objectives.
//!
//! ```text
//!  collectors --readings that a scrape took anyway--+
//!                                                   +--> Board --> page, /api/v1/history, /api/v1/objectives
//!  inventory, probes --who serves, what is counted--+      |
//!                                                          +--> state file (objectives alone)
//! ```
//!
//! A passive store: nothing runs here. A reading is asked for once a minute while nobody scrapes, and every [`WATCHED`] while
//! somebody looks at the page ([`Board::watch`]); `app` does both. Prometheus is who keeps history: this is for the page of a host
//! whose Prometheus is out of reach, or has not been set up yet.

mod board;
mod file;
mod ledger;
mod objective;
mod ring;
mod spark;
mod usage;

use std::time::Duration;

pub use board::{Board, Reading, Watching};
pub use ledger::Moment;
pub use objective::{Judge, Objective};
pub use spark::{HostSparks, MINUTES, Spark, Sparks, Usage};
pub use usage::Figures;

/// How often a reading is taken while somebody looks at the page.
pub const WATCHED: Duration = Duration::from_secs(5);

/// How often one is taken while nobody scrapes and nobody looks.
pub const UNWATCHED: Duration = Duration::from_secs(60);

/// Containers whose last hour is kept: half a kilobyte each.
pub const MAX_CONTAINERS: usize = 1_000;
