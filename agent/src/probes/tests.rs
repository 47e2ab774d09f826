//! Probes over real sockets of loopback, with servers of every kind at the other end.

mod asking;
mod certificates;
mod plan;
mod protocols;
mod running;
mod servers;

pub(super) use self::plan::on_host;
