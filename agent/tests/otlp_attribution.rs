//! Who talks, on the real engine: containers in every topology connect to a listener on the host, and the real inventory tells whose
//! connections those are. Each says its own name; what is named otherwise fails the test.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "support/otlp_backend/mod.rs"]
mod otlp_backend;
mod support;

use std::{
    collections::{BTreeMap, BTreeSet},
    io::{Read as _, Write as _},
    net::{IpAddr, Ipv6Addr, SocketAddr},
    os::unix::net::UnixStream,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::{Arc, Mutex},
};

use opentelemetry_proto::tonic::{
    common::v1::{KeyValue, any_value::Value},
    trace::v1::ResourceSpans,
};
use otlp_backend::{Backend, Request, Speaks};
use serde_json::json;
use spyhop::{
    engine::{Address, Engine},
    inventory::{self, Listener, Reader, Settings},
    otlp::wire::Group,
    telemetry::Metrics,
    traces::{
        attribute::{Around, Attributor, Miss, Rule},
        caller::{Caller, Way},
    },
};
use support::{
    agent::Home,
    compose::free_port,
    container::{Recipe, Role, Running},
    docker::{Docker, Turn},
    scene::binary,
    wait::{eventually, holds},
};
use tempfile::TempDir;
use tokio::{
    io::{AsyncBufReadExt as _, AsyncRead, BufReader},
    net::{TcpListener, UnixListener},
    runtime::Runtime,
};
use tokio_util::sync::CancellationToken;

/// Where containers find the unix socket.
const SOCKET: &str = "/run/otlp/otlp.sock";

/// What a connection was named, and by what.
type Told = (Option<String>, Result<Rule, Miss>);

/// A listener on the host, with an attributor over the real engine.
struct Hearing {
    docker: Docker,
    port: u16,
    folder: TempDir,
    told: Arc<Mutex<BTreeMap<String, Told>>>,
    networks: Vec<String>,
    shutdown: CancellationToken,
    // Dropped last: the tasks end in it.
    _runtime: Runtime,
}

impl Hearing {
    fn or_skip() -> Option<Self> {
        let docker = Docker::or_skip(Turn::Shared)?;
        let runtime = Runtime::new().unwrap();
        let (reader, metrics, shutdown) = (Reader::new(), Metrics::default(), CancellationToken::new());
        let around = Around {
            proc: "/proc".into(),
            own: None,
            local_engine: true,
            labels: Vec::new(),
            environment: None,
            host_id: None,
        };
        let attributor = Attributor::new(reader.clone(), around);
        let address = Address::parse(&format!("unix://{}", docker.socket().display())).unwrap();
        let engine = Engine::new(address, metrics.clone()).unwrap();
        let (hearing, ringing) = (attributor.clone(), attributor.clone());
        let listener = Some(Listener::new(move |event| hearing.hear(event)));
        let settings = Settings { listener, ..Settings::default() };
        runtime.spawn(inventory::watch(
            engine,
            settings,
            reader.clone(),
            metrics,
            move || ringing.ring(),
            shutdown.clone(),
        ));
        let folder = tempfile::tempdir().unwrap();
        let (tcp, unix) = runtime.block_on(async {
            let tcp = TcpListener::bind(SocketAddr::from((Ipv6Addr::UNSPECIFIED, 0))).await.unwrap();
            (tcp, UnixListener::bind(folder.path().join("otlp.sock")).unwrap())
        });
        let port = tcp.local_addr().unwrap().port();
        let told: Arc<Mutex<BTreeMap<String, Told>>> = Arc::default();
        runtime.spawn(accept(tcp, unix, attributor, Arc::clone(&told)));
        eventually("the first inventory", || {
            holds(reader.load().engine.connected, || format!("{:?}", reader.load().engine))
        });
        Some(Self { docker, port, folder, told, networks: Vec::new(), shutdown, _runtime: runtime })
    }

