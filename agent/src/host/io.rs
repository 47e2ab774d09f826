//! Block I/O by device: `io.stat` (v2) and `blkio.throttle.*` or `blkio.bfq.*` (v1), and the names of devices.

use std::{
    collections::HashMap,
    path::{Path, PathBuf},
    sync::Arc,
};

use super::{handle::read_once, parse};
use crate::model::DeviceIo;

/// Most devices of one container that are read; a host with more has one container using them all.
pub(super) const MAX_DEVICES: usize = 256;

/// Sets `into` from `io.stat`: `major:minor key=value ...`, a row without keys when the device was never used
/// (Documentation/admin-guide/cgroup-v2.rst). Returns how many devices were left out.
pub(super) fn read_v2(bytes: &[u8], into: &mut Vec<DeviceIo>) -> u64 {
    into.clear();
    let mut refused = 0;
    for line in parse::lines(bytes) {
        let mut words = parse::words(line);
        let Some(number) = words.next().and_then(parse::device_number) else { continue };
        let mut keys = words.filter_map(|word| {
            let (key, value) = word.split_at_checked(memchr::memchr(b'=', word)?)?;
            Some((key, parse::number(value.get(1..)?)?))
        });
        let Some(first) = keys.next() else { continue };
        let Some(row) = row_of(into, number, &mut refused) else { continue };
        for (key, value) in std::iter::once(first).chain(keys) {
            match key {
                b"rbytes" => row.read_bytes = Some(value),
                b"wbytes" => row.write_bytes = Some(value),
                b"rios" => row.reads = Some(value),
                b"wios" => row.writes = Some(value),
                _ => {}
            }
        }
    }
    refused
}

/// Which of the two v1 tables is being read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum V1Table {
    /// `io_service_bytes`.
    Bytes,
    /// `io_serviced`.
    Requests,
}

/// Adds one v1 table: rows `major:minor Operation value`, then `Total value`
/// (Documentation/admin-guide/cgroup-v1/blkio-controller.rst). Returns how many devices were left out.
pub(super) fn read_v1(bytes: &[u8], table: V1Table, into: &mut Vec<DeviceIo>) -> u64 {
    let mut refused = 0;
    for line in parse::lines(bytes) {
        let mut words = parse::words(line);
        let Some(number) = words.next().and_then(parse::device_number) else { continue };
        let (Some(operation), Some(value)) = (words.next(), words.next().and_then(parse::number)) else { continue };
        if !matches!(operation, b"Read" | b"Write") {
            continue;
        }
        let Some(row) = row_of(into, number, &mut refused) else { continue };
        *match (table, operation) {
            (V1Table::Bytes, b"Read") => &mut row.read_bytes,
            (V1Table::Bytes, _) => &mut row.write_bytes,
            (V1Table::Requests, b"Read") => &mut row.reads,
            (V1Table::Requests, _) => &mut row.writes,
        } = Some(value);
    }
    refused
}

/// Whether a v1 table speaks of any device; one without says `Total 0` and nothing else.
pub(super) fn has_devices(bytes: &[u8]) -> bool {
    parse::lines(bytes).any(|line| parse::words(line).next().and_then(parse::device_number).is_some())
}

/// The row of a device, made where it is missing, kept in order of the number.
fn row_of<'rows>(
    rows: &'rows mut Vec<DeviceIo>,
    (major, minor): (u32, u32),
    refused: &mut u64,
) -> Option<&'rows mut DeviceIo> {
    let at = match rows.binary_search_by_key(&(major, minor), |row| (row.major, row.minor)) {
        Ok(at) => at,
        Err(_) if rows.len() >= MAX_DEVICES => {
            *refused += 1;
            return None;
        }
        Err(at) => {
            rows.insert(at, DeviceIo { major, minor, ..DeviceIo::default() });
            at
        }
    };
    rows.get_mut(at)
}

/// Names of block devices by number, from `<sys>/dev/block/<major>:<minor>/uevent`.
#[derive(Debug)]
pub(super) struct Names {
    folder: PathBuf,
    known: HashMap<(u32, u32), Option<Arc<str>>>,
}

