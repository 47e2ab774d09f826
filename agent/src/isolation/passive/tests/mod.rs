//! Sweeps over a procfs and an inventory made by hand.

mod attribution;
mod graph;
mod memory;
mod world;
