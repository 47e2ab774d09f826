//! A container's files in cgroup v1 hierarchies (Documentation/admin-guide/cgroup-v1/).

use std::path::{Path, PathBuf};

use super::{
    Gone,
    container::Slow,
    handle::{CGROUP_CEILING, Handle, read_once},
    io::{self, V1Table},
    parse, pressure,
    reading::Reading,
    roots::{Hierarchies, Mount},
};
use crate::model::{ContainerSample, Cpu, Memory, MemoryKind, Spec};

/// Controllers with files that are read.
pub(super) const CONTROLLERS: [&str; 5] = ["cpu", "cpuacct", "memory", "blkio", "pids"];

/// Directories of one container, one for each controller that is there; a hybrid host has pressure on the v2 side.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Directories {
    pub(super) cpu: Option<PathBuf>,
    pub(super) cpuacct: Option<PathBuf>,
    pub(super) memory: Option<PathBuf>,
    pub(super) blkio: Option<PathBuf>,
    pub(super) pids: Option<PathBuf>,
    pub(super) unified: Option<PathBuf>,
}

impl Directories {
    /// Finds them; `path` tells the cgroup for a v1 controller (or `None` for v2).
    pub(super) fn find<'path>(hierarchies: &Hierarchies, path: impl Fn(Option<&str>) -> Option<&'path Path>) -> Self {
        let v1 = |controller| {
            let mount: &Mount = hierarchies.v1.get(controller)?;
            mount.directory(path(Some(controller))?)
        };
        Self {
            cpu: v1("cpu"),
            cpuacct: v1("cpuacct"),
            memory: v1("memory"),
            blkio: v1("blkio"),
            pids: v1("pids"),
            unified: hierarchies.v2.as_ref().and_then(|mount| mount.directory(path(None)?)),
        }
    }
}

impl Directories {
    /// Reads the limits and what cannot change without them.
    pub(super) fn limits(&self) -> Slow {
        let read = |folder: &Option<PathBuf>, name: &str| read_once(&folder.as_ref()?.join(name), CGROUP_CEILING).ok();
        let number = |folder, name| read(folder, name).and_then(|bytes| parse::single(&bytes));
        let limit = |folder, name| read(folder, name).and_then(|bytes| parse::limit(&bytes));
        let memory_limit = read(&self.memory, "memory.limit_in_bytes");
        let swap_limit = read(&self.memory, "memory.memsw.limit_in_bytes");
        let spec = Spec {
            cpu_quota_us: limit(&self.cpu, "cpu.cfs_quota_us"),
            cpu_period_us: number(&self.cpu, "cpu.cfs_period_us"),
            cpu_shares: number(&self.cpu, "cpu.shares"),
            cpu_weight: None,
            memory_known: memory_limit.is_some(),
            memory_limit_bytes: memory_limit.as_deref().and_then(parse::limit),
            swap_known: swap_limit.is_some(),
            swap_limit_bytes: swap_limit.as_deref().and_then(parse::limit),
            memory_reservation_bytes: limit(&self.memory, "memory.soft_limit_in_bytes"),
        };
        Slow { spec, pids: limit(&self.pids, "pids.max"), failcnt: number(&self.memory, "memory.failcnt") }
    }
}

/// The open files.
#[derive(Debug, Default)]
pub(super) struct Files {
    cpu_usage: Option<Handle>,
    cpu_stat: Option<Handle>,
    throttling: Option<Handle>,
    memory_usage: Option<Handle>,
    memory_stat: Option<Handle>,
    memory_max_usage: Option<Handle>,
    memory_kernel: Option<Handle>,
    memory_failcnt: Option<Handle>,
    oom_control: Option<Handle>,
    io_bytes: Option<Handle>,
    io_requests: Option<Handle>,
    io_followed: bool,
    pids_current: Option<Handle>,
    pressure: pressure::Files,
}

impl Files {
    /// Opens what is there. A missing file is a controller, an option or a kernel that does not have it. What only limits move
    /// comes with [`Self::follow_limits`], block I/O with [`Self::follow_io`].
    pub(super) fn open(at: &Directories) -> Self {
        Self {
            cpu_usage: open(&at.cpuacct, "cpuacct.usage"),
            cpu_stat: open(&at.cpuacct, "cpuacct.stat"),
            throttling: None,
            memory_usage: open(&at.memory, "memory.usage_in_bytes"),
            memory_stat: open(&at.memory, "memory.stat"),
            memory_max_usage: open(&at.memory, "memory.max_usage_in_bytes"),
            memory_kernel: open(&at.memory, "memory.kmem.usage_in_bytes"),
            memory_failcnt: None,
            oom_control: open(&at.memory, "memory.oom_control"),
            io_bytes: None,
            io_requests: None,
            io_followed: false,
            pids_current: open(&at.pids, "pids.current"),
            pressure: at.unified.as_ref().map_or_else(pressure::Files::default, |folder| {
                pressure::Files::open(|resource| folder.join(format!("{resource}.pressure")))
            }),
        }
    }

