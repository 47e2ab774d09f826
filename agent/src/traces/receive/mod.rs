//! Takes OTLP: gRPC and HTTP, protobuf and JSON, over TCP and a unix socket.
//!
//! ```text
//!  doors --accept--> crowd --> connection (HTTP/1.1 or HTTP/2) --> exchange: head -> payload (framing, gzip) -> Intake -> reply
//! ```
//!
//! Every door speaks everything: what is spoken shows by the first bytes of a connection and by the content type of a request. The ports are
//! two because clients expect them to be.
//!
//! Nothing here grows with what a client sends: connections, heads, bodies, what they unpack to and what they wait for have their ceilings, and
//! what all requests under way hold together has one, too ([`room`]). Whoever comes too much is refused with a delay, never kept waiting.
//!
//! Sources: the OTLP specification 1.11.0; gRPC over HTTP/2, its compression and its status codes.

mod authority;
mod connection;
mod counts;
mod crowd;
mod doors;
mod exchange;
mod forwarded;
mod framing;
#[cfg(any(test, fuzzing))]
pub mod fuzz;
mod head;
mod json;
mod origin;
mod payload;
mod refusal;
mod reply;
mod room;
mod seat;
mod stream;

use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use tokio::{
    net::{TcpListener, UnixListener},
    time::{Instant, sleep_until},
};
use tokio_util::sync::CancellationToken;

pub use counts::{Counts, Reason, Transport};
pub use doors::{BindError, Doors, Patience, bind};

use self::{crowd::Crowd, room::Room, stream::Socket};
use super::{
    Receiver,
    caller::{Caller, Way},
    intake::Intake,
};

/// First and longest pause after an error which another attempt would meet again at once (no descriptor left).
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
const ACCEPT_PAUSE_MAX: Duration = Duration::from_secs(1);

/// What all connections share.
struct Shared {
    intake: Arc<dyn Intake>,
    counts: Arc<Counts>,
    room: Arc<Room>,
    receiver: Receiver,
    patience: Patience,
    shutdown: CancellationToken,
}

/// How a shutdown went.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Drained {
    /// Connections still open when the deadline came, closed by force.
    pub cut: usize,
}

/// Serves until `shutdown`, then closes the doors, tells clients to go, lets requests under way be answered within [`Patience::drain`], and
/// cuts the rest.
///
/// # Errors
/// A door cannot be watched.
pub async fn serve(
    doors: Doors,
    intake: Arc<dyn Intake>,
    counts: Arc<Counts>,
    shutdown: CancellationToken,
) -> io::Result<Drained> {
    let Doors { grpc, http, socket, receiver, patience } = doors;
    let listeners = Listeners {
        grpc: grpc.map(TcpListener::from_std).transpose()?,
        http: http.map(TcpListener::from_std).transpose()?,
        socket: socket.map(UnixListener::from_std).transpose()?,
    };
    let room = Room::new(receiver.max_pending);
    let shared = Arc::new(Shared { intake, counts, room, receiver, patience, shutdown: shutdown.clone() });
    let mut crowd = Crowd::default();
    let mut pause: Option<Pause> = None;
    loop {
        tokio::select! {
            // In this order: nothing is accepted after the shutdown, and ended connections make room for new ones.
            biased;
            () = shutdown.cancelled() => break,
            () = crowd.reap() => {}
            accepted = listeners.accept(pause) => match accepted {
                Ok((socket, caller)) => {
                    pause = None;
                    crowd.admit(socket, caller, &shared).await;
                }
                Err(error) => pause = pause_after(&error, pause),
            },
        }
    }
    drop(listeners);
    Ok(crowd.drain(Instant::now() + patience.drain).await)
}

struct Listeners {
    grpc: Option<TcpListener>,
    http: Option<TcpListener>,
    socket: Option<UnixListener>,
}

impl Listeners {
    /// The next connection at any door, and who it is from.
    async fn accept(&self, pause: Option<Pause>) -> io::Result<(Socket, Caller)> {
        if let Some(pause) = pause {
            sleep_until(pause.until).await;
        }
        tokio::select! {
            accepted = tcp(self.grpc.as_ref()) => accepted,
            accepted = tcp(self.http.as_ref()) => accepted,
            accepted = unix(self.socket.as_ref()) => accepted,
        }
    }
}

async fn tcp(listener: Option<&TcpListener>) -> io::Result<(Socket, Caller)> {
    let Some(listener) = listener else { return std::future::pending().await };
    let (socket, peer) = listener.accept().await?;
    // An answer is written in one go; nothing is won by waiting for more.
    socket.set_nodelay(true)?;
    let way = Way::Tcp { peer: plain(peer), local: plain(socket.local_addr()?) };
    Ok((Socket::Tcp(socket), Caller { way }))
}

/// A door for both versions of IP shows addresses of IPv4 as mapped ones.
fn plain(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(address.ip().to_canonical(), address.port())
}

async fn unix(listener: Option<&UnixListener>) -> io::Result<(Socket, Caller)> {
    let Some(listener) = listener else { return std::future::pending().await };
    let (socket, _) = listener.accept().await?;
    let peer = socket.peer_cred()?;
    let pid = peer.pid().and_then(|pid| u32::try_from(pid).ok()).filter(|pid| *pid > 0);
    Ok((Socket::Unix(socket), Caller { way: Way::Unix { pid, uid: peer.uid() } }))
}

/// Time in which nothing is accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Pause {
    until: Instant,
    length: Duration,
}

/// How long to leave the doors alone. A client which left before it was accepted says nothing of the next one; anything else (descriptors,
/// memory) would come back at once, in a loop as fast as the CPU allows.
fn pause_after(error: &io::Error, last: Option<Pause>) -> Option<Pause> {
    use io::ErrorKind::{
        ConnectionAborted, ConnectionRefused, ConnectionReset, Interrupted, InvalidInput, NotConnected,
    };
    // The last two are what looking at a connection that was reset meanwhile gives.
    if matches!(
        error.kind(),
        ConnectionAborted | ConnectionRefused | ConnectionReset | Interrupted | InvalidInput | NotConnected
    ) {
        return None;
    }
    let length = last.map_or(ACCEPT_PAUSE, |last| ACCEPT_PAUSE_MAX.min(last.length * 2));
    tracing::warn!(%error, pause_ms = length.as_millis(), "accept an OTLP connection");
    Some(Pause { until: Instant::now() + length, length })
}
