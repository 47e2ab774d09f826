//! What each route says to clients that behave.

use std::io::Read;

use bytes::Bytes;
use flate2::read::GzDecoder;
use spyhop::{
    collectors::ScrapeError,
    exposition::Format,
    http::routes::ROUTES,
    inventory::{EngineStatus, Snapshot},
    model::metric::Group,
};

use crate::support::Server;

/// Nothing inline, nothing from elsewhere.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
    base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

#[tokio::test]
async fn every_route_answers_with_its_type_and_the_safe_headers() {
    let server = Server::start().await;
    server.inventory.publish(ready(true));
    let mut client = server.connect().await;
    for route in ROUTES.iter().filter(|route| !route.is_pattern() && !route.is_endless()) {
        let answer = client.ask("GET", route.path, "").await;
        assert_eq!(answer.status, 200, "{}", route.path);
        let expected = match route.path {
            "/" => "text/html; charset=utf-8",
            "/style.css" => "text/css; charset=utf-8",
            "/app.js" => "text/javascript; charset=utf-8",
            "/icon.svg" => "image/svg+xml",
            "/metrics" => Format::Text.content_type(),
            "/health/live" | "/health/ready" => "text/plain; charset=utf-8",
            _ => "application/json",
        };
        assert_eq!(answer.header("content-type"), expected, "{}", route.path);
        let kept = matches!(route.path, "/style.css" | "/app.js" | "/icon.svg");
        assert_eq!(answer.header("cache-control"), if kept { "no-cache" } else { "no-store" }, "{}", route.path);
        assert_eq!(answer.header("x-content-type-options"), "nosniff");
        assert_eq!(answer.header("referrer-policy"), "no-referrer");
        assert_eq!(answer.header("content-security-policy"), POLICY);
        server.counted(&format!("spyhop_http_requests_total{{route=\"{}\",code=\"200\"}}", route.name), 1.0).await;
    }
}

#[tokio::test]
async fn head_says_what_get_says_and_sends_nothing() {
    let server = Server::start().await;
    let mut client = server.connect().await;
    for route in ROUTES.iter().filter(|route| !route.is_pattern() && !route.is_endless()) {
        let get = client.ask("GET", route.path, "").await;
        // A body would be taken for the next answer on this connection.
        let head = client.ask("HEAD", route.path, "").await;
        assert_eq!(head.status, get.status, "{}", route.path);
        let (mut expected, mut found) = (get.headers, head.headers);
        for changing in ["date", "content-length"] {
            expected.remove(changing);
            found.remove(changing);
        }
        assert_eq!(found, expected, "{}", route.path);
    }
    assert_eq!(server.scraper.requests().len(), 1, "HEAD reads no kernel files");
    assert_eq!(client.ask("HEAD", "/nowhere", "").await.status, 404);
    let style = client.ask("HEAD", "/style.css", "").await;
    assert_ne!(style.header("content-length"), "0", "the length is the one of GET");
}

#[tokio::test]
async fn other_methods_and_paths_are_refused() {
    let server = Server::start().await;
    let mut client = server.connect().await;
    for method in ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "BREW"] {
        let answer = client.ask(method, "/metrics", "").await;
        assert_eq!((answer.status, answer.header("allow")), (405, "GET, HEAD"), "{method}");
    }
    server.counted("spyhop_http_requests_total{route=\"metrics\",code=\"405\"}", 7.0).await;
    for path in ["/nowhere", "/metrics/", "/%6Detrics", "/health/live/../ready", "//"] {
        assert_eq!(client.ask("GET", path, "").await.status, 404, "{path}");
    }
    server.counted("spyhop_http_requests_total{route=\"other\",code=\"404\"}", 5.0).await;
    assert!(server.scraper.requests().is_empty());
}

