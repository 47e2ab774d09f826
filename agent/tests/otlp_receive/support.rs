//! A receiver whose intake is scripted, and clients that send what they are told to, byte by byte.

use std::{
    any::Any,
    collections::VecDeque,
    io::Write as _,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    path::PathBuf,
    sync::{Arc, Mutex},
    time::Duration,
};

use bytes::{Buf as _, Bytes};
use futures_util::future::BoxFuture;
use http::{HeaderMap, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo};
use spyhop::{
    otlp::{Signal, Status},
    traces::{
        Receiver,
        caller::Caller,
        intake::{Answer, Bound, Greeted, Intake},
        receive::{self, Counts, Drained, Patience},
    },
};
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _},
    net::TcpStream,
    sync::Semaphore,
    task::JoinHandle,
    time::timeout,
};
use tokio_util::sync::CancellationToken;

/// Longest wait for anything in these tests.
pub(crate) const SOON: Duration = Duration::from_secs(20);

/// An intake that answers what it is told to, and remembers.
#[derive(Debug)]
pub(crate) struct Stub {
    pub(crate) taken: Mutex<Vec<(Caller, Signal, Bytes)>>,
    pub(crate) answers: Mutex<VecDeque<Answer>>,
    /// Closed, requests stay until it is opened.
    pub(crate) gate: Semaphore,
    /// Requests that were given up.
    pub(crate) dropped: Mutex<usize>,
}

impl Stub {
    pub(crate) fn answer(&self, answer: Answer) {
        self.answers.lock().unwrap().push_back(answer);
    }

    pub(crate) fn bodies(&self) -> Vec<(Signal, Vec<u8>)> {
        self.taken.lock().unwrap().iter().map(|(_, signal, bytes)| (*signal, bytes.to_vec())).collect()
    }
}

struct Dropped<'a>(Option<&'a Mutex<usize>>);

impl Drop for Dropped<'_> {
    fn drop(&mut self) {
        self.0.into_iter().for_each(|count| *count.lock().unwrap() += 1);
    }
}

impl Intake for Stub {
    fn greet(&self, caller: Caller) -> Greeted {
        Greeted { bound: Arc::new(caller) as Arc<dyn Any + Send + Sync>, container: None }
    }

    fn take<'a>(&'a self, from: &'a Bound, signal: Signal, request: Bytes) -> BoxFuture<'a, Answer> {
        Box::pin(async move {
            let caller = from.downcast_ref::<Caller>().unwrap().clone();
            self.taken.lock().unwrap().push((caller, signal, request));
            let mut dropped = Dropped(Some(&self.dropped));
            let _pass = self.gate.acquire().await.unwrap();
            dropped.0 = None;
            self.answers.lock().unwrap().pop_front().unwrap_or(Answer::taken())
        })
    }
}

/// A receiver on all three doors.
pub(crate) struct Scene {
    pub(crate) intake: Arc<Stub>,
    pub(crate) counts: Arc<Counts>,
    pub(crate) grpc: SocketAddr,
    pub(crate) http: SocketAddr,
    pub(crate) socket: PathBuf,
    shutdown: CancellationToken,
    served: JoinHandle<std::io::Result<Drained>>,
    _folder: tempfile::TempDir,
}

impl Scene {
    pub(crate) fn new() -> Self {
        Self::with(|_, _| {})
    }

    /// With other limits.
    pub(crate) fn with(change: impl FnOnce(&mut Receiver, &mut Patience)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let socket = folder.path().join("otlp.sock");
        let any = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0);
        let mut receiver = Receiver {
            grpc: Some(any),
            http: Some(any),
            socket: Some(socket.clone()),
            max_request: 1 << 20,
            max_pending: 8 << 20,
            max_connections: 64,
            trusted_proxies: Vec::new(),
        };
        let mut patience = Patience::default();
        change(&mut receiver, &mut patience);
        let doors = receive::bind(&receiver).unwrap().with(patience);
        let (grpc, http) = (doors.grpc().unwrap(), doors.http().unwrap());
        let intake = Arc::new(Stub {
            taken: Mutex::default(),
            answers: Mutex::default(),
            gate: Semaphore::new(1 << 20),
            dropped: Mutex::default(),
        });
        let (counts, shutdown) = (Arc::new(Counts::default()), CancellationToken::new());
        let served =
            receive::serve(doors, Arc::clone(&intake) as Arc<dyn Intake>, Arc::clone(&counts), shutdown.clone());
        let served = tokio::spawn(served);
        Self { intake, counts, grpc, http, socket, shutdown, served, _folder: folder }
    }

    /// Asks for an end without waiting for it.
    pub(crate) fn end(&self) {
        self.shutdown.cancel();
    }

    /// Waits for the end.
    pub(crate) async fn ended(self) -> Drained {
        timeout(SOON, self.served).await.expect("the receiver ends").unwrap().unwrap()
    }
}

/// Waits until a condition holds.
pub(crate) async fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let waiting = async {
        while !holds() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    assert!(timeout(SOON, waiting).await.is_ok(), "{what}");
}

pub(crate) fn gzip(plain: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(plain).unwrap();
    encoder.finish().unwrap()
}

