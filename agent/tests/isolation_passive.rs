//! The passive tier against real containers: who talks with whom, as the kernel lists it, through nobody's help and without a capability.
//!
//! Connections are made by programs inside, and by sockets which the test makes in their namespaces; nothing leaves the machine.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod support;

use std::{
    collections::BTreeSet,
    net::{IpAddr, SocketAddr, TcpListener, TcpStream, UdpSocket},
    ops::ControlFlow,
    os::fd::OwnedFd,
    path::Path,
    sync::atomic::{AtomicU16, Ordering},
};

use jiff::Timestamp;
use rustix::{
    net::{AddressFamily, SocketFlags, SocketType, netlink, socket_with},
    process::{Gid, Uid},
    thread::{set_thread_groups, set_thread_res_gid, set_thread_res_uid},
};
use spyhop::{
    host::sockets::{Buffer, Counts, Namespace, Row, Table},
    inventory::Snapshot,
    isolation::{
        Edge, End,
        passive::{Around, Graph, Observed, Sweeper},
    },
    model::{Protocol, ServiceKey, SocketState},
};
use support::{
    container::{Recipe, Role, Running},
    docker::{Docker, Turn},
    namespace::{inside, picture},
    wait::{eventually, holds},
};

const PROC: &str = "/proc";

/// Containers of one project on networks of their own; everything goes when it is dropped.
struct Lab {
    docker: Docker,
    project: String,
    networks: Vec<String>,
    containers: Vec<Running>,
}

impl Drop for Lab {
    fn drop(&mut self) {
        self.containers.clear();
        for network in &self.networks {
            if let Err(reason) = self.docker.cli(&["network", "rm", network]) {
                eprintln!("{reason}");
            }
        }
    }
}

impl Lab {
    fn or_skip() -> Option<Self> {
        let docker = Docker::or_skip(Turn::Shared)?;
        Some(Self { project: docker.unique("passive"), docker, networks: Vec::new(), containers: Vec::new() })
    }

    /// A network; its name.
    fn network(&mut self, stem: &str, options: &[&str]) -> String {
        let name = self.docker.unique(stem);
        self.docker.run(&[&["network", "create"], options, &[&name]].concat());
        self.networks.push(name.clone());
        name
    }

    fn recipe(&self, service: &str, network: &str, script: &str) -> Recipe {
        self.docker
            .container(service)
            .compose(&self.project, service, 1)
            .options(&["--network", network])
            .role(Role::Script(script.to_owned()))
    }

    /// Starts a service; where it stands among the containers.
    fn start(&mut self, recipe: Recipe) -> usize {
        self.containers.push(recipe.start());
        self.containers.len() - 1
    }

    fn address(&self, which: usize, network: &str, field: &str) -> String {
        let inspected = self.containers[which].inspect();
        let address = inspected["NetworkSettings"]["Networks"][network][field].as_str().unwrap();
        assert!(!address.is_empty(), "no {field} on {network}");
        address.to_owned()
    }

    fn picture(&self) -> Snapshot {
        let ids: Vec<&str> = self.containers.iter().map(|container| container.id.as_str()).collect();
        picture(self.docker.socket(), &ids)
    }

    fn key(&self, service: &str) -> ServiceKey {
        ServiceKey { project: self.project.as_str().into(), service: service.into() }
    }

    fn edge(&self, from: &str, to: End, port: u16, protocol: Protocol) -> Edge {
        Edge { from: self.key(from), to, port, protocol }
    }

    fn to(&self, from: &str, to: &str, port: u16) -> Edge {
        self.edge(from, End::Service(self.key(to)), port, Protocol::Tcp)
    }
}

fn around(own: Option<&str>) -> Around<'_> {
    Around { proc: Path::new(PROC), now: Timestamp::now(), own, ours: &|_, _, _| false }
}

/// Sweeps anew until a sweep has seen it.
#[track_caller]
fn until(lab: &Lab, sweeper: &mut Sweeper, what: &str, fits: impl Fn(&Observed) -> bool) -> Observed {
    eventually(what, || {
        let seen = sweeper.sweep(&lab.picture(), &around(None));
        if fits(&seen) { Ok(seen) } else { Err(format!("{seen:#?}")) }
    })
}

/// A port that no other test of this run uses.
fn port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(7000);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

