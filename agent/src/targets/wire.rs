//! A socket that gives out a limited number of bytes: what a target may send before its head is whole, and how much it may
//! wrap around a body. With TLS it is what TLS carries that counts.

use std::{
    io,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    task::{Context, Poll, ready},
};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Bytes until the head is read; several times the largest head. HTTP allows any number of interim answers before it.
const BEFORE_BODY: u64 = 256 << 10;

/// Chunks of a single byte take six on the wire.
const WRAPPING: u64 = 8;

/// The socket.
#[derive(Debug)]
pub(crate) struct Wire<S> {
    stream: S,
    allowance: Allowance,
}

/// Bytes that may still come.
#[derive(Clone, Debug)]
pub(crate) struct Allowance(Arc<AtomicU64>);

impl Allowance {
    /// The head is whole: a body of this many bytes may follow.
    pub(crate) fn body(&self, max_body: u64) {
        self.0.store(max_body.saturating_mul(WRAPPING).saturating_add(BEFORE_BODY), Ordering::Relaxed);
    }
}

impl<S> Wire<S> {
    pub(crate) fn new(stream: S) -> (Self, Allowance) {
        let allowance = Allowance(Arc::new(AtomicU64::new(BEFORE_BODY)));
        (Self { stream, allowance: allowance.clone() }, allowance)
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Wire<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(cx, buf))?;
        let read = u64::try_from(buf.filled().len() - before).unwrap_or(u64::MAX);
        let left = self.allowance.0.load(Ordering::Relaxed).checked_sub(read);
        // Only this side takes from it while a read is under way.
        self.allowance.0.store(left.unwrap_or(0), Ordering::Relaxed);
        Poll::Ready(left.map(drop).ok_or_else(|| io::Error::other("the target sends more than it may")))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Wire<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, data: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, data)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
