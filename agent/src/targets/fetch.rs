//! One request to a declared target, and the rules for its answer.
//!
//! The target is foreign: it may be slow, huge, lying or dead. It gets one `GET` on a connection of its own, with no header
//! of the client's but `Accept`; its answer counts only as 200 with a metrics type; no redirect is followed, no other header
//! is passed on; all of it ends at the deadline.

use std::{future::Future, io, time::Duration};

use bytes::Bytes;
use http::{
    HeaderMap, HeaderValue, Request, Response, StatusCode,
    header::{ACCEPT, ACCEPT_ENCODING, CONNECTION, CONTENT_ENCODING, CONTENT_TYPE, HOST, USER_AGENT},
};
use http_body_util::Empty;
use hyper::{
    body::{Body as _, Incoming},
    client::conn::http1::{self, SendRequest},
};
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
    task::AbortHandle,
    time::Instant,
};

use super::{
    Declaration, Scheme, Trust, Way,
    body::Body,
    wire::{Allowance, Wire},
};

/// Buffer of one connection, and with it the largest head of an answer.
const BUFFER: usize = 32 << 10;

/// Header fields of an answer.
const MAX_HEADERS: usize = 64;

/// Longest content type passed on.
const MAX_CONTENT_TYPE: usize = 256;

/// What a client asks of a target.
#[derive(Clone, Debug)]
pub struct Ask {
    /// Its `Accept`.
    pub accept: Option<HeaderValue>,
    /// It takes gzip.
    pub gzip: bool,
    /// When all of it must be over.
    pub deadline: Instant,
    /// Bytes of the body, uncompressed.
    pub max_body: u64,
}

/// An answer whose head was good.
#[derive(Debug)]
pub struct Fetched {
    /// A metrics type.
    pub content_type: HeaderValue,
    /// The body is compressed.
    pub gzip: bool,
    /// The rest of it.
    pub body: Body,
}