    /// Keeps the files open that count how often limits were hit, where there is such a limit.
    pub(super) fn follow_limits(&mut self, at: &Directories, cpu: bool, memory: bool) {
        let follow = |handle: &mut Option<Handle>, limited: bool, folder, name| {
            if !limited {
                *handle = None;
            } else if handle.is_none() {
                *handle = open(folder, name);
            }
        };
        follow(&mut self.throttling, cpu, &at.cpu, "cpu.stat");
        follow(&mut self.memory_failcnt, memory, &at.memory, "memory.failcnt");
    }

    /// Keeps the tables of block I/O open while the kernel counts it for anybody.
    pub(super) fn follow_io(&mut self, at: &Directories, counted: bool) {
        if counted == self.io_followed {
            return;
        }
        self.io_followed = counted;
        let table = |names: [&str; 3]| {
            let folder = at.blkio.as_ref().filter(|_| counted)?;
            names.into_iter().find_map(|name| Handle::single(&folder.join(name)).ok())
        };
        self.io_bytes = table([
            "blkio.throttle.io_service_bytes_recursive",
            "blkio.throttle.io_service_bytes",
            "blkio.bfq.io_service_bytes_recursive",
        ]);
        self.io_requests = table([
            "blkio.throttle.io_serviced_recursive",
            "blkio.throttle.io_serviced",
            "blkio.bfq.io_serviced_recursive",
        ]);
    }

    /// Whether block I/O is counted for any cgroup, these being the files of the root. A policy that counts is switched on for a
    /// device as a whole, and its root has a row for each such device, zeros included; newer kernels leave `blk-throttle` off until
    /// somebody sets a limit on the device (seen with Linux 6.18). What cannot be read does not say no.
    pub(super) fn counts_io(&self, reading: &mut Reading) -> bool {
        let mut tables = [&self.io_bytes, &self.io_requests].into_iter().flatten().peekable();
        tables.peek().is_none()
            || tables.any(|table| !matches!(reading.bytes(Some(table)), Ok(Some(bytes)) if !io::has_devices(bytes)))
    }

    /// Number of files held.
    pub(super) fn count(&self) -> usize {
        let single = [
            &self.cpu_usage,
            &self.cpu_stat,
            &self.throttling,
            &self.memory_usage,
            &self.memory_stat,
            &self.memory_max_usage,
            &self.memory_kernel,
            &self.memory_failcnt,
            &self.oom_control,
            &self.io_bytes,
            &self.io_requests,
            &self.pids_current,
        ];
        single.into_iter().flatten().count() + self.pressure.count()
    }

    /// Reads everything but the network and the limits. `tick_ns` is the length of a clock tick.
    pub(super) fn read(&self, tick_ns: u64, reading: &mut Reading, into: &mut ContainerSample) -> Result<(), Gone> {
        into.cpu = self.cpu(tick_ns, reading)?;
        into.memory = self.memory(reading)?;
        into.pids.current = reading.number(self.pids_current.as_ref())?;
        into.io.clear();
        for (file, table) in [(&self.io_bytes, V1Table::Bytes), (&self.io_requests, V1Table::Requests)] {
            if let Some(bytes) = reading.bytes(file.as_ref())? {
                let refused = io::read_v1(bytes, table, &mut into.io);
                reading.refused += refused;
            }
        }
        // The v2 half of a hybrid host may lack this cgroup: that says nothing of the container.
        if self.pressure.read(reading, &mut into.pressure).is_err() {
            into.pressure = crate::model::Pressure::default();
        }
        Ok(())
    }

    fn cpu(&self, tick_ns: u64, reading: &mut Reading) -> Result<Cpu, Gone> {
        let mut cpu = Cpu { usage_ns: reading.number(self.cpu_usage.as_ref())?, ..Cpu::default() };
        let nanoseconds = |ticks| parse::number(ticks)?.checked_mul(tick_ns);
        for (key, value) in reading.bytes(self.cpu_stat.as_ref())?.into_iter().flat_map(parse::flat) {
            match key {
                b"user" => cpu.user_ns = nanoseconds(value),
                b"system" => cpu.system_ns = nanoseconds(value),
                _ => {}
            }
        }
        for (key, value) in reading.bytes(self.throttling.as_ref())?.into_iter().flat_map(parse::flat) {
            match key {
                b"nr_periods" => cpu.periods = parse::number(value),
                b"nr_throttled" => cpu.throttled_periods = parse::number(value),
                b"throttled_time" => cpu.throttled_ns = parse::number(value),
                b"nr_bursts" => cpu.burst_periods = parse::number(value),
                b"burst_time" => cpu.burst_ns = parse::number(value),
                _ => {}
            }
        }
        Ok(cpu)
    }

