//! What fuzzers feed: every parser of kernel files, each with the same bytes.

use std::path::Path;

use super::{cgroup, io, net, node, parse, pressure, roots};

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
