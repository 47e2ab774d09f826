//! What every part shares that speaks to a server: how long to wait after a failure, and whom to trust.

mod backoff;
mod tls;

pub use backoff::Backoff;
pub use tls::{TlsError, TlsFiles, client_config, read, server_name};
