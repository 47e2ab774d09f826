//! Sockets of one network namespace, as the kernel lists them (`/proc/<pid>/net/tcp` and its companions, or `sock_diag`).

use std::net::SocketAddr;

/// What is spoken above IP.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Protocol {
    /// TCP.
    Tcp,
    /// UDP.
    Udp,
}

impl Protocol {
    /// The word in the policy, in labels and in the engine's API.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Tcp => "tcp",
            Self::Udp => "udp",
        }
    }

    /// The protocol of that word.
    pub fn from_word(word: &str) -> Option<Self> {
        match word {
            "tcp" => Some(Self::Tcp),
            "udp" => Some(Self::Udp),
            _ => None,
        }
    }
}

/// State of a socket (`include/net/tcp_states.h`); of UDP only [`SocketState::Listen`] (no peer) and [`SocketState::Established`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SocketState {
    /// Waits for others.
    Listen,
    /// Asked, and not answered yet: refused silently, or on its way.
    SynSent,
    /// Was asked, and has answered.
    SynReceived,
    /// Both sides have agreed.
    Established,
    /// It was there, and has ended in order less than a minute ago.
    TimeWait,
    /// It was there, and is about to end.
    Closing,
}

/// One socket. An IPv4 address inside IPv6 (`::ffff:a.b.c.d`) is written as IPv4.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Socket {
    /// TCP or UDP.
    pub protocol: Protocol,
    /// Its state.
    pub state: SocketState,
    /// This side; the address is unspecified where it listens on all.
    pub local: SocketAddr,
    /// The other side; port 0 where there is none.
    pub remote: SocketAddr,
}
