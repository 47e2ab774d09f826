//! The alert rules: they name only what exists, lead to runbook sections that exist, fire when they should and then alone, and none of
//! their thresholds could be another without a test that fails.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "an assumption that breaks fails the test, as it should"
)]

mod budgets;
mod case;
mod cases;
mod equivalence;
mod mutants;
mod names;
mod promtool;
mod records;
mod rendered;
mod runbooks;
mod timeline;
mod unit;

use std::path::{Path, PathBuf};

/// The repository.
fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}
