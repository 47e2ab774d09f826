//! The live page: who is told what, how soon, and what it may cost.

#![expect(clippy::indexing_slicing, reason = "a field that is absent fails the test, as it should")]

use std::{
    collections::VecDeque,
    sync::Arc,
    time::{Duration, Instant},
};

use serde_json::Value;
use spyhop::{
    http::access::{Material, Named},
    inventory::{EngineStatus, Entry, Snapshot},
    model::{Container, ContainerState, Labels},
};
use tokio::net::{TcpSocket, TcpStream};

use crate::support::{Client, Server, soon};

/// What the page is promised to take at most from a change to whoever looks.
const AT_ONCE: Duration = Duration::from_secs(1);

/// Somebody who looks.
struct Viewer {
    client: Client,
    /// Bytes of an event that is not whole yet.
    half: String,
    events: VecDeque<(String, Value)>,
}

impl Viewer {
    async fn sits(server: &Server) -> Self {
        let mut viewer = Self::over(server.connect().await, "").await;
        let (name, hello) = viewer.next().await;
        assert_eq!((name.as_str(), &hello["host"]), ("hello", &Value::from("harbour")));
        viewer
    }

    async fn over(mut client: Client, headers: &str) -> Self {
        client.request("GET", "/api/v1/live", headers).await;
        let head = client.head().await;
        assert_eq!((head.status, head.header("content-type")), (200, "text/event-stream; charset=utf-8"));
        Self { client, half: String::new(), events: VecDeque::new() }
    }

    /// The next event; comments are passed over.
    async fn next(&mut self) -> (String, Value) {
        loop {
            if let Some(event) = self.events.pop_front() {
                return event;
            }
            let chunk = self.client.chunk().await.expect("the stream goes on");
            self.take(&chunk);
        }
    }

    fn take(&mut self, chunk: &[u8]) {
        self.half.push_str(std::str::from_utf8(chunk).unwrap());
        while let Some((block, rest)) = self.half.split_once("\n\n") {
            let field = |name| block.lines().find_map(|line| line.strip_prefix(name));
            if let (Some(name), Some(data)) = (field("event: "), field("data: ")) {
                self.events.push_back((name.to_owned(), serde_json::from_str(data).unwrap()));
            }
            self.half = rest.to_owned();
        }
    }

    /// Waits for an event about this id, and gives it.
    async fn told(&mut self, name: &str, id: &str) -> Value {
        loop {
            let (told, data) = self.next().await;
            if told == name && [&data["id"], &data["parent"]].contains(&&Value::from(id)) {
                return data;
            }
        }
    }

    /// Waits for the end of the stream, in order.
    async fn ends(&mut self) {
        while let Some(chunk) = self.client.chunk().await {
            self.take(&chunk);
        }
    }
}

/// A host with containers in these states.
fn host(shape: u64, containers: &[(&str, ContainerState)]) -> Snapshot {
    let now = "2026-03-01T09:30:00Z".parse().ok();
    let entry = |(name, state): &(&str, ContainerState)| {
        let mut container = Container::bare(format!("{name:0<64}"), name, Labels::default());
        container.state = *state;
        Arc::new(Entry::bare(container, now.unwrap()))
    };
    let engine = EngineStatus { connected: true, heard_at: now, ready_since: now, ..EngineStatus::default() };
    let containers = containers.iter().map(entry).collect();
    Snapshot { shape, generation: shape, host: Some("harbour".into()), containers, engine, ..Snapshot::default() }
}

#[tokio::test]
async fn a_change_is_told_at_once_and_nothing_else() {
    use ContainerState::{Exited, Running};
    let server = Server::start().await;
    server.inventory.publish(host(1, &[("one", Running), ("two", Running)]));
    let mut viewer = Viewer::sits(&server).await;
    let first = viewer.told("patch", "c-one000000000").await;
    assert_eq!(first["parent"], "containers-list");
    let order = viewer.told("order", "containers-list").await;
    assert_eq!(order["ids"], serde_json::json!(["c-one000000000", "c-two000000000"]));

    let began = Instant::now();
    server.inventory.publish(host(2, &[("one", Running), ("two", Exited)]));
    let patch = viewer.told("patch", "c-two000000000").await;
    assert!(began.elapsed() < AT_ONCE, "{:?}", began.elapsed());
    assert!(patch["html"].as_str().unwrap().contains("data-state=\"exited\""), "{patch}");

    server.inventory.publish(host(3, &[("new", Running), ("two", Exited)]));
    let gone = viewer.told("gone", "c-one000000000").await;
    assert_eq!(gone, serde_json::json!({"id": "c-one000000000"}));
    let (mut rows, mut told) = (Vec::new(), viewer.next().await);
    while told.0 != "order" || told.1["parent"] != "containers-list" {
        rows.extend(told.1["parent"].as_str().filter(|_| told.0 == "patch").map(|_| told.1["id"].clone()));
        told = viewer.next().await;
    }
    assert_eq!(told.1["ids"], serde_json::json!(["c-new000000000", "c-two000000000"]));
    assert!(rows.contains(&"c-new000000000".into()) && !rows.contains(&"c-two000000000".into()), "{rows:?}");
}

