//! Requests arrive, whatever back ends do: the forwarder over real sockets against the strict back end, with its queue on a real disk.
//!
//! Every test accounts for each record: what was acknowledged to the sender is stored by the back end, refused by it, or counted as lost under a
//! reason; and the back end has nothing to complain of.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

#[path = "../support/otlp_backend/mod.rs"]
mod otlp_backend;
#[path = "../support/tls_proxy.rs"]
#[expect(dead_code, unreachable_pub, clippy::expect_used, reason = "shared with other tests")]
mod tls_proxy;
#[path = "../support/wait.rs"]
#[expect(dead_code, unreachable_pub, reason = "shared with other tests")]
mod wait;

mod answers;
mod disk;
mod post;
mod queues;
