//! The bytes between us and the engine: a unix socket, TCP, or TLS over it; and a ceiling on what is read.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use rustix::net::sockopt;
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::{TcpStream, UnixStream},
};
use tokio_rustls::client::TlsStream;

use super::{Address, endpoint::Endpoint, error::Broken};

/// A connection over the network is asked for a sign of life after this long without one, and given up after four unanswered
/// ones: the stream of events may be silent for hours, and a router in between forgets it.
const KEEPALIVE_AFTER: Duration = Duration::from_secs(30);
const KEEPALIVE_PAUSE: Duration = Duration::from_secs(10);
const KEEPALIVE_TRIES: u32 = 4;

/// A connection to the engine.
#[derive(Debug)]
pub enum Wire {
    /// A socket of this machine, connected by us or by the broker.
    Unix(UnixStream),
    /// In the clear.
    Tcp(TcpStream),
    /// Greeted.
    Tls(Box<TlsStream<TcpStream>>),
}

impl Wire {
    /// Connects, and greets where TLS is spoken; through the broker where there is one.
    ///
    /// # Errors
    /// What the kernel says, or why the other side is not trusted.
    pub async fn connect(endpoint: &Endpoint) -> io::Result<Self> {
        if let Some(door) = endpoint.door() {
            return door.engine().await.map(Self::Unix);
        }
        match endpoint.address() {
            Address::Unix(path) => UnixStream::connect(path).await.map(Self::Unix),
            Address::Tcp { host, port } => {
                let stream = TcpStream::connect((host.as_str(), port.unwrap_or_default())).await?;
                stream.set_nodelay(true)?;
                sockopt::set_socket_keepalive(&stream, true)?;
                sockopt::set_tcp_keepidle(&stream, KEEPALIVE_AFTER)?;
                sockopt::set_tcp_keepintvl(&stream, KEEPALIVE_PAUSE)?;
                sockopt::set_tcp_keepcnt(&stream, KEEPALIVE_TRIES)?;
                match endpoint.tls() {
                    None => Ok(Self::Tcp(stream)),
                    Some(tls) => tls.greet(stream).await.map(|stream| Self::Tls(Box::new(stream))),
                }
            }
        }
    }
}

impl AsyncRead for Wire {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Unix(stream) => Pin::new(stream).poll_read(context, buffer),
            Self::Tcp(stream) => Pin::new(stream).poll_read(context, buffer),
            Self::Tls(stream) => Pin::new(stream).poll_read(context, buffer),
        }
    }
}

impl AsyncWrite for Wire {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, data: &[u8]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Unix(stream) => Pin::new(stream).poll_write(context, data),
            Self::Tcp(stream) => Pin::new(stream).poll_write(context, data),
            Self::Tls(stream) => Pin::new(stream).poll_write(context, data),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Unix(stream) => Pin::new(stream).poll_flush(context),
            Self::Tcp(stream) => Pin::new(stream).poll_flush(context),
            Self::Tls(stream) => Pin::new(stream).poll_flush(context),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Unix(stream) => Pin::new(stream).poll_shutdown(context),
            Self::Tcp(stream) => Pin::new(stream).poll_shutdown(context),
            Self::Tls(stream) => Pin::new(stream).poll_shutdown(context),
        }
    }
}

/// A stream which fails once more than `ceiling` bytes were read from it.
pub(super) struct Limited<S> {
    stream: S,
    left: usize,
    ceiling: usize,
}

impl<S> Limited<S> {
    /// `usize::MAX` is no ceiling.
    pub(super) const fn new(stream: S, ceiling: usize) -> Self {
        Self { stream, left: ceiling, ceiling }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Limited<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let polled = Pin::new(&mut self.stream).poll_read(context, buffer);
        let read = buffer.filled().len().saturating_sub(before);
        match self.left.checked_sub(read) {
            Some(left) => {
                // usize::MAX means no ceiling: a stream of events may outlive it.
                self.left = if self.ceiling == usize::MAX { self.ceiling } else { left };
                polled
            }
            None => Poll::Ready(Err(io::Error::other(Broken::TooLarge(self.ceiling)))),
        }
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Limited<S> {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, data: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, data)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