    /// A network, and the host's address in it. Of a subnet that was asked for the engine does not say it.
    fn network(&mut self, stem: &str, subnet: Option<&str>) -> (String, IpAddr) {
        let name = self.docker.unique(stem);
        let options: &[&str] = match &subnet {
            Some(subnet) if subnet.contains(':') => &["--ipv6", "--subnet", subnet],
            Some(subnet) => &["--subnet", subnet],
            None => &[],
        };
        self.docker.run(&[&["network", "create"], options, &[&name]].concat());
        self.networks.push(name.clone());
        if let Some(subnet) = subnet {
            let (base, _) = subnet.split_once('/').unwrap();
            let first = if subnet.contains(':') {
                format!("{base}1")
            } else {
                format!("{}.1", base.rsplit_once('.').unwrap().0)
            };
            return (name, first.parse().unwrap());
        }
        let gateways =
            self.docker.run(&["network", "inspect", "--format", "{{range .IPAM.Config}}{{.Gateway}} {{end}}", &name]);
        (name, gateways.split_whitespace().last().unwrap().parse().unwrap())
    }

    /// A container that says its name to this address, again and again until somebody has heard it.
    fn caller(&self, stem: &str, to: &str, options: &[&str]) -> Recipe {
        let recipe = self.docker.container(stem).options(options);
        let script = format!("while :; do echo {} | nc -w 3 {to} {}; sleep 0.2; done", recipe.name(), self.port);
        recipe.role(Role::Script(script))
    }

    fn told(&self, who: &str) -> Option<Told> {
        self.told.lock().unwrap().get(who).cloned()
    }

    /// What was told of a caller in the end; what was told on the way to it has not been wrong.
    #[track_caller]
    fn expect(&self, caller: &str, expected: &Told) {
        eventually(caller, || {
            let told = self.told(caller);
            holds(told.as_ref() == Some(expected), || format!("{told:?} instead of {expected:?}"))
        });
    }
}

impl Drop for Hearing {
    fn drop(&mut self) {
        self.shutdown.cancel();
        for network in &self.networks {
            if let Err(reason) = self.docker.cli(&["network", "rm", network]) {
                eprintln!("{reason}");
            }
        }
    }
}

/// Accepts, binds then and there, and names what the other side calls itself. Whoever is named and is another one stays in the table.
async fn accept(
    tcp: TcpListener,
    unix: UnixListener,
    attributor: Attributor,
    told: Arc<Mutex<BTreeMap<String, Told>>>,
) {
    loop {
        let (way, stream): (Way, Box<dyn AsyncRead + Send + Unpin>) = tokio::select! {
            accepted = tcp.accept() => {
                let (stream, peer) = accepted.unwrap();
                let Ok(local) = stream.local_addr() else { continue };
                (Way::Tcp { peer, local }, Box::new(stream))
            }
            accepted = unix.accept() => {
                let (stream, _) = accepted.unwrap();
                let credentials = stream.peer_cred().unwrap();
                let pid = credentials.pid().and_then(|pid| u32::try_from(pid).ok()).filter(|pid| *pid != 0);
                (Way::Unix { pid, uid: credentials.uid() }, Box::new(stream))
            }
        };
        let binding = attributor.bind(&Caller { way });
        let (attributor, told) = (attributor.clone(), Arc::clone(&told));
        tokio::spawn(async move {
            attributor.settle(&binding).await;
            let mut line = String::new();
            BufReader::new(stream).read_line(&mut line).await.unwrap_or_default();
            let named = attributor.name(&binding, &Group::default());
            let name = named.who.map(|who| who.container_name.to_string());
            let caller = line.trim().to_owned();
            let mut told = told.lock().unwrap();
            let wrong = |told: &Told| told.0.as_ref().is_some_and(|name| *name != caller);
            if !told.get(&caller).is_some_and(wrong) {
                told.insert(caller, (name, named.by));
            }
        });
    }
}

