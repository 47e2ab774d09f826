//! Kernel texts as they come and as they do not, and both ways to the same sockets of the namespace this test runs in.

use std::{
    collections::BTreeSet,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream, UdpSocket},
    ops::ControlFlow,
    path::Path,
};

use proptest::prelude::*;
use rustix::net::{AddressFamily, SocketFlags, SocketType, netlink, socket_with};

use super::{
    diag::{ALL_STATES, LISTENING, Next, decode, request},
    *,
};
use crate::model::{Process, Protocol, Socket, SocketState};

fn at(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

fn tcp(state: SocketState, local: &str, remote: &str) -> Socket {
    Socket { protocol: Protocol::Tcp, state, local: at(local), remote: at(remote) }
}

/// The order of words is that of the machine; what is written down here is of a little-endian one.
#[cfg(target_endian = "little")]
#[test]
fn rows_as_the_kernel_prints_them() {
    let table: [(&str, Table, Socket, u8); 6] = [
        (
            "   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 12345 1 0 100 0 0 10 0",
            Table::Tcp4,
            tcp(SocketState::Listen, "127.0.0.1:8080", "0.0.0.0:0"),
            0,
        ),
        (
            "  12: 030011AC:A3C2 040012AC:1538 02 00000001:00000000 01:000002F0 00000003  1000        0 0 2 0",
            Table::Tcp4,
            tcp(SocketState::SynSent, "172.17.0.3:41922", "172.18.0.4:5432"),
            3,
        ),
        (
            "123456: 030011AC:A3C2 040012AC:1538 06 00000000:00000000 03:00001389 00000000     0        0 0 3 0",
            Table::Tcp4,
            tcp(SocketState::TimeWait, "172.17.0.3:41922", "172.18.0.4:5432"),
            0,
        ),
        (
            "   1: 0000000000000000FFFF0000030011AC:1F90 0000000000000000FFFF0000040011AC:A3C2 01 00000000:00000000 02:100000A3D 00000000 0 0 1",
            Table::Tcp6,
            tcp(SocketState::Established, "172.17.0.3:8080", "172.17.0.4:41922"),
            0,
        ),
        (
            "   1: 000000FD000000000000000002000000:1F90 00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000 00000000 0 0 1",
            Table::Tcp6,
            tcp(SocketState::Listen, "[fd00::2]:8080", "[::]:0"),
            0,
        ),
        (
            " 5309: 0B00007F:A3C2 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 7 2 0 0",
            Table::Udp4,
            Socket { protocol: Protocol::Udp, ..tcp(SocketState::Listen, "127.0.0.11:41922", "0.0.0.0:0") },
            0,
        ),
    ];
    for (line, table, socket, retransmits) in table {
        assert_eq!(row(line.as_bytes(), table), Ok(Some(Row { socket, retransmits, v6_only: None })), "{line}");
    }
}

#[test]
fn states_that_say_nothing_are_no_rows_and_nonsense_is_told() {
    let line = |state: &str| format!("0: 0100007F:1F90 00000000:0000 {state} 0:0 00:0 00000000 0");
    for silent in ["07", "0D", "00", "FF"] {
        assert_eq!(row(line(silent).as_bytes(), Table::Tcp4), Ok(None), "{silent}");
    }
    for closing in ["04", "05", "08", "09", "0B"] {
        let read = row(line(closing).as_bytes(), Table::Tcp4).unwrap().unwrap();
        assert_eq!(read.socket.state, SocketState::Closing, "{closing}");
    }
    let good = line("0A");
    for end in 0..good.len() - 2 {
        assert_eq!(row(good.get(..end).unwrap().as_bytes(), Table::Tcp4), Err(Strange), "cut at {end}");
    }
    for wrong in
        ["", ":", "0: ", "0: 0100007F:1F90", "0: 0100007G:1F90 00000000:0000 0A 0:0 00:0 00000000", &line("zz")]
    {
        assert_eq!(row(wrong.as_bytes(), Table::Tcp4), Err(Strange), "{wrong}");
    }
    assert_eq!(row(good.as_bytes(), Table::Tcp6), Err(Strange), "a row of the other family");
}

/// How the kernel would print it.
fn printed(table: Table, local: SocketAddr, remote: SocketAddr, state: u8, retransmits: u32) -> String {
    let address = |at: SocketAddr| {
        let bytes = match (at.ip(), table.is_v6()) {
            (IpAddr::V4(ip), false) => ip.octets().to_vec(),
            (IpAddr::V4(ip), true) => ip.to_ipv6_mapped().octets().to_vec(),
            (IpAddr::V6(ip), _) => ip.octets().to_vec(),
        };
        let words = bytes.chunks_exact(4).map(|word| u32::from_ne_bytes(word.try_into().unwrap()));
        let words: String = words.map(|word| format!("{word:08X}")).collect();
        format!("{words}:{:04X}", at.port())
    };
    format!(
        "   7: {} {} {state:02X} 00000000:00000001 01:0000001F {retransmits:08X}  1000        0 99 1 0",
        address(local),
        address(remote)
    )
}

fn addresses(v6: bool) -> impl Strategy<Value = IpAddr> {
    let four = any::<u32>().prop_map(|bits| IpAddr::V4(Ipv4Addr::from(bits)));
    let six = any::<u128>().prop_map(Ipv6Addr::from).prop_map(table::plain);
    if v6 { prop_oneof![four, six].boxed() } else { four.boxed() }
}

fn places() -> impl Strategy<Value = (Table, SocketAddr, SocketAddr)> {
    prop::sample::select(Table::ALL.to_vec()).prop_flat_map(|table| {
        let place = || (addresses(table.is_v6()), any::<u16>()).prop_map(SocketAddr::from);
        (Just(table), place(), place())
    })
}

/// How the kernel would answer over netlink.
fn message(table: Table, local: SocketAddr, remote: SocketAddr, state: u8, sequence: u32) -> Vec<u8> {
    let mut body = vec![if table.is_v6() { 10 } else { 2 }, state, 1, 5];
    body.extend(local.port().to_be_bytes());
    body.extend(remote.port().to_be_bytes());
    for at in [local, remote] {
        let mut bytes = match (at.ip(), table.is_v6()) {
            (IpAddr::V4(ip), false) => ip.octets().to_vec(),
            (IpAddr::V4(ip), true) => ip.to_ipv6_mapped().octets().to_vec(),
            (IpAddr::V6(ip), _) => ip.octets().to_vec(),
        };
        bytes.resize(16, 0);
        body.extend(bytes);
    }
    body.resize(72, 0);
    // An attribute of another kind, padded, then whether IPv4 is refused.
    body.extend([5, 0, 8, 0, 1, 0, 0, 0, 5, 0, 11, 0, 1, 0, 0, 0]);
    framed(20, sequence, &body)
}

fn framed(kind: u16, sequence: u32, body: &[u8]) -> Vec<u8> {
    let mut bytes = (16 + body.len() as u32).to_ne_bytes().to_vec();
    bytes.extend(kind.to_ne_bytes());
    bytes.extend(2_u16.to_ne_bytes());
    bytes.extend(sequence.to_ne_bytes());
    bytes.extend([0; 4]);
    bytes.extend(body);
    bytes
}

proptest! {
    #[test]
    fn a_printed_row_is_read_back((table, local, remote) in places(), retransmits in 0_u32..300) {
        let line = printed(table, local, remote, 1, retransmits);
        let read = row(line.as_bytes(), table).unwrap().unwrap();
        prop_assert_eq!((read.socket.local, read.socket.remote), (local, remote));
        prop_assert_eq!(read.retransmits, u8::try_from(retransmits).unwrap_or(u8::MAX));
    }

    #[test]
    fn an_answer_says_what_the_row_says((table, local, remote) in places(), state in 0_u8..16) {
        let line = row(printed(table, local, remote, state, 5).as_bytes(), table).unwrap();
        let mut bytes = message(table, local, remote, state, 7);
        bytes.extend(message(table, local, remote, state, 8));
        bytes.extend(framed(3, 7, &0_i32.to_ne_bytes()));
        let mut rows = Vec::new();
        let next = decode(&bytes, table.protocol(), 7, |row| { rows.push(row); ControlFlow::Continue(()) }).unwrap();
        prop_assert_eq!(next, (Next::Nothing, 0));
        prop_assert_eq!(rows, line.map(|line| Row { v6_only: Some(true), ..line }).into_iter().collect::<Vec<_>>());
    }

    #[test]
    fn no_bytes_make_a_reader_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        crate::host::fuzz::socket_tables(&bytes);
        crate::host::fuzz::sock_diag(&bytes);
    }
}

