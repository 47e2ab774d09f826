//! The active tier on the real engine: isolated networks, neighbours, published ports, the host, and names.
//!
//! Promised: what it says of each way is what a client inside the container finds; nothing is sent to anybody but containers of the test
//! and this host; its own connections are known as such, and leave nothing behind.

#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "an assumption that breaks fails the test, as it should"
)]

mod support;

use std::{
    collections::BTreeMap,
    net::{IpAddr, TcpListener, UdpSocket},
    sync::{Arc, Mutex, PoisonError, RwLock},
    thread,
    time::{Duration, Instant},
};

use spyhop::{
    engine::{Address, Engine},
    inventory::{self, Reader, Settings as InventorySettings},
    isolation::{
        Edge, End,
        active::{Answer, Own, Probed, Prober, Settings},
        passive::Observed,
    },
    model::{Pattern, Protocol, ServiceKey},
    telemetry::Metrics,
};
use support::{
    container::{Role, Running},
    docker::{Docker, Turn},
    netns_helper::{NetnsHelper, everything_denied, is_root_or_skip},
    wait::{eventually, holds},
};
use tokio::runtime::Runtime;
use tokio_util::sync::CancellationToken;

/// Written while the engine makes or takes away a network, read while ways are asked for: engines before 21 take their chain of isolation out of
/// `FORWARD` for a moment and put it back on top (`EnsureJumpRule` of libnetwork), and in that moment every way really is open.
static RULES: RwLock<()> = RwLock::new(());

/// A project on the real engine, watched.
struct Yard {
    /// Ports of services: what a sweep of the kernel's lists would have seen.
    observed: Mutex<Observed>,
    docker: Docker,
    project: String,
    networks: Vec<String>,
    reader: Reader,
    shutdown: CancellationToken,
    helper: NetnsHelper,
    runtime: Runtime,
}

impl Yard {
    fn or_skip() -> Option<Self> {
        if !is_root_or_skip() {
            return None;
        }
        let docker = Docker::or_skip(Turn::Shared)?;
        let project = docker.unique("active");
        let runtime = Runtime::new().expect("a runtime");
        let (reader, metrics, shutdown) = (Reader::new(), Metrics::default(), CancellationToken::new());
        let address = Address::parse(&format!("unix://{}", docker.socket().display())).expect("an address");
        let engine = Engine::new(address, metrics.clone()).expect("a handle");
        let mut settings = InventorySettings::default();
        settings.filter.include = vec![Pattern::parse(&format!("project={project}")).expect("a pattern")];
        runtime.spawn(inventory::watch(engine, settings, reader.clone(), metrics, || {}, shutdown.clone()));
        let helper = NetnsHelper::start(&[]);
        Some(Self {
            observed: Mutex::default(),
            docker,
            project,
            networks: Vec::new(),
            reader,
            shutdown,
            helper,
            runtime,
        })
    }

    fn network(&mut self, stem: &str, options: &[&str]) -> String {
        let name = self.docker.unique(stem);
        let _changing = RULES.write().unwrap_or_else(PoisonError::into_inner);
        self.docker.run(&[&["network", "create"], options, &[name.as_str()]].concat());
        self.networks.push(name.clone());
        name
    }

    /// The address of the host on a network.
    fn gateway(&self, network: &str) -> IpAddr {
        let config =
            self.docker.run(&["network", "inspect", "--format", "{{(index .IPAM.Config 0).Gateway}}", network]);
        config.trim().parse().expect("an address")
    }

    fn knows(&self, service: &str, port: u16) {
        let mut observed = self.observed.lock().expect("nobody panics with it");
        observed.listeners.entry(self.key(service)).or_default().insert((Protocol::Tcp, port));
    }

    /// A service that listens on a port on all its addresses.
    fn service(&self, name: &str, network: &str, port: u16, options: &[&str]) -> Running {
        self.knows(name, port);
        self.docker
            .container(name)
            .compose(&self.project, name, 1)
            .options(&["--network", network])
            .options(options)
            .role(Role::Script(format!("exec httpd -f -p {port}")))
            .start()
    }

    fn key(&self, service: &str) -> ServiceKey {
        ServiceKey { project: self.project.as_str().into(), service: service.into() }
    }

