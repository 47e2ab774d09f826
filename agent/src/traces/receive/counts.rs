//! What the receiver has taken and refused, for the page.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use crate::otlp::{Code, Signal};

/// What was spoken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Transport {
    /// OTLP/gRPC. Of connections: HTTP/2, over which both may be spoken.
    Grpc,
    /// OTLP/HTTP. Of connections: HTTP/1.1.
    Http,
}

impl Transport {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Grpc, Self::Http];

    /// The word in labels.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Grpc => "grpc",
            Self::Http => "http",
        }
    }
}

/// Why the receiver itself refused something: what the intake refuses shows by the code of its requests alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reason {
    /// A connection above the ceiling, turned away or put in the place of another one.
    Connections,
    /// Bytes of no form: no HTTP, a head beyond its ceiling, a flood of HTTP/2.
    Protocol,
    /// A head, a body or a client that did not come on in time.
    Slow,
    /// Nobody is at the path, or not with this method.
    Path,
    /// Neither protobuf nor JSON, or gRPC over HTTP/1.1.
    ContentType,
    /// Compressed in a way that is not spoken here.
    Encoding,
    /// Longer than allowed, before or after decompression.
    TooLong,
    /// No room beside the requests under way.
    NoRoom,
    /// Frames of gRPC that are none, or none or several messages.
    Frames,
    /// Says gzip and is not.
    Gzip,
    /// Says JSON and is no request as such.
    Json,
}

impl Reason {
    /// Every reason.
    pub const ALL: [Self; 11] = [
        Self::Connections,
        Self::Protocol,
        Self::Slow,
        Self::Path,
        Self::ContentType,
        Self::Encoding,
        Self::TooLong,
        Self::NoRoom,
        Self::Frames,
        Self::Gzip,
        Self::Json,
    ];

    /// The word in labels.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Connections => "connections",
            Self::Protocol => "protocol",
            Self::Slow => "slow",
            Self::Path => "path",
            Self::ContentType => "content_type",
            Self::Encoding => "encoding",
            Self::TooLong => "too_long",
            Self::NoRoom => "no_room",
            Self::Frames => "frames",
            Self::Gzip => "gzip",
            Self::Json => "json",
        }
    }
}

type BySignal<T> = [[T; Transport::ALL.len()]; Signal::ALL.len()];

/// Counters of all doors together.
#[derive(Debug, Default)]
pub struct Counts {
    requests: BySignal<[AtomicU64; Code::ALL.len()]>,
    bytes: BySignal<AtomicU64>,
    connections: [AtomicI64; Transport::ALL.len()],
    refused: [AtomicU64; Reason::ALL.len()],
}

impl Counts {
    /// Requests answered, by the code of gRPC that was given or that the status of HTTP stands for; those whose client left before are
    /// cancelled. A request to a path of no signal is among [`Self::refused`] alone.
    pub fn requests(&self, signal: Signal, transport: Transport, code: Code) -> u64 {
        self.code(signal, transport, code).map_or(0, load)
    }

    /// Bytes of bodies as they came, before decompression; of requests that were refused, up to where they were.
    pub fn bytes(&self, signal: Signal, transport: Transport) -> u64 {
        cell(&self.bytes, signal, transport).map_or(0, load)
    }

    /// Connections open at present.
    pub fn connections(&self, transport: Transport) -> u64 {
        let open = self.connections.get(transport as usize).map_or(0, |count| count.load(Ordering::Relaxed));
        u64::try_from(open).unwrap_or_default()
    }

    /// What the receiver itself refused.
    pub fn refused(&self, reason: Reason) -> u64 {
        self.refused.get(reason as usize).map_or(0, load)
    }

    pub(super) fn request(&self, signal: Signal, transport: Transport, code: Code) {
        add(self.code(signal, transport, code), 1);
    }

    pub(super) fn received(&self, signal: Signal, transport: Transport, bytes: usize) {
        add(cell(&self.bytes, signal, transport), u64::try_from(bytes).unwrap_or_default());
    }

    pub(super) fn refuse(&self, reason: Reason) {
        add(self.refused.get(reason as usize), 1);
    }

    /// Counts a connection as open while what is returned exists.
    pub(super) fn open(&self, transport: Transport) -> Open<'_> {
        let count = self.connections.get(transport as usize);
        if let Some(count) = count {
            count.fetch_add(1, Ordering::Relaxed);
        }
        Open(count)
    }

    fn code(&self, signal: Signal, transport: Transport, code: Code) -> Option<&AtomicU64> {
        cell(&self.requests, signal, transport)?.get(usize::from(code.number()))
    }
}

/// An open connection.
#[derive(Debug)]
pub(super) struct Open<'a>(Option<&'a AtomicI64>);

impl Drop for Open<'_> {
    fn drop(&mut self) {
        if let Some(count) = self.0 {
            count.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

fn cell<T>(cells: &BySignal<T>, signal: Signal, transport: Transport) -> Option<&T> {
    cells.get(signal as usize)?.get(transport as usize)
}

fn load(count: &AtomicU64) -> u64 {
    count.load(Ordering::Relaxed)
}

fn add(count: Option<&AtomicU64>, more: u64) {
    if let Some(count) = count {
        count.fetch_add(more, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_counted_has_a_cell_of_its_own() {
        let counts = Counts::default();
        let mut added = 0;
        for signal in Signal::ALL {
            for transport in Transport::ALL {
                for code in Code::ALL {
                    added += 1;
                    (0..added).for_each(|_| counts.request(signal, transport, code));
                    assert_eq!(counts.requests(signal, transport, code), added);
                }
                counts.received(signal, transport, 7);
                assert_eq!(counts.bytes(signal, transport), 7);
            }
        }
        for reason in Reason::ALL {
            counts.refuse(reason);
            assert_eq!(counts.refused(reason), 1, "{reason:?}");
        }
        let open = counts.open(Transport::Http);
        assert_eq!(Transport::ALL.map(|transport| counts.connections(transport)), [0, 1]);
        drop(open);
        assert_eq!(counts.connections(Transport::Http), 0);
    }
}
