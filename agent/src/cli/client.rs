//! One GET request to the running agent: HTTP/1.1, by TLS where that is spoken, one connection, with a deadline and a ceiling.

use std::{
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    time::Duration,
};

use bytes::Bytes;
use http_body_util::{BodyExt, Empty, Limited};
use hyper::{Request, StatusCode, client::conn::http1, header};
use hyper_util::rt::TokioIo;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
};

use super::door::Door;

/// An answer, read to its end.
#[derive(Debug)]
pub(super) struct Response {
    pub(super) status: StatusCode,
    pub(super) body: Bytes,
}

/// Why there is no answer. Its text says it whole: it is printed without its causes.
#[derive(Debug, thiserror::Error)]
pub(super) enum Error {
    #[error("the configuration has port 0 in http.listen, so the agent's port is not known; give it with --listen")]
    NoPort,
    #[error("no answer from {address} within {} s", .after.as_secs())]
    Timeout { address: SocketAddr, after: Duration },
    #[error("cannot reach {address}: {}", .source)]
    Connect { address: SocketAddr, source: io::Error },
    #[error("no TLS with {address}: {}{}", .source, if *.pinned { "; the agent may not have taken over http.tls.cert_file yet" } else { "" })]
    Tls { address: SocketAddr, source: io::Error, pinned: bool },
    // The innermost of them: the agent's word on a certificate is told by TLS, below HTTP.
    #[error("no HTTP answer from {address}: {}", innermost(.source))]
    Http { address: SocketAddr, source: hyper::Error },
    #[error("cannot read the answer of {address}: {}", .source)]
    Body { address: SocketAddr, source: Box<dyn std::error::Error + Send + Sync> },
    #[error("start the client: {0}")]
    Runtime(#[from] io::Error),
}

fn innermost(error: &dyn std::error::Error) -> &dyn std::error::Error {
    error.source().map_or(error, innermost)
}

/// What is asked, and how much of time and memory the answer may take.
pub(super) struct Question {
    pub(super) path: &'static str,
    pub(super) timeout: Duration,
    pub(super) max_bytes: usize,
}

/// Asks the agent behind that door, and waits for the answer.
pub(super) fn ask(door: &Door, question: &Question) -> Result<Response, Error> {
    let address = dialled(door.address).ok_or(Error::NoPort)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    // The timer must be made inside the runtime.
    runtime.block_on(async {
        let answer = tokio::time::timeout(question.timeout, get(address, door, question)).await;
        answer.unwrap_or(Err(Error::Timeout { address, after: question.timeout }))
    })
}

/// Where to call somebody who listens there.
fn dialled(listen: SocketAddr) -> Option<SocketAddr> {
    (listen.port() != 0).then_some(SocketAddr::new(dialled_ip(listen), listen.port()))
}

/// An address which stands for all of them is called on loopback.
pub(super) fn dialled_ip(listen: SocketAddr) -> IpAddr {
    match listen.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    }
}

async fn get(address: SocketAddr, door: &Door, question: &Question) -> Result<Response, Error> {
    let stream = TcpStream::connect(address).await.map_err(|source| Error::Connect { address, source })?;
    let Some(tls) = &door.tls else { return exchange(stream, address, door, question).await };
    let stream = tls.connector.connect(tls.name.clone(), stream).await;
    let stream = stream.map_err(|source| Error::Tls { address, source, pinned: tls.pinned })?;
    exchange(stream, address, door, question).await
}

async fn exchange<I>(io: I, address: SocketAddr, door: &Door, question: &Question) -> Result<Response, Error>
where
    I: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let failed = |source| Error::Http { address, source };
    let (mut sender, connection) = http1::handshake(TokioIo::new(io)).await.map_err(failed)?;
    // Ends with the connection, at the latest with the runtime, which ends with the command.
    let _driver = tokio::spawn(connection);
    let mut request = Request::get(question.path).header(header::HOST, address.to_string());
    if let Some(authorization) = &door.authorization {
        request = request.header(header::AUTHORIZATION, authorization);
    }
    let request = request.header(header::CONNECTION, "close").body(Empty::<Bytes>::new());
    let request = request.map_err(|source| Error::Body { address, source: source.into() })?;
    let (head, body) = sender.send_request(request).await.map_err(failed)?.into_parts();
    let body = Limited::new(body, question.max_bytes).collect().await;
    let body = body.map_err(|source| Error::Body { address, source })?.to_bytes();
    Ok(Response { status: head.status, body })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_for_all_is_called_on_loopback() {
        for (listen, expected) in [
            ("127.0.0.1:9477", Some("127.0.0.1:9477")),
            ("0.0.0.0:9477", Some("127.0.0.1:9477")),
            ("[::]:9477", Some("[::1]:9477")),
            ("10.0.0.5:80", Some("10.0.0.5:80")),
            ("127.0.0.1:0", None),
        ] {
            assert_eq!(dialled(listen.parse().unwrap()), expected.map(|text| text.parse().unwrap()), "{listen}");
        }
    }
}
