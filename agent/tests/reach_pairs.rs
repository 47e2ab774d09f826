//! What is predicted of a real engine's networks against the truth found by a client that runs inside the containers.
//!
//! Promised: a way that is said to be open is open, one that is said to be closed is closed, on whichever engine this runs; and what the engine
//! says of networks and containers is what `docker inspect` shows. Traffic goes between containers of this test and to one of them on
//! the network of the host, nowhere else.

#![expect(clippy::expect_used, reason = "a test which cannot go on has failed")]

mod support;

use std::{net::IpAddr, sync::Arc};

use jiff::Timestamp;
use serde_json::Value;
use spyhop::{
    engine::{Address, Engine},
    inventory::{EngineStatus, Entry, Snapshot},
    isolation::reach::{Engine as Rules, Family, Map, Over, Port, Reach, Standing, to_host, ways},
    model::{ContainerId, Network, Protocol, Shared},
    telemetry::Metrics,
};
use support::{
    container::{Role, Running},
    docker::{Docker, Turn},
    wait::promptly,
};

/// Where the web servers of this test listen, on every address.
const PORT: u16 = 8080;

/// Networks of this test; removed after the containers on them.
struct Networks {
    docker: Docker,
    names: Vec<String>,
}

impl Networks {
    fn make(&mut self, stem: &str, options: &[&str]) -> String {
        let name = self.docker.unique(stem);
        self.docker.run(&[&["network", "create"], options, &[name.as_str()]].concat());
        self.names.push(name.clone());
        name
    }
}

impl Drop for Networks {
    fn drop(&mut self) {
        for name in &self.names {
            if let Err(reason) = self.docker.cli(&["network", "rm", name]) {
                eprintln!("{reason}");
            }
        }
    }
}

fn engine(docker: &Docker) -> Engine {
    Engine::new(Address::Unix(docker.socket().to_owned()), Metrics::default()).expect("a handle")
}

/// The containers of this test as the inventory would show them.
async fn picture(engine: &Engine, ids: &[&str]) -> Snapshot {
    let version = engine.version().await.expect("a version both speak");
    let info = engine.info().await.expect("facts");
    let mut containers = Vec::new();
    for id in ids {
        let container =
            engine.container(&ContainerId::new(*id)).await.expect("an answer").expect("the container exists");
        containers.push(Arc::new(Entry {
            replica: "1".into(),
            container,
            stopped_by_person: false,
            oom_events: 0,
            image_created: None,
            inspected_at: Timestamp::UNIX_EPOCH,
            asked_after: 0,
        }));
    }
    let networks = engine.networks().await.expect("networks").into_iter().map(Arc::new).collect();
    let status =
        EngineStatus { version: Some(Arc::new(version)), info: Some(Arc::new(info)), ..EngineStatus::default() };
    Snapshot { containers, networks, engine: status, ..Snapshot::default() }
}

/// Whether a web server answers a client inside the container.
fn truth(from: &Running, at: IpAddr, port: u16) -> bool {
    let script =
        format!("printf 'GET / HTTP/1.0\\r\\n\\r\\n' | nc -w 1 {at} {port} 2>/dev/null | grep -c HTTP || true");
    from.exec(&script).trim() != "0"
}

fn server(docker: &Docker, stem: &str, options: &[&str]) -> Running {
    let script = format!("exec httpd -f -p '[::]:{PORT}'");
    docker.container(stem).options(options).role(Role::Script(script)).start()
}

