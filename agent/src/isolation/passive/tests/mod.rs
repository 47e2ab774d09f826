//! Sweeps over a procfs and an inventory made by hand.

mod attribution;
mod first;
mod graph;
mod memory;
mod world;
