//! A row of `/proc/net/tcp`, `tcp6`, `udp` and `udp6` (Documentation/networking/proc_net_tcp.rst; `get_tcp4_sock`, `tcp6_seq_show`).
//!
//! An address is printed word by word as the machine holds it in a register: on x86-64 and arm64, which are little-endian, `127.0.0.1` is
//! `0100007F`. A word is therefore turned into bytes in the order of the machine that the kernel runs on, which is ours. Ports are
//! printed as numbers.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use super::hex::Cursor;
use crate::model::{Protocol, Socket, SocketState};

/// One of the four tables.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Table {
    /// TCP over IPv4.
    Tcp4,
    /// TCP over IPv6, with IPv4 of sockets that take both.
    Tcp6,
    /// UDP over IPv4.
    Udp4,
    /// UDP over IPv6, with IPv4 of sockets that take both.
    Udp6,
}

impl Table {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Tcp4, Self::Tcp6, Self::Udp4, Self::Udp6];

    /// Path below `/proc/<pid>`.
    pub const fn path(self) -> &'static str {
        match self {
            Self::Tcp4 => "net/tcp",
            Self::Tcp6 => "net/tcp6",
            Self::Udp4 => "net/udp",
            Self::Udp6 => "net/udp6",
        }
    }

    /// TCP or UDP.
    pub const fn protocol(self) -> Protocol {
        match self {
            Self::Tcp4 | Self::Tcp6 => Protocol::Tcp,
            Self::Udp4 | Self::Udp6 => Protocol::Udp,
        }
    }

    /// Whether it is that of IPv6.
    pub const fn is_v6(self) -> bool {
        matches!(self, Self::Tcp6 | Self::Udp6)
    }
}

/// A socket, with what the kernel says beside it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Row {
    /// The socket.
    pub socket: Socket,
    /// How often its last packet was sent again without an answer; of a `SYN_SENT` one the first time is after a second.
    pub retransmits: u8,
    /// Of a listener on IPv6, whether it refuses IPv4. Only `sock_diag` says so.
    pub v6_only: Option<bool>,
}

/// A line that is no row as the kernel writes them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Strange;

/// Reads one line, the heading not among them; `None` for a socket that is neither there for anybody nor was (closed, only bound).
///
/// # Errors
/// [`Strange`].
pub fn row(line: &[u8], table: Table) -> Result<Option<Row>, Strange> {
    parse(line, table).ok_or(Strange)
}

/// The outer `None` is what was not understood.
#[inline]
fn parse(line: &[u8], table: Table) -> Option<Option<Row>> {
    let mut at = Cursor(line);
    at.past(b':')?;
    at.byte(b' ')?;
    let local = address(&mut at, table)?;
    at.byte(b' ')?;
    let remote = address(&mut at, table)?;
    at.byte(b' ')?;
    let number = at.hex::<2>()?;
    at.byte(b' ')?;
    // tx_queue:rx_queue, then tr:tm->when, whose second half grows beyond eight digits.
    at.past(b' ')?;
    at.past(b' ')?;
    let retransmits = u8::try_from(at.hex::<8>()?).unwrap_or(u8::MAX);
    let protocol = table.protocol();
    let Some(state) = state(number, protocol, remote.port()) else { return Some(None) };
    Some(Some(Row { socket: Socket { protocol, state, local, remote }, retransmits, v6_only: None }))
}

/// Words of an address, a colon, a port.
fn address(at: &mut Cursor<'_>, table: Table) -> Option<SocketAddr> {
    let ip = if table.is_v6() {
        let words = [at.hex::<8>()?, at.hex::<8>()?, at.hex::<8>()?, at.hex::<8>()?];
        of_words(words)
    } else {
        IpAddr::V4(Ipv4Addr::from(at.hex::<8>()?.to_ne_bytes()))
    };
    at.byte(b':')?;
    let port = u16::try_from(at.hex::<4>()?).ok()?;
    Some(SocketAddr::new(ip, port))
}

/// An IPv6 address from its words as the machine holds them; IPv4 where it is one inside (`::ffff:a.b.c.d`).
fn of_words(words: [u32; 4]) -> IpAddr {
    let mut bytes = [0; 16];
    for (four, word) in bytes.chunks_exact_mut(4).zip(words) {
        four.copy_from_slice(&word.to_ne_bytes());
    }
    plain(Ipv6Addr::from(bytes))
}

/// IPv4 inside IPv6 as IPv4.
pub(super) fn plain(address: Ipv6Addr) -> IpAddr {
    address.to_ipv4_mapped().map_or(IpAddr::V6(address), IpAddr::V4)
}

/// The state of that number (`include/net/tcp_states.h`); `None` for those that say nothing of others.
///
/// Who waits for the close of his own side (`CLOSE_WAIT`) was left by the other: it is about to end, like all behind it.
pub(super) fn state(number: u32, protocol: Protocol, remote_port: u16) -> Option<SocketState> {
    const ESTABLISHED: u32 = 1;
    const CLOSE: u32 = 7;
    if protocol == Protocol::Udp {
        return match number {
            ESTABLISHED if remote_port != 0 => Some(SocketState::Established),
            ESTABLISHED | CLOSE => Some(SocketState::Listen),
            _ => None,
        };
    }
    match number {
        ESTABLISHED => Some(SocketState::Established),
        2 => Some(SocketState::SynSent),
        // The second is a request that has no socket of its own yet.
        3 | 12 => Some(SocketState::SynReceived),
        6 => Some(SocketState::TimeWait),
        4 | 5 | 8 | 9 | 11 => Some(SocketState::Closing),
        10 => Some(SocketState::Listen),
        _ => None,
    }
}
