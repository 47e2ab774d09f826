//! Both Prometheus lines scrape declared applications through `/sd` and `/proxy`, with the configuration of `docs/scraping.md`.
//!
//! Promised: `up` is right for each of them; a slow, a huge, a lying and a dead one cost the others not one scrape; the agent
//! stays small; from a container it reaches what shares a network with it, and says so of the rest.

#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "an assumption that breaks fails the test, as it should"
)]

mod support;

use std::{collections::BTreeMap, fs, net::SocketAddr, os::unix::fs::MetadataExt, path::Path};

use support::{
    agent::{Agent, Home},
    application::{Application, on_host},
    container::{Role, Running},
    docker::{Docker, Turn, skip},
    fake_engine::{FakeContainer, FakeEngine, World},
    page::Page,
    prometheus::{Prometheus, Release},
    scene::binary,
    wait::{eventually, holds, patience},
    wire,
};

/// The example of the documentation, with the agent's real address, every second.
fn configuration(agent: SocketAddr) -> String {
    let text = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/scraping.md")).expect("the page");
    let (_, rest) = text.split_once("<!-- prometheus.yml -->").expect("an example");
    let (block, _) = rest.split_once("<!-- end -->").expect("its end");
    let lines = block.lines().filter(|line| !line.trim().starts_with("```"));
    let example: String = lines.map(|line| format!("{}\n", line.strip_prefix("   ").unwrap_or(line))).collect();
    assert!(example.contains("http_sd_configs") && example.contains("spyhop:9477"), "{example}");
    let example =
        example.replace("spyhop:9477", &agent.to_string()).replace("refresh_interval: 15s", "refresh_interval: 1s");
    format!("global:\n  scrape_interval: 1s\n  scrape_timeout: 900ms\n{example}")
}

fn up(server: &Prometheus, service: &str) -> Result<f64, String> {
    server.number(&format!("up{{job=\"applications\",service=\"{service}\"}}"))
}

fn scrapes(server: &Prometheus, service: &str, count: f64) {
    eventually("enough scrapes", || {
        let expression = format!("count_over_time(up{{job=\"applications\",service=\"{service}\"}}[1m])");
        let found = server.number(&expression)?;
        holds(found >= count, || format!("{found} of {service}"))
    });
}

const PAGE: &str =
    "# HELP shop_orders_total Orders.\n# TYPE shop_orders_total counter\nshop_orders_total{project=\"mine\"} 3\n";

#[test]
fn five_applications_are_up_or_not_each_for_itself() {
    let well = Application::good(PAGE);
    let slow = Application::silent();
    let huge = Application::endless("junk_total{n=\"{}\"} 1\n");
    let lying = Application::good("this is not a metric at all\n");
    let foreign = Application::good("stolen 1\n");
    let containers = [
        ("well", well.port),
        ("slow", slow.port),
        ("huge", huge.port),
        ("lying", lying.port),
        ("dead", Application::dead()),
    ];
    let world = containers.into_iter().fold(World::new(), |world, (name, port)| world.with(on_host(name, port)));
    // Names that are not at home in a path: no project, letters and signs of all kinds, a second endpoint.
    let odd = FakeContainer::new("lone")
        .network_mode("host")
        .running(1)
        .label("com.docker.compose.service", "ä/b c?d~e%41")
        .label("spyhop.metrics.port", &well.port.to_string())
        .label("spyhop.metrics.16.port", &well.port.to_string())
        .label("spyhop.metrics.16.path", "/metrics?format=prometheus&all");
    let world = world.with(odd);
    let thief = on_host("thief", 1).label("spyhop.metrics.port", &format!("1@127.0.0.1:{}", foreign.port));
    let engine = FakeEngine::start(world.with(thief));
    let agent = Home::new(&binary(), &engine.socket()).start();
    for release in Release::both() {
        let server = release.start_with(&configuration(agent.address));
        for (name, _) in containers {
            scrapes(&server, name, 6.0);
        }
        let version = &release.version;
        for (name, expected) in [("well", 1.0), ("slow", 0.0), ("huge", 0.0), ("lying", 0.0), ("dead", 0.0)] {
            let whole = |function: &str| {
                server.number(&format!("{function}_over_time(up{{job=\"applications\",service=\"{name}\"}}[1m])"))
            };
            assert_eq!(
                (whole("min"), whole("max")),
                (Ok(expected), Ok(expected)),
                "{version}: {name}, at every scrape"
            );
        }
        let odd = "sum(up{job=\"applications\",project=\"\",service=~\".*/b c.d~e%41\"})";
        assert_eq!(server.number(odd), Ok(2.0), "{version}: both endpoints, whatever they are called");
        let mut targets = server.targets("applications", "service").expect("the targets");
        targets.retain(|_, target| target["labels"]["project"] == "shop");
        let errors: BTreeMap<&str, &str> =
            targets.iter().map(|(name, target)| (name.as_str(), target["lastError"].as_str().unwrap_or("?"))).collect();
        assert_eq!(errors.keys().copied().collect::<Vec<_>>(), ["dead", "huge", "lying", "slow", "well"], "{version}");
        println!("{version}: {errors:#?}");
        assert_eq!(errors["well"], "");
        assert!(errors["slow"].contains("504") && errors["dead"].contains("502"), "{errors:?}");
        assert!(errors["huge"].contains("EOF"), "a page that is cut is no page: {errors:?}");
        let labels = &targets["well"]["labels"];
        assert_eq!(
            (&labels["instance"], &labels["project"]),
            (&format!("shop-well-1:{}", well.port).into(), &"shop".into())
        );
        let series = server.query("shop_orders_total{service=\"well\"}").expect("a query").elements;
        assert_eq!(series.len(), 1);
        let get = |label: &str| series[0].0.get(label).map(String::as_str);
        assert_eq!((get("project"), get("exported_project"), get("replica")), (Some("shop"), Some("mine"), Some("1")));
        assert_eq!(server.query("count({__name__=~\"junk.*|stolen\"})").expect("a query").elements.len(), 0);
        assert_eq!(server.number("min_over_time(up{job=\"spyhop\"}[1m])"), Ok(1.0), "{version}: the agent's own page");
        let reason = "spyhop_target_reachable{service=\"thief\",reason=\"bad_port\"}";
        assert_eq!(server.number(reason), Ok(0.0), "{version}: what is refused is told");
    }
    assert_eq!(foreign.asked(), [""; 0], "no label led to a foreign address");
    let usage = agent.usage();
    println!("agent: {} KiB, {} handles, {:?} CPU", usage.rss >> 10, usage.handles, usage.cpu);
    assert!(usage.allocated < 21 << 20, "{usage:?}");
}

