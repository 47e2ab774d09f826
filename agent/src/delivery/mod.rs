//! Bringing bytes to a server that may be away: keep them, send them, sort its answers. Knows nothing of what it carries.

pub mod http;
mod verdict;

pub use verdict::Verdict;
