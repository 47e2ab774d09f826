//! One connection of somebody who asks: one request, one answer, and its end.
//!
//! A connection is never used twice, on either side. What follows a request on its connection is therefore never read as a request,
//! whatever it is.

use std::{
    convert::Infallible,
    error::Error as _,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use http::{HeaderValue, Request, Response, StatusCode, header};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    time::sleep,
};

use super::{
    ask::{Asking, Out, Upstream, refuse},
    filter::permit,
};
use crate::net::door::{self, Trouble};

/// Bytes of a request's head: the longest query and what clients say of themselves.
const MAX_HEAD: usize = 8 << 10;
const MAX_HEADERS: usize = 32;
/// From the first moment of a connection to the end of the head.
const HEAD_WITHIN: Duration = Duration::from_secs(10);

/// Characters of a refused path in the log.
const MAX_TOLD: usize = 120;

/// Requests refused since the start, by everybody.
#[derive(Clone, Debug, Default)]
pub(super) struct Refused(Arc<AtomicU64>);

impl Refused {
    fn count(&self) -> u64 {
        self.0.fetch_add(1, Ordering::Relaxed).saturating_add(1)
    }

    #[cfg(any(test, fuzzing))]
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
    let asked = AtomicBool::new(false);
    let service = service_fn(|request: Request<Incoming>| {
        asked.store(true, Ordering::Relaxed);
        async { Ok::<_, Infallible>(answer(request, asking, refused).await) }
    });
    let mut builder = http1::Builder::new();
    builder.keep_alive(false).max_header_size(MAX_HEAD).max_headers(MAX_HEADERS).max_buf_size(MAX_HEAD);
    // Also for hyper itself: having answered 400 to what it cannot read, it waits for the client to leave.
    let overdue = async {
        sleep(HEAD_WITHIN).await;
        if asked.load(Ordering::Relaxed) {
            std::future::pending::<()>().await;
        }
    };
    let ended = tokio::select! {
        ended = builder.serve_connection(TokioIo::new(io), service) => ended,
        () = overdue => {
            let refused = refused.count();
            return tracing::warn!(refused, "no request in time");
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
    headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
    answer
}