#[tokio::test]
async fn the_format_follows_accept() {
    let server = Server::start().await;
    let mut client = server.connect().await;
    let prometheus = "accept: application/openmetrics-text;version=1.0.0;q=0.5,text/plain;version=0.0.4;q=0.3\r\n";
    for (headers, format) in [
        ("", Format::Text),
        ("accept: */*\r\n", Format::Text),
        ("accept: text/plain\r\n", Format::Text),
        ("accept: text/html,application/xhtml+xml,*/*;q=0.8\r\n", Format::Text),
        ("accept: \u{e4}\r\n", Format::Text),
        (prometheus, Format::OpenMetrics),
        ("accept: application/openmetrics-text; version=1.0.0\r\n", Format::OpenMetrics),
        ("accept: text/html\r\naccept: application/openmetrics-text; version=1.0.0\r\n", Format::OpenMetrics),
    ] {
        let answer = client.ask("GET", "/metrics", headers).await;
        assert_eq!(answer.header("content-type"), format.content_type(), "{headers:?}");
        assert_eq!(answer.header("vary"), "Accept, Accept-Encoding");
        assert_eq!(server.scraper.requests().last().unwrap().format, format, "{headers:?}");
    }
}

#[tokio::test]
async fn a_compressed_page_is_the_same_page() {
    let server = Server::start().await;
    let mut client = server.connect().await;
    let plain = client.ask("GET", "/metrics", "").await;
    assert!(!plain.headers.contains_key("content-encoding"));
    let packed = client.ask("GET", "/metrics", "accept-encoding: gzip\r\n").await;
    assert_eq!(packed.header("content-encoding"), "gzip");
    assert!(packed.body.len() < plain.body.len());
    let mut unpacked = Vec::new();
    GzDecoder::new(packed.body.as_slice()).read_to_end(&mut unpacked).unwrap();
    assert_eq!(unpacked, plain.body);
    for refusing in ["gzip;q=0", "identity", "br", "*;q=0"] {
        let answer = client.ask("GET", "/metrics", &format!("accept-encoding: {refusing}\r\n")).await;
        assert!(!answer.headers.contains_key("content-encoding"), "{refusing}");
        assert_eq!(answer.body, plain.body, "{refusing}");
    }
}

#[tokio::test]
async fn groups_are_asked_for_by_name() {
    let server = Server::start().await;
    let mut client = server.connect().await;
    for (query, groups) in [
        ("", None),
        ("?", None),
        ("?name[]=up&debug", None),
        ("?collect[]=node", Some(vec![Group::Node])),
        ("?collect%5B%5D=node&collect%5b%5d=machine&x=y", Some(vec![Group::Machine, Group::Node])),
        ("?collect[]=node&collect[]=%6eode", Some(vec![Group::Node])),
    ] {
        assert_eq!(client.ask("GET", &format!("/metrics{query}"), "").await.status, 200, "{query}");
        let asked = server.scraper.requests().last().unwrap().groups.clone();
        assert_eq!(asked, groups.map(|groups| groups.into_iter().collect()), "{query}");
    }
    let scrapes = server.scraper.requests().len();
    for query in ["?collect[]=cpu", "?collect[]=", "?collect[]=node&collect[]=Node", "?collect[]=%3Cscript%3E"] {
        let answer = client.ask("GET", &format!("/metrics{query}"), "").await;
        assert_eq!(answer.status, 400, "{query}");
        assert_eq!(
            answer.text(),
            "collect[]: unknown group; there are: container, machine, node, service, target, logs, policy, probes, isolation, traces, agent\n"
        );
    }
    assert_eq!(server.scraper.requests().len(), scrapes, "no page is made for a mistake");
}

#[tokio::test]
async fn a_busy_scraper_is_asked_again_in_a_second() {
    let server = Server::start().await;
    server.scraper.gives(Err(ScrapeError::Busy));
    let answer = server.get("/metrics").await;
    assert_eq!((answer.status, answer.header("retry-after")), (503, "1"));
    server.scraper.gives(Ok(Bytes::from_static(b"up 1\n")));
    assert_eq!(server.get("/metrics").await.text(), "up 1\n");
}

#[tokio::test]
async fn a_scrape_that_takes_too_long_is_given_up() {
    let server = Server::with(|settings| settings.answer_timeout = std::time::Duration::from_millis(50)).await;
    server.scraper.waits();
    let mut client = server.connect().await;
    let answer = client.ask("GET", "/metrics", "").await;
    assert_eq!((answer.status, answer.header("retry-after")), (503, "1"));
    server.scraper.goes_on();
    assert_eq!(client.ask("GET", "/metrics", "").await.status, 200, "the connection is as good as before");
}