    fn memory(&self, reading: &mut Reading) -> Result<Memory, Gone> {
        let mut memory = Memory {
            kind: MemoryKind::V1,
            usage: reading.number(self.memory_usage.as_ref())?,
            max_usage: reading.number(self.memory_max_usage.as_ref())?,
            kernel: reading.number(self.memory_kernel.as_ref())?,
            failcnt: reading.number(self.memory_failcnt.as_ref())?,
            ..Memory::default()
        };
        for (key, value) in reading.bytes(self.oom_control.as_ref())?.into_iter().flat_map(parse::flat) {
            if key == b"oom_kill" {
                memory.oom_kills = parse::number(value);
            }
        }
        if let Some(bytes) = reading.bytes(self.memory_stat.as_ref())? {
            for (key, value) in wanted_of_stat(bytes) {
                if let Some(field) = stat_field(&mut memory, key) {
                    *field = parse::number(value);
                }
            }
        }
        memory.working_set =
            memory.usage.zip(memory.inactive_file).map(|(usage, inactive)| usage.saturating_sub(inactive));
        Ok(memory)
    }
}

/// The rows of `memory.stat` which may be wanted. Of its forty the first half is the cgroup without its children: two of those are
/// looked for by name, and rows are gone through one by one only where the second half begins.
fn wanted_of_stat(bytes: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> {
    let hierarchy = parse::from_line(bytes, b"\ntotal_");
    let own = bytes.get(..bytes.len() - hierarchy.len()).unwrap_or_default();
    let faults = [b"\npgfault ".as_slice(), b"\npgmajfault "].map(|start| parse::from_line(own, start));
    faults.into_iter().filter_map(|rows| parse::flat(rows).next()).chain(parse::flat(hierarchy))
}

fn open(folder: &Option<PathBuf>, name: &str) -> Option<Handle> {
    Handle::single(&folder.as_ref()?.join(name)).ok()
}

/// Where a key of `memory.stat` belongs. `total_*` includes children, which is what a container is; page faults are shown both ways.
const fn stat_field<'memory>(memory: &'memory mut Memory, key: &[u8]) -> Option<&'memory mut Option<u64>> {
    Some(match key {
        b"total_rss" => &mut memory.rss,
        b"total_cache" => &mut memory.cache,
        b"total_mapped_file" => &mut memory.mapped_file,
        b"total_swap" => &mut memory.swap,
        b"total_active_file" => &mut memory.active_file,
        b"total_inactive_file" => &mut memory.inactive_file,
        b"total_dirty" => &mut memory.file_dirty,
        b"total_writeback" => &mut memory.file_writeback,
        b"pgfault" => &mut memory.pgfault,
        b"pgmajfault" => &mut memory.pgmajfault,
        b"total_pgfault" => &mut memory.hierarchy_pgfault,
        b"total_pgmajfault" => &mut memory.hierarchy_pgmajfault,
        b"total_workingset_refault_file" => &mut memory.workingset_refault_file,
        b"total_workingset_refault_anon" => &mut memory.workingset_refault_anon,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const WANTED: [&[u8]; 4] = [b"pgfault", b"pgmajfault", b"total_rss", b"total_pgfault"];

    /// The rows of [`WANTED`], found the plain way.
    fn all_of(bytes: &[u8]) -> Vec<(&[u8], &[u8])> {
        parse::flat(bytes).filter(|(key, _)| WANTED.contains(key)).collect()
    }

    #[test]
    fn the_rows_which_are_wanted_are_found() {
        let file = b"cache 1\nrss 2\npgpgin 3\npgfault 4\npgmajfault 5\ninactive_anon 6\ntotal_rss 7\ntotal_pgfault 8\nsock 9\n";
        let found: Vec<_> = wanted_of_stat(file).filter(|(key, _)| WANTED.contains(key)).collect();
        assert_eq!(found, all_of(file));
        assert_eq!(found.len(), WANTED.len());
        assert_eq!(wanted_of_stat(b"total_rss 7\n").count(), 1, "nothing stands before");
        assert_eq!(wanted_of_stat(b"pgfault 7").count(), 1, "nothing stands around");
        assert_eq!(wanted_of_stat(b"").count(), 0);
    }

    proptest! {
        #[test]
        fn no_row_is_missed_in_the_order_of_a_kernel(
            own in prop::collection::vec(prop::sample::select(vec!["cache", "pgpgin", "rss", "swap"]), 0..6),
            between in prop::bool::ANY,
            numbers in prop::collection::vec(any::<u64>(), 4),
        ) {
            let mut file: String = own.iter().map(|key| format!("{key} 1\n")).collect();
            file += &format!("pgfault {}\npgmajfault {}\n", numbers[0], numbers[1]);
            if between {
                file += "hierarchical_memory_limit 1\n";
            }
            file += &format!("total_rss {}\ntotal_swap 0\ntotal_pgfault {}\n", numbers[2], numbers[3]);
            let found: Vec<_> = wanted_of_stat(file.as_bytes()).filter(|(key, _)| WANTED.contains(key)).collect();
            prop_assert_eq!(found, all_of(file.as_bytes()));
        }

        #[test]
        fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            wanted_of_stat(&bytes).for_each(drop);
        }
    }
}
