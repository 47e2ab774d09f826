//! The way to the engine: one connection a question, GET on a list of paths, a ceiling for every answer.
//!
//! Libraries for the engine's API have transports of their own. Ours takes their place because it holds what they do not: the version
//! in every path, a ceiling on the size of an answer, the kernel's reason for a failed connect, and a list of what may be asked at all.

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU32, Ordering},
    },
};

use bytes::Bytes;
use http::{HeaderValue, Method, Uri, header};
use http_body_util::{BodyExt, Empty};
use hyper::{body::Incoming, client::conn::http1};
use hyper_util::rt::TokioIo;

use super::{
    Address, ApiVersion, Endpoint,
    error::Broken,
    routes::Route,
    wire::{Limited, Wire},
};
use crate::{
    net::door::{self, Trouble},
    telemetry::Metrics,
};

/// Longest reason of a broker's that is read.
const MAX_REASON: usize = 4 << 10;

/// Podman's own version, on each of its answers.
pub const PODMAN_VERSION: &str = "libpod-api-version";

/// Cheap to clone; all clones share the version.
#[derive(Clone, Debug)]
pub(super) struct Transport {
    endpoint: Endpoint,
    /// What requests name as their host.
    host: HeaderValue,
    /// Bits of the negotiated version, 0 before there is one.
    version: Arc<AtomicU32>,
    /// The last answer bore [`PODMAN_VERSION`].
    podman: Arc<AtomicBool>,
    metrics: Metrics,
}

impl Transport {
    pub(super) fn new(endpoint: Endpoint, metrics: Metrics) -> Self {
        let host = match endpoint.address() {
            Address::Unix(_) => None,
            tcp => tcp.to_string().strip_prefix("tcp://").and_then(|host| HeaderValue::from_str(host).ok()),
        };
        let host = host.unwrap_or(HeaderValue::from_static("engine"));
        Self { endpoint, host, version: Arc::default(), podman: Arc::default(), metrics }
    }

    pub(super) const fn address(&self) -> &Address {
        self.endpoint.address()
    }

    /// Before the first question after trouble: files of certificates may have been renewed.
    pub(super) fn renew(&self) {
        self.endpoint.renew();
    }

    /// Every later path carries this version.
    pub(super) fn speak(&self, version: ApiVersion) {
        self.version.store(version.to_bits(), Ordering::Relaxed);
    }

    /// Asks; the answer's body is read from its own connection, which closes when the body is read or dropped.
    ///
    /// # Errors
    /// Of kind `Other` with [`Broken`] inside, or what HTTP says.
    pub(super) async fn get(&self, method: &Method, uri: &Uri) -> io::Result<http::Response<Incoming>> {
        let route = Route::of(uri.path()).filter(|_| method == Method::GET);
        let route = route.ok_or_else(|| io::Error::other(Broken::NotAllowed))?;
        let request = self.request(route, uri).map_err(io::Error::other)?;
        let stream = Wire::connect(&self.endpoint).await.map_err(|e| io::Error::other(Broken::Connect(e)))?;
        let stream = Limited::new(stream, route.ceiling);
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(io::Error::other)?;
        // The task ends by itself: at the end of the answer, when the answer is dropped, or when this future is dropped.
        // What breaks it off is also what the reader of the answer gets.
        tokio::spawn(async move { drop(connection.await) });
        let answer = sender.send_request(request).await.map_err(io::Error::other)?;
        if let Some(count) = door::refusals(answer.headers()) {
            self.metrics.set_broker_refused(count);
        }
        if self.endpoint.door().is_some()
            && let Some(trouble) = Trouble::of(answer.headers())
        {
            return Err(told(trouble, answer, route.ceiling).await);
        }
        self.podman.store(answer.headers().contains_key(PODMAN_VERSION), Ordering::Relaxed);
        Ok(answer)
    }

    /// Whether the engine which answered last is Podman.
    pub(super) fn is_podman(&self) -> bool {
        self.podman.load(Ordering::Relaxed)
    }

    fn request(&self, route: &Route, uri: &Uri) -> http::Result<http::Request<Empty<Bytes>>> {
        let path = uri.path_and_query().map_or("/", |path| path.as_str());
        let version = ApiVersion::from_bits(self.version.load(Ordering::Relaxed)).filter(|_| route.versioned);
        let path = version.map_or_else(|| path.to_owned(), |version| format!("/v{version}{path}"));
        http::Request::get(path)
            .header(header::HOST, self.host.clone())
            .header(header::USER_AGENT, HeaderValue::from_static(concat!("spyhop/", env!("CARGO_PKG_VERSION"))))
            .body(Empty::new())
    }
}

/// What the broker between us and the engine met in our place, as if we had met it.
async fn told(trouble: Trouble, answer: http::Response<Incoming>, ceiling: usize) -> io::Error {
    let errno = door::errno(answer.headers());
    let body = http_body_util::Limited::new(answer.into_body(), MAX_REASON).collect().await;
    let body = body.map(|whole| whole.to_bytes()).unwrap_or_default();
    let reason = door::reason(&body).unwrap_or_default();
    let source = || errno.map_or_else(|| io::Error::other(reason), io::Error::from_raw_os_error);
    match trouble {
        Trouble::Connect => io::Error::other(Broken::Connect(source())),
        Trouble::TooLarge => io::Error::other(Broken::TooLarge(ceiling)),
        Trouble::NotJson => io::Error::other(Broken::NotJson),
        Trouble::Refused => io::Error::other(Broken::NotAllowed),
        Trouble::Broken => io::ErrorKind::UnexpectedEof.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn no_other_method_leaves() {
        let transport = Transport::new(Address::parse("/nowhere").unwrap().into(), Metrics::default());
        for method in [Method::POST, Method::PUT, Method::DELETE, Method::HEAD] {
            let refused = transport.get(&method, &Uri::from_static("/info")).await.unwrap_err();
            assert_eq!(refused.to_string(), "path or method not on the list", "{method}");
        }
    }

    #[test]
    fn the_version_stands_before_the_path_once_agreed() {
        let transport = Transport::new(Address::default_socket().into(), Metrics::default());
        let path = |uri: &'static str| {
            let uri = Uri::from_static(uri);
            transport.request(Route::of(uri.path()).unwrap(), &uri).unwrap().uri().to_string()
        };
        assert_eq!(path("/info"), "/info");
        transport.speak(ApiVersion::OLDEST);
        assert_eq!(path("http://engine/containers/json?all=true"), "/v1.41/containers/json?all=true");
        assert_eq!(path("/_ping"), "/_ping");
        assert_eq!(path("/version"), "/version");
    }
}
