//! `spyhop_probe_*`, and blackbox_exporter's `probe_*` beside them.

use std::{sync::Arc, time::Duration};

use super::{probe_figures, reading::Reading};
use crate::{
    exposition::{LabelSet, Page, Value, catalogue::probe as family},
    model::metric::Family,
    policy::probe::Kind,
    probes::{Board, Facts, HttpFacts, Outcome, Phase, Record, Shown},
};

/// One target with its labels.
pub(super) struct Row {
    pub(super) record: Arc<Record>,
    /// Ours.
    pub(super) own: LabelSet,
    /// Ours, and the target.
    full: LabelSet,
}

impl Row {
    fn new(record: Arc<Record>, host: &str) -> Self {
        let kind = record.kind.map_or("", Kind::as_str);
        let id = &record.id;
        let own = LabelSet::new([
            ("host", host),
            ("project", id.project.as_ref()),
            ("service", id.service.as_ref()),
            ("replica", id.replica.as_ref()),
            ("probe", id.probe.as_ref()),
            ("kind", kind),
        ]);
        let mut full = own.clone();
        full.push("target", &record.target);
        Self { record, own, full }
    }

    /// The last probe of a target within reach.
    pub(super) fn outcome(&self) -> Option<&Outcome> {
        let last = self.record.last.as_ref().filter(|_| self.record.unreachable.is_none());
        last.map(|(_, outcome)| outcome.as_ref())
    }

    pub(super) fn facts(&self) -> Option<&Facts> {
        self.outcome().map(|outcome| &outcome.facts)
    }

    /// The last answer of one that is asked over HTTP; its outer part is absent for all others.
    fn http(&self) -> Option<Option<&HttpFacts>> {
        let asked = self.record.kind.is_some_and(Kind::is_http);
        self.facts().filter(|_| asked).map(|facts| facts.http.as_ref())
    }
}

pub(super) fn write(board: &Board, reading: &Reading, page: &mut Page) {
    let rows: Vec<_> = board.records().into_iter().map(|record| Row::new(record, &reading.host_name)).collect();
    counts(&rows, page);
    certificates(&rows, page);
    let mut outages = page.family(&family::OUTAGE);
    for ((project, service, probe), durations) in board.outages() {
        let labels = [("host", &reading.host_name), ("project", &project), ("service", &service), ("probe", &probe)];
        outages.histogram(&LabelSet::new(labels.map(|(name, value)| (name, value.as_ref()))), &durations);
    }
    let host = LabelSet::new([("host", reading.host_name.as_ref())]);
    let mut refused = page.family(&family::REFUSED);
    for (reason, count) in board.refused() {
        refused.sample_with(&host, &[("reason", reason)], count);
    }
    blackbox(&rows, page);
    probe_figures::write(&rows, &reading.host_name, page);
}

fn counts(rows: &[Row], page: &mut Page) {
    own(rows, page, &family::SUCCESS, |row| Some(row.outcome()?.failure.is_none()));
    own(rows, page, &family::ATTEMPTS, |row| Some(row.record.attempts));
    own(rows, page, &family::FAILURES, |row| Some(row.record.failures));
    own(rows, page, &family::SLOW, |row| Some(row.record.slow));
    own(rows, page, &family::DURATION, |row| Some(row.outcome()?.took.as_secs_f64()));
    own(rows, page, &family::MAX_DURATION, |row| Some(row.record.max_duration?.as_secs_f64()));
    let mut failure = page.family(&family::FAILURE);
    for row in rows {
        if let Some(failed) = row.outcome().and_then(|outcome| outcome.failure.as_ref()) {
            failure.sample_with(&row.own, &[("reason", failed.reason.as_str())], 1_u64);
        }
    }
    own(rows, page, &family::INTERVAL, |row| Some(row.record.interval.as_secs_f64()));
    own(rows, page, &family::LAST_RUN, |row| Some(row.record.last.as_ref()?.0.as_millisecond() as f64 / 1e3));
    let mut reachable = page.family(&family::REACHABLE);
    for row in rows {
        let reason = row.record.unreachable.map_or("", |reason| reason.as_str());
        reachable.sample_with(&row.own, &[("reason", reason)], row.record.unreachable.is_none());
    }
}

