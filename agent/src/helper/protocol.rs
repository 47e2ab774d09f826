//! What is said between the agent and its helper: a request of fixed length, an answer of two bytes or six.
//!
//! | bytes of a request | |
//! |---|---|
//! | 0 | version, 1 |
//! | 1 | what: 1 sockets, 2 a socket of `NETLINK_SOCK_DIAG`, 3 nothing but an answer |
//! | 2, 3, 4 | of sockets: family 4 or 6, kind 1 stream or 2 datagrams, how many; otherwise 0 |
//! | 5 to 8 | pid, little-endian; of 3 it is 0 |
//! | 9 to 16 | start time, little-endian; of 3 it is 0 |
//!
//! | bytes of an answer | |
//! |---|---|
//! | 0 | version, 1 |
//! | 1 | 0 here they are, 1 the process is gone, 2 refused, 3 failed |
//! | 2 to 5 | of 3: the error's number, little-endian |
//!
//! Each meaning has one spelling: whatever decodes encodes to the same bytes again.

use std::net::SocketAddr;

use crate::model::Process;
use crate::net::handover;

/// Version of both.
const VERSION: u8 = 1;

/// Length of a request in bytes.
pub const REQUEST: usize = 17;

/// Most sockets in one answer.
pub const MAX_SOCKETS: u8 = 64;
const _: () = assert!(MAX_SOCKETS as usize <= handover::MAX_DESCRIPTORS, "an answer is one message");

/// Which addresses a socket takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Family {
    /// IPv4.
    V4,
    /// IPv6.
    V6,
}

impl Family {
    /// The family of an address.
    pub const fn of(address: SocketAddr) -> Self {
        match address {
            SocketAddr::V4(_) => Self::V4,
            SocketAddr::V6(_) => Self::V6,
        }
    }
}

/// What goes through a socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// TCP.
    Stream,
    /// UDP.
    Datagram,
}

/// What is asked of the helper.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Request {
    /// Unconnected sockets of the namespace in which a process is.
    Sockets {
        /// Whose namespace.
        of: Process,
        /// IPv4 or IPv6.
        family: Family,
        /// TCP or UDP.
        kind: Kind,
        /// How many: 1 to [`MAX_SOCKETS`].
        count: u8,
    },
    /// A netlink socket that lists the sockets of that namespace.
    Diag {
        /// Whose namespace.
        of: Process,
    },
    /// Whether somebody is there.
    Ping,
}

impl Request {
    /// As bytes. A count that is none is asked for as it is, and refused.
    pub fn encode(self) -> [u8; REQUEST] {
        let (what, [family, kind, count], of) = match self {
            Self::Sockets { of, family, kind, count } => {
                let family = match family {
                    Family::V4 => 4,
                    Family::V6 => 6,
                };
                let kind = match kind {
                    Kind::Stream => 1,
                    Kind::Datagram => 2,
                };
                (1, [family, kind, count], of)
            }
            Self::Diag { of } => (2, [0; 3], of),
            Self::Ping => (3, [0; 3], Process { pid: 0, start_time: 0 }),
        };
        let ([a, b, c, d], [s, t, u, v, w, x, y, z]) = (of.pid.to_le_bytes(), of.start_time.to_le_bytes());
        [VERSION, what, family, kind, count, a, b, c, d, s, t, u, v, w, x, y, z]
    }

    /// From bytes; `None` for everything that no client of this version writes.
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let [VERSION, what, family, kind, count, a, b, c, d, start @ ..]: [u8; REQUEST] = bytes.try_into().ok()? else {
            return None;
        };
        let of = Process { pid: u32::from_le_bytes([a, b, c, d]), start_time: u64::from_le_bytes(start) };
        match (what, [family, kind, count], of) {
            (1, [family, kind, count @ 1..=MAX_SOCKETS], Process { pid: 1.., .. }) => {
                let family = match family {
                    4 => Family::V4,
                    6 => Family::V6,
                    _ => return None,
                };
                let kind = match kind {
                    1 => Kind::Stream,
                    2 => Kind::Datagram,
                    _ => return None,
                };
                Some(Self::Sockets { of, family, kind, count })
            }
            (2, [0, 0, 0], Process { pid: 1.., .. }) => Some(Self::Diag { of }),
            (3, [0, 0, 0], Process { pid: 0, start_time: 0 }) => Some(Self::Ping),
            _ => None,
        }
    }
}

