//! Bringing bytes to a server that may be away: keep them, send them, sort its answers. Knows nothing of what it carries.

mod blocking;
pub(crate) mod disk;
pub mod grpc;
pub mod http;
pub mod journal;
mod peer;
pub mod spool;
mod verdict;

pub(crate) use blocking::blocking;
pub use verdict::Verdict;
