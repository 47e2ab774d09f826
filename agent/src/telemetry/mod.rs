//! The agent's own health: counters every part may touch, in one prometheus-client registry.

mod families;
mod metrics;

pub use families::SELF_FAMILIES;
pub use metrics::{EngineCall, HttpAnswer, Metrics, Outcome, Reason};
