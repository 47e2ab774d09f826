//! What every part shares that speaks to a server: how long to wait after a failure, whom to trust, what a certificate says, and how to
//! find out whether anybody listens.

mod backoff;
mod certificate;
pub mod door;
pub mod handover;
pub mod knock;
mod tls;

pub use backoff::Backoff;
pub use certificate::{Certificate, ends as certificate_ends};
pub use tls::{TlsError, TlsFiles, client_config, read, roots, server_name};
