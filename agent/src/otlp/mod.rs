//! OTLP as a protocol, without a socket: what requests look like, what they are answered with, and what an answer means to who asked.
//!
//! ```text
//!  JSON --json--> bytes <--wire--> views, writers, splices          signal: names and paths · status: codes of both transports
//! ```
//!
//! Source: the OTLP specification 1.11.0 and opentelemetry-proto of the same version.

#[cfg(any(test, fuzzing))]
pub mod fuzz;
pub mod json;
mod signal;
mod status;
mod verdict;
pub mod wire;

pub use signal::Signal;
pub use status::{Code, Status};
pub use verdict::{MAX_WAIT, Sorted, grpc, http};
