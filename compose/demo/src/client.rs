//! One question, bounded in time and in bytes: for calls to neighbours and for the health check. Over plain HTTP, or as `stores` has it.

use std::{io, time::Duration};

use anyhow::Context;
use bytes::Bytes;
use http::{Method, Request, StatusCode, Uri, header, request::Builder};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio_util::task::AbortOnDropHandle;

use crate::{settings::Healthcheck, stores, traces};

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
pub async fn get(
    url: &Uri,
    request_id: &str,
    context: Option<&traces::Context>,
    patience: Duration,
) -> Result<StatusCode, Failure> {
    let mut question = Request::builder().method(Method::GET).header("x-request-id", request_id);
    if let (Some(context), Some(headers)) = (context, question.headers_mut()) {
        context.write(headers);
    }
    within(patience, request(url, question, Bytes::new())).await
}

/// Sends JSON once, likewise.
pub async fn post(url: &Uri, body: String, patience: Duration) -> Result<StatusCode, Failure> {
    let question = Request::builder().method(Method::POST).header(header::CONTENT_TYPE, "application/json");
    within(patience, request(url, question, body.into())).await
}

async fn within<T>(patience: Duration, answer: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    tokio::time::timeout(patience, answer).await.map_err(|_| Failure::TimedOut(patience))?
}

/// [`get`], or the question which fits the scheme of the URL.
pub async fn ask(
    url: &Uri,
    request_id: &str,
    context: Option<&traces::Context>,
    patience: Duration,
) -> Result<StatusCode, Failure> {
    if url.scheme_str() == Some("http") {
        return get(url, request_id, context, patience).await;
    }
    within(patience, stores::ask(url)).await
}

async fn request(url: &Uri, question: Builder, body: Bytes) -> Result<StatusCode, Failure> {
    let not_a_url = || Failure::Url(url.clone());
    let authority = url.authority().filter(|_| url.scheme_str() == Some("http")).ok_or_else(not_a_url)?;
    let host = authority.host().trim_start_matches('[').trim_end_matches(']');
    let target = (host, authority.port_u16().unwrap_or(80));
    let stream = TcpStream::connect(target).await.map_err(Failure::Unreachable)?;
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    // Dropped, and with it the connection, when this call ends or is given up.
    let _driver = AbortOnDropHandle::new(tokio::spawn(connection));
    let request = question
        .uri(url.path_and_query().map_or("/", |path| path.as_str()))
        .header(header::HOST, authority.as_str())
        .body(Full::new(body))
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
    let status = get(&url, "healthcheck", None, check.timeout).await.with_context(|| format!("check {url}"))?;
    anyhow::ensure!(status.is_success(), "check {url}: {status}");
    println!("{url}: {status}");
    Ok(())
}
