//! A container's files in the cgroup v2 hierarchy (Documentation/admin-guide/cgroup-v2.rst).

use std::path::Path;

use super::{
    Gone,
    container::Slow,
    handle::{CGROUP_CEILING, Handle, read_once},
    io, parse, pressure,
    reading::Reading,
};
use crate::model::{ContainerSample, Cpu, Memory, MemoryKind, Spec};

/// The open files.
#[derive(Debug, Default)]
pub(super) struct Files {
    cpu_stat: Option<Handle>,
    memory_current: Option<Handle>,
    memory_stat: Option<Handle>,
    memory_peak: Option<Handle>,
    memory_events: Option<Handle>,
    swap_current: Option<Handle>,
    io_stat: Option<Handle>,
    pids_current: Option<Handle>,
    pressure: pressure::Files,
}

impl Files {
    /// Opens what is there; the root cgroup lacks most of it.
    pub(super) fn open(folder: &Path) -> Self {
        let open = |name: &str| Handle::single(&folder.join(name)).ok();
        Self {
            cpu_stat: open("cpu.stat"),
            memory_current: open("memory.current"),
            memory_stat: open("memory.stat"),
            memory_peak: open("memory.peak"),
            memory_events: open("memory.events"),
            swap_current: open("memory.swap.current"),
            io_stat: open("io.stat"),
            pids_current: open("pids.current"),
            pressure: pressure::Files::open(|resource| folder.join(format!("{resource}.pressure"))),
        }
    }

    /// Number of files held.
    pub(super) fn count(&self) -> usize {
        let single = [
            &self.cpu_stat,
            &self.memory_current,
            &self.memory_stat,
            &self.memory_peak,
            &self.memory_events,
            &self.swap_current,
            &self.io_stat,
            &self.pids_current,
        ];
        single.into_iter().flatten().count() + self.pressure.count()
    }

    /// Reads everything but the network.
    pub(super) fn read(&self, reading: &mut Reading, into: &mut ContainerSample) -> Result<(), Gone> {
        into.cpu = self.cpu(reading)?;
        into.memory = self.memory(reading)?;
        into.pids.current = reading.number(self.pids_current.as_ref())?;
        into.io.clear();
        if let Some(bytes) = reading.bytes(self.io_stat.as_ref())? {
            let refused = io::read_v2(bytes, &mut into.io);
            reading.refused += refused;
        }
        // Files of a cgroup whose `cgroup.pressure` was set to 0 say the same as those of one that is gone. The others know better.
        if self.pressure.read(reading, &mut into.pressure).is_err() {
            into.pressure = crate::model::Pressure::default();
        }
        Ok(())
    }

    fn cpu(&self, reading: &mut Reading) -> Result<Cpu, Gone> {
        let nanoseconds = |microseconds| parse::number(microseconds)?.checked_mul(1000);
        let mut cpu = Cpu::default();
        for (key, value) in reading.bytes(self.cpu_stat.as_ref())?.into_iter().flat_map(parse::flat) {
            match key {
                b"usage_usec" => cpu.usage_ns = nanoseconds(value),
                b"user_usec" => cpu.user_ns = nanoseconds(value),
                b"system_usec" => cpu.system_ns = nanoseconds(value),
                b"nr_periods" => cpu.periods = parse::number(value),
                b"nr_throttled" => cpu.throttled_periods = parse::number(value),
                b"throttled_usec" => cpu.throttled_ns = nanoseconds(value),
                b"nr_bursts" => cpu.burst_periods = parse::number(value),
                b"burst_usec" => cpu.burst_ns = nanoseconds(value),
                _ => {}
            }
        }
        Ok(cpu)
    }

    fn memory(&self, reading: &mut Reading) -> Result<Memory, Gone> {
        let mut memory = Memory {
            kind: MemoryKind::V2,
            usage: reading.number(self.memory_current.as_ref())?,
            max_usage: reading.number(self.memory_peak.as_ref())?,
            swap: reading.number(self.swap_current.as_ref())?,
            ..Memory::default()
        };
        if let Some(bytes) = reading.bytes(self.memory_stat.as_ref())? {
            for (key, value) in parse::flat(bytes) {
                if let Some(field) = stat_field(&mut memory, key) {
                    *field = parse::number(value);
                }
            }
        }
        for (key, value) in reading.bytes(self.memory_events.as_ref())?.into_iter().flat_map(parse::flat) {
            match key {
                b"high" => memory.events_high = parse::number(value),
                b"max" => memory.events_max = parse::number(value),
                b"oom_kill" => memory.oom_kills = parse::number(value),
                _ => {}
            }
        }
        memory.failcnt = memory.events_max;
        memory.hierarchy_pgfault = memory.pgfault;
        memory.hierarchy_pgmajfault = memory.pgmajfault;
        // The root cgroup has no memory.current: what is charged to anybody is anonymous or file memory.
        memory.usage =
            memory.usage.or_else(|| memory.rss.zip(memory.cache).map(|(anon, file)| anon.saturating_add(file)));
        memory.working_set =
            memory.usage.zip(memory.inactive_file).map(|(usage, inactive)| usage.saturating_sub(inactive));
        Ok(memory)
    }
}

/// Reads the limits, which change so rarely that their files are not kept open; the second value is that of pids.
pub(super) fn limits(folder: &Path) -> Slow {
    let read = |name: &str| read_once(&folder.join(name), CGROUP_CEILING).ok();
    let limit = |name: &str| read(name).and_then(|bytes| parse::limit(&bytes));
    let (cpu_quota_us, cpu_period_us) = read("cpu.max").as_deref().map_or((None, None), cpu_max);
    let memory_max = read("memory.max");
    let swap_max = read("memory.swap.max");
    let spec = Spec {
        cpu_quota_us,
        cpu_period_us,
        cpu_shares: None,
        cpu_weight: read("cpu.weight").and_then(|bytes| parse::single(&bytes)),
        memory_known: memory_max.is_some(),
        memory_limit_bytes: memory_max.as_deref().and_then(parse::limit),
        swap_known: swap_max.is_some(),
        swap_limit_bytes: swap_max.as_deref().and_then(parse::limit),
        memory_reservation_bytes: limit("memory.low").filter(|low| *low > 0),
    };
    Slow { spec, pids: limit("pids.max"), failcnt: None }
}

/// `cpu.max`: quota (or `max`) and period in microseconds.
fn cpu_max(bytes: &[u8]) -> (Option<u64>, Option<u64>) {
    let mut words = parse::words(bytes.trim_ascii());
    (words.next().and_then(parse::limit), words.next().and_then(parse::single))
}

/// Where a key of `memory.stat` belongs.
const fn stat_field<'memory>(memory: &'memory mut Memory, key: &[u8]) -> Option<&'memory mut Option<u64>> {
    Some(match key {
        b"anon" => &mut memory.rss,
        b"file" => &mut memory.cache,
        b"kernel" => &mut memory.kernel,
        b"file_mapped" => &mut memory.mapped_file,
        b"file_dirty" => &mut memory.file_dirty,
        b"file_writeback" => &mut memory.file_writeback,
        b"active_file" => &mut memory.active_file,
        b"inactive_file" => &mut memory.inactive_file,
        b"pgfault" => &mut memory.pgfault,
        b"pgmajfault" => &mut memory.pgmajfault,
        b"pgscan" => &mut memory.pgscan,
        b"pgsteal" => &mut memory.pgsteal,
        b"workingset_refault_file" => &mut memory.workingset_refault_file,
        b"workingset_refault_anon" => &mut memory.workingset_refault_anon,
        _ => return None,
    })
}
