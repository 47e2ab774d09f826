//! The host's own figures: `/proc/stat`, `meminfo`, `loadavg`, `diskstats` (proc(5), Documentation/admin-guide/iostats.rst).

use std::sync::Arc;

use super::parse;
use crate::model::{CpuTimes, DiskCounters, LoadAverage, StatCounters};

/// Most CPUs and most disks that are shown.
const MAX_ROWS: usize = 4096;

/// `/proc/stat`. `ticks_per_second` is `sysconf(_SC_CLK_TCK)`.
pub(super) fn stat(bytes: &[u8], ticks_per_second: f64, cpus: &mut Vec<CpuTimes>) -> StatCounters {
    cpus.clear();
    let mut found = StatCounters::default();
    for line in parse::lines(bytes) {
        let mut words = parse::words(line);
        let Some(key) = words.next() else { continue };
        let mut first = || words.next().and_then(parse::number);
        match key {
            b"intr" => found.interrupts = first(),
            b"ctxt" => found.context_switches = first(),
            b"processes" => found.forks = first(),
            b"procs_running" => found.procs_running = first(),
            b"procs_blocked" => found.procs_blocked = first(),
            b"btime" => found.boot_time_seconds = first(),
            _ => {
                if let Some(cpu) = cpu(key, words, ticks_per_second).filter(|_| cpus.len() < MAX_ROWS) {
                    cpus.push(cpu);
                }
            }
        }
    }
    found
}

fn cpu<'line>(key: &[u8], words: impl Iterator<Item = &'line [u8]>, ticks_per_second: f64) -> Option<CpuTimes> {
    let cpu = u32::try_from(parse::number(key.strip_prefix(b"cpu")?)?).ok()?;
    let mut seconds = [0.0; 10];
    for (second, word) in seconds.iter_mut().zip(words) {
        *second = parse::number(word)? as f64 / ticks_per_second;
    }
    Some(CpuTimes { cpu, seconds })
}

/// `/proc/meminfo`: names as node_exporter writes them, and whether the figure is bytes. Names known from the last reading are reused.
pub(super) fn meminfo(bytes: &[u8], into: &mut Vec<(Arc<str>, u64, bool)>) {
    let mut kept = 0;
    for line in parse::lines(bytes).take(MAX_ROWS) {
        let mut words = parse::words(line);
        let Some(name) = words.next().and_then(|word| word.strip_suffix(b":")) else { continue };
        let Some(value) = words.next().and_then(parse::number) else { continue };
        let in_bytes = words.next() == Some(b"kB");
        let value = if in_bytes { value.saturating_mul(1024) } else { value };
        match into.get_mut(kept) {
            Some(row) if same_name(&row.0, name) => (row.1, row.2) = (value, in_bytes),
            Some(row) => *row = (memory_name(name).into(), value, in_bytes),
            None => into.push((memory_name(name).into(), value, in_bytes)),
        }
        kept += 1;
    }
    into.truncate(kept);
}

/// `Active(anon)` -> `Active_anon`.
fn memory_name(name: &[u8]) -> String {
    String::from_utf8_lossy(name).replace('(', "_").replace(')', "")
}

fn same_name(known: &str, name: &[u8]) -> bool {
    let mut plain = name.iter().filter(|byte| **byte != b')').map(|byte| if *byte == b'(' { b'_' } else { *byte });
    known.bytes().all(|byte| plain.next() == Some(byte)) && plain.next().is_none()
}

/// `/proc/loadavg`.
pub(super) fn load(bytes: &[u8]) -> Option<LoadAverage> {
    let mut words = parse::words(bytes.trim_ascii());
    let mut next = || words.next().and_then(parse::fraction);
    Some(LoadAverage { one: next()?, five: next()?, fifteen: next()? })
}

/// `/proc/diskstats` without partitions, RAM disks, loops and floppies.
pub(super) fn disks(bytes: &[u8], into: &mut Vec<DiskCounters>) {
    let mut kept = 0;
    for line in parse::lines(bytes) {
        let mut words = parse::words(line).skip(2);
        let Some(name) = words.next().filter(|name| !ignored(name)) else { continue };
        if kept >= MAX_ROWS {
            break;
        }
        let row = match into.get_mut(kept) {
            Some(row) if row.device.as_bytes() == name => row,
            _ => {
                into.truncate(kept);
                into.push(DiskCounters {
                    device: String::from_utf8_lossy(name).into(),
                    fields: Vec::with_capacity(17),
                });
                let Some(row) = into.last_mut() else { continue };
                row
            }
        };
        row.fields.clear();
        row.fields.extend(words.map_while(parse::number).take(17));
        kept += 1;
    }
    into.truncate(kept);
}

