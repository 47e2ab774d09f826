//! `container_cpu_*`.

use super::{
    reading::Reading,
    units::{column, from_ns},
};
use crate::{
    exposition::{LabelSet, Page, Value, catalogue::container as family},
    model::{Cpu, metric::Family},
};

pub(super) fn write(reading: &Reading, page: &mut Page) {
    column(reading, page, &family::CPU_USER, |sample| sample.cpu.user_ns.map(from_ns));
    column(reading, page, &family::CPU_SYSTEM, |sample| sample.cpu.system_ns.map(from_ns));
    usage(reading, page);
    throttling(reading, page, &family::CPU_CFS_PERIODS, |cpu| cpu.periods.map(Value::U64));
    throttling(reading, page, &family::CPU_CFS_THROTTLED_PERIODS, |cpu| cpu.throttled_periods.map(Value::U64));
    throttling(reading, page, &family::CPU_CFS_THROTTLED_SECONDS, |cpu| cpu.throttled_ns.map(seconds));
    throttling(reading, page, &family::CPU_CFS_BURST_PERIODS, |cpu| cpu.burst_periods.map(Value::U64));
    throttling(reading, page, &family::CPU_CFS_BURST_SECONDS, |cpu| cpu.burst_ns.map(seconds));
}

/// One series a container on both cgroup versions: one per CPU, as v1 could, multiplies the page by the number of CPUs.
fn usage(reading: &Reading, page: &mut Page) {
    let total = LabelSet::new([("cpu", "total")]);
    let mut writer = page.family(&family::CPU_USAGE);
    reading.live().for_each(|(labels, sample)| {
        if let Some(ns) = sample.cpu.usage_ns {
            writer.tagged(labels, &total, from_ns(ns));
        }
    });
}

/// Only with a quota: without one the kernel's counters stand at 0 and would only cost series.
fn throttling(reading: &Reading, page: &mut Page, family: &'static Family, read: impl Fn(&Cpu) -> Option<Value>) {
    column(reading, page, family, |sample| sample.spec.cpu_quota_us.and_then(|_| read(&sample.cpu)));
}

fn seconds(ns: u64) -> Value {
    from_ns(ns).into()
}
