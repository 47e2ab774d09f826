//! Probes of real containers: up, crashed, up again, with the outage in the histogram; and a neighbour's address that nobody dials.

#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "an assumption that breaks fails the test, as it should"
)]

mod support;

use std::net::SocketAddr;

use rustix::process::Signal;
use support::{
    docker::Turn,
    process,
    scene::{Scene, and, replica},
    wait::{eventually, holds, patience},
    wire,
};

/// The program of `compose/demo`, which answers `/health`, `/health/ready` and `/health/live`.
const DEMO: &str = "spyhop-demo:test";
/// How its requests are counted.
const REQUESTS: &str = "http_requests_total{";

#[test]
fn a_crash_is_a_failure_and_the_way_back_an_outage() {
    let Some(scene) = Scene::or_skip(Turn::Shared) else { return };
    let project = scene.docker.unique("probes");
    let who = replica(&project, "api", "1");
    let container = scene
        .docker
        .container("probed")
        .compose(&project, "api", 1)
        .label("spyhop.probe.health", "http:8080")
        .label("spyhop.probe.health.interval", "1s")
        .label("spyhop.probe.port", "tcp:1")
        .of_image(DEMO)
        .start();
    let health = and(&who, "probe", "health");
    eventually("a good answer", || scene.agent.scrape().expect("spyhop_probe_success", &health, 1.0));
    let page = scene.agent.scrape();
    assert_eq!(page.value("spyhop_probe_failures_total", &health), Some(0.0), "it was never down");
    assert_eq!(page.value("probe_http_status_code", &health), Some(200.0));
    let failure = page.one("spyhop_probe_failure", &and(&who, "probe", "port")).expect("nobody listens there");
    assert_eq!(failure.label("reason"), "refused");

    // As if it had crashed: nobody asked the engine for its end.
    assert!(process::signal(container.pid(), Signal::KILL));
    eventually("a failure", || {
        let page = scene.agent.scrape();
        page.expect("spyhop_probe_success", &health, 0.0)?;
        let failure = page.one("spyhop_probe_failure", &health).ok_or("no reason")?;
        holds(failure.label("reason") == "not_running", || failure.label("reason").to_owned())
    });
    let outages = [("project", project.as_str()), ("service", "api"), ("probe", "health")];
    let page = scene.agent.scrape();
    assert_eq!(page.value("spyhop_probe_outage_duration_seconds_count", &outages), Some(0.0), "it lasts");
    container.act(&["start"]);
    eventually("an outage that is over", || {
        let page = scene.agent.scrape();
        page.expect("spyhop_probe_success", &health, 1.0)?;
        page.expect("spyhop_probe_outage_duration_seconds_count", &outages, 1.0)
    });
    let attempts = scene.agent.scrape().value("spyhop_probe_attempts_total", &health);

    // Made anew under the same name: what is counted goes on.
    container.remove();
    eventually("out of reach", || {
        let page = scene.agent.scrape();
        page.absent("spyhop_probe_success", &health)?;
        let reachable = page.one("spyhop_probe_reachable", &health).ok_or("forgotten")?;
        holds(reachable.label("reason") == "no_container", || reachable.label("reason").to_owned())
    });
    let _again = scene
        .docker
        .container("probed")
        .compose(&project, "api", 1)
        .label("spyhop.probe.health", "http:8080")
        .label("spyhop.probe.health.interval", "1s")
        .of_image(DEMO)
        .start();
    eventually("the next life", || {
        let page = scene.agent.scrape();
        page.expect("spyhop_probe_success", &health, 1.0)?;
        let count = page.require("spyhop_probe_attempts_total", &health)?;
        holds(Some(count) > attempts, || format!("{count} of {attempts:?}"))
    });
}

#[test]
fn an_end_that_somebody_asked_for_is_no_failure() {
    let Some(scene) = Scene::or_skip(Turn::Shared) else { return };
    let project = scene.docker.unique("probes");
    let who = replica(&project, "api", "1");
    let container = scene
        .docker
        .container("probed")
        .compose(&project, "api", 1)
        .label("spyhop.probe.health", "http:8080/health/live")
        .label("spyhop.probe.health.interval", "1s")
        .of_image(DEMO)
        .start();
    eventually("a good answer", || scene.agent.scrape().expect("spyhop_probe_success", &who, 1.0));
    container.act(&["stop", "--time", "1"]);
    eventually("out of reach", || {
        let page = scene.agent.scrape();
        page.absent("spyhop_probe_success", &who)?;
        let reachable = page.one("spyhop_probe_reachable", &who).ok_or("forgotten")?;
        holds(reachable.label("reason") == "stopped", || reachable.label("reason").to_owned())
    });
}

/// A container that would have the agent talk to its neighbour: the neighbour counts who comes.
#[test]
fn a_neighbour_is_not_dialled_for_anybody_else() {
    let Some(scene) = Scene::or_skip(Turn::Shared) else { return };
    let project = scene.docker.unique("probes");
    let neighbour = scene.docker.container("neighbour").compose(&project, "neighbour", 1).of_image(DEMO).start();
    let address = neighbour.inspect()["NetworkSettings"]["IPAddress"].as_str().expect("an address").to_owned();
    let _hostile = scene
        .docker
        .container("hostile")
        .compose(&project, "hostile", 1)
        .label("spyhop.probe.a", &format!("http:8080@{address}:8080/"))
        .label("spyhop.probe.b", &format!("http:{address}:8080/"))
        .label("spyhop.probe.c", &format!("http:8080//{address}:8080/"))
        .label("spyhop.probe.d", "http:8080/")
        .label("spyhop.probe.d.server_name", &address)
        .label("spyhop.probe.own", "tcp:8080")
        .label("spyhop.probe.own.interval", "1s")
        .start();
    let own = [("project", project.as_str()), ("service", "hostile"), ("probe", "own")];
    // By then every probe of the container has had its turn.
    eventually("the container's own port was asked for", || {
        let count = scene.agent.scrape().require("spyhop_probe_attempts_total", &own)?;
        holds(count >= 3.0, || format!("{count} times"))
    });
    let page = scene.agent.scrape();
    let reasons: Vec<_> = page
        .all("spyhop_probe_reachable", &[("service", "hostile")])
        .map(|sample| (sample.label("probe").to_owned(), sample.label("reason").to_owned()))
        .filter(|(probe, _)| probe != "own")
        .collect();
    assert!(reasons.len() == 4 && reasons.iter().all(|(_, reason)| reason.starts_with("bad_")), "{reasons:?}");
    // It counts requests by route; ours, which asks for the count, is the first.
    let at = SocketAddr::new(address.parse().expect("an address"), 8080);
    let metrics = wire::get(at, "/metrics", &[], patience()).expect("the neighbour answers");
    let came: Vec<_> = metrics.text().lines().filter(|line| line.starts_with(REQUESTS)).collect();
    assert_eq!(metrics.status, 200);
    assert!(came.iter().all(|line| line.contains("route=\"/metrics\"")), "somebody came: {came:?}");
}