/// The devices node_exporter leaves out by default: `ram1`, `zram0`, `loop0`, `fd0`, partitions `sda1`, `vdb2`, `nvme0n1p1`.
fn ignored(name: &[u8]) -> bool {
    let digits = name.iter().rev().take_while(|byte| byte.is_ascii_digit()).count();
    let Some((stem, _)) = name.split_at_checked(name.len() - digits).filter(|_| digits > 0) else { return false };
    match stem {
        b"ram" | b"zram" | b"loop" | b"fd" => true,
        _ => match stem.strip_prefix(b"nvme").and_then(|rest| rest.strip_suffix(b"p")) {
            Some(disk) => is_nvme(disk),
            None => [b"hd".as_slice(), b"sd", b"vd", b"xvd"]
                .into_iter()
                .any(|kind| stem.strip_prefix(kind).is_some_and(|letter| matches!(letter, [b'a'..=b'z']))),
        },
    }
}

/// `<controller>n<namespace>`, both digits.
fn is_nvme(disk: &[u8]) -> bool {
    let mut halves = disk.splitn(2, |byte| *byte == b'n');
    let mut all_digits = || halves.next().is_some_and(|half| !half.is_empty() && half.iter().all(u8::is_ascii_digit));
    all_digits() && all_digits()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn stat_of_two_cpus() {
        let file = b"cpu  30 0 0 0 0 0 0 0 0 0\ncpu0 100 1 2 300 4 5 6 7 8 9\ncpu1 200 0 0 0\nintr 55 1 2 3\nctxt 66\nbtime 1700000000\nprocesses 77\nprocs_running 2\nprocs_blocked 1\nsoftirq 1 2\n";
        let mut cpus = Vec::new();
        let found = stat(file, 100.0, &mut cpus);
        assert_eq!(cpus.len(), 2);
        assert_eq!(cpus[0].seconds, [1.0, 0.01, 0.02, 3.0, 0.04, 0.05, 0.06, 0.07, 0.08, 0.09]);
        assert_eq!((found.interrupts, found.context_switches, found.forks), (Some(55), Some(66), Some(77)));
        assert_eq!(
            (found.procs_running, found.procs_blocked, found.boot_time_seconds),
            (Some(2), Some(1), Some(1_700_000_000))
        );
    }

    #[test]
    fn meminfo_in_node_exporters_words() {
        let file = b"MemTotal:  1000 kB\nActive(anon): 2 kB\nHugePages_Total: 3\nodd line\n";
        let mut rows = vec![("Old".into(), 1, true), ("Active_anon".into(), 1, true)];
        meminfo(file, &mut rows);
        let seen: Vec<_> = rows.iter().map(|(name, value, bytes)| (name.as_ref(), *value, *bytes)).collect();
        assert_eq!(seen, [("MemTotal", 1_024_000, true), ("Active_anon", 2048, true), ("HugePages_Total", 3, false)]);
    }

    #[test]
    fn load_needs_all_three() {
        assert_eq!(load(b"0.25 1.5 10.00 1/234 5678\n"), Some(LoadAverage { one: 0.25, five: 1.5, fifteen: 10.0 }));
        assert_eq!(load(b"0.25 nan 10.00"), None);
        assert_eq!(load(b""), None);
    }

    #[test]
    fn disks_without_partitions() {
        let table = [
            ("sda", false),
            ("sda1", true),
            ("vdb12", true),
            ("xvda1", true),
            ("nvme0n1", false),
            ("nvme0n1p2", true),
            ("dm-0", false),
            ("md127", false),
            ("loop7", true),
            ("ram0", true),
            ("zram0", true),
            ("fd0", true),
            ("sr0", false),
            ("mmcblk0", false),
            ("mmcblk0p1", false),
        ];
        for (name, expected) in table {
            assert_eq!(ignored(name.as_bytes()), expected, "{name}");
        }
        let mut rows = Vec::new();
        disks(b"   8 0 sda 1 2 3 4 5 6 7 8 9 10 11\n   8 1 sda1 1 1 1 1 1 1 1 1 1 1 1\n", &mut rows);
        assert_eq!(rows.len(), 1);
        assert_eq!(
            (rows[0].device.as_ref(), rows[0].fields.as_slice()),
            ("sda", [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11].as_slice())
        );
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            stat(&bytes, 100.0, &mut Vec::new());
            meminfo(&bytes, &mut Vec::new());
            let _ = load(&bytes);
            disks(&bytes, &mut Vec::new());
        }
    }
}
