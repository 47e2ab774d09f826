//! HTTP and TCP: what is sent, what counts as good, and what ends in time.

use std::time::{Duration, Instant};

use super::{
    super::outcome::Phase,
    servers::{Server, answer, ask, asker, container, endless, listen, nobody, probe, tarpit, task, word},
};
use crate::{
    model::{Expression, Room},
    policy::probe::{Aim, Credentials, Kind, Probe, Status},
};

const LIMIT: Duration = Duration::from_millis(1_500);

fn statuses(words: &[&str]) -> Vec<Status> {
    words.iter().map(|word| Status::parse(word).unwrap()).collect()
}

#[tokio::test]
async fn a_good_answer_and_all_that_is_known_of_it() {
    let server = Server::saying(200, "{\"status\":\"UP\"}").await;
    let outcome = ask(probe(Kind::Http, Some("/health?deep=1")), server.at).await;
    assert_eq!(outcome.failure, None);
    let http = outcome.facts.http.unwrap();
    assert_eq!((http.status, http.version, http.content_length, http.body_length), (200, 11, Some(15), 15));
    assert_eq!(outcome.facts.ip, Some(4));
    for phase in Phase::ALL {
        assert_eq!(outcome.facts.took(phase).is_some(), phase != Phase::Tls, "{phase:?}");
    }
    let asked = server.asked.lock().unwrap().join("");
    assert!(asked.starts_with("GET /health?deep=1 HTTP/1.1\r\n"), "{asked}");
    assert!(asked.contains(&format!("host: {}\r\n", server.at)) && asked.contains("connection: close"), "{asked}");
    assert!(!asked.contains("authorization"), "{asked}");
}

#[tokio::test]
async fn statuses_and_bodies() {
    let with = |status: &[&str], body: Option<&str>, not_body: Option<&str>| {
        let mut probe = probe(Kind::Http, Some("/"));
        probe.answer.status = statuses(status);
        probe.answer.body = body.map(|text| Expression::new(text, Room::Small).unwrap());
        probe.answer.not_body = not_body.map(|text| Expression::new(text, Room::Small).unwrap());
        probe
    };
    for (status, body, probe, expected) in [
        (204, "", with(&[], None, None), "ok"),
        (404, "", with(&[], None, None), "status"),
        (503, "", with(&["5xx"], None, None), "ok"),
        (200, "", with(&["204", "404"], None, None), "status"),
        (302, "", with(&[], None, None), "redirect"),
        (302, "", with(&["3xx"], None, None), "ok"),
        (200, "status: UP", with(&[], Some("UP$"), None), "ok"),
        (200, "status: DOWN", with(&[], Some("UP$"), None), "body"),
        (200, "status: UP, error", with(&[], Some("UP"), Some("error")), "body"),
        (500, "UP", with(&[], Some("UP"), None), "status"),
    ] {
        let outcome = ask(probe, Server::saying(status, body).await.at).await;
        assert_eq!(word(&outcome), expected, "{status} {body}");
        assert_eq!(outcome.facts.http.unwrap().failed_by_pattern, expected == "body");
    }
}

#[tokio::test]
async fn a_redirect_is_told_and_not_followed() {
    let elsewhere = Server::saying(200, "").await;
    let leads = format!("HTTP/1.1 302 Found\r\nLocation: http://{}/\r\nContent-Length: 0\r\n\r\n", elsewhere.at);
    let server = Server::start(move |_| leads.clone().into_bytes()).await;
    let outcome = ask(probe(Kind::Http, Some("/")), server.at).await;
    assert_eq!(outcome.failure.unwrap().text, "answered 302, and redirects are not followed");
    assert_eq!(elsewhere.asked.lock().unwrap().len(), 0);
}

