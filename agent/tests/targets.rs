//! `/sd` and `/proxy` over real sockets: what is handed out, what is passed on, what is refused.
//!
//! Promised: a target gets one plain request and nothing of the client's but what it accepts; a slow, a huge, a lying and a
//! dead target each end in an error their own scrape sees, and harm nobody else; a label never leads to a foreign address.

#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "an assumption that breaks fails the test, as it should"
)]

mod support;

use std::{
    io::{Read, Write},
    net::TcpStream,
    time::{Duration, Instant},
};

use flate2::{Compression, write::GzEncoder};
use serde_json::Value;
use support::{
    agent::{Agent, Home, IN_TIME},
    application::{Application, TEXT, on_host, respond, respond_with},
    fake_engine::{FakeContainer, FakeEngine, World},
    page::Page,
    scene::binary,
    wait::{eventually, holds, patience, promptly},
    wire,
};

/// An engine with these containers, and an agent that watches it.
fn scene(containers: Vec<FakeContainer>, more: &str) -> (FakeEngine, Home, Agent) {
    let engine = FakeEngine::start(containers.into_iter().fold(World::new(), World::with));
    let home = Home::with(&binary(), &engine.socket(), more);
    let agent = home.start();
    (engine, home, agent)
}

/// The groups of `/sd` by service.
fn groups(agent: &Agent, query: &str) -> Vec<(String, Value)> {
    let answer = agent.get(&format!("/sd{query}"), &[]).expect("the agent answers");
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(answer.header("content-type"), Some("application/json"));
    let groups: Vec<Value> = serde_json::from_str(answer.text()).expect("a JSON list");
    groups
        .into_iter()
        .map(|group| (group["labels"]["service"].as_str().unwrap_or_default().to_owned(), group))
        .collect()
}

fn outcome(agent: &Agent, outcome: &str) -> f64 {
    agent.scrape().value("spyhop_target_requests_total", &[("outcome", outcome)]).expect("every outcome is on the page")
}

#[test]
fn the_list_is_complete_and_follows_the_containers() {
    let (one, two) = (Application::good("one 1\n"), Application::good("two 2\n"));
    let second = on_host("two", two.port).label("spyhop.metrics.2.port", "65000").label("spyhop.metrics.2.path", "/x");
    let excluded = on_host("hidden", one.port).label("spyhop.enable", "false");
    let silent = FakeContainer::new("silent").network_mode("host").running(1);
    let (engine, _home, agent) = scene(vec![on_host("one", one.port), second, excluded, silent], "");

    let found = groups(&agent, "");
    assert_eq!(found.iter().map(|(service, _)| service.as_str()).collect::<Vec<_>>(), ["one", "two", "two"]);
    let labels = &found[0].1["labels"];
    assert_eq!(found[0].1["targets"], serde_json::json!([agent.address.to_string()]), "the Host header's address");
    assert_eq!((&labels["__metrics_path__"], &labels["__scheme__"]), (&"/proxy/shop/one/1".into(), &"http".into()));
    assert_eq!((&labels["project"], &labels["replica"]), (&"shop".into(), &"1".into()));
    assert_eq!(labels["__meta_spyhop_vantage"], "host");
    assert_eq!(found[2].1["labels"]["__metrics_path__"], "/proxy/shop/two/1:2");

    assert_eq!(groups(&agent, "?service=one").len(), 1);
    assert_eq!(groups(&agent, "?project=other").len(), 0);
    let direct = groups(&agent, "?mode=direct");
    assert_eq!(direct[0].1["targets"], serde_json::json!([format!("127.0.0.1:{}", one.port)]));
    assert_eq!(direct[0].1["labels"]["__metrics_path__"], "/metrics");
    assert_eq!(agent.get("/sd?mode=other", &[]).expect("an answer").status, 400);

    engine.die("shop-one-1", 0);
    promptly("the stopped container leaves", || holds(groups(&agent, "").len() == 2, || "still there".into()));
    engine.stop();
    promptly("an engine that is gone", || agent.scrape().expect("spyhop_engine_up", &[], 0.0));
    assert_eq!(groups(&agent, "").len(), 2, "takes no target from Prometheus");
}

#[test]
fn nothing_is_listed_before_the_first_inventory() {
    let engine = FakeEngine::start(World::new());
    engine.stop();
    let agent = Home::new(&binary(), &engine.socket()).open();
    let answer = agent.get("/sd", &[]).expect("an answer");
    assert_eq!(answer.status, 503, "on an error Prometheus keeps the list it has: {}", answer.text());
    engine.restart();
    eventually("the list", || {
        let answer = agent.get("/sd", &[]).map_err(|error| error.to_string())?;
        holds(answer.status == 200 && answer.text() == "[]", || answer.text().to_owned())
    });
}

