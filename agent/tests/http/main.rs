//! The HTTP server over real sockets, with clients that behave and clients that do not.
//!
//! Deadlines are made short through `Settings`; what has to happen is awaited, never slept for.
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod access;
mod answers;
mod containers;
mod limits;
mod live;
mod requests;
mod scraper;
mod shutdown;
mod smuggling;
mod support;
mod tls;