#[test]
fn merged_pages_are_taken_without_a_complaint() {
    let (well, lying) = (Application::good(PAGE), Application::good("no metric\n"));
    let world = World::new().with(on_host("well", well.port)).with(on_host("lying", lying.port));
    let engine = FakeEngine::start(world);
    let agent = Home::with(&binary(), &engine.socket(), "metrics:\n  merge: on\n").start();
    for release in Release::both() {
        let server = release.start("spyhop", agent.address);
        eventually("scrapes", || {
            let scrapes = server.number("count_over_time(up{job=\"spyhop\"}[1m])")?;
            holds(scrapes >= 5.0, || format!("{scrapes} scrapes"))
        });
        assert_eq!(server.number("min_over_time(up[1m])"), Ok(1.0), "{}", release.version);
        assert_eq!(server.number("shop_orders_total{service=\"well\",exported_project=\"mine\"}"), Ok(3.0));
        assert_eq!(server.number("spyhop_target_up{service=\"well\"}"), Ok(1.0));
        assert_eq!(server.number("spyhop_target_up{service=\"lying\"}"), Ok(0.0));
        assert_eq!(server.complaints(), [""; 0], "{}", release.version);
    }
}

/// A network, removed with its value.
struct Network<'d>(&'d Docker, String);

impl<'d> Network<'d> {
    fn create(docker: &'d Docker, stem: &str, options: &[&str]) -> Self {
        let name = docker.unique(stem);
        docker.run(&[&["network", "create"], options, &[name.as_str()]].concat());
        Self(docker, name)
    }
}

impl Drop for Network<'_> {
    fn drop(&mut self) {
        if let Err(reason) = self.0.cli(&["network", "rm", &self.1]) {
            eprintln!("{reason}");
        }
    }
}

fn image(docker: &Docker, variable: &str, usual: &str) -> Option<String> {
    let tag = std::env::var(variable).unwrap_or_else(|_| usual.into());
    match docker.cli(&["image", "inspect", &tag]) {
        Ok(_) => Some(tag),
        Err(_) => skip("image", &format!("{tag} is not built: `make test` does that, or set {variable}")),
    }
}

