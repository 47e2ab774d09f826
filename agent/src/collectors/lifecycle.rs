//! `container_*` families about a container's life: seen, created, started, health, limits in force, kills.

use jiff::Timestamp;

use super::reading::Reading;
use crate::{
    exposition::{LabelSet, Page, Value, catalogue::container as family},
    inventory::Entry,
    model::{ContainerSample, HealthStatus, MachineSample, Spec, metric::Family},
};

pub(super) fn write(reading: &Reading, page: &mut Page) {
    let now = Some(reading.at.as_second());
    let boot = reading.machine.boot_time.map(Timestamp::as_second);
    times(reading, page, &family::LAST_SEEN, now, |_| now);
    times(reading, page, &family::CREATION_TIME, boot, |entry| entry.container.created.map(Timestamp::as_second));
    times(reading, page, &family::START_TIME, boot, |entry| entry.container.started_at.map(Timestamp::as_second));
    health(reading, page);
    spec(reading, page);
    oom_events(reading, page);
    page.family(&family::SCRAPE_ERROR).sample(&LabelSet::EMPTY, reading.scrape_error);
}

/// Whole Unix seconds, as cAdvisor writes them.
fn times(
    reading: &Reading,
    page: &mut Page,
    family: &'static Family,
    root: Option<i64>,
    read: impl Fn(&Entry) -> Option<i64>,
) {
    let mut writer = page.family(family);
    if let Some(seconds) = root {
        writer.sample(&reading.root_labels, seconds);
    }
    for row in reading.live_rows() {
        if let Some(seconds) = read(&row.entry) {
            writer.sample(&row.labels, seconds);
        }
    }
}

fn health(reading: &Reading, page: &mut Page) {
    let mut writer = page.family(&family::HEALTH_STATE);
    for row in reading.live_rows() {
        let state: i64 = match row.entry.container.health.as_ref().map(|health| health.status) {
            Some(HealthStatus::Healthy) => 1,
            Some(HealthStatus::Starting | HealthStatus::Unhealthy | HealthStatus::Unknown) => 0,
            None => -1,
        };
        writer.sample(&row.labels, state);
    }
}

/// Limits in force, in cAdvisor's coding: a memory limit of 0 is none, which public expressions count on.
fn spec(reading: &Reading, page: &mut Page) {
    super::units::column(reading, page, &family::SPEC_CPU_PERIOD, |sample| sample.spec.cpu_period_us);
    super::units::column(reading, page, &family::SPEC_CPU_QUOTA, |sample| sample.spec.cpu_quota_us);
    let mut shares = page.family(&family::SPEC_CPU_SHARES);
    for row in reading.live_rows() {
        if let Some(value) = cpu_shares(&row.sample.spec, row.entry.container.limits.cpu_shares) {
            shares.sample(&row.labels, value);
        }
    }
    let machine = &reading.machine;
    memory_spec(reading, page, &family::SPEC_MEMORY_LIMIT, machine.memory_bytes, memory_limit);
    memory_spec(reading, page, &family::SPEC_MEMORY_SWAP_LIMIT, root_swap(machine), swap_limit);
    memory_spec(reading, page, &family::SPEC_MEMORY_RESERVATION, machine.memory_bytes.map(|_| 0), |sample| {
        sample.spec.memory_known.then(|| sample.spec.memory_reservation_bytes.unwrap_or(0))
    });
}

/// A host without swap has no limit to speak of, which is 0 in this coding too.
fn root_swap(machine: &MachineSample) -> Option<u64> {
    machine.swap_bytes
}

fn memory_spec(
    reading: &Reading,
    page: &mut Page,
    family: &'static Family,
    root: Option<u64>,
    read: impl Fn(&ContainerSample) -> Option<u64>,
) {
    let mut writer = page.family(family);
    if let Some(bytes) = root {
        writer.sample(&reading.root_labels, bytes);
    }
    for row in reading.live_rows() {
        if let Some(bytes) = read(&row.sample) {
            writer.sample(&row.labels, bytes);
        }
    }
}