/// The program inside of a container that connects to the unix socket: this very test.
#[test]
#[ignore = "runs in a container that another test starts"]
fn sends_over_a_unix_socket() {
    let said = std::env::var("SENDER").unwrap();
    let mut stream = UnixStream::connect(SOCKET).unwrap();
    stream.write_all(said.as_bytes()).unwrap();
    stream.read_to_end(&mut Vec::new()).unwrap();
    // What it has said is heard while it is there.
    loop {
        std::thread::park();
    }
}

fn this_program() -> PathBuf {
    std::env::current_exe().unwrap()
}

/// A container without a network, with the unix socket of that folder, in which this program says something of that name.
fn over_unix(docker: &Docker, folder: &Path, stem: &str, says: impl Fn(&str) -> String) -> Running {
    let recipe = docker.container(stem);
    let mounts = [
        format!("{}:/sender:ro", this_program().display()),
        format!("{}:{}", folder.display(), Path::new(SOCKET).parent().unwrap().display()),
    ];
    let said = format!("SENDER={}", says(recipe.name()));
    let options = ["--volume", &mounts[0], "--volume", &mounts[1], "--env", &said, "--entrypoint", "/sender"];
    let arguments = ["--ignored", "--exact", "sends_over_a_unix_socket"].map(str::to_owned);
    recipe.options(&options).options(&["--network", "none"]).role(Role::Arguments(arguments.into())).start()
}

fn right(container: &Running, rule: Rule) -> Told {
    (Some(container.name.clone()), Ok(rule))
}

#[test]
fn each_is_named_or_counted_in_every_topology() {
    let Some(mut hearing) = Hearing::or_skip() else { return };
    // Three networks, each reaches the host by its gateway.
    let networks = ["one", "two", "three"].map(|stem| hearing.network(stem, None));
    let far: Vec<Running> = networks
        .iter()
        .map(|(network, gateway)| hearing.caller("net", &gateway.to_string(), &["--network", network]).start())
        .collect();
    // The host's own network.
    let host = hearing.caller("host", "127.0.0.1", &["--network", "host"]).start();
    // Two that share a namespace.
    let (network, gateway) = &networks[0];
    let pod = hearing.caller("pod", &gateway.to_string(), &["--network", network]).create();
    let joined = format!("container:{}", pod.id);
    pod.act(&["start"]);
    let sidecar = hearing.caller("sidecar", &gateway.to_string(), &["--network", &joined]).start();
    // A unix socket in a volume, from a container without a network.
    let unix = over_unix(&hearing.docker, hearing.folder.path(), "unix", |name| format!("{name}\n"));

    far.iter().for_each(|container| hearing.expect(&container.name, &right(container, Rule::Address)));
    hearing.expect(&host.name, &right(&host, Rule::HostSocket));
    hearing.expect(&sidecar.name, &(None, Err(Miss::Ambiguous)));
    hearing.expect(&pod.name, &(None, Err(Miss::Ambiguous)));
    hearing.expect(&unix.name, &right(&unix, Rule::Socket));
}

#[test]
fn who_is_in_no_container_is_nobody() {
    let Some(hearing) = Hearing::or_skip() else { return };
    let busybox = std::env::var("SPYHOP_BUSYBOX").unwrap_or_else(|_| "busybox".into());
    let mut client = Command::new(busybox)
        .args(["nc", "127.0.0.1", &hearing.port.to_string()])
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    client.stdin.as_mut().unwrap().write_all(b"a process of the host\n").unwrap();
    hearing.expect("a process of the host", &(None, Err(Miss::HostNet)));
    client.kill().unwrap();
    client.wait().unwrap();
    // Whoever connects is this very process, which is where the attributor is.
    let mut own = UnixStream::connect(hearing.folder.path().join("otlp.sock")).unwrap();
    writeln!(own, "this process").unwrap();
    hearing.expect("this process", &(None, Err(Miss::HostProcess)));
    let mut own = std::net::TcpStream::connect(("127.0.0.1", hearing.port)).unwrap();
    writeln!(own, "the agent").unwrap();
    hearing.expect("the agent", &(None, Err(Miss::AgentItself)));
}