fn certificates(rows: &[Row], page: &mut Page) {
    let shown = |row: &Row, read: fn(&Shown) -> i64| Some(Value::from(read(row.record.shown.as_ref()?)));
    own(rows, page, &family::CERTIFICATE_NOT_AFTER, |row| shown(row, |shown| shown.certificate.validity.1));
    own(rows, page, &family::CERTIFICATE_NOT_BEFORE, |row| shown(row, |shown| shown.certificate.validity.0));
    own(rows, page, &family::CERTIFICATE_CHAIN_NOT_AFTER, |row| shown(row, |shown| shown.chain_ends));
    let mut valid = page.family(&family::CERTIFICATE_VALID);
    for row in rows {
        if let Some(shown) = &row.record.shown {
            for (check, passed) in [("chain", shown.chain), ("names", shown.names), ("time", shown.time)] {
                valid.sample_with(&row.own, &[("check", check)], passed);
            }
        }
    }
    own(rows, page, &family::TLS_HANDSHAKE, |row| Some(row.facts()?.took(Phase::Tls)?.as_secs_f64()));
    own(rows, page, &family::AUTHENTICATION_ENFORCED, |row| row.facts()?.enforced);
}

fn blackbox(rows: &[Row], page: &mut Page) {
    full(rows, page, &family::BLACKBOX_SUCCESS, |row| Some(row.outcome()?.failure.is_none()));
    full(rows, page, &family::BLACKBOX_DURATION, |row| Some(row.outcome()?.took.as_secs_f64()));
    let seconds = |took: Option<Duration>| took.map(|took| took.as_secs_f64());
    full(rows, page, &family::BLACKBOX_DNS, |row| seconds(row.facts()?.took(Phase::Resolve)));
    full(rows, page, &family::BLACKBOX_IP_PROTOCOL, |row| Some(u64::from(row.facts()?.ip?)));
    full(rows, page, &family::BLACKBOX_HTTP_STATUS, |row| {
        Some(u64::from(row.http()?.map_or(0, |answer| answer.status)))
    });
    let mut phases = page.family(&family::BLACKBOX_HTTP_DURATION);
    for row in rows.iter().filter(|row| row.http().is_some()) {
        for phase in Phase::ALL {
            if let Some(took) = row.facts().and_then(|facts| facts.took(phase)) {
                phases.sample_with(&row.full, &[("phase", phase.as_str())], took.as_secs_f64());
            }
        }
    }
    let answer = |row: &Row| row.http().flatten().copied();
    full(rows, page, &family::BLACKBOX_HTTP_VERSION, |row| Some(f64::from(answer(row)?.version) / 10.0));
    full(rows, page, &family::BLACKBOX_HTTP_SSL, |row| answer(row).map(|_| row.record.kind == Some(Kind::Https)));
    full(rows, page, &family::BLACKBOX_HTTP_REDIRECTS, |row| answer(row).map(|_| 0_u64));
    full(rows, page, &family::BLACKBOX_HTTP_CONTENT_LENGTH, |row| {
        Some(answer(row)?.content_length.map_or(Value::F64(-1.0), Value::from))
    });
    full(rows, page, &family::BLACKBOX_HTTP_BODY_LENGTH, |row| Some(answer(row)?.body_length));
    full(rows, page, &family::BLACKBOX_FAILED_BY_REGEX, |row| {
        Some(row.http()?.is_some_and(|answer| answer.failed_by_pattern))
    });
    full(rows, page, &family::BLACKBOX_CERT_EXPIRY, |row| Some(row.record.shown.as_ref()?.chain_ends));
    full(rows, page, &family::BLACKBOX_CHAIN_EXPIRY, |row| {
        row.record.shown.as_ref().filter(|shown| shown.chain).map(|shown| shown.chain_ends)
    });
    let mut info = page.family(&family::BLACKBOX_CHAIN_INFO);
    for row in rows {
        let Some(shown) = &row.record.shown else { continue };
        let certificate = &shown.certificate;
        let names = certificate.names.join(",");
        let extra = [
            ("fingerprint_sha256", certificate.fingerprint.as_str()),
            ("subject", &certificate.subject),
            ("issuer", &certificate.issuer),
            ("subjectalternative", &names),
            ("serialnumber", &certificate.serial),
        ];
        info.sample_with(&row.full, &extra, 1_u64);
    }
    let mut version = page.family(&family::BLACKBOX_TLS_VERSION);
    for row in rows {
        if let Some(spoken) = row.facts().and_then(|facts| facts.tls_version) {
            version.sample_with(&row.full, &[("version", &spoken.replace("TLSv1_", "TLS 1."))], 1_u64);
        }
    }
}

fn own<V: Into<Value>>(rows: &[Row], page: &mut Page, family: &'static Family, read: impl Fn(&Row) -> Option<V>) {
    let mut writer = page.family(family);
    for row in rows {
        if let Some(value) = read(row) {
            writer.sample(&row.own, value);
        }
    }
}

fn full<V: Into<Value>>(rows: &[Row], page: &mut Page, family: &'static Family, read: impl Fn(&Row) -> Option<V>) {
    let mut writer = page.family(family);
    for row in rows {
        if let Some(value) = read(row) {
            writer.sample(&row.full, value);
        }
    }
}