#[test]
fn flows_between_containers_are_seen_as_they_are() {
    let Some(mut lab) = Lab::or_skip() else { return };
    let [front, back] = ["front", "back"].map(|stem| lab.network(stem, &[]));
    let serve = "nc -ll -p 8080 -e cat";
    let api = lab.start(lab.recipe("api", &front, serve).options(&["--publish", "8080"]));
    let web = lab.start(lab.recipe("web", &front, "sleep 100000"));
    let db = lab.start(lab.recipe("db", &back, "nc -ll -p 5432 -e cat"));
    let to_api = format!("{}:8080", lab.address(api, &front, "IPAddress"));
    let to_db = format!("{} 5432", lab.address(db, &back, "IPAddress"));
    let published = lab.containers[api].inspect()["NetworkSettings"]["Ports"]["8080/tcp"][0]["HostPort"].clone();
    let published: u16 = published.as_str().unwrap().parse().unwrap();
    let back_gateway = lab.address(db, &back, "Gateway");
    let front_gateway = lab.address(web, &front, "Gateway");
    let mut sweeper = Sweeper::new();

    // Nobody talks yet.
    let seen = until(&lab, &mut sweeper, "listeners", |seen| {
        let listens = |service: &str, port| {
            seen.listeners.get(&lab.key(service)).is_some_and(|ports| ports.contains(&(Protocol::Tcp, port)))
        };
        listens("api", 8080) && listens("db", 5432)
    });
    assert!(seen.flows.is_empty() && seen.attempts.is_empty(), "{seen:#?}");
    assert_eq!(seen.seen, ["api", "db", "web"].map(|name| lab.key(name)).into());
    assert!(!seen.host_listeners.contains(&(Protocol::Tcp, published)), "it is published for a container");

    // Held open: seen at both ends, counted once, from the first sweep on.
    let pid = lab.containers[web].pid();
    let held = inside(pid, || TcpStream::connect(&to_api).unwrap());
    let seen = sweeper.sweep(&lab.picture(), &around(None));
    assert_eq!(seen.flows.get(&lab.to("web", "api", 8080)), Some(&1), "{seen:#?}");
    assert_eq!(seen.flows.len(), 1, "{seen:#?}");

    // Over before anybody looked: its client's TIME_WAIT counts once, and then never again.
    lab.containers[web].exec(&format!("echo x | nc {}", to_api.replace(':', " ")));
    let seen = sweeper.sweep(&lab.picture(), &around(None));
    assert_eq!(seen.fresh.get(&lab.to("web", "api", 8080)), Some(&1), "{seen:#?}");
    assert_eq!(seen.flows.get(&lab.to("web", "api", 8080)), Some(&2), "{seen:#?}");
    let seen = sweeper.sweep(&lab.picture(), &around(None));
    assert_eq!(seen.flows.get(&lab.to("web", "api", 8080)), Some(&1), "{seen:#?}");
    drop(held);
    until(&lab, &mut sweeper, "no flow any more", |seen| seen.flows.is_empty());

    // Across networks: dropped, and told as an attempt, once.
    let knocking = lab.containers[web].exec(&format!("(nc -w 60 {to_db} & echo $!)"));
    let seen = until(&lab, &mut sweeper, "an attempt", |seen| !seen.attempts.is_empty());
    assert_eq!(seen.attempts.into_iter().collect::<Vec<_>>(), [(lab.to("web", "db", 5432), 1)]);
    let seen = sweeper.sweep(&lab.picture(), &around(None));
    assert!(seen.attempts.is_empty() && seen.flows.is_empty(), "{seen:#?}");
    lab.containers[web].exec(&format!("kill {knocking}"));

    // Through a published port and the gateway of its own network: whom it meant is known at the client's side alone.
    let hairpin = inside(lab.containers[db].pid(), || TcpStream::connect(format!("{back_gateway}:{published}")));
    if lab.docker.product().leaves_out(hairpin.is_err(), "no way from a bridge to a published port of another one") {
        return;
    }
    let seen = sweeper.sweep(&lab.picture(), &around(None));
    assert_eq!(seen.flows.get(&lab.to("db", "api", 8080)), Some(&1), "{seen:#?}");
    assert_eq!(seen.flows.len(), 1, "{seen:#?}");
    drop(hairpin);

    // A service of the host behind the gateway.
    let service = TcpListener::bind("0.0.0.0:0").unwrap();
    let at = service.local_addr().unwrap().port();
    let reached = inside(pid, || TcpStream::connect(format!("{front_gateway}:{at}")).unwrap());
    let host = lab.edge("web", End::Host, at, Protocol::Tcp);
    let seen = until(&lab, &mut sweeper, "the host", |seen| seen.flows.contains_key(&host));
    assert!(seen.host_listeners.contains(&(Protocol::Tcp, at)), "{seen:#?}");
    drop(reached);

    // The agent is no service of the host's, and nobody's neighbour.
    let _asking = inside(pid, || TcpStream::connect(&to_api).unwrap());
    let seen = sweeper.sweep(&lab.picture(), &around(Some(&lab.containers[api].id)));
    // What was found at first sight stands, so this is a connection of its own.
    assert!(seen.flows.contains_key(&lab.edge("web", End::Agent, 8080, Protocol::Tcp)), "{seen:#?}");

    let mut graph = Graph::default();
    graph.note(&seen, Timestamp::now());
    assert_eq!(graph.len(), seen.flows.len());
}

