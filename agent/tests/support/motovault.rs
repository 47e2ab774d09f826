//! The stand-in of the first reference system (`compose/systems/motovault-k8s`).

pub use super::system::System;

/// Its folder.
pub const SYSTEM: &str = "systems/motovault-k8s";

impl System {
    /// Nothing started yet; `None`, after telling why, where it cannot be.
    pub fn or_skip(stem: &str, files: &[&str]) -> Option<Self> {
        Self::of("motovault-k8s", stem, files)
    }
}
