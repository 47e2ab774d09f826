//! `spyhop_service_*` and `spyhop_network_info`: counters which outlive containers, and what is expected.

use super::reading::{Reading, ServiceRow};
use crate::{
    exposition::{LabelSet, Page, catalogue::service as family},
    inventory::ServiceEntry,
    model::{Durations, ExitClass, ServiceCounters, metric::Family},
};

pub(super) fn write(reading: &Reading, page: &mut Page) {
    each(reading, page, &family::SERVICE_REPLICAS_EXPECTED, |row| row.entry.expected);
    words(reading, page, &family::SERVICE_REPLICAS, "state", |row| {
        let entry = &row.entry;
        [
            ("running", entry.running),
            ("healthy", entry.healthy),
            ("completed", entry.completed),
            ("stopped", entry.stopped),
        ]
    });
    each(reading, page, &family::SERVICE_STARTS, |row| row.entry.counters.starts);
    each(reading, page, &family::SERVICE_RESTARTS, |row| row.entry.counters.restarts);
    words(reading, page, &family::SERVICE_EXITS, "class", |row| exits(&row.entry.counters));
    each(reading, page, &family::SERVICE_OOM_KILLS, |row| row.entry.counters.oom_kills);
    words(reading, page, &family::SERVICE_HEALTH_TRANSITIONS, "to", |row| {
        let counters = &row.entry.counters;
        [("healthy", counters.became_healthy), ("unhealthy", counters.became_unhealthy)]
    });
    words(reading, page, &family::SERVICE_HEALTH_CHECKS, "result", |row| {
        let counters = &row.entry.counters;
        [
            ("passed", counters.health_passed),
            ("failed", counters.health_failed),
            ("timed_out", counters.health_timed_out),
        ]
    });
    histograms(reading, page, &family::SERVICE_STARTUP, |entry| {
        let durations = &entry.counters.startup;
        Some(durations).filter(|durations| entry.checked || durations.count() > 0)
    });
    histograms(reading, page, &family::SERVICE_FAILOVER, |entry| Some(&entry.counters.failover));
    networks(reading, page);
}

/// A family of durations: thirteen series a service, so only of those which have something to tell of.
fn histograms(
    reading: &Reading,
    page: &mut Page,
    family: &'static Family,
    read: impl Fn(&ServiceEntry) -> Option<&Durations>,
) {
    let mut writer = page.family(family);
    for row in &reading.services {
        if let Some(durations) = read(&row.entry) {
            writer.histogram(&row.labels, durations);
        }
    }
}

fn exits(counters: &ServiceCounters) -> [(&'static str, u64); 4] {
    let [success, error, signal, oom] = counters.exits;
    let counts = [success, error, signal, oom].into_iter();
    let mut counts = ExitClass::ALL.into_iter().zip(counts);
    [(); 4].map(|()| counts.next().map_or(("", 0), |(class, count)| (class.as_str(), count)))
}

fn each(reading: &Reading, page: &mut Page, family: &'static Family, read: impl Fn(&ServiceRow) -> u64) {
    let mut writer = page.family(family);
    for row in &reading.services {
        writer.sample(&row.labels, read(row));
    }
}

/// A family with one label of fixed words; counters of every word exist from the start, so that rates see the first event.
fn words<const N: usize>(
    reading: &Reading,
    page: &mut Page,
    family: &'static Family,
    label: &str,
    read: impl Fn(&ServiceRow) -> [(&'static str, u64); N],
) {
    let mut writer = page.family(family);
    for row in &reading.services {
        for (word, count) in read(row) {
            writer.sample_with(&row.labels, &[(label, word)], count);
        }
    }
}

fn networks(reading: &Reading, page: &mut Page) {
    let mut writer = page.family(&family::NETWORK_INFO);
    let host = LabelSet::new([("host", reading.host_name.as_ref())]);
    let mut last = None;
    for network in &reading.snapshot.networks {
        let internal = match network.internal {
            Some(true) => "true",
            Some(false) => "false",
            None => "",
        };
        let extra = [
            ("network", network.name.as_ref()),
            ("driver", network.driver.as_deref().unwrap_or_default()),
            ("scope", network.scope.as_deref().unwrap_or_default()),
            ("internal", internal),
        ];
        // Names are not unique: two networks that look the same are one series. They are sorted by name.
        if last.replace(extra) != Some(extra) {
            writer.sample_with(&host, &extra, 1_u64);
        }
    }
}
