//! `/proc/<pid>/net/dev`: counters of every interface of a network namespace (proc(5)).

use std::sync::Arc;

use super::parse;
use crate::model::{HostNetwork, InterfaceCounters};

/// Most interfaces of one namespace that are read.
pub(super) const MAX_INTERFACES: usize = 256;

/// One row with all sixteen columns.
struct Row<'line> {
    name: &'line [u8],
    columns: [u64; 16],
}

/// `name: rx(bytes packets errs drop fifo frame compressed multicast) tx(bytes packets errs drop fifo colls carrier compressed)`;
/// the two headline rows have no colon. A name may stand right against its first figure.
fn rows(bytes: &[u8], wanted: impl Fn(&[u8]) -> bool) -> impl Iterator<Item = Row<'_>> {
    parse::lines(bytes).filter_map(move |line| {
        // Names may hold colons themselves (aliases): figures start after the last one.
        let (name, figures) = line.split_at_checked(memchr::memrchr(b':', line)?)?;
        let name = name.trim_ascii();
        if !wanted(name) {
            return None;
        }
        Some(Row { name, columns: columns(figures.get(1..)?)? })
    })
}

/// The sixteen figures of a row, in one pass over its bytes: with a thousand containers the host's table has a thousand rows.
fn columns(figures: &[u8]) -> Option<[u64; 16]> {
    let mut columns = [0; 16];
    let mut rest = figures;
    for column in &mut columns {
        let start = rest.iter().position(|byte| !matches!(byte, b' ' | b'\t'))?;
        let (number, after) = parse::leading_number(rest.get(start..)?)?;
        // What follows a figure is a blank or nothing.
        if after.first().is_some_and(|byte| !matches!(byte, b' ' | b'\t')) {
            return None;
        }
        (*column, rest) = (number, after);
    }
    Some(columns)
}

/// Sets `into` to a container's interfaces without `lo`, reusing names and storage. Returns how many were left out.
pub(super) fn read(bytes: &[u8], into: &mut Vec<InterfaceCounters>) -> u64 {
    fill(into, rows(bytes, |name| name != b"lo"), MAX_INTERFACES, |known| known, |_, _| ())
}

/// Sets `into` to the host's interfaces, `lo` included. Returns how many were left out.
pub(super) fn read_host(bytes: &[u8], into: &mut Vec<HostNetwork>) -> u64 {
    let rare = |known: &mut HostNetwork, columns: &[u64; 16]| {
        let [_, _, _, _, rx_fifo, rx_frame, rx_compressed, rx_multicast, _, _, _, _, fifo, colls, carrier, compressed] =
            *columns;
        known.rx_more = [rx_fifo, rx_frame, rx_compressed, rx_multicast];
        known.tx_more = [fifo, colls, carrier, compressed];
    };
    fill(into, rows(bytes, |_| true), MAX_HOST_INTERFACES, |known| &mut known.counters, rare)
}

/// The root's row, out of the host's interfaces: without `lo` and without the host's ends of containers' networks, whose traffic would
/// count twice in a sum. In a container's own namespace such names are its own business.
pub(super) fn of_root(host: &[HostNetwork], into: &mut Vec<InterfaceCounters>) {
    into.clear();
    let own = host.iter().map(|interface| &interface.counters);
    into.extend(own.filter(|own| own.name.as_ref() != "lo" && !is_end_of_containers(own.name.as_bytes())).cloned());
}

/// Fills `into` row by row. A row whose name stands already in its place keeps it: names change so rarely that a steady host costs
/// no allocation.
fn fill<'line, Kept: Default>(
    into: &mut Vec<Kept>,
    rows: impl Iterator<Item = Row<'line>>,
    ceiling: usize,
    counters: impl Fn(&mut Kept) -> &mut InterfaceCounters,
    rare: impl Fn(&mut Kept, &[u64; 16]),
) -> u64 {
    let mut kept = 0;
    let mut refused = 0;
    for row in rows {
        if kept >= ceiling {
            refused += 1;
            continue;
        }
        if into.len() == kept {
            into.push(Kept::default());
        }
        let Some(row_kept) = into.get_mut(kept) else { break };
        rare(row_kept, &row.columns);
        let known = counters(row_kept);
        if known.name.as_bytes() != row.name {
            known.name = Arc::from(String::from_utf8_lossy(row.name));
        }
        set(known, &row.columns);
        kept += 1;
    }
    into.truncate(kept);
    refused
}

