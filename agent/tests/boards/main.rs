//! The dashboards of `dashboards/` as files: what Grafana would refuse, what would show nothing, what would mislead.
//!
//! ```text
//!  dashboards/*.json -> model (strict) -> queries -> interpolate (one, many, all) -> promql, logql -> lint: one test a rule
//!                                                              +-> live: real agent, real Prometheus of both lines, real containers
//!  sample.json -> planted: one mistake each, and exactly one rule that sees it
//! ```
//!
//! No Grafana can be had where this is developed: what only Grafana itself could tell is not tested (docs/grafana.md).

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "an assumption that breaks fails the test, as it should"
)]

#[path = "../support/loki/mod.rs"]
mod loki;
#[path = "../support/otlp_backend/mod.rs"]
mod otlp_backend;
#[path = "../support/mod.rs"]
mod support;

mod interpolate;
mod lint;
mod live;
mod logql;
mod model;
mod names;
mod oracle;
mod planted;
mod promql;
mod provisioning;
mod queries;

use std::path::{Path, PathBuf};

/// The repository.
fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}
