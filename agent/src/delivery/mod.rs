//! Bringing bytes to a server that may be away: keep them, send them, sort its answers. Knows nothing of what it carries.

pub(crate) mod disk;
pub mod http;
pub mod journal;
pub mod spool;
mod verdict;

pub use verdict::Verdict;
