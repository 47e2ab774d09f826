//! `spyhop-demo traefik`: plays Traefik in front of other services.
//!
//! ```text
//!  web        -> everybody is sent to https
//!  websecure  -> TLS -> table: host and path -> the service's own server
//!  traefik    -> api: routers, services, ping, metrics
//! ```
//!
//! The real one learns its routers from labels, which takes the engine's socket. This one is given them in a file.

use std::{
    collections::BTreeMap,
    convert::Infallible,
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use anyhow::Context;
use bytes::Bytes;
use http::{Request, Response, StatusCode, header};
use http_body_util::{Either, Full};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use rustls::{
    ServerConfig,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, TcpStream},
    signal::unix::{SignalKind, signal},
    sync::{OwnedSemaphorePermit, Semaphore},
};
use tokio_rustls::TlsAcceptor;

use crate::settings::Traefik;

use table::{Router, Table};

pub mod api;
pub mod table;

/// Connections open at a time.
const MAX_CONNECTIONS: usize = 256;

/// A caller has this long for its handshake, and for its headers.
const PATIENCE: Duration = Duration::from_secs(5);

/// When a service behind is given up.
const ANSWER: Duration = Duration::from_secs(10);

/// What a caller gets: from the service, or made here.
type Body = Either<Incoming, Full<Bytes>>;

/// One for the process.
struct Gateway {
    table: Table,
    counted: Mutex<api::Counted>,
}

/// Which of its three doors a request came through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Door {
    Web,
    Secure,
    Api,
}

/// Plays until SIGTERM or SIGINT. Prints a line with the addresses once it listens.
pub async fn run(settings: &Traefik) -> anyhow::Result<()> {
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    let text = std::fs::read(&settings.routers).with_context(|| format!("read {}", settings.routers.display()))?;
    let table = serde_json::from_slice(&text).with_context(|| format!("read {}", settings.routers.display()))?;
    let gateway = Arc::new(Gateway { table, counted: Mutex::default() });
    let tls = TlsAcceptor::from(Arc::new(tls(settings)?));
    anyhow::ensure!(settings.ports.len() == 3, "--ports: {} instead of 3", settings.ports.len());
    let mut addresses = Vec::new();
    for (door, port) in [Door::Web, Door::Secure, Door::Api].into_iter().zip(&settings.ports) {
        let listener =
            TcpListener::bind((settings.address, *port)).await.with_context(|| format!("listen on port {port}"))?;
        addresses.push(listener.local_addr().context("read the listening address")?.to_string());
        let tls = (door == Door::Secure).then(|| tls.clone());
        tokio::spawn(serve(listener, Arc::clone(&gateway), door, tls));
    }
    println!("{}", serde_json::json!({ "message": "listening", "addresses": addresses }));
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    Ok(())
}

fn tls(settings: &Traefik) -> anyhow::Result<ServerConfig> {
    let chain: Result<Vec<_>, _> = CertificateDer::pem_file_iter(&settings.cert).and_then(Iterator::collect);
    let chain = chain.with_context(|| format!("read {}", settings.cert.display()))?;
    let key =
        PrivateKeyDer::from_pem_file(&settings.key).with_context(|| format!("read {}", settings.key.display()))?;
    let config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(chain, key);
    config.with_context(|| format!("use {} with {}", settings.cert.display(), settings.key.display()))
}

async fn serve(listener: TcpListener, gateway: Arc<Gateway>, door: Door, tls: Option<TlsAcceptor>) {
    let slots = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    loop {
        // Never closed: acquiring cannot fail.
        let Ok(slot) = Arc::clone(&slots).acquire_owned().await else { return };
        let Ok((stream, _)) = listener.accept().await else {
            tokio::time::sleep(Duration::from_millis(100)).await;
            continue;
        };
        tokio::spawn(open(stream, Arc::clone(&gateway), door, tls.clone(), slot));
    }
}