#[tokio::test]
async fn predictions_are_true() {
    let Some(docker) = Docker::or_skip(Turn::Shared) else { return };
    // It has neither the options nor the modes; what it does is on the page as its documentation has it.
    if docker.product().leaves_out(docker.product().is_podman(), "networks of Docker's options") {
        return;
    }
    let mut networks = Networks { docker: docker.clone(), names: Vec::new() };
    let unique = std::process::id() & 0xffff;
    let v6 = |number: u8| format!("fd5b:{unique:x}:{number}::/64");
    let plain = ["one", "two"].map(|stem| networks.make(stem, &[]));
    let inner = networks.make("inner", &["--internal"]);
    let quiet = networks.make("quiet", &["-o", "com.docker.network.bridge.enable_icc=false"]);
    let [six, seven, eight] = [1, 2, 3].map(v6);
    let wide =
        [networks.make("six", &["--ipv6", "--subnet", &six]), networks.make("seven", &["--ipv6", "--subnet", &seven])];
    let deep = networks.make("eight", &["--internal", "--ipv6", "--subnet", &eight]);
    let on = |network: &str| ["--network".to_owned(), network.to_owned()];
    let start = |stem: &str, network: &str, more: &[&str]| {
        let on = on(network);
        server(&docker, stem, &[&[on[0].as_str(), &on[1]], more].concat())
    };
    let published = format!("0.0.0.0::{PORT}");
    let everywhere = format!("{PORT}");
    let hidden = format!("127.0.0.1::{PORT}");
    let one = start("one", &plain[0], &[]);
    let near = start("near", &plain[0], &[]);
    let two = start("two", &plain[1], &["-p", &published]);
    let loopback = start("loopback", &plain[1], &["-p", &hidden]);
    let inside = start("inside", &inner, &[]);
    let fellow = start("fellow", &inner, &[]);
    let mute = start("mute", &quiet, &[]);
    let dumb = start("dumb", &quiet, &["-p", &published]);
    let both = start("both", &plain[0], &[]);
    docker.run(&["network", "connect", &inner, &both.id]);
    let six = start("six", &wide[0], &[]);
    let seven = start("seven", &wide[1], &["-p", &everywhere]);
    let eight = start("eight", &deep, &[]);
    let none = start("none", "none", &[]);
    let shared = format!("container:{}", one.id);
    let joined = docker.container("joined").options(&["--network", &shared]).start();
    // On the network of the host; its port has to be free there.
    let own = 20_000 + (std::process::id() % 10_000) as u16;
    let host = docker.container("host").options(&["--network", "host"]);
    let host = host.role(Role::Script(format!("exec httpd -f -p '[::]:{own}'"))).start();
    // Gateway modes are of 28 on.
    let modern = docker.run(&["version", "--format", "{{.Server.Version}}"]);
    let modern = modern.split('.').next().and_then(|major| major.parse::<u16>().ok()).is_some_and(|major| major >= 28);
    let mut modes = Vec::new();
    if modern {
        let mode = |family: u8, word: &str| format!("com.docker.network.bridge.gateway_mode_ipv{family}={word}");
        for word in ["routed", "nat-unprotected"] {
            let network = networks.make(word, &["-o", &mode(4, word)]);
            modes.push(start(word, &network, &["-p", &published]));
            modes.push(start(word, &network, &[]));
        }
        let both = [mode(4, "isolated"), mode(6, "isolated")];
        let network = networks.make("isolated", &["--internal", "-o", &both[0], "-o", &both[1]]);
        modes.push(start("isolated", &network, &[]));
    }
    let mut all = vec![
        &one, &near, &two, &loopback, &inside, &fellow, &mute, &dumb, &both, &six, &seven, &eight, &none, &joined,
        &host,
    ];
    all.extend(&modes);
    for server in [&one, &near, &two, &loopback, &inside, &fellow, &mute, &dumb, &both, &six, &seven, &eight] {
        promptly("the server listens", || match truth(server, IpAddr::from([127, 0, 0, 1]), PORT) {
            true => Ok(()),
            false => Err(format!("{} does not answer itself", server.name)),
        });
    }
    let ids: Vec<&str> = all.iter().map(|container| container.id.as_str()).collect();
    let picture = picture(&engine(&docker), &ids).await;
    let rules = Rules::of(&picture.engine);
    let map = Map::new(&picture);
    let standing = |container: &Running| -> Standing<'_> {
        let entry = picture.container(&ContainerId::new(container.id.as_str())).expect("in the picture");
        map.standing(entry)
    };
    let mut told = Told { compared: 0, wrong: String::new() };
    let mut pairs = vec![
        (&one, &near),
        (&one, &two),
        (&two, &one),
        (&one, &loopback),
        (&inside, &fellow),
        (&inside, &two),
        (&one, &inside),
        (&mute, &dumb),
        (&dumb, &mute),
        (&both, &inside),
        (&inside, &both),
        (&both, &two),
        (&six, &seven),
        (&seven, &six),
        (&eight, &seven),
        (&six, &eight),
        (&none, &one),
        (&joined, &near),
        (&joined, &two),
        (&host, &one),
        (&host, &inside),
        (&host, &loopback),
        (&host, &seven),
    ];
    pairs.extend(modes.iter().flat_map(|other| [(&one, other), (other, &one), (&host, other), (&inside, other)]));
    for (from, to) in pairs {
        let (source, target) = (standing(from), standing(to));
        for way in ways(&rules, &source, &target, Port { number: PORT, protocol: Protocol::Tcp }) {
            let what = format!("{} -> {} over {:?}", from.name, to.name, way.over);
            match way.over {
                Over::Loopback => told.hold(&what, way.reach, truth(from, IpAddr::from([127, 0, 0, 1]), PORT)),
                Over::Shared(address) | Over::Across(address) => {
                    told.hold(&what, way.reach, truth(from, address, PORT))
                }
                Over::Published(at, port) => {
                    // Any door will do.
                    let doors = doors(&source, at);
                    let open = doors.iter().any(|gateway| truth(from, *gateway, port));
                    told.hold(&format!("{what} at {doors:?}"), way.reach, open);
                }
            }
        }
    }
    for from in [&one, &inside, &six, &eight, &mute, &none].into_iter().chain(&modes) {
        let source = standing(from);
        for family in Family::ALL {
            let any: IpAddr = if family == Family::V4 { [0, 0, 0, 0].into() } else { [0_u16; 8].into() };
            for gateway in doors(&source, any) {
                let what = format!("{} -> the host at {gateway}", from.name);
                told.hold(&what, to_host(&rules, &source, family), truth(from, gateway, own));
            }
        }
    }
    assert!(told.wrong.is_empty(), "{} is otherwise than predicted:\n{}", rules.name(), told.wrong);
    assert!(told.compared >= 30, "only {} ways were compared", told.compared);
}

