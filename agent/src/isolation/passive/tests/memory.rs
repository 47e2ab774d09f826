//! What sweeps remember of each other.

use jiff::SignedDuration;

use super::{
    super::{FULL_EVERY, MAX_ROWS},
    world::*,
};

fn pair() -> World {
    let mut world = World::new();
    world.runs("web", 101, &["172.18.0.3"]);
    world.runs("db", 102, &["172.18.0.4"]);
    world.sockets(102, &[listen(5432)]);
    world
}

#[test]
fn an_ended_connection_counts_once() {
    let mut world = pair();
    let there = || tcp(THERE, "172.18.0.3:40001", "172.18.0.4:5432");
    let ended = || tcp(TIME_WAIT, "172.18.0.3:40001", "172.18.0.4:5432");
    world.sockets(101, &[there()]);
    let seen = world.sweep();
    assert_eq!((seen.flows.len(), seen.fresh.len()), (1, 1));
    world.sockets(101, &[ended()]);
    let seen = world.sweep();
    assert_eq!((seen.flows.len(), seen.fresh.len()), (1, 0), "it was there since the last sweep");
    world.sockets(101, &[ended()]);
    assert!(world.sweep().flows.is_empty(), "nobody uses it any more");
    world.sockets(101, &[there()]);
    let seen = world.sweep();
    assert_eq!((seen.flows.len(), seen.fresh.len()), (1, 1), "the same port for another connection");
    world.sockets(101, &[tcp(TIME_WAIT, "172.18.0.3:40007", "172.18.0.4:5432")]);
    let seen = world.sweep();
    assert_eq!((seen.flows.len(), seen.fresh.len()), (1, 1), "it came and went between two sweeps");
}

#[test]
fn the_other_sides_end_is_the_same_end() {
    let mut world = pair();
    world.sockets(101, &[tcp(CLOSE_WAIT, "172.18.0.3:40001", "172.18.0.4:5432")]);
    world.sockets(102, &[listen(5432), tcp(5, "172.18.0.4:5432", "172.18.0.3:40001")]);
    assert_eq!(world.flows(), ["shop/web -> shop/db:5432 x1"]);
    world.sockets(102, &[listen(5432), tcp(TIME_WAIT, "172.18.0.4:5432", "172.18.0.3:40001")]);
    assert!(world.flows().is_empty());
}

#[test]
fn an_attempt_is_one_that_waited_and_counts_once() {
    let mut world = pair();
    let asks =
        |port: u16, again: u32| ("tcp", SYN_SENT, format!("172.18.0.3:{port}"), "172.18.0.4:22".to_owned(), again);
    world.sockets(101, &[asks(40001, 0), asks(40002, 1)]);
    let seen = world.sweep();
    assert_eq!(words(&seen.attempts), ["shop/web -> shop/db:22 x1"], "one has waited for a second already");
    assert!(seen.flows.is_empty());
    world.sockets_quietly(101, &[asks(40001, 0), asks(40002, 5)]);
    let seen = world.sweep();
    assert_eq!(words(&seen.attempts), ["shop/web -> shop/db:22 x1"], "the other one was there before");
    assert_eq!(seen.read, 1, "while somebody asks the namespace is read, whatever its counters say");
    world.sockets(101, &[asks(40001, 6), asks(40002, 6)]);
    assert!(world.sweep().attempts.is_empty(), "both were told");
}

#[test]
fn a_slow_handshake_that_succeeds_is_no_attempt() {
    let mut world = pair();
    world.sockets(101, &[tcp(SYN_SENT, "172.18.0.3:40001", "172.18.0.4:5432")]);
    assert!(world.sweep().attempts.is_empty());
    world.sockets(101, &[tcp(THERE, "172.18.0.3:40001", "172.18.0.4:5432")]);
    let seen = world.sweep();
    assert!(seen.attempts.is_empty());
    assert_eq!(words(&seen.fresh), ["shop/web -> shop/db:5432 x1"]);
}

#[test]
fn an_unchanged_namespace_is_read_now_and_then() {
    let mut world = pair();
    world.sockets(101, &[tcp(THERE, "172.18.0.3:40001", "172.18.0.4:5432")]);
    let first = world.sweep();
    assert_eq!((first.read, first.unchanged), (2, 0));
    let (mut read, mut flows) = (0, 0);
    for _ in 0..FULL_EVERY {
        let seen = world.sweep();
        assert_eq!(seen.read + seen.unchanged, 2);
        read += seen.read;
        flows += seen.flows.values().sum::<u64>();
    }
    assert_eq!(read, 2, "each once in {FULL_EVERY} sweeps");
    assert_eq!(flows, FULL_EVERY, "what is there is told, read or not");
}

#[test]
fn what_no_counter_says_is_found_by_the_full_read() {
    let mut world = pair();
    world.sweep();
    world.sockets_quietly(102, &[listen(5433)]);
    let ports = |world: &mut World| world.sweep().listeners.get(&service("db")).cloned().unwrap_or_default();
    let found = (0..FULL_EVERY).filter(|_| ports(&mut world).iter().any(|(_, port)| *port == 5433)).count();
    assert!(found > 0, "not within {FULL_EVERY} sweeps");
}

