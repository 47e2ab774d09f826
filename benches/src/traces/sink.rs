//! An OTLP back end that takes everything at once and counts spans, over HTTP or gRPC: what is left is the cost of the sender.

use std::{
    convert::Infallible,
    io::Read as _,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use anyhow::Result;
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Request, Response, header};
use http_body_util::{BodyExt as _, Either, Full};
use hyper::{
    body::Incoming,
    server::conn::{http1, http2},
    service::service_fn,
};
use hyper_util::rt::{TokioExecutor, TokioIo};
use spyhop::otlp::{Signal, wire};
use tokio::net::TcpListener;

/// What a sink counts.
#[derive(Debug, Default)]
pub(super) struct Counts {
    spans: AtomicU64,
    bytes: AtomicU64,
    requests: AtomicU64,
}

impl Counts {
    /// Spans taken.
    pub(super) fn spans(&self) -> u64 {
        self.spans.load(Ordering::Relaxed)
    }

    /// Bytes of bodies as they came, and in how many requests.
    pub(super) fn volume(&self) -> (u64, u64) {
        (self.bytes.load(Ordering::Relaxed), self.requests.load(Ordering::Relaxed))
    }
}

/// See the head of this file.
pub(super) struct Sink {
    pub(super) address: SocketAddr,
    pub(super) counts: Arc<Counts>,
}

impl Sink {
    /// Listens on loopback, until the runtime ends.
    pub(super) async fn start(grpc: bool) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let sink = Self { address: listener.local_addr()?, counts: Arc::default() };
        let counts = Arc::clone(&sink.counts);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let counts = Arc::clone(&counts);
                let answer = service_fn(move |request| answer(Arc::clone(&counts), grpc, request));
                tokio::spawn(async move {
                    let stream = TokioIo::new(stream);
                    if grpc {
                        http2::Builder::new(TokioExecutor::new())
                            .initial_stream_window_size(4 << 20)
                            .initial_connection_window_size(16 << 20)
                            .serve_connection(stream, answer)
                            .await
                    } else {
                        http1::Builder::new().serve_connection(stream, answer).await
                    }
                });
            }
        });
        Ok(sink)
    }
}

type Body = Either<Full<Bytes>, http_body_util::combinators::UnsyncBoxBody<Bytes, Infallible>>;

async fn answer(counts: Arc<Counts>, grpc: bool, request: Request<Incoming>) -> Result<Response<Body>, hyper::Error> {
    let gzip = |headers: &HeaderMap, name| headers.get(name).is_some_and(|value: &HeaderValue| value == "gzip");
    let compressed =
        if grpc { gzip(request.headers(), "grpc-encoding") } else { gzip(request.headers(), "content-encoding") };
    let body = request.into_body().collect().await?.to_bytes();
    let message = if grpc { body.get(5..).unwrap_or_default() } else { &body };
    let plain = if compressed { inflated(message) } else { message.to_vec() };
    counts.spans.fetch_add(wire::count(Signal::Traces, &plain).unwrap_or_default(), Ordering::Relaxed);
    counts.bytes.fetch_add(body.len() as u64, Ordering::Relaxed);
    counts.requests.fetch_add(1, Ordering::Relaxed);
    if !grpc {
        let mut response = Response::new(Either::Left(Full::default()));
        response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/x-protobuf"));
        return Ok(response);
    }
    let mut trailers = HeaderMap::new();
    trailers.insert("grpc-status", HeaderValue::from_static("0"));
    let empty = Full::new(Bytes::from_static(&[0; 5])).with_trailers(std::future::ready(Some(Ok(trailers))));
    let mut response = Response::new(Either::Right(empty.boxed_unsync()));
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
    Ok(response)
}

fn inflated(bytes: &[u8]) -> Vec<u8> {
    let mut plain = Vec::new();
    // What is no gzip counts as nothing, and the bench then says what it misses.
    flate2::read::GzDecoder::new(bytes).read_to_end(&mut plain).map_or_else(|_| Vec::new(), |_| plain)
}
