//! `spyhop_finding*`, `spyhop_policy_info` and the tier of each service.

use std::{cmp::Reverse, collections::BTreeMap};

use super::reading::Reading;
use crate::{
    exposition::{LabelSet, Page, catalogue::policy as family},
    model::ServiceKey,
    policy::{Board, CLASSES, Finding, Verdict},
};

/// Series of findings: one a service and class.
const MAX_FINDINGS: usize = 200;

pub(super) fn write(board: &Board, reading: &Reading, page: &mut Page) {
    let verdict = board.verdict(&reading.snapshot, reading.at);
    let policy = &verdict.policy;
    let host = LabelSet::new([("host", reading.host_name.as_ref())]);
    let counts = [policy.tiers.len(), policy.projects.len(), policy.exceptions.len()].map(|count| count.to_string());
    let [tiers, projects, exceptions] = counts.each_ref().map(String::as_str);
    let digest = policy.digest.as_deref().unwrap_or_default();
    let sizes = [("digest", digest), ("tiers", tiers), ("projects", projects), ("exceptions", exceptions)];
    page.family(&family::INFO).sample_with(&host, &sizes, 1_u64);

    let mut found: BTreeMap<_, u64> = BTreeMap::new();
    let mut series: BTreeMap<_, u64> = BTreeMap::new();
    for finding in &verdict.findings {
        *found.entry(finding.class).or_default() += 1;
        let Finding { class, severity, service, .. } = finding;
        // The worst first, so that they are on the page whatever is left out.
        *series.entry((Reverse(*severity), *class, service.as_ref())).or_default() += 1;
    }
    let mut writer = page.family(&family::FINDINGS);
    for (class, severity) in CLASSES.iter().filter_map(|class| Some((*class, policy.checks.severity(*class)?))) {
        let labels = [("class", class.as_str()), ("severity", severity.as_str())];
        writer.sample_with(&host, &labels, found.get(&class).copied().unwrap_or(0));
    }
    let mut writer = page.family(&family::FINDING);
    for ((Reverse(severity), class, service), count) in series.iter().take(MAX_FINDINGS) {
        let labels = [("class", class.as_str()), ("severity", severity.as_str())];
        writer.sample_with(&named(*service, &reading.host_name), &labels, *count);
    }
    page.family(&family::FINDINGS_LEFT_OUT).sample(&host, series.len().saturating_sub(MAX_FINDINGS));
    page.family(&family::FINDINGS_EXCEPTED).sample(&host, verdict.excepted.len());
    page.family(&family::NOT_CHECKED).sample(&host, verdict.not_checked.len());
    page.family(&family::COVERAGE).sample(&host, verdict.coverage());
    tiers_of(&verdict, reading, page);
}

fn tiers_of(verdict: &Verdict, reading: &Reading, page: &mut Page) {
    let mut writer = page.family(&family::TIER);
    for (key, name) in &verdict.tiers {
        let severity = verdict.policy.tier(name).map_or("", |tier| tier.severity.as_str());
        writer.sample_with(&named(Some(key), &reading.host_name), &[("tier", name), ("severity", severity)], 1_u64);
    }
}

fn named(service: Option<&ServiceKey>, host: &str) -> LabelSet {
    let (project, service) = service.map_or(("", ""), |key| (&*key.project, &*key.service));
    LabelSet::new([("host", host), ("project", project), ("service", service)])
}
