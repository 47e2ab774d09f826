//! One question, bounded in time and in bytes: for calls to neighbours and for the health check. Over plain HTTP, or as `stores` has it.

use std::{io, time::Duration};

use anyhow::Context;
use bytes::Bytes;
use http::{Request, StatusCode, Uri, header};
use http_body_util::{BodyExt, Empty};
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio_util::task::AbortOnDropHandle;

use crate::{settings::Healthcheck, stores};

/// An answer is read up to here, then the connection is closed.
const MAX_ANSWER: usize = 64 * 1024;

/// Why there was no answer.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The URL names no host, or is no valid request.
    #[error("ask {0}: not a URL of a neighbour")]
    Url(Uri),
    /// Name resolution or connecting failed.
    #[error("connect")]
    Unreachable(#[source] io::Error),
    /// The connection broke, or what came back is not HTTP.
    #[error("read the answer")]
    Broken(#[from] hyper::Error),
    /// Nothing complete within this time.
    #[error("no answer within {0:?}")]
    TimedOut(Duration),
}

impl Failure {
    /// The word under which metrics count it.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Url(_) | Self::Unreachable(_) => "unreachable",
            Self::Broken(_) => "broken",
            Self::TimedOut(_) => "timed_out",
        }
    }
}

/// Asks once, on a connection of its own, and gives the status.
pub async fn get(url: &Uri, request_id: &str, patience: Duration) -> Result<StatusCode, Failure> {
    tokio::time::timeout(patience, request(url, request_id)).await.map_err(|_| Failure::TimedOut(patience))?
}

/// [`get`], or the question which fits the scheme of the URL.
pub async fn ask(url: &Uri, request_id: &str, patience: Duration) -> Result<StatusCode, Failure> {
    if url.scheme_str() == Some("http") {
        return get(url, request_id, patience).await;
    }
    tokio::time::timeout(patience, stores::ask(url)).await.map_err(|_| Failure::TimedOut(patience))?
}

async fn request(url: &Uri, request_id: &str) -> Result<StatusCode, Failure> {
    let not_a_url = || Failure::Url(url.clone());
    let authority = url.authority().filter(|_| url.scheme_str() == Some("http")).ok_or_else(not_a_url)?;
    let host = authority.host().trim_start_matches('[').trim_end_matches(']');
    let target = (host, authority.port_u16().unwrap_or(80));
    let stream = TcpStream::connect(target).await.map_err(Failure::Unreachable)?;
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    // Dropped, and with it the connection, when this call ends or is given up.
    let _driver = AbortOnDropHandle::new(tokio::spawn(connection));
    let request = Request::get(url.path_and_query().map_or("/", |path| path.as_str()))
        .header(header::HOST, authority.as_str())
        .header("x-request-id", request_id)
        .body(Empty::<Bytes>::new())
        .map_err(|_| not_a_url())?;
    let answer = sender.send_request(request).await?;
    let status = answer.status();
    skim(answer.into_body()).await?;
    Ok(status)
}

/// Reads a body to its end, or to the ceiling, and keeps nothing of it.
async fn skim(mut body: Incoming) -> Result<(), hyper::Error> {
    let mut seen = 0;
    while let Some(frame) = body.frame().await {
        seen += frame?.data_ref().map_or(0, Bytes::len);
        if seen > MAX_ANSWER {
            break;
        }
    }
    Ok(())
}

/// The `healthcheck` command: fine only when the answer is 2xx. The engine keeps the printed line with the result.
pub async fn healthcheck(check: &Healthcheck) -> anyhow::Result<()> {
    let url = match &check.url {
        Some(url) => url.clone(),
        None => format!("http://127.0.0.1:{}/health", check.port).parse().context("build the URL")?,
    };
    let status = get(&url, "healthcheck", check.timeout).await.with_context(|| format!("check {url}"))?;
    anyhow::ensure!(status.is_success(), "check {url}: {status}");
    println!("{url}: {status}");
    Ok(())
}