#[test]
fn a_neighbour_outside_the_picture_and_a_guest_in_a_namespace_are_told_as_far_as_they_are_known() {
    let Some(mut lab) = Lab::or_skip() else { return };
    let front = lab.network("front", &[]);
    let api = lab.start(lab.recipe("api", &front, "exec nc -ll -p 8080 -e sleep 100000"));
    let web = lab.start(lab.recipe("web", &front, "exec sleep 100000"));
    let address = lab.address(api, &front, "IPAddress");
    let talk = format!("while true; do sleep 100000 | nc {address} 8080; sleep 0.1; done");
    let joined = format!("container:{}", lab.containers[web].id);
    lab.start(lab.recipe("guest", &joined, &talk).options(&["--user", "1234"]));
    let mut sweeper = Sweeper::new();
    let guests = lab.to("guest", "api", 8080);
    let seen = until(&lab, &mut sweeper, "the guest's own connection", |seen| seen.flows.contains_key(&guests));
    assert!(seen.one_of.is_empty(), "its user tells whose it is: {seen:#?}");
    assert_eq!(seen.shared.get(&lab.key("web")).map(BTreeSet::len), Some(2));

    // Not of the lab's containers, so in no picture.
    let outsider = lab.recipe("outsider", &front, &talk).start();
    let inspected = outsider.inspect();
    let from = inspected["NetworkSettings"]["Networks"][&front]["IPAddress"].as_str().unwrap().to_owned();
    let seen = until(&lab, &mut sweeper, "somebody without a name", |seen| !seen.strangers.is_empty());
    let stranger = seen.strangers.keys().next().unwrap();
    assert_eq!((stranger.address.to_string(), &*stranger.network), (from, &*front));
    assert_eq!((&stranger.to, stranger.port, seen.left_out.strangers), (&lab.key("api"), 8080, 0));
}

