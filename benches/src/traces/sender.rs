//! The load: requests made before, sent over gRPC (HTTP/2 by itself, no client library) or over HTTP.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use anyhow::{Context as _, Result, bail, ensure};
use bytes::{BufMut as _, Bytes, BytesMut};
use http::{Request, Response, header};
use http_body_util::{BodyExt as _, Full};
use hyper::{
    body::Incoming,
    client::conn::{http1, http2},
};
use hyper_util::rt::{TokioExecutor, TokioIo};
use spyhop::otlp::Signal;
use tokio::net::TcpStream;

/// Who said that there is no room is asked again after this.
const PAUSE: Duration = Duration::from_millis(10);

/// One connection.
pub(super) enum Sender {
    Grpc(http2::SendRequest<Full<Bytes>>, SocketAddr),
    Http(http1::SendRequest<Full<Bytes>>, SocketAddr),
}

impl Sender {
    /// Connects.
    pub(super) async fn connect(address: SocketAddr, grpc: bool) -> Result<Self> {
        let stream = TcpStream::connect(address).await.with_context(|| format!("connect to {address}"))?;
        stream.set_nodelay(true)?;
        let stream = TokioIo::new(stream);
        if grpc {
            let (sender, connection) = http2::handshake(TokioExecutor::new(), stream).await?;
            tokio::spawn(connection);
            return Ok(Self::Grpc(sender, address));
        }
        let (sender, connection) = http1::handshake(stream).await?;
        tokio::spawn(connection);
        Ok(Self::Http(sender, address))
    }

    /// A second sender on the same connection, where that can be.
    fn again(&self) -> Option<Self> {
        match self {
            Self::Grpc(sender, address) => Some(Self::Grpc(sender.clone(), *address)),
            Self::Http(..) => None,
        }
    }

    /// A body as this sender wants it.
    pub(super) fn framed(&self, request: &Bytes) -> Bytes {
        match self {
            Self::Grpc(..) => {
                let mut framed = BytesMut::with_capacity(request.len() + 5);
                framed.put_u8(0);
                framed.put_u32(u32::try_from(request.len()).unwrap_or(u32::MAX));
                framed.extend_from_slice(request);
                framed.freeze()
            }
            Self::Http(..) => request.clone(),
        }
    }

    /// Sends one until it is taken; how often there was no room.
    pub(super) async fn send(&mut self, body: &Bytes) -> Result<u64> {
        for busy in 0.. {
            let taken = match self {
                Self::Grpc(sender, address) => {
                    let url = format!("http://{address}{}", Signal::Traces.grpc_path());
                    let request = Request::post(url)
                        .header(header::CONTENT_TYPE, "application/grpc")
                        .header(header::TE, "trailers")
                        .body(Full::new(body.clone()))?;
                    sender.ready().await?;
                    grpc_taken(sender.send_request(request).await?).await?
                }
                Self::Http(sender, address) => {
                    let request = Request::post(Signal::Traces.http_path())
                        .header(header::HOST, address.to_string())
                        .header(header::CONTENT_TYPE, "application/x-protobuf")
                        .body(Full::new(body.clone()))?;
                    sender.ready().await?;
                    let answer = sender.send_request(request).await?;
                    let status = answer.status().as_u16();
                    answer.into_body().collect().await?;
                    ensure!(matches!(status, 200 | 429 | 503), "the agent answers {status}");
                    status == 200
                }
            };
            if taken {
                return Ok(busy);
            }
            tokio::time::sleep(PAUSE).await;
        }
        bail!("never taken")
    }
}

async fn grpc_taken(answer: Response<Incoming>) -> Result<bool> {
    let (head, body) = answer.into_parts();
    let body = body.collect().await?;
    let status = body.trailers().and_then(|trailers| trailers.get("grpc-status")).or(head.headers.get("grpc-status"));
    match status.context("the agent answers without a status of gRPC")?.as_bytes() {
        b"0" => Ok(true),
        b"14" => Ok(false),
        other => bail!("the agent answers {}", String::from_utf8_lossy(other)),
    }
}

/// Sends `count` requests in turns, so many at a time; how often there was no room.
pub(super) async fn all(
    address: SocketAddr,
    grpc: bool,
    requests: &[Bytes],
    count: u64,
    at_a_time: u32,
) -> Result<u64> {
    let first = Sender::connect(address, grpc).await?;
    let bodies: Arc<[Bytes]> = requests.iter().map(|request| first.framed(request)).collect();
    let next = Arc::new(AtomicU64::new(0));
    let mut tasks = Vec::new();
    for _ in 0..at_a_time {
        let mut sender = match first.again() {
            Some(sender) => sender,
            None => Sender::connect(address, grpc).await?,
        };
        let (bodies, next) = (Arc::clone(&bodies), Arc::clone(&next));
        tasks.push(tokio::spawn(async move {
            let mut busy = 0;
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                let body = bodies.get(number as usize % bodies.len().max(1)).filter(|_| number < count);
                let Some(body) = body else { return Ok::<_, anyhow::Error>(busy) };
                busy += sender.send(body).await?;
            }
        }));
    }
    let mut busy = 0;
    for task in tasks {
        busy += task.await??;
    }
    Ok(busy)
}
