//! Many drafts, one finding: by class, service and subject, with the evidence of all who say so, since the first of them did.

use std::{collections::BTreeMap, sync::Arc};

use jiff::Timestamp;

use super::report::{Finding, Report};
use crate::{
    isolation::{Draft, Evidence},
    model::{InOrder as _, ServiceKey},
    policy::{Class, Exception, Policy, Severity},
};

/// What makes a finding the same one later.
type Key = (Class, ServiceKey, Arc<str>);

/// Findings that stood at the last judgement.
#[derive(Clone, Debug, Default)]
pub(super) struct Known(BTreeMap<Key, (Class, Timestamp)>);

/// A way that is open and the use of it are one thing. Once it was used it stays that, for as long as it is open.
const fn family(class: Class) -> Class {
    match class {
        Class::UnexpectedReachability => Class::UnexpectedFlow,
        class => class,
    }
}

impl Known {
    /// Merges what all tiers say now; whatever none of them says is forgotten. The order of the drafts does not matter.
    pub(super) fn merge(&mut self, policy: &Policy, drafts: Vec<Draft>, now: Timestamp) -> Vec<Finding> {
        let mut groups = BTreeMap::<Key, Vec<Draft>>::new();
        for draft in drafts.into_iter().filter(|draft| draft.class.is_isolation()) {
            let key = (family(draft.class), draft.service.clone(), Arc::clone(&draft.subject));
            groups.entry(key).or_default().push(draft);
        }
        let mut findings = Vec::new();
        let mut known = BTreeMap::new();
        for (key, drafts) in groups {
            let before = self.0.get(&key);
            let Some((class, severity)) = class_of(policy, &drafts, before.map(|(class, _)| *class)) else { continue };
            let since = before.map_or(now, |(_, since)| *since);
            known.insert(key.clone(), (class, since));
            let evidence = drafts.iter().fold(Evidence::default(), |all, draft| all.with(draft.tier));
            // The surest says it best; of equals the first in the alphabet, so that their order says nothing.
            let best = drafts.into_iter().max_by(|a, b| (a.tier, &b.message).cmp(&(b.tier, &a.message)));
            let Some(Draft { service, to, port, subject, message, .. }) = best else { continue };
            findings.push(Finding { class, severity, service, to, port, subject, message, evidence, since });
        }
        self.0 = known;
        findings
    }
}

/// The class of a group and how bad it is: the worst of those which stand in it. `None` where nobody asks for any.
fn class_of(policy: &Policy, drafts: &[Draft], before: Option<Class>) -> Option<(Class, Severity)> {
    let stands = |class: Class| drafts.iter().any(|draft| draft.class == class);
    let open = stands(Class::UnexpectedReachability);
    let mut classes: Vec<Class> = drafts.iter().map(|draft| draft.class).collect();
    if open && before == Some(Class::UnexpectedFlow) {
        classes.push(Class::UnexpectedFlow);
    }
    let asked = classes.into_iter().filter_map(|class| Some((class, policy.checks.severity(class)?)));
    let asked: Vec<(Class, Severity)> = asked.collect();
    let severity = asked.iter().map(|(_, severity)| *severity).max()?;
    let used = asked.iter().map(|(class, _)| *class).find(|class| *class == Class::UnexpectedFlow);
    Some((used.or_else(|| asked.first().map(|(class, _)| *class))?, severity))
}

/// Takes out what the policy excepts, says which exceptions have expired, counts and puts in order, and keeps as much as there is room for.
pub(super) fn waive(policy: &Policy, now: Timestamp, findings: Vec<Finding>) -> Report {
    let mut report = Report::default();
    for finding in findings {
        let covers =
            |exception: &&Arc<Exception>| exception.names(finding.class, Some(&finding.service), &finding.subject);
        let mut covering = policy.exceptions.iter().filter(covers);
        if let Some(exception) = covering.clone().find(|exception| !exception.has_expired(now)) {
            report.waived.push((finding, Arc::clone(exception)));
            continue;
        }
        if let Some(late) = covering.next()
            && !report.expired.contains(late)
        {
            report.expired.push(Arc::clone(late));
        }
        let project = report.projects.entry(Arc::clone(&finding.service.project)).or_default();
        *project.counts.entry(finding.class).or_default() += 1;
        report.findings.push(finding);
    }
    let order = |a: &Finding, b: &Finding| {
        let key = |finding: &Finding| (finding.class, finding.service.clone(), Arc::clone(&finding.subject));
        b.severity.cmp(&a.severity).then_with(|| key(a).cmp(&key(b)))
    };
    report.findings.order_by(order);
    report.waived.order_by(|(a, _), (b, _)| order(a, b));
    let mut kept = BTreeMap::<Arc<str>, usize>::new();
    let Report { findings, waived, projects, .. } = &mut report;
    findings.retain(|finding| {
        let kept = kept.entry(Arc::clone(&finding.service.project)).or_default();
        *kept += 1;
        let fits = *kept <= super::MAX_FINDINGS;
        if !fits && let Some(project) = projects.get_mut(&finding.service.project) {
            project.truncated = true;
        }
        fits
    });
    waived.truncate(super::MAX_FINDINGS);
    report
}