#[test]
fn answers_that_are_refusals_or_cut() {
    let none = |_| ControlFlow::Continue(());
    let refused = framed(2, 1, &(-2_i32).to_ne_bytes());
    assert_eq!(decode(&refused, Protocol::Udp, 1, none).unwrap_err().kind(), std::io::ErrorKind::NotFound);
    let failed = framed(3, 1, &(-4_i32).to_ne_bytes());
    assert_eq!(decode(&failed, Protocol::Udp, 1, none).unwrap_err().raw_os_error(), Some(4));
    assert_eq!(decode(&refused, Protocol::Udp, 2, none).unwrap(), (Next::More, 0), "of another request");
    let whole = message(Table::Tcp4, at("10.0.0.1:1"), at("10.0.0.2:2"), 1, 1);
    for end in 1..whole.len() {
        assert!(decode(whole.get(..end).unwrap(), Protocol::Tcp, 1, none).is_err(), "cut at {end}");
    }
    // A length of 0 would never end.
    assert!(decode(&[0; 64], Protocol::Tcp, 0, none).is_err());
    let short = framed(20, 1, &[2; 20]);
    assert_eq!(decode(&short, Protocol::Tcp, 1, none).unwrap(), (Next::More, 1), "told as not understood");
}

#[test]
fn a_request_has_the_kernels_form() {
    let bytes = request(Table::Udp6, LISTENING, 9);
    assert_eq!(bytes.len(), 72);
    assert_eq!(bytes.first_chunk(), Some(&72_u32.to_ne_bytes()));
    assert_eq!(bytes.get(16..20), Some([10, 17, 0, 0].as_slice()));
    assert_eq!(bytes.get(20..24), Some(1024_u32.to_ne_bytes().as_slice()));
    assert!(bytes.get(24..).unwrap().iter().all(|byte| *byte == 0));
}

