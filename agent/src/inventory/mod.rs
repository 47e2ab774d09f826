//! What exists on this host: containers, services, networks, and the counters that outlive them.
//!
//! One task owns [`State`](state::State); everybody else reads [`Snapshot`]s.

pub mod snapshot;

pub use snapshot::{EngineStatus, Entry, Reader, ServiceEntry, Snapshot};