#[test]
fn both_kinds_of_addresses() {
    let Some(mut hearing) = Hearing::or_skip() else { return };
    let subnet = format!("fd00:{:x}::/64", std::process::id() & 0xffff);
    let (network, gateway) = hearing.network("six", Some(&subnet));
    let container = hearing.caller("six", &gateway.to_string(), &["--network", &network]).start();
    hearing.expect(&container.name, &right(&container, Rule::Address));
}

/// The same address from hand to hand, as fast as the engine can: nobody is taken for the one before.
#[test]
fn an_address_that_changes_hands_is_never_the_last_ones() {
    let Some(mut hearing) = Hearing::or_skip() else { return };
    let subnet = format!("10.{}.{}.0/24", 200 + std::process::id() % 50, std::process::id() / 50 % 250);
    let (network, gateway) = hearing.network("churn", Some(&subnet));
    let address = subnet.replace(".0/24", ".77");
    let options = ["--network", &network, "--ip", &address];
    let make = |round: u32| hearing.caller(&format!("churn{round}"), &gateway.to_string(), &options).create();
    let containers: Vec<Running> = (0..3).map(make).collect();
    let mut named = 0;
    for round in 0..12_usize {
        let container = &containers[round % containers.len()];
        hearing.told.lock().unwrap().clear();
        container.act(&["start"]);
        let told = eventually("it is heard", || hearing.told(&container.name).ok_or("nothing yet"));
        named += usize::from(told.0.is_some());
        container.act(&["kill"]);
        for (caller, told) in &*hearing.told.lock().unwrap() {
            assert!(told.0.as_ref().is_none_or(|name| name == caller), "round {round}: {caller} was named {told:?}");
        }
    }
    assert!(named >= 9, "{named} of 12 were named");
}

/// Networks of a test.
struct Networks(Docker, Vec<String>);

impl Drop for Networks {
    fn drop(&mut self) {
        for network in &self.1 {
            if let Err(reason) = self.0.cli(&["network", "rm", network]) {
                eprintln!("{reason}");
            }
        }
    }
}

/// A request in JSON with one span of that name, whose resource says nothing.
fn request(name: &str) -> String {
    let span = json!({
        "traceId": "5b8efff798038103d269b633813fc60c", "spanId": "eee19b7ec3c1b174", "name": name, "kind": 2,
        "startTimeUnixNano": "1700000000000000000", "endTimeUnixNano": "1700000000000000001",
    });
    json!({ "resourceSpans": [{ "scopeSpans": [{ "spans": [span] }] }] }).to_string()
}

/// Attributes of what a sender has sent, as it came to the back end each time.
fn arrived(backend: &Backend, sender: &str) -> BTreeSet<Vec<(String, String)>> {
    let requests = backend.kept();
    let groups = requests.iter().flat_map(|request| match request {
        Request::Traces(request) => request.resource_spans.as_slice(),
        _ => &[],
    });
    let of = |group: &&ResourceSpans| {
        group.scope_spans.iter().flat_map(|scope| &scope.spans).any(|span| span.name == sender)
    };
    let attributes = |group: &ResourceSpans| -> Vec<(String, String)> {
        let pairs = group.resource.iter().flat_map(|resource| &resource.attributes);
        let text = |pair: &KeyValue| match pair.value.as_ref().and_then(|value| value.value.as_ref()) {
            Some(Value::StringValue(text)) => (pair.key.clone(), text.clone()),
            other => (pair.key.clone(), format!("{other:?}")),
        };
        pairs.map(text).collect()
    };
    groups.filter(of).map(attributes).collect()
}

