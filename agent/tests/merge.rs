//! `metrics.merge`: the endpoints which containers declare, on the agent's own page.
//!
//! Promised: one sound page in both formats whatever the endpoints expose; each has its own verdict; a slow, a huge, a lying
//! and a dead one cost the others and the agent nothing but the time that the file allows.

#![expect(clippy::expect_used, reason = "an assumption that breaks fails the test, as it should")]

mod support;

use std::{
    io::{Read, Write},
    time::{Duration, Instant},
};

use flate2::read::GzDecoder;
use support::{
    agent::{ACCEPT_OPENMETRICS, Agent, Home, IN_TIME},
    application::{Application, TEXT, on_host, respond_with},
    fake_engine::{FakeContainer, FakeEngine, World},
    page::Page,
    scene::{and, binary, replica},
    wait::{eventually, holds, promptly},
};

fn scene(containers: Vec<FakeContainer>, more: &str) -> (FakeEngine, Home, Agent) {
    let engine = FakeEngine::start(containers.into_iter().fold(World::new(), World::with));
    let home = Home::with(&binary(), &engine.socket(), &format!("metrics:\n  merge: on\n{more}"));
    let agent = home.start();
    (engine, home, agent)
}

const SHOP: &str = "# HELP process_cpu_seconds_total CPU time, says the application.\n# TYPE process_cpu_seconds_total counter\n\
    process_cpu_seconds_total 12.5\n# HELP shop_orders_total Orders.\n# TYPE shop_orders_total counter\n\
    shop_orders_total{service=\"front\",kind=\"ä \\\"new\\\"\"} 3\n# HELP shop_wait_seconds Waiting.\n# TYPE shop_wait_seconds histogram\n\
    shop_wait_seconds_bucket{le=\"0.1\"} 1\nshop_wait_seconds_bucket{le=\"+Inf\"} 2\nshop_wait_seconds_sum 0.7\nshop_wait_seconds_count 2\n";

#[test]
fn what_an_application_exposes_stands_on_the_page() {
    let one = Application::good(SHOP);
    let two = Application::saying(
        "application/openmetrics-text; version=1.0.0",
        "# HELP shop_orders Orders.\n# TYPE shop_orders counter\nshop_orders_total{kind=\"old\"} 5 # {trace=\"x\"} 1\n# EOF\n",
    );
    let (engine, _home, agent) = scene(vec![on_host("one", one.port), on_host("two", two.port)], "");
    let (first, second) = (replica("shop", "one", "1"), replica("shop", "two", "1"));
    for page in [agent.scrape(), agent.scrape_openmetrics()] {
        let order = page.one("shop_orders_total", &first).expect("its sample");
        assert_eq!((order.label("exported_service"), order.label("kind"), order.value), ("front", "ä \"new\"", 3.0));
        assert_eq!((order.label("target"), order.label("host").is_empty()), ("1", false));
        assert_eq!(page.value("shop_orders_total", &second), Some(5.0), "in one family, whatever its format");
        assert_eq!(page.value("shop_wait_seconds_bucket", &and(&first, "le", "+Inf")), Some(2.0));
        assert_eq!(page.all("process_cpu_seconds_total", &[]).count(), 2, "ours and theirs in one family");
        assert_eq!(page.value("process_cpu_seconds_total", &first), Some(12.5));
        for (who, samples) in [(&first, 6.0), (&second, 1.0)] {
            assert_eq!(page.expect("spyhop_target_up", who, 1.0), Ok(()));
            assert_eq!(page.expect("spyhop_target_reachable", who, 1.0), Ok(()));
            assert_eq!(page.expect("spyhop_target_samples", who, samples), Ok(()));
            assert_eq!(page.expect("spyhop_target_samples_left_out", who, 0.0), Ok(()));
            assert!(page.value("spyhop_target_scrape_duration_seconds", who).is_some_and(|took| took < 1.0));
        }
    }
    let headers = [("Accept", ACCEPT_OPENMETRICS), ("Accept-Encoding", "gzip")];
    let packed = agent.get("/metrics", &headers).expect("an answer");
    assert_eq!(packed.header("content-encoding"), Some("gzip"));
    let mut page = String::new();
    GzDecoder::new(packed.body.as_slice()).read_to_string(&mut page).expect("gzip");
    assert_eq!(Page::openmetrics(&page).expect("a sound page").value("shop_orders_total", &first), Some(3.0));

    let asked = one.asked().len();
    let page = agent.scrape_path("/metrics?collect[]=node");
    assert_eq!(one.asked().len(), asked, "who wants no endpoint's series does not make anybody fetch them");
    assert_eq!(page.all("shop_orders_total", &[]).count() + page.all("spyhop_target_up", &[]).count(), 0);

    engine.die("shop-one-1", 0);
    engine.die("shop-two-1", 0);
    promptly("all series of endpoints that are gone", || {
        let page = agent.scrape();
        page.absent("shop_orders_total", &[])?;
        page.absent("spyhop_target_up", &[])?;
        page.absent("spyhop_target_reachable", &[])
    });
}

