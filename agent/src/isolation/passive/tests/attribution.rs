//! From whom to whom.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::{
    super::{Count, MAX_EDGES, MAX_LOOSE, MAX_STRANGERS, Observed, OneOf, Stranger, Sweeper},
    world::*,
};
use crate::{
    isolation::End,
    model::{NetworkMode, Protocol},
};

const WEB: &str = "172.18.0.3";
const DB: &str = "172.18.0.4";

fn pair() -> World {
    let mut world = World::new();
    world.runs("web", 101, &[WEB]);
    world.runs("db", 102, &[DB]);
    world
}

#[test]
fn a_connection_of_two_containers_counts_once() {
    let mut world = pair();
    world.sockets(
        101,
        &[tcp(THERE, "172.18.0.3:40001", "172.18.0.4:5432"), tcp(THERE, "172.18.0.3:40002", "172.18.0.4:5432")],
    );
    let server = [
        listen(5432),
        tcp(THERE, "172.18.0.4:5432", "172.18.0.3:40001"),
        tcp(THERE, "172.18.0.4:5432", "172.18.0.3:40002"),
    ];
    world.sockets(102, &server);
    let seen = world.sweep();
    assert_eq!(words(&seen.flows), ["shop/web -> shop/db:5432 x2"]);
    assert_eq!(seen.fresh, seen.flows);
    assert_eq!(seen.listeners.get(&service("db")), Some(&BTreeSet::from([(Protocol::Tcp, 5432)])));
    assert_eq!(seen.seen, BTreeSet::from([service("db"), service("web")]));
    assert!(seen.unseen.is_empty());
    let again = world.sweep();
    assert_eq!(words(&again.flows), ["shop/web -> shop/db:5432 x2"], "they are still there");
    assert!(again.fresh.is_empty(), "and not new");
}

#[test]
fn the_servers_side_alone_is_enough() {
    let mut world = pair();
    world.sockets(102, &[listen(5432), tcp(TIME_WAIT, "172.18.0.4:5432", "172.18.0.3:40001")]);
    assert_eq!(world.flows(), ["shop/web -> shop/db:5432 x1"]);
}

#[test]
fn a_client_that_has_gone_is_remembered_by_its_address() {
    let mut world = pair();
    world.sweep();
    world.remove("web");
    world.sockets(102, &[listen(5432), tcp(TIME_WAIT, "172.18.0.4:5432", "172.18.0.3:40001")]);
    assert_eq!(world.flows(), ["shop/web -> shop/db:5432 x1"]);
}

#[test]
fn a_client_that_lived_between_two_sweeps_is_known_from_a_picture() {
    let mut world = World::new();
    world.runs("db", 102, &[DB]);
    world.sweep();
    world.runs("job", 103, &["172.18.0.9"]);
    world.sweeper.note(&world.snapshot, world.now);
    world.remove("job");
    world.sockets(102, &[listen(5432), tcp(TIME_WAIT, "172.18.0.4:5432", "172.18.0.9:40001")]);
    assert_eq!(world.flows(), ["shop/job -> shop/db:5432 x1"]);
}

#[test]
fn ipv6_and_ipv4_inside_it_are_told_as_what_they_are() {
    let mut world = World::new();
    world.runs("web", 101, &[WEB, "fd00:9::3"]);
    world.runs("db", 102, &[DB, "fd00:9::4"]);
    let server = [
        ("tcp6", LISTEN, "[::]:5432".into(), "[::]:0".into(), 0),
        ("tcp6", THERE, "172.18.0.4:5432".into(), "172.18.0.3:40001".into(), 0),
        ("tcp6", THERE, "[fd00:9::4]:5432".into(), "[fd00:9::3]:40002".into(), 0),
    ];
    world.sockets(102, &server);
    world.sockets(101, &[tcp(THERE, "172.18.0.3:40001", "172.18.0.4:5432")]);
    assert_eq!(world.flows(), ["shop/web -> shop/db:5432 x2"]);
}

