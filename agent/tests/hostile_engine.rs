//! An engine that lies, babbles or breaks, and containers named by somebody who means harm.
//!
//! Promised: the page stays one that Prometheus takes, in both formats; nothing is shown that nobody said; memory stays bounded; the agent
//! goes on, and is right again as soon as the engine is. What each question does with each fault is in `engine.rs`.

#![expect(clippy::expect_used, reason = "a test fails by panicking")]

mod support;

use std::time::Duration;

use serde_json::json;
use support::{
    agent::{Agent, Home},
    fake_engine::{FakeContainer, FakeEngine, Fault, Route, World},
    scene::{binary, replica},
    wait::{eventually, holds, patience, within},
};

/// Most the agent may ever hold while an engine sends without end: the ceiling of the largest answer, twice while it grows, and itself.
const MAX_RSS: u64 = 200 << 20;

fn web() -> FakeContainer {
    FakeContainer::new("web").compose("shop", "web", 1).running(1)
}

fn all_labels(engine: &FakeEngine) -> Home {
    Home::with(&binary(), &engine.socket(), "metrics:\n  container_labels: [\"*\"]\n")
}

fn knows(agent: &Agent, count: f64) {
    eventually("the containers", || agent.scrape().expect("spyhop_inventory_containers", &[], count));
}

/// The page in both formats, each checked to the letter by the reader; the text itself.
fn both_formats(agent: &Agent) -> String {
    agent.scrape_openmetrics();
    agent.scrape();
    agent.get("/metrics", &[]).expect("a page").text().to_owned()
}

fn refused(agent: &Agent, reason: &str) -> f64 {
    agent.scrape().value("spyhop_refused_total", &[("reason", reason)]).unwrap_or_default()
}

#[test]
fn labels_of_every_kind_make_a_page_that_is_taken() {
    let mut vile = web();
    let values = [
        ("quote", "a\"b\"} 1\nspyhop_ready 0\n"),
        ("newline", "\n\r\n\u{2028}\u{85}"),
        ("backslash", "\\n\\\\\"\\"),
        ("control", "\u{0}\u{1}\u{7f}\u{1b}[31m"),
        ("unicode", "🐳\u{202e}\u{fffd}é"),
        ("comment", "# EOF\n# TYPE spyhop_ready counter\n"),
        ("", "no key"),
        ("🐳", "no letter in the key"),
        ("0", "begins with a digit"),
        ("a.b", "one"),
        ("a-b", "two"),
        ("a/b", "three"),
        ("a_b", "four"),
        ("__name__", "spyhop_ready"),
        ("le", "+Inf"),
    ];
    for (key, value) in values {
        vile = vile.label(key, value);
    }
    let engine = FakeEngine::start(World::new().with(vile.label("long", &"x".repeat(64 << 10))));
    let home = all_labels(&engine);
    let agent = home.start();
    knows(&agent, 1.0);
    let page = both_formats(&agent);
    assert_eq!(agent.scrape().value("spyhop_ready", &[]), Some(1.0), "no label says otherwise");
    assert!(page.lines().all(|line| line.len() < 16 << 10), "no line is endless");
    // The inventory's JSON and the page for people go through other writers.
    for path in ["/api/v1/containers", "/"] {
        let answer = agent.get(path, &[]).expect("an answer");
        assert_eq!(answer.status, 200, "{path}");
        assert!(!answer.text().contains("\u{1b}[31m"), "{path} lets a terminal's commands through");
    }
}

#[test]
fn identities_as_long_as_a_book_stay_apart_and_bounded() {
    let long = "s".repeat(64 << 10);
    let mut world = World::new();
    for number in 0..40_u32 {
        let name = format!("c{number}");
        world = world.with(FakeContainer::new(&name).compose(&long, &format!("{long}{number}"), 1).running(number + 1));
    }
    let engine = FakeEngine::start(world);
    let home = all_labels(&engine);
    let agent = home.start();
    knows(&agent, 40.0);
    let page = both_formats(&agent);
    assert!(page.len() < 8 << 20, "a page of {} bytes", page.len());
    assert_eq!(agent.scrape().all("spyhop_container_info", &[]).count(), 40, "nobody is hidden by another");
    assert!(agent.usage().rss < MAX_RSS);
}

