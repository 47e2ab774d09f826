//! The tables, one file an area.

mod agent;
mod containers;
mod host;
mod isolation;
mod logs;
mod policy;
mod pressure;
mod probes;
mod services;
mod targets;
mod traces;

use super::case::Suite;

pub(crate) const SUITES: &[Suite] = &[
    agent::SUITE,
    services::SUITE,
    host::SUITE,
    isolation::SUITE,
    logs::SUITE,
    policy::SUITE,
    probes::SUITE,
    targets::SUITE,
    traces::SUITE,
];