/// An answer over HTTP.
#[derive(Debug)]
pub(crate) struct Told {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

impl Told {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    /// The body as `google.rpc.Status` in protobuf.
    pub(crate) fn rpc_status(&self) -> Status {
        assert_eq!(self.header("content-type"), Some("application/x-protobuf"));
        Status::decode(&self.body).unwrap()
    }
}

/// One request over HTTP/1.1: head lines, then the body with its length.
pub(crate) async fn post(address: SocketAddr, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Told {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(&request(path, headers, body)).await.unwrap();
    hear(&mut stream).await
}

/// A request as bytes.
pub(crate) fn request(path: &str, headers: &[(&str, &str)], body: &[u8]) -> Vec<u8> {
    let mut text = format!("POST {path} HTTP/1.1\r\nhost: spyhop\r\ncontent-length: {}\r\n", body.len());
    for (name, value) in headers {
        text += &format!("{name}: {value}\r\n");
    }
    let mut bytes = (text + "\r\n").into_bytes();
    bytes.extend_from_slice(body);
    bytes
}

/// Reads one answer of HTTP/1.1.
pub(crate) async fn hear(stream: &mut (impl AsyncRead + Unpin)) -> Told {
    timeout(SOON, heard(stream)).await.expect("an answer in time").expect("an answer")
}

/// Reads one answer of HTTP/1.1; `None` where the connection ends before it has.
pub(crate) async fn heard(stream: &mut (impl AsyncRead + Unpin)) -> Option<Told> {
    let mut bytes = Vec::new();
    let end = loop {
        if let Some(at) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            break at + 4;
        }
        if stream.read_buf(&mut bytes).await.unwrap_or(0) == 0 {
            return None;
        }
    };
    let head = String::from_utf8(bytes[..end].to_vec()).unwrap();
    let mut lines = head.lines();
    let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
    let mut headers = HeaderMap::new();
    for line in lines.filter(|line| !line.is_empty()) {
        let (name, value) = line.split_once(": ").unwrap();
        headers.insert(http::HeaderName::try_from(name).unwrap(), value.parse().unwrap());
    }
    let length: usize = headers.get("content-length").map_or(0, |value| value.to_str().unwrap().parse().unwrap());
    while bytes.len() < end + length {
        assert_ne!(stream.read_buf(&mut bytes).await.unwrap(), 0, "the body ends early");
    }
    Some(Told { status, headers, body: bytes[end..end + length].to_vec() })
}

/// An answer over gRPC.
#[derive(Debug)]
pub(crate) struct Heard {
    pub(crate) http: StatusCode,
    pub(crate) headers: HeaderMap,
    /// The message, its prefix taken off; `None` where there was none.
    pub(crate) message: Option<Vec<u8>>,
    /// Where the status stands: the headers, where there is nothing else.
    pub(crate) trailers: HeaderMap,
    pub(crate) trailers_only: bool,
}

impl Heard {
    pub(crate) fn code(&self) -> &str {
        self.trailers["grpc-status"].to_str().unwrap()
    }

    pub(crate) fn said(&self) -> &str {
        self.trailers["grpc-message"].to_str().unwrap()
    }
}

/// A client of HTTP/2.
pub(crate) type Client = http2::SendRequest<Full<Bytes>>;

pub(crate) async fn connect(address: SocketAddr) -> Client {
    converse(TcpStream::connect(address).await.unwrap()).await
}

pub(crate) async fn converse(io: impl AsyncRead + AsyncWrite + Unpin + Send + 'static) -> Client {
    let (client, connection) = http2::handshake(TokioExecutor::new(), TokioIo::new(io)).await.unwrap();
    tokio::spawn(connection);
    client
}

pub(crate) const GRPC: (&str, &str) = ("content-type", "application/grpc");

/// A call with these headers and this body, which is framed already.
pub(crate) async fn call(client: &mut Client, path: &str, headers: &[(&str, &str)], body: impl Into<Bytes>) -> Heard {
    let mut request = Request::post(format!("http://spyhop{path}"));
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let request = request.body(Full::new(body.into())).unwrap();
    timeout(SOON, client.ready()).await.unwrap().unwrap();
    let response = timeout(SOON, client.send_request(request)).await.expect("an answer in time").unwrap();
    grpc_answer(response).await
}

pub(crate) async fn grpc_answer(response: Response<hyper::body::Incoming>) -> Heard {
    let (parts, body) = response.into_parts();
    let trailers_only = parts.headers.contains_key("grpc-status");
    let collected = timeout(SOON, body.collect()).await.unwrap().unwrap();
    let trailers = collected.trailers().cloned().unwrap_or_else(|| parts.headers.clone());
    let mut bytes = collected.to_bytes();
    let message = (!bytes.is_empty()).then(|| {
        assert_eq!(bytes.get_u8(), 0, "answers are not compressed");
        assert_eq!(bytes.get_u32() as usize, bytes.len());
        bytes.to_vec()
    });
    Heard { http: parts.status, headers: parts.headers, message, trailers, trailers_only }
}

/// A message with its prefix.
pub(crate) fn framed(flags: u8, message: &[u8]) -> Vec<u8> {
    let mut bytes = vec![flags];
    bytes.extend((message.len() as u32).to_be_bytes());
    bytes.extend_from_slice(message);
    bytes
}
