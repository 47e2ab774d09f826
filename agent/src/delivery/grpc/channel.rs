//! One HTTP/2 connection that many calls share.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use http::Request;
use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use tokio::time::Instant;

use super::{answer::Answer, frame::Framed};
use crate::delivery::peer::{Driver, Material, SendError, Server, dial};

/// What the server may send before we have read it, of one answer and of all: they are short.
const WINDOW: u32 = 64 << 10;
const WINDOWS: u32 = 256 << 10;

/// Head of an answer, in bytes: a status with its details.
const MAX_HEAD: u32 = 32 << 10;

/// A connection and whom it was opened for.
pub(super) struct Channel {
    sender: http2::SendRequest<Framed>,
    server: String,
    /// New certificates or credentials want a new connection.
    material: Arc<Material>,
    /// When the last call began.
    used: Mutex<Instant>,
    _driver: Driver,
}

/// Why a call has no answer.
pub(super) enum Failed {
    /// The connection had ended: the call has not left.
    Unsent(Box<Request<Framed>>),
    /// It may have.
    Broken(SendError),
}

impl Channel {
    /// Connects until `deadline`; who calls waits no longer than that.
    pub(super) async fn open(server: &Server, material: Arc<Material>, deadline: Instant) -> Result<Self, SendError> {
        let stream = dial(server, &material, deadline).await?;
        let mut client = http2::Builder::new(TokioExecutor::new());
        client
            .timer(TokioTimer::new())
            .initial_stream_window_size(WINDOW)
            .initial_connection_window_size(WINDOWS)
            .max_header_list_size(MAX_HEAD);
        let spoken = client.handshake(stream).await;
        let (sender, connection) = spoken.map_err(|error| SendError::broken(&server.name, error))?;
        Ok(Self {
            sender,
            server: server.name.clone(),
            material,
            used: Mutex::new(Instant::now()),
            _driver: Driver::spawn(connection),
        })
    }

    /// Whether another call may be made.
    pub(super) fn is_usable(&self, material: &Arc<Material>, idle: Duration) -> bool {
        let used = *self.used.lock().unwrap_or_else(PoisonError::into_inner);
        !self.sender.is_closed() && used.elapsed() < idle && Arc::ptr_eq(&self.material, material)
    }

    /// Makes a call.
    pub(super) async fn call(&self, request: Request<Framed>) -> Result<Answer, Failed> {
        *self.used.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
        let sent = self.sender.clone().try_send_request(request).await;
        let response = sent.map_err(|mut failed| match failed.take_message() {
            Some(request) => Failed::Unsent(Box::new(request)),
            None => Failed::Broken(SendError::broken(&self.server, failed.into_error())),
        })?;
        Answer::read(response, &self.server).await.map_err(Failed::Broken)
    }
}