#[test]
fn behind_a_gateway_is_who_published_the_port_or_the_host() {
    let mut world = pair();
    world.publish("db", "0.0.0.0", 15432, 5432);
    world.publish("db", "127.0.0.1", 15433, 5433);
    world.sockets(1, &[listen(22), listen(15432)]);
    let client = [
        tcp(THERE, "172.18.0.3:40001", "172.18.0.1:15432"),
        tcp(THERE, "172.18.0.3:40002", "192.0.2.2:15432"),
        tcp(THERE, "172.18.0.3:40003", "172.18.0.1:22"),
        // Published on loopback alone: whatever answers here is the host's.
        tcp(THERE, "172.18.0.3:40004", "172.18.0.1:15433"),
    ];
    world.sockets(101, &client);
    // The server sees the gateway of its own network.
    let hidden = tcp(THERE, "172.18.0.4:5432", "172.18.0.1:51000");
    // An engine that passes it on in the kernel alone hides nobody.
    let plain = tcp(THERE, "172.18.0.4:5432", "172.18.0.3:40002");
    world.sockets(102, &[listen(5432), hidden, plain]);
    let seen = world.sweep();
    assert_eq!(
        words(&seen.flows),
        ["shop/web -> shop/db:5432 x2", "shop/web -> the host:22 x1", "shop/web -> the host:15433 x1"]
    );
    assert_eq!(seen.host_listeners, BTreeSet::from([(Protocol::Tcp, 22)]), "published ports are the containers'");
}

#[test]
fn everybody_else_is_the_agent_unlisted_or_outside() {
    let mut world = pair();
    world.runs("agent", 103, &["172.18.0.7"]);
    world.own = Some("agent".into());
    let client = [
        tcp(THERE, "172.18.0.3:40001", "172.18.0.7:9477"),
        tcp(THERE, "172.18.0.3:40002", "172.18.0.99:80"),
        tcp(THERE, "172.18.0.3:40003", "203.0.113.9:443"),
        tcp(THERE, "127.0.0.1:40004", "127.0.0.1:80"),
        ("udp", THERE, "172.18.0.3:40005".into(), "224.0.0.251:5353".into(), 0),
        ("udp", THERE, "172.18.0.3:40006".into(), "203.0.113.9:514".into(), 0),
    ];
    world.sockets(101, &client);
    world.sockets(103, &[listen(9477), tcp(THERE, "172.18.0.7:40001", "172.18.0.4:5432")]);
    world.sockets(102, &[listen(5432), tcp(THERE, "172.18.0.4:5432", "172.18.0.7:40001")]);
    assert_eq!(
        world.flows(),
        [
            "shop/web -> the agent:9477 x1",
            "shop/web -> 172.18.0.99:80 x1",
            "shop/web -> 203.0.113.9:443 x1",
            "shop/web -> 203.0.113.9:514/udp x1",
        ]
    );
}

#[test]
fn the_engines_resolver_asks_from_inside_and_is_not_the_container() {
    let mut world = pair();
    let resolver = ("udp", UNCONNECTED, "127.0.0.11:44444".to_owned(), "0.0.0.0:0".to_owned(), 0);
    let asks = ("udp", THERE, "172.18.0.3:40005".to_owned(), "203.0.113.53:53".to_owned(), 0);
    world.sockets(101, &[resolver, asks.clone()]);
    let seen = world.sweep();
    assert!(seen.flows.is_empty(), "{:?}", seen.flows);
    assert_eq!(seen.left_out.resolver, 1);
    assert!(seen.listeners.get(&service("web")).unwrap().is_empty(), "loopback is nobody else's");
    world.sockets(102, &[("udp", THERE, "172.18.0.4:40005".to_owned(), "203.0.113.53:53".to_owned(), 0)]);
    assert_eq!(world.flows(), ["shop/db -> 203.0.113.53:53/udp x1"], "without a resolver it asks by itself");
}

#[test]
fn a_listener_that_has_left_does_not_turn_its_connections_around() {
    let mut world = pair();
    world.sockets(101, &[tcp(THERE, "172.18.0.3:5000", "172.18.0.4:41000")]);
    world.sockets(102, &[tcp(THERE, "172.18.0.4:41000", "172.18.0.3:5000")]);
    assert_eq!(world.flows(), ["shop/db -> shop/web:5000 x1"], "the kernel chose the client's port");
    world.sockets(101, &[tcp(THERE, "172.18.0.3:5000", "172.18.0.4:5001")]);
    world.sockets(102, &[]);
    let seen = world.sweep();
    assert!(seen.flows.is_empty());
    assert_eq!(seen.left_out.ambiguous, 1, "nothing says who began");
}

