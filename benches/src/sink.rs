//! A Loki that takes everything at once and counts lines: what is left is the cost of the sender.

use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    thread,
};

use anyhow::Result;

/// See the head of this file. Its threads end with the process.
pub(crate) struct Sink {
    address: SocketAddr,
    lines: Arc<AtomicU64>,
}

impl Sink {
    /// Listens on loopback.
    pub(crate) fn start() -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let (address, lines) = (listener.local_addr()?, Arc::new(AtomicU64::new(0)));
        let counted = Arc::clone(&lines);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let counted = Arc::clone(&counted);
                thread::spawn(move || serve(stream, &counted));
            }
        });
        Ok(Self { address, lines })
    }

    pub(crate) const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Lines taken.
    pub(crate) fn lines(&self) -> u64 {
        self.lines.load(Ordering::Relaxed)
    }

    /// Counts from 0 again.
    pub(crate) fn forget(&self) {
        self.lines.store(0, Ordering::Relaxed);
    }
}

fn serve(stream: TcpStream, lines: &AtomicU64) -> Option<()> {
    let mut reader = BufReader::new(stream.try_clone().ok()?);
    let mut writer = stream;
    loop {
        let body = body(&mut reader)?;
        writer.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").ok()?;
        lines.fetch_add(entries(&snap::raw::Decoder::new().decompress_vec(&body).ok()?), Ordering::Relaxed);
    }
}

/// The body of the next request; `None` when there is none.
pub(crate) fn body(reader: &mut BufReader<TcpStream>) -> Option<Vec<u8>> {
    let mut length = 0_usize;
    let mut head = String::new();
    loop {
        head.clear();
        if reader.read_line(&mut head).ok()? == 0 {
            return None;
        }
        if head == "\r\n" {
            break;
        }
        if let Some(value) = head.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().ok()?;
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    Some(body)
}

/// Entries of a push: fields 2 of fields 1.
fn entries(push: &[u8]) -> u64 {
    let streams = fields(push).filter(|(number, _)| *number == 1);
    streams.map(|(_, stream)| fields(stream).filter(|(number, _)| *number == 2).count() as u64).sum()
}

/// Length-delimited protobuf fields: number and bytes.
pub(crate) fn fields(mut bytes: &[u8]) -> impl Iterator<Item = (u8, &[u8])> {
    std::iter::from_fn(move || {
        let (tag, mut rest) = bytes.split_first()?;
        let (mut length, mut shift) = (0_usize, 0);
        loop {
            let (byte, after) = rest.split_first()?;
            rest = after;
            length |= usize::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                break;
            }
            shift += 7;
        }
        let (field, after) = rest.split_at_checked(length)?;
        bytes = after;
        Some((tag >> 3, field))
    })
}
