//! Request smuggling: requests which two programs in a row would cut in different places.
//!
//! Whatever comes in, one request gets one answer, and what a proxy before the agent could have taken for a body is never
//! answered as a request. `/nowhere` hides in each of these where only one of two readers sees it.

use crate::support::Server;

/// What may be answered, and how many answers there may be.
struct Shape {
    name: &'static str,
    bytes: &'static str,
    /// Statuses of the answers, in order.
    statuses: &'static [u16],
}

const fn shape(name: &'static str, bytes: &'static str, statuses: &'static [u16]) -> Shape {
    Shape { name, bytes, statuses }
}

/// Whoever believes the first of two lengths sees a second request where whoever believes the other sees a body.
const SHAPES: &[Shape] = &[
    shape(
        "length, then chunked",
        "POST /health/live HTTP/1.1\r\nhost: a\r\ncontent-length: 43\r\ntransfer-encoding: chunked\r\n\r\n\
         0\r\n\r\nGET /nowhere HTTP/1.1\r\nhost: a\r\n\r\n",
        &[405],
    ),
    shape(
        "chunked, then length",
        "POST /health/live HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\ncontent-length: 5\r\n\r\n\
         0\r\n\r\nGET /nowhere HTTP/1.1\r\nhost: a\r\n\r\n",
        &[405],
    ),
    shape(
        "two lengths",
        "GET /health/live HTTP/1.1\r\nhost: a\r\ncontent-length: 0\r\ncontent-length: 36\r\n\r\n\
         GET /nowhere HTTP/1.1\r\nhost: a\r\n\r\n",
        &[400],
    ),
    shape(
        "two lengths in one field",
        "GET /health/live HTTP/1.1\r\nhost: a\r\ncontent-length: 0, 36\r\n\r\nGET /nowhere HTTP/1.1\r\nhost: a\r\n\r\n",
        &[400],
    ),
    shape(
        "a signed length",
        "GET /health/live HTTP/1.1\r\nhost: a\r\ncontent-length: +0\r\n\r\nGET /nowhere HTTP/1.1\r\n\r\n",
        &[400],
    ),
    shape(
        "a negative length",
        "GET /health/live HTTP/1.1\r\nhost: a\r\ncontent-length: -1\r\n\r\nGET /nowhere HTTP/1.1\r\n\r\n",
        &[400],
    ),
    shape(
        "a length in hexadecimal",
        "GET /health/live HTTP/1.1\r\nhost: a\r\ncontent-length: 0x0\r\n\r\nGET /nowhere HTTP/1.1\r\n\r\n",
        &[400],
    ),
    shape(
        "a length beyond 64 bits",
        "GET /health/live HTTP/1.1\r\nhost: a\r\ncontent-length: 18446744073709551616\r\n\r\nGET /nowhere HTTP/1.1\r\n\r\n",
        &[400],
    ),
    shape(
        "chunked twice",
        "GET /health/live HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\ntransfer-encoding: identity\r\n\r\n\
         0\r\n\r\nGET /nowhere HTTP/1.1\r\nhost: a\r\n\r\n",
        &[400],
    ),
    shape(
        "a coding nobody knows",
        "GET /health/live HTTP/1.1\r\nhost: a\r\ntransfer-encoding: xchunked\r\n\r\n0\r\n\r\nGET /nowhere HTTP/1.1\r\n\r\n",
        &[400],
    ),
    shape(
        "a coding with a vertical tab",
        "GET /health/live HTTP/1.1\r\nhost: a\r\ntransfer-encoding: \u{b}chunked\r\n\r\n0\r\n\r\nGET /nowhere HTTP/1.1\r\n\r\n",
        &[400],
    ),
    shape(
        "a space before the colon",
        "GET /health/live HTTP/1.1\r\nhost: a\r\ntransfer-encoding : chunked\r\n\r\n0\r\n\r\nGET /nowhere HTTP/1.1\r\n\r\n",
        &[400],
    ),
    shape(
        "chunked in HTTP/1.0",
        "GET /health/live HTTP/1.0\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\nGET /nowhere HTTP/1.1\r\n\r\n",
        &[400],
    ),
    shape(
        "a folded field",
        "GET /health/live HTTP/1.1\r\nhost: a\r\nx: y\r\n transfer-encoding: chunked\r\n\r\nGET /nowhere HTTP/1.1\r\n\r\n",
        &[400],
    ),
    shape(
        "a folded coding",
        "GET /health/live HTTP/1.1\r\nhost: a\r\ntransfer-encoding:\r\n chunked\r\n\r\n0\r\n\r\nGET /nowhere HTTP/1.1\r\n\r\n",
        &[400],
    ),
    shape("a first line that is folded", " GET /health/live HTTP/1.1\r\nhost: a\r\n\r\n", &[400]),
    shape(
        "a chunk size that is none",
        "GET /health/live HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n\r\nGET /nowhere HTTP/1.1\r\n\r\n",
        &[400],
    ),
    shape(
        "a chunk size beyond 64 bits",
        "GET /health/live HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n\
         10000000000000000\r\nGET /nowhere HTTP/1.1\r\n\r\n",
        &[400],
    ),
    shape(
        "a chunk that is longer than it says",
        "GET /health/live HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n\
         1\r\nabc\r\n0\r\n\r\nGET /nowhere HTTP/1.1\r\nhost: a\r\n\r\n",
        &[400],
    ),
    shape(
        "a chunk extension that ends in a bare line feed",
        "GET /health/live HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n\
         0;\nGET /nowhere HTTP/1.1\r\nhost: a\r\n\r\n",
        &[400],
    ),
    shape(
        "a trailer that would be a field",
        "GET /health/live HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n\
         0\r\ncontent-length: 36\r\n\r\nGET /nowhere HTTP/1.1\r\nhost: a\r\n\r\n",
        &[200],
    ),
    shape(
        "a zero byte in a field",
        "GET /health/live HTTP/1.1\r\nhost: a\r\nx: \u{0}\r\n\r\nGET /nowhere HTTP/1.1\r\n\r\n",
        &[400],
    ),
    shape(
        "a bare carriage return",
        "GET /health/live HTTP/1.1\r\nhost: a\rx: y\r\n\r\nGET /nowhere HTTP/1.1\r\n\r\n",
        &[400],
    ),
    shape(
        "a carriage return in a value",
        "GET /health/live HTTP/1.1\r\nhost: a\r\nx: y\rtransfer-encoding: chunked\r\n\r\n",
        &[400],
    ),
    shape("no field name", "GET /health/live HTTP/1.1\r\nhost: a\r\n: x\r\n\r\nGET /nowhere HTTP/1.1\r\n\r\n", &[400]),
    shape("two hosts", "GET /health/live HTTP/1.1\r\nhost: a\r\nhost: b\r\n\r\n", &[400]),
    shape("no host", "GET /health/live HTTP/1.1\r\n\r\nGET /nowhere HTTP/1.1\r\n\r\n", &[400]),
    shape("a target with a space", "GET /health/live /nowhere HTTP/1.1\r\nhost: a\r\n\r\n", &[400]),
    shape("no version", "GET /health/live\r\nhost: a\r\n\r\n", &[400]),
];