#[test]
fn who_shares_a_namespace_is_its_owner_with_the_same_ports() {
    let mut world = pair();
    world.runs("sidecar", 104, &[]);
    world.change("sidecar", |container| container.network_mode = NetworkMode::Container("web".into()));
    world.share(101, 104);
    world.sockets(101, &[listen(8080), tcp(THERE, "172.18.0.3:40001", "172.18.0.4:5432")]);
    let seen = world.sweep();
    assert_eq!(words(&seen.flows), ["shop/web -> shop/db:5432 x1"]);
    let (edge, both) = (seen.flows.keys().next().unwrap(), BTreeSet::from([service("sidecar"), service("web")]));
    assert_eq!(seen.one_of.get(edge), Some(&OneOf { from: true, to: false }), "nothing tells the two apart");
    assert_eq!(seen.shared.get(&service("web")), Some(&both));
    assert_eq!(seen.read + seen.unchanged, 2, "one read for each namespace");
    let ports = Some(&BTreeSet::from([(Protocol::Tcp, 8080)]));
    assert_eq!((seen.listeners.get(&service("web")), seen.listeners.get(&service("sidecar"))), (ports, ports));
    assert!(seen.seen.contains(&service("sidecar")));
}

/// `proxy`, whose workers are of another user than itself, with `app` in its namespace.
fn sharing() -> World {
    let mut world = World::new();
    world.runs("proxy", 101, &[WEB]);
    world.runs("app", 104, &[]);
    world.runs("db", 102, &[DB]);
    world.change("app", |container| container.network_mode = NetworkMode::Container("proxy".into()));
    world.share(101, 104);
    world.users(101, 0, 33);
    world.users(104, 1_000, 1_000);
    world
}

#[test]
fn in_a_shared_namespace_the_user_of_a_socket_tells_whose_it_is() {
    let mut world = sharing();
    world.users = [(40001, 1_000), (40002, 33), (40003, 4_711), (8080, 1_000), (80, 0)].into();
    let rows = [
        listen(80),
        listen(8080),
        tcp(THERE, "172.18.0.3:40001", "172.18.0.4:5432"),
        tcp(THERE, "172.18.0.3:40002", "172.18.0.4:5433"),
        tcp(THERE, "172.18.0.3:40003", "172.18.0.4:5434"),
        tcp(TIME_WAIT, "172.18.0.3:40004", "172.18.0.4:5435"),
    ];
    world.sockets(101, &rows);
    world.sockets(
        102,
        &[tcp(THERE, "172.18.0.4:50001", "172.18.0.3:8080"), tcp(THERE, "172.18.0.4:50002", "172.18.0.3:80")],
    );
    let seen = world.sweep();
    let expected = [
        "shop/app -> shop/db:5432 x1",
        "shop/db -> shop/app:8080 x1",
        "shop/db -> shop/proxy:80 x1",
        "shop/proxy -> shop/db:5433 x1",
        "shop/proxy -> shop/db:5434 x1",
        "shop/proxy -> shop/db:5435 x1",
    ];
    assert_eq!(words(&seen.flows), expected);
    let vague: Vec<u16> = seen.one_of.keys().map(|edge| edge.port).collect();
    assert_eq!(vague, [5434, 5435], "a user nobody has, and a socket that nobody holds any more");
    // What was told at first sight stands, and one that is told says it of all of its kind.
    world.users.insert(40005, 0);
    world.sockets(
        101,
        &[
            tcp(TIME_WAIT, "172.18.0.3:40001", "172.18.0.4:5432"),
            tcp(THERE, "172.18.0.3:40005", "172.18.0.4:5435"),
            tcp(THERE, "172.18.0.3:40003", "172.18.0.4:5434"),
        ],
    );
    let seen = world.sweep();
    assert_eq!(words(&seen.flows), [expected[0], expected[1], expected[2], expected[4], expected[5]]);
    assert_eq!(seen.one_of.keys().map(|edge| edge.port).collect::<Vec<_>>(), [5434]);
}

#[test]
fn who_has_the_namespace_for_himself_is_himself() {
    let mut world = sharing();
    world.sweep();
    // The owner has gone, and whoever joined it is still in there.
    world.remove("proxy");
    world.share(101, 104);
    world.sockets(101, &[tcp(THERE, "172.18.0.3:40001", "172.18.0.4:5432")]);
    let seen = world.sweep();
    assert_eq!(words(&seen.flows), ["shop/app -> shop/db:5432 x1"]);
    assert!(seen.one_of.is_empty() && seen.shared.is_empty());
}

