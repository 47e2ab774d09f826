//! Who is answered: credentials, host names, origins.

use std::time::{Duration, Instant};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use spyhop::http::{
    access::{Material, Named},
    routes::ROUTES,
};

use crate::support::{Response, Server};

const TOKEN: &str = "0123456789abcdef-the-token";
const PASSWORD: &str = "correct horse";

fn named(text: impl Into<Vec<u8>>) -> Option<Named> {
    Some(Named { name: "secret".into(), bytes: text.into() })
}

/// One user at a cost that is quick to verify, one token.
fn material() -> Material {
    let users_file = named(format!("ann:{}\n", bcrypt::hash(PASSWORD, 4).unwrap()));
    Material { users_file, tokens_file: named(format!("{TOKEN}\n")), ..Material::default() }
}

async fn guarded() -> Server {
    Server::guarded(material(), |_| {}).await
}

fn basic(name: &str, password: &str) -> String {
    format!("authorization: Basic {}\r\n", STANDARD.encode(format!("{name}:{password}")))
}

fn bearer(token: &str) -> String {
    format!("authorization: Bearer {token}\r\n")
}

fn refused(server: &Server, reason: &str) -> f64 {
    server.counter(&format!("spyhop_http_refused_total{{reason=\"{reason}\"}}"))
}

#[tokio::test]
async fn without_credentials_only_probes_are_answered() {
    let server = guarded().await;
    let mut count = 0.0;
    for route in ROUTES {
        // A pattern stands for what it could be.
        let answer = server.get(&route.path.replace(['<', '>'], "")).await;
        match route.path {
            "/health/live" => assert_eq!((answer.status, answer.text()), (200, "live\n")),
            "/health/ready" => assert_eq!(answer.status, 503),
            path => {
                assert_eq!((answer.status, answer.text()), (401, "credentials are needed\n"), "{path}");
                count += 1.0;
                assert_eq!(refused(&server, "unauthenticated"), count);
            }
        }
        assert!(answer.header("content-security-policy").contains("frame-ancestors 'none'"));
    }
    // What is not there and what must not be done is nobody's business either.
    for (method, path) in [("GET", "/nowhere"), ("POST", "/metrics"), ("GET", "/.env"), ("GET", "/health/live/")] {
        assert_eq!(server.ask(method, path, "").await.status, 401, "{method} {path}");
    }
    assert!(server.scraper.requests().is_empty());
}

#[tokio::test]
async fn probes_say_one_word_to_strangers() {
    let server = guarded().await;
    let mut snapshot = spyhop::inventory::Snapshot::default();
    snapshot.engine.trouble = Some("connect to /var/run/docker.sock: no such file".into());
    server.inventory.publish(snapshot);
    let answer = server.get("/health/ready").await;
    assert_eq!(answer.status, 503);
    assert!(answer.text().starts_with("not ready") && !answer.text().contains("docker.sock"), "{}", answer.text());
    let told = server.ask("GET", "/health", &bearer(TOKEN)).await;
    assert!(told.text().contains("docker.sock"));
}

#[tokio::test]
async fn either_credential_is_enough() {
    let server = guarded().await;
    for headers in [basic("ann", PASSWORD), bearer(TOKEN), bearer(TOKEN).replace("Bearer ", "bEARER   ")] {
        for route in ROUTES.iter().filter(|route| !route.path.starts_with("/health/") && !route.is_endless()) {
            let status = server.ask("GET", &route.path.replace(['<', '>'], ""), &headers).await.status;
            let expected = match route.name {
                // The inventory is not complete, and nobody declares that.
                "sd" => 503,
                "proxy" => 404,
                _ => 200,
            };
            assert_eq!(status, expected, "{} {headers}", route.path);
        }
    }
    let mut challenge = Vec::new();
    for line in raw(&server, "GET /metrics HTTP/1.1\r\nhost: a\r\n\r\n").await.lines() {
        challenge.extend(line.strip_prefix("www-authenticate: ").map(str::to_owned));
    }
    assert_eq!(challenge, ["Basic realm=\"spyhop\", charset=\"UTF-8\"", "Bearer realm=\"spyhop\""]);
}

async fn raw(server: &Server, request: &str) -> String {
    let mut client = server.connect().await;
    client.send(request).await;
    client.finish().await;
    String::from_utf8(client.closed().await).unwrap()
}

#[tokio::test]
async fn every_wrong_credential_gets_the_same_answer() {
    let server = guarded().await;
    let twice = format!("{}{}", basic("ann", PASSWORD), bearer(TOKEN));
    let wrong = [
        basic("ann", "wrong"),
        basic("eve", PASSWORD),
        basic("", ""),
        bearer("0123456789abcdef-the-toke"),
        bearer("0123456789abcdef-the-token2"),
        bearer("").replace("Bearer ", "Bearer"),
        "authorization: Digest username=ann\r\n".to_owned(),
        "authorization: Basic !!!\r\n".to_owned(),
        twice,
    ];
    let mut answers: Vec<Response> = Vec::new();
    for headers in &wrong {
        answers.push(server.ask("GET", "/metrics", headers).await);
    }
    for (answer, headers) in answers.iter_mut().zip(&wrong) {
        answer.headers.remove("date");
        assert_eq!((answer.status, answer.text()), (401, "credentials are needed\n"), "{headers}");
    }
    assert!(answers.windows(2).all(|two| two[0].headers == two[1].headers));
    assert_eq!(refused(&server, "credentials"), 9.0);
}

