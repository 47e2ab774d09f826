//! Every container's lines to Loki: structured, once, nothing lost.
//!
//! ```text
//!  json-file -> tail ----\
//!                         piece -> assemble -> parse -> redact, rules -> batch -> delivery -> Loki
//!  engine API -> follow -/
//! ```
//!
//! A position moves only when Loki has acknowledged what stands before it; readers never wait for Loki.

pub mod json_file;
mod piece;
pub mod tail;

pub use piece::{Mark, Piece, Position, Rank};
