//! `spyhop_*` families of the agent and `process_*`. Its event counters come from their registry.

use super::{Settings, reading::Reading, units::unix_seconds};
use crate::{
    exposition::{LabelSet, Page, Value, catalogue::agent as family},
    model::metric::Family,
};

pub(super) fn write(reading: &Reading, settings: &Settings, page: &mut Page) {
    let build = [("version", settings.build.version), ("revision", settings.build.revision)];
    page.family(&family::BUILD_INFO).sample_with(&LabelSet::EMPTY, &build, 1_u64);
    engine(reading, page);
    let mut available = page.family(&family::COLLECTOR_AVAILABLE);
    for (collector, readable) in &reading.availability {
        available.sample_with(&LabelSet::EMPTY, &[("collector", collector)], *readable);
    }
    single(page, &family::OPEN_HANDLES, Some(reading.open_handles));
    origin(reading, page);
    process(reading, page);
}

fn origin(reading: &Reading, page: &mut Page) {
    let origin = &reading.origin;
    let mut writer = page.family(&family::FIGURES_SOURCE);
    for (source, count) in [("kernel", origin.kernel), ("engine", origin.engine), ("none", origin.none)] {
        writer.sample_with(&LabelSet::EMPTY, &[("source", source)], count);
    }
    single(page, &family::FIGURES_AGE, origin.oldest.map(|age| age.as_secs_f64()));
}

fn single(page: &mut Page, family: &'static Family, value: Option<impl Into<Value>>) {
    if let Some(value) = value {
        page.family(family).sample(&LabelSet::EMPTY, value);
    }
}

fn engine(reading: &Reading, page: &mut Page) {
    let snapshot = &reading.snapshot;
    let engine = &snapshot.engine;
    single(page, &family::READY, Some(engine.ready_since.is_some()));
    single(page, &family::ENGINE_UP, Some(engine.connected));
    engine_info(reading, page);
    single(page, &family::ENGINE_HEARD, engine.heard_at.map(unix_seconds));
    // The engine's answer may be younger than the start of this scrape, and clocks may be set: never below 0.
    let silence = engine.heard_at.map(|heard| reading.at.duration_since(heard).as_secs_f64().max(0.0));
    single(page, &family::ENGINE_SILENCE, silence);
    single(page, &family::INVENTORY_CONTAINERS, Some(snapshot.containers.len()));
    single(page, &family::INVENTORY_SERVICES, Some(snapshot.services.len()));
}

fn engine_info(reading: &Reading, page: &mut Page) {
    let (version, info) = (&reading.snapshot.engine.version, &reading.snapshot.engine.info);
    if version.is_none() && info.is_none() {
        return;
    }
    let version = version.clone().unwrap_or_default();
    let info = info.clone().unwrap_or_default();
    let extra = [
        ("name", info.name.as_ref()),
        ("version", &version.version),
        ("api_version", &version.negotiated),
        ("os", version.os.as_deref().unwrap_or_default()),
        ("arch", version.arch.as_deref().unwrap_or_default()),
        ("kernel", version.kernel.as_deref().unwrap_or_default()),
        ("operating_system", info.operating_system.as_deref().unwrap_or_default()),
        ("storage_driver", info.storage_driver.as_deref().unwrap_or_default()),
        ("cgroup_driver", info.cgroup_driver.as_deref().unwrap_or_default()),
        ("cgroup_version", info.cgroup_version.as_deref().unwrap_or_default()),
    ];
    page.family(&family::ENGINE_INFO).sample_with(&LabelSet::EMPTY, &extra, 1_u64);
}

fn process(reading: &Reading, page: &mut Page) {
    let process = &reading.process;
    single(page, &family::PROCESS_CPU, process.cpu_seconds);
    single(page, &family::PROCESS_RESIDENT, process.resident_bytes);
    single(page, &family::PROCESS_VIRTUAL, process.virtual_bytes);
    single(page, &family::PROCESS_OPEN_FDS, process.open_fds);
    single(page, &family::PROCESS_MAX_FDS, process.max_fds);
    let started = (reading.machine.boot_time.zip(process.started_after_boot))
        .map(|(boot, after)| unix_seconds(boot) + after.as_secs_f64());
    single(page, &family::PROCESS_START_TIME, started);
    single(page, &family::PROCESS_THREADS, process.threads);
}