/// Wrong password and unknown user take as long; only the verified login is quick, and only the second time.
#[tokio::test]
async fn time_tells_nothing_of_users() {
    let users_file = named(format!("ann:{}\n", bcrypt::hash(PASSWORD, 10).unwrap()));
    let server = Server::guarded(Material { users_file, ..Material::default() }, |_| {}).await;
    let timed = async |headers: String, status| {
        let start = Instant::now();
        assert_eq!(server.ask("GET", "/style.css", &headers).await.status, status);
        start.elapsed()
    };
    let wrong = timed(basic("ann", "wrong"), 401).await;
    let unknown = timed(basic("eve", "wrong"), 401).await;
    let first = timed(basic("ann", PASSWORD), 200).await;
    let mut again = Vec::new();
    for _ in 0..10 {
        again.push(timed(basic("ann", PASSWORD), 200).await);
    }
    let again = again.into_iter().min().unwrap();
    // Thirty times is what a busy machine does not make of an even pair.
    assert!(wrong < unknown * 30 && unknown < wrong * 30, "{wrong:?} {unknown:?}");
    assert!(
        again * 3 < wrong.min(unknown).min(first),
        "verified once: {again:?} after {first:?}, {wrong:?}, {unknown:?}"
    );
}

#[tokio::test]
async fn guessing_is_slowed_down_and_harms_nobody_else() {
    let server = guarded().await;
    assert_eq!(server.ask("GET", "/style.css", &basic("ann", PASSWORD)).await.status, 200);
    let mut answers = Vec::new();
    for guess in 0..30 {
        answers.push(server.ask("GET", "/metrics", &basic("ann", &guess.to_string())).await);
    }
    assert_eq!(answers[0].status, 401);
    let last = answers.last().unwrap();
    assert_eq!((last.status, last.header("retry-after")), (429, "2"));
    assert!(refused(&server, "guessing") >= 15.0 && refused(&server, "credentials") >= 10.0);
    // From the same address: who was right before, and who has a token, is not held up by the guesser's failures.
    assert_eq!(server.ask("GET", "/style.css", &basic("ann", PASSWORD)).await.status, 200);
    assert_eq!(server.ask("GET", "/style.css", &bearer(TOKEN)).await.status, 200);
    assert_eq!(server.ask("GET", "/metrics", &bearer("a-wrong-token-of-some-length")).await.status, 429);
    assert_eq!(server.get("/health/live").await.status, 200);
}

#[tokio::test]
async fn verifications_have_a_ceiling() {
    let users_file = named(format!("ann:{}\n", bcrypt::hash(PASSWORD, 10).unwrap()));
    let server = Server::guarded(Material { users_file, ..Material::default() }, |_| {}).await;
    let mut clients = Vec::new();
    for guess in 0..20 {
        let mut client = server.connect().await;
        client.request("GET", "/metrics", &basic("ann", &guess.to_string())).await;
        clients.push(client);
    }
    let mut statuses = Vec::new();
    for client in &mut clients {
        statuses.push(client.response().await.status);
    }
    let count = |status| statuses.iter().filter(|found| **found == status).count();
    assert!(count(503) >= 1, "no more than eight wait: {statuses:?}");
    assert!(count(401) <= 10, "{statuses:?}");
    assert_eq!(count(401) + count(503) + count(429), 20, "{statuses:?}");
    assert!(refused(&server, "verification") >= 1.0);
}

#[tokio::test]
async fn new_credentials_replace_the_old_ones_and_broken_ones_do_not() {
    let server = guarded().await;
    let mut client = server.connect().await;
    assert_eq!(client.ask("GET", "/style.css", &basic("ann", PASSWORD)).await.status, 200);
    for broken in ["", "ann:plain\n", "short\n"] {
        let material = Material { users_file: named(broken), ..material() };
        assert!(server.gate.take_over(&material).is_err());
        assert_eq!(client.ask("GET", "/style.css", &basic("ann", PASSWORD)).await.status, 200);
    }
    assert_eq!(server.counter("spyhop_access_last_reload_successful"), 0.0);
    assert_eq!(server.counter("spyhop_access_reloads_total{outcome=\"error\"}"), 3.0);
    let users_file = named(format!("ann:{}\n", bcrypt::hash("new", 4).unwrap()));
    let tokens_file = named(format!("{TOKEN}\nanother-token-beside-it\n"));
    server.gate.take_over(&Material { users_file, tokens_file, ..Material::default() }).unwrap();
    assert_eq!(server.counter("spyhop_access_last_reload_successful"), 1.0);
    // On the same connection: what was verified against the old file is worth nothing now.
    assert_eq!(client.ask("GET", "/style.css", &basic("ann", PASSWORD)).await.status, 401);
    assert_eq!(client.ask("GET", "/style.css", &basic("ann", "new")).await.status, 200);
    assert_eq!(client.ask("GET", "/style.css", &bearer(TOKEN)).await.status, 200);
    assert_eq!(client.ask("GET", "/style.css", &bearer("another-token-beside-it")).await.status, 200);
}