#[test]
fn nothing_is_fetched_unless_asked_for() {
    let one = Application::good(SHOP);
    let engine = FakeEngine::start(World::new().with(on_host("one", one.port)));
    let agent = Home::new(&binary(), &engine.socket()).start();
    let page = agent.scrape();
    assert_eq!(page.expect("spyhop_target_reachable", &replica("shop", "one", "1"), 1.0), Ok(()));
    assert_eq!(page.absent("spyhop_target_up", &[]), Ok(()));
    assert_eq!(one.asked(), [""; 0]);
}

#[test]
fn bad_endpoints_harm_nobody() {
    let bad = [
        ("silent", Application::silent()),
        ("endless", Application::endless("junk{n=\"{}\"} 1\n")),
        ("line", Application::endless("x{}")),
        ("labels", Application::good(format!("a{{{}}} 1\n", "b=\"c\",".repeat(100)))),
        ("invalid", Application::good("<html>hello</html>\n")),
        ("twotypes", Application::good("# TYPE a gauge\na 1\na one\n")),
        ("latin", Application::saying(TEXT, b"a{b=\"\xe4\"} 1\n".to_vec())),
        ("html", Application::saying("text/html", SHOP)),
        (
            "protobuf",
            Application::saying("application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily", "x"),
        ),
        ("unasked", Application::start(|_, s| respond_with(s, "200 OK", "Content-Encoding: gzip\r\n", b"x"))),
        ("error", Application::start(|_, s| respond_with(s, "500 Oh", "", b"a 1\n"))),
        ("cut", Application::start(|_, s| s.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\nshop_cut 1\n"))),
        ("noeof", Application::saying("application/openmetrics-text", "# TYPE shop_cut gauge\nshop_cut 1\n")),
        ("families", Application::good((0..5000).map(|n| format!("# TYPE f{n} gauge\n")).collect::<String>())),
        ("name", Application::good("a{__name__=\"up\"} 1\n")),
    ];
    // Sound pages with things on them that are not taken.
    let odd = [
        ("doubled", "shop_d{a=\"1\",b=\"2\"} 1\nshop_d{b=\"2\",a=\"1\"} 2\n"),
        (
            "liar",
            "# TYPE spyhop_target_up gauge\nspyhop_target_up{service=\"x\"} 1\nspyhop_engine_up 0\nshop_fine 1\n# TYPE shop_c counter\nshop_c -1\n",
        ),
        ("clash", "# HELP process_open_fds x\n# TYPE process_open_fds histogram\nprocess_open_fds_sum 1\n"),
    ];
    let good = Application::good(SHOP);
    let odd = odd.map(|(name, page)| (name, Application::good(page)));
    let mut containers: Vec<_> = bad.iter().chain(&odd).map(|(name, app)| on_host(name, app.port)).collect();
    containers.push(on_host("dead", Application::dead()));
    containers.push(on_host("good", good.port));
    let (_engine, _home, agent) = scene(containers, "  merge_timeout: 1s\n");
    let up = |page: &Page, name: &str| page.value("spyhop_target_up", &replica("shop", name, "1"));
    for _ in 0..5 {
        let begun = Instant::now();
        // Both are read strictly: no family twice, no series twice, every sample below its family.
        let page = agent.get("/metrics", &[("Accept", "text/plain;version=0.0.4")]).expect("an answer");
        assert!(begun.elapsed() < Duration::from_secs(3), "{:?}", begun.elapsed());
        // Endpoints need not have help texts, which the strict reader wants of us.
        let page = Page::text(&with_help(page.text())).expect("a sound page");
        assert_eq!(page.value("shop_orders_total", &replica("shop", "good", "1")), Some(3.0));
        for name in ["good", "doubled", "liar", "clash"] {
            assert_eq!(up(&page, name), Some(1.0), "{name}");
        }
        for (name, _) in &bad {
            assert_eq!(up(&page, name), Some(0.0), "{name}");
        }
        assert_eq!(up(&page, "dead"), Some(0.0));
        assert_eq!(page.all("shop_cut", &[]).count() + page.all("junk", &[]).count(), 0, "half a page is none");
        assert_eq!(page.value("shop_d", &replica("shop", "doubled", "1")), Some(1.0), "the first of two");
        let left_out = |name| page.value("spyhop_target_samples_left_out", &replica("shop", name, "1"));
        assert_eq!((left_out("doubled"), left_out("liar"), left_out("good")), (Some(1.0), Some(3.0), Some(0.0)));
        assert_eq!(page.expect("spyhop_engine_up", &[], 1.0), Ok(()), "nobody speaks for the agent");
        let openmetrics = agent.get("/metrics", &[("Accept", ACCEPT_OPENMETRICS)]).expect("an answer");
        Page::openmetrics(&with_help(openmetrics.text())).expect("a sound page");
    }
    let usage = agent.usage();
    println!("RSS {} KiB, {} threads", usage.rss >> 10, usage.threads);
    assert!(usage.allocated < 21 << 20, "{usage:?}");
}

/// The page with a help text before each type that has none.
fn with_help(page: &str) -> String {
    let mut lines: Vec<String> = Vec::new();
    for line in page.lines() {
        if let Some(name) = line.strip_prefix("# TYPE ").and_then(|rest| rest.split(' ').next()) {
            let helped = lines.last().is_some_and(|last| last.starts_with(&format!("# HELP {name} ")));
            if !helped {
                lines.push(format!("# HELP {name} None."));
            }
        }
        lines.push(line.to_owned());
    }
    lines.join("\n") + "\n"
}

/// Twenty applications at the edge of what one may say: the room is used up, what is left out is left out whole.
#[test]
fn room_is_shared_and_memory_bounded() {
    let page: String = (0..8_000).map(|n| format!("shop_big{{n=\"{n:06}\"}} {n}\n")).collect();
    let big: Vec<_> = (0..20).map(|_| Application::good(page.clone())).collect();
    let containers = big.iter().enumerate().map(|(n, app)| on_host(&format!("big{n}"), app.port)).collect();
    // Time is not what is measured: a slow machine may read twenty pages slowly.
    let (_engine, _home, agent) = scene(containers, "  merge_timeout: 10s\n");
    for _ in 0..5 {
        let page = agent.scrape_path_with_help();
        let up = page.all("spyhop_target_up", &[]).filter(|sample| sample.value == 1.0).count();
        assert!((1..20).contains(&up), "{up} of 20 found room");
        let samples = page.all("shop_big", &[]).count();
        assert_eq!(samples, up * 8_000, "whole or not at all");
    }
    let usage = agent.usage();
    println!("RSS {} KiB", usage.rss >> 10);
    assert!(usage.allocated < 21 << 20, "{usage:?}");
}

trait Helped {
    fn scrape_path_with_help(&self) -> Page;
}

impl Helped for Agent {
    fn scrape_path_with_help(&self) -> Page {
        let page = self.get("/metrics", &[("Accept", "text/plain;version=0.0.4")]).expect("an answer");
        Page::text(&with_help(page.text())).expect("a sound page")
    }
}

/// A dead endpoint's deadline is everybody's wait; the client's own patience makes it shorter.
#[test]
fn the_clients_patience_counts() {
    let (silent, good) = (Application::silent(), Application::good(SHOP));
    let containers = vec![on_host("silent", silent.port), on_host("good", good.port)];
    let (_engine, _home, agent) = scene(containers, "  merge_timeout: 10s\n");
    let begun = Instant::now();
    let headers = [("X-Prometheus-Scrape-Timeout-Seconds", "0.8"), ("Accept", "text/plain;version=0.0.4")];
    let page = agent.get("/metrics", &headers).expect("an answer");
    assert!(begun.elapsed() < IN_TIME, "{:?}", begun.elapsed());
    let page = Page::text(page.text()).expect("a sound page");
    assert_eq!(page.value("spyhop_target_up", &replica("shop", "silent", "1")), Some(0.0));
    assert_eq!(page.value("spyhop_target_up", &replica("shop", "good", "1")), Some(1.0));
    let liveness = agent.get("/health/live", &[]).expect("an answer");
    assert_eq!(liveness.status, 200);
    eventually("nothing is left open", || {
        let handles = agent.usage().handles;
        holds(handles < 60, || format!("{handles} handles"))
    });
}