/// The image beside real applications on an isolated network: Prometheus reaches the agent alone.
#[test]
fn real_containers_are_scraped_from_a_shared_network() {
    let Some(docker) = Docker::or_skip(Turn::Shared) else { return };
    let Some(agent_image) = image(&docker, "SPYHOP_TEST_IMAGE", "spyhop:test") else { return };
    let Some(demo) = image(&docker, "SPYHOP_TEST_DEMO_IMAGE", "spyhop-demo:test") else { return };
    let back = Network::create(&docker, "back", &["--internal"]);
    let away = Network::create(&docker, "away", &[]);
    let project = docker.unique("shop");
    let service = |name: &str, number: u32, network: &Network<'_>| {
        docker.container(name).compose(&project, name, number).options(&["--network", &network.1])
    };
    let demo = |name: &str, number, network| service(name, number, network).of_image(&demo);
    let containers = [
        demo("web", 1, &back).label("spyhop.metrics.port", "8080").start(),
        demo("web", 2, &back).label("spyhop.metrics.port", "8080").start(),
        demo("api", 1, &back).label("prometheus.io/scrape", "true").label("prometheus.io/port", "8080").start(),
        demo("dead", 1, &back).label("spyhop.metrics.port", "9").start(),
        demo("odd", 1, &back).label("spyhop.metrics.port", "8080").label("spyhop.metrics.path", "/health").start(),
        demo("far", 1, &away).label("spyhop.metrics.port", "8080").start(),
        demo("hidden", 1, &back).label("spyhop.metrics.port", "8080").label("spyhop.enable", "false").start(),
        service("mute", 1, &back).role(Role::Idle).start(),
    ];
    let sidecar = sidecar(&docker, &agent_image);
    docker.run(&["network", "connect", &back.1, &sidecar.id]);
    let agent = address(&sidecar);
    eventually("the agent is ready", || {
        let answer = wire::get(agent, "/health/ready", &[], patience()).map_err(|error| error.to_string())?;
        holds(answer.status == 200, || answer.text().to_owned())
    });
    for release in Release::both() {
        let server = release.start_with(&configuration(agent));
        eventually("five targets with the right up", || {
            let targets = server.targets("applications", "instance")?;
            let ours = targets.values().filter(|target| target["labels"]["project"] == project.as_str());
            let mut found: Vec<_> = ours
                .map(|target| {
                    let labels = &target["labels"];
                    let replica = labels["replica"].as_str().unwrap_or_default();
                    let (service, health) = (labels["service"].as_str().unwrap_or_default(), &target["health"]);
                    format!("{service}-{replica} {}", health.as_str().unwrap_or_default())
                })
                .collect();
            found.sort_unstable();
            let expected = ["api-1 up", "dead-1 down", "odd-1 down", "web-1 up", "web-2 up"];
            holds(found == expected, || format!("{found:?}"))
        });
        let of = format!("{{project=\"{project}\",service=\"web\"}}");
        assert_eq!(server.query(&format!("up{of}")).map(|found| found.elements.len()), Ok(2));
        assert!(server.query(&format!("{{__name__=~\"demo_.*\",project=\"{project}\"}}")).is_ok());
        let far =
            format!("spyhop_target_reachable{{project=\"{project}\",service=\"far\",reason=\"no_shared_network\"}}");
        eventually("the far one is told of", || {
            let value = server.number(&far)?;
            holds(value == 0.0, || value.to_string())
        });
        assert_eq!(up(&server, "far").map_err(|_| ()), Err(()), "nobody says that it is down");
    }
    let path = format!("/proxy/{project}/web/2");
    let page =
        wire::get(agent, &path, &[("Accept", support::agent::ACCEPT_OPENMETRICS)], patience()).expect("an answer");
    assert_eq!(page.status, 200);
    Page::openmetrics(page.text()).expect("the demo's page, untouched");
    let list = wire::get(agent, "/sd", &[], patience()).expect("an answer");
    assert!(list.text().contains("\"__meta_spyhop_vantage\":\"shared_network\""), "{}", list.text());
    drop((sidecar, containers));
}

/// An agent on the host reaches the same containers over their bridges, isolated ones too.
#[test]
fn real_containers_are_scraped_from_the_host() {
    let Some(docker) = Docker::or_skip(Turn::Shared) else { return };
    let Some(demo) = image(&docker, "SPYHOP_TEST_DEMO_IMAGE", "spyhop-demo:test") else { return };
    let back = Network::create(&docker, "inner", &["--internal"]);
    let (inner, plain) = (docker.container("inner"), docker.container("plain"));
    let (inner_name, plain_name) = (inner.name().to_owned(), plain.name().to_owned());
    let containers = [
        inner.options(&["--network", &back.1]).label("spyhop.metrics.port", "8080").of_image(&demo).start(),
        plain.label("spyhop.metrics.port", "8080").of_image(&demo).start(),
    ];
    let agent: Agent = Home::new(&binary(), docker.socket()).start();
    for name in [&inner_name, &plain_name] {
        eventually("its page", || {
            let answer = agent.get(&format!("/proxy/-/{name}/1"), &[]).map_err(|error| error.to_string())?;
            holds(answer.status == 200, || answer.text().to_owned())
        });
        let list = agent.get(&format!("/sd?service={name}"), &[]).expect("an answer");
        assert!(list.text().contains("\"__meta_spyhop_vantage\":\"host\""), "{}", list.text());
    }
    drop(containers);
}

/// The options of `compose/agent.yml` that matter here.
fn sidecar(docker: &Docker, image: &str) -> Running {
    let group = fs::metadata(docker.socket()).expect("the socket").gid().to_string();
    let socket = format!("{}:/var/run/docker.sock:ro", docker.socket().display());
    docker
        .container("scraper")
        .options(&["--user", "65534:0", "--group-add", &group, "--read-only", "--cap-drop", "ALL"])
        .options(&["--security-opt", "no-new-privileges:true", "--memory", "128m", "--pids-limit", "64"])
        .options(&["--volume", &socket, "--volume", "/var/lib/spyhop"])
        .of_image(image)
        .start()
}

fn address(sidecar: &Running) -> SocketAddr {
    let inspect = sidecar.inspect();
    let address = inspect["NetworkSettings"]["Networks"]["bridge"]["IPAddress"].as_str();
    SocketAddr::new(address.expect("an address on the default bridge").parse().expect("an IP address"), 9477)
}