    fn edge(&self, from: &str, to: &str, port: u16) -> Edge {
        Edge { from: self.key(from), to: End::Service(self.key(to)), port, protocol: Protocol::Tcp }
    }

    fn to_host(&self, from: &str, port: u16) -> Edge {
        Edge { from: self.key(from), to: End::Host, port, protocol: Protocol::Tcp }
    }

    fn prober(&self) -> (Prober, Own) {
        let own = Own::default();
        (Prober::new(self.helper.client(), own.clone(), "/proc".into()), own)
    }

    /// A round once all these containers are in the picture with their networks.
    fn round(&self, prober: &Prober, settings: &Settings, containers: &[&Running]) -> Probed {
        eventually("they are in the picture", || {
            let snapshot = self.reader.load();
            let known = |id: &str| {
                let found = snapshot.containers.iter().find(|entry| entry.container.id.as_str() == id);
                found.is_some_and(|entry| entry.container.pid.is_some())
            };
            let networks = self.networks.iter().all(|name| snapshot.networks.iter().any(|known| *known.name == **name));
            holds(networks && containers.iter().all(|container| known(&container.id)), || format!("{snapshot:?}"))
        });
        let snapshot = self.reader.load();
        let intent = everything_denied(&self.project, &snapshot);
        let observed = self.observed.lock().expect("nobody panics with it").clone();
        let _unchanged = RULES.read().unwrap_or_else(PoisonError::into_inner);
        self.runtime.block_on(prober.round(&intent, &snapshot, Some(&observed), settings))
    }
}

impl Drop for Yard {
    fn drop(&mut self) {
        self.shutdown.cancel();
        let _changing = RULES.write().unwrap_or_else(PoisonError::into_inner);
        // Only where no container is left on it.
        for network in &self.networks {
            self.docker.cli(&["network", "rm", network]).ok();
        }
    }
}

fn settings(host_ports: Vec<u16>) -> Settings {
    Settings { timeout: Duration::from_millis(250), host_ports, host_listeners: true, allowed: false, name: None }
}

/// What a client inside the container finds: whether a connection comes about within two seconds.
fn connects(from: &Running, address: &str, port: u16) -> bool {
    let _unchanged = RULES.read().unwrap_or_else(PoisonError::into_inner);
    from.exec(&format!("timeout 2 nc -w 1 {address} {port} -e true >/dev/null 2>&1; echo $?")).trim() == "0"
}

fn address(container: &Running, network: &str) -> String {
    container.inspect()["NetworkSettings"]["Networks"][network]["IPAddress"].as_str().expect("an address").to_owned()
}

