//! Servers that answer well, late, without end, or not at all; and what they were asked.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::Duration,
};

use rustls::{
    ServerConfig,
    pki_types::{CertificateDer, PrivateKeyDer},
};
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
};
use tokio_rustls::TlsAcceptor;

use super::super::{
    ask::{Asker, Task},
    names::Threads,
    outcome::Outcome,
    plan::End,
    tls::Greeter,
};
use crate::{
    policy::probe::{Aim, Kind, Probe},
    targets::{OwnNetwork, Vantage, Way},
};

/// Heads of requests, in order.
pub(super) type Asked = Arc<Mutex<Vec<String>>>;

/// A server on a port of its own; ends with the runtime of the test.
pub(super) struct Server {
    pub(super) at: SocketAddr,
    pub(super) asked: Asked,
}

impl Server {
    /// Answers each request with what `answer` makes of its head, then closes.
    pub(super) async fn start(answer: impl Fn(&str) -> Vec<u8> + Send + Sync + 'static) -> Self {
        Self::serve(None, answer).await
    }

    /// The same over TLS.
    pub(super) async fn secure(config: ServerConfig, answer: impl Fn(&str) -> Vec<u8> + Send + Sync + 'static) -> Self {
        Self::serve(Some(TlsAcceptor::from(Arc::new(config))), answer).await
    }

    /// Answers with a status and a body.
    pub(super) async fn saying(status: u16, body: &'static str) -> Self {
        Self::start(move |_| answer(status, body)).await
    }

    async fn serve(tls: Option<TlsAcceptor>, answer: impl Fn(&str) -> Vec<u8> + Send + Sync + 'static) -> Self {
        let asked = Asked::default();
        let (heads, answer) = (Arc::clone(&asked), Arc::new(answer));
        let at = listen(move |stream| {
            let (heads, answer, tls) = (Arc::clone(&heads), Arc::clone(&answer), tls.clone());
            async move {
                let Some(tls) = tls else { return exchange(stream, &heads, &*answer).await };
                // Who does not like the certificate leaves in the middle of the greeting.
                if let Ok(stream) = tls.accept(stream).await {
                    exchange(stream, &heads, &*answer).await;
                }
            }
        })
        .await;
        Self { at, asked }
    }
}

async fn exchange(
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    asked: &Asked,
    answer: &(dyn Fn(&str) -> Vec<u8> + Send + Sync),
) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let Ok(byte) = stream.read_u8().await else { return };
        head.push(byte);
    }
    let head = String::from_utf8(head).unwrap();
    asked.lock().unwrap().push(head.clone());
    stream.write_all(&answer(&head)).await.ok();
    stream.shutdown().await.ok();
}

/// Does something with each connection.
pub(super) async fn listen<F>(serve: impl Fn(TcpStream) -> F + Send + 'static) -> SocketAddr
where
    F: Future<Output = ()> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let at = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(serve(stream));
        }
    });
    at
}

/// Takes connections and whatever is sent, and says nothing.
pub(super) async fn tarpit() -> SocketAddr {
    listen(|mut stream| async move {
        tokio::io::copy(&mut stream, &mut tokio::io::sink()).await.ok();
    })
    .await
}

/// Sends the beginning, then the rest without end.
pub(super) async fn endless(beginning: &'static str, rest: &str) -> SocketAddr {
    let block: Arc<str> = rest.repeat(1 + (64 << 10) / rest.len()).into();
    listen(move |mut stream| {
        let block = Arc::clone(&block);
        async move {
            if stream.write_all(beginning.as_bytes()).await.is_ok() {
                while stream.write_all(block.as_bytes()).await.is_ok() {}
            }
        }
    })
    .await
}

/// A port on which nobody listens.
pub(super) async fn nobody() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap()
}

/// A whole answer.
pub(super) fn answer(status: u16, body: &str) -> Vec<u8> {
    format!("HTTP/1.1 {status} Said\r\nContent-Length: {}\r\n\r\n{body}", body.len()).into_bytes()
}

/// What a server needs of a certificate.
pub(super) fn server_config(chain: Vec<CertificateDer<'static>>, key: PrivateKeyDer<'static>) -> ServerConfig {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    builder.with_no_client_auth().with_single_cert(chain, key).unwrap()
}

/// A probe of a kind and a path.
pub(super) fn probe(kind: Kind, path: Option<&str>) -> Probe {
    Probe::new(Aim { kind, port: 80, path: path.map(Into::into) })
}

/// The container at that address.
pub(super) fn container(at: SocketAddr) -> End {
    End::Container(Way::Address { at, network: "shop".into(), vantage: Vantage::Host })
}

/// An asker whose secrets are in a folder.
pub(super) fn asker(secrets: &std::path::Path) -> Asker {
    Asker {
        dial: Arc::new(OwnNetwork),
        threads: Threads::new(),
        greeter: Greeter::new().unwrap(),
        secrets: secrets.to_owned(),
    }
}

/// One probe of a container, with a second of time.
pub(super) async fn ask(probe: Probe, at: SocketAddr) -> Outcome {
    asker("/nowhere".as_ref()).ask(&task(probe, container(at))).await
}

pub(super) fn task(probe: Probe, end: End) -> Task {
    Task {
        probe: Arc::new(probe),
        end,
        timeout: Duration::from_secs(1),
        name: "api".into(),
        elsewhere: false,
        found_path: None,
        picture: None,
    }
}

/// The word of a failure; `ok` without one.
pub(super) fn word(outcome: &Outcome) -> &'static str {
    outcome.failure.as_ref().map_or("ok", |failure| failure.reason.as_str())
}