#[test]
fn counts_are_found_by_name() {
    let snmp = b"Ip: Forwarding\nIp: 1\nTcp: MaxConn ActiveOpens PassiveOpens AttemptFails EstabResets CurrEstab\n\
                 Tcp: -1 7 6 5 4 3\nUdp: InDatagrams\nUdp: 9\n";
    let stat = b"sockets: used 1\nTCP: inuse 11 orphan 1 tw 12 alloc 100 mem 3\nUDP: inuse 2 mem 0\nUDPLITE: inuse 0\n";
    let stat6 = b"TCP6: inuse 13\nUDP6: inuse 1\n";
    let counts = Counts::parse(snmp, stat, stat6).unwrap();
    let expected = Counts {
        active_opens: 7,
        passive_opens: 6,
        attempt_fails: 5,
        resets: 4,
        established: 3,
        tcp: 11,
        tcp6: 13,
        udp: 2,
        udp6: 1,
        time_wait: 12,
    };
    assert_eq!(counts, expected);
    assert!(counts.same_tcp(&Counts { time_wait: 0, udp: 0, ..counts }), "neither is a connection");
    assert!(!counts.same_tcp(&Counts { tcp: 12, ..counts }));
    assert!(Counts { tcp6: 0, time_wait: 0, ..counts }.is_empty(Table::Tcp6));
    assert!(!Counts { tcp6: 0, ..counts }.is_empty(Table::Tcp6), "an ended connection may be of IPv6");
    assert_eq!(Counts::parse(snmp, stat, b"").map(|counts| counts.tcp6), Some(0));
    for (snmp, stat) in
        [(b"".as_slice(), stat.as_slice()), (snmp, b"TCP: inuse\n"), (b"Tcp: CurrEstab\nTcp: 1\n", stat)]
    {
        assert_eq!(Counts::parse(snmp, stat, stat6), None);
    }
}

