//! One connection: a handshake where TLS is spoken, hyper over a socket with deadlines, the short answer to one too many.

use std::{convert::Infallible, error::Error as _, io, pin::pin, sync::Arc, time::Duration};

use http::Request;
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};
use tokio_rustls::server::TlsStream;
use tokio_util::sync::CancellationToken;

use super::{
    Scrape,
    access::{Caller, Handshake, Secure},
    handlers::{self, Shared},
    routes,
    stall::{Patient, Turn},
};
use crate::telemetry::{HttpAnswer, Metrics, Reason};

/// Bytes of a request's head: several times what Prometheus and browsers send. hyper answers 431 beyond.
const MAX_HEAD: usize = 16 << 10;

/// Header fields of a request. hyper answers 431 beyond.
const MAX_HEADERS: usize = 64;

/// The answer to one connection too many.
const TURNED_AWAY: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\n\
    content-type: text/plain; charset=utf-8\r\n\
    content-length: 21\r\n\
    retry-after: 1\r\n\
    connection: close\r\n\
    \r\n\
    too many connections\n";

/// How long a client that was turned away may take to read why.
const TURNED_AWAY_PATIENCE: Duration = Duration::from_secs(1);

/// The answer to a client which does not speak TLS where TLS is spoken. Nothing is read of what it asks.
const NOT_TLS: &[u8] = b"HTTP/1.1 400 Bad Request\r\n\
    content-type: text/plain; charset=utf-8\r\n\
    content-length: 29\r\n\
    connection: close\r\n\
    \r\n\
    TLS is spoken here: https://\n";

/// Serves requests until the client leaves, misbehaves, or a shutdown was asked for and the request in flight is answered.
pub(super) async fn serve<S: Scrape>(
    stream: TcpStream,
    caller: Caller,
    turn: Arc<Turn>,
    shared: Arc<Shared<S>>,
    shutdown: CancellationToken,
) {
    let metrics = shared.app.metrics.clone();
    let _open = Open::new(&metrics);
    let Some(handshake) = shared.app.gate.handshake() else {
        return converse(stream, caller, turn, shared, shutdown).await;
    };
    let greeted = timeout(shared.app.settings.header_timeout, greet(stream, handshake));
    let greeted = tokio::select! {
        greeted = greeted => greeted,
        () = shutdown.cancelled() => return,
    };
    match greeted {
        Ok(Ok(Some((stream, secure)))) => {
            let caller = Caller { secure: Some(secure), ..caller };
            converse(stream, caller, turn, shared, shutdown).await;
        }
        // It was there and left: a port check, or a client which changed its mind.
        Ok(Ok(None)) => {}
        Ok(Err(error)) => {
            shared.app.gate.refuse_handshake();
            tracing::debug!(%error, "no handshake");
        }
        Err(_) => {
            shared.app.gate.refuse_handshake();
            tracing::debug!("no handshake in time");
        }
    }
}

/// Makes the handshake; `None` when the client says nothing at all.
async fn greet(mut stream: TcpStream, handshake: Handshake) -> io::Result<Option<(TlsStream<TcpStream>, Secure)>> {
    let mut first = [0];
    if stream.peek(&mut first).await? == 0 {
        return Ok(None);
    }
    // The first letter of a method; a handshake begins with 22.
    if first.iter().all(u8::is_ascii_uppercase) {
        say_and_close(&mut stream, NOT_TLS).await?;
        return Err(io::Error::new(io::ErrorKind::InvalidData, "plain HTTP where TLS is spoken"));
    }
    handshake.make(stream).await.map(Some)
}

async fn converse<I, S>(io: I, caller: Caller, turn: Arc<Turn>, shared: Arc<Shared<S>>, shutdown: CancellationToken)
where
    I: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    S: Scrape,
{
    let io = TokioIo::new(Patient::new(io, Arc::clone(&turn), &shared.app.settings));
    let service = service_fn(|request: Request<Incoming>| {
        let answer = handlers::answer(Arc::clone(&shared), request, caller, turn.begin());
        async { Ok::<_, Infallible>(answer.await) }
    });
    let mut builder = http1::Builder::new();
    // The timer of hyper would end idle connections as early as slow ones: `stall.rs` has the clocks.
    builder.header_read_timeout(None).max_header_size(MAX_HEAD).max_headers(MAX_HEADERS).max_buf_size(MAX_HEAD);
    // A client may close its side once it has asked (`nc -N`) and still be answered.
    builder.half_close(true);
    let mut connection = pin!(builder.serve_connection(io, service));
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = shutdown.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        count(&error, &shared.app.metrics);
    }
}

/// Counts what hyper or the clocks ended; a client that went away is nobody's failure.
fn count(error: &hyper::Error, metrics: &Metrics) {
    let late = error.source().and_then(|cause| cause.downcast_ref::<io::Error>());
    let late = late.is_some_and(|cause| cause.kind() == io::ErrorKind::TimedOut);
    let code = match () {
        () if late => None,
        () if error.is_parse_too_large() => Some(431),
        () if error.is_parse() => Some(400),
        () => return,
    };
    tracing::debug!(%error, "connection cut");
    metrics.refuse(Reason::Requests, 1);
    if let Some(code) = code {
        metrics.http_request(&HttpAnswer { route: routes::OTHER, code });
    }
}

/// Says that there are too many connections, and closes.
pub(super) async fn turn_away(mut stream: TcpStream) {
    if let Err(error) = say_and_close(&mut stream, TURNED_AWAY).await {
        tracing::debug!(%error, "turn away a connection");
    }
}

/// Whoever does not read it in time does not get it.
async fn say_and_close(stream: &mut TcpStream, text: &[u8]) -> io::Result<()> {
    let saying = async {
        stream.write_all(text).await?;
        stream.shutdown().await?;
        // Closing on unread bytes makes the kernel send a reset, which may overtake the answer.
        tokio::io::copy(&mut (&mut *stream).take(MAX_HEAD as u64), &mut tokio::io::sink()).await
    };
    match timeout(TURNED_AWAY_PATIENCE, saying).await {
        Ok(said) => said.map(drop),
        Err(_) => Ok(()),
    }
}

/// Counts a connection as open while it exists.
struct Open<'a>(&'a Metrics);

impl<'a> Open<'a> {
    fn new(metrics: &'a Metrics) -> Self {
        metrics.http_connections.inc();
        Self(metrics)
    }
}

impl Drop for Open<'_> {
    fn drop(&mut self) {
        self.0.http_connections.dec();
    }
}