#[tokio::test]
async fn without_its_collectors_the_agent_is_not_live() {
    let server = Server::start().await;
    assert_eq!(server.get("/health/live").await.status, 200);
    server.scraper.dies();
    let live = server.get("/health/live").await;
    assert_eq!((live.status, live.text()), (503, "the collectors have failed\n"));
    assert_eq!(server.get("/metrics").await.status, 503);
    let health = server.get("/health").await;
    assert_eq!((health.status, &health.json()["status"]), (200, &"failed".into()));
}

#[tokio::test]
async fn ready_comes_with_the_first_inventory_and_stays() {
    let server = Server::start().await;
    let answer = server.get("/health/ready").await;
    assert_eq!((answer.status, answer.text()), (503, "the first inventory is not complete\n"));
    let mut waiting = Snapshot::default();
    waiting.engine.trouble = Some("connect to the engine: no such file".into());
    server.inventory.publish(waiting);
    let answer = server.get("/health/ready").await;
    assert_eq!(answer.status, 503);
    assert_eq!(answer.text(), "the first inventory is not complete: connect to the engine: no such file\n");
    for (connected, status) in [(true, "ok"), (false, "degraded")] {
        server.inventory.publish(ready(connected));
        assert_eq!(server.get("/health/ready").await.status, 200);
        let health = server.get("/health").await.json();
        assert_eq!((&health["status"], &health["ready"]), (&status.into(), &true.into()));
    }
}

/// An inventory that was complete once.
fn ready(connected: bool) -> Snapshot {
    let ready_since = "2026-03-01T09:30:00Z".parse().ok();
    let engine = EngineStatus { connected, heard_at: ready_since, ready_since, ..EngineStatus::default() };
    Snapshot { host: Some("harbour".into()), engine, ..Snapshot::default() }
}

#[tokio::test]
async fn files_of_the_page_are_kept_packed_and_asked_for_again() {
    let server = Server::start().await;
    let mut client = server.connect().await;
    for path in ["/style.css", "/app.js", "/icon.svg"] {
        let plain = client.ask("GET", path, "").await;
        let packed = client.ask("GET", path, "accept-encoding: gzip\r\n").await;
        assert_eq!(packed.header("content-encoding"), "gzip", "{path}");
        let mut unpacked = Vec::new();
        GzDecoder::new(packed.body.as_slice()).read_to_end(&mut unpacked).unwrap();
        assert_eq!(unpacked, plain.body, "{path}");
        let tag = plain.header("etag").to_owned();
        assert_eq!((packed.header("etag"), packed.header("vary")), (tag.as_str(), "Accept-Encoding"));
        for known in [tag.clone(), format!("W/{tag}"), format!("\"other\", {tag}")] {
            // A body would be taken for the next answer on this connection.
            client.request("GET", path, &format!("if-none-match: {known}\r\n")).await;
            let same = client.head().await;
            assert_eq!((same.status, same.header("etag")), (304, tag.as_str()), "{path}");
        }
        assert_eq!(client.ask("GET", path, "if-none-match: \"other\"\r\n").await.status, 200, "{path}");
    }
}

#[tokio::test]
async fn the_page_is_packed_where_that_is_taken() {
    let server = Server::start().await;
    server.inventory.publish(ready(true));
    let mut client = server.connect().await;
    let packed = client.ask("GET", "/", "accept-encoding: gzip\r\n").await;
    assert_eq!((packed.header("content-encoding"), packed.header("vary")), ("gzip", "Accept-Encoding"));
    let mut page = String::new();
    GzDecoder::new(packed.body.as_slice()).read_to_string(&mut page).unwrap();
    assert!(page.contains("All is well") && page.ends_with("</html>\n"), "{page}");
    assert!(client.ask("GET", "/", "").await.text().contains("<title>harbour - spyhop</title>"));
}
