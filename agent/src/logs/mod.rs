//! Every container's lines to Loki: structured, once, nothing lost.
//!
//! ```text
//!  json-file -> tail ----\
//!                         piece -> assemble -> parse -> redact, rules -> batch -> delivery -> Loki
//!  engine API -> follow -/
//! ```
//!
//! A position moves only when Loki has acknowledged what stands before it; readers never wait for Loki.

mod follow;
pub mod json_file;
mod piece;
mod source;
pub mod tail;

pub use follow::{Follow, FollowCounts, FollowError};
pub use piece::{Mark, Piece, Position, Rank};
pub use source::{Source, SourcePlan, source_of};