#[test]
fn an_address_with_a_new_owner_is_attributed_with_a_proof() {
    let mut world = pair();
    world.sockets(101, &[tcp(THERE, "172.18.0.3:40001", "172.18.0.4:5432")]);
    assert_eq!(world.flows(), ["shop/web -> shop/db:5432 x1"]);
    world.remove("db");
    world.now = world.now.checked_add(SignedDuration::from_secs(1)).unwrap();
    world.runs("mail", 103, &["172.18.0.4"]);
    world.sockets(103, &[listen(25)]);
    let rows = [
        tcp(THERE, "172.18.0.3:40001", "172.18.0.4:5432"),
        tcp(TIME_WAIT, "172.18.0.3:40002", "172.18.0.4:5432"),
        tcp(THERE, "172.18.0.3:40003", "172.18.0.4:25"),
    ];
    world.sockets(101, &rows);
    world.sockets(103, &[listen(25), tcp(THERE, "172.18.0.4:25", "172.18.0.3:40003")]);
    let seen = world.sweep();
    assert_eq!(
        words(&seen.flows),
        ["shop/web -> shop/db:5432 x1", "shop/web -> shop/mail:25 x1"],
        "one was known before, one is known at its other end"
    );
    assert_eq!(seen.left_out.ambiguous, 1, "the third may be anybody's");
    let rows = [rows.as_slice(), &[tcp(THERE, "172.18.0.3:40004", "172.18.0.4:26")]].concat();
    world.sockets(101, &rows);
    assert!(world.flows().contains(&"shop/web -> shop/mail:26 x1".to_owned()), "nobody else had it since");
}

#[test]
fn a_container_that_comes_back_with_its_address_is_itself() {
    let mut world = pair();
    world.sweep();
    world.remove("db");
    world.now = world.now.checked_add(SignedDuration::from_secs(1)).unwrap();
    world.runs("db", 110, &["172.18.0.4"]);
    world.sockets(110, &[listen(5432)]);
    world.sockets(101, &[tcp(TIME_WAIT, "172.18.0.3:40001", "172.18.0.4:5432")]);
    assert_eq!(world.flows(), ["shop/web -> shop/db:5432 x1"]);
}

#[test]
fn udp_has_flows_where_it_is_connected_and_listeners_that_stay() {
    let mut world = pair();
    let udp = |state, local: &str, remote: &str| ("udp", state, local.to_owned(), remote.to_owned(), 0);
    world.sockets(
        102,
        &[
            udp(UNCONNECTED, "0.0.0.0:53", "0.0.0.0:0"),
            udp(UNCONNECTED, "0.0.0.0:45000", "0.0.0.0:0"),
            udp(UNCONNECTED, "127.0.0.1:54", "0.0.0.0:0"),
        ],
    );
    world.sockets(101, &[udp(THERE, "172.18.0.3:40001", "172.18.0.4:53")]);
    let ports = |seen: &super::super::Observed| {
        seen.listeners.get(&service("db")).unwrap().iter().map(|(_, port)| *port).collect::<Vec<_>>()
    };
    let seen = world.sweep();
    assert_eq!(words(&seen.flows), ["shop/web -> shop/db:53/udp x1"]);
    assert_eq!(ports(&seen), [53]);
    let seen = world.sweep();
    assert_eq!(words(&seen.flows), ["shop/web -> shop/db:53/udp x1"]);
    assert!(seen.fresh.is_empty());
    assert_eq!(ports(&seen), [53, 45000], "who stays at a port that the kernel may have chosen waits there");
}

#[test]
fn sockets_without_end_are_cut_and_told() {
    let mut world = pair();
    let mut rows = vec![listen(80)];
    rows.extend(
        (0..MAX_ROWS).map(|n| tcp(TIME_WAIT, "172.18.0.3:80", &format!("203.0.{}.{}:40000", n / 250, n % 250))),
    );
    world.sockets(101, &rows);
    let seen = world.sweep();
    assert_eq!(seen.left_out.rows, 1);
    assert!(seen.unseen.get(&service("web")).is_some_and(|reason| reason.contains("more sockets")));
    assert!(seen.flows.is_empty(), "who comes from outside is judged where ports are published");
}

#[test]
fn descriptors_go_with_the_container() {
    let mut world = pair();
    world.sweep();
    let wanting = world.sweeper.wanting();
    assert_eq!(wanting.iter().map(|process| process.pid).collect::<Vec<_>>(), [101, 102]);
    for process in wanting {
        // Not of that namespace, and not even of that kind: what it answers is an error, and the files are read instead.
        let stranger = std::fs::File::open("/dev/null").unwrap();
        world.sweeper.give(process, stranger.into());
    }
    assert_eq!(world.sweeper.descriptors(), 2);
    world.remove("db");
    world.sweeper.note(&world.snapshot, world.now);
    assert_eq!(world.sweeper.descriptors(), 1);
    world.sockets(101, &[tcp(THERE, "172.18.0.3:40001", "203.0.113.1:443")]);
    assert_eq!(world.flows(), ["shop/web -> 203.0.113.1:443 x1"]);
    assert_eq!(world.sweeper.descriptors(), 0, "it was of no use");
    for _ in 0..59 {
        assert_eq!(world.sweeper.wanting(), [], "and another would be of none either");
        world.sweep();
    }
    world.sweep();
    assert_eq!(world.sweeper.wanting().len(), 1, "after a while it is tried again");
}

#[test]
fn without_the_hosts_pids_nothing_is_made_up() {
    let mut world = pair();
    std::fs::write(world.proc().join("2/comm"), "sh\n").unwrap();
    let gateway = "Iface\tDestination\tGateway\tFlags\neth0\t00000000\t010012AC\t0003\n";
    std::fs::write(world.proc().join("101/net/route"), gateway).unwrap();
    world.sockets(1, &[listen(22)]);
    world.sockets(
        101,
        &[tcp(THERE, "172.18.0.3:40001", "172.18.0.1:22"), tcp(THERE, "172.18.0.3:40002", "192.0.2.2:22")],
    );
    let seen = world.sweep();
    assert!(seen.host_listeners.is_empty());
    if cfg!(target_endian = "little") {
        assert_eq!(words(&seen.flows), ["shop/web -> the host:22 x1", "shop/web -> 192.0.2.2:22 x1"]);
    }
}