#[test]
fn whoever_comes_from_an_address_of_nobody_is_told_by_it_and_its_network() {
    let mut world = pair();
    let taken = |client: &str| tcp(THERE, "172.18.0.4:5432", client);
    world.sockets(
        102,
        &[
            listen(5432),
            taken("172.18.0.99:40001"),
            taken("172.18.0.99:40002"),
            taken("172.19.0.98:40001"),
            tcp(TIME_WAIT, "172.18.0.4:5432", "172.18.0.97:40001"),
            // The world outside and the host come in by a published port.
            taken("203.0.113.9:40001"),
            taken("172.18.0.1:40001"),
        ],
    );
    let told = |seen: &Observed| {
        let line = |(who, count): (&Stranger, &Count)| {
            format!(
                "{} on {} -> {}:{} x{}, {} new",
                who.address, who.network, who.to.service, who.port, count.seen, count.fresh
            )
        };
        seen.strangers.iter().map(line).collect::<Vec<_>>()
    };
    let seen = world.sweep();
    let expected = [
        "172.19.0.98 on back -> db:5432 x1, 1 new",
        "172.18.0.97 on front -> db:5432 x1, 1 new",
        "172.18.0.99 on front -> db:5432 x2, 2 new",
    ];
    assert_eq!((told(&seen), seen.left_out.strangers), (expected.map(str::to_owned).to_vec(), 0));
    assert!(seen.flows.is_empty());
    let seen = world.sweep();
    let expected = ["172.19.0.98 on back -> db:5432 x1, 0 new", "172.18.0.99 on front -> db:5432 x2, 0 new"];
    assert_eq!(told(&seen), expected, "who has ended was told");
    let crowd = (0..300).map(|at: u16| taken(&format!("172.18.{}.{}:40001", 1 + at / 200, 1 + at % 200)));
    let rows: Vec<_> = [listen(5432)].into_iter().chain(crowd).collect();
    world.sockets(102, &rows);
    let seen = world.sweep();
    assert_eq!(seen.strangers.len() as u64 + seen.left_out.strangers, 300);
    assert!(seen.strangers.len() <= MAX_STRANGERS, "{}", seen.strangers.len());
    world.own = Some("db".into());
    assert!(world.sweep().strangers.len() <= MAX_STRANGERS);
    world.sockets(102, &[listen(5432), taken("172.18.0.99:40009")]);
    assert!(world.sweep().strangers.is_empty(), "whoever reads the agent's page is none");
}

#[test]
fn containers_of_the_hosts_network_are_not_looked_at() {
    let mut world = pair();
    world.runs("exporter", 105, &[]);
    world.share(1, 105);
    world.sockets(1, &[listen(9100), tcp(THERE, "192.0.2.2:40001", "203.0.113.9:443")]);
    world.sockets(101, &[tcp(THERE, "172.18.0.3:40001", "172.18.0.1:9100")]);
    let seen = world.sweep();
    assert_eq!(words(&seen.flows), ["shop/web -> the host:9100 x1"]);
    assert_eq!(seen.unseen.keys().collect::<Vec<_>>(), [&service("exporter")]);
    assert_eq!(seen.host_listeners, BTreeSet::from([(Protocol::Tcp, 9100)]));
}

#[test]
fn an_agent_on_the_hosts_network_is_found_by_its_port() {
    let mut world = pair();
    world.sweeper = Sweeper::new().listening_on(9477);
    world.sockets(1, &[listen(9477), listen(22)]);
    let client = [tcp(THERE, "172.18.0.3:40001", "172.18.0.1:9477"), tcp(THERE, "172.18.0.3:40002", "172.18.0.1:22")];
    world.sockets(101, &client);
    let seen = world.sweep();
    assert_eq!(words(&seen.flows), ["shop/web -> the host:22 x1", "shop/web -> the agent:9477 x1"]);
    assert_eq!(seen.host_listeners, BTreeSet::from([(Protocol::Tcp, 22)]), "nobody has to be kept from the agent");
    world.runs("agent", 103, &["172.18.0.7"]);
    world.own = Some("agent".into());
    world.sockets(101, &[tcp(THERE, "172.18.0.3:40003", "172.18.0.1:9477")]);
    assert_eq!(world.flows(), ["shop/web -> the host:9477 x1"], "the agent has a network of its own");
}

