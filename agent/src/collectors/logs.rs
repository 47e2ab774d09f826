//! `spyhop_logs_*`: what the log pipeline counts, read from its board without a lock it would wait for.

use std::sync::atomic::Ordering;

use super::reading::Reading;
use crate::{
    exposition::{LabelSet, Page, Value, catalogue::logs as family},
    logs::board::{Board, DestinationLog, Dropped, Gap, Outcome, ServiceLog, TroubleKind},
    model::metric::Family,
};

pub(super) fn write(board: &Board, reading: &Reading, page: &mut Page) {
    let services = board.services();
    let services: Vec<_> = services.iter().map(|log| (labels(log, &reading.host_name), &**log)).collect();
    write_services(&services, reading, page);
    let host = LabelSet::new([("host", reading.host_name.as_ref())]);
    let mut sources = page.family(&family::SOURCE_CONTAINERS);
    for (source, reason, containers) in board.readings() {
        sources.sample_with(&host, &[("source", source), ("reason", &reason)], containers);
    }
    let named = |log: &DestinationLog| {
        LabelSet::new([("host", reading.host_name.as_ref()), ("destination", log.name.as_str())])
    };
    let destinations: Vec<_> = board.destinations().iter().map(|log| (named(log), &**log)).collect();
    write_destinations(&destinations, reading, page);
}

fn labels(log: &ServiceLog, host: &str) -> LabelSet {
    LabelSet::new([("host", host), ("project", &*log.key.project), ("service", &*log.key.service)])
}

/// Label sets beside whose they are.
type Rows<'a, T> = [(LabelSet, &'a T)];

fn write_services(services: &Rows<'_, ServiceLog>, reading: &Reading, page: &mut Page) {
    each(services, page, &family::READ_LINES, |log| Some(log.read_lines.get()));
    each(services, page, &family::READ_BYTES, |log| Some(log.read_bytes.get()));
    each(services, page, &family::SENT_LINES, |log| Some(log.sent_lines.get()));
    let reasons = Dropped::ALL.map(|reason| (reason.as_str(), reason));
    words(services, page, &family::DROPPED_LINES, "reason", &reasons, ServiceLog::dropped);
    let reasons = Gap::ALL.map(|reason| (reason.as_str(), reason));
    words(services, page, &family::GAPS, "reason", &reasons, ServiceLog::gaps);
    each(services, page, &family::CORRUPT_BYTES, |log| Some(log.corrupt_bytes.get()));
    each(services, page, &family::CUT_LINES, |log| Some(log.cut_lines.get()));
    each(services, page, &family::RESTAMPED_LINES, |log| Some(log.restamped_lines.get()));
    each(services, page, &family::REDACTIONS, |log| Some(log.redactions.get()));
    each(services, page, &family::BEHIND_BYTES, |log| Some(log.behind_bytes.get()));
    each(services, page, &family::LAG, |log| Some(log.lag(reading.at).unwrap_or_default().as_secs_f64()));
    each(services, page, &family::UPSTREAM_LOSSY, |log| Some(log.lossy_upstream.load(Ordering::Relaxed)));
}

fn write_destinations(destinations: &Rows<'_, DestinationLog>, reading: &Reading, page: &mut Page) {
    let outcomes = Outcome::ALL.map(|outcome| (outcome.as_str(), outcome));
    words(destinations, page, &family::PUSHES, "outcome", &outcomes, DestinationLog::pushes);
    each(destinations, page, &family::DESTINATION_SENT_LINES, |log| Some(log.sent_lines.get()));
    each(destinations, page, &family::DESTINATION_SENT_BYTES, |log| Some(log.sent_bytes.get()));
    each(destinations, page, &family::LAST_ACK, |log| Some(log.acknowledged_at()?.as_millisecond() as f64 / 1e3));
    let kinds = TroubleKind::ALL.map(|kind| (kind.as_str(), kind));
    words(destinations, page, &family::TROUBLE, "kind", &kinds, |log, kind| {
        log.trouble().is_some_and(|trouble| trouble.kind == kind)
    });
    each(destinations, page, &family::QUEUED_BYTES, |log| Some(log.queued_bytes.get()));
    // No limit is no spool: nothing is kept.
    let spooled = |log: &DestinationLog| Some(log.spool_limit.get()).filter(|limit| *limit > 0);
    each(destinations, page, &family::SPOOL_BYTES, |log| spooled(log).map(|_| log.spool_bytes.get()));
    each(destinations, page, &family::SPOOL_LIMIT, spooled);
    each(destinations, page, &family::SPOOL_OLDEST_AGE, |log| Some(log.spool_age(reading.at)?.as_secs_f64()));
    each(destinations, page, &family::SPOOL_ERRORS, |log| spooled(log).map(|_| log.spool_errors.get()));
}

fn each<T, V: Into<Value>>(
    rows: &Rows<'_, T>,
    page: &mut Page,
    family: &'static Family,
    read: impl Fn(&T) -> Option<V>,
) {
    let mut writer = page.family(family);
    for (labels, log) in rows {
        if let Some(value) = read(log) {
            writer.sample(labels, value);
        }
    }
}

/// A family with one label of fixed words, each of which is there from the start.
fn words<T, K: Copy, V: Into<Value>>(
    rows: &Rows<'_, T>,
    page: &mut Page,
    family: &'static Family,
    label: &'static str,
    words: &[(&'static str, K)],
    read: impl Fn(&T, K) -> V,
) {
    let mut writer = page.family(family);
    for (labels, log) in rows {
        for (word, key) in words {
            writer.sample_with(labels, &[(label, word)], read(log, *key));
        }
    }
}