#[test]
fn shared_namespaces_loopback_udp_and_ipv6() {
    let Some(mut lab) = Lab::or_skip() else { return };
    let number = std::process::id() % 0xfff0;
    let front = lab.network("front6", &["--ipv6", "--subnet", &format!("fd00:5917:{number:x}::/64")]);
    let web = lab.start(lab.recipe("web", &front, "sleep 100000"));
    let api = lab.start(lab.recipe("api", &front, "sleep 100000"));
    let joined = format!("container:{}", lab.containers[web].id);
    lab.start(lab.recipe("sidecar", &joined, "sleep 100000"));
    let [web_pid, api_pid] = [web, api].map(|which| lab.containers[which].pid());
    let address: IpAddr = lab.address(api, &front, "IPAddress").parse().unwrap();
    let six: IpAddr = lab.address(api, &front, "GlobalIPv6Address").parse().unwrap();
    let mut sweeper = Sweeper::new();

    let [alone, open, names] = [port(), port(), port()];
    let (_alone, _open, _names) = inside(api_pid, || {
        let alone = TcpListener::bind(("127.0.0.1", alone)).unwrap();
        // One socket for both families.
        let open = TcpListener::bind(("::", open)).unwrap();
        (alone, open, UdpSocket::bind(("0.0.0.0", names)).unwrap())
    });
    let (_loop, _four, _six, asking) = inside(web_pid, || {
        let own = TcpListener::bind("127.0.0.1:0").unwrap();
        let itself = TcpStream::connect(own.local_addr().unwrap()).unwrap();
        let four = TcpStream::connect((address, open)).unwrap();
        // The address is tentative for a second or two after the start.
        let six = eventually("a way over IPv6", || TcpStream::connect((six, open)).map_err(|error| error.to_string()));
        let asking = UdpSocket::bind("0.0.0.0:0").unwrap();
        asking.connect((address, names)).unwrap();
        ((own, itself), four, six, asking)
    });
    let seen = sweeper.sweep(&lab.picture(), &around(None));
    let udp = lab.edge("web", End::Service(lab.key("api")), names, Protocol::Udp);
    assert_eq!(
        seen.flows.clone().into_iter().collect::<BTreeSet<_>>(),
        [(lab.to("web", "api", open), 2), (udp.clone(), 1)].into(),
        "{seen:#?}"
    );
    let ports = |service: &str| seen.listeners.get(&lab.key(service)).cloned().unwrap_or_default();
    assert_eq!(ports("api"), [(Protocol::Tcp, open), (Protocol::Udp, names)].into());
    assert_eq!((ports("web"), ports("sidecar")), (BTreeSet::new(), BTreeSet::new()));
    assert_eq!(seen.read + seen.unchanged, 2, "one look for each namespace");
    assert_eq!(seen.seen.len(), 3, "{seen:#?}");
    drop(asking);
    let seen = sweeper.sweep(&lab.picture(), &around(None));
    assert!(!seen.flows.contains_key(&udp), "{seen:#?}");
}

#[test]
fn a_container_that_starts_anew_with_its_address_is_itself_again() {
    let Some(mut lab) = Lab::or_skip() else { return };
    let front = lab.network("again", &[]);
    let api = lab.start(lab.recipe("api", &front, "nc -ll -p 8080 -e cat"));
    let web = lab.start(lab.recipe("web", &front, "sleep 100000"));
    let to_api = format!("{}:8080", lab.address(api, &front, "IPAddress"));
    let mut sweeper = Sweeper::new();
    let web_pid = lab.containers[web].pid();
    let connect = || {
        inside(web_pid, || {
            eventually("api takes connections", || TcpStream::connect(&to_api).map_err(|e| e.to_string()))
        })
    };
    let _before = connect();
    let edge = lab.to("web", "api", 8080);
    assert_eq!(sweeper.sweep(&lab.picture(), &around(None)).flows.get(&edge), Some(&1));
    let pid = lab.containers[api].pid();
    lab.containers[api].act(&["restart", "--time", "0"]);
    assert_ne!(lab.containers[api].pid(), pid);
    assert_eq!(format!("{}:8080", lab.address(api, &front, "IPAddress")), to_api, "nobody took the address meanwhile");
    let _after = connect();
    let seen = sweeper.sweep(&lab.picture(), &around(None));
    assert_eq!(seen.fresh.get(&edge), Some(&1), "{seen:#?}");
    assert!(seen.unseen.is_empty() && seen.left_out.ambiguous == 0, "{seen:#?}");
}