/// How it went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// The sockets come with it.
    Here,
    /// There is no such process, or another has its id by now.
    Gone,
    /// Not for this namespace, or not understood.
    Refused,
    /// The kernel said so, by the number of its error.
    Failed(i32),
}

impl Answer {
    /// As bytes.
    pub fn encode(self) -> Vec<u8> {
        match self {
            Self::Here => vec![VERSION, 0],
            Self::Gone => vec![VERSION, 1],
            Self::Refused => vec![VERSION, 2],
            Self::Failed(errno) => {
                let [a, b, c, d] = errno.to_le_bytes();
                vec![VERSION, 3, a, b, c, d]
            }
        }
    }

    /// From bytes; `None` for everything that no helper of this version writes.
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        match *bytes {
            [VERSION, 0] => Some(Self::Here),
            [VERSION, 1] => Some(Self::Gone),
            [VERSION, 2] => Some(Self::Refused),
            [VERSION, 3, a, b, c, d] => Some(Self::Failed(i32::from_le_bytes([a, b, c, d]))),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn requests() -> impl Strategy<Value = Request> {
        let of = (1..=u32::MAX, any::<u64>()).prop_map(|(pid, start_time)| Process { pid, start_time });
        let sockets = (of.clone(), any::<bool>(), any::<bool>(), 1..=MAX_SOCKETS).prop_map(|(of, v6, udp, count)| {
            let family = if v6 { Family::V6 } else { Family::V4 };
            let kind = if udp { Kind::Datagram } else { Kind::Stream };
            Request::Sockets { of, family, kind, count }
        });
        prop_oneof![sockets, of.prop_map(|of| Request::Diag { of }), Just(Request::Ping)]
    }

    #[test]
    fn the_layout_is_as_it_is_written_down() {
        let of = Process { pid: 0x0102_0304, start_time: 0x0506_0708_090a_0b0c };
        let sockets = Request::Sockets { of, family: Family::V6, kind: Kind::Datagram, count: 64 }.encode();
        assert_eq!(sockets, [1, 1, 6, 2, 64, 4, 3, 2, 1, 12, 11, 10, 9, 8, 7, 6, 5]);
        assert_eq!(Request::Ping.encode(), [1, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
        assert_eq!(Answer::Failed(24).encode(), [1, 3, 24, 0, 0, 0]);
    }

    #[test]
    fn one_byte_off_is_refused() {
        let of = Process { pid: 7, start_time: 9 };
        let good = Request::Sockets { of, family: Family::V4, kind: Kind::Stream, count: 1 }.encode();
        let bad: [(usize, &[u8]); 5] =
            [(0, &[0, 2]), (1, &[0, 2, 3, 4]), (2, &[0, 5]), (3, &[0, 3]), (4, &[0, 65, 255])];
        for (at, values) in bad {
            for value in values {
                let mut bytes = good;
                bytes[at] = *value;
                assert_eq!(Request::decode(&bytes), None, "byte {at} is {value}");
            }
        }
        assert_eq!(Request::decode(&good[..16]), None);
        assert_eq!(Request::decode(&[good.as_slice(), &[0]].concat()), None);
        let nobody = Process { pid: 0, start_time: 9 };
        assert_eq!(Request::decode(&Request::Diag { of: nobody }.encode()), None, "no process has the id 0");
    }

    proptest! {
        #[test]
        fn what_is_asked_is_understood(request in requests()) {
            prop_assert_eq!(Request::decode(&request.encode()), Some(request));
        }

        #[test]
        fn each_meaning_has_one_spelling(bytes in proptest::collection::vec(0u8..8, 0..24)) {
            super::super::fuzz::helper(&bytes);
        }

        #[test]
        fn answers_come_back(errno in any::<i32>()) {
            for answer in [Answer::Here, Answer::Gone, Answer::Refused, Answer::Failed(errno)] {
                prop_assert_eq!(Answer::decode(&answer.encode()), Some(answer));
            }
        }
    }
}