#[tokio::test]
async fn whatever_the_other_side_does_is_over_in_time() {
    let headers = "HTTP/1.1 200 OK\r\n";
    let chunks = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
    let slow = listen(|mut stream| async move {
        use tokio::io::AsyncWriteExt as _;
        for byte in b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nslow body" {
            if stream.write_u8(*byte).await.is_err() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    })
    .await;
    for (what, at, expected) in [
        ("a tarpit", tarpit().await, "timeout"),
        ("a byte at a time", slow, "timeout"),
        ("headers without end", endless(headers, "a: b\r\n").await, "broken"),
        ("one header without end", endless(headers, "aaaaaaaaaaaaaaaa").await, "broken"),
        ("interim answers without end", endless("", "HTTP/1.1 100 Continue\r\n\r\n").await, "broken"),
        ("chunks without end", endless(chunks, &format!("1000\r\n{}\r\n", "x".repeat(0x1000))).await, "too_large"),
        ("zeros without end", endless("HTTP/1.1 200 OK\r\n\r\n", "0000000000000000").await, "too_large"),
        ("nothing", listen(|stream| async move { drop(stream) }).await, "broken"),
        ("half a head", Server::start(|_| b"HTTP/1.1 200 O".to_vec()).await.at, "broken"),
        (
            "half a body",
            Server::start(|_| b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf".to_vec()).await.at,
            "broken",
        ),
        ("another protocol", Server::start(|_| b"-ERR unknown command\r\n".to_vec()).await.at, "broken"),
        ("nobody", nobody().await, "refused"),
    ] {
        let began = Instant::now();
        let mut matched = probe(Kind::Http, Some("/"));
        matched.answer.not_body = Some(Expression::new("never", Room::Small).unwrap());
        let outcome = ask(matched, at).await;
        assert_eq!(word(&outcome), expected, "{what}: {:?}", outcome.failure);
        assert!(began.elapsed() < LIMIT && outcome.took < LIMIT, "{what}: {:?}", outcome.took);
    }
}

#[tokio::test]
async fn a_timeout_says_how_far_it_came() {
    let outcome = ask(probe(Kind::Http, Some("/")), tarpit().await).await;
    assert_eq!(outcome.failure.unwrap().text, "not over after 1s: it was waiting for its answer");
}

#[tokio::test]
async fn a_matched_body_is_kept_to_a_ceiling() {
    let mut matched = probe(Kind::Http, Some("/"));
    matched.answer.body = Some(Expression::new("x", Room::Small).unwrap());
    let at = Server::start(|_| answer(200, &"y".repeat(2 << 20))).await.at;
    assert_eq!(word(&ask(matched, at).await), "too_large");
    assert_eq!(word(&ask(probe(Kind::Http, Some("/")), at).await), "ok");
}

#[tokio::test]
async fn the_convention_finds_what_is_there_and_remembers_it() {
    let server = Server::start(|head| answer(if head.contains(" /health ") { 200 } else { 404 }, "")).await;
    let outcome = ask(probe(Kind::Http, None), server.at).await;
    assert_eq!((word(&outcome), outcome.facts.found_path), ("ok", Some("/health")));
    let paths = |server: &Server| {
        let asked = server.asked.lock().unwrap();
        asked.iter().map(|head| head.split(' ').nth(1).unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(paths(&server), ["/health/ready", "/health"]);
    let mut again = task(probe(Kind::Http, None), container(server.at));
    again.found_path = outcome.facts.found_path;
    let outcome = asker("/nowhere".as_ref()).ask(&again).await;
    assert_eq!((word(&outcome), paths(&server).len()), ("ok", 3));
    // One that is gone is looked for again.
    again.found_path = Some("/health/live");
    let outcome = asker("/nowhere".as_ref()).ask(&again).await;
    assert_eq!((word(&outcome), outcome.facts.found_path), ("ok", Some("/health")));
    let none = Server::saying(404, "").await;
    let outcome = ask(probe(Kind::Http, None), none.at).await;
    assert_eq!((word(&outcome), outcome.facts.found_path), ("no_health_path", None));
    // It is there and ill: that is an answer.
    let ill = Server::saying(503, "").await;
    assert_eq!(word(&ask(probe(Kind::Http, None), ill.at).await), "status");
}

fn guarded(head: &str) -> Vec<u8> {
    let token =
        head.contains("authorization: Bearer s3cret\r\n") || head.contains("authorization: Basic dTpzM2NyZXQ=\r\n");
    if token { answer(200, "in") } else { answer(401, "who") }
}

#[tokio::test]
async fn authentication_is_asked_from_both_sides() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("token"), "s3cret\n").unwrap();
    let asker = asker(folder.path());
    let sided = |credentials: Credentials| {
        let mut probe = probe(Kind::Http, Some("/orders"));
        probe.credentials = credentials;
        probe.unauthorized = statuses(&["401", "403"]);
        probe
    };
    let bearer = || Credentials::Bearer("token".into());
    let guard = Server::start(guarded).await;
    let outcome = asker.ask(&task(sided(bearer()), container(guard.at))).await;
    assert_eq!((word(&outcome), outcome.facts.enforced), ("ok", Some(true)));
    let asked = guard.asked.lock().unwrap().clone();
    assert!(!asked[0].contains("authorization") && asked[1].contains("authorization: Bearer s3cret"), "{asked:?}");
    let basic = Credentials::Basic { user: "u".into(), password: Some("token".into()) };
    assert_eq!(word(&asker.ask(&task(sided(basic), container(guard.at))).await), "ok");

    let open = Server::saying(200, "in").await;
    let outcome = asker.ask(&task(sided(bearer()), container(open.at))).await;
    assert_eq!((word(&outcome), outcome.facts.enforced), ("not_refused", Some(false)));
    assert_eq!(open.asked.lock().unwrap().len(), 1, "the secret is not shown to whoever is open to all");
    let broken = Server::saying(500, "").await;
    let outcome = asker.ask(&task(sided(bearer()), container(broken.at))).await;
    assert_eq!((word(&outcome), outcome.facts.enforced), ("status", None));
    let shut = Server::saying(401, "").await;
    let outcome = asker.ask(&task(sided(bearer()), container(shut.at))).await;
    assert_eq!((word(&outcome), outcome.facts.enforced), ("status", Some(true)));
}

#[tokio::test]
async fn a_secret_is_read_anew_and_never_told() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("token");
    let asker = asker(folder.path());
    let guard = Server::start(guarded).await;
    let mut probe = probe(Kind::Http, Some("/"));
    probe.credentials = Credentials::Bearer("token".into());
    let asked = task(probe, container(guard.at));
    let missing = asker.ask(&asked).await;
    assert_eq!(word(&missing), "credentials");
    std::fs::write(&file, "hunter2").unwrap();
    let wrong = asker.ask(&asked).await;
    assert_eq!(word(&wrong), "status");
    std::fs::write(&file, "two\nhunter2 lines").unwrap();
    let odd = asker.ask(&asked).await;
    assert_eq!(word(&odd), "credentials");
    std::fs::write(&file, "s3cret").unwrap();
    let good = asker.ask(&asked).await;
    assert_eq!(word(&good), "ok");
    let told = format!("{missing:?} {wrong:?} {odd:?} {good:?} {asked:?}");
    assert!(!told.contains("hunter2") && !told.contains("s3cret"), "{told}");
}

