//! What parts share that speak to servers or are one: how long to wait after a failure, whom to trust, what a certificate says, how to find out
//! whether anybody listens, and who goes when too many have come.

mod backoff;
mod certificate;
pub mod crowd;
pub mod door;
pub mod handover;
pub mod knock;
mod tls;

pub use backoff::Backoff;
pub use certificate::{Certificate, ends as certificate_ends};
pub use tls::{TlsError, TlsFiles, client_config, read, roots, server_name};
