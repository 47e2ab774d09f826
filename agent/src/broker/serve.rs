//! One connection of somebody who asks: one request, one answer, and its end.
//!
//! A connection is never used twice, on either side. What follows a request on its connection is therefore never read as a request,
//! whatever it is.

use std::{
    convert::Infallible,
    error::Error as _,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use http::{HeaderValue, Request, Response, StatusCode, header};
use hyper::{
    body::{Body as _, Incoming},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::TokioIo;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    sync::Notify,
    time::{sleep, timeout},
};

use super::{
    ask::{Asking, Held, Out, Upstream, refuse},
    filter::permit,
};
use crate::net::door::{self, Trouble};

/// Bytes of a request's head: the longest query and what clients say of themselves.
const MAX_HEAD: usize = 8 << 10;
const MAX_HEADERS: usize = 32;
/// From the first moment of a connection to the end of the head.
const HEAD_WITHIN: Duration = Duration::from_secs(10);
/// From an answer whose length is known to its last byte taken. Streams have no such time: what a client does not read of them waits at the
/// engine.
const TAKEN_WITHIN: Duration = Duration::from_secs(20);

/// Characters of a refused path in the log.
const MAX_TOLD: usize = 120;

/// Requests refused since the start, by everybody.
#[derive(Clone, Debug, Default)]
pub(super) struct Refused(Arc<AtomicU64>);

impl Refused {
    fn count(&self) -> u64 {
        self.0.fetch_add(1, Ordering::Relaxed).saturating_add(1)
    }

    pub(super) fn total(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// Serves the one request of a connection, to the end of its answer.
pub(super) async fn converse<I, U>(io: I, asking: &Asking<U>, refused: &Refused)
where
    I: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    U: Upstream,
{
    let (asked, answered) = (AtomicBool::new(false), Notify::new());
    // What an answer holds is let go when it has been written, not when it has been handed to hyper.
    let held = Mutex::new(None::<Held>);
    let service = service_fn(|request: Request<Incoming>| {
        asked.store(true, Ordering::Relaxed);
        async {
            let mut answer = answer(request, asking, refused).await;
            *held.lock().unwrap_or_else(PoisonError::into_inner) = answer.extensions_mut().remove();
            if answer.body().size_hint().exact().is_some() {
                answered.notify_one();
            }
            Ok::<_, Infallible>(answer)
        }
    });
    let mut builder = http1::Builder::new();
    builder.keep_alive(false).max_header_size(MAX_HEAD).max_headers(MAX_HEADERS).max_buf_size(MAX_HEAD);
    // Also for hyper itself: having answered 400 to what it cannot read, it waits for the client to leave.
    let overdue = async {
        if timeout(HEAD_WITHIN, answered.notified()).await.is_err() {
            if !asked.load(Ordering::Relaxed) {
                return;
            }
            answered.notified().await;
        }
        sleep(TAKEN_WITHIN).await;
    };
    let ended = tokio::select! {
        ended = builder.serve_connection(TokioIo::new(io), service) => ended,
        () = overdue => {
            let refused = refused.count();
            let what = if asked.load(Ordering::Relaxed) { "an answer was not taken" } else { "no request" };
            return tracing::warn!(refused, "{what} in time");
        }
    };
    if let Err(error) = ended {
        // Not understood, or too large. A client that went away, or an engine that broke off, is nobody's mistake.
        if error.is_parse() {
            // Counted here: what stands in a line that is not written is not done.
            let refused = refused.count();
            tracing::warn!(%error, refused, "no request that could be read");
        } else {
            tracing::debug!(%error, cause = ?error.source(), "connection cut");
        }
    }
}

async fn answer<U: Upstream>(request: Request<Incoming>, asking: &Asking<U>, refused: &Refused) -> Response<Out> {
    let (parts, _no_body) = request.into_parts();
    let mut answer = match permit(&parts) {
        Ok(question) => asking.answer(question).await,
        Err(refusal) => {
            // The path is what somebody wrote: without its query, and cut.
            let path: String = parts.uri.path().chars().take(MAX_TOLD).collect();
            let (method, refused) = (&parts.method, refused.count());
            match path == door::FORBIDDEN {
                true => tracing::debug!(refused, "somebody looks whether the broker refuses"),
                false => tracing::warn!(%method, path, reason = %refusal, refused, "request refused"),
            }
            refuse(StatusCode::FORBIDDEN, Trouble::Refused, &refusal.to_string())
        }
    };
    let headers = answer.headers_mut();
    headers.insert(door::BROKER, HeaderValue::from_static(env!("CARGO_PKG_VERSION")));
    headers.insert(door::REFUSALS, HeaderValue::from(refused.total()));
    headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
    answer
}

#[cfg(test)]
mod tests {
    use std::io;

    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream, duplex};

    use super::*;

    /// An engine whose lists are longer than any pipe here.
    struct Long;

    impl Upstream for Long {
        type Stream = DuplexStream;

        async fn connect(&self) -> io::Result<DuplexStream> {
            let (theirs, mut ours) = duplex(1 << 20);
            tokio::spawn(async move {
                let mut asked = Vec::new();
                while !asked.ends_with(b"\r\n\r\n") && ours.read_buf(&mut asked).await.unwrap() > 0 {}
                let list = format!("[{}{{}}]", "{},".repeat(100_000));
                let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", list.len());
                ours.write_all(head.as_bytes()).await.unwrap();
                ours.write_all(list.as_bytes()).await.unwrap();
            });
            Ok(theirs)
        }
    }

    #[tokio::test(start_paused = true)]
    async fn who_does_not_take_a_document_holds_it_no_longer_than_allowed() {
        let (asking, refused) = (Asking::new(Long), Refused::default());
        let began = tokio::time::Instant::now();
        let mut clients = Vec::new();
        let mut conversations = tokio::task::JoinSet::new();
        // Twice as many as there are places, and none of them reads.
        for _ in 0..16 {
            let (mut client, server) = duplex(4096);
            client.write_all(b"GET /containers/json HTTP/1.1\r\nhost: engine\r\n\r\n").await.unwrap();
            let (asking, refused) = (asking.clone(), refused.clone());
            conversations.spawn(async move { converse(server, &asking, &refused).await });
            clients.push(client);
        }
        while conversations.join_next().await.is_some() {}
        // Eight at a time, each as long as anybody may take, and no longer.
        assert!(began.elapsed() < 2 * TAKEN_WITHIN + Duration::from_secs(2), "{:?}", began.elapsed());
        assert!(began.elapsed() >= 2 * TAKEN_WITHIN, "all had a place at once: {:?}", began.elapsed());
        assert_eq!(refused.total(), 16);
    }
}
