//! The way to a server: its name, a connection, TLS where it is spoken.

use std::{io, net::SocketAddr, sync::Arc};

use hyper_util::rt::TokioIo;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpStream, lookup_host},
    task::AbortHandle,
    time::{Instant, timeout_at},
};

use super::{error::SendError, material::Material, settings::Server};
use crate::net::server_name;

/// Addresses tried, of all that a name has.
const MAX_ADDRESSES: usize = 8;

/// What requests go over.
pub(in crate::delivery) trait Wire: AsyncRead + AsyncWrite + Unpin + Send + Sync {}

impl<T: AsyncRead + AsyncWrite + Unpin + Send + Sync> Wire for T {}

/// Plain or TLS behind one type, so that what speaks over it is built once.
pub(in crate::delivery) type Stream = TokioIo<Box<dyn Wire>>;

/// Ends the task of a connection, and with it the socket, together with its last user.
pub(in crate::delivery) struct Driver(AbortHandle);

impl Driver {
    /// Runs the connection. What breaks it off is also what those get who wait for an answer.
    pub(in crate::delivery) fn spawn<T>(connection: impl Future<Output = T> + Send + 'static) -> Self {
        Self(tokio::spawn(async move { drop(connection.await) }).abort_handle())
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Connects until `deadline`; who calls waits no longer than that.
pub(in crate::delivery) async fn dial(
    server: &Server,
    material: &Arc<Material>,
    deadline: Instant,
) -> Result<Stream, SendError> {
    let stream = connect(server, deadline).await?;
    let Some(tls) = &material.tls else { return Ok(TokioIo::new(Box::new(stream))) };
    let failed = |source| SendError::Tls { server: server.name.clone(), source };
    let name = server_name(&server.host).map_err(|error| failed(error.into()))?;
    let stream = tls.connect(name, stream).await.map_err(|error| failed(error.into()))?;
    Ok(TokioIo::new(Box::new(stream)))
}

/// The first address that answers. Each has its share of the time that is left, so that one which is silent does not take all.
async fn connect(server: &Server, deadline: Instant) -> Result<TcpStream, SendError> {
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