#[test]
fn the_configured_address_counts_more_than_the_clients() {
    let one = Application::good("one 1\n");
    let more = "targets:\n  mode: direct\n";
    let (_engine, home, agent) = scene(vec![on_host("one", one.port)], more);
    assert_eq!(groups(&agent, "")[0].1["targets"][0], format!("127.0.0.1:{}", one.port));
    // One agent at a time owns the state folder.
    agent.terminate();
    let config = std::fs::read_to_string(home.config()).expect("the file");
    let config = config.replace("http:\n", "http:\n  external_url: https://mon.example/spy\n");
    std::fs::write(home.config(), config).expect("the file");
    let group = groups(&home.start(), "?mode=proxy")[0].1.clone();
    assert_eq!(group["targets"][0], "mon.example");
    assert_eq!(group["labels"]["__metrics_path__"], "/spy/proxy/shop/one/1");
    assert_eq!(group["labels"]["__scheme__"], "https");
}

#[test]
fn a_target_gets_one_plain_request() {
    let page = "# TYPE one counter\none 1\n";
    let one = Application::start(move |_, stream| {
        let headers = format!("Content-Type: {TEXT}\r\nSet-Cookie: a=b\r\nServer: x\r\nX-Odd: y\r\n");
        respond_with(stream, "200 OK", &headers, page.as_bytes())
    });
    let container = on_host("one", one.port).label("spyhop.metrics.path", "/stats?all=1");
    let (_engine, _home, agent) = scene(vec![container], "");
    let headers = [
        ("Accept", "application/openmetrics-text;version=1.0.0,text/plain;q=0.5"),
        ("Accept-Encoding", "gzip"),
        ("Authorization", "Basic c2VjcmV0"),
        ("Cookie", "session=secret"),
        ("X-Forwarded-For", "10.0.0.1"),
        ("X-Prometheus-Scrape-Timeout-Seconds", "5"),
        ("User-Agent", "Prometheus/2.42.0"),
    ];
    let answer = agent.get("/proxy/shop/one/1?other=2", &headers).expect("an answer");
    assert_eq!((answer.status, answer.text()), (200, page));
    assert_eq!(answer.header("content-type"), Some(TEXT));
    for name in ["set-cookie", "server", "x-odd", "content-encoding"] {
        assert_eq!(answer.header(name), None, "{name}");
    }
    assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
    let asked = one.asked();
    let [head] = asked.as_slice() else { panic!("{asked:?}") };
    let mut lines: Vec<_> = head.trim_end().split("\r\n").map(str::to_ascii_lowercase).collect();
    lines.sort_unstable();
    let agent_line = format!("user-agent: spyhop/{}", env!("CARGO_PKG_VERSION"));
    let mut expected = [
        "get /stats?all=1 http/1.1",
        &format!("host: 127.0.0.1:{}", one.port),
        "accept: application/openmetrics-text;version=1.0.0,text/plain;q=0.5",
        "accept-encoding: gzip",
        "connection: close",
        &agent_line,
    ];
    expected.sort_unstable();
    assert_eq!(lines, expected);
    assert_eq!(outcome(&agent, "ok"), 1.0);
    for method in ["HEAD", "POST", "PUT", "DELETE", "OPTIONS"] {
        let answer = wire::request(agent.address, method, "/proxy/shop/one/1", &[], "", patience());
        // What follows HEAD is no body, which the strict client does not know of.
        let status = answer.map(|answer| answer.status);
        assert!(method == "HEAD" || status.as_ref().is_ok_and(|status| *status == 405), "{method}: {status:?}");
    }
    assert_eq!(one.asked().len(), 1, "nothing but GET reaches the target");
}

