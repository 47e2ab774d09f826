//! Probes over real sockets of loopback, with servers of every kind at the other end.

mod asking;
mod certificates;
mod plan;
mod running;
mod servers;
