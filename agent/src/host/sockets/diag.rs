//! Sockets asked of the kernel over netlink: `NETLINK_SOCK_DIAG` (sock_diag(7), `linux/inet_diag.h`).
//!
//! The kernel answers for the namespace in which the descriptor was made, whoever holds it. It walks the same hash as for the files and
//! formats no text, which makes it several times cheaper. Numbers of the protocol are in the order of the machine, addresses and ports of
//! sockets in that of the network.

use std::{
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    ops::ControlFlow,
    os::fd::{AsFd as _, OwnedFd},
};

use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    net::{RecvFlags, SendFlags, recv, send},
};

use super::{Buffer, Row, Table, table};
use crate::model::{Protocol, Socket};

/// Length of a request.
pub const REQUEST: usize = HEADER + 56;

const HEADER: usize = 16;
/// `struct inet_diag_msg`, behind which attributes stand.
const MESSAGE: usize = 72;

const ERROR: u16 = 2;
const DONE: u16 = 3;
/// `SOCK_DIAG_BY_FAMILY`, of requests and answers alike.
const BY_FAMILY: u16 = 20;
/// `NLM_F_REQUEST | NLM_F_DUMP`.
const DUMP: u16 = 0x301;

const AF_INET: u8 = 2;
const AF_INET6: u8 = 10;
const IPPROTO_TCP: u8 = 6;
const IPPROTO_UDP: u8 = 17;

/// Every state up to `NEW_SYN_RECV`; the one above is of sockets that are only bound.
pub const ALL_STATES: u32 = 0x1ffe;
/// Those that wait for others alone.
pub const LISTENING: u32 = 1 << 10;

/// `INET_DIAG_SKV6ONLY`: one byte.
const V6_ONLY: u16 = 11;

/// How long the kernel may take to go on with an answer; it does at once.
const PATIENCE: Timespec = Timespec { tv_sec: 0, tv_nsec: 200_000_000 };

/// A request for the sockets of a table in these states (`1 << state`); `sequence` comes back in every part of the answer.
pub fn request(table: Table, states: u32, sequence: u32) -> [u8; REQUEST] {
    let mut bytes = [0; REQUEST];
    let length = REQUEST as u32;
    let parts: [(usize, &[u8]); 7] = [
        (0, &length.to_ne_bytes()),
        (4, &BY_FAMILY.to_ne_bytes()),
        (6, &DUMP.to_ne_bytes()),
        (8, &sequence.to_ne_bytes()),
        (16, &[if table.is_v6() { AF_INET6 } else { AF_INET }]),
        (17, &[if table.protocol() == Protocol::Tcp { IPPROTO_TCP } else { IPPROTO_UDP }]),
        (20, &states.to_ne_bytes()),
    ];
    for (at, part) in parts {
        if let Some(place) = bytes.get_mut(at..at + part.len()) {
            place.copy_from_slice(part);
        }
    }
    bytes
}

/// What is to come after a datagram.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// Further ones.
    More,
    /// None.
    Nothing,
}

/// Hands out the rows of one datagram. Parts of other answers than the one to `sequence` are left out: they are of a request whose answer
/// was not read to its end. How many messages were not understood comes back with what is to come.
///
/// # Errors
/// What the kernel answers (`ENOENT` where it has no `tcp_diag` or `udp_diag`); a message that is longer than its datagram.
pub fn decode(
    datagram: &[u8],
    protocol: Protocol,
    sequence: u32,
    mut each: impl FnMut(Row) -> ControlFlow<()>,
) -> io::Result<(Next, u64)> {
    let (mut rest, mut strange) = (datagram, 0);
    while !rest.is_empty() {
        let (length, kind, of) = header(rest).ok_or_else(cut)?;
        let message = rest.get(HEADER..length).ok_or_else(cut)?;
        rest = rest.get(aligned(length)..).unwrap_or_default();
        if of != sequence {
            continue;
        }
        match kind {
            DONE => {
                // A dump that failed half-way says so here; older kernels say nothing.
                return refusal(message).map_or(Ok((Next::Nothing, strange)), Err);
            }
            ERROR => return Err(refusal(message).unwrap_or_else(cut)),
            BY_FAMILY => match row(message, protocol) {
                Some(Some(row)) => {
                    if each(row).is_break() {
                        return Ok((Next::Nothing, strange));
                    }
                }
                Some(None) => {}
                None => strange += 1,
            },
            _ => {}
        }
    }
    Ok((Next::More, strange))
}

fn cut() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "an answer of sock_diag was cut")
}

/// Length with the header, type and sequence of the message at the front.
fn header(bytes: &[u8]) -> Option<(usize, u16, u32)> {
    let length = usize::try_from(u32_at(bytes, 0)?).ok()?;
    (HEADER <= length && length <= bytes.len()).then_some(())?;
    Some((length, u16_at(bytes, 4)?, u32_at(bytes, 8)?))
}

