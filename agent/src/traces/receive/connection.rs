//! One connection: what is spoken on it, hyper with its ceilings, and the time it may be without a request.

use std::{error::Error as _, io, sync::Arc, time::Duration};

use hyper::{
    server::conn::{http1, http2},
    service::service_fn,
};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::{
    pin,
    time::{Instant, sleep_until, timeout},
};

use super::{
    Shared,
    counts::{Counts, Reason, Transport},
    exchange::{From, Line},
    seat::Seat,
    stream::{First, Socket, Stream},
};

/// Bytes of a head of HTTP/1.1, which is also what is read at a time, and its fields. hyper answers 431 beyond.
const MAX_HEAD: usize = 16 << 10;
const MAX_HEADERS: usize = 64;

/// Bytes of the fields of a head of HTTP/2: what gRPC suggests.
const MAX_HEADER_LIST: u32 = 8 << 10;

/// Requests at a time on a connection of HTTP/2. The protocol would like a hundred; senders of OTLP have one to ten under way, and what
/// hyper keeps of streams that are refused at once is most of what a hostile connection costs.
const MAX_STREAMS: u32 = 32;

/// Bytes a client may send ahead of what was read, for a request and for a connection. They are what a connection costs beside the room of
/// its requests, and enough for gigabytes a second within one host.
const STREAM_WINDOW: u32 = 128 << 10;
const CONNECTION_WINDOW: u32 = 256 << 10;

/// Bytes of answers that wait for a client, for a request.
const MAX_UNREAD: usize = 16 << 10;

/// Streams a client may reset before they are looked at, and streams we may reset for mistakes of its own: beyond, it is told to go.
const MAX_RESETS: usize = 20;
const MAX_MISTAKES: usize = 100;

/// How often a client of HTTP/2 is asked whether it is still there, and how long it may take to say so. One whose network is gone with its
/// container says nothing more, and its connection would stay for ever.
const PING: Duration = Duration::from_secs(60);
const PING_PATIENCE: Duration = Duration::from_secs(20);

/// How long a connection that was told to go may take to.
const FAREWELL: Duration = Duration::from_secs(5);

/// Serves requests until the client leaves, misbehaves or says nothing for too long, or a shutdown was asked for and what is under way is
/// answered.
pub(super) async fn serve(mut socket: Socket, from: From, seat: Arc<Seat>, shared: Arc<Shared>) {
    let counts = Arc::clone(&shared.counts);
    let first = tokio::select! {
        first = timeout(shared.patience.head, First::read(&mut socket)) => first,
        () = shared.shutdown.cancelled() => return,
    };
    let first = match first {
        Ok(Ok(Some(first))) => first,
        // It was there and left: a port check, or a client which changed its mind.
        Ok(Ok(None) | Err(_)) => return,
        Err(_) => return counts.refuse(Reason::Slow),
    };
    let is_http2 = first.is_preface();
    let _open = counts.open(if is_http2 { Transport::Grpc } else { Transport::Http });
    let patience = (!is_http2).then(|| (shared.patience.head, Arc::clone(&seat)));
    let stream = TokioIo::new(Stream::new(socket, first, patience));
    let line = Arc::new(Line { shared: Arc::clone(&shared), from, seat: Arc::clone(&seat) });
    let service = service_fn(move |request| Arc::clone(&line).answer(request));
    let ended = if is_http2 {
        let connection = version2().serve_connection(stream, service);
        watch(connection, http2::Connection::graceful_shutdown, &seat, &shared).await
    } else {
        let connection = version1().serve_connection(stream, service);
        watch(connection, http1::Connection::graceful_shutdown, &seat, &shared).await
    };
    if let Err(error) = ended {
        count(&error, &counts);
    }
}

fn version1() -> http1::Builder {
    let mut builder = http1::Builder::new();
    // Heads have the clock of the stream.
    builder.header_read_timeout(None).max_header_size(MAX_HEAD).max_headers(MAX_HEADERS).max_buf_size(MAX_HEAD);
    // A client may close its side once it has asked and still be answered.
    builder.half_close(true);
    builder
}

fn version2() -> http2::Builder<TokioExecutor> {
    let mut builder = http2::Builder::new(TokioExecutor::new());
    builder
        .timer(TokioTimer::new())
        .max_concurrent_streams(MAX_STREAMS)
        .max_header_list_size(MAX_HEADER_LIST)
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_send_buf_size(MAX_UNREAD)
        .max_pending_accept_reset_streams(MAX_RESETS)
        .max_local_error_reset_streams(MAX_MISTAKES)
        .keep_alive_interval(PING)
        .keep_alive_timeout(PING_PATIENCE);
    builder
}

/// Drives a connection; at a shutdown, or when it has been idle for too long, it is told to go.
async fn watch<C>(connection: C, farewell: fn(std::pin::Pin<&mut C>), seat: &Seat, shared: &Shared) -> hyper::Result<()>
where
    C: Future<Output = hyper::Result<()>>,
{
    pin!(connection);
    let idle = shared.patience.idle;
    loop {
        // With a request under way it is looked at again after as long as it might be idle.
        let look = seat.idle_at(idle).unwrap_or_else(|| Instant::now() + idle);
        tokio::select! {
            ended = connection.as_mut() => return ended,
            () = shared.shutdown.cancelled() => {
                farewell(connection.as_mut());
                // The crowd cuts what is not over in time.
                return connection.await;
            }
            () = sleep_until(look) => {}
        }
        if seat.idle_at(idle).is_some_and(|at| at <= Instant::now()) {
            farewell(connection.as_mut());
            return timeout(FAREWELL, connection).await.unwrap_or(Ok(()));
        }
    }
}

/// Counts what hyper or the clock of heads ended; a client that went away is nobody's failure.
fn count(error: &hyper::Error, counts: &Counts) {
    let cause = error.source();
    let late = cause.and_then(|cause| cause.downcast_ref::<io::Error>());
    let reason = match late.is_some_and(|cause| cause.kind() == io::ErrorKind::TimedOut) {
        true => Reason::Slow,
        // Of HTTP/2 hyper passes on the reason alone: what we end a connection for, a client does not.
        false if error.is_parse() || cause.is_some_and(is_ours) => Reason::Protocol,
        false => return,
    };
    tracing::debug!(%error, "an OTLP connection was cut");
    counts.refuse(reason);
}

/// Whether a connection of HTTP/2 was ended from here.
fn is_ours(cause: &(dyn std::error::Error + 'static)) -> bool {
    !cause.is::<io::Error>() && cause.to_string().contains("detected")
}
