//! An OTLP back end which refuses what the specification refuses, in the Collector's words, and misbehaves on command.
//!
//! ```text
//!  server (hyper: gRPC or HTTP, plain or TLS) -> faults -> judge (form, size, ids, what must not be sent again) -> store
//! ```
//!
//! What a client does that it must not is refused as a server would, and kept as a complaint beside it: a test that ends without looking at
//! [`Backend::complaints`] would not know. Codes and sentences were recorded from the Collector 0.159 (`otlpreceiver`). Differences, on purpose:
//! all-zero ids are refused in a partial success, and a body above the limit over HTTP is answered 413 as the specification has it.

#![allow(dead_code, unused_imports, reason = "every test binary compiles this module and uses its own part of it")]
#![allow(unreachable_pub, reason = "the module is private to each binary which includes it")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "a panic is how test support says that a test is wrong"
)]

mod control;
mod faults;
mod grpc;
mod judge;
mod server;
mod state;
mod web;

pub use control::{Backend, Speaks};
pub use faults::{Fault, Refusal};
pub use judge::{Limits, Request};
pub use state::Asked;
