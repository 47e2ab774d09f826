//! A socket with deadlines: what keeps slow clients from holding a connection.
//!
//! hyper has one timer for the head of a request, and it runs from the moment the server begins to wait. A timeout short
//! enough for a client that sends its head byte by byte would also end every connection Prometheus keeps between two
//! scrapes. So the clocks live here, below hyper, one for each phase of a connection:
//!
//! ```text
//! accept -> Fresh --byte--> Head --request complete--> Serving --answer made--> Idle --byte--> Head ...
//!           header_timeout  header_timeout             (no clock)               idle_timeout
//! ```
//!
//! A client silent in `Fresh` or `Idle` is told the end of the stream and hyper closes in peace; one late in `Head` gets
//! an error of kind [`io::ErrorKind::TimedOut`]. Writing has its own two clocks: no progress at all for `write_timeout`,
//! and the whole answer within `transfer_timeout`.
//!
//! hyper reads no further request before an answer is flushed, so a client that sends without reading is held by the
//! write clocks too.

use std::{
    io,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    task::{Context, Poll, ready},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    time::{Instant, Sleep, sleep_until},
};

use super::Settings;

/// How long a connection closed on a client that still sends is read from, so that the client gets our last answer
/// instead of a reset.
const LINGER: Duration = Duration::from_millis(500);

/// How many bytes are thrown away meanwhile.
const LINGER_BYTES: usize = 64 << 10;

/// Numbers for those who wait, over all connections: a lower one waits longer. 0 is nobody's.
static WAITING: AtomicU64 = AtomicU64::new(1);

/// What service and socket tell each other and the server of one connection: whether a request is being served, and whether it is
/// the client that is waited for.
#[derive(Debug)]
pub(super) struct Turn {
    begun: AtomicU64,
    ended: AtomicU64,
    unread: AtomicBool,
    /// Since when the client is waited for, as a number of [`WAITING`]; 0 while it is not.
    waiting: AtomicU64,
}

impl Default for Turn {
    /// A new connection: the client is expected to say something.
    fn default() -> Self {
        let turn = Self {
            begun: AtomicU64::new(0),
            ended: AtomicU64::new(0),
            unread: AtomicBool::new(false),
            waiting: AtomicU64::new(0),
        };
        turn.wait();
        turn
    }
}

impl Turn {
    /// A request is complete; it is being served until the guard is dropped.
    pub(super) fn begin(self: &Arc<Self>) -> Serving {
        self.begun.fetch_add(1, Ordering::Relaxed);
        self.work();
        Serving(Arc::clone(self))
    }

    /// From now on it is the client that is waited for: for a handshake, a request, a body, or to take an answer.
    pub(super) fn wait(&self) {
        self.waiting.store(WAITING.fetch_add(1, Ordering::Relaxed), Ordering::Relaxed);
    }

    /// From now on the client waits for us.
    pub(super) fn work(&self) {
        self.waiting.store(0, Ordering::Relaxed);
    }

    /// Since when the client is waited for: lower is longer. `None` while it is not.
    pub(super) fn waits_since(&self) -> Option<u64> {
        Some(self.waiting.load(Ordering::Relaxed)).filter(|since| *since != 0)
    }

    /// Whether a request was complete on this connection before.
    pub(super) fn has_served(&self) -> bool {
        self.begun.load(Ordering::Relaxed) != 0
    }

    /// The connection will be closed before the client has sent all it wants to.
    pub(super) fn leave_unread(&self) {
        self.unread.store(true, Ordering::Relaxed);
    }
}

/// Keeps the reading clock stopped.
#[derive(Debug)]
pub(super) struct Serving(Arc<Turn>);

impl Serving {
    pub(super) fn turn(&self) -> &Turn {
        &self.0
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        self.0.ended.fetch_add(1, Ordering::Relaxed);
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Fresh,
    Head,
    Serving,
    Idle,
    /// Our side is closed; what still comes is thrown away.
    Lingering {
        /// Bytes that may still come.
        left: usize,
    },
}

/// The socket. Reading and writing follow the rules in the module's header.
#[derive(Debug)]
pub(super) struct Patient<S> {
    io: S,
    turn: Arc<Turn>,
    header_timeout: Duration,
    idle_timeout: Duration,
    write_timeout: Duration,
    transfer_timeout: Duration,
    phase: Phase,
    turns_seen: u64,
    read_clock: Pin<Box<Sleep>>,
    write_clock: Pin<Box<Sleep>>,
    /// Nothing was taken since the write clock was set.
    stalled: bool,
    /// When the answer must be out; `None` while nothing is unwritten.
    transfer_until: Option<Instant>,
}

impl<S> Patient<S> {
    /// Starts the first clock.
    pub(super) fn new(io: S, turn: Arc<Turn>, settings: &Settings) -> Self {
        let now = Instant::now();
        Self {
            io,
            turn,
            header_timeout: settings.header_timeout,
            idle_timeout: settings.idle_timeout,
            write_timeout: settings.write_timeout,
            transfer_timeout: settings.transfer_timeout,
            phase: Phase::Fresh,
            turns_seen: 0,
            read_clock: Box::pin(sleep_until(now + settings.header_timeout)),
            write_clock: Box::pin(sleep_until(now)),
            stalled: false,
            transfer_until: None,
        }
    }

