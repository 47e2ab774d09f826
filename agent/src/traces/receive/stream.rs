//! A connection's socket: what was read of it to see what is spoken comes first, and a head of HTTP/1.1 has its time.
//!
//! hyper has one timer for the head of a request, and it runs from the moment the server begins to wait: short enough for a client that sends
//! its head byte by byte, it would end every connection that is kept between two exports.

use std::{
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, ReadBuf},
    net::{TcpStream, UnixStream},
    time::{Instant, Sleep, sleep_until},
};

use super::{authority::Authority, seat::Seat};

/// What HTTP/2 begins with.
const PREFACE: &[u8; 24] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// Either socket behind one type, so that there is one copy of hyper.
#[derive(Debug)]
pub(super) enum Socket {
    Tcp(TcpStream),
    Unix(UnixStream),
}

/// The first bytes of a connection.
#[derive(Debug)]
pub(super) struct First {
    bytes: [u8; PREFACE.len()],
    length: usize,
}

impl First {
    /// Reads until it is clear what is spoken; `None` when the client leaves before.
    pub(super) async fn read(socket: &mut Socket) -> io::Result<Option<Self>> {
        let mut first = Self { bytes: [0; PREFACE.len()], length: 0 };
        while first.length < PREFACE.len() && first.is_preface() {
            let rest = first.bytes.get_mut(first.length..).unwrap_or_default();
            match socket.read(rest).await? {
                0 => return Ok(None),
                read => first.length += read,
            }
        }
        Ok(Some(first))
    }

    /// Whether it is HTTP/2, as far as it goes.
    pub(super) fn is_preface(&self) -> bool {
        PREFACE.starts_with(self.bytes.get(..self.length).unwrap_or_default())
    }
}

/// The socket as hyper gets it.
#[derive(Debug)]
pub(super) struct Stream {
    socket: Socket,
    first: First,
    given: usize,
    clock: Option<Clock>,
    /// Over a unix socket clients of gRPC say names that are none.
    authority: Option<Authority>,
}

/// The time of heads.
#[derive(Debug)]
struct Clock {
    seat: Arc<Seat>,
    patience: Duration,
    /// Requests begun when the clock was last looked at.
    begun: usize,
    runs: bool,
    sleep: Pin<Box<Sleep>>,
}

impl Stream {
    /// With a time for heads where `patience` is given. The clock runs: some of a head is there.
    pub(super) fn new(socket: Socket, first: First, patience: Option<(Duration, Arc<Seat>)>) -> Self {
        let clock = patience.map(|(patience, seat)| Clock {
            begun: seat.begun(),
            seat,
            patience,
            runs: true,
            sleep: Box::pin(sleep_until(Instant::now() + patience)),
        });
        let authority = (first.is_preface() && matches!(socket, Socket::Unix(_))).then(Authority::default);
        Self { socket, first, given: 0, clock, authority }
    }
}

impl Clock {
    /// Whether a head takes too long.
    fn is_over(&mut self, cx: &mut Context<'_>) -> bool {
        let begun = self.seat.begun();
        if begun != self.begun {
            self.begun = begun;
            self.runs = false;
        }
        self.runs && self.sleep.as_mut().poll(cx).is_ready()
    }

    /// Something was read.
    fn read(&mut self) {
        // With a request under way it is its body, or the next head, which has its time once this one is answered.
        if !self.runs && self.seat.idle_at(Duration::ZERO).is_some() {
            self.runs = true;
            self.sleep.as_mut().reset(Instant::now() + self.patience);
        }
    }
}

impl AsyncRead for Stream {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        // The clock comes first: a client that always has one more byte must not outrun it.
        if this.clock.as_mut().is_some_and(|clock| clock.is_over(cx)) {
            return Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, "the head was not sent in time")));
        }
        if let Some(rest) = this.first.bytes.get(this.given..this.first.length).filter(|rest| !rest.is_empty()) {
            let given = rest.len().min(buf.remaining());
            buf.put_slice(rest.get(..given).unwrap_or_default());
            this.given += given;
            return Poll::Ready(Ok(()));
        }
        let before = buf.filled().len();
        let read = Pin::new(&mut this.socket).poll_read(cx, buf);
        if let Some(clock) = this.clock.as_mut().filter(|_| buf.filled().len() > before) {
            clock.read();
        }
        if let Some(authority) = &mut this.authority {
            authority.pass(buf.filled_mut().get_mut(before..).unwrap_or_default());
        }
        read
    }
}

impl AsyncRead for Socket {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Tcp(socket) => Pin::new(socket).poll_read(cx, buf),
            Self::Unix(socket) => Pin::new(socket).poll_read(cx, buf),
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        match &mut self.get_mut().socket {
            Socket::Tcp(socket) => Pin::new(socket).poll_write(cx, buf),
            Socket::Unix(socket) => Pin::new(socket).poll_write(cx, buf),
        }
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match &mut self.get_mut().socket {
            Socket::Tcp(socket) => Pin::new(socket).poll_write_vectored(cx, bufs),
            Socket::Unix(socket) => Pin::new(socket).poll_write_vectored(cx, bufs),
        }
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        // Neither socket keeps anything back.
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.get_mut().socket {
            Socket::Tcp(socket) => Pin::new(socket).poll_shutdown(cx),
            Socket::Unix(socket) => Pin::new(socket).poll_shutdown(cx),
        }
    }
}
