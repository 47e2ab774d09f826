//! Attacks on the listener of the real program: refused, counted, and never more than 30 MiB of memory.
//!
//! Containers stand behind each agent, so that its pages are worth stealing and worth not reading. The peak is what
//! the kernel says it was (`VmHWM`), so nothing between two looks is missed.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

#[path = "../support/mod.rs"]
mod support;

mod commands;
mod connections;
mod credentials;
mod handshakes;
mod prometheus;
mod reload;
mod target;