#[tokio::test]
async fn one_request_gets_one_answer() {
    let server = Server::start().await;
    for Shape { name, bytes, statuses } in SHAPES {
        let answers = exchange(&server, bytes).await;
        assert_eq!(answers, *statuses, "{name}");
    }
    assert_eq!(
        server.counter("spyhop_http_requests_total{route=\"other\",code=\"404\"}"),
        0.0,
        "nobody came to /nowhere"
    );
    server.deserted().await;
    assert_eq!(server.get("/health/live").await.status, 200);
}

/// The same in pieces: where a read ends must not change what is read.
#[tokio::test]
async fn nor_does_it_help_to_send_them_byte_by_byte() {
    let server = Server::start().await;
    for Shape { name, bytes, statuses } in SHAPES {
        let mut client = server.connect().await;
        for byte in bytes.as_bytes() {
            if !client.try_send(&[*byte]).await {
                break;
            }
            tokio::task::yield_now().await;
        }
        let answers = statuses_of(&String::from_utf8_lossy(&client.closed_after_finish().await));
        assert_eq!(answers, *statuses, "{name}");
    }
    assert_eq!(server.counter("spyhop_http_requests_total{route=\"other\",code=\"404\"}"), 0.0);
}

/// A bare line feed ends a line for us as it does for most; each of these is then one request to the route it names.
#[tokio::test]
async fn bare_line_feeds_end_lines_and_nothing_else() {
    let server = Server::start().await;
    for (bytes, statuses) in [
        ("GET /health/live HTTP/1.1\nhost: a\n\n", &[200][..]),
        ("GET /health/live HTTP/1.1\r\nhost: a\n\r\n", &[200]),
        ("GET /health/live HTTP/1.1\nhost: a\nconnection: close\n\nGET /nowhere HTTP/1.1\nhost: a\n\n", &[200]),
        (
            "GET /health/live HTTP/1.1\nhost: a\ncontent-length: 4\n\nabcdGET /health/ready HTTP/1.1\nhost: a\n\n",
            &[200, 503],
        ),
    ] {
        assert_eq!(exchange(&server, bytes).await, statuses, "{bytes:?}");
    }
}