const fn aligned(length: usize) -> usize {
    length.saturating_add(3) & !3
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_ne_bytes(*bytes.get(at..)?.first_chunk()?))
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_ne_bytes(*bytes.get(at..)?.first_chunk()?))
}

/// The error a message begins with, which the kernel writes below 0.
fn refusal(message: &[u8]) -> Option<io::Error> {
    let code = i32::from_ne_bytes(*message.first_chunk()?);
    (code < 0).then(|| io::Error::from_raw_os_error(code.saturating_neg()))
}

/// Reads a `struct inet_diag_msg` and what stands behind it; the inner `None` is a socket that says nothing of others.
fn row(message: &[u8], protocol: Protocol) -> Option<Option<Row>> {
    let ([family, state, _timer, retransmits], _) = message.split_first_chunk::<4>()?;
    let port = |at: usize| Some(u16::from_be_bytes(*message.get(at..)?.first_chunk()?));
    let address = |at: usize| {
        let place = message.get(at..)?;
        match *family {
            AF_INET => Some(IpAddr::V4(Ipv4Addr::from(*place.first_chunk::<4>()?))),
            AF_INET6 => Some(table::plain(Ipv6Addr::from(*place.first_chunk::<16>()?))),
            _ => None,
        }
    };
    let local = SocketAddr::new(address(8)?, port(4)?);
    let remote = SocketAddr::new(address(24)?, port(6)?);
    let attributes = message.get(MESSAGE..)?;
    let Some(state) = table::state(u32::from(*state), protocol, remote.port()) else { return Some(None) };
    let v6_only = attribute(attributes, V6_ONLY).and_then(|value| value.first()).map(|flag| *flag != 0);
    Some(Some(Row { socket: Socket { protocol, state, local, remote }, retransmits: *retransmits, v6_only }))
}

/// The value of one attribute: length with its header of four bytes, type, value, to the next multiple of four.
fn attribute(mut attributes: &[u8], wanted: u16) -> Option<&[u8]> {
    loop {
        let length = usize::from(u16_at(attributes, 0)?);
        let value = attributes.get(4..length)?;
        if u16_at(attributes, 2)? == wanted {
            return Some(value);
        }
        attributes = attributes.get(aligned(length)..)?;
    }
}

/// A descriptor which somebody made in the namespace that is asked about (`socket(AF_NETLINK, SOCK_RAW or SOCK_DGRAM,
/// NETLINK_SOCK_DIAG)`). It keeps that namespace alive.
#[derive(Debug)]
pub struct Diag {
    socket: OwnedFd,
    sequence: u32,
}

impl Diag {
    /// Takes it.
    pub const fn new(socket: OwnedFd) -> Self {
        Self { socket, sequence: 0 }
    }

    /// Hands out the sockets of a table in these states, until `each` has had enough. How many messages were not understood.
    ///
    /// # Errors
    /// What the kernel answers; it has no module for the table; nothing more came within a fifth of a second.
    pub fn rows(
        &mut self,
        table: Table,
        states: u32,
        buffer: &mut Buffer,
        mut each: impl FnMut(Row) -> ControlFlow<()>,
    ) -> io::Result<u64> {
        self.sequence = self.sequence.wrapping_add(1);
        send(&self.socket, &request(table, states, self.sequence), SendFlags::NOSIGNAL)?;
        let (mut strange, mut enough) = (0, false);
        loop {
            // After enough the rest is taken and left, so that the next answer begins with itself.
            let (next, not_understood) = decode(self.datagram(buffer)?, table.protocol(), self.sequence, |row| {
                enough = enough || each(row).is_break();
                ControlFlow::Continue(())
            })?;
            strange += not_understood;
            if next == Next::Nothing {
                return Ok(strange);
            }
        }
    }

    fn datagram<'buffer>(&self, buffer: &'buffer mut Buffer) -> io::Result<&'buffer [u8]> {
        let space = buffer.bytes();
        loop {
            match recv(&self.socket, &mut *space, RecvFlags::DONTWAIT | RecvFlags::TRUNC) {
                Ok((_, 0)) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok((_, length)) => return space.get(..length).ok_or_else(cut),
                Err(rustix::io::Errno::INTR) => {}
                Err(rustix::io::Errno::AGAIN) => {
                    let mut wait = [PollFd::from_borrowed_fd(self.socket.as_fd(), PollFlags::IN)];
                    if poll(&mut wait, Some(&PATIENCE))? == 0 {
                        return Err(io::ErrorKind::TimedOut.into());
                    }
                }
                Err(error) => return Err(error.into()),
            }
        }
    }
}