    fn enter(&mut self, phase: Phase, patience: Duration) {
        self.phase = phase;
        self.read_clock.as_mut().reset(Instant::now() + patience);
    }

    /// Catches up with what the service did since the last look. A turn may have begun and ended in between.
    fn follow_turn(&mut self) {
        let begun = self.turn.begun.load(Ordering::Relaxed);
        if begun != self.turns_seen {
            self.turns_seen = begun;
            self.phase = Phase::Serving;
        }
        if self.phase == Phase::Serving && begun == self.turn.ended.load(Ordering::Relaxed) {
            self.enter(Phase::Idle, self.idle_timeout);
            self.turn.wait();
        }
    }

    /// Judges one attempt to write.
    fn written<T>(&mut self, cx: &mut Context<'_>, result: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        let now = Instant::now();
        let until = *self.transfer_until.get_or_insert(now + self.transfer_timeout);
        match result {
            Poll::Ready(Ok(_)) if now < until => {
                if std::mem::take(&mut self.stalled) {
                    self.turn.work();
                }
            }
            Poll::Ready(Ok(_)) => return Poll::Ready(Err(late("the answer was not taken in time"))),
            Poll::Ready(Err(_)) => {}
            Poll::Pending => {
                if !self.stalled {
                    self.stalled = true;
                    self.turn.wait();
                    self.write_clock.as_mut().reset(until.min(now + self.write_timeout));
                }
                ready!(self.write_clock.as_mut().poll(cx));
                return Poll::Ready(Err(late("the client takes nothing of the answer")));
            }
        }
        result
    }
}

fn late(what: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::TimedOut, what)
}

impl<S: AsyncRead + Unpin> AsyncRead for Patient<S> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        this.follow_turn();
        // The clock comes first: a client that always has one more byte ready must not outrun it.
        match this.phase {
            Phase::Serving => {}
            _ if this.read_clock.as_mut().poll(cx).is_pending() => {}
            Phase::Head => return Poll::Ready(Err(late("the head of the request was not sent in time"))),
            Phase::Fresh | Phase::Idle | Phase::Lingering { .. } => return Poll::Ready(Ok(())),
        }
        let before = buf.filled().len();
        ready!(Pin::new(&mut this.io).poll_read(cx, buf))?;
        if buf.filled().len() > before && matches!(this.phase, Phase::Fresh | Phase::Idle) {
            this.enter(Phase::Head, this.header_timeout);
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Patient<S> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let result = Pin::new(&mut this.io).poll_write(cx, buf);
        this.written(cx, result)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let result = Pin::new(&mut this.io).poll_write_vectored(cx, bufs);
        this.written(cx, result)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    /// hyper flushes when its own buffer is empty: the answer is out, once what TLS holds back is taken as well.
    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let flushed = Pin::new(&mut this.io).poll_flush(cx);
        // With nothing on its way there is nothing to be late with.
        if flushed.is_pending() || this.transfer_until.is_some() {
            ready!(this.written(cx, flushed))?;
        } else {
            ready!(flushed)?;
        }
        this.stalled = false;
        this.transfer_until = None;
        Poll::Ready(Ok(()))
    }

    /// Closes our side. Where bytes of the client are left unread (a head that was refused, a body), closing at once would
    /// make the kernel send a reset, which takes the answer away from a client that has not read it yet.
    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if !matches!(this.phase, Phase::Lingering { .. }) {
            // TLS says goodbye, and may have to wait until the client takes it.
            let closed = Pin::new(&mut this.io).poll_shutdown(cx);
            ready!(this.written(cx, closed))?;
            this.follow_turn();
            if this.phase != Phase::Head && !this.turn.unread.load(Ordering::Relaxed) {
                return Poll::Ready(Ok(()));
            }
            this.enter(Phase::Lingering { left: LINGER_BYTES }, LINGER);
        }
        let mut scratch = [0; 4 << 10];
        while let Phase::Lingering { left } = this.phase {
            let mut buf = ReadBuf::new(&mut scratch);
            match ready!(Pin::new(&mut *this).poll_read(cx, &mut buf)) {
                Ok(()) if buf.filled().is_empty() || left <= buf.filled().len() => break,
                Ok(()) => this.phase = Phase::Lingering { left: left - buf.filled().len() },
                // The connection is going away in any case.
                Err(_) => break,
            }
        }
        Poll::Ready(Ok(()))
    }
}

#[cfg(test)]
mod tests;