async fn open(
    stream: TcpStream,
    gateway: Arc<Gateway>,
    door: Door,
    tls: Option<TlsAcceptor>,
    _slot: OwnedSemaphorePermit,
) {
    match tls {
        None => converse(stream, gateway, door).await,
        // Who is not let in is what the client says.
        Some(tls) => {
            if let Ok(Ok(stream)) = tokio::time::timeout(PATIENCE, tls.accept(stream)).await {
                converse(stream, gateway, door).await;
            }
        }
    }
}

async fn converse(stream: impl AsyncRead + AsyncWrite + Unpin, gateway: Arc<Gateway>, door: Door) {
    let answer = service_fn(|request| {
        let gateway = Arc::clone(&gateway);
        async move { Ok::<_, Infallible>(answer(&gateway, door, request).await) }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(PATIENCE)
        .serve_connection(TokioIo::new(stream), answer);
    // A connection ends badly when its caller goes away: nothing to do about it.
    let _ended: Result<(), hyper::Error> = connection.await;
}

async fn answer(gateway: &Gateway, door: Door, request: Request<Incoming>) -> Response<Body> {
    let path = request.uri().path().to_owned();
    let host = request.headers().get(header::HOST).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned();
    match door {
        Door::Web => {
            let name = host.split(':').next().unwrap_or_default();
            let moved = Response::builder().status(StatusCode::MOVED_PERMANENTLY);
            let moved = moved.header(header::LOCATION, format!("https://{name}{path}"));
            moved
                .body(Either::Right(Full::default()))
                .unwrap_or_else(|_| own(StatusCode::BAD_REQUEST, "text/plain", String::new()))
        }
        Door::Api => {
            let counted = gateway.counted.lock().unwrap_or_else(PoisonError::into_inner).clone();
            let (status, kind, body) = api::answer(&path, &gateway.table, &gateway.addresses().await, &counted);
            let mut answer = own(status, kind, body);
            // One page has all of it: the first is the next one, says the real one then.
            answer.headers_mut().insert("x-next-page", header::HeaderValue::from_static("1"));
            answer
        }
        Door::Secure => {
            let Some(router) = gateway.table.find("websecure", &host, &path) else {
                return own(StatusCode::NOT_FOUND, "text/plain", "404 page not found\n".to_owned());
            };
            let answer = match tokio::time::timeout(ANSWER, forward(router, request)).await {
                Ok(Ok(answer)) => answer.map(Either::Left),
                Ok(Err(_)) => own(StatusCode::BAD_GATEWAY, "text/plain", "Bad Gateway".to_owned()),
                Err(_) => own(StatusCode::GATEWAY_TIMEOUT, "text/plain", "Gateway Timeout".to_owned()),
            };
            let key = ("websecure".to_owned(), router.name.clone(), answer.status().as_u16());
            // Names come from the file and codes are few: no caller can make this grow.
            *gateway.counted.lock().unwrap_or_else(PoisonError::into_inner).entry(key).or_default() += 1;
            answer
        }
    }
}

/// The request as it is, to the router's server, on a connection of its own.
async fn forward(router: &Router, request: Request<Incoming>) -> anyhow::Result<Response<Incoming>> {
    let stream = TcpStream::connect(&router.server).await?;
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    // Ends with the answer's body, or with its reader.
    tokio::spawn(connection);
    let mut request = request;
    request.headers_mut().remove(header::CONNECTION);
    Ok(sender.send_request(request).await?)
}

fn own(status: StatusCode, kind: &'static str, body: String) -> Response<Body> {
    let mut answer = Response::new(Either::Right(Full::from(body)));
    *answer.status_mut() = status;
    answer.headers_mut().insert(header::CONTENT_TYPE, header::HeaderValue::from_static(kind));
    answer
}

impl Gateway {
    /// Where the servers' names lead now; one that leads nowhere is missing.
    async fn addresses(&self) -> BTreeMap<String, SocketAddr> {
        let mut found = BTreeMap::new();
        for router in &self.table.routers {
            let looked_up = tokio::time::timeout(PATIENCE, tokio::net::lookup_host(&router.server)).await;
            if let Ok(Ok(mut addresses)) = looked_up
                && let Some(address) = addresses.next()
            {
                found.insert(router.server.clone(), address);
            }
        }
        found
    }
}