fn memory_limit(sample: &ContainerSample) -> Option<u64> {
    sample.spec.memory_known.then(|| sample.spec.memory_limit_bytes.unwrap_or(0))
}

/// Memory and swap together, as `docker run --memory-swap` counts. cgroup v2 limits swap alone, so the memory limit is
/// added; cAdvisor mixes the two meanings.
fn swap_limit(sample: &ContainerSample) -> Option<u64> {
    use crate::model::MemoryKind::{V1, V2};
    let spec = &sample.spec;
    let limit = match (sample.memory.kind, spec.swap_limit_bytes, spec.memory_limit_bytes) {
        (V1, swap, _) => swap,
        (V2, Some(swap), Some(memory)) => Some(memory.saturating_add(swap)),
        (V2, ..) => None,
    };
    (spec.swap_known && spec.memory_known).then(|| limit.unwrap_or(0))
}

/// Shares as the kernel has them on v1. On v2 the weight is a conversion of the shares that changed over the years, so
/// what the engine was asked for comes first, then the default, then the older, linear conversion backwards.
fn cpu_shares(spec: &Spec, asked: Option<u64>) -> Option<u64> {
    const DEFAULT_SHARES: u64 = 1024;
    const DEFAULT_WEIGHT: u64 = 100;
    spec.cpu_shares.or_else(|| {
        let weight = spec.cpu_weight?;
        Some(asked.unwrap_or(match weight {
            DEFAULT_WEIGHT => DEFAULT_SHARES,
            weight => 2 + weight.saturating_sub(1).saturating_mul(262_142) / 9_999,
        }))
    })
}

fn oom_events(reading: &Reading, page: &mut Page) {
    let mut writer = page.family(&family::OOM_EVENTS);
    if let Some(kills) = reading.root.memory.oom_kills {
        writer.sample(&reading.root_labels, Value::U64(kills));
    }
    for row in reading.live_rows() {
        writer.sample(&row.labels, row.oom_kills());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Memory, MemoryKind};

    #[test]
    fn shares_come_from_the_kernel_the_engine_or_the_default() {
        let v1 = Spec { cpu_shares: Some(512), ..Spec::default() };
        let v2 = |weight| Spec { cpu_weight: Some(weight), ..Spec::default() };
        assert_eq!(cpu_shares(&v1, Some(2048)), Some(512));
        assert_eq!(cpu_shares(&v2(100), None), Some(1024));
        assert_eq!(cpu_shares(&v2(20), Some(512)), Some(512));
        assert_eq!(cpu_shares(&v2(10_000), None), Some(262_144));
        assert_eq!(cpu_shares(&Spec::default(), Some(512)), None);
    }

    #[test]
    fn swap_is_counted_with_memory_on_both_versions() {
        let sample = |kind, memory, swap| ContainerSample {
            memory: Memory { kind, ..Memory::default() },
            spec: Spec {
                memory_known: true,
                swap_known: true,
                memory_limit_bytes: memory,
                swap_limit_bytes: swap,
                ..Spec::default()
            },
            ..ContainerSample::default()
        };
        assert_eq!(swap_limit(&sample(MemoryKind::V1, Some(100), Some(150))), Some(150));
        assert_eq!(swap_limit(&sample(MemoryKind::V2, Some(100), Some(50))), Some(150));
        assert_eq!(swap_limit(&sample(MemoryKind::V2, Some(100), Some(0))), Some(100));
        assert_eq!(swap_limit(&sample(MemoryKind::V2, Some(100), None)), Some(0));
        assert_eq!(swap_limit(&sample(MemoryKind::V2, None, Some(50))), Some(0));
        let mut unknown = sample(MemoryKind::V2, Some(100), Some(50));
        unknown.spec.swap_known = false;
        assert_eq!(swap_limit(&unknown), None);
    }
}
