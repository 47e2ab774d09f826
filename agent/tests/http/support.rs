//! A server with a scripted scraper, and a client which writes and reads raw bytes.

use std::{
    collections::BTreeMap,
    io::Write,
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use flate2::{Compression, write::GzEncoder};
use spyhop::{
    collectors::{Request, ScrapeBody, ScrapeError},
    http::{
        self, App, Drained, Scrape, Settings,
        access::{Gate, Material},
    },
    inventory::Reader,
    targets::Targets,
    telemetry::Metrics,
};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::TcpStream,
    sync::{Semaphore, watch},
    task::JoinHandle,
    time::timeout,
};
use tokio_util::sync::CancellationToken;

/// How long anything may take before a test fails: far more than it takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(20);

/// Waits for something that must happen.
pub(crate) async fn soon<T>(what: &str, future: impl Future<Output = T>) -> T {
    timeout(PATIENCE, future).await.unwrap_or_else(|_| panic!("waited too long for {what}"))
}

/// A running server.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    pub(crate) metrics: Metrics,
    pub(crate) inventory: Reader,
    pub(crate) scraper: Scripted,
    pub(crate) gate: Arc<Gate>,
    pub(crate) shutdown: CancellationToken,
    task: JoinHandle<Drained>,
}

impl Server {
    /// Starts one with the default settings.
    pub(crate) async fn start() -> Self {
        Self::with(|_| {}).await
    }

    /// Starts one with other settings.
    pub(crate) async fn with(adjust: impl FnOnce(&mut Settings)) -> Self {
        Self::guarded(Material::default(), adjust).await
    }

    /// Starts one which asks who is there.
    pub(crate) async fn guarded(material: Material, adjust: impl FnOnce(&mut Settings)) -> Self {
        let mut settings = Settings { listen: SocketAddr::from(([127, 0, 0, 1], 0)), ..Settings::default() };
        adjust(&mut settings);
        let listener = http::bind(&settings).await.unwrap();
        let address = listener.address();
        let (metrics, inventory, scraper) = (Metrics::default(), Reader::new(), Scripted::default());
        let shutdown = CancellationToken::new();
        let targets = Targets::unreachable(inventory.clone(), metrics.clone());
        let gate = Arc::new(Gate::open(metrics.clone()).unwrap());
        gate.take_over(&material).unwrap();
        let (at_scraper, at_inventory) = (scraper.clone(), inventory.clone());
        let app = App {
            scraper: at_scraper,
            inventory: at_inventory,
            targets,
            logs: None,
            policy: Default::default(),
            probes: Default::default(),
            isolation: Default::default(),
            traces: None,
            history: Default::default(),
            metrics: metrics.clone(),
            settings,
            gate: gate.clone(),
        };
        let task = tokio::spawn(http::serve(listener, app, shutdown.clone()));
        Self { address, metrics, inventory, scraper, gate, shutdown, task }
    }

    pub(crate) async fn connect(&self) -> Client {
        Client::to(self.address).await
    }

    /// One `GET` on a connection of its own.
    pub(crate) async fn get(&self, target: &str) -> Response {
        self.ask("GET", target, "").await
    }

    /// One request on a connection of its own. `headers` are lines with their ends.
    pub(crate) async fn ask(&self, method: &str, target: &str, headers: &str) -> Response {
        self.connect().await.ask(method, target, headers).await
    }

    /// The value of one series of the agent's own counters; 0 when there is none.
    pub(crate) fn counter(&self, series: &str) -> f64 {
        let mut page = String::new();
        prometheus_client::encoding::text::encode(&mut page, self.metrics.registry()).unwrap();
        let value = page.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
        value.map_or(0.0, |value| value.parse().unwrap())
    }