#[test]
fn every_bad_answer_is_told_as_what_it_is() {
    let elsewhere = Application::good("stolen 1\n");
    let redirect = format!("Location: http://127.0.0.1:{}/metrics\r\n", elsewhere.port);
    let applications = [
        ("html", Application::saying("text/html", "<h1>hi</h1>"), 502, "content_type"),
        ("json", Application::saying("application/json", "{}"), 502, "content_type"),
        ("error", Application::start(|_, s| respond_with(s, "500 Oh", "", b"stack trace")), 502, "status"),
        ("missing", Application::start(|_, s| respond_with(s, "404 Not Found", "", b"")), 502, "status"),
        ("moved", Application::start(move |_, s| respond_with(s, "302 Found", &redirect, b"")), 502, "redirect"),
        ("noise", Application::start(|_, s| s.write_all(b"220 mail.example ESMTP\r\n")), 502, "broken"),
        ("short", Application::start(|_, s| s.write_all(b"HTTP/1.1 200 OK\r\nContent-Ty")), 502, "broken"),
        ("big", Application::saying(TEXT, vec![b'#'; 70 << 10]), 502, "too_large"),
        (
            "packed",
            Application::start(|_, s| {
                respond_with(s, "200 OK", "Content-Type: text/plain\r\nContent-Encoding: br\r\n", b"x")
            }),
            502,
            "encoding",
        ),
        (
            "headers",
            Application::start(|_, s| {
                let many = "X-Many: y\r\n".repeat(20_000);
                respond_with(s, "200 OK", &many, b"")
            }),
            502,
            "broken",
        ),
        (
            "patience",
            Application::start(|_, s| {
                loop {
                    s.write_all(&b"HTTP/1.1 100 Continue\r\n\r\n".repeat(1000))?;
                }
            }),
            502,
            "broken",
        ),
        ("silent", Application::silent(), 504, "timeout"),
    ];
    let mut containers: Vec<_> = applications.iter().map(|(name, app, ..)| on_host(name, app.port)).collect();
    containers.push(on_host("dead", Application::dead()));
    let (_engine, _home, agent) = scene(containers, "targets:\n  timeout: 2s\n  max_body_size: 64KiB\n");
    for (name, _, status, word) in &applications {
        let before = outcome(&agent, word);
        let answer = agent.get(&format!("/proxy/shop/{name}/1"), &[]).expect("an answer");
        assert_eq!((answer.status, outcome(&agent, word) - before), (*status, 1.0), "{name}: {}", answer.text());
        assert!(answer.header("content-type").is_some_and(|kind| kind.starts_with("text/plain")), "{name}");
        assert!(!answer.text().contains("stack"), "nothing of a bad answer is passed on");
    }
    let answer = agent.get("/proxy/shop/dead/1", &[]).expect("an answer");
    assert_eq!((answer.status, outcome(&agent, "connect")), (502, 1.0), "{}", answer.text());
    for path in ["/proxy/shop/unknown/1", "/proxy/shop/html/2", "/proxy/", "/proxy/shop/html/1/x", "/proxy/../metrics"]
    {
        assert_eq!(agent.get(path, &[]).expect("an answer").status, 404, "{path}");
    }
    assert_eq!(elsewhere.asked(), [""; 0], "no redirect was followed");
}

