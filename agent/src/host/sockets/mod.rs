//! What the kernel lists of the sockets of one network namespace, seen from outside of it.
//!
//! ```text
//!  namespace  /proc/<pid>/net of one process: which namespace it is, what it counts, its tables row by row
//!  table      a row of tcp, tcp6, udp, udp6          counts  sockstat, sockstat6, snmp: is a table worth reading
//!  owner      whose socket it is: ends -> inode -> process -> containers
//!  local      fib_trie, if_inet6, route, ipv6_route  diag    the same rows asked of the kernel (sock_diag(7))
//! ```
//!
//! No capability is needed for the files: `/proc/<pid>/net` of anybody's process can be read where the host's pids are seen. `diag` needs a
//! descriptor which somebody made inside the namespace; using it needs nothing.
//!
//! Nothing is kept open: an open file of `/proc/<pid>/net` keeps the namespace alive, and so does a descriptor for `diag`.

mod counts;
pub mod diag;
mod hex;
mod local;
mod namespace;
mod owner;
mod process;
mod table;

pub use counts::Counts;
pub use diag::Diag;
pub use local::{v4_addresses, v4_gateways, v6_addresses, v6_gateways};
pub use namespace::{Buffer, Namespace};
pub use owner::{Descriptor, Family, Holder, containers_of, descriptor_of, family_of, numbers_agree};
pub use process::{Stranger, sees_host};
pub use table::{Row, Strange, Table, row};

#[cfg(test)]
mod tests;
