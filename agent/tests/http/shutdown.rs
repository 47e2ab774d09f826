//! From the request for a shutdown to the end.

use std::{io, time::Duration};

use spyhop::http::{self, Drained, Settings};
use tokio::net::TcpStream;

use crate::support::{Server, soon};

#[tokio::test]
async fn a_scrape_in_flight_is_answered_and_idle_connections_are_closed() {
    let server = Server::start().await;
    let mut idle = server.connect().await;
    assert_eq!(idle.ask("GET", "/health/live", "").await.status, 200);
    server.scraper.waits();
    let mut scraping = server.connect().await;
    scraping.request("GET", "/metrics", "").await;
    server.scraper.asked(1).await;

    server.shutdown.cancel();
    assert_eq!(idle.closed().await, b"");
    let refused = soon("the listener to close", TcpStream::connect(server.address)).await;
    assert_eq!(refused.map(|_| ()).unwrap_err().kind(), io::ErrorKind::ConnectionRefused);

    server.scraper.goes_on();
    let answer = scraping.response().await;
    assert_eq!((answer.status, answer.header("connection")), (200, "close"));
    assert_eq!(scraping.closed().await, b"");
    assert_eq!(server.drained().await, Drained { cut: 0 });
}

#[tokio::test]
async fn an_answer_on_its_way_is_delivered() {
    let server = Server::start().await;
    let size = 48 << 20;
    server.scraper.gives(Ok(vec![b'x'; size].into()));
    let mut client = server.connect().await;
    client.request("GET", "/metrics", "").await;
    server.counted("spyhop_http_requests_total{route=\"metrics\",code=\"200\"}", 1.0).await;
    server.shutdown.cancel();
    assert_eq!(client.response().await.body.len(), size);
    assert_eq!(server.drained().await, Drained { cut: 0 });
}

#[tokio::test]
async fn what_does_not_end_is_cut_at_the_deadline() {
    let server = Server::with(|settings| settings.drain_timeout = Duration::from_millis(100)).await;
    server.scraper.waits();
    let mut scraping = server.connect().await;
    scraping.request("GET", "/metrics", "").await;
    server.scraper.asked(1).await;
    let mut halfway = server.connect().await;
    halfway.send("GET /metr").await;
    server.counted("spyhop_http_connections", 2.0).await;
    let metrics = server.metrics.clone();
    server.shutdown.cancel();
    let Drained { cut } = server.drained().await;
    assert!((1..=2).contains(&cut), "the scrape, and the head if it had been read: {cut}");
    assert_eq!(metrics.http_connections.get(), 0);
    assert_eq!(scraping.closed().await, b"");
    assert_eq!(halfway.closed().await, b"");
}

#[tokio::test]
async fn nobody_there_means_an_end_at_once() {
    let server = Server::with(|settings| settings.drain_timeout = Duration::from_secs(3600)).await;
    server.shutdown.cancel();
    assert_eq!(server.drained().await, Drained::default());
}

#[tokio::test]
async fn an_address_in_use_is_said_in_words() {
    let server = Server::start().await;
    let settings = Settings { listen: server.address, ..Settings::default() };
    let error = http::bind(&settings).await.unwrap_err();
    assert_eq!(error.source.kind(), io::ErrorKind::AddrInUse);
    let expected = format!("listen on {}: another program (a second spyhop?) listens there", server.address);
    assert_eq!(error.to_string(), expected);
}
