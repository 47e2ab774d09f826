//! The way to a server: its name, a connection, TLS where it is spoken, HTTP on top.

use std::{io, net::SocketAddr, sync::Arc};

use bytes::Bytes;
use http_body_util::Full;
use hyper::{
    client::conn::http1,
    rt::{Read, Write},
};
use hyper_util::rt::TokioIo;
use tokio::{
    net::{TcpStream, lookup_host},
    task::AbortHandle,
    time::{Instant, timeout_at},
};

use super::{error::SendError, material::Material, settings::Server};
use crate::net::server_name;

/// Addresses tried, of all that a name has.
const MAX_ADDRESSES: usize = 8;

/// Buffer of one connection, and with it the largest head of an answer.
const BUFFER: usize = 32 << 10;

/// Header fields of an answer.
const MAX_HEADERS: usize = 64;

/// A connection that can carry a request.
pub(super) struct Connection {
    pub(super) sender: http1::SendRequest<Full<Bytes>>,
    /// Whom it was opened for: new certificates want a new connection.
    pub(super) material: Arc<Material>,
    /// When its last answer was read.
    pub(super) since: Instant,
    _driver: Driver,
}

/// Ends the connection's task, and with it the socket, together with its last user.
struct Driver(AbortHandle);

impl Drop for Driver {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Connects until `deadline`; who calls waits no longer than that.
pub(super) async fn connect(
    server: &Server,
    material: Arc<Material>,
    deadline: Instant,
) -> Result<Connection, SendError> {
    let stream = dial(server, deadline).await?;
    let Some(tls) = &material.tls else { return speak(server, TokioIo::new(stream), material).await };
    let failed = |source| SendError::Tls { server: server.name.clone(), source };
    let name = server_name(&server.host).map_err(|error| failed(error.into()))?;
    let stream = tls.connect(name, stream).await.map_err(|error| failed(error.into()))?;
    speak(server, TokioIo::new(stream), material).await
}

/// The first address that answers. Each has its share of the time that is left, so that one which is silent does not take all.
async fn dial(server: &Server, deadline: Instant) -> Result<TcpStream, SendError> {
    let unresolved = |source| SendError::Resolve { server: server.name.clone(), source };
    let found = lookup_host((server.host.as_str(), server.port)).await.map_err(unresolved)?;
    let addresses: Vec<SocketAddr> = found.take(MAX_ADDRESSES).collect();
    let mut last = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
    for (left, address) in (1..=addresses.len()).rev().zip(&addresses) {
        let share = deadline.saturating_duration_since(Instant::now()) / u32::try_from(left).unwrap_or(1);
        last = match timeout_at(Instant::now() + share, TcpStream::connect(address)).await {
            Ok(Ok(stream)) => {
                // A failure here is one of the connection, and shows at the first write.
                stream.set_nodelay(true).ok();
                return Ok(stream);
            }
            Ok(Err(error)) => error,
            Err(_) => io::ErrorKind::TimedOut.into(),
        };
    }
    Err(SendError::Connect { server: server.name.clone(), source: last })
}

async fn speak(
    server: &Server,
    stream: impl Read + Write + Unpin + Send + 'static,
    material: Arc<Material>,
) -> Result<Connection, SendError> {
    let mut client = http1::Builder::new();
    client.max_buf_size(BUFFER).max_headers(MAX_HEADERS);
    let (sender, connection) =
        client.handshake(stream).await.map_err(|error| SendError::broken(&server.name, error))?;
    // What breaks it off is also what the one waiting for the answer gets.
    let driver = Driver(tokio::spawn(async move { drop(connection.await) }).abort_handle());
    Ok(Connection { sender, material, since: Instant::now(), _driver: driver })
}
