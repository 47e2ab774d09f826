//! Every container's lines to Loki: structured, once, nothing lost.
//!
//! ```text
//!  json-file -> tail ----\
//!                         piece -> assemble -> parse -> redact, rules -> chunk -> queue -> delivery -> Loki
//!  engine API -> follow -/
//! ```
//!
//! A position moves only when Loki has acknowledged what stands before it; readers never wait for Loki.

pub mod assemble;
pub mod board;
mod chunk;
pub mod ansi;
pub mod parse;
pub mod loki;
mod piece;
mod stream;

pub use piece::{Mark, Piece, Position, Rank};