#[test]
fn probes_of_ours_are_nobodys_flows_from_either_side() {
    let mut world = pair();
    world.ours = vec!["172.18.0.3:40001".parse().unwrap(), "172.18.0.3:40002".parse().unwrap()];
    world.sockets(101, &[("tcp", SYN_SENT, "172.18.0.3:40001".into(), "172.18.0.4:22".into(), 4)]);
    world.sockets(102, &[listen(5432), tcp(TIME_WAIT, "172.18.0.4:5432", "172.18.0.3:40002")]);
    let seen = world.sweep();
    assert_eq!((words(&seen.flows).len(), words(&seen.attempts).len()), (0, 0));
}

#[test]
fn a_process_with_a_number_that_was_used_before_is_a_stranger() {
    let mut world = pair();
    world.sockets(101, &[tcp(THERE, "172.18.0.3:40001", "172.18.0.4:5432")]);
    assert_eq!(world.flows().len(), 1);
    world.reuse(101);
    let seen = world.sweep();
    assert!(seen.flows.is_empty());
    assert_eq!(seen.unseen.get(&service("web")).map(String::as_str), Some("process 101 is not one of the container"));
    assert!(!seen.seen.contains(&service("web")) && seen.seen.contains(&service("db")));
}

#[test]
fn addresses_without_end_do_not_push_out_services() {
    let mut world = pair();
    let mut rows: Vec<Row> = (0..MAX_EDGES)
        .map(|n| tcp(THERE, &format!("172.18.0.3:{}", 32768 + n), &format!("198.51.{}.{}:443", n / 250, n % 250)))
        .collect();
    rows.push(tcp(THERE, "172.18.0.3:60900", "172.18.0.4:5432"));
    world.sockets(101, &rows);
    let seen = world.sweep();
    assert_eq!(seen.flows.len(), MAX_LOOSE + 1);
    assert_eq!(seen.left_out.edges, (MAX_EDGES - MAX_LOOSE) as u64);
    assert!(seen.flows.contains_key(&edge("web", End::Service(service("db")), 5432)));
    // Nor do they push out those of others.
    world.sockets(102, &[tcp(THERE, "172.18.0.4:40000", "203.0.113.9:443")]);
    let outside = edge("db", End::External("203.0.113.9".parse().unwrap()), 443);
    assert!(world.sweep().flows.contains_key(&outside));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    /// Whatever rows there are: every connection is counted at most once, and both sweeps agree on what is still there.
    #[test]
    fn no_row_counts_twice(rows in prop::collection::vec((0_usize..2, 1_u8..12, 0_u16..4, 0_u8..7, 0_u16..3), 0..40)) {
        let mut world = pair();
        let mut tables = [vec![listen(5432)], vec![listen(8080)]];
        let mut taken = BTreeSet::new();
        // The kernel has no two sockets with the same ends.
        let rows: Vec<_> = rows.into_iter().filter(|(space, _, local, peer, port)| taken.insert((*space, *local, *peer, *port))).collect();
        for (space, state, local, peer, port) in &rows {
            // Who asks does so from a port that the kernel chose, and from no such port is he answered.
            if *state == SYN_SENT && (*local < 2 || *port == 2) {
                continue;
            }
            let own = [WEB, DB][*space];
            let peer = ["172.18.0.3", "172.18.0.4", "172.18.0.1", "172.18.0.99", "203.0.113.1", "127.0.0.1", "192.0.2.2"][usize::from(*peer)];
            let local = [5432, 8080, 40001, 40002][usize::from(*local)];
            let port = [5432, 8080, 40001][usize::from(*port)];
            tables[*space].push(tcp(*state, &format!("{own}:{local}"), &format!("{peer}:{port}")));
        }
        for (pid, table) in [101, 102].into_iter().zip(&tables) {
            world.sockets(pid, table);
        }
        let first = world.sweep();
        prop_assert!(first.flows.values().sum::<u64>() <= rows.len() as u64);
        prop_assert_eq!(&first.fresh, &first.flows);
        let second = world.sweep();
        prop_assert!(second.fresh.is_empty(), "{:?}", second.fresh);
        prop_assert!(second.flows.iter().all(|(edge, count)| first.flows.get(edge).is_some_and(|before| count <= before)));
    }
}
