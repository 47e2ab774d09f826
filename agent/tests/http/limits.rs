//! Clients that cost time, memory or connections.

use std::time::Duration;

use bytes::Bytes;

use crate::support::Server;

/// Short enough to be waited for, long enough not to strike a request of a busy machine.
const SHORT: Duration = Duration::from_millis(300);

/// More than the kernel buffers between two local sockets.
const BIG: usize = 48 << 20;

#[tokio::test]
async fn a_head_that_never_ends_is_cut_and_an_idle_connection_is_not() {
    let server = Server::with(|settings| settings.header_timeout = SHORT).await;
    let mut idle = server.connect().await;
    assert_eq!(idle.ask("GET", "/health/live", "").await.status, 200);
    let mut slow = server.connect().await;
    slow.send("GET /health/live HTTP/1.1\r\n").await;
    while slow.try_send(b"x: y\r\n").await {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert_eq!(slow.closed().await, b"");
    server.counted("spyhop_refused_total{reason=\"requests\"}", 1.0).await;
    // The idle one has waited longer than that by now.
    assert_eq!(idle.ask("GET", "/health/live", "").await.status, 200);
    // And is cut like the other when it becomes slow.
    idle.send("GET /").await;
    assert_eq!(idle.closed().await, b"");
    server.counted("spyhop_refused_total{reason=\"requests\"}", 2.0).await;
}

#[tokio::test]
async fn silent_and_idle_connections_are_let_go_in_peace() {
    let server = Server::with(|settings| {
        settings.header_timeout = SHORT;
        settings.idle_timeout = SHORT;
    })
    .await;
    let silent = server.connect().await;
    let mut idle = server.connect().await;
    assert_eq!(idle.ask("GET", "/health/live", "").await.status, 200);
    assert_eq!(silent.closed().await, b"");
    assert_eq!(idle.closed().await, b"");
    server.deserted().await;
    assert_eq!(server.counter("spyhop_refused_total{reason=\"requests\"}"), 0.0, "nobody misbehaved");
}

#[tokio::test]
async fn a_client_that_reads_nothing_is_cut_and_costs_the_others_nothing() {
    let server = Server::with(|settings| settings.write_timeout = SHORT).await;
    server.scraper.gives(Ok(Bytes::from(vec![b'x'; BIG])));
    let mut stuck = server.connect().await;
    stuck.request("GET", "/metrics", "").await;
    server.scraper.asked(1).await;
    assert_eq!(server.get("/health/live").await.status, 200, "others are served meanwhile");
    server.counted("spyhop_refused_total{reason=\"requests\"}", 1.0).await;
    server.deserted().await;
    let got = stuck.closed().await.len();
    assert!(got < BIG, "{got} bytes cannot have fitted into the kernel's buffers");
}

#[tokio::test]
async fn unread_answers_have_a_ceiling() {
    let server = Server::with(|settings| settings.max_unread_bytes = BIG + (BIG / 2)).await;
    server.scraper.gives(Ok(Bytes::from(vec![b'x'; BIG])));
    let mut slow = server.connect().await;
    slow.request("GET", "/metrics", "").await;
    assert_eq!(slow.head().await.status, 200);
    let refused = server.get("/metrics").await;
    assert_eq!((refused.status, refused.header("retry-after")), (503, "1"));
    server.counted("spyhop_refused_total{reason=\"answers\"}", 1.0).await;
    assert_eq!(server.get("/health/live").await.status, 200, "small answers always fit");
    drop(slow);
    server.deserted().await;
    assert_eq!(server.get("/metrics").await.body.len(), BIG, "what a client gave up is free again");
}

#[tokio::test]
async fn one_connection_too_many_ends_the_one_that_only_waits() {
    let server = Server::with(|settings| settings.max_connections = 2).await;
    let (mut first, mut second) = (server.connect().await, server.connect().await);
    for client in [&mut first, &mut second] {
        assert_eq!(client.ask("GET", "/health/live", "").await.status, 200);
    }
    // The first has been waited for longest.
    let mut third = server.connect().await;
    assert_eq!(third.ask("GET", "/health/live", "").await.status, 200);
    assert_eq!(first.closed().await, b"");
    server.counted("spyhop_refused_total{reason=\"connections\"}", 1.0).await;
    assert_eq!(server.counter("spyhop_http_connections"), 2.0);
    assert_eq!(second.ask("GET", "/health/live", "").await.status, 200, "the other one does not notice");
}

#[tokio::test]
async fn where_all_are_being_answered_one_too_many_is_told_so() {
    let server = Server::with(|settings| settings.max_connections = 2).await;
    server.scraper.waits();
    let (mut first, mut second) = (server.connect().await, server.connect().await);
    for client in [&mut first, &mut second] {
        client.request("GET", "/metrics", "").await;
    }
    server.scraper.asked(2).await;
    let mut third = server.connect().await;
    let answer = third.ask("GET", "/health/live", "").await;
    assert_eq!((answer.status, answer.text()), (503, "too many connections\n"));
    assert_eq!((answer.header("retry-after"), answer.header("connection")), ("1", "close"));
    // What a client sends before it has read its answer must not turn the answer into a reset.
    third.request("GET", "/health/live", "").await;
    third.finish().await;
    third.ended().await;
    server.counted("spyhop_refused_total{reason=\"connections\"}", 1.0).await;
    assert_eq!(server.counter("spyhop_http_connections"), 2.0);
    server.scraper.goes_on();
    assert_eq!(first.response().await.status, 200, "the others do not notice");
    assert_eq!(second.response().await.status, 200);
}

#[tokio::test]
async fn a_crowd_is_turned_away_without_being_kept() {
    let server = Server::with(|settings| settings.max_connections = 1).await;
    server.scraper.waits();
    let mut first = server.connect().await;
    first.request("GET", "/metrics", "").await;
    server.scraper.asked(1).await;
    let mut crowd = Vec::new();
    for _ in 0..100 {
        crowd.push(server.connect().await);
    }
    server.counted("spyhop_refused_total{reason=\"connections\"}", 100.0).await;
    // None of them sends or reads anything; each is closed all the same.
    let mut told = 0;
    for client in crowd {
        let said = client.closed().await;
        assert!(said.is_empty() || said.starts_with(b"HTTP/1.1 503 "), "{:?}", String::from_utf8_lossy(&said));
        told += usize::from(!said.is_empty());
    }
    assert!((1..100).contains(&told), "some are told why, but not all at once: {told}");
    server.scraper.goes_on();
    assert_eq!(first.response().await.status, 200);
}

/// Each of these holds a place in its own way; a newcomer gets in past every one of them.
#[tokio::test]
async fn nobody_keeps_others_out_by_being_slow() {
    let server = Server::with(|settings| settings.max_connections = 5).await;
    server.scraper.gives(Ok(Bytes::from(vec![b'x'; BIG])));
    let _silent = server.connect().await;
    let mut idle = server.connect().await;
    assert_eq!(idle.ask("GET", "/health/live", "").await.status, 200);
    let mut slow_head = server.connect().await;
    slow_head.send("GET /health/live HTTP/1.1\r\nhost:").await;
    let mut slow_body = server.connect().await;
    slow_body.request("GET", "/health/live", "content-length: 10\r\n").await;
    let mut slow_reader = server.connect().await;
    slow_reader.request("GET", "/metrics", "").await;
    server.scraper.asked(1).await;
    assert_eq!(slow_reader.head().await.status, 200);
    // A reader may be between two pieces of its answer for a moment: then it is the one that is not waited for.
    let mut newcomers = Vec::new();
    for newcomer in 1..=20_u32 {
        let mut client = server.connect().await;
        assert_eq!(client.ask("GET", "/health/live", "").await.status, 200, "newcomer {newcomer}");
        newcomers.push(client);
        server.counted("spyhop_refused_total{reason=\"connections\"}", f64::from(newcomer)).await;
    }
    assert!(server.counter("spyhop_http_connections") <= 5.0);
}
