//! `spyhop_finding*`, `spyhop_policy_info` and the tier of each service.

use std::collections::BTreeMap;

use super::reading::Reading;
use crate::{
    exposition::{LabelSet, Page, catalogue::policy as family},
    model::{ServiceKey, shorten},
    policy::{Board, CLASSES, Finding, Verdict},
};

/// Findings with a series of their own.
const MAX_FINDINGS: usize = 200;

/// Bytes of a subject, which may be the name of somebody's variable.
const MAX_SUBJECT: usize = 64;

pub(super) fn write(board: &Board, reading: &Reading, page: &mut Page) {
    let verdict = board.verdict(&reading.snapshot, reading.at);
    let policy = board.policy();
    let host = LabelSet::new([("host", reading.host_name.as_ref())]);
    let counts = [policy.tiers.len(), policy.projects.len(), policy.exceptions.len()].map(|count| count.to_string());
    let [tiers, projects, exceptions] = counts.each_ref().map(String::as_str);
    let sizes = [("tiers", tiers), ("projects", projects), ("exceptions", exceptions)];
    page.family(&family::INFO).sample_with(&host, &sizes, 1_u64);

    let mut found: BTreeMap<_, u64> = BTreeMap::new();
    for finding in &verdict.findings {
        *found.entry(finding.class).or_default() += 1;
    }
    let mut writer = page.family(&family::FINDINGS);
    for (class, severity) in CLASSES.iter().filter_map(|class| Some((*class, policy.checks.severity(*class)?))) {
        let labels = [("class", class.as_str()), ("severity", severity.as_str())];
        writer.sample_with(&host, &labels, found.get(&class).copied().unwrap_or(0));
    }
    let mut writer = page.family(&family::FINDING);
    let shown = verdict.findings.iter().take(MAX_FINDINGS);
    for Finding { class, severity, service, subject, .. } in shown {
        let subject = shorten(subject, MAX_SUBJECT);
        let labels = [("class", class.as_str()), ("severity", severity.as_str()), ("subject", &*subject)];
        writer.sample_with(&named(service.as_ref(), &reading.host_name), &labels, 1_u64);
    }
    let left_out = verdict.findings.len().saturating_sub(MAX_FINDINGS);
    page.family(&family::FINDINGS_LEFT_OUT).sample(&host, left_out);
    page.family(&family::FINDINGS_EXCEPTED).sample(&host, verdict.excepted.len());
    page.family(&family::COVERAGE).sample(&host, verdict.coverage());
    tiers_of(&verdict, board, reading, page);
}

fn tiers_of(verdict: &Verdict, board: &Board, reading: &Reading, page: &mut Page) {
    let policy = board.policy();
    let mut writer = page.family(&family::TIER);
    for (key, name) in &verdict.tiers {
        let severity = policy.tier(name).map_or("", |tier| tier.severity.as_str());
        writer.sample_with(&named(Some(key), &reading.host_name), &[("tier", name), ("severity", severity)], 1_u64);
    }
}

fn named(service: Option<&ServiceKey>, host: &str) -> LabelSet {
    let (project, service) = service.map_or(("", ""), |key| (&*key.project, &*key.service));
    LabelSet::new([("host", host), ("project", project), ("service", service)])
}
