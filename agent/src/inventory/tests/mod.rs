//! Tests of the inventory: tables for its pure parts, a model engine which knows the truth for its counters, and the task on top of it.

mod clocks;
mod counting;
mod ledger;
mod model_engine;
mod outage;
mod running;
mod schedule;
mod script;
mod serving;
mod state;
mod watch;
