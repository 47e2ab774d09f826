//! `spyhop_finding*`, `spyhop_policy_info` and the tier of each service.

use std::sync::Arc;

use super::reading::Reading;
use crate::{
    exposition::{LabelSet, Page, catalogue::policy as family},
    isolation,
    model::ServiceKey,
    policy::{Board, CLASSES, Group, Verdict},
};

/// Series of findings: one a service and class.
const MAX_FINDINGS: usize = 200;

pub(super) fn write(board: &Board, isolation: Option<&isolation::board::Board>, reading: &Reading, page: &mut Page) {
    let verdict = board.verdict(&reading.snapshot, reading.at);
    // One open port is one alert.
    let apart = isolation.and_then(|board| board.report().apart(&verdict));
    let verdict = apart.as_ref().unwrap_or(&verdict);
    let policy = &verdict.policy;
    let host = LabelSet::new([("host", reading.host_name.as_ref())]);
    let counts = [policy.tiers.len(), policy.projects.len(), policy.exceptions.len()].map(|count| count.to_string());
    let [tiers, projects, exceptions] = counts.each_ref().map(String::as_str);
    let digest = policy.digest.as_deref().unwrap_or_default();
    let sizes = [("digest", digest), ("tiers", tiers), ("projects", projects), ("exceptions", exceptions)];
    page.family(&family::INFO).sample_with(&host, &sizes, 1_u64);

    let mut writer = page.family(&family::FINDINGS);
    let judged = CLASSES.iter().filter(|class| !class.is_isolation());
    for (class, severity) in judged.filter_map(|class| Some((*class, policy.checks.severity(*class)?))) {
        let labels = [("class", class.as_str()), ("severity", severity.as_str())];
        writer.sample_with(&host, &labels, verdict.counts.get(&class).copied().unwrap_or(0));
    }
    let mut writer = page.family(&family::FINDING);
    for Group { severity, class, service, findings } in verdict.groups.iter().take(MAX_FINDINGS) {
        let labels = [("class", class.as_str()), ("severity", severity.as_str())];
        writer.sample_with(&named(service.as_ref(), &reading.host_name), &labels, *findings);
    }
    page.family(&family::FINDINGS_LEFT_OUT).sample(&host, verdict.groups.len().saturating_sub(MAX_FINDINGS));
    page.family(&family::FINDINGS_EXCEPTED).sample(&host, verdict.excepted.len());
    page.family(&family::NOT_CHECKED).sample(&host, verdict.not_checked.len());
    page.family(&family::COVERAGE).sample(&host, verdict.coverage());
    tiers_of(verdict, reading, page);
}

fn tiers_of(verdict: &Verdict, reading: &Reading, page: &mut Page) {
    let mut writer = page.family(&family::TIER);
    for (key, name) in &verdict.tiers {
        let severity = verdict.policy.tier(name).map_or("", |tier| tier.severity.as_str());
        writer.sample_with(&named(Some(key), &reading.host_name), &[("tier", name), ("severity", severity)], 1_u64);
    }
    // Targets elsewhere are services of no project in the series of their probes. A container of that name has said so above.
    for target in &verdict.policy.probes {
        let key = ServiceKey { project: Arc::default(), service: Arc::clone(&target.name) };
        let tier = target.tier.as_deref().and_then(|name| verdict.policy.tier(name));
        if let Some(tier) = tier.filter(|_| !verdict.tiers.contains_key(&key)) {
            let labels = [("tier", &*tier.name), ("severity", tier.severity.as_str())];
            writer.sample_with(&named(Some(&key), &reading.host_name), &labels, 1_u64);
        }
    }
}

fn named(service: Option<&ServiceKey>, host: &str) -> LabelSet {
    let (project, service) = service.map_or(("", ""), |key| (&*key.project, &*key.service));
    LabelSet::new([("host", host), ("project", project), ("service", service)])
}
