//! What fuzzers feed: every parser of kernel files, each with the same bytes.

use std::{ops::ControlFlow, path::Path};

use super::{cgroup, io, net, node, parse, pressure, roots, sockets};
use crate::model::Protocol;

/// All parsers in turn. What they return is bounded and in order; the caller looks for panics and for time without end.
pub fn kernel_files(bytes: &[u8]) {
    let hierarchies = roots::Hierarchies::parse(bytes, Path::new("/sys"));
    let membership = cgroup::Membership::parse(bytes);
    for path in [membership.v1("memory"), membership.v2()].into_iter().flatten() {
        let top = cgroup::top(path, "c0ffee");
        for mount in hierarchies.v1.values().chain(&hierarchies.v2) {
            // Without climbing: what is searched for on the disk is not the fuzzer's.
            if !path.starts_with("/..") {
                std::hint::black_box(mount.directory(&top));
            }
        }
    }
    let mut devices = Vec::new();
    std::hint::black_box(io::read_v2(bytes, &mut devices));
    assert!(devices.len() <= io::MAX_DEVICES && devices.is_sorted_by_key(|row| (row.major, row.minor)));
    for table in [io::V1Table::Bytes, io::V1Table::Requests] {
        std::hint::black_box(io::read_v1(bytes, table, &mut devices));
    }
    assert!(devices.len() <= io::MAX_DEVICES);
    let mut interfaces = Vec::new();
    std::hint::black_box(net::read(bytes, &mut interfaces));
    assert!(interfaces.len() <= net::MAX_INTERFACES);
    std::hint::black_box(net::read_host(bytes, &mut Vec::new()));
    std::hint::black_box(pressure::totals(bytes));
    std::hint::black_box(node::stat(bytes, 100.0, &mut Vec::new()));
    node::meminfo(bytes, &mut Vec::new());
    std::hint::black_box(node::load(bytes));
    node::disks(bytes, &mut Vec::new());
    std::hint::black_box((parse::single(bytes), parse::limit(bytes), parse::fraction(bytes)));
    parse::flat(bytes).for_each(|(_, value)| {
        std::hint::black_box(parse::number(value));
    });
}

/// Tables of sockets, their counters, addresses and routes, each with the same bytes.
pub fn socket_tables(bytes: &[u8]) {
    for line in parse::lines(bytes) {
        for table in sockets::Table::ALL {
            if let Ok(Some(row)) = sockets::row(line, table) {
                assert_eq!(row.socket.protocol, table.protocol());
                assert!(table.is_v6() || row.socket.local.is_ipv4());
            }
        }
    }
    std::hint::black_box(sockets::Counts::parse(bytes, bytes, bytes));
    for addresses in [sockets::v4_addresses, sockets::v6_addresses, sockets::v4_gateways, sockets::v6_gateways] {
        std::hint::black_box(addresses(bytes));
    }
}

/// One datagram of sock_diag; the sequence is that of its first message.
pub fn sock_diag(bytes: &[u8]) {
    let sequence = bytes.get(8..).and_then(|rest| rest.first_chunk()).map_or(0, |four| u32::from_ne_bytes(*four));
    for protocol in [Protocol::Tcp, Protocol::Udp] {
        let mut rows = 0;
        let each = |row: sockets::Row| {
            assert_eq!(row.socket.protocol, protocol);
            rows += 1;
            ControlFlow::Continue(())
        };
        std::hint::black_box(sockets::diag::decode(bytes, protocol, sequence, each).is_ok());
        // A row is no shorter than its message.
        assert!(rows * 88 <= bytes.len());
    }
}