#[test]
fn names_that_a_sanitiser_would_make_equal_stay_apart() {
    let names = ["a.b", "a_b", "a-b", "A_b"];
    let world = names.iter().zip(1..).fold(World::new(), |world, (name, pid)| {
        world.with(FakeContainer::new(name).compose("shop", name, 1).running(pid))
    });
    let engine = FakeEngine::start(world);
    let home = Home::new(&binary(), &engine.socket());
    let agent = home.start();
    knows(&agent, 4.0);
    let page = agent.scrape();
    for name in names {
        assert_eq!(page.state("spyhop_container_state", &replica("shop", name, "1"), "state"), Ok("running".into()));
    }
}

#[test]
fn a_thousand_labels_are_cut_down_and_counted() {
    let many = (0..1000).fold(web(), |web, number| web.label(&format!("label-{number}"), "value"));
    let engine = FakeEngine::start(World::new().with(many));
    let home = all_labels(&engine);
    let agent = home.start();
    knows(&agent, 1.0);
    both_formats(&agent);
    assert!(refused(&agent, "labels") >= 900.0, "{}", refused(&agent, "labels"));
}

#[test]
fn bytes_that_are_no_text_cost_no_more_than_their_container() {
    let db = FakeContainer::new("db").compose("shop", "db", 1).running(2);
    let engine = FakeEngine::start(World::new().with(web()));
    let home = Home::new(&binary(), &engine.socket());
    let agent = home.start();
    knows(&agent, 1.0);
    let mut bytes = serde_json::to_vec(&db.inspect).expect("JSON");
    let at = bytes.windows(4).position(|part| part == b"shop").expect("the project stands in it");
    bytes.splice(at..at + 4, *b"\xff\xfe\x80\xc0");
    engine.fault(Route::Inspect, Fault::Bytes(bytes));
    engine.run(db, 2);
    // Whatever became of it, the others are there and the engine is not held for gone.
    eventually("the event is heard", || holds(engine.count(Route::Inspect) >= 2, || "not yet".into()));
    both_formats(&agent);
    assert_eq!(agent.scrape().expect("spyhop_engine_up", &[], 1.0), Ok(()));
    engine.clear(Route::Inspect);
    within(patience(), "it is known in the end", || agent.scrape().expect("spyhop_inventory_containers", &[], 2.0));
}

const ROUTES: [Route; 6] = [Route::List, Route::Inspect, Route::Info, Route::Networks, Route::Version, Route::Events];

#[test]
fn whatever_an_engine_answers_the_agent_lives_and_recovers() {
    let strange = "{\"Id\":1e999,\"State\":{\"Pid\":-9223372036854775808,\"StartedAt\":\"9999-12-31T23:59:59Z\"}}";
    let faults = [
        Fault::Garbage,
        Fault::HalfJson,
        Fault::ResetMidBody,
        Fault::Body("[".repeat(1 << 20)),
        Fault::Body(format!("[{}]", vec!["{}"; 100_000].join(","))),
        Fault::Body(strange.into()),
        Fault::Body("null".into()),
        Fault::Body(String::new()),
        Fault::Bytes(vec![0; 1 << 16]),
        Fault::Status(503, "x".repeat(1 << 20)),
    ];
    let engine = FakeEngine::start(World::new().with(web()));
    // Each question alone, so that the ones before it are answered well; then all at once.
    for fault in faults.iter().take(4) {
        ROUTES.each_ref().map(std::slice::from_ref).into_iter().for_each(|route| recovers(&engine, fault, route));
    }
    faults.iter().for_each(|fault| recovers(&engine, fault, &ROUTES));
}