#[test]
fn addresses_and_gateways() {
    let trie = b"Main:\n  +-- 0.0.0.0/0 3 0 4\n     +-- 127.0.0.0/8 2 0 2\n           |-- 127.0.0.1\n              /32 host LOCAL\n\
                 \x20    |-- 172.17.0.0\n        /16 link UNICAST\n     |-- 172.17.0.1\n        /32 host LOCAL\n     |-- x\n   /32 host LOCAL\n\
                 Local:\n     |-- 172.17.0.1\n        /32 host LOCAL\n     |-- 172.17.255.255\n        /32 link BROADCAST\n";
    assert_eq!(v4_addresses(trie), ["172.17.0.1".parse::<IpAddr>().unwrap()]);
    let six = b"00000000000000000000000000000001 01 80 10 80       lo\nfe800000000000000042ecfffee4cb39 05 40 20 80  docker0\nshort\n";
    assert_eq!(v6_addresses(six), ["fe80::42:ecff:fee4:cb39".parse::<IpAddr>().unwrap()]);
    let six = b"00000000000000000000000000000000 00 00000000000000000000000000000000 00 fd000000000000000000000000000001 00000400 \
                00000001 00000000 00000003     eth0\nfd000000000000000000000000000000 40 00000000000000000000000000000000 00 \
                00000000000000000000000000000000 00000100 00000001 00000000 00000001     eth0\n";
    assert_eq!(v6_gateways(six), ["fd00::1".parse::<IpAddr>().unwrap()]);
    if cfg!(target_endian = "little") {
        let four = b"Iface\tDestination\tGateway\nlo\t0\neth0\t00000000\t010011AC\t0003\t0\neth0\t000011AC\t00000000\t0001\t0\n";
        assert_eq!(v4_gateways(four), ["172.17.0.1".parse::<IpAddr>().unwrap()]);
    }
}

#[test]
fn a_table_longer_than_a_piece_is_read_whole() {
    let folder = tempfile::tempdir().unwrap();
    let net = folder.path().join("42/net");
    std::fs::create_dir_all(&net).unwrap();
    let count = 5_000_u16;
    let rows: String = (0..count)
        .map(|port| printed(Table::Tcp4, (Ipv4Addr::LOCALHOST, port).into(), at("10.0.0.1:1"), 1, 0) + "\n")
        .collect();
    std::fs::write(net.join("tcp"), format!("  sl  local_address\n{rows}broken\n")).unwrap();
    let namespace = Namespace::of(folder.path(), 42);
    let mut ports = Vec::new();
    let mut push = |row: Row| {
        ports.push(row.socket.local.port());
        ControlFlow::Continue(())
    };
    assert_eq!(namespace.rows(Table::Tcp4, &mut Buffer::default(), &mut push).unwrap(), 1);
    assert_eq!(ports, (0..count).collect::<Vec<_>>());
    let six = namespace.rows(Table::Tcp6, &mut Buffer::default(), |_| ControlFlow::Continue(())).unwrap();
    assert_eq!(six, 0, "a kernel without IPv6 has no table of it");
    std::fs::write(net.join("udp"), vec![b'x'; 1 << 20]).unwrap();
    let endless = namespace.rows(Table::Udp4, &mut Buffer::default(), |_| ControlFlow::Continue(())).unwrap_err();
    assert_eq!(endless.kind(), std::io::ErrorKind::InvalidData);
}

/// Sockets of this process in one table, by either way; other tests of the same program come and go meanwhile.
fn listed(read: impl FnOnce(&mut dyn FnMut(Row))) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    read(&mut |row| {
        found.insert(format!("{:?}", row.socket));
    });
    found
}