#[test]
fn half_a_page_never_looks_whole() {
    let mut bomb = GzEncoder::new(Vec::new(), Compression::best());
    bomb.write_all(&vec![b'0'; 4 << 20]).expect("packed");
    let bomb = bomb.finish().expect("packed");
    assert!(bomb.len() < 8 << 10);
    let packed = "Content-Type: text/plain\r\nContent-Encoding: gzip\r\n";
    let applications = [
        ("endless", Application::endless("junk{n=\"{}\"} 1\n"), "too_large"),
        ("line", Application::endless("x{}"), "too_large"),
        ("bomb", Application::start(move |_, s| respond_with(s, "200 OK", packed, &bomb)), "too_large"),
        (
            "cut",
            Application::start(|_, s| s.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\nup 1\n")),
            "broken",
        ),
        (
            "drip",
            Application::start(|_, s| {
                s.write_all(format!("HTTP/1.1 200 OK\r\nContent-Type: {TEXT}\r\n\r\n").as_bytes())?;
                loop {
                    s.write_all(b"# \n")?;
                    std::thread::sleep(Duration::from_millis(20));
                }
            }),
            "timeout",
        ),
    ];
    let containers = applications.iter().map(|(name, app, _)| on_host(name, app.port)).collect();
    let (_engine, _home, agent) = scene(containers, "targets:\n  timeout: 1s\n  max_body_size: 1MiB\n");
    let idle = agent.usage().rss;
    for (name, _, word) in &applications {
        let before = outcome(&agent, word);
        let begun = Instant::now();
        let answer = agent.get(&format!("/proxy/shop/{name}/1"), &[("Accept-Encoding", "gzip")]);
        assert!(answer.is_err(), "{name} looks whole: {answer:?}");
        assert!(begun.elapsed() < Duration::from_secs(5), "{name} took {:?}", begun.elapsed());
        eventually("its end is counted", || {
            let counted = outcome(&agent, word) - before;
            holds(counted == 1.0, || format!("{name} {word}: {counted}"))
        });
    }
    // Above what it has while nothing happens: how large the program of a debug build is, is nobody's affair here.
    assert!(agent.usage().rss < idle + (12 << 20), "{} bytes, {idle} before", agent.usage().rss);
}

/// Prometheus leaves at its timeout, people press Control-C: the target is let go, and nothing is said of it.
#[test]
fn a_client_that_leaves_takes_its_fetch_along() {
    let (endless, silent) = (Application::endless("junk{n=\"{}\"} 1\n"), Application::silent());
    let containers = vec![on_host("endless", endless.port), on_host("silent", silent.port)];
    let more = "targets:\n  max_body_size: 1GiB\n  timeout: 3s\n  max_fetches: 2\n";
    let (_engine, _home, agent) = scene(containers, more);
    let before = agent.usage().handles;
    for n in 1..=5 {
        let mut client = TcpStream::connect(agent.address).expect("a connection");
        client.write_all(b"GET /proxy/shop/endless/1 HTTP/1.1\r\nHost: a\r\n\r\n").expect("a request");
        client.read_exact(&mut [0; 100_000]).expect("some of the page");
        drop(client);
        eventually("the end of the fetch", || {
            let counted = outcome(&agent, "abandoned");
            holds(counted == f64::from(n), || format!("{counted} abandoned"))
        });
    }
    // More than there are places, and nobody waits for them.
    for _ in 0..6 {
        let mut client = TcpStream::connect(agent.address).expect("a connection");
        client.write_all(b"GET /proxy/shop/silent/1 HTTP/1.1\r\nHost: a\r\n\r\n").expect("a request");
    }
    eventually("a place", || {
        let answer = agent.get("/proxy/shop/silent/1", &[("X-Prometheus-Scrape-Timeout-Seconds", "0.1")]);
        let status = answer.map_err(|error| error.to_string())?.status;
        holds(status == 504, || status.to_string())
    });
    eventually("all handles back", || {
        let handles = agent.usage().handles;
        holds(handles <= before + 1, || format!("{handles} handles, {before} before"))
    });
}

/// A target which shares the agent's own address and port is the agent: it would fetch itself without end.
#[test]
fn the_agent_does_not_fetch_itself() {
    let engine = FakeEngine::start(World::new());
    let agent = Home::with(&binary(), &engine.socket(), "metrics:\n  merge: on\n").start();
    engine.run(on_host("mirror", agent.address.port()).label("spyhop.metrics.path", "/proxy/shop/mirror/1"), 1);
    eventually("it is known", || holds(groups(&agent, "").len() == 1, || "not yet".into()));
    assert_eq!(groups(&agent, "")[0].1["labels"]["__metrics_path__"], "/metrics");
    let answer = agent.get("/proxy/shop/mirror/1", &[]).expect("an answer");
    assert_eq!(answer.status, 502, "{}", answer.text());
    assert_eq!(agent.scrape().absent("spyhop_target_up", &[]), Ok(()));
}

#[test]
fn gzip_is_passed_through_as_it_is() {
    let page = "one 1\n".repeat(1000);
    let mut packed = GzEncoder::new(Vec::new(), Compression::fast());
    packed.write_all(page.as_bytes()).expect("packed");
    let packed = packed.finish().expect("packed");
    let (body, plain) = (packed.clone(), page.clone());
    let application = Application::start(move |head, stream| {
        if head.contains("accept-encoding: gzip") {
            return respond_with(stream, "200 OK", "Content-Type: text/plain\r\nContent-Encoding: gzip\r\n", &body);
        }
        respond(stream, TEXT, plain.as_bytes())
    });
    let (_engine, _home, agent) = scene(vec![on_host("one", application.port)], "");
    let answer = agent.get("/proxy/shop/one/1", &[("Accept-Encoding", "gzip")]).expect("an answer");
    assert_eq!((answer.header("content-encoding"), answer.body.as_slice()), (Some("gzip"), packed.as_slice()));
    let answer = agent.get("/proxy/shop/one/1", &[("Accept-Encoding", "br, gzip;q=0")]).expect("an answer");
    assert_eq!((answer.header("content-encoding"), answer.text()), (None, page.as_str()));
}

/// A label can name a port and a path; everything that smells of a host is refused, and told on the page.
#[test]
fn labels_never_lead_to_a_foreign_address() {
    let foreign = Application::good("stolen 1\n");
    let other = format!("127.0.0.1:{}", foreign.port);
    let declare = |service: &str, labels: &[(&str, &str)]| {
        let lone = FakeContainer::new(service).network_mode("host").running(1);
        labels.iter().fold(lone, |container, (key, value)| container.label(key, value))
    };
    let port = foreign.port.to_string();
    let containers = vec![
        declare("user", &[("spyhop.metrics.port", &format!("80@{other}"))]),
        declare("host", &[("spyhop.metrics.port", &other)]),
        declare("url", &[("spyhop.metrics.port", "80"), ("spyhop.metrics.path", &format!("http://{other}/metrics"))]),
        declare("split", &[("spyhop.metrics.port", "80"), ("spyhop.metrics.path", "/ HTTP/1.1\r\nHost: x\r\n\r\n")]),
        declare("scheme", &[("spyhop.metrics.port", &port), ("spyhop.metrics.scheme", "file")]),
        declare("address", &[("spyhop.metrics.port", "80"), ("spyhop.metrics.address", &other)]),
        // In the engine's word on an overlay network with the subnet of the machine's loopback.
        FakeContainer::new("overlay").network("far", "127.0.0.1").running(1).label("spyhop.metrics.port", &port),
        FakeContainer::new("bridge").network("near", "127.0.0.1").running(1).label("spyhop.metrics.port", &port),
    ];
    let world = containers.into_iter().fold(World::new().network("near", "127.0.0.0/8"), World::with);
    let engine = FakeEngine::start(world);
    let agent = Home::new(&binary(), &engine.socket()).start();
    let mut refused = 0.0;
    for (service, reason) in [
        ("user", Some("bad_port")),
        ("host", Some("bad_port")),
        ("url", Some("bad_path")),
        ("split", Some("bad_path")),
        ("scheme", Some("bad_scheme")),
        ("overlay", Some("no_bridge")),
        ("bridge", Some("no_bridge")),
        // The word `address` has no meaning: what is left is the container's own port 80.
        ("address", None),
    ] {
        let answer = agent.get(&format!("/proxy/-/{service}/1"), &[]).expect("an answer");
        assert_eq!(answer.status, 502, "{service}: {}", answer.text());
        if reason.is_some() {
            refused += 1.0;
            assert!(groups(&agent, &format!("?service={service}")).is_empty(), "{service}");
        }
    }
    assert_eq!(outcome(&agent, "unreachable"), refused);
    assert_eq!(foreign.asked(), [""; 0], "nobody was led there");
}

/// More dead targets than there are places, all asked at once, and one that is well.
#[test]
fn slow_targets_starve_nobody() {
    const SLOW: usize = 40;
    let (well, silent) = (Application::good("well 1\n"), Application::silent());
    let mut containers: Vec<_> = (0..SLOW).map(|n| on_host(&format!("slow{n}"), silent.port)).collect();
    containers.push(on_host("well", well.port));
    let more = "targets:\n  timeout: 2s\n  max_fetches: 16\n";
    let (_engine, _home, agent) = scene(containers, more);
    let ask = |path: &str| wire::get(agent.address, path, &[], patience());
    // Each is found out once, one after the other.
    for n in 0..SLOW {
        let patience = [("X-Prometheus-Scrape-Timeout-Seconds", "0.05")];
        let answer = agent.get(&format!("/proxy/shop/slow{n}/1"), &patience).expect("an answer");
        assert_eq!(answer.status, 504);
    }
    std::thread::scope(|scope| {
        let slow: Vec<_> = (0..SLOW).map(|n| scope.spawn(move || ask(&format!("/proxy/shop/slow{n}/1")))).collect();
        eventually("all places for the troubled are taken", || {
            let asked = silent.asked().len();
            holds(asked == SLOW + 8, || format!("{asked} requests"))
        });
        for _ in 0..5 {
            let begun = Instant::now();
            let answer = ask("/proxy/shop/well/1").expect("an answer");
            assert_eq!((answer.status, answer.text()), (200, "well 1\n"));
            assert!(begun.elapsed() < IN_TIME, "{:?}", begun.elapsed());
            let page = ask("/metrics").expect("an answer");
            assert!(Page::text(page.text()).is_ok());
        }
        let codes: Vec<u16> =
            slow.into_iter().map(|asked| asked.join().expect("no panic").expect("an answer").status).collect();
        let count = |code: u16| codes.iter().filter(|found| **found == code).count();
        assert_eq!((count(504), count(503)), (8, SLOW - 8), "{codes:?}");
    });
    assert_eq!(outcome(&agent, "busy"), 32.0);
    assert_eq!(agent.scrape().value("spyhop_refused_total", &[("reason", "fetches")]), Some(32.0));
}
