//! The stand-in of the first reference system (`compose/systems/motovault-k8s`) on the real engine, held against its policy.
//!
//! Promised: it is what its policy says, all of it can be looked at, and it is up within the original's half minute; the development override is
//! known for what it is; what is planted is named, each thing once.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test which cannot go on has failed")]

mod support;

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    time::Duration,
};

use serde_json::Value;
use support::{
    compose,
    motovault::{SYSTEM, System},
    page::Page,
    wait::{self, eventually, holds, patience, within},
    wire,
};

fn once<T: ToString>(lines: impl IntoIterator<Item = T>) -> BTreeMap<String, usize> {
    lines.into_iter().map(|line| (line.to_string(), 1)).collect()
}

#[test]
fn it_is_what_its_policy_says() {
    let Some(mut system) = System::or_skip("motovault", &["compose.yml"]) else { return };
    let began = std::time::Instant::now();
    system.composed.up();
    // "Every service starts in less than 30 s": created, started and found healthy, all of them together.
    assert!(began.elapsed() < Duration::from_secs(30).mul_f64(wait::factor()), "{:?}", began.elapsed());
    assert_eq!(system.composed.run(&["ps", "--quiet"]).lines().count(), 13);
    assert_eq!(system.check(&system.policy), (Some(0), BTreeMap::new()));
    every_probe_answers(&system);
}

/// Each monitoring point and each target that a probe stands for, as `compose/systems/motovault-k8s/README.md` lists them.
fn every_probe_answers(system: &System) {
    let (_home, agent) = system.watch();
    let written = system.policy.matches("max_duration").count() + ["ping: http:8080/ping", "routes: { traefik"].len();
    let of = |page: &Page, name: &str| -> BTreeMap<String, f64> {
        let key = |sample: &support::page::Sample| format!("{}/{}", sample.label("service"), sample.label("probe"));
        page.samples.iter().filter(|sample| sample.name == name).map(|sample| (key(sample), sample.value)).collect()
    };
    within(patience() * 2, "every probe has answered well, in time, and from here", || {
        let page = agent.scrape();
        let (well, reached) = (of(&page, "spyhop_probe_success"), of(&page, "spyhop_probe_reachable"));
        let all = [&well, &reached]
            .iter()
            .all(|series| series.len() == written && series.values().all(|value| *value == 1.0));
        let failures: Vec<_> = page.samples.iter().filter(|sample| sample.name == "spyhop_probe_failure").collect();
        holds(all, || format!("{} of {written} well: {well:?}\n{reached:?}\n{failures:#?}", well.len()))
    });
    let page = agent.scrape();
    let enforced = of(&page, "spyhop_probe_authentication_enforced");
    let apis = ["admin-backend/api", "mvp-platform-tenants/api", "mvp-platform-vehicles-api/api"];
    assert_eq!(enforced, apis.map(|api| (api.to_owned(), 1.0)).into());
    let valid: Vec<_> = page.samples.iter().filter(|sample| sample.name == "spyhop_probe_certificate_valid").collect();
    assert_eq!(valid.len(), 9, "chain, names and time of three: {valid:#?}");
    assert!(valid.iter().all(|sample| sample.value == 1.0), "{valid:#?}");
    // A service which no longer asks who is there.
    let address = system.address("mvp-platform-vehicles-api", 8000);
    wire::request(address, "POST", "/control", &[], r#"{"open":true}"#, patience()).unwrap();
    eventually("authentication is not enforced", || {
        let enforced = of(&agent.scrape(), "spyhop_probe_authentication_enforced");
        holds(enforced["mvp-platform-vehicles-api/api"] == 0.0, || format!("{enforced:?}"))
    });
}

#[test]
fn development_is_the_named_exception() {
    let Some(mut system) = System::or_skip("development", &["compose.yml", "compose.development.yml"]) else { return };
    system.composed.start();
    assert_eq!(system.check(&system.policy), (Some(0), BTreeMap::new()));
    // Nobody has named it: every port it opens is a violation.
    let unnamed = system.policy.replace("files: [compose.development.yml]", "files: [compose.other.yml]");
    let port = |service: &str, usual: u16| format!("{service} port_unlisted {}/tcp", system.ports[&usual]);
    let expected = once([
        port("admin-postgres", 5432),
        port("platform-postgres", 5433),
        port("mvp-platform-vehicles-db", 5434),
        port("admin-redis", 6379),
        port("platform-redis", 6380),
        port("mvp-platform-vehicles-redis", 6381),
        port("admin-minio", 9000),
        port("admin-minio", 9001),
    ]);
    assert_eq!(system.check(&unnamed), (Some(1), expected));
}

#[test]
fn what_is_planted_is_named_once() {
    let Some(mut system) = System::or_skip("planted", &["compose.yml", "compose.violations.yml"]) else { return };
    system.composed.start();
    system.composed.run(&["rm", "--stop", "--force", "mvp-platform-tenants"]);
    let planted = system.composed.run(&["port", "platform-redis", "6379"]);
    let planted = planted.rsplit(':').next().unwrap().to_owned();
    let expected = once([
        format!("platform-redis port_unlisted {planted}/tcp"),
        "admin-redis limit_wrong memory".to_owned(),
        "admin-minio health_check_missing -".to_owned(),
        "mvp-platform-tenants service_missing -".to_owned(),
    ]);
    // The network `egress` is for the isolation checks to name.
    assert_eq!(system.check(&system.policy), (Some(1), expected));
}

/// The stand-in of Traefik is given in a file what the real one reads from labels: they must say the same.
#[test]
fn labels_and_routers_say_the_same() {
    let Some(system) = System::or_skip("labels", &["compose.yml"]) else { return };
    let config: Value = serde_json::from_str(&system.composed.run(&["config", "--format", "json"])).unwrap();
    let mut labelled = BTreeSet::new();
    for (service, definition) in config["services"].as_object().unwrap() {
        let label = |key: &str| definition["labels"][key].as_str().map(str::to_owned);
        if label("traefik.enable").as_deref() == Some("true") {
            let of_router = |key: &str| label(&format!("traefik.http.routers.{service}.{key}")).unwrap();
            let port = label(&format!("traefik.http.services.{service}.loadbalancer.server.port")).unwrap();
            labelled.insert((
                of_router("rule"),
                of_router("entrypoints"),
                of_router("tls"),
                format!("{service}:{port}"),
            ));
        }
    }
    let file: Value =
        serde_json::from_str(&fs::read_to_string(compose::file(SYSTEM).join("traefik.json")).unwrap()).unwrap();
    let word = |value: &Value| value.as_str().unwrap().to_owned();
    let given = file["routers"].as_array().unwrap().iter().map(|router| {
        (word(&router["rule"]), word(&router["entryPoints"][0]), router["tls"].to_string(), word(&router["server"]))
    });
    let given: BTreeSet<_> = given.collect();
    assert_eq!(labelled, given);
    assert_eq!(given.len(), 5);
}
