//! Dashboards for Grafana, in the classic schema: the one that files are provisioned in.
//!
//! ```text
//!  boards/*.rs (constants) -> holes filled (query) -> placed (layout) -> steps of the policy (steps) -> dashboards/*.json
//! ```
//!
//! Pure: the same policy gives the same bytes. A board is a table of constants, and one writer reads them all: text per panel is all that a
//! panel costs. What `dashboards/` holds is the output for the default policy, and a test keeps it so.

mod annotation;
mod board;
mod boards;
mod layout;
mod link;
mod markdown;
mod panel;
mod query;
mod steps;
#[cfg(test)]
mod tests;
mod variable;

pub use board::{Board, Row};
pub use boards::BOARDS;
pub use layout::WIDTH;
pub use link::Link;
pub use markdown::markdown;
pub use panel::{Empty, Feature, Panel, Show, Unit};
pub use query::{Query, Source};
pub use steps::{Color, Steps};
pub use variable::Variable;

use super::Rendered;
use crate::policy::Policy;

/// Every board as a file, in the order in which one asks: what is wrong, where, why.
pub fn dashboards(policy: &Policy) -> Vec<Rendered> {
    let context = steps::Context::of(policy);
    BOARDS.iter().map(|board| board.render(&context)).collect()
}