/// Addresses of the host that a container of these networks asks: gateways of that kind of IP, and loopback for one on the host's network.
fn doors(from: &Standing<'_>, at: IpAddr) -> Vec<IpAddr> {
    if from.feet.is_empty() {
        return vec![if at.is_ipv4() { [127, 0, 0, 1].into() } else { std::net::Ipv6Addr::LOCALHOST.into() }];
    }
    let gateway = |network: &Network| -> Option<IpAddr> {
        // An engine that chose the gateway of IPv6 itself does not tell it: it is the first address.
        let told = network.gateways.iter().copied().find(|gateway| gateway.is_ipv4() == at.is_ipv4());
        let first =
            || network.subnets.iter().find_map(|subnet| subnet.strip_suffix("::/64").map(|head| format!("{head}::1")));
        told.or_else(|| first()?.parse().ok().filter(|_| at.is_ipv6()))
    };
    from.feet.iter().filter_map(|foot| gateway(foot.network?)).collect()
}

/// Predictions beside the truth.
struct Told {
    compared: usize,
    wrong: String,
}

impl Told {
    fn hold(&mut self, what: &str, reach: Reach, truth: bool) {
        println!("{what}: predicted {reach}, truly {}", if truth { "open" } else { "closed" });
        if !reach.is_unknown() {
            self.compared += 1;
            if reach.is_open() != truth {
                self.wrong
                    .push_str(&format!("{what}: predicted {reach}, truly {}\n", if truth { "open" } else { "closed" }));
            }
        }
    }
}

/// What isolation is judged by, as the command shows it.
#[tokio::test]
async fn what_the_engine_says_is_kept() {
    let Some(docker) = Docker::or_skip(Turn::Shared) else { return };
    let mut networks = Networks { docker: docker.clone(), names: Vec::new() };
    let subnet = format!("fd5c:{:x}::/64", std::process::id() & 0xffff);
    let bridge = |name: &str, value: &str| format!("com.docker.network.bridge.{name}={value}");
    let [icc, masquerade, binding] = [
        bridge("enable_icc", "false"),
        bridge("enable_ip_masquerade", "false"),
        bridge("host_binding_ipv4", "127.0.0.1"),
    ];
    networks.make(
        "internal",
        &["--internal", "--label", "com.docker.compose.project=shop", "--label", "com.docker.compose.network=back"],
    );
    networks.make("options", &["-o", &icc, "-o", &masquerade, "-o", &binding]);
    networks.make("six", &["--ipv6", "--subnet", &subnet, "--attachable"]);
    let ours = engine(&docker).networks().await.expect("networks");
    for name in &networks.names {
        let theirs: Value = serde_json::from_str(&docker.run(&["network", "inspect", name])).unwrap();
        let theirs = &theirs[0];
        let ours = ours.iter().find(|network| *network.name == **name).expect("the network is listed");
        let option = |key: &str| theirs["Options"][format!("com.docker.network.bridge.{key}")].as_str();
        assert_eq!(ours.internal, theirs["Internal"].as_bool());
        assert_eq!(ours.ipv6, theirs["EnableIPv6"].as_bool());
        assert_eq!((ours.attachable, ours.ingress), (theirs["Attachable"].as_bool(), theirs["Ingress"].as_bool()));
        assert_eq!(ours.options.icc, option("enable_icc").map(|value| value == "true"));
        assert_eq!(ours.options.masquerade, option("enable_ip_masquerade").map(|value| value == "true"));
        assert_eq!(
            ours.options.host_binding.map(|address| address.to_string()).as_deref(),
            option("host_binding_ipv4")
        );
        assert_eq!(ours.project.as_deref(), theirs["Labels"]["com.docker.compose.project"].as_str());
        assert_eq!(ours.short.as_deref(), theirs["Labels"]["com.docker.compose.network"].as_str());
        let gateways =
            theirs["IPAM"]["Config"].as_array().unwrap().iter().filter_map(|range| range["Gateway"].as_str());
        assert!(ours.gateways.iter().map(ToString::to_string).eq(gateways.map(str::to_owned)), "{ours:?}");
    }
    let options =
        ["--cap-drop", "NET_RAW", "--cap-add", "NET_ADMIN", "--pid", "host", "--ipc", "host", "--userns", "host"];
    let more = ["--sysctl", "net.ipv4.ip_forward=0", "--expose", "5432", "--expose", "53/udp"];
    let container = docker.container("told").options(&options).options(&more).start();
    let told = engine(&docker).container(&ContainerId::new(container.id.as_str())).await.unwrap().unwrap().confinement;
    assert_eq!((told.capabilities.net_raw, told.capabilities.net_admin), (Some(false), Some(true)));
    assert_eq!((told.pid, told.ipc, told.userns_host, told.forwards), (Shared::Host, Shared::Host, true, Some(false)));
    assert_eq!(*told.exposed, [(Protocol::Tcp, 5432), (Protocol::Udp, 53)]);
}
