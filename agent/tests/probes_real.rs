//! Probes of real containers: up, crashed, up again, with the outage in the histogram; and a neighbour's address that nobody dials.

mod support;

use std::{fs, net::SocketAddr};

use rustix::process::Signal;
use support::{
    agent::Home,
    container::Role,
    docker::{Docker, Turn, skip},
    process,
    scene::{Scene, and, binary, replica},
    wait::{eventually, holds, patience},
    wire,
};

/// The program of `compose/demo`, which answers `/health`, `/health/ready` and `/health/live`.
const DEMO: &str = "spyhop-demo:test";
/// How its requests are counted.
const REQUESTS: &str = "http_requests_total{";
/// Redis and PostgreSQL as Debian has them (`compose/lab/services.sh`).
const SERVICES: &str = "spyhop-lab/services:1";

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

/// Redis with a password and PostgreSQL with statistics, asked by lines of the policy.
#[test]
fn databases_say_what_they_are_asked() {
    let Some(docker) = Docker::or_skip(Turn::Shared) else { return };
    if docker.cli(&["image", "inspect", SERVICES]).is_err() {
        return skip("image", &format!("{SERVICES} is not there: `make test` makes it")).unwrap_or_default();
    }
    let project = docker.unique("probes");
    let recipe = |service: &str, options: &[&str], script: &str| {
        let recipe =
            docker.container(service).compose(&project, service, 1).of_image(SERVICES).options(&["--no-healthcheck"]);
        recipe.options(options).role(Role::Script(script.to_owned())).start()
    };
    let _cache = recipe("cache", &[], "exec redis-server --protected-mode no --dir /tmp --requirepass s3cret");
    let data = ["--user", "postgres", "--workdir", "/var/lib/postgresql/data"];
    let serve =
        "echo 'host all all all trust' >>pg_hba.conf; exec postgres -D . -k /tmp -c listen_addresses=* -c fsync=off";
    let _db = recipe("db", &data, serve);
    let folder = tempfile::tempdir().expect("a folder for secrets");
    fs::write(folder.path().join("redis"), "s3cret").expect("a secret");
    let policy = format!(
        "projects:\n  {project}:\n    services:\n      cache: {{ probes: {{ ping: {{ redis: 6379, interval: 1s, info: true, \
         basic_auth: {{ password_file: redis }} }} }} }}\n      db: {{ probes: {{ ready: {{ postgres: 5432, interval: 1s, statistics: true }} }} }}\n"
    );
    let home = Home::with(&binary(), docker.socket(), &policy);
    let agent = home.environment("SECRETS_DIR", &folder.path().display().to_string()).start();
    eventually("both answer", || {
        let page = agent.scrape();
        page.expect("spyhop_redis_up", &[("service", "cache")], 1.0)?;
        page.expect("spyhop_postgres_up", &[("service", "db")], 1.0)
    });
    let page = agent.scrape();
    let cache = replica(&project, "cache", "1");
    assert_eq!(page.value("spyhop_probe_authentication_enforced", &cache), Some(1.0));
    assert_eq!(page.value("spyhop_redis_connected_clients", &cache), Some(1.0), "ours");
    let info = page.one("spyhop_redis_info", &cache).expect("its version");
    assert!(info.label("version").starts_with('7') && info.label("role") == "master", "{info:?}");
    let db = replica(&project, "db", "1");
    assert_eq!(page.value("spyhop_postgres_max_connections", &db), Some(100.0));
    assert!(
        page.require("spyhop_postgres_commits_total", &and(&db, "database", "postgres")).is_ok_and(|count| count > 0.0)
    );
    assert!(!agent.log().contains("s3cret"));
}
