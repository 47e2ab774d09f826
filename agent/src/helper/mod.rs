//! The helper: a process with two capabilities that makes sockets inside the network namespaces of containers and hands them over.
//!
//! ```text
//!  agent: uid 65534, no capability                         helper: CAP_SYS_ADMIN, CAP_SYS_PTRACE
//!  Client --(process, family, kind, count)--> SEQPACKET --> Server: setns in, socket(), setns back
//!         <--------- unconnected sockets (SCM_RIGHTS) ----
//! ```
//!
//! A socket stays in the namespace it was made in, whoever holds it: the agent connects, waits and reads with no right of its own, and the
//! helper parses nothing but a request of [`protocol::REQUEST`] bytes and a line of `/proc`.

mod check;
mod client;
#[cfg(any(test, fuzzing))]
pub mod fuzz;
mod process;
pub mod protocol;
mod rooms;
mod server;

pub use check::answers;
pub use client::{Client, Connect, Connecting, tcp, udp};
pub use protocol::{Family, Kind, MAX_SOCKETS};
pub use server::{HelperError, Options, run};