/// `veth...`, `docker0` and its like, and the bridges the engine makes: `br-` and twelve digits of the network's id.
fn is_end_of_containers(name: &[u8]) -> bool {
    let of_engine = |id: &[u8]| id.len() == 12 && id.iter().all(u8::is_ascii_hexdigit);
    name.starts_with(b"veth") || name.starts_with(b"docker") || name.strip_prefix(b"br-").is_some_and(of_engine)
}

/// Most interfaces of the host: each container has one there.
const MAX_HOST_INTERFACES: usize = 16_384;

const fn set(into: &mut InterfaceCounters, columns: &[u64; 16]) {
    let [rx_bytes, rx_packets, rx_errors, rx_dropped, _, _, _, _, tx_bytes, tx_packets, tx_errors, tx_dropped, ..] =
        *columns;
    into.rx_bytes = rx_bytes;
    into.rx_packets = rx_packets;
    into.rx_errors = rx_errors;
    into.rx_dropped = rx_dropped;
    into.tx_bytes = tx_bytes;
    into.tx_packets = tx_packets;
    into.tx_errors = tx_errors;
    into.tx_dropped = tx_dropped;
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const FILE: &[u8] = b"Inter-|   Receive                                                |  Transmit
 face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed
    lo:       5       1    0    0    0     0          0         0        5       1    0    0    0     0       0          0
  eth0:     310       3    1    2    3     4          5         6        7       8    9   10   11    12      13         14
veth1:1 2 3 4 0 0 0 0 5 6 7 8 0 0 0 0
 short: 1 2 3
";

    #[test]
    fn containers_have_every_interface_but_lo() {
        let mut interfaces = Vec::new();
        assert_eq!(read(FILE, &mut interfaces), 0);
        let names: Vec<&str> = interfaces.iter().map(|interface| interface.name.as_ref()).collect();
        assert_eq!(names, ["eth0", "veth1"]);
        let eth0 = interfaces.first().unwrap();
        assert_eq!((eth0.rx_bytes, eth0.rx_packets, eth0.rx_errors, eth0.rx_dropped), (310, 3, 1, 2));
        assert_eq!((eth0.tx_bytes, eth0.tx_packets, eth0.tx_errors, eth0.tx_dropped), (7, 8, 9, 10));
    }

    #[test]
    fn the_root_has_no_ends_of_containers() {
        let (mut host, mut interfaces) = (Vec::new(), Vec::new());
        read_host(FILE, &mut host);
        of_root(&host, &mut interfaces);
        assert_eq!(interfaces.iter().map(|interface| interface.name.as_ref()).collect::<Vec<_>>(), ["eth0"]);
        let table = [("br-0123456789ab", true), ("br-lan", false), ("docker_gwbridge", true), ("wlan0", false)];
        for (name, expected) in table {
            assert_eq!(is_end_of_containers(name.as_bytes()), expected, "{name}");
        }
    }

    #[test]
    fn a_second_reading_replaces_the_first() {
        let mut interfaces = Vec::new();
        read(FILE, &mut interfaces);
        read(b"eth1: 1 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0\n", &mut interfaces);
        assert_eq!(interfaces.len(), 1);
        assert_eq!((interfaces[0].name.as_ref(), interfaces[0].rx_bytes), ("eth1", 1));
    }

    #[test]
    fn the_host_shows_lo_and_the_rare_columns() {
        let mut interfaces = Vec::new();
        read_host(FILE, &mut interfaces);
        assert_eq!(interfaces.len(), 3);
        assert_eq!((interfaces[1].rx_more, interfaces[1].tx_more), ([3, 4, 5, 6], [11, 12, 13, 14]));
    }

    #[test]
    fn rows_with_anything_but_sixteen_figures_are_left_out() {
        let figures = |last: &str| format!("{}{last}", "7\t ".repeat(15));
        for (row, expected) in [("8", Some(8)), ("8 9", Some(8)), ("", None), ("8x", None), ("x8", None), ("-8", None)]
        {
            assert_eq!(columns(figures(row).as_bytes()).map(|columns| columns[15]), expected, "{row:?}");
        }
        assert_eq!(columns(figures("18446744073709551616").as_bytes()), None, "it does not fit");
        assert_eq!(columns(figures("18446744073709551615").as_bytes()).map(|columns| columns[15]), Some(u64::MAX));
    }

    #[test]
    fn more_interfaces_than_the_ceiling_are_counted() {
        let file: String = (0..300).map(|n| format!("i{n}: 1 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0\n")).collect();
        let mut interfaces = Vec::new();
        assert_eq!(read(file.as_bytes(), &mut interfaces), 44);
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            read(&bytes, &mut Vec::new());
            read_host(&bytes, &mut Vec::new());
        }
    }
}