#[tokio::test]
async fn headers_and_methods_of_the_file_are_sent() {
    let server = Server::start(|_| b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n".to_vec()).await;
    let mut head = probe(Kind::Http, Some("/"));
    head.method = http::Method::HEAD;
    head.headers = vec![(http::header::HOST, http::HeaderValue::from_static("shop.example"))];
    let outcome = ask(head, server.at).await;
    assert_eq!((word(&outcome), outcome.facts.http.unwrap().body_length), ("ok", 0));
    let asked = server.asked.lock().unwrap().join("");
    assert!(asked.starts_with("HEAD / ") && asked.contains("host: shop.example\r\n"), "{asked}");
    assert!(!asked.contains(&server.at.to_string()), "{asked}");
}

#[tokio::test]
async fn tcp_and_names() {
    let asker = asker("/nowhere".as_ref());
    assert_eq!(word(&ask(probe(Kind::Tcp, None), tarpit().await).await), "ok");
    assert_eq!(word(&ask(probe(Kind::Tcp, None), nobody().await).await), "refused");
    let server = Server::saying(200, "").await;
    let mut named = task(
        Probe::new(Aim { kind: Kind::Http, port: server.at.port(), path: Some("/".into()) }),
        super::super::plan::End::Host("localhost".into(), server.at.port(), None),
    );
    (named.name, named.elsewhere) = ("localhost".into(), true);
    let outcome = asker.ask(&named).await;
    assert_eq!(word(&outcome), "ok");
    assert!(server.asked.lock().unwrap()[0].contains(&format!("host: localhost:{}\r\n", server.at.port())));
    named.end = super::super::plan::End::Host("nowhere.invalid".into(), 80, None);
    named.timeout = Duration::from_secs(10);
    let outcome = asker.ask(&named).await;
    assert_eq!(word(&outcome), "resolve", "{:?}", outcome.failure);
}