#[test]
fn a_first_look_blames_nobody_for_what_a_former_holder_of_his_address_did() {
    let Some(mut lab) = Lab::or_skip() else { return };
    let base = format!("10.{}.{}", 200 + std::process::id() % 50, std::process::id() / 50 % 250);
    let (subnet, address) = (format!("{base}.0/24"), format!("{base}.77"));
    let front = lab.network("heir", &["--subnet", &subnet]);
    let on = ["--ip", address.as_str()];
    let api = lab.start(lab.recipe("api", &front, "sleep 100000"));
    let api_pid = lab.containers[api].pid();
    let at: SocketAddr = format!("{}:8080", lab.address(api, &front, "IPAddress")).parse().unwrap();
    let listener = inside(api_pid, || TcpListener::bind(at).unwrap());

    // It asked, and the side that was asked said the last word, which its kernel keeps for a minute.
    let former = lab.recipe("former", &front, "sleep 100000").options(&on).start();
    let asking = inside(former.pid(), || TcpStream::connect(at).unwrap());
    drop(listener.accept().unwrap());
    drop(asking);
    let listed = || {
        let mut rows = Vec::new();
        let add = |row: Row| {
            rows.extend((row.socket.remote.ip().to_string() == address).then_some(row.socket.state));
            ControlFlow::Continue(())
        };
        Namespace::of(Path::new(PROC), api_pid).rows(Table::Tcp4, &mut Buffer::default(), add).unwrap();
        rows
    };
    eventually("the end is listed", || holds(listed() == [SocketState::TimeWait], || format!("{:?}", listed())));
    former.remove();

    let heir = lab.start(lab.recipe("heir", &front, "sleep 100000").options(&on));
    assert_eq!(lab.address(heir, &front, "IPAddress"), address);
    let mut sweeper = Sweeper::new();
    let seen = sweeper.sweep(&lab.picture(), &around(None));
    assert_eq!(listed(), [SocketState::TimeWait], "it was there to be seen");
    assert!(seen.flows.is_empty() && seen.strangers.is_empty(), "{seen:#?}");
    assert_eq!(seen.left_out.ambiguous, 1, "{seen:#?}");
    let again = sweeper.sweep(&lab.picture(), &around(None));
    assert_eq!((again.flows.len(), again.left_out.ambiguous), (0, 0), "{again:#?}");

    // What it does itself is its own, from a first look on and when it ends after it.
    let edge = lab.to("heir", "api", 8080);
    let own = inside(lab.containers[heir].pid(), || TcpStream::connect(at).unwrap());
    let taken = listener.accept().unwrap();
    assert_eq!(Sweeper::new().sweep(&lab.picture(), &around(None)).flows.get(&edge), Some(&1));
    drop((taken, own));
    let seen = sweeper.sweep(&lab.picture(), &around(None));
    assert_eq!(seen.fresh.get(&edge), Some(&1), "{seen:#?}");
}

/// A descriptor as the helper makes them.
fn diag(pid: u32) -> OwnedFd {
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    inside(pid, || socket_with(AddressFamily::NETLINK, SocketType::RAW, flags, Some(netlink::SOCK_DIAG)).unwrap())
}

#[test]
fn neither_rights_nor_the_way_of_asking_change_what_is_seen() {
    let Some(mut lab) = Lab::or_skip() else { return };
    let front = lab.network("rights", &[]);
    let api = lab.start(lab.recipe("api", &front, "nc -ll -p 8080 -e cat"));
    let web = lab.start(lab.recipe("web", &front, "sleep 100000"));
    let at: SocketAddr = format!("{}:8080", lab.address(api, &front, "IPAddress")).parse().unwrap();
    let [api_pid, web_pid] = [api, web].map(|which| lab.containers[which].pid());
    let connect = || TcpStream::connect(at).map_err(|error| error.to_string());
    let _held: Vec<_> = (0..100).map(|_| inside(web_pid, || eventually("api takes connections", connect))).collect();
    let _names = inside(api_pid, || UdpSocket::bind("0.0.0.0:5353").unwrap());
    let snapshot = lab.picture();
    let settled = |seen: Observed| Observed { host_listeners: BTreeSet::new(), ..seen };

    let mut asking = Sweeper::new();
    asking.sweep(&snapshot, &around(None));
    let wanting = asking.wanting();
    assert_eq!(wanting.iter().map(|process| process.pid).collect::<BTreeSet<_>>(), [api_pid, web_pid].into());
    wanting.into_iter().for_each(|process| asking.give(process, diag(process.pid)));
    // Everything is read again, by the other way.
    let mut asked = Sweeper::new();
    std::mem::swap(&mut asked, &mut asking);
    let by_files = settled(Sweeper::new().sweep(&snapshot, &around(None)));
    let by_diag = settled(asked.sweep(&snapshot, &around(None)));
    assert_eq!(by_files.flows.get(&lab.to("web", "api", 8080)), Some(&100));
    assert_eq!(
        (&by_diag.flows, &by_diag.listeners, &by_diag.seen),
        (&by_files.flows, &by_files.listeners, &by_files.seen)
    );
    assert_eq!(asked.descriptors(), 2, "both still answer");

    let nobody = std::thread::scope(|scope| {
        let sweep = || {
            let (uid, gid) = (Uid::from_raw(65534), Gid::from_raw(65534));
            set_thread_groups(&[]).unwrap();
            set_thread_res_gid(gid, gid, gid).unwrap();
            set_thread_res_uid(uid, uid, uid).unwrap();
            let status = std::fs::read_to_string("/proc/thread-self/status").unwrap();
            let effective = status.lines().find_map(|line| line.strip_prefix("CapEff:")).unwrap().trim().to_owned();
            (effective, Sweeper::new().sweep(&snapshot, &around(None)))
        };
        scope.spawn(sweep).join().unwrap()
    });
    assert_eq!(nobody.0, "0000000000000000", "no capability is left");
    assert_eq!(settled(nobody.1), by_files);
}

