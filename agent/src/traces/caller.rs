//! Who is on the other side of a connection, as far as the kernel tells.

use std::net::SocketAddr;

/// Taken when the connection is accepted; nothing a client sends changes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// How it came in.
    pub way: Way,
}

/// Over what a connection came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Way {
    /// TCP: the peer's address and our own end.
    Tcp {
        /// `getpeername`, of IPv4 as such on a door for both versions. Behind a proxy that is believed whom it names, with port 0.
        peer: SocketAddr,
        /// `getsockname`.
        local: SocketAddr,
    },
    /// A unix socket: `SO_PEERCRED`, the process which connected, as our pid namespace numbers it. `None` where the kernel says 0, which is a
    /// process of a namespace we do not see.
    Unix {
        /// First process of the connection.
        pid: Option<u32>,
        /// Its user, as our user namespace numbers it.
        uid: u32,
    },
    /// Ourselves: the agent's own spans.
    Inside,
}