impl Names {
    /// Looks below `<sys>/dev/block`.
    pub(super) fn new(sys: &Path) -> Self {
        Self { folder: sys.join("dev/block"), known: HashMap::new() }
    }

    /// Puts names to numbers. An unknown number is asked again at each scrape: a disk may be plugged in under it.
    pub(super) fn fill(&mut self, rows: &mut [DeviceIo]) {
        for row in rows {
            let number = (row.major, row.minor);
            if let Some(Some(name)) = self.known.get(&number) {
                row.device = Some(Arc::clone(name));
                continue;
            }
            if self.known.len() >= MAX_DEVICES {
                self.known.clear();
            }
            let name = self.look_up(number);
            row.device.clone_from(&name);
            self.known.insert(number, name);
        }
    }

    fn look_up(&self, (major, minor): (u32, u32)) -> Option<Arc<str>> {
        let bytes = read_once(&self.folder.join(format!("{major}:{minor}/uevent")), 4096).ok()?;
        let name = parse::lines(&bytes).find_map(|line| line.strip_prefix(b"DEVNAME="))?;
        Some(format!("/dev/{}", String::from_utf8_lossy(name)).into())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn device(minor: u32, figures: [Option<u64>; 4]) -> DeviceIo {
        let [read_bytes, write_bytes, reads, writes] = figures;
        DeviceIo { major: 8, minor, device: None, read_bytes, write_bytes, reads, writes }
    }

    #[test]
    fn v2_rows_with_and_without_keys() {
        let file = b"8:16 rbytes=1 wbytes=2 rios=3 wios=4 dbytes=5 dios=6\n8:32\n8:0 rbytes=9\nnonsense\n";
        let mut rows = vec![device(77, [None; 4])];
        assert_eq!(read_v2(file, &mut rows), 0);
        assert_eq!(rows, [device(0, [Some(9), None, None, None]), device(16, [Some(1), Some(2), Some(3), Some(4)])]);
    }

    #[test]
    fn v1_tables_meet_in_one_row() {
        let mut rows = Vec::new();
        let bytes =
            b"8:0 Read 4096\n8:0 Write 0\n8:0 Sync 4096\n8:0 Async 0\n8:0 Discard 0\n8:0 Total 4096\nTotal 4096\n";
        read_v1(bytes, V1Table::Bytes, &mut rows);
        read_v1(b"8:0 Read 1\n8:0 Write 0\nTotal 1\n", V1Table::Requests, &mut rows);
        assert_eq!(rows, [device(0, [Some(4096), Some(0), Some(1), Some(0)])]);
        let mut none = Vec::new();
        read_v1(b"Total 0\n", V1Table::Bytes, &mut none);
        assert!(none.is_empty() && !has_devices(b"Total 0\n") && has_devices(bytes));
    }

    #[test]
    fn more_devices_than_the_ceiling_are_counted() {
        let file: String = (0..300).map(|minor| format!("8:{minor} rbytes=1\n")).collect();
        let mut rows = Vec::new();
        assert_eq!(read_v2(file.as_bytes(), &mut rows), 44);
        assert_eq!(rows.len(), MAX_DEVICES);
    }

    #[test]
    fn names_come_from_uevent_and_unknown_ones_are_absent() {
        let sys = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(sys.path().join("dev/block/8:0")).unwrap();
        std::fs::write(sys.path().join("dev/block/8:0/uevent"), "MAJOR=8\nDEVNAME=sda\nDEVTYPE=disk\n").unwrap();
        let mut names = Names::new(sys.path());
        let mut rows = [device(0, [None; 4]), device(1, [None; 4])];
        names.fill(&mut rows);
        assert_eq!(rows.each_ref().map(|row| row.device.as_deref()), [Some("/dev/sda"), None]);
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let mut rows = Vec::new();
            read_v2(&bytes, &mut rows);
            read_v1(&bytes, V1Table::Bytes, &mut rows);
            prop_assert!(rows.is_sorted_by_key(|row| (row.major, row.minor)));
        }
    }
}
