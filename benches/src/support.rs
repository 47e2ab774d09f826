//! The parts of the tests' harness which benches stand on too.

#![allow(dead_code, unused_imports, reason = "the harness is larger than what benches use of it")]
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "a panic is how the harness says that it is used wrongly"
)]
#![allow(unreachable_pub, reason = "written for test binaries, which include it the same way")]

#[path = "../../agent/tests/support/agent.rs"]
pub mod agent;
#[path = "../../agent/tests/support/container.rs"]
pub mod container;
#[path = "../../agent/tests/support/docker.rs"]
pub mod docker;
#[path = "../../agent/tests/support/facts.rs"]
pub mod facts;
#[path = "../../agent/tests/support/fake_engine.rs"]
pub mod fake_engine;
#[path = "../../agent/tests/support/image.rs"]
pub mod image;
#[path = "../../agent/tests/support/log_writer.rs"]
pub mod log_writer;
#[path = "../../agent/tests/support/namespace.rs"]
pub mod namespace;
#[path = "../../agent/tests/support/netns_helper.rs"]
pub mod netns_helper;
#[path = "../../agent/tests/support/page.rs"]
pub mod page;
#[path = "../../agent/tests/support/page_rules.rs"]
pub mod page_rules;
#[path = "../../agent/tests/support/podman.rs"]
pub mod podman;
#[path = "../../agent/tests/support/private_engine.rs"]
pub mod private_engine;
#[path = "../../agent/tests/support/process.rs"]
pub mod process;
#[path = "../../agent/tests/support/prometheus.rs"]
pub mod prometheus;
#[path = "../../agent/tests/support/scene.rs"]
pub mod scene;
#[path = "../../agent/tests/support/wait.rs"]
pub mod wait;
#[path = "../../agent/tests/support/wire.rs"]
pub mod wire;
