//! What several test binaries and the benches share: peers which speak over real sockets and misbehave on command.

#![allow(dead_code, unused_imports, reason = "every test binary compiles this module and uses its own part of it")]
#![allow(unreachable_pub, reason = "the module is private to each binary which includes it")]
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "a panic is how test support says that a test is wrong"
)]

pub mod agent;
pub mod alertmanager;
pub mod application;
pub mod client;
pub mod compose;
pub mod container;
pub mod docker;
pub mod engine_view;
pub mod facts;
pub mod fake_engine;
pub mod host_view;
pub mod image;
pub mod kernel;
pub mod kernel_v1;
pub mod kernel_v2;
pub mod log_writer;
pub mod motovault;
pub mod namespace;
pub mod netns_helper;
pub mod page;
pub mod page_rules;
pub mod podman;
pub mod private_engine;
pub mod process;
pub mod prometheus;
pub mod proxy;
pub mod scene;
pub mod system;
pub mod tls_proxy;
pub mod tree;
pub mod wait;
pub mod webhook;
pub mod wire;
