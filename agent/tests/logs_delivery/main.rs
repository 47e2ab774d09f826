//! Lines arrive, whatever the destination does: the real agent, log files written as dockerd writes them, the strict receiver.
//!
//! Numbers in brackets are those of the list in docs/decisions/0015-log-failures.md. Every test counts by run and number of each line:
//! loss 0, nothing twice unless the test's first line says otherwise, order kept.

#![expect(clippy::unwrap_used, reason = "tests")]

#[path = "../support/loki/mod.rs"]
mod loki;
#[path = "../support/log_shop.rs"]
mod shop;
#[path = "../support/mod.rs"]
mod support;

mod disk;
mod files;
mod lines;
mod outage;
mod refusals;
