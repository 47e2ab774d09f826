//! The later, small form of the first system.

use std::collections::BTreeSet;

use super::{
    finds,
    guarded::Guarded,
    is_clean,
    loki::Receiver,
    once,
    support::{
        compose,
        system::System,
        wait::{eventually, holds},
    },
    watched::Watched,
};
use serde_json::Value;

#[test]
fn it_is_what_its_policy_says() {
    let Some(mut system) = System::of("motovault", "small", &["compose.yml"]) else { return };
    system.composed.up();
    is_clean(&system, &[]);
    let watched = Watched::start(&system);
    watched.all_is_well(7);
    let guarded = Guarded::start(&system, &watched);
    if let Some(guarded) = &guarded {
        guarded.has_a_quiet_minute();
    }
    // The backend's health is that of both stores.
    system.composed.run(&["stop", "--timeout", "1", "redis"]);
    eventually("the backend is not well without Redis", || {
        let page = watched.agent.scrape();
        let health = watched.of_service(&page, "spyhop_probe_success", "backend");
        holds(health == Some(0.0), || format!("{health:?}"))
    });
    if let Some(guarded) = &guarded {
        // Redis was stopped by somebody, which is no news; that the backend is not well without it is.
        guarded.tells(&[("SpyhopProbeFailing", ("service", "backend"))]);
        system.composed.run(&["start", "redis"]);
        watched.all_is_well(7);
        guarded.is_well_again();
    }
}

#[test]
fn what_is_planted_is_named_once() {
    let files = ["compose.yml", "compose.violations.yml"];
    let Some(mut system) = System::of("motovault", "small-planted", &files) else { return };
    system.composed.start();
    let expected = once([
        "frontend placement database".to_owned(),
        format!("backend exposure {}/tcp on 127.0.0.1", system.ports[&3001]),
        "backend secret_in_environment JWT_SECRET".to_owned(),
        "redis health_check_missing -".to_owned(),
        "redis restart_policy_missing -".to_owned(),
    ]);
    finds(&system, &system.policy, expected);
    let receiver = Receiver::usual();
    let watched = Watched::start_with(&system, &format!("loki:\n  url: {}\n", receiver.url()));
    watched.shows(&[
        ("placement", "frontend"),
        ("exposure", "backend"),
        ("secret_in_environment", "backend"),
        ("health_check_missing", "redis"),
        ("restart_policy_missing", "redis"),
    ]);
    eventually("the route that nobody serves", || {
        let page = watched.agent.scrape();
        let missing: Vec<_> =
            watched.mine(&page, "spyhop_traefik_route_missing").iter().map(|sample| sample.label("router")).collect();
        holds(missing == ["frontend-new"], || format!("{missing:?}"))
    });
    let lines = eventually("lines without the persons whom they are about", || {
        let lines: Vec<String> = receiver.entries("service", "backend").into_iter().map(|entry| entry.line).collect();
        let about = lines.iter().filter(|line| line.contains("[redacted:vin]") && line.contains("[redacted:email]"));
        if about.count() > 2 { Ok(lines) } else { Err(format!("{lines:#?}")) }
    });
    assert!(
        !lines.iter().any(|line| line.contains("1M8GDM9AXKP042788") || line.contains("ada@example.org")),
        "{lines:#?}"
    );
}

/// The stand-in of Traefik is given in a file what the real one reads from labels: they must say the same.
#[test]
fn labels_and_routers_say_the_same() {
    let Some(system) = System::of("motovault", "small-labels", &["compose.yml"]) else { return };
    let config: Value = serde_json::from_str(&system.composed.run(&["config", "--format", "json"])).expect("JSON");
    let mut labelled = BTreeSet::new();
    for (service, definition) in config["services"].as_object().expect("services") {
        let label = |key: String| definition["labels"][key].as_str().map(str::to_owned);
        if let Some(rule) = label(format!("traefik.http.routers.{service}.rule")) {
            let port = label(format!("traefik.http.services.{service}.loadbalancer.server.port")).expect("a port");
            labelled.insert((rule, format!("{service}:{port}")));
        }
    }
    let file = std::fs::read_to_string(compose::file("systems/motovault/traefik.json")).expect("its routers");
    let file: Value = serde_json::from_str(&file).expect("JSON");
    let word = |value: &Value| value.as_str().expect("a word").to_owned();
    let routers = file["routers"].as_array().expect("routers");
    let given: BTreeSet<_> = routers.iter().map(|router| (word(&router["rule"]), word(&router["server"]))).collect();
    assert_eq!(labelled, given);
    assert_eq!(given.len(), 2);
}