    /// Waits until a series has a value.
    pub(crate) async fn counted(&self, series: &str, value: f64) {
        let waiting = async {
            while self.counter(series) != value {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        let last = timeout(PATIENCE, waiting).await;
        assert!(last.is_ok(), "{series} is {}, not {value}", self.counter(series));
    }

    /// Waits until no connection is open.
    pub(crate) async fn deserted(&self) {
        self.counted("spyhop_http_connections", 0.0).await;
    }

    /// Waits for the end of a shutdown asked for before.
    pub(crate) async fn drained(self) -> Drained {
        soon("the drain", self.task).await.unwrap()
    }
}

/// Makes the pages it is told to make.
#[derive(Clone)]
pub(crate) struct Scripted(Arc<Script>);

struct Script {
    page: Mutex<Result<Bytes, ScrapeError>>,
    alive: AtomicBool,
    /// What was asked for, in order.
    requests: watch::Sender<Vec<Request>>,
    /// A scrape needs one permit to go on.
    gate: Semaphore,
}

impl Default for Scripted {
    fn default() -> Self {
        Self(Arc::new(Script {
            page: Mutex::new(Ok(Bytes::from("# TYPE up gauge\nup 1\n".repeat(100)))),
            alive: AtomicBool::new(true),
            requests: watch::Sender::default(),
            gate: Semaphore::new(Semaphore::MAX_PERMITS),
        }))
    }
}

impl Scripted {
    /// What every scrape gives from now on.
    pub(crate) fn gives(&self, page: Result<Bytes, ScrapeError>) {
        *self.0.page.lock().unwrap() = page;
    }

    /// The collectors have failed.
    pub(crate) fn dies(&self) {
        self.0.alive.store(false, Ordering::Relaxed);
        self.gives(Err(ScrapeError::Failed));
    }

    /// Scrapes wait from now on, until [`Self::goes_on`].
    pub(crate) fn waits(&self) {
        self.0.gate.forget_permits(Semaphore::MAX_PERMITS);
    }

    pub(crate) fn goes_on(&self) {
        self.0.gate.add_permits(Semaphore::MAX_PERMITS);
    }

    /// Waits until this many scrapes were asked for, and gives them.
    pub(crate) async fn asked(&self, count: usize) -> Vec<Request> {
        let mut requests = self.0.requests.subscribe();
        soon("a scrape", requests.wait_for(|requests| requests.len() >= count)).await.unwrap().clone()
    }

    /// What was asked for so far.
    pub(crate) fn requests(&self) -> Vec<Request> {
        self.0.requests.borrow().clone()
    }
}

impl Scrape for Scripted {
    async fn scrape(&self, request: Request) -> Result<ScrapeBody, ScrapeError> {
        let gzip = request.gzip;
        self.0.requests.send_modify(|requests| requests.push(request));
        let _permit = self.0.gate.acquire().await.unwrap();
        let bytes = self.0.page.lock().unwrap().clone()?;
        if !gzip {
            return Ok(ScrapeBody { bytes, gzip });
        }
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(&bytes).unwrap();
        Ok(ScrapeBody { bytes: encoder.finish().unwrap().into(), gzip })
    }

    fn alive(&self) -> bool {
        self.0.alive.load(Ordering::Relaxed)
    }
}

/// A socket, or TLS over one.
pub(crate) trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}

impl<S: AsyncRead + AsyncWrite + Unpin + Send> Stream for S {}

/// One connection.
pub(crate) struct Client {
    stream: Box<dyn Stream>,
    read: Vec<u8>,
}

/// One answer.
#[derive(Debug)]
pub(crate) struct Response {
    pub(crate) status: u16,
    /// Names in lower case.
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) body: Vec<u8>,
}

impl Client {
    pub(crate) async fn to(address: SocketAddr) -> Self {
        Self::over(soon("a connection", TcpStream::connect(address)).await.unwrap())
    }

    pub(crate) fn over(stream: impl Stream + 'static) -> Self {
        Self { stream: Box::new(stream), read: Vec::new() }
    }

