//! One HTTP request and its answer, which is foreign: bounded in bytes and fields, looked at and never obeyed.

use std::{future::Future, pin::pin, task::Poll};

use bytes::Bytes;
use http::{
    HeaderValue, Request, Response, Version,
    header::{ACCEPT, ACCEPT_ENCODING, AUTHORIZATION, CONNECTION, CONTENT_LENGTH, HOST, USER_AGENT},
};
use http_body_util::{BodyExt as _, Empty};
use hyper::{body::Incoming, client::conn::http1};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};

use super::outcome::{Facts, Failure, HttpFacts, Phase, Reason};
use crate::{
    policy::probe::{Expected, Probe},
    targets::Wire,
};

/// Buffer of one connection, and with it the largest head of an answer.
const BUFFER: usize = 32 << 10;
/// Header fields of an answer.
const MAX_HEADERS: usize = 64;
/// Bytes of a body that is only counted, and of one that a pattern is held against.
const MAX_BODY: u64 = 16 << 20;
const MAX_MATCHED: u64 = 1 << 20;

/// Paths that are tried where none is said, in this order; the first that is there counts.
pub(super) const CONVENTION: [&str; 3] = ["/health/ready", "/health", "/health/live"];

/// An answer, whatever it says.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) facts: HttpFacts,
    /// Kept only where somebody looks at it.
    pub(super) body: Vec<u8>,
    /// `X-Next-Page`: where the rest of a list is.
    pub(super) next_page: Option<String>,
}

/// One request.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ask<'a> {
    pub(super) probe: &'a Probe,
    /// Path and query.
    pub(super) path: &'a str,
    /// `Host`, unless a header of the probe says another.
    pub(super) host: &'a str,
    pub(super) authorization: Option<&'a HeaderValue>,
    /// Bytes of the body that are kept at most; `None` counts them.
    pub(super) keep: Option<u64>,
}

impl<'a> Ask<'a> {
    /// A request of a probe, which keeps what its patterns are held against.
    pub(super) fn new(probe: &'a Probe, path: &'a str, host: &'a str, authorization: Option<&'a HeaderValue>) -> Self {
        let matched = probe.answer.body.is_some() || probe.answer.not_body.is_some();
        Self { probe, path, host, authorization, keep: matched.then_some(MAX_MATCHED) }
    }
}

/// Asks once over a connection that is made.
pub(super) async fn ask<S: AsyncRead + AsyncWrite + Unpin>(
    stream: S,
    ask: Ask<'_>,
    facts: &mut Facts,
) -> Result<Answer, Failure> {
    let request = request(ask).map_err(|_| Failure::new(Reason::Internal, "the request cannot be made"))?;
    let (wire, allowance) = Wire::new(stream);
    let mut client = http1::Builder::new();
    client.max_buf_size(BUFFER).max_headers(MAX_HEADERS);
    let (mut sender, connection) = client.handshake(TokioIo::new(wire)).await.map_err(broken)?;
    let exchange = async {
        let began = facts.enter(Phase::Processing);
        let response = sender.send_request(request).await.map_err(broken)?;
        facts.leave(began);
        allowance.body(ask.keep.unwrap_or(MAX_BODY));
        let began = facts.enter(Phase::Transfer);
        let answer = read(response, ask.keep, facts).await;
        facts.leave(began);
        answer
    };
    beside(exchange, connection).await
}

/// Runs an exchange, and the connection that carries it, in one task: a probe is over when either has nothing more to say.
async fn beside<T>(exchange: impl Future<Output = T>, connection: impl Future) -> T {
    let (mut exchange, mut connection) = (pin!(exchange), pin!(connection));
    let mut open = true;
    std::future::poll_fn(move |cx| {
        if let Poll::Ready(ended) = exchange.as_mut().poll(cx) {
            return Poll::Ready(ended);
        }
        // What carries it may end first: what has come by then is still to be read.
        if open && connection.as_mut().poll(cx).is_ready() {
            open = false;
        }
        exchange.as_mut().poll(cx)
    })
    .await
}

fn broken(error: hyper::Error) -> Failure {
    // The text of hyper names what it met, never what was in it.
    Failure::new(Reason::Broken, format!("the answer is not HTTP, or broke off: {error}"))
}

fn request(ask: Ask<'_>) -> http::Result<Request<Empty<Bytes>>> {
    let Ask { probe, path, host, authorization, .. } = ask;
    let mut request = Request::builder().method(probe.method.clone()).uri(path).body(Empty::new())?;
    let headers = request.headers_mut();
    headers.insert(HOST, HeaderValue::from_str(host)?);
    headers.insert(USER_AGENT, HeaderValue::from_static(concat!("spyhop/", env!("CARGO_PKG_VERSION"))));
    headers.insert(ACCEPT, HeaderValue::from_static("*/*"));
    for (name, value) in &probe.headers {
        headers.insert(name, value.clone());
    }
    headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
    headers.insert(CONNECTION, HeaderValue::from_static("close"));
    if let Some(authorization) = authorization {
        headers.insert(AUTHORIZATION, authorization.clone());
    }
    Ok(request)
}

async fn read(response: Response<Incoming>, keep: Option<u64>, facts: &mut Facts) -> Result<Answer, Failure> {
    let (head, mut incoming) = response.into_parts();
    let content_length = head.headers.get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse().ok());
    let mut http = HttpFacts {
        status: head.status.as_u16(),
        version: if head.version == Version::HTTP_10 { 10 } else { 11 },
        content_length,
        body_length: 0,
        failed_by_pattern: false,
    };
    facts.http = Some(http);
    let next_page = head.headers.get("x-next-page").and_then(|value| value.to_str().ok()).map(str::to_owned);
    let most = keep.unwrap_or(MAX_BODY);
    let mut body = Vec::new();
    while let Some(frame) = incoming.frame().await {
        let Ok(data) = frame.map_err(broken)?.into_data() else { continue };
        http.body_length = http.body_length.saturating_add(data.len() as u64);
        facts.http = Some(http);
        if http.body_length > most {
            return Err(Failure::new(Reason::TooLarge, format!("the answer is larger than {most} bytes")));
        }
        if keep.is_some() {
            body.extend_from_slice(&data);
        }
    }
    Ok(Answer { facts: http, body, next_page })
}

/// Whether an answer is good.
pub(super) fn judge(answer: &Answer, expected: &Expected, facts: &mut Facts) -> Result<(), Failure> {
    let status = answer.facts.status;
    let good = match expected.status.as_slice() {
        [] => (200..300).contains(&status),
        list => list.iter().any(|wanted| wanted.holds(status)),
    };
    if !good {
        return Err(match status {
            300..400 => Failure::new(Reason::Redirect, format!("answered {status}, and redirects are not followed")),
            _ => Failure::new(Reason::Status, format!("answered {status}")),
        });
    }
    let fails = |text: &str, facts: &mut Facts| {
        facts.http = Some(HttpFacts { failed_by_pattern: true, ..answer.facts });
        Err(Failure::new(Reason::Body, text))
    };
    match (&expected.body, &expected.not_body) {
        (Some(body), _) if !body.is_match(&answer.body) => fails("the body does not match", facts),
        (_, Some(not_body)) if not_body.is_match(&answer.body) => fails("the body matches what it must not", facts),
        _ => Ok(()),
    }
}
