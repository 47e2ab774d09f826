//! The agent's end: asks the helper, and believes of an answer only what can be looked at.
//!
//! That a socket is in the namespace it was asked for is the helper's word: the kernel would tell (`SO_NETNS_COOKIE`), but no call that is
//! safe in Rust asks it, and this program has no room for another. Family, kind and number are looked at.

use std::{
    fmt,
    future::Future,
    io,
    net::{SocketAddr, TcpStream as StdTcpStream, UdpSocket as StdUdpSocket},
    os::fd::OwnedFd,
    path::PathBuf,
    pin::Pin,
    sync::Arc,
    time::Duration,
};

use rustix::net::{
    AddressFamily, SocketType,
    sockopt::{socket_domain, socket_type},
};
use tokio::{
    net::{TcpSocket, TcpStream, UdpSocket},
    sync::Mutex,
    time::timeout,
};

use super::protocol::{Answer, Family, Kind, MAX_SOCKETS, Request};
use crate::{
    model::Process,
    net::{handover::Asker, knock},
};

/// Longest wait for an answer, the wait for those before it included. One takes some ten microseconds.
const PATIENCE: Duration = Duration::from_secs(2);

/// A connected `SOCK_SEQPACKET` socket, some time.
pub type Connecting<'a> = Pin<Box<dyn Future<Output = io::Result<OwnedFd>> + Send + 'a>>;

/// How the helper is reached: its path, or somebody who may open that path.
pub trait Connect: Send + Sync + fmt::Debug {
    /// A new connection to it.
    fn connect(&self) -> Connecting<'_>;
}

#[derive(Debug)]
struct AtPath(PathBuf);

impl Connect for AtPath {
    fn connect(&self) -> Connecting<'_> {
        Box::pin(async move { knock::at_once(&self.0, SocketType::SEQPACKET) })
    }
}

/// The helper, as the agent has it; cheap to clone, all clones share one connection. It is made when the first question is asked, and
/// anew after a failure.
#[derive(Clone, Debug)]
pub struct Client(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    way: Box<dyn Connect>,
    channel: Mutex<Option<Arc<Asker>>>,
}

impl Client {
    /// The helper that listens at a path.
    pub fn at(path: impl Into<PathBuf>) -> Self {
        Self::through(Box::new(AtPath(path.into())))
    }

    /// The helper at the other end of another way.
    pub fn through(way: Box<dyn Connect>) -> Self {
        Self(Arc::new(Inner { way, channel: Mutex::new(None) }))
    }

