//! The receiver over real sockets: what the specification asks of a server, and what peers do to one.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "a panic is how a test says no"
)]

mod attacks;
mod doors;
mod frames;
mod grpc;
mod http;
mod limits;
mod support;