#[test]
fn both_ways_show_the_same_sockets() {
    let proc = Path::new("/proc");
    let namespace = Namespace::of(proc, std::process::id());
    let (mut buffer, mut other) = (Buffer::default(), Buffer::default());
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let six = TcpListener::bind("[::1]:0").ok();
    let pairs: Vec<_> = (0..200)
        .map(|_| (TcpStream::connect(listener.local_addr().unwrap()).unwrap(), listener.accept().unwrap()))
        .collect();
    let udp = UdpSocket::bind("127.0.0.1:0").unwrap();
    let client = UdpSocket::bind("127.0.0.1:0").unwrap();
    client.connect(udp.local_addr().unwrap()).unwrap();
    let socket =
        socket_with(AddressFamily::NETLINK, SocketType::RAW, SocketFlags::CLOEXEC, Some(netlink::SOCK_DIAG)).unwrap();
    let mut diag = Diag::new(socket);
    let wanted = |table: Table| {
        let mut ours: Vec<SocketAddr> = match table {
            Table::Tcp4 => pairs.iter().map(|(client, _)| client.local_addr().unwrap()).collect(),
            Table::Tcp6 => six.iter().map(|six| six.local_addr().unwrap()).collect(),
            Table::Udp4 => vec![udp.local_addr().unwrap(), client.local_addr().unwrap()],
            Table::Udp6 => Vec::new(),
        };
        ours.sort_unstable();
        ours
    };
    for table in Table::ALL {
        // Rows of this test's own sockets do not change; those of others may between two looks.
        let ours = wanted(table);
        let mine = |text: &String| ours.iter().any(|at| text.contains(&format!("local: {at},")));
        let files = listed(|push| {
            let mut each = |row| {
                push(row);
                ControlFlow::Continue(())
            };
            assert_eq!(namespace.rows(table, &mut buffer, &mut each).unwrap(), 0);
        });
        let asked = listed(|push| {
            let mut each = |row| {
                push(row);
                ControlFlow::Continue(())
            };
            match diag.rows(table, ALL_STATES, &mut other, &mut each) {
                Ok(strange) => assert_eq!(strange, 0),
                // A kernel without udp_diag.
                Err(error) => assert!(
                    table.protocol() == Protocol::Udp && error.kind() == std::io::ErrorKind::NotFound,
                    "{error}"
                ),
            }
        });
        if asked.is_empty() {
            continue;
        }
        let [files, asked] = [files, asked].map(|rows| rows.into_iter().filter(mine).collect::<BTreeSet<_>>());
        assert_eq!(files, asked, "{table:?}");
        assert_eq!(files.len(), ours.len(), "{table:?}");
    }
    let any = TcpListener::bind("[::]:0").ok();
    let mut modes = Vec::new();
    let each = |row: Row| {
        let is = |listener: &Option<TcpListener>| {
            listener.as_ref().is_some_and(|listener| row.socket.local == listener.local_addr().unwrap())
        };
        if is(&six) || is(&any) {
            modes.push((row.socket.local.ip().is_unspecified(), row.v6_only));
        }
        ControlFlow::Continue(())
    };
    diag.rows(Table::Tcp6, LISTENING, &mut other, each).unwrap();
    modes.sort_unstable();
    // An address of IPv6 has no IPv4 to take; the wildcard has.
    let expected = [six.map(|_| (false, Some(true))), any.map(|_| (true, Some(false)))];
    assert_eq!(modes, expected.into_iter().flatten().collect::<Vec<_>>());
}

#[test]
fn a_process_is_itself_and_nobody_else() {
    let proc = Path::new("/proc");
    let own = Process::find(proc, std::process::id()).unwrap();
    assert!(own.lives(proc) && own.start_time > 0);
    assert!(!Process { start_time: own.start_time + 1, ..own }.lives(proc));
    let id = crate::model::ContainerId::new("c0ffee".repeat(10));
    assert!(matches!(own.prove(proc, &id, None), Err(Stranger::Another { .. })));
    // One that began just now, which this one did not if other tests came before.
    let mut child = std::process::Command::new("sleep").arg("60").spawn().unwrap();
    let young = Process::find(proc, child.id()).unwrap();
    let proven = young.prove(proc, &id, Some(jiff::Timestamp::now()));
    let earlier = jiff::Timestamp::from_second(1_000_000_000).ok();
    let disproven = young.prove(proc, &id, earlier);
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(proven.is_ok() && matches!(disproven, Err(Stranger::Another { .. })), "{proven:?} {disproven:?}");
    assert!(!young.lives(proc));
    assert!(matches!(Process::find(proc, u32::MAX), Err(Stranger::Unreadable { .. })));
    let [one, other] = [own.pid, 1].map(|pid| Namespace::of(proc, pid).identity().unwrap());
    assert_eq!(one, Namespace::of(proc, own.pid).identity().unwrap());
    assert!(other > 0);
}