fn recovers(engine: &FakeEngine, fault: &Fault, routes: &[Route]) {
    let said: String = format!("{routes:?} {fault:?}").chars().take(80).collect();
    routes.iter().for_each(|route| engine.fault(*route, fault.clone()));
    engine.forget_requests();
    let home = Home::new(&binary(), &engine.socket());
    let agent = home.open();
    eventually(&said, || holds(routes.iter().any(|route| engine.count(*route) > 0), || "not asked yet".into()));
    both_formats(&agent);
    assert_eq!(agent.get("/health/live", &[]).expect("an answer").status, 200, "{said}");
    assert!(agent.usage().rss < MAX_RSS, "{said}: {} bytes", agent.usage().rss);
    routes.iter().for_each(|route| engine.clear(*route));
    // A list that is no list is noticed; one that leaves a container out is believed for the next five minutes.
    if !matches!(fault, Fault::Body(_)) {
        within(Duration::from_secs(30), &said, || {
            let page = agent.scrape();
            page.expect("spyhop_engine_up", &[], 1.0)?;
            let state = page.state("spyhop_container_state", &replica("shop", "web", "1"), "state")?;
            holds(state == "running", || state.clone())
        });
    }
    assert!(!agent.log().contains("panicked"), "{said}: {}", agent.log());
}

#[test]
fn gigabytes_are_cut_off_early() {
    let engine = FakeEngine::start(World::new().with(web()));
    let home = Home::new(&binary(), &engine.socket());
    let agent = home.start();
    knows(&agent, 1.0);
    for route in [Route::List, Route::Inspect, Route::Networks, Route::Info] {
        engine.fault(route, Fault::Endless);
        engine.break_events();
        let before = engine.count(route);
        within(patience() * 2, "it is asked", || holds(engine.count(route) > before, || format!("{route:?}")));
        within(patience() * 2, "it is given up", || {
            let (page, open) = (agent.scrape(), engine.connections());
            assert!(agent.usage().rss < MAX_RSS, "{route:?}: {} bytes", agent.usage().rss);
            drop(page);
            holds(open <= 2, || format!("{open} connections"))
        });
        engine.clear(route);
        within(patience() * 3, "it is well again", || agent.scrape().expect("spyhop_engine_up", &[], 1.0));
    }
    println!("{} bytes at the end", agent.usage().rss);
}

#[test]
fn a_babbling_event_stream_is_followed_or_left() {
    let engine = FakeEngine::start(World::new().with(web()));
    let home = Home::new(&binary(), &engine.socket());
    let agent = home.start();
    knows(&agent, 1.0);
    let heard = || agent.scrape().value("spyhop_engine_events_total", &[]).unwrap_or_default();
    let before = heard();
    for number in 0..2_000_u32 {
        let id = format!("{:0>64x}", number % 7);
        engine.event(json!({ "Type": "container", "Action": "pause", "Actor": { "ID": id } }));
    }
    eventually("all of it", || holds(heard() >= before + 2_000.0, || format!("{}", heard() - before)));
    // A name of half a megabyte, ids that are none, a death of nobody, an answer to no question.
    engine.event(json!({ "Type": "container", "Action": "start", "Actor": { "ID": "f".repeat(64), "Attributes": { "name": "n".repeat(500_000) } } }));
    engine.event(json!({ "Type": "container", "Action": "die", "Actor": { "ID": "../../info", "Attributes": { "exitCode": "many" } } }));
    engine.event(
        json!({ "Type": "container", "Action": "start", "Actor": { "ID": "" }, "time": -5, "timeNano": i64::MIN }),
    );
    engine.event(json!({ "Type": 7, "Action": ["start"], "Actor": "nobody" }));
    engine.event(json!({ "status": "start" }));
    engine.die("web", 3);
    eventually("a true word among them", || {
        agent.scrape().expect("spyhop_container_exit_code", &replica("shop", "web", "1"), 3.0)
    });
    both_formats(&agent);
    assert!(agent.usage().rss < MAX_RSS, "{} bytes", agent.usage().rss);
    // One event without end: the stream is given up and opened anew.
    engine.event(json!({ "Type": "container", "Action": "start", "Actor": { "ID": "f".repeat(64), "Attributes": { "name": "n".repeat(3 << 20) } } }));
    within(patience(), "it is heard again", || {
        agent.scrape().require("spyhop_engine_reconnects_total", &[]).and_then(|n| holds(n >= 1.0, || "not yet".into()))
    });
}
