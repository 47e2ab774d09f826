//! `machine_*` and `cadvisor_version_info`.

use super::{Settings, reading::Reading};
use crate::{
    exposition::{LabelSet, Page, catalogue::machine as family},
    model::metric::Family,
};

pub(super) fn write(reading: &Reading, settings: &Settings, page: &mut Page) {
    version(reading, settings, page);
    let machine = &reading.machine;
    let ids =
        [("machine_id", &machine.machine_id), ("system_uuid", &machine.system_uuid), ("boot_id", &machine.boot_id)];
    let labels = LabelSet::new(ids.into_iter().filter_map(|(name, id)| Some((name, id.as_deref()?))));
    let mut gauge = |family: &'static Family, value: Option<u64>| {
        if let Some(value) = value {
            page.family(family).sample(&labels, value);
        }
    };
    gauge(&family::CPU_CORES, machine.cpu_cores);
    gauge(&family::CPU_PHYSICAL_CORES, machine.cpu_physical_cores);
    gauge(&family::CPU_SOCKETS, machine.cpu_sockets);
    gauge(&family::MEMORY, machine.memory_bytes);
    gauge(&family::SWAP, machine.swap_bytes);
    let unknown = machine.cpu_cores.is_none() || machine.memory_bytes.is_none();
    page.family(&family::SCRAPE_ERROR).sample(&labels, unknown);
}

fn version(reading: &Reading, settings: &Settings, page: &mut Page) {
    let engine = &reading.snapshot.engine;
    let version = engine.version.as_deref();
    let kernel = (version.and_then(|version| version.kernel.as_deref()))
        .or_else(|| Some(reading.machine.uname.as_ref()?.release.as_ref()));
    let system = engine.info.as_ref().and_then(|info| info.operating_system.as_deref());
    let ours = format!("spyhop-{}", settings.build.version);
    let extra = [
        ("kernelVersion", kernel.unwrap_or_default()),
        ("osVersion", system.unwrap_or_default()),
        ("dockerVersion", version.map(|version| version.version.as_ref()).unwrap_or_default()),
        ("cadvisorVersion", &ours),
        ("cadvisorRevision", settings.build.revision),
    ];
    page.family(&family::VERSION).sample_with(&LabelSet::EMPTY, &extra, 1_u64);
}
