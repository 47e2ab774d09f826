//! `node_*` families of the host as a whole: CPU, memory, load, pressure, uname. Devices are in `node_devices`.

use super::{
    reading::Reading,
    units::{from_us, unix_seconds},
};
use crate::{
    exposition::{
        LabelSet, Page, Value,
        catalogue::{node as family, node_memory},
    },
    model::metric::Family,
};

pub(super) fn write(reading: &Reading, page: &mut Page) {
    cpu(reading, page);
    stat(reading, page);
    load(reading, page);
    uname(reading, page);
    memory(reading, page);
    pressure(reading, page);
}

/// Modes of `/proc/stat` in its order; the two of guests are contained in `user` and `nice` and stand apart.
const MODES: [&str; 8] = ["user", "nice", "system", "idle", "iowait", "irq", "softirq", "steal"];
const GUEST_MODES: [&str; 2] = ["user", "nice"];

fn cpu(reading: &Reading, page: &mut Page) {
    let mut write = |family: &'static Family, modes: &[&str], skip: usize| {
        let mut writer = page.family(family);
        for cpu in &reading.host.cpus {
            let mut number = itoa::Buffer::new();
            let number = number.format(cpu.cpu);
            for (mode, seconds) in modes.iter().zip(cpu.seconds.iter().skip(skip)) {
                writer.sample_with(&LabelSet::EMPTY, &[("cpu", number), ("mode", mode)], *seconds);
            }
        }
    };
    write(&family::CPU_SECONDS, &MODES, 0);
    write(&family::CPU_GUEST_SECONDS, &GUEST_MODES, MODES.len());
}

fn single(page: &mut Page, family: &'static Family, value: Option<impl Into<Value>>) {
    if let Some(value) = value {
        page.family(family).sample(&LabelSet::EMPTY, value);
    }
}

fn stat(reading: &Reading, page: &mut Page) {
    let stat = &reading.host.stat;
    single(page, &family::INTR, stat.interrupts);
    single(page, &family::CONTEXT_SWITCHES, stat.context_switches);
    single(page, &family::FORKS, stat.forks);
    single(page, &family::PROCS_RUNNING, stat.procs_running);
    single(page, &family::PROCS_BLOCKED, stat.procs_blocked);
    single(page, &family::BOOT_TIME, stat.boot_time_seconds);
    single(page, &family::TIME, Some(unix_seconds(reading.at)));
}

fn load(reading: &Reading, page: &mut Page) {
    let load = reading.host.load;
    single(page, &family::LOAD1, load.map(|load| load.one));
    single(page, &family::LOAD5, load.map(|load| load.five));
    single(page, &family::LOAD15, load.map(|load| load.fifteen));
}

fn uname(reading: &Reading, page: &mut Page) {
    let Some(uname) = &reading.machine.uname else { return };
    let extra = [
        ("sysname", uname.sysname.as_ref()),
        ("release", &uname.release),
        ("version", &uname.version),
        ("machine", &uname.machine),
        ("nodename", &reading.host_name),
        ("domainname", &uname.domainname),
    ];
    page.family(&family::UNAME).sample_with(&LabelSet::EMPTY, &extra, 1_u64);
}

/// In the kernel's order; a field that the catalogue does not know yet is left out.
fn memory(reading: &Reading, page: &mut Page) {
    for (field, value, _) in &reading.host.meminfo {
        if let Some(family) = node_memory::family(field) {
            single(page, family, Some(*value));
        }
    }
}

fn pressure(reading: &Reading, page: &mut Page) {
    let pressure = &reading.host.pressure;
    single(page, &family::PRESSURE_CPU_WAITING, pressure.cpu.some_us.map(from_us));
    single(page, &family::PRESSURE_MEMORY_WAITING, pressure.memory.some_us.map(from_us));
    single(page, &family::PRESSURE_MEMORY_STALLED, pressure.memory.full_us.map(from_us));
    single(page, &family::PRESSURE_IO_WAITING, pressure.io.some_us.map(from_us));
    single(page, &family::PRESSURE_IO_STALLED, pressure.io.full_us.map(from_us));
}
