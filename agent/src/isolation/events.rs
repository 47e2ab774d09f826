//! What comes and goes becomes lines of the agent's own log, which goes where all logs go. Nothing is said of what stays.

use super::verdict::{Finding, Report};
use crate::{
    model::IntoTree as _,
    policy::{Class, Severity},
};

/// Lines for one judgement: a policy that is wrong makes hundreds of findings at once, and the page has them all.
const MAX_LINES: usize = 50;

/// What has come and what has gone between two verdicts.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Change<'a> {
    pub(super) came: Vec<&'a Finding>,
    pub(super) went: Vec<&'a Finding>,
}

/// Compares two verdicts. What nobody can change, pairs on one network, is left out: it is a count.
pub(super) fn between<'a>(before: &'a Report, now: &'a Report) -> Change<'a> {
    let told = |report: &'a Report| {
        let findings = report.findings.iter().filter(|finding| finding.class != Class::ExcessReachability);
        findings.map(|finding| ((finding.class, &finding.service, &finding.subject), finding)).into_map()
    };
    let (before, now) = (told(before), told(now));
    Change {
        came: now.iter().filter(|(key, _)| !before.contains_key(*key)).map(|(_, finding)| *finding).collect(),
        went: before.iter().filter(|(key, _)| !now.contains_key(*key)).map(|(_, finding)| *finding).collect(),
    }
}

/// Says it.
pub(super) fn tell(change: &Change<'_>) {
    let lines = change.came.iter().map(|finding| (finding, true)).chain(change.went.iter().map(|gone| (gone, false)));
    for (finding, came) in lines.take(MAX_LINES) {
        let Finding { class, service, subject, message, .. } = finding;
        let (class, severity) = (class.as_str(), finding.severity.as_str());
        let to = finding.to.as_ref().map(|to| to.label(&service.project)).unwrap_or_default();
        let (port, evidence) = (finding.port_label(), finding.evidence_words());
        let (project, service) = (&*service.project, &*service.service);
        let (to, subject, port, evidence) = (&*to, &**subject, &*port, &*evidence);
        // The level of a line is part of the program's text, and all else of these two is the same.
        macro_rules! line {
            ($level:ident, $said:literal) => {
                tracing::$level!(class, severity, project, service, to, port, subject, evidence, $said)
            };
        }
        match (came, finding.severity) {
            (true, Severity::Info) => line!(info, "isolation finding: {message}"),
            (true, _) => line!(warn, "isolation finding: {message}"),
            (false, _) => line!(info, "isolation finding is gone"),
        }
    }
    let more = (change.came.len() + change.went.len()).saturating_sub(MAX_LINES);
    if more > 0 {
        tracing::warn!(more, "further isolation findings came or went; /api/v1/isolation has those that stand");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::isolation::verdict::tests::{Bench, edge, lines, sweep};

    #[test]
    fn only_what_changes_is_told() {
        let mut court = crate::isolation::verdict::Court::default();
        let mut bench = Bench::clean();
        let clean = bench.judge(&mut court, 0);
        bench.observed = Some(sweep([edge("web", "db", 5432)]));
        let broken = bench.judge(&mut court, 10);
        let again = bench.judge(&mut court, 20);
        assert_eq!(lines(&broken), ["unexpected_flow web db:5432/tcp passive"]);
        let change = between(&clean, &broken);
        assert_eq!((change.came.len(), change.went.len()), (1, 0));
        assert_eq!(between(&broken, &again), Change::default(), "nothing per sweep");
        assert_eq!(between(&again, &clean).went.len(), 1);
        // Another tier that says so too is no other finding.
        let crowd = (1..400).map(|port| edge("web", "db", port));
        bench.observed = Some(sweep(crowd));
        let crowded = bench.judge(&mut court, 30);
        assert_eq!(between(&broken, &crowded).came.len(), 399);
    }
}
