//! Accepts connections, holds their number down and ends them in order.

use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use jiff::Timestamp;
use tokio::{
    net::{TcpListener, TcpStream},
    sync::Semaphore,
    time::{Instant, sleep_until},
};
use tokio_util::sync::CancellationToken;

use super::{App, Scrape, Settings, answer::Unread, crowd::Crowd, handlers::Shared, live::Live, shares::Shares};

/// First and longest pause after an error which another attempt would meet again at once (no descriptor left).
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
const ACCEPT_PAUSE_MAX: Duration = Duration::from_secs(1);

/// Why nothing listens.
#[derive(Debug, thiserror::Error)]
#[error("listen on {address}: {}", hint(source))]
pub struct BindError {
    /// Where.
    pub address: SocketAddr,
    /// What the kernel said.
    #[source]
    pub source: io::Error,
}

/// What to do about it, where that is known.
fn hint(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::AddrInUse => "another program (a second spyhop?) listens there",
        io::ErrorKind::AddrNotAvailable => "this host has no such address",
        io::ErrorKind::PermissionDenied => "ports below 1024 need a privilege the agent does not want",
        _ => "refused by the system",
    }
}

/// A socket which listens and does not answer yet: connections wait in the kernel until [`serve`] runs.
#[derive(Debug)]
pub struct Listener {
    socket: TcpListener,
    address: SocketAddr,
}

impl Listener {
    /// The address in use; with port 0 in the settings the kernel has chosen one.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }
}

/// How a shutdown went.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Drained {
    /// Connections still open when the deadline came, closed by force.
    pub cut: usize,
}

/// Takes the address, so that a mistake in it is known before anything else starts.
pub async fn bind(settings: &Settings) -> Result<Listener, BindError> {
    let refused = |source| BindError { address: settings.listen, source };
    let socket = TcpListener::bind(settings.listen).await.map_err(refused)?;
    let address = socket.local_addr().map_err(refused)?;
    Ok(Listener { socket, address })
}

/// Serves until `shutdown`, then closes the listener and idle connections, lets requests in flight finish within
/// [`Settings::drain_timeout`], and cuts the rest.
pub async fn serve<S: Scrape>(listener: Listener, app: App<S>, shutdown: CancellationToken) -> Drained {
    let unread = Unread::new(app.settings.max_unread_bytes);
    let shared = Arc::new(Shared {
        app,
        unread,
        shares: Shares::default(),
        live: Live::default(),
        writing: Semaphore::new(1),
        started: Timestamp::now(),
        shutdown: shutdown.clone(),
    });
    let mut connections = Crowd::default();
    let mut pause = None;
    loop {
        tokio::select! {
            // In this order: nothing is accepted after the shutdown, and ended connections make room for new ones.
            biased;
            () = shutdown.cancelled() => break,
            () = connections.reap() => {}
            accepted = accept(&listener.socket, pause.map(|pause: Pause| pause.until)) => match accepted {
                Ok((stream, peer)) => {
                    pause = None;
                    connections.admit(stream, peer.ip(), &shared, &shutdown).await;
                }
                Err(error) => pause = pause_after(&error, pause),
            },
        }
    }
    drop(listener);
    connections.drain(Instant::now() + shared.app.settings.drain_timeout).await
}

/// Time in which nothing is accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Pause {
    until: Instant,
    length: Duration,
}

async fn accept(socket: &TcpListener, not_before: Option<Instant>) -> io::Result<(TcpStream, SocketAddr)> {
    if let Some(not_before) = not_before {
        sleep_until(not_before).await;
    }
    let (stream, peer) = socket.accept().await?;
    // An answer is written in one go; nothing is won by waiting for more.
    stream.set_nodelay(true)?;
    Ok((stream, peer))
}

/// How long to leave the listener alone. A client which left before it was accepted says nothing of the next one;
/// anything else (descriptors, memory) would come back at once, in a loop as fast as the CPU allows.
fn pause_after(error: &io::Error, last: Option<Pause>) -> Option<Pause> {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset, Interrupted, InvalidInput};
    // `InvalidInput` is what setting an option on a connection reset meanwhile gives on some systems.
    if matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset | Interrupted | InvalidInput) {
        return None;
    }
    let length = last.map_or(ACCEPT_PAUSE, |last| ACCEPT_PAUSE_MAX.min(last.length * 2));
    tracing::warn!(%error, pause_ms = length.as_millis(), "accept connection");
    Some(Pause { until: Instant::now() + length, length })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_of_one_client_do_not_pause_and_others_do() {
        let errno = io::Error::from_raw_os_error;
        for (error, paused) in [
            (errno(libc::ECONNABORTED), false),
            (errno(libc::ECONNRESET), false),
            (errno(libc::EINTR), false),
            (errno(libc::EMFILE), true),
            (errno(libc::ENFILE), true),
            (errno(libc::ENOBUFS), true),
            (errno(libc::ENOMEM), true),
        ] {
            assert_eq!(pause_after(&error, None).is_some(), paused, "{error}");
        }
    }

    #[test]
    fn pauses_grow_to_a_second() {
        let error = io::Error::from_raw_os_error(libc::EMFILE);
        let pauses = std::iter::successors(pause_after(&error, None), |last| pause_after(&error, Some(*last)));
        let pauses: Vec<_> = pauses.take(7).map(|pause| pause.length.as_millis()).collect();
        assert_eq!(pauses, [50, 100, 200, 400, 800, 1000, 1000]);
    }
}