    /// Sockets of the network namespace in which a process is, 1 to [`MAX_SOCKETS`]: non-blocking, unconnected, each bound to all addresses and a
    /// port of the kernel's choice.
    ///
    /// # Errors
    /// `NotFound`: the process is gone. `PermissionDenied`: the helper does not do that, as for the host's own network. `TimedOut`: no
    /// answer in two seconds. Otherwise what the kernel says here or there; whatever is no answer of a helper is `InvalidData`.
    pub async fn sockets(&self, of: Process, family: Family, kind: Kind, count: usize) -> io::Result<Vec<OwnedFd>> {
        let most = u8::try_from(count).ok().filter(|count| (1..=MAX_SOCKETS).contains(count));
        let asked = most.ok_or(io::ErrorKind::InvalidInput)?;
        let sockets = self.ask(Request::Sockets { of, family, kind, count: asked }).await?;
        if sockets.len() != count || !sockets.iter().all(|socket| is(socket, family, kind)) {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "the helper answered with other sockets"));
        }
        Ok(sockets)
    }

    /// A socket of `NETLINK_SOCK_DIAG` in the network namespace in which a process is, the host's among them; non-blocking.
    ///
    /// # Errors
    /// As of [`Self::sockets`].
    pub async fn diag(&self, of: Process) -> io::Result<OwnedFd> {
        let mut sockets = self.ask(Request::Diag { of }).await?;
        let one = sockets.pop().filter(|_| sockets.is_empty());
        let one = one.filter(|socket| socket_domain(socket).is_ok_and(|domain| domain == AddressFamily::NETLINK));
        one.ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "the helper answered with another socket"))
    }

    /// Whether a helper answers.
    ///
    /// # Errors
    /// As of [`Self::sockets`].
    pub async fn ping(&self) -> io::Result<()> {
        self.ask(Request::Ping).await.map(drop)
    }

    async fn ask(&self, request: Request) -> io::Result<Vec<OwnedFd>> {
        let client = self.clone();
        // A task of its own: whoever stops waiting for a socket leaves the channel whole for the others.
        let asked = tokio::spawn(async move { timeout(PATIENCE, client.exchange(&request.encode())).await });
        let (answer, sockets) = asked.await.map_err(io::Error::other)?.map_err(|_| io::ErrorKind::TimedOut)??;
        match Answer::decode(&answer) {
            Some(Answer::Here) => Ok(sockets),
            Some(Answer::Gone) => Err(io::Error::new(io::ErrorKind::NotFound, "its process is gone")),
            Some(Answer::Refused) => {
                Err(io::Error::new(io::ErrorKind::PermissionDenied, "the helper makes no sockets there"))
            }
            Some(Answer::Failed(errno)) => Err(io::Error::from_raw_os_error(errno)),
            None => Err(io::Error::new(io::ErrorKind::InvalidData, "the helper's answer is none of this version")),
        }
    }

    async fn exchange(&self, question: &[u8]) -> io::Result<(Vec<u8>, Vec<OwnedFd>)> {
        let (channel, is_new) = self.channel().await?;
        match channel.ask(question).await {
            // The helper may have begun anew since; nothing that is asked does harm twice.
            Err(_) if !is_new => {
                let mut place = self.0.channel.lock().await;
                if place.as_ref().is_some_and(|current| Arc::ptr_eq(current, &channel)) {
                    *place = None;
                }
                drop(place);
                self.channel().await?.0.ask(question).await
            }
            asked => asked,
        }
    }

    /// The connection, and whether it was made for this.
    async fn channel(&self) -> io::Result<(Arc<Asker>, bool)> {
        let mut place = self.0.channel.lock().await;
        if let Some(channel) = place.as_ref() {
            return Ok((Arc::clone(channel), false));
        }
        let connected = self.0.way.connect().await;
        let connected =
            connected.map_err(|error| io::Error::new(error.kind(), format!("reach the helper: {error}")))?;
        let channel = Arc::new(Asker::new(connected)?);
        *place = Some(Arc::clone(&channel));
        Ok((channel, true))
    }
}

/// Whether a socket is of that family and kind; it does not block afterwards, whoever made it.
fn is(socket: &OwnedFd, family: Family, kind: Kind) -> bool {
    let domain = match family {
        Family::V4 => AddressFamily::INET,
        Family::V6 => AddressFamily::INET6,
    };
    let kind = match kind {
        Kind::Stream => SocketType::STREAM,
        Kind::Datagram => SocketType::DGRAM,
    };
    socket_domain(socket) == Ok(domain)
        && socket_type(socket) == Ok(kind)
        && rustix::io::ioctl_fionbio(socket, true).is_ok()
}

/// A TCP socket of [`Client::sockets`], ready to be connected.
pub fn tcp(socket: OwnedFd) -> TcpSocket {
    TcpSocket::from_std_stream(StdTcpStream::from(socket))
}

/// A UDP socket of [`Client::sockets`].
///
/// # Errors
/// It cannot be watched.
pub fn udp(socket: OwnedFd) -> io::Result<UdpSocket> {
    UdpSocket::from_std(StdUdpSocket::from(socket))
}

impl Client {
    /// A TCP connection from inside the namespace in which a process is. The caller sets the deadline.
    ///
    /// # Errors
    /// As of [`Self::sockets`]; what the kernel says of the connection.
    pub async fn connect(&self, of: Process, to: SocketAddr) -> io::Result<TcpStream> {
        let socket = self.sockets(of, Family::of(to), Kind::Stream, 1).await?.pop();
        tcp(socket.ok_or(io::ErrorKind::InvalidData)?).connect(to).await
    }
}
