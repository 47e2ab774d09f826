//! `spyhop_otlp_*` and `spyhop_lifecycle_*`; what is counted of spans is in `red`.

use super::{reading::Reading, red};
use crate::{
    exposition::{LabelSet, Page, Value, catalogue::traces as family},
    model::metric::Family,
    traces::figures::{Board, Counted, Destination, Figures, Sampling},
};

pub(super) fn write(board: &Board, reading: &Reading, page: &mut Page) {
    let figures = board.figures();
    let host = LabelSet::new([("host", reading.host_name.as_ref())]);
    receivers(&figures, &host, page);
    let named = |destination: &Destination| {
        LabelSet::new([("host", reading.host_name.as_ref()), ("destination", destination.name.as_str())])
    };
    let destinations: Vec<_> = figures.destinations.iter().map(|to| (named(to), to)).collect();
    write_destinations(&destinations, page);
    if let Some(sampling) = &figures.sampling {
        write_sampling(sampling, &host, page);
    }
    counted(page, &family::LIFECYCLE_TRACES, &host, &figures.lifecycle);
    counted(page, &family::LIFECYCLE_LOST, &host, &figures.lifecycle_lost);
    if let Some(figures) = &figures.red {
        red::write(figures, &host, page);
    }
}

fn receivers(figures: &Figures, host: &LabelSet, page: &mut Page) {
    counted(page, &family::REQUESTS, host, &figures.requests);
    counted(page, &family::RECEIVED_BYTES, host, &figures.received_bytes);
    counted(page, &family::CONNECTIONS, host, &figures.connections);
    counted(page, &family::REFUSED, host, &figures.refused);
    counted(page, &family::RECORDS, host, &figures.records);
    counted(page, &family::ATTRIBUTED, host, &figures.attributed);
    counted(page, &family::UNATTRIBUTED, host, &figures.unattributed);
}

fn write_destinations(destinations: &[(LabelSet, &Destination)], page: &mut Page) {
    words(page, &family::DESTINATION_REQUESTS, destinations, |to| &to.requests);
    words(page, &family::DESTINATION_RECORDS, destinations, |to| &to.records);
    words(page, &family::LOST, destinations, |to| &to.lost);
    each(page, &family::QUEUE_BYTES, destinations, |to| Some(to.queue_bytes));
    each(page, &family::QUEUE_LIMIT, destinations, |to| Some(to.queue_limit));
    each(page, &family::QUEUE_OLDEST, destinations, |to| to.oldest_ms.map(seconds));
    each(page, &family::QUEUE_ERRORS, destinations, |to| Some(to.disk_errors));
    each(page, &family::LAST_ACK, destinations, |to| to.last_ack_ms.map(seconds));
    each(page, &family::UP, destinations, |to| Some(to.trouble.is_none()));
}

fn write_sampling(sampling: &Sampling, host: &LabelSet, page: &mut Page) {
    counted(page, &family::SAMPLED_TRACES, host, &sampling.traces);
    page.family(&family::SAMPLED_EARLY).sample(host, sampling.early);
    counted(page, &family::LATE_SPANS, host, &sampling.late);
    page.family(&family::WAITING_BYTES).sample(host, sampling.waiting_bytes);
    page.family(&family::WAITING_TRACES).sample(host, sampling.waiting_traces);
}

fn seconds(ms: u64) -> f64 {
    ms as f64 / 1e3
}

/// A family whose labels are those of the catalogue, in its order.
fn counted<const N: usize>(page: &mut Page, family: &'static Family, host: &LabelSet, counts: &Counted<N>) {
    let mut writer = page.family(family);
    for (values, count) in counts {
        writer.sample_with(host, &pairs(family.labels, values), *count);
    }
}

/// The same below each destination, whose label comes first.
fn words(
    page: &mut Page,
    family: &'static Family,
    destinations: &[(LabelSet, &Destination)],
    read: impl Fn(&Destination) -> &Counted<2>,
) {
    let mut writer = page.family(family);
    for (labels, destination) in destinations {
        for (values, count) in read(destination) {
            writer.sample_with(labels, &pairs(family.labels.get(1..).unwrap_or_default(), values), *count);
        }
    }
}

fn pairs<'a, const N: usize>(names: &[&'static str], values: &[&'a str; N]) -> [(&'static str, &'a str); N] {
    std::array::from_fn(|at| (names.get(at).copied().unwrap_or_default(), values.get(at).copied().unwrap_or_default()))
}

fn each<V: Into<Value>>(
    page: &mut Page,
    family: &'static Family,
    destinations: &[(LabelSet, &Destination)],
    read: impl Fn(&Destination) -> Option<V>,
) {
    let mut writer = page.family(family);
    for (labels, destination) in destinations {
        if let Some(value) = read(destination) {
            writer.sample(labels, value);
        }
    }
}
