//! Requests as bytes: what is too large, what is not HTTP, and several on one connection.

use crate::support::Server;

/// What hyper is told, see `http/connection.rs`.
const MAX_HEAD: usize = 16 << 10;

#[tokio::test]
async fn a_head_has_a_size() {
    let server = Server::start().await;
    let fill = |total: usize| {
        let rest = "GET /health/live HTTP/1.1\r\nhost: test\r\nfill: \r\n\r\n".len();
        format!("fill: {}\r\n", "x".repeat(total - rest))
    };
    assert_eq!(server.ask("GET", "/health/live", &fill(MAX_HEAD - 64)).await.status, 200);
    let mut client = server.connect().await;
    client.request("GET", "/health/live", &fill(4 * MAX_HEAD)).await;
    assert_eq!(client.head().await.status, 431);
    client.finish().await;
    client.ended().await;
    server.counted("spyhop_refused_total{reason=\"requests\"}", 1.0).await;
    server.counted("spyhop_http_requests_total{route=\"other\",code=\"431\"}", 1.0).await;
    let mut client = server.connect().await;
    client.request("GET", &format!("/{}", "x".repeat(MAX_HEAD)), "").await;
    assert_eq!(client.head().await.status, 431, "a target counts as much as a field");
    server.deserted().await;
}

#[tokio::test]
async fn a_head_has_a_number_of_fields() {
    let server = Server::start().await;
    let fields = |count| (0..count).map(|n| format!("x-{n}: 1\r\n")).collect::<String>();
    assert_eq!(server.ask("GET", "/health/live", &fields(60)).await.status, 200);
    let mut client = server.connect().await;
    client.request("GET", "/health/live", &fields(64)).await;
    assert_eq!(client.head().await.status, 431);
    client.closed().await;
    server.counted("spyhop_refused_total{reason=\"requests\"}", 1.0).await;
}

#[tokio::test]
async fn what_is_not_http_is_refused() {
    let server = Server::start().await;
    let tls_hello = [0x16, 0x03, 0x01, 0x02, 0x00, 0x01, 0x00, 0x01, 0xfc, 0x03, 0x03];
    let garbage: [&[u8]; 4] =
        [&tls_hello, b"hello\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n", b"GET / HTTP/1.1\r\nno colon\r\n\r\n"];
    for (count, bytes) in (1_u32..).zip(garbage) {
        let mut client = server.connect().await;
        client.send(bytes).await;
        assert_eq!(client.head().await.status, 400, "{bytes:?}");
        client.closed().await;
        server.counted("spyhop_refused_total{reason=\"requests\"}", f64::from(count)).await;
    }
    server.counted("spyhop_http_requests_total{route=\"other\",code=\"400\"}", 4.0).await;
    assert_eq!(server.get("/health/live").await.status, 200);
}

#[tokio::test]
async fn a_small_body_is_thrown_away() {
    let server = Server::start().await;
    let mut client = server.connect().await;
    client.request("GET", "/health/live", "content-length: 4096\r\n").await;
    client.send([b'x'; 4096]).await;
    assert_eq!(client.response().await.status, 200);
    assert_eq!(client.ask("GET", "/health/live", "").await.status, 200, "the connection goes on");
    // Not after a body whose length a proxy before us may have seen otherwise.
    client.request("GET", "/health/live", "transfer-encoding: chunked\r\n").await;
    client.send("3\r\nabc\r\n0\r\n\r\n").await;
    let last = client.response().await;
    assert_eq!((last.status, last.header("connection")), (200, "close"));
    client.ended().await;
}

#[tokio::test]
async fn a_large_body_is_refused() {
    let server = Server::start().await;
    // Sent before the answer, not sent because the client asked first, sent all the same.
    for (count, (expect, before, after)) in
        (1_u32..).zip([("", 40_000, 0), ("expect: 100-continue\r\n", 0, 0), ("", 0, 20_000)])
    {
        let mut client = server.connect().await;
        client.request("POST", "/metrics", &format!("content-length: 65536\r\n{expect}")).await;
        client.send(vec![b'x'; before]).await;
        let answer = client.response().await;
        assert_eq!((answer.status, answer.header("connection")), (413, "close"));
        // Against a closed socket the first of these would fetch a reset and the second would fail.
        for _ in 0..2 {
            client.send(vec![b'x'; after]).await;
        }
        client.finish().await;
        client.ended().await;
        server.counted("spyhop_refused_total{reason=\"requests\"}", f64::from(count)).await;
    }
    server.counted("spyhop_http_requests_total{route=\"metrics\",code=\"413\"}", 3.0).await;
}

#[tokio::test]
async fn a_body_without_end_is_cut() {
    let server = Server::start().await;
    let mut client = server.connect().await;
    client.request("POST", "/metrics", "transfer-encoding: chunked\r\n").await;
    let chunk = format!("1000\r\n{}\r\n", "x".repeat(0x1000));
    // A server which reads on for ever would never make this fail.
    while client.try_send(chunk.as_bytes()).await {}
    server.counted("spyhop_http_requests_total{route=\"metrics\",code=\"413\"}", 1.0).await;
    server.deserted().await;
}

#[tokio::test]
async fn a_body_that_does_not_come_is_not_waited_for_long() {
    let server = Server::with(|settings| settings.header_timeout = std::time::Duration::from_millis(300)).await;
    let mut client = server.connect().await;
    client.request("GET", "/metrics", "content-length: 10\r\n").await;
    assert_eq!(client.response().await.status, 413);
    client.closed().await;
    server.deserted().await;
}

#[tokio::test]
async fn requests_sent_at_once_are_answered_in_order() {
    let server = Server::start().await;
    let mut client = server.connect().await;
    let paths = ["/health/live", "/nowhere", "/metrics", "/api/v1/version", "/health/ready", "/metrics"];
    let requests: String = paths.iter().map(|path| format!("GET {path} HTTP/1.1\r\nhost: test\r\n\r\n")).collect();
    client.send(requests).await;
    for status in [200, 404, 200, 200, 503, 200] {
        assert_eq!(client.response().await.status, status);
    }
    assert_eq!(server.counter("spyhop_http_connections"), 1.0);
}

#[tokio::test]
async fn a_request_may_come_in_pieces() {
    let server = Server::start().await;
    let mut client = server.connect().await;
    for _ in 0..2 {
        for piece in ["GE", "T /health", "/live HTTP/1.1\r", "\nhost: te", "st\r\n\r", "\n"] {
            client.send(piece).await;
            tokio::task::yield_now().await;
        }
        assert_eq!(client.response().await.text(), "live\n");
    }
}

#[tokio::test]
async fn old_clients_and_half_closed_ones_are_answered() {
    let server = Server::start().await;
    let mut old = server.connect().await;
    old.send("GET /health/live HTTP/1.0\r\n\r\n").await;
    assert_eq!(old.response().await.text(), "live\n");
    assert_eq!(old.closed().await, b"", "closed without being asked to");
    let mut half = server.connect().await;
    server.scraper.waits();
    half.request("GET", "/metrics", "").await;
    half.finish().await;
    server.scraper.asked(1).await;
    server.scraper.goes_on();
    assert_eq!(half.response().await.status, 200);
    assert_eq!(half.closed().await, b"");
    let mut last = server.connect().await;
    assert_eq!(last.ask("GET", "/health/live", "connection: close\r\n").await.header("connection"), "close");
    last.closed().await;
    server.deserted().await;
    server.counted("spyhop_refused_total{reason=\"requests\"}", 0.0).await;
}
