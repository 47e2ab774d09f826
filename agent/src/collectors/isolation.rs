//! `spyhop_isolation_*`.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use super::reading::Reading;
use crate::{
    exposition::{LabelSet, Page, catalogue::isolation as family},
    isolation::{
        Tier,
        active::Answer,
        board::Board,
        verdict::{Finding, Report, State},
    },
    model::IntoTree as _,
    policy::Class,
};

/// Series of findings in one project.
const MAX_VIOLATIONS: usize = 200;

/// Ports of one class between one pair that have series of their own.
const MAX_PORTS: usize = 16;

pub(super) fn write(board: &Board, reading: &Reading, page: &mut Page) {
    let report = board.report();
    if report.is_idle() {
        return;
    }
    let host = LabelSet::new([("host", reading.host_name.as_ref())]);
    let mut writer = page.family(&family::VIOLATIONS);
    for (project, known) in &report.projects {
        for (class, count) in &known.counts {
            writer.sample_with(&host, &[("project", project), ("class", class.as_str())], *count);
        }
    }
    let mut truncated: BTreeMap<&str, bool> =
        report.projects.iter().map(|(project, known)| (&**project, known.truncated)).into_map();
    let mut writer = page.family(&family::VIOLATION);
    for (project, series) in violations(&report) {
        if series.len() > MAX_VIOLATIONS {
            truncated.insert(project, true);
        }
        for Series { class, src, dst, port } in series.into_iter().take(MAX_VIOLATIONS) {
            let labels =
                [("project", project), ("class", class.as_str()), ("src", src), ("dst", &dst), ("port", &port)];
            writer.sample_with(&host, &labels, 1_u64);
        }
    }
    let mut writer = page.family(&family::TRUNCATED);
    for (project, truncated) in truncated {
        writer.sample_with(&host, &[("project", project)], truncated);
    }
    projects(&report, &host, page);
    tiers(&report, &host, page);
}

/// One finding, as far as labels tell it apart. The worst classes come first.
#[derive(Debug, PartialEq, Eq)]
struct Series<'a> {
    class: Class,
    src: &'a str,
    dst: Arc<str>,
    port: String,
}

/// The series of each project, the worst findings first, each once.
fn violations(report: &Report) -> BTreeMap<&str, Vec<Series<'_>>> {
    let mut series = BTreeMap::<&str, Vec<Series<'_>>>::new();
    let mut known = BTreeSet::new();
    let mut ports = BTreeMap::<_, usize>::new();
    for finding in report.findings.iter().filter(|finding| finding.class != Class::ExcessReachability) {
        let Finding { class, service, to, .. } = finding;
        let project = &*service.project;
        let dst = to.as_ref().map(|to| to.label(project)).unwrap_or_default();
        let mut port = finding.port_label();
        // Who comes from an address of nobody has no name.
        let src = match class {
            Class::UnexpectedFlow if service.service.is_empty() => "unlisted",
            _ => &*service.service,
        };
        let pair = (project, *class, src, Arc::clone(&dst));
        if !port.is_empty() && !known.contains(&(pair.clone(), port.clone())) {
            let count = ports.entry(pair.clone()).or_default();
            *count += 1;
            if *count > MAX_PORTS {
                "other".clone_into(&mut port);
            }
        }
        if known.insert((pair, port.clone())) {
            series.entry(project).or_default().push(Series { class: *class, src, dst, port });
        }
    }
    series
}

fn projects(report: &Report, host: &LabelSet, page: &mut Page) {
    let mut writer = page.family(&family::EDGES);
    for (project, known) in &report.projects {
        for (expected, row) in ["allowed", "denied"].into_iter().zip(known.edges.iter().flatten()) {
            for (state, count) in State::ALL.into_iter().zip(row) {
                let labels = [("project", &**project), ("expected", expected), ("observed", state.as_str())];
                writer.sample_with(host, &labels, *count);
            }
        }
    }
    let mut writer = page.family(&family::COVERAGE);
    for (project, known) in &report.projects {
        for (tier, coverage) in &known.coverage {
            writer.sample_with(host, &[("project", project), ("mode", tier.as_str())], coverage.ratio());
        }
    }
    let mut writer = page.family(&family::POLICY);
    for (project, known) in report.projects.iter().filter(|(_, known)| !known.hash.is_empty()) {
        writer.sample_with(host, &[("project", project), ("hash", &known.hash)], 1_u64);
    }
    let mut writer = page.family(&family::DENIED);
    for (project, known) in &report.projects {
        for (service, attempts) in &known.denied {
            writer.sample_with(host, &[("project", project), ("src", service)], *attempts);
        }
    }
}

fn tiers(report: &Report, host: &LabelSet, page: &mut Page) {
    let mut writer = page.family(&family::LAST_SWEEP);
    for (tier, sweep) in &report.sweeps {
        writer.sample_with(host, &[("mode", tier.as_str())], sweep.at.as_millisecond() as f64 / 1e3);
    }
    let mut writer = page.family(&family::SWEEP_DURATION);
    for (tier, sweep) in &report.sweeps {
        writer.sample_with(host, &[("mode", tier.as_str())], sweep.took.as_secs_f64());
    }
    // All results are there from the first round on, so that `increase` sees the first of each.
    if report.sweeps.contains_key(&Tier::Active) {
        let mut writer = page.family(&family::PROBES);
        for (answer, count) in Answer::ALL.into_iter().zip(report.probes) {
            writer.sample_with(host, &[("result", answer.as_str())], count);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        isolation::{End, Evidence},
        model::{Protocol, ServiceKey},
        policy::Severity,
    };

    fn finding(class: Class, to: Option<End>, port: Option<u16>) -> Finding {
        Finding {
            class,
            severity: Severity::Warning,
            service: ServiceKey { project: "shop".into(), service: "api".into() },
            to,
            port: port.map(|port| (port, Protocol::Tcp)),
            subject: "s".into(),
            message: String::new(),
            evidence: Evidence::from(Tier::Passive),
            since: jiff::Timestamp::UNIX_EPOCH,
        }
    }

    fn outside(last: u8) -> Option<End> {
        Some(End::External([198, 51, 100, last].into()))
    }

    #[test]
    fn addresses_are_in_no_label_and_many_ports_are_one() {
        let mut findings = vec![finding(Class::Placement, None, None), finding(Class::ExcessReachability, None, None)];
        findings.extend((1..=3).map(|last| finding(Class::Egress, outside(last), Some(443))));
        findings.extend((1..=40).map(|port| finding(Class::Egress, outside(9), Some(port))));
        let report = Report { findings, ..Report::default() };
        let series = violations(&report);
        let shop = &series["shop"];
        assert_eq!(shop.len(), 1 + 16 + 1, "{shop:?}");
        let words =
            |at: usize| format!("{} {} {} {}", shop[at].class.as_str(), shop[at].src, shop[at].dst, shop[at].port);
        assert_eq!(words(0), "placement api  ");
        assert_eq!(words(1), "egress api external 443/tcp");
        assert_eq!(words(17), "egress api external other");
    }
}