#[tokio::test]
async fn a_body_of_somebody_refused_is_not_waited_for() {
    let server = Server::guarded(material(), |settings| settings.header_timeout = Duration::from_secs(3600)).await;
    for headers in ["content-length: 10\r\n", "content-length: 99999999\r\n", "transfer-encoding: chunked\r\n"] {
        let mut client = server.connect().await;
        client.request("POST", "/metrics", headers).await;
        let answer = client.response().await;
        assert_eq!((answer.status, answer.header("connection")), (401, "close"), "{headers}");
        client.ended().await;
    }
}

#[tokio::test]
async fn hosts_that_anybody_can_name_are_refused() {
    let material = Material { allowed_hosts: vec!["metrics.example.org".into()], ..Material::default() };
    let server = Server::guarded(material, |_| {}).await;
    let ask = async |host: &str, path: &str| {
        let answer = raw(&server, &format!("GET {path} HTTP/1.1\r\nhost: {host}\r\n\r\n")).await;
        answer.get(9..12).unwrap_or_default().to_owned()
    };
    let port = server.address.port();
    for host in ["spyhop:9477", "localhost", "127.0.0.1", "[::1]:9477", "metrics.example.org", "docker.internal"] {
        for path in ["/", "/metrics", "/api/v1/containers"] {
            assert_eq!(ask(host, path).await, "200", "{host} {path}");
        }
    }
    for host in ["evil.example", &format!("evil.example:{port}"), "127.0.0.1.evil.example"] {
        for path in ["/", "/metrics", "/api/v1/containers", "/health", "/nowhere"] {
            assert_eq!(ask(host, path).await, "421", "{host} {path}");
        }
        // A load balancer asks by whatever name it knows, and learns one word.
        assert_eq!(ask(host, "/health/live").await, "200");
    }
    assert_eq!(refused(&server, "host"), 15.0);
    for host in ["", "a b", "a, b", "me@localhost", "localhost\r\nhost: localhost", "localhost:x"] {
        assert_eq!(ask(host, "/health/live").await, "400", "{host:?}");
    }
    assert_eq!(raw(&server, "GET / HTTP/1.1\r\n\r\n").await.get(9..12), Some("400"), "HTTP/1.1 without Host");
    assert_eq!(raw(&server, "GET / HTTP/1.0\r\n\r\n").await.get(9..12), Some("200"), "HTTP/1.0 without Host");
    assert_eq!(ask("localhost", "http://evil.example/metrics").await, "400", "the target counts");
    assert_eq!(ask("evil.example", "http://evil.example/metrics").await, "421");
}

#[tokio::test]
async fn with_credentials_any_name_will_do() {
    let server = guarded().await;
    let ask = async |headers: &str| {
        let answer =
            raw(&server, &format!("GET /style.css HTTP/1.1\r\nhost: node1.example.org\r\n{headers}\r\n")).await;
        answer.get(9..12).unwrap_or_default().to_owned()
    };
    assert_eq!(ask(&bearer(TOKEN)).await, "200");
    assert_eq!(ask("").await, "401");
}

#[tokio::test]
async fn pages_of_other_sites_get_nothing() {
    let server = Server::start().await;
    for (headers, status) in [
        ("origin: http://test\r\n", 200),
        ("origin: http://evil.example\r\n", 403),
        ("origin: null\r\n", 403),
        ("sec-fetch-site: cross-site\r\nsec-fetch-mode: no-cors\r\n", 403),
        ("sec-fetch-site: cross-site\r\nsec-fetch-mode: navigate\r\nsec-fetch-dest: document\r\n", 200),
        ("sec-fetch-site: cross-site\r\nsec-fetch-mode: navigate\r\nsec-fetch-dest: iframe\r\n", 403),
    ] {
        for path in ["/", "/metrics", "/api/v1/containers"] {
            let answer = server.ask("GET", path, headers).await;
            assert_eq!(answer.status, status, "{path} {headers}");
            assert!(!answer.headers.keys().any(|name| name.starts_with("access-control-")));
            assert_eq!(answer.header("cross-origin-resource-policy"), "same-origin");
            assert_eq!(answer.header("x-frame-options"), "DENY");
        }
    }
    // A preflight is refused as well.
    let preflight = "origin: http://evil.example\r\naccess-control-request-method: GET\r\n";
    assert_eq!(server.ask("OPTIONS", "/metrics", preflight).await.status, 403);
    assert_eq!(refused(&server, "origin"), 13.0);
}
