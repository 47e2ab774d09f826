//! An engine that keeps silent about one thing is not gone, and one that hangs in the middle of a sentence is.
//!
//! Promised: a container or a list that cannot be asked for holds up neither the first inventory nor anything else; a past that
//! is never told to its end is given up; nobody asks an engine for everything every second.

mod support;

use std::time::Duration;

use support::{
    agent::{Agent, Home},
    fake_engine::{FakeContainer, FakeEngine, Fault, Route, World},
    scene::binary,
    wait::{eventually, holds, patience, promptly, within},
};

fn engine() -> FakeEngine {
    let web = FakeContainer::new("web").compose("shop", "web", 1).running(1);
    FakeEngine::start(World::new().with(web).with(FakeContainer::new("db").compose("shop", "db", 1).running(1)))
}

fn home(engine: &FakeEngine) -> Home {
    Home::new(&binary(), &engine.socket())
}

fn both_are_known(agent: &Agent) {
    promptly("both containers", || agent.scrape().expect("spyhop_inventory_containers", &[], 2.0));
}

#[test]
fn a_container_that_cannot_be_inspected_is_left_for_later() {
    let engine = engine();
    engine.fault_once(Route::Inspect, Fault::HangBeforeHeaders);
    let agent = home(&engine).start();
    assert_eq!(agent.scrape().expect("spyhop_engine_reconnects_total", &[], 0.0), Ok(()));
    eventually("the one left", || agent.scrape().expect("spyhop_inventory_containers", &[], 2.0));
    assert_eq!(agent.scrape().expect("spyhop_engine_reconnects_total", &[], 0.0), Ok(()));
}

#[test]
fn inspections_that_hang_do_not_keep_the_agent_from_being_ready() {
    let engine = engine();
    engine.fault(Route::Inspect, Fault::HangBeforeHeaders);
    let agent = home(&engine).start();
    let page = agent.scrape();
    assert_eq!(page.expect("spyhop_inventory_containers", &[], 0.0), Ok(()));
    assert_eq!(page.expect("spyhop_engine_up", &[], 1.0), Ok(()));
    assert_eq!(page.expect("spyhop_engine_reconnects_total", &[], 0.0), Ok(()));
    engine.clear(Route::Inspect);
    eventually("both containers", || agent.scrape().expect("spyhop_inventory_containers", &[], 2.0));
}

#[test]
fn networks_that_cannot_be_listed_are_done_without() {
    let engine = engine();
    engine.fault(Route::Networks, Fault::Status(500, "no".into()));
    both_are_known(&home(&engine).start());
}

#[test]
fn a_past_that_is_not_told_to_its_end_is_given_up() {
    let engine = engine();
    let agent = home(&engine).start();
    engine.fault(Route::Events, Fault::HangMidBody);
    engine.break_events();
    eventually("the past is asked for", || holds(engine.count(Route::Events) >= 3, || "not yet".into()));
    engine.clear(Route::Events);
    within(patience() * 2, "the engine is heard again", || agent.scrape().expect("spyhop_engine_up", &[], 1.0));
}

#[test]
fn an_engine_that_hangs_up_at_once_is_asked_less_and_less() {
    let engine = engine();
    let agent = home(&engine).start();
    // Waits of at most 2, 4 and 8 s, of at least 1, 2 and 4 s.
    let mut took = Duration::ZERO;
    for _ in 0..3 {
        let before = engine.count(Route::List);
        engine.close_events();
        took = within(patience(), "asked again", || holds(engine.count(Route::List) > before, || "not yet".into())).1;
        within(patience(), "up again", || agent.scrape().expect("spyhop_engine_up", &[], 1.0));
    }
    assert!(took >= Duration::from_millis(3500), "the third wait was {took:?}");
}

#[test]
fn an_event_is_counted_once() {
    let engine = engine();
    let agent = home(&engine).start();
    let events = || agent.scrape().value("spyhop_engine_events_total", &[]).unwrap_or_default();
    let before = events();
    for _ in 0..5 {
        engine.container_event("web", "pause", &[]);
        engine.container_event("web", "unpause", &[]);
    }
    eventually("all events", || holds(events() >= before + 10.0, || format!("{}", events() - before)));
    assert_eq!(events() - before, 10.0);
}

#[test]
fn many_changes_of_networks_are_one_question() {
    let engine = engine();
    let agent = home(&engine).start();
    let network = engine.world().networks[0].clone();
    engine.fault(Route::Networks, Fault::HangBeforeHeaders);
    let before = engine.count(Route::Networks);
    let events = || agent.scrape().value("spyhop_engine_events_total", &[]).unwrap_or_default();
    let heard = events();
    for number in 0..50 {
        let id = network["Id"].clone();
        let now = jiff::Timestamp::now();
        engine.event(serde_json::json!({
            "Type": "network", "Action": "connect", "Actor": { "ID": id, "Attributes": { "number": number.to_string() } },
            "time": now.as_second(), "timeNano": i64::try_from(now.as_nanosecond()).unwrap_or_default(),
        }));
    }
    eventually("all events", || holds(events() >= heard + 50.0, || format!("{}", events() - heard)));
    eventually("a question", || holds(engine.count(Route::Networks) > before, || "none".into()));
    assert_eq!(engine.count(Route::Networks), before + 1);
}

#[test]
fn a_disk_that_hangs_does_not_hold_up_the_end() {
    let engine = engine();
    let home = home(&engine);
    // Whoever opens a pipe for writing waits for somebody who reads.
    let pipe = home.config().with_file_name("state").join("state.json.new");
    let made = std::process::Command::new("mkfifo").arg(&pipe).status();
    assert!(made.is_ok_and(|status| status.success()), "mkfifo");
    let agent = home.start();
    assert_eq!(agent.terminate().code(), Some(0));
}
