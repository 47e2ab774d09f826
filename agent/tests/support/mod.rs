//! What several test binaries and the benches share: peers which speak over real sockets and misbehave on command.

#![allow(dead_code, unused_imports, reason = "every test binary compiles this module and uses its own part of it")]
#![allow(unreachable_pub, reason = "the module is private to each binary which includes it")]
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "a panic is how test support says that a test is wrong"
)]

pub mod client;
pub mod fake_engine;
