//! The static tier: what is written down in the engine, held against what is wanted.

use super::{Draft, Intent};
use crate::inventory::Snapshot;

/// What is not as wanted in this picture. Pure.
pub fn judge(intent: &Intent, snapshot: &Snapshot) -> Vec<Draft> {
    let _nothing_is_wanted_yet = (intent, snapshot);
    Vec::new()
}