#[tokio::test]
async fn a_target_is_one_route_or_none() {
    let server = Server::start().await;
    for (target, status) in [
        ("http://a/health/live", 200),
        ("HTTP://A/health/live", 200),
        ("http://a:80/health/live", 400),
        ("http://b/health/live", 400),
        ("http://a@b/health/live", 400),
        ("//a/health/live", 404),
        ("/health//live", 404),
        ("/./health/live", 404),
        ("/health/live/.", 404),
        ("/nowhere/../health/live", 404),
        ("/health%2flive", 404),
        ("/health/live%00", 404),
        ("/health/live;x=/metrics", 404),
        ("/health/live?/../metrics", 200),
        ("/HEALTH/LIVE", 404),
        ("*", 404),
        ("health/live", 400),
        ("\\health\\live", 400),
    ] {
        let statuses = exchange(&server, &format!("GET {target} HTTP/1.1\r\nhost: a\r\n\r\n")).await;
        assert_eq!(statuses, [status], "{target}");
    }
    for target in ["a:80", "a", "/health/live"] {
        let statuses = exchange(&server, &format!("CONNECT {target} HTTP/1.1\r\nhost: a\r\n\r\n")).await;
        assert!(statuses.len() == 1 && statuses[0] >= 400, "CONNECT {target}: {statuses:?}");
    }
    assert!(server.scraper.requests().is_empty());
}

/// An answer must not be split or lengthened by anything that was asked.
#[tokio::test]
async fn nothing_of_a_request_comes_back() {
    let server = Server::start().await;
    for request in [
        "GET /x%0d%0aset-cookie:%20a=b HTTP/1.1\r\nhost: a\r\n\r\n",
        "GET /metrics?collect[]=%0d%0aset-cookie:a HTTP/1.1\r\nhost: a\r\n\r\n",
        "GET /metrics?collect[]=<script>hunter2 HTTP/1.1\r\nhost: a\r\nx-forwarded-host: hunter2\r\n\r\n",
        "HUNTER2 /hunter2 HTTP/1.1\r\nhost: hunter2\r\norigin: http://hunter2.example\r\n\r\n",
        "GET / HTTP/1.1\r\nhost: hunter2.example\r\nauthorization: Basic hunter2\r\n\r\n",
        "GET /health HTTP/1.1\r\nhost: a\r\nupgrade: h2c\r\nconnection: upgrade, hunter2\r\n\r\n",
    ] {
        let mut client = server.connect().await;
        client.send(request).await;
        let said = String::from_utf8(client.closed_after_finish().await).unwrap().to_lowercase();
        assert!(!said.contains("hunter2") && !said.contains("set-cookie"), "{request}: {said}");
        assert_eq!(said.matches("http/1.1 ").count(), 1);
    }
}

async fn exchange(server: &Server, bytes: &str) -> Vec<u16> {
    let mut client = server.connect().await;
    client.send(bytes).await;
    statuses_of(&String::from_utf8_lossy(&client.closed_after_finish().await))
}

/// Statuses of the answers in what was read: no body of ours holds such a line.
fn statuses_of(text: &str) -> Vec<u16> {
    text.split("HTTP/1.1 ").skip(1).map(|answer| answer.get(..3).unwrap().parse().unwrap()).collect()
}
