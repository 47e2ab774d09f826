//! What every part shares that speaks to a server: how long to wait after a failure, and whom to trust, and what a certificate says.

mod backoff;
mod certificate;
pub mod door;
pub mod handover;
mod tls;

pub use backoff::Backoff;
pub use certificate::{Certificate, ends as certificate_ends};
pub use tls::{TlsError, TlsFiles, client_config, read, roots, server_name};
