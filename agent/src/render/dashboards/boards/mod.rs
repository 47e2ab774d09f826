//! The boards, one a file.
//!
//! Gauges are taken as `max by` identity and counters as `max by` of their rates: where two agents see one container both say the same, and a sum
//! would double it.

mod agent;
mod databases;
mod edge;
mod host;
mod isolation;
mod logs;
mod overview;
mod service;
mod slo;
mod tiers;
mod traces;

use super::Board;

/// All of them, in the order in which one asks.
pub static BOARDS: &[&Board] = &[
    &overview::BOARD,
    &service::BOARD,
    &tiers::BOARD,
    &slo::BOARD,
    &isolation::BOARD,
    &logs::BOARD,
    &traces::BOARD,
    &edge::BOARD,
    &databases::BOARD,
    &host::BOARD,
    &agent::BOARD,
];
