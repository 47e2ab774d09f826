//! The machine against written stories: what was heard and seen, and the waterfall that comes of it.

mod keeping;
mod reconcile;
mod scene;
mod spells;
mod tasks;
mod waterfall;
