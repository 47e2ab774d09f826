//! A connection that speaks HTTP/1.1.

use std::sync::Arc;

use bytes::Bytes;
use http_body_util::Full;
use hyper::client::conn::http1;
use tokio::time::Instant;

use crate::delivery::peer::{Driver, Material, SendError, Server, dial};

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

impl Connection {
    /// Connects until `deadline`; who calls waits no longer than that.
    pub(super) async fn open(server: &Server, material: Arc<Material>, deadline: Instant) -> Result<Self, SendError> {
        let stream = dial(server, &material, deadline).await?;
        let mut client = http1::Builder::new();
        client.max_buf_size(BUFFER).max_headers(MAX_HEADERS);
        let spoken = client.handshake(stream).await;
        let (sender, connection) = spoken.map_err(|error| SendError::broken(&server.name, error))?;
        Ok(Self { sender, material, since: Instant::now(), _driver: Driver::spawn(connection) })
    }
}
