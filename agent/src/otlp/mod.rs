//! OTLP as a protocol: what requests look like, what they are answered with, what an answer means to who asked, and asking over either
//! transport.
//!
//! ```text
//!  JSON --json--> bytes <--wire--> views, writers, splices          signal: names and paths · status: codes of both transports
//!  request --client--> delivery --verdict--> what becomes of it
//! ```
//!
//! Source: the OTLP specification 1.11.0 and opentelemetry-proto of the same version.

mod check;
mod client;
#[cfg(any(test, fuzzing))]
pub mod fuzz;
pub mod json;
mod signal;
mod status;
mod verdict;
pub mod wire;

pub use check::check;
pub use client::{Client, Protocol};
pub use signal::Signal;
pub use status::{Code, Status};
pub use verdict::{MAX_WAIT, Sorted, grpc, http};
