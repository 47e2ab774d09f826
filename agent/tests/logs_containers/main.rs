//! Lines of real containers arrive: how they end, how long their lines are, who wrote them, which driver keeps them.
//!
//! Numbers in brackets are those of the list in docs/decisions/0015-log-failures.md. Lines are made here and printed by the container,
//! so that each accounts for itself; containers of others on the same engine are not read.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

#[path = "../support/loki/mod.rs"]
mod loki;
#[path = "../support/mod.rs"]
mod support;

mod drivers;
mod lines;
mod lives;
mod redaction;
mod restart;
mod yard;