#[test]
fn every_way_is_told_as_a_client_inside_finds_it() {
    let Some(mut yard) = Yard::or_skip() else { return };
    let (front, side) = (yard.network("front", &[]), yard.network("side", &[]));
    let back = yard.network("back", &["--internal"]);
    let web = yard.service("web", &front, 8080, &["--publish", "8080"]);
    let mate = yard.service("mate", &front, 9000, &[]);
    yard.knows("mate", 9001);
    let other = yard.service("other", &side, 7000, &[]);
    let db = yard.service("db", &back, 5432, &[]);
    let all = [&web, &mate, &other, &db];
    let on_host = TcpListener::bind((yard.gateway(&back), 0)).expect("the host is on every bridge");
    let host_port = on_host.local_addr().expect("it is bound").port();

    // One that nobody has named, on a port that no kernel chooses.
    let service = (20_000..30_000).find_map(|port| TcpListener::bind((yard.gateway(&back), port)).ok());
    let service = service.expect("one of ten thousand is free");
    let heard = service.local_addr().expect("it is bound").port();
    yard.observed.lock().expect("nobody panics with it").host_listeners = [(Protocol::Tcp, heard)].into();

    let (prober, own) = yard.prober();
    let before = yard.helper.state();
    let probed = yard.round(&prober, &settings(vec![host_port]), &all);
    let said = |from: &str, to: &str, port| probed.edges.get(&yard.edge(from, to, port)).copied();
    for container in all {
        let table = std::fs::read_to_string(format!("/proc/{}/net/tcp", container.pid())).expect("it runs");
        let mut states = table.lines().skip(1).filter_map(|row| row.split_ascii_whitespace().nth(3));
        assert!(states.all(|state| state == "0A"), "nothing but what listens is left: {table}");
    }

    let published = web.inspect()["NetworkSettings"]["Ports"]["8080/tcp"][0]["HostPort"].as_str().map(str::to_owned);
    let published: u16 = published.expect("it is published").parse().expect("a port");
    let gateway = |network: &str| yard.gateway(network).to_string();
    let (web_ip, mate_ip, db_ip) = (address(&web, &front), address(&mate, &front), address(&db, &back));
    // Who to whom, the container's own view, and what the tier has said.
    let truth = BTreeMap::from([
        ("web -> db, isolated", (connects(&web, &db_ip, 5432), said("web", "db", 5432))),
        ("other -> db, isolated", (connects(&other, &db_ip, 5432), said("other", "db", 5432))),
        ("db -> mate, out of an internal network", (connects(&db, &mate_ip, 9000), said("db", "mate", 9000))),
        ("web -> mate, beside it", (connects(&web, &mate_ip, 9000), said("web", "mate", 9000))),
        (
            "other -> web, by the port it publishes",
            (
                connects(&other, &web_ip, 8080) || connects(&other, &gateway(&side), published),
                said("other", "web", 8080),
            ),
        ),
        (
            "db -> web, by that port out of an internal network",
            (connects(&db, &web_ip, 8080) || connects(&db, &gateway(&back), published), said("db", "web", 8080)),
        ),
        (
            "db -> the host through its gateway",
            (connects(&db, &gateway(&back), host_port), probed.edges.get(&yard.to_host("db", host_port)).copied()),
        ),
    ]);
    for (way, (connects, said)) in &truth {
        assert_eq!(Some(*connects), said.map(|answer| answer == Answer::Open), "{way}: {said:?}");
    }
    assert_eq!(said("web", "db", 5432), Some(Answer::Dropped), "{probed:?}");
    assert_eq!(said("web", "mate", 9000), Some(Answer::Open));
    assert_eq!(said("web", "mate", 9001), Some(Answer::Refused), "the way is open, the port closed");
    assert_eq!(said("db", "web", 8080), truth["db -> web, by that port out of an internal network"].1);
    let to_host = |from| probed.edges.get(&yard.to_host(from, host_port)).copied();
    assert_eq!((to_host("db"), to_host("web")), (Some(Answer::Open), Some(Answer::Refused)), "bound on one address");
    let to_heard = |from| probed.edges.get(&yard.to_host(from, heard)).copied();
    assert_eq!((to_heard("db"), to_heard("web")), (Some(Answer::Open), Some(Answer::Refused)), "seen to listen");
    assert_eq!(probed.untried, BTreeMap::new());

    let pid = web.pid();
    assert!(
        (32_768..=60_999).any(|port| own.is_ours(pid, ([0, 0, 0, 0], port).into(), None)),
        "its ports are remembered"
    );
    eventually("the helper is as it was", || {
        let (handles, namespace) = yard.helper.state();
        holds((handles, namespace) == (before.0 + 1, before.1), || format!("{handles}, before {before:?}"))
    });
    drop(on_host);
}

