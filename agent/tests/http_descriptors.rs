//! No file descriptor left: the server pauses instead of spinning, and goes on when there are some again.
//!
//! Alone in its process, because the limit it lowers is the whole process's.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{os::fd::AsRawFd, sync::Arc, time::Duration};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use spyhop::{
    collectors::{Request, ScrapeBody, ScrapeError},
    http::{self, App, Scrape, Settings, access::Gate},
    inventory::Reader,
    targets::Targets,
    telemetry::Metrics,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};
use tokio_util::sync::CancellationToken;

const CLIENTS: usize = 10;

/// Descriptors left for the connections of those.
const LEFT: usize = 3;

struct Nothing;

impl Scrape for Nothing {
    async fn scrape(&self, _: Request) -> Result<ScrapeBody, ScrapeError> {
        Err(ScrapeError::Failed)
    }

    fn alive(&self) -> bool {
        true
    }
}

#[tokio::test]
async fn the_server_survives_a_lack_of_descriptors() {
    let settings = Settings { listen: "127.0.0.1:0".parse().unwrap(), ..Settings::default() };
    let listener = http::bind(&settings).await.unwrap();
    let mut clients = Vec::new();
    for _ in 0..CLIENTS {
        clients.push(TcpStream::connect(listener.address()).await.unwrap());
    }
    // Descriptors are given out from the lowest: the next ones follow the newest client's.
    let next = u64::try_from(clients.last().unwrap().as_raw_fd()).unwrap() + 1;
    let before = getrlimit(Resource::Nofile);
    let busy = cpu_time();
    setrlimit(Resource::Nofile, Rlimit { current: Some(next + LEFT as u64), ..before }).unwrap();

    let metrics = Metrics::default();
    let inventory = Reader::new();
    let targets = Targets::unreachable(inventory.clone(), metrics.clone());
    let gate = Arc::new(Gate::open(metrics.clone()).unwrap());
    let app = App {
        scraper: Nothing,
        inventory,
        targets,
        logs: None,
        policy: Default::default(),
        probes: Default::default(),
        isolation: Default::default(),
        traces: None,
        history: Default::default(),
        metrics: metrics.clone(),
        settings,
        gate,
    };
    let shutdown = CancellationToken::new();
    let server = tokio::spawn(http::serve(listener, app, shutdown.clone()));
    let answered = |mut client: TcpStream| async move {
        client.write_all(b"GET /health/live HTTP/1.1\r\nhost: test\r\n\r\n").await.unwrap();
        let mut start = [0; 12];
        client.read_exact(&mut start).await.unwrap();
        assert_eq!(&start, b"HTTP/1.1 200");
        client
    };
    let mut waiting = clients.split_off(LEFT);
    for client in std::mem::take(&mut clients) {
        clients.push(timeout(Duration::from_secs(10), answered(client)).await.unwrap());
    }
    assert_eq!(metrics.http_connections.get(), LEFT as i64);

    // What must not happen here is work, so there is nothing to wait for but time.
    let starved = timeout(Duration::from_millis(500), answered(waiting.remove(0))).await;
    assert!(starved.is_err(), "there was no descriptor for it");
    setrlimit(Resource::Nofile, before).unwrap();
    let busy = cpu_time() - busy;
    assert!(busy < Duration::from_millis(100), "{busy:?} of CPU time, nearly all of it waiting");

    for client in waiting {
        timeout(Duration::from_secs(10), answered(client)).await.unwrap();
    }
    shutdown.cancel();
    timeout(Duration::from_secs(10), server).await.unwrap().unwrap();
}

/// CPU time of this thread so far; the test's runtime has no other.
fn cpu_time() -> Duration {
    let stat = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    Duration::from_nanos(stat.split(' ').next().unwrap().parse().unwrap())
}
