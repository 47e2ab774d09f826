//! Facts of the machine that do not change while it runs.

use std::{collections::BTreeSet, path::Path};

use jiff::Timestamp;

use super::{
    handle::{TABLE_CEILING, read_fact, read_once},
    node, parse,
    roots::Roots,
};
use crate::model::{IntoTree as _, MachineSample, Uname};

/// Reads them all.
pub(super) fn read(roots: &Roots) -> MachineSample {
    let table = |name: &str| read_once(&roots.proc.join(name), TABLE_CEILING).unwrap_or_default();
    let mut cpus = Vec::new();
    let stat = node::stat(&table("stat"), 1.0, &mut cpus);
    let mut meminfo = Vec::new();
    node::meminfo(&table("meminfo"), &mut meminfo);
    let memory = |name: &str| meminfo.iter().find(|row| row.0.as_ref() == name).map(|row| row.1);
    let cores = u64::try_from(cpus.len()).ok().filter(|cores| *cores > 0);
    MachineSample {
        cpu_cores: cores,
        // cpuinfo is the same in every namespace, so sysinfo's fixed path is right here.
        cpu_physical_cores: sysinfo::System::physical_core_count().ok().and_then(|cores| u64::try_from(cores).ok()),
        cpu_sockets: sockets(&table("cpuinfo")),
        memory_bytes: memory("MemTotal"),
        swap_bytes: memory("SwapTotal"),
        machine_id: machine_id(roots),
        system_uuid: read_fact(&roots.sys.join("class/dmi/id/product_uuid")).map(Into::into),
        boot_id: read_fact(&roots.proc.join("sys/kernel/random/boot_id")).map(Into::into),
        uname: Some(uname()),
        boot_time: stat.boot_time_seconds.and_then(|at| Timestamp::from_second(i64::try_from(at).ok()?).ok()),
    }
}

/// The host's own, so only where its root can be seen.
pub fn machine_id(roots: &Roots) -> Option<std::sync::Arc<str>> {
    let rootfs = roots.rootfs.as_deref()?;
    ["etc/machine-id", "var/lib/dbus/machine-id"]
        .iter()
        .find_map(|name| read_fact(&Path::join(rootfs, name)))
        .map(Into::into)
}

/// Different `physical id`s of `/proc/cpuinfo`; machines without that line (arm64) do not say.
fn sockets(cpuinfo: &[u8]) -> Option<u64> {
    let ids: BTreeSet<&[u8]> = parse::lines(cpuinfo).filter_map(|line| line.strip_prefix(b"physical id")).into_set();
    u64::try_from(ids.len()).ok().filter(|count| *count > 0)
}

fn uname() -> Uname {
    let uname = rustix::system::uname();
    let text = |part: &std::ffi::CStr| part.to_string_lossy().into();
    Uname {
        sysname: text(uname.sysname()),
        release: text(uname.release()),
        version: text(uname.version()),
        machine: text(uname.machine()),
        domainname: text(uname.domainname()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sockets_are_counted_once_each() {
        let two =
            b"processor : 0\nphysical id\t: 0\nprocessor : 1\nphysical id\t: 1\nprocessor : 2\nphysical id\t: 1\n";
        assert_eq!(sockets(two), Some(2));
        assert_eq!(sockets(b"processor : 0\n"), None);
    }

    #[test]
    fn the_machine_under_this_test_has_cpus_and_memory() {
        let machine = read(&Roots::default());
        assert!(machine.cpu_cores.is_some_and(|cores| cores > 0));
        assert!(machine.memory_bytes.is_some_and(|bytes| bytes > 0));
        assert_eq!(machine.uname.map(|uname| uname.sysname.to_string()).as_deref(), Some("Linux"));
        assert_eq!(machine.machine_id, None, "without the host's root its id cannot be known");
    }
}