#[test]
fn an_opened_way_is_found_in_the_next_round_and_so_is_its_end() {
    let Some(mut yard) = Yard::or_skip() else { return };
    let (front, back) = (yard.network("front", &[]), yard.network("back", &["--internal"]));
    let (web, db) = (yard.service("web", &front, 8080, &[]), yard.service("db", &back, 5432, &[]));
    let (prober, _) = yard.prober();
    let ask =
        || yard.round(&prober, &settings(Vec::new()), &[&web, &db]).edges.get(&yard.edge("web", "db", 5432)).copied();
    assert_eq!(ask(), Some(Answer::Dropped));
    yard.docker.run(&["network", "connect", &back, &web.id]);
    eventually("the new way", || {
        let said = ask();
        holds(said == Some(Answer::Open), || format!("{said:?}"))
    });
    yard.docker.run(&["network", "disconnect", &back, &web.id]);
    eventually("its end", || {
        let said = ask();
        holds(said == Some(Answer::Dropped), || format!("{said:?}"))
    });
    // Frozen, a container answers no more and its kernel still does.
    yard.docker.run(&["network", "connect", &back, &web.id]);
    db.act(&["pause"]);
    eventually("a way to a frozen one", || {
        let said = ask();
        holds(said == Some(Answer::Open), || format!("{said:?}"))
    });
    db.act(&["unpause"]);
    let pid = web.pid();
    assert!(pid > 0);
    web.act(&["kill"]);
    eventually("who is gone asks nobody", || {
        let snapshot = yard.reader.load();
        let intent = everything_denied(&yard.project, &snapshot);
        let probed = yard.runtime.block_on(prober.round(&intent, &snapshot, None, &settings(Vec::new())));
        // As soon as its process is gone, though the engine has not said so yet, it is not asked for; told of is that.
        holds(!probed.edges.keys().any(|edge| edge.from == yard.key("web")), || format!("{probed:?}"))
    });
}

/// A name server of the test's own, on the host's end of a network: it answers that there is no such name.
fn name_server(address: IpAddr) -> Option<Arc<UdpSocket>> {
    let socket = Arc::new(UdpSocket::bind((address, 53)).ok()?);
    let serving = Arc::clone(&socket);
    thread::spawn(move || {
        let mut message = [0; 512];
        while let Ok((length, from)) = serving.recv_from(&mut message) {
            let Some(head) = message.get_mut(2..4) else { continue };
            head.copy_from_slice(&[0x81, 0x83]);
            serving.send_to(&message[..length], from).ok();
        }
    });
    Some(socket)
}

#[test]
fn a_name_that_gets_out_of_an_internal_network_is_told() {
    let Some(mut yard) = Yard::or_skip() else { return };
    let back = yard.network("back", &["--internal"]);
    let gateway = yard.gateway(&back);
    let server = name_server(gateway).expect("nobody serves names on the host's end of a new network");
    let named = ["--dns", &gateway.to_string()];
    let open = yard.service("open", &back, 80, &named);
    // Asks where nobody listens: loopback of the container itself, so that nothing goes anywhere.
    let shut = yard.service("shut", &back, 80, &["--dns", "127.0.0.1"]);
    let (prober, _) = yard.prober();
    let with_name = |name: &str| Settings { name: Some(name.parse().expect("a name")), ..settings(Vec::new()) };
    let probed = yard.round(&prober, &with_name("leak.spyhop.invalid"), &[&open, &shut]);
    assert_eq!(probed.resolves.get(&yard.key("open")), Some(&true), "{probed:?}");
    assert_eq!(probed.resolves.get(&yard.key("shut")), Some(&false), "{probed:?}");
    let probed = yard.round(&prober, &settings(Vec::new()), &[&open, &shut]);
    assert_eq!(probed.resolves, BTreeMap::new(), "nobody is asked for a name unless one is configured");
    drop(server);
}

#[test]
fn a_hundred_denied_edges_take_two_timeouts() {
    let Some(mut yard) = Yard::or_skip() else { return };
    let networks: Vec<_> = (0..3).map(|n| yard.network(&format!("n{n}"), &["--internal"])).collect();
    let services: Vec<_> = (0..3).map(|n| format!("s{n}")).collect();
    services.iter().for_each(|service| (7001..=7020).for_each(|port| yard.knows(service, port)));
    let made = services.iter().zip(&networks).map(|(service, network)| yard.service(service, network, 7001, &[]));
    let services: Vec<_> = made.collect();
    let (prober, _) = yard.prober();
    let all: Vec<&Running> = services.iter().collect();
    let began = Instant::now();
    let probed = yard.round(&prober, &settings(Vec::new()), &all);
    let took = began.elapsed();
    assert_eq!(probed.edges.len(), 3 * 2 * 20, "{:?}", probed.untried);
    assert!(probed.edges.values().all(|answer| *answer == Answer::Dropped), "{probed:?}");
    assert!(took < Duration::from_secs(2).mul_f64(support::wait::factor()), "{took:?}");
}
