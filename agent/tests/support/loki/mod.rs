//! A Loki which refuses what the real one refuses, in its words, and misbehaves on command.
//!
//! ```text
//!  server (HTTP over std threads) -> faults -> push (distributor: decode, validate, rate) -> store (ingester: streams, dedup) -> query
//! ```
//!
//! Its sentences and codes were recorded from Loki 3.7.6 (one binary, filesystem, schema v13) and can be compared again with
//! `SPYHOP_LOKI=http://...`, see `loki_receiver.rs`. Differences, on purpose: text that is not UTF-8 is refused, levels are not detected,
//! and repeated entries which the real one drops only when it is asked are kept, so that a test sees them.

#![allow(dead_code, unused_imports, reason = "every test binary compiles this module and uses its own part of it")]
#![allow(unreachable_pub, reason = "the module is private to each binary which includes it")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "a panic is how test support says that a test is wrong"
)]

mod faults;
mod labels;
mod limits;
mod proto;
mod push;
mod query;
mod server;
mod store;

pub use faults::Fault;
pub use limits::Limits;
pub use proto::{Entry, Pairs};
pub use server::{Asked, Receiver};
pub use store::Stored;