/// The two counts around a change, and whether they tell.
#[track_caller]
fn notices<T>(pid: u32, change: impl FnOnce() -> T) -> (bool, T) {
    let namespace = Namespace::of(Path::new(PROC), pid);
    let counts = || namespace.counts().unwrap().unwrap();
    let before = counts();
    let kept = change();
    // A close is told to the other side, and counted, a moment later.
    (!counts().same_tcp(&before), kept)
}

#[test]
fn counters_notice_what_begins_comes_and_ends() {
    let Some(mut lab) = Lab::or_skip() else { return };
    let front = lab.network("counts", &["--internal"]);
    let web = lab.start(lab.recipe("web", &front, "sleep 100000"));
    let peer = lab.start(lab.recipe("peer", &front, "sleep 100000"));
    let [pid, other] = [web, peer].map(|which| lab.containers[which].pid());
    let address = lab.address(web, &front, "IPAddress");
    let peer_address = lab.address(peer, &front, "IPAddress");
    let namespace = Namespace::of(Path::new(PROC), pid);
    let counts = || -> Counts { namespace.counts().unwrap().unwrap() };
    // The engine's resolver is there before anybody else, on IPv4 alone.
    assert!(counts().is_empty(Table::Tcp6) && counts().is_empty(Table::Udp6), "{:?}", counts());

    let (told, listener) = notices(pid, || inside(pid, || TcpListener::bind("0.0.0.0:7001").unwrap()));
    assert!(told, "a new listener");
    let (told, in_six) = notices(pid, || inside(pid, || TcpListener::bind("[::]:7002").unwrap()));
    assert!(told, "a new listener of IPv6");
    let (told, taken) = notices(pid, || inside(other, || TcpStream::connect(format!("{address}:7001")).unwrap()));
    assert!(told, "a connection from outside");
    let server = inside(other, || TcpListener::bind("0.0.0.0:7003").unwrap());
    let (told, begun) = notices(pid, || inside(pid, || TcpStream::connect(format!("{peer_address}:7003")).unwrap()));
    assert!(told, "a connection to somebody");
    let before = counts();
    drop(begun);
    eventually("a close is counted", || holds(!counts().same_tcp(&before), || format!("{:?}", counts())));
    let before = counts();
    drop(taken);
    eventually("the other side's close is counted", || {
        holds(!counts().same_tcp(&before), || format!("{:?}", counts()))
    });
    let (told, _) =
        notices(pid, || drop(inside(pid, || TcpStream::connect(format!("{peer_address}:7004")).unwrap_err())));
    assert!(told, "a refusal");
    // An address of the network that nobody has: the kernel asks for it, and the socket waits.
    let nobody = {
        let mut bytes = peer_address.parse::<std::net::Ipv4Addr>().unwrap().octets();
        bytes[3] = 250;
        std::net::Ipv4Addr::from(bytes)
    };
    let (told, asking) = notices(pid, || inside(pid, || knock((nobody, 7005).into())));
    assert!(told, "an attempt");
    drop(asking);
    let before = counts();
    let udp = inside(pid, || UdpSocket::bind("0.0.0.0:7006").unwrap());
    assert_eq!(counts().udp, before.udp + 1, "a socket of UDP");
    assert!(counts().same_tcp(&before), "which is none of TCP");
    drop(udp);

    // What no counter tells, and the reason for a full read now and then.
    let (told, moved) = notices(pid, || {
        drop(in_six);
        inside(pid, || TcpListener::bind("[::]:7012").unwrap())
    });
    assert!(!told, "a listener that moves to another port");
    drop((listener, moved, server));
}

/// A connection begun and not waited for.
fn knock(at: SocketAddr) -> OwnedFd {
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let socket = socket_with(AddressFamily::INET, SocketType::STREAM, flags, None).unwrap();
    assert_eq!(rustix::net::connect(&socket, &at), Err(rustix::io::Errno::INPROGRESS));
    socket
}