#[test]
fn the_whole_agent_sends_on_whose_it_is() {
    let Some(docker) = Docker::or_skip(Turn::Shared) else { return };
    let (backend, port, folder) = (Backend::start(Speaks::Http), free_port(), tempfile::tempdir().unwrap());
    let more = format!(
        "otlp:\n  endpoint: {}\n  protocol: http\ntraces:\n  grpc: off\n  http: \"[::]:{port}\"\n  socket: {}\n  lifecycle: false\n",
        backend.url(),
        folder.path().join("otlp.sock").display(),
    );
    let home = Home::with(&binary(), docker.socket(), &more);
    let agent = home.start();
    let mut networks = Networks(docker.clone(), Vec::new());
    let caller = |stem: &str, to: &str, options: &[&str]| {
        let recipe = docker.container(stem).options(options).compose("shop", stem, 1);
        let body = request(recipe.name());
        let post = format!(
            "wget -q -O - --header 'Content-Type: application/json' --post-data '{body}' http://{to}:{port}/v1/traces"
        );
        recipe.role(Role::Script(format!("while :; do {post}; sleep 0.3; done")))
    };
    let far: Vec<(Running, &str)> = ["one", "two", "three"]
        .into_iter()
        .map(|stem| {
            let name = docker.unique(stem);
            docker.run(&["network", "create", &name]);
            networks.1.push(name.clone());
            let format = "{{range .IPAM.Config}}{{.Gateway}}{{end}}";
            let gateway = docker.run(&["network", "inspect", "--format", format, &name]);
            (caller(stem, gateway.trim(), &["--network", &name]).start(), stem)
        })
        .collect();
    let host = caller("host", "127.0.0.1", &["--network", "host"]).start();
    let body = |name: &str| {
        let body = request(name);
        let head = "POST /v1/traces HTTP/1.1\r\nHost: otlp\r\nContent-Type: application/json\r\nConnection: close\r\n";
        format!("{head}Content-Length: {}\r\n\r\n{body}", body.len())
    };
    let unix = over_unix(&docker, folder.path(), "unix", body);
    let expected = |container: &Running, service: &str| {
        let mut expected = vec![
            ("container.id", container.id.clone()),
            ("container.name", container.name.clone()),
            ("service.name", service.to_owned()),
        ];
        if service != "busybox" {
            expected.push(("service.namespace", "shop".to_owned()));
            expected.push(("service.instance.id", format!("shop.{service}.1")));
        }
        expected
    };
    let all = far.iter().map(|(container, stem)| (container, *stem)).chain([(&unix, "busybox")]);
    for (container, service) in all {
        let expected = expected(container, service);
        eventually(service, || {
            let arrived = arrived(&backend, &container.name);
            // Before it was described it is nobody; it is never another one.
            for (key, value) in arrived.iter().flatten().filter(|(key, _)| key == "container.id") {
                assert_eq!(*value, container.id, "{key} of {service}");
            }
            let whole = |attributes: &Vec<(String, String)>| {
                expected.iter().all(|(key, value)| {
                    let mut of = attributes.iter().filter(|(name, _)| name == key);
                    of.next().is_some_and(|(_, found)| found == value) && of.next().is_none()
                })
            };
            holds(arrived.iter().any(whole), || format!("{arrived:?} instead of {expected:?}"))
        });
    }
    // Whose socket it is the kernel does not tell an agent that has confined itself; that it is this host is known.
    eventually("the host's network", || {
        let arrived = arrived(&backend, &host.name);
        for (key, value) in arrived.iter().flatten().filter(|(key, _)| key == "container.id") {
            assert_eq!(*value, host.id, "{key}");
        }
        let here = |attributes: &Vec<(String, String)>| attributes.iter().any(|(key, _)| key == "host.name");
        holds(arrived.iter().any(here), || format!("{arrived:?}"))
    });
    drop(agent);
}