/// Why there is no good answer.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// The address refused, or the system could not.
    #[error("connect to the target: {0}")]
    Connect(#[source] io::Error),
    /// It does not speak TLS, or its certificate does not count.
    #[error("greet the target by TLS: {0}")]
    Tls(#[source] io::Error),
    /// Nothing at the deadline.
    #[error("the target did not answer in time")]
    Timeout,
    /// The declared path cannot be asked for; declarations are checked for that before.
    #[error("the declared path cannot be asked for")]
    Request(#[source] http::Error),
    /// Not HTTP, or broken off.
    #[error("the target's answer is not HTTP, or broke off")]
    Broken(#[source] hyper::Error),
    /// Not 200.
    #[error("the target answered {0}")]
    Status(StatusCode),
    /// 3xx.
    #[error("the target answered {0}, and redirects are not followed")]
    Redirect(StatusCode),
    /// Not a metrics type.
    #[error("the target's content type is not one of metrics")]
    ContentType,
    /// Compressed in a way that was not asked for.
    #[error("the target's content encoding was not asked for")]
    Encoding,
    /// Larger than the ceiling, by its own account.
    #[error("the target's answer is larger than {0} bytes")]
    TooLarge(u64),
}

/// Ends the connection's task with its last user.
#[derive(Debug)]
pub(super) struct Driver(AbortHandle);

impl Drop for Driver {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Whom to believe, and whose certificate a target must show.
pub(super) type Greeting<'a> = (&'a Trust, ServerName<'static>);

/// Asks over a socket that `dialling` makes, by TLS where it is declared.
pub(super) async fn fetch(
    dialling: impl Future<Output = io::Result<TcpStream>>,
    tls: Option<Greeting<'_>>,
    declaration: &Declaration,
    way: &Way,
    ask: &Ask,
) -> Result<Fetched, FetchError> {
    let head = async {
        let stream = dialling.await.map_err(FetchError::Connect)?;
        let (mut sender, driver, allowance) = match (declaration.scheme, tls) {
            (Scheme::Http, _) => open(stream).await?,
            (Scheme::Https, Some((trust, name))) => {
                open(trust.greet(stream, name).await.map_err(FetchError::Tls)?).await?
            }
            // The list has no such target.
            (Scheme::Https, None) => return Err(FetchError::Tls(io::ErrorKind::Unsupported.into())),
        };
        let request = request(declaration, way, ask).map_err(FetchError::Request)?;
        let response = sender.send_request(request).await.map_err(FetchError::Broken)?;
        allowance.body(ask.max_body);
        Ok((response, driver))
    };
    let (response, driver) = tokio::time::timeout_at(ask.deadline, head).await.map_err(|_| FetchError::Timeout)??;
    judge(response, driver, ask)
}

/// Begins HTTP on a connection.
async fn open<S>(stream: S) -> Result<(SendRequest<Empty<Bytes>>, Driver, Allowance), FetchError>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (wire, allowance) = Wire::new(stream);
    let mut client = http1::Builder::new();
    client.max_buf_size(BUFFER).max_headers(MAX_HEADERS);
    let (sender, connection) = client.handshake(TokioIo::new(wire)).await.map_err(FetchError::Broken)?;
    // What breaks it off is also what the reader of the answer gets.
    let driver = Driver(tokio::spawn(async move { drop(connection.await) }).abort_handle());
    Ok((sender, driver, allowance))
}

fn request(declaration: &Declaration, way: &Way, ask: &Ask) -> http::Result<Request<Empty<Bytes>>> {
    let host = way.address().map_or_else(String::new, |at| at.to_string());
    let encoding = if ask.gzip { "gzip" } else { "identity" };
    let mut request = Request::get(declaration.path.as_str())
        .header(HOST, host)
        .header(USER_AGENT, HeaderValue::from_static(concat!("spyhop/", env!("CARGO_PKG_VERSION"))))
        .header(ACCEPT_ENCODING, HeaderValue::from_static(encoding))
        .header(CONNECTION, HeaderValue::from_static("close"));
    if let Some(accept) = &ask.accept {
        request = request.header(ACCEPT, accept);
    }
    request.body(Empty::new())
}

fn judge(response: Response<Incoming>, driver: Driver, ask: &Ask) -> Result<Fetched, FetchError> {
    let status = response.status();
    if status.is_redirection() {
        return Err(FetchError::Redirect(status));
    }
    if status != StatusCode::OK {
        return Err(FetchError::Status(status));
    }
    let content_type = metrics_type(response.headers()).ok_or(FetchError::ContentType)?;
    let gzip = gzip(response.headers(), ask.gzip).ok_or(FetchError::Encoding)?;
    let body = response.into_body();
    if body.size_hint().lower() > ask.max_body {
        return Err(FetchError::TooLarge(ask.max_body));
    }
    Ok(Fetched { content_type, gzip, body: Body::new(body, driver, gzip, ask) })
}

/// The content type if it is one of metrics. A target without one speaks the classic format: that is what its age suggests.
fn metrics_type(headers: &HeaderMap) -> Option<HeaderValue> {
    let Some(value) = headers.get(CONTENT_TYPE) else {
        return Some(HeaderValue::from_static("text/plain; version=0.0.4"));
    };
    let text = value.to_str().ok().filter(|text| text.len() <= MAX_CONTENT_TYPE)?;
    let (media, parameters) = text.split_once(';').unwrap_or((text, ""));
    let is = |name: &str| media.trim().eq_ignore_ascii_case(name);
    let metrics = is("text/plain")
        || is("application/openmetrics-text")
        // Only the protobuf that Prometheus asks for.
        || (is("application/vnd.google.protobuf") && parameters.contains("proto=io.prometheus.client.MetricFamily"));
    metrics.then(|| value.clone())
}

/// Whether the body is compressed; `None` when in a way that was not asked for.
fn gzip(headers: &HeaderMap, asked: bool) -> Option<bool> {
    let mut codings = headers.get_all(CONTENT_ENCODING).into_iter();
    match (codings.next().map(HeaderValue::to_str), codings.next()) {
        (None, _) => Some(false),
        (Some(Ok(coding)), None) if coding.trim().eq_ignore_ascii_case("identity") => Some(false),
        (Some(Ok(coding)), None) if asked && coding.trim().eq_ignore_ascii_case("gzip") => Some(true),
        _ => None,
    }
}

/// How long a fetch may take: what the client says it waits, less a little for the way back, and never more than `cap`.
/// `header` is `X-Prometheus-Scrape-Timeout-Seconds`.
pub fn patience(header: Option<&HeaderValue>, cap: Duration) -> Duration {
    /// Share of the client's time kept for the way back, and its most.
    const MARGIN: (f64, f64) = (0.05, 0.5);
    let seconds = header.and_then(|value| value.to_str().ok()).and_then(|text| text.trim().parse::<f64>().ok());
    let seconds = seconds.filter(|seconds| seconds.is_finite() && *seconds > 0.0);
    let Some(seconds) = seconds else { return cap };
    let left = seconds - (seconds * MARGIN.0).min(MARGIN.1);
    Duration::try_from_secs_f64(left).map_or(cap, |patience| patience.min(cap))
}

#[cfg(test)]
#[path = "tests/fetch.rs"]
mod tests;
