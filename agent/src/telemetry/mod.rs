//! The agent's own health: counters every part may touch, in one prometheus-client registry, and its own log.

mod families;
pub mod log;
mod metrics;
pub mod spans;

pub use families::SELF_FAMILIES;
pub use metrics::{EngineCall, HttpAnswer, HttpRefusal, Metrics, Outcome, Reason, Sandboxed, TargetOutcome};