    pub(crate) async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        soon("the client's write", self.stream.write_all(bytes.as_ref())).await.unwrap();
    }

    /// Sends whatever the server still takes; false once it takes nothing more.
    pub(crate) async fn try_send(&mut self, bytes: &[u8]) -> bool {
        soon("the client's write", self.stream.write_all(bytes)).await.is_ok()
    }

    /// Says that nothing more will be sent.
    pub(crate) async fn finish(&mut self) {
        self.stream.shutdown().await.unwrap();
    }

    pub(crate) async fn request(&mut self, method: &str, target: &str, headers: &str) {
        self.send(format!("{method} {target} HTTP/1.1\r\nhost: test\r\n{headers}\r\n")).await;
    }

    pub(crate) async fn ask(&mut self, method: &str, target: &str, headers: &str) -> Response {
        self.request(method, target, headers).await;
        if method == "HEAD" { self.head().await } else { self.response().await }
    }

    /// The next answer.
    pub(crate) async fn response(&mut self) -> Response {
        let mut response = self.head().await;
        let length = response.headers.get("content-length").expect("every answer says its length");
        let length = length.parse().unwrap();
        self.read_until(|read| (read.len() >= length).then_some(())).await;
        response.body = self.read.drain(..length).collect();
        response
    }

    /// The next answer, when it has no body whatever its headers say.
    pub(crate) async fn head(&mut self) -> Response {
        let end = self.read_until(|read| read.windows(4).position(|four| four == b"\r\n\r\n")).await;
        let head: Vec<u8> = self.read.drain(..end + 4).collect();
        let head = String::from_utf8(head).unwrap();
        let mut lines = head.trim_end().split("\r\n");
        let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
        let headers = lines.map(|line| line.split_once(": ").unwrap());
        let headers = headers.map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned())).collect();
        Response { status, headers, body: Vec::new() }
    }

    /// The next chunk of a body that comes in chunks; `None` at its end.
    pub(crate) async fn chunk(&mut self) -> Option<Vec<u8>> {
        let end = self.read_until(|read| read.windows(2).position(|two| two == b"\r\n")).await;
        let line: Vec<u8> = self.read.drain(..end + 2).collect();
        let size = usize::from_str_radix(std::str::from_utf8(&line).unwrap().trim(), 16).unwrap();
        self.read_until(|read| (read.len() >= size + 2).then_some(())).await;
        let chunk: Vec<u8> = self.read.drain(..size + 2).take(size).collect();
        (size > 0).then_some(chunk)
    }

    async fn read_until<T>(&mut self, found: impl Fn(&[u8]) -> Option<T>) -> T {
        loop {
            if let Some(found) = found(&self.read) {
                return found;
            }
            let count = soon("an answer", self.stream.read_buf(&mut self.read)).await.unwrap();
            assert_ne!(count, 0, "closed after {:?}", String::from_utf8_lossy(&self.read));
        }
    }

    /// Waits until the server has closed in order, without a reset that could have overtaken its answer.
    pub(crate) async fn ended(mut self) {
        let rest = soon("the end of the connection", self.stream.read_buf(&mut self.read)).await;
        assert_eq!(rest.expect("an end, not a reset"), 0, "{:?}", String::from_utf8_lossy(&self.read));
    }

    /// Sends no more, and gives everything the server says until it closes.
    pub(crate) async fn closed_after_finish(mut self) -> Vec<u8> {
        // Fails where the server has closed already, which is as good.
        self.stream.shutdown().await.ok();
        self.closed().await
    }

    /// Waits until the server has closed, by whatever means, and gives what it still said.
    pub(crate) async fn closed(mut self) -> Vec<u8> {
        let mut rest = std::mem::take(&mut self.read);
        loop {
            match soon("the end of the connection", self.stream.read_buf(&mut rest)).await {
                Ok(0) | Err(_) => return rest,
                Ok(_) => {}
            }
        }
    }
}

impl Response {
    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    #[track_caller]
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).unwrap_or_else(|| panic!("no {name} in {:?}", self.headers))
    }
}