#[tokio::test]
async fn whoever_has_the_picture_is_not_told_it_again() {
    let server = Server::start().await;
    server.inventory.publish(host(1, &[("one", ContainerState::Running)]));
    let page = server.get("/").await;
    let digest = page.text().split("data-picture=\"").nth(1).unwrap().split('"').next().unwrap().to_owned();
    let mut client = server.connect().await;
    client.request("GET", &format!("/api/v1/live?have={digest}"), "").await;
    assert_eq!(client.head().await.status, 200);
    let mut viewer = Viewer { client, half: String::new(), events: VecDeque::new() };
    assert_eq!(viewer.next().await.0, "hello");
    // A comment, and no picture.
    let chunk = viewer.client.chunk().await.unwrap();
    assert_eq!(String::from_utf8(chunk).unwrap(), ": as you have it\n\n");
    server.inventory.publish(host(2, &[("one", ContainerState::Paused)]));
    viewer.told("patch", "c-one000000000").await;
}

#[tokio::test]
async fn a_shutdown_ends_all_streams_at_once() {
    let server = Server::with(|settings| settings.drain_timeout = Duration::from_secs(3600)).await;
    server.inventory.publish(host(1, &[]));
    let mut viewer = Viewer::sits(&server).await;
    viewer.told("patch", "verdict").await;
    server.shutdown.cancel();
    viewer.ends().await;
    assert_eq!(viewer.client.closed().await, b"");
    let drained = soon("the drain", server.drained()).await;
    assert_eq!(drained.cut, 0);
}

#[tokio::test]
async fn seats_are_counted_shared_out_and_given_back() {
    // Half of the connections, and half of those for one subscriber.
    let server = Server::with(|settings| settings.max_connections = 8).await;
    server.inventory.publish(host(1, &[]));
    let first = Viewer::sits(&server).await;
    let _second = Viewer::sits(&server).await;
    let refused = server.get("/api/v1/live").await;
    assert_eq!((refused.status, refused.header("retry-after")), (503, "30"));
    assert!(refused.text().starts_with("as many look at the live page as may"), "{}", refused.text());
    server.counted("spyhop_refused_total{reason=\"viewers\"}", 1.0).await;
    server.counted("spyhop_page_viewers", 2.0).await;
    let _other = Viewer::over(neighbour(&server).await, "").await;
    server.counted("spyhop_page_viewers", 3.0).await;
    assert_eq!(server.get("/").await.status, 200, "the page itself is there for all");
    drop(first);
    // Found out with the next word to it.
    server.counted("spyhop_page_viewers", 2.0).await;
    Viewer::sits(&server).await;
}

/// A connection of another subscriber.
async fn neighbour(server: &Server) -> Client {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.2:0".parse().unwrap()).unwrap();
    let stream: TcpStream = soon("a connection", socket.connect(server.address)).await.unwrap();
    Client::over(stream)
}

#[tokio::test]
async fn who_does_not_take_what_is_told_loses_the_seat() {
    let server = Server::with(|settings| settings.write_timeout = Duration::from_millis(300)).await;
    let names: Vec<String> = (0..1000).map(|number| format!("{number:0>12}{}", "-".repeat(200))).collect();
    let all = |state| names.iter().map(|name| (name.as_str(), state)).collect::<Vec<_>>();
    server.inventory.publish(host(1, &all(ContainerState::Running)));
    let stuck = Viewer::over(server.connect().await, "").await;
    let mut shape = 1;
    let telling = async {
        // Every row is another one each time, which is a megabyte.
        while server.counter("spyhop_page_viewers") > 0.0 {
            shape += 1;
            let state = if shape % 2 == 0 { ContainerState::Paused } else { ContainerState::Running };
            server.inventory.publish(host(shape, &all(state)));
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    soon("the stuck viewer to be let go", telling).await;
    stuck.client.closed().await;
    server.deserted().await;
}

#[tokio::test]
async fn the_same_door_as_everywhere_and_it_is_asked_for_again() {
    const TOKEN: &str = "a-token-of-thirty-two-characters";
    let tokens = |token: &str| Material {
        tokens_file: Some(Named { name: "tokens".into(), bytes: token.into() }),
        ..Material::default()
    };
    let server = Server::guarded(tokens(TOKEN), |_| {}).await;
    server.inventory.publish(host(1, &[]));
    assert_eq!(server.get("/api/v1/live").await.status, 401);
    let headers = format!("authorization: Bearer {TOKEN}\r\n");
    let mut viewer = Viewer::over(server.connect().await, &headers).await;
    server.counted("spyhop_page_viewers", 1.0).await;
    // Whoever was let in by a token that is no longer one does not go on listening.
    server.gate.take_over(&tokens("another-token-of-thirty-two-char")).unwrap();
    viewer.ends().await;
    server.counted("spyhop_page_viewers", 0.0).await;
    assert_eq!(server.ask("GET", "/api/v1/live", &headers).await.status, 401);
}

#[tokio::test]
async fn only_asking_is_understood() {
    let server = Server::start().await;
    let head = server.ask("HEAD", "/api/v1/live", "").await;
    assert_eq!((head.status, head.header("allow")), (405, "GET"));
}
