//! `spyhop_container_*` families about limits, as the engine was asked for them, and how much of each is in use.

use super::{reading::Reading, row::Row, state::each};
use crate::{
    exposition::{LabelSet, Page, Value, catalogue::service as family},
    model::Limits,
};

pub(super) fn write(reading: &Reading, page: &mut Page) {
    present(reading, page);
    let limits = |row: &Row| row.entry.container.limits;
    each(reading, page, &family::CONTAINER_MEMORY_LIMIT, |row| limits(row).memory_bytes.map(Value::U64));
    each(reading, page, &family::CONTAINER_MEMORY_RESERVATION, |row| {
        limits(row).memory_reservation_bytes.map(Value::U64)
    });
    each(reading, page, &family::CONTAINER_CPU_LIMIT, |row| limits(row).cpu_cores.map(Value::F64));
    each(reading, page, &family::CONTAINER_PIDS_LIMIT, |row| limits(row).pids.map(Value::U64));
    utilization(reading, page);
}

fn present(reading: &Reading, page: &mut Page) {
    let tags = RESOURCES.map(|resource| LabelSet::new([("resource", resource)]));
    let mut writer = page.family(&family::CONTAINER_LIMIT_PRESENT);
    for row in &reading.rows {
        let Limits { memory_bytes, cpu_cores, pids, .. } = row.entry.container.limits;
        let rows = [memory_bytes.is_some(), cpu_cores.is_some(), pids.is_some()];
        for (tag, present) in tags.iter().zip(rows) {
            writer.tagged(&row.own, tag, present);
        }
    }
}

fn utilization(reading: &Reading, page: &mut Page) {
    let tags = RESOURCES.map(|resource| LabelSet::new([("resource", resource)]));
    let mut writer = page.family(&family::CONTAINER_LIMIT_UTILIZATION);
    for row in reading.live_rows() {
        for (tag, share) in tags.iter().zip(shares(row)) {
            if let Some(share) = share {
                writer.tagged(&row.own, tag, share);
            }
        }
    }
}

/// Every value of the label `resource`, in the order of [`shares`].
const RESOURCES: [&str; 3] = ["memory", "cpu", "pids"];

/// Use divided by limit; above 1 where the kernel lets a container borrow (CPU bursts) or the limit was just lowered.
fn shares(row: &Row) -> [Option<f64>; 3] {
    let limits = &row.entry.container.limits;
    let share = |used: Option<f64>, limit: Option<f64>| Some(used? / limit.filter(|limit| *limit > 0.0)?);
    let count = |count: Option<u64>| count.map(|count| count as f64);
    [
        share(count(row.sample.memory.working_set), count(limits.memory_bytes)),
        share(row.window.cores(), limits.cpu_cores),
        share(count(row.sample.pids.current), count(limits.pids)),
    ]
}

#[cfg(test)]
mod tests {
    use std::{sync::Arc, time::Duration};

    use super::*;
    use crate::collectors::{NamePatterns, row::tests::entry};

    #[test]
    fn a_share_needs_its_limit_and_its_figure() {
        let mut entry = entry("web", 1);
        entry.container.limits =
            Limits { memory_bytes: Some(200), cpu_cores: Some(2.0), pids: Some(0), ..Limits::default() };
        let policy = NamePatterns::identity();
        let (mut row, _) = Row::new(Arc::new(entry), "h", &policy);
        assert_eq!(shares(&row), [None; 3]);
        row.sample.memory.working_set = Some(50);
        row.sample.pids.current = Some(7);
        for second in [0, 15] {
            row.sample.cpu.usage_ns = Some(second * 1_000_000_000);
            row.sampled(Duration::from_secs(second), &policy);
        }
        assert_eq!(shares(&row), [Some(0.25), Some(0.5), None]);
        row.silent();
        assert_eq!(row.window.cores(), None);
    }
}
