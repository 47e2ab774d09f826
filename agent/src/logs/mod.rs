//! Every container's lines to Loki, or to back ends that take OTLP: structured, once, nothing lost.
//!
//! ```text
//!  json-file -> tail ----\
//!                         piece -> assemble -> parse -> redact, rules -> chunk -> queue -> delivery -> Loki
//!  engine API -> follow -/
//! ```
//!
//! A position moves only when Loki has acknowledged what stands before it; readers never wait for Loki.

pub mod ansi;
pub mod assemble;
mod bell;
pub mod board;
mod chunk;
pub mod declare;
mod follow;
mod followers;
pub mod json_file;
mod lanes;
pub mod loki;
mod options;
pub mod otlp;
pub mod parse;
mod piece;
mod pipeline;
mod queue;
pub mod redact;
pub mod rules;
mod sender;
mod settings;
mod source;
mod stream;
mod streams;
pub mod tail;
mod worker;

pub use follow::{Follow, FollowCounts, FollowError};
pub use options::{Options, SourceChoice};
pub use piece::{Mark, Piece, Position, Rank};
pub use pipeline::{Destination, Handle, Pipeline, StartError, Surroundings, To};
pub use settings::Settings;
pub use source::{Source, SourcePlan, source_of};
