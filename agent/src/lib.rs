//! spyhop: one small agent that looks around a Docker host.
//!
//! ```text
//!  Docker socket -> engine --events--> inventory --Arc<Snapshot>--+-> collectors -> exposition -+
//!                                                                 |       ^                     v
//!  kernel files --------------------------------------> host -----|-------+                   http -> Prometheus, people
//!                                                                 +-> targets ---------------- ^
//!  policy file ---------------------------------------> policy ----+
//!  containers' own /metrics ------------------------------------------^
//!  labels, policy file --------------------------------> probes ----^ <--asks--> containers, targets elsewhere
//!  readings of scrapes, inventory, probes -> history --------------> http
//!  policy, kernel's sockets, helper's sockets -> isolation --------^
//!  containers' log files, engine's logs -> logs -> delivery -> Loki
//!  applications' OTLP, inventory's events -> traces -> delivery -> OTLP back ends
//! ```
//!
//! Data flows left to right and imports go down only; `tests/layering.rs` holds the ranks:
//!
//! `main` `cli` `app` > `http` `config` > `collectors` `render` > `history` > `isolation` `probes` > `figures` `logs` `policy` `targets` `traces` > `broker` `inventory` > `engine` `helper` `host` `exposition` `otlp` > `delivery` > `model` `telemetry` `memory` `net` `sandbox` `secret`
//!
//! `fuzzing` stands beside the first, in builds for tests and fuzzers alone.

pub mod app;
pub mod broker;
pub mod cli;
pub mod collectors;
pub mod config;
pub mod delivery;
pub mod engine;
pub mod exposition;
pub mod figures;
#[cfg(any(test, fuzzing))]
pub mod fuzzing;
pub mod helper;
pub mod history;
pub mod host;
pub mod http;
pub mod inventory;
pub mod isolation;
pub mod logs;
pub mod memory;
pub mod model;
pub mod net;
pub mod otlp;
pub mod policy;
pub mod probes;
pub mod render;
pub mod sandbox;
pub mod secret;
pub mod targets;
pub mod telemetry;
pub mod traces;
