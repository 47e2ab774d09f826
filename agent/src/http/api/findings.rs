//! `/api/v1/findings`: what is not as it should be, what is excepted, what could not be looked at.

use jiff::Timestamp;
use serde::Serialize;

use super::Filter;
use crate::{
    model::ServiceKey,
    policy::{Class, Finding as Found, NotChecked, Verdict},
};

/// The whole answer; of findings those of services that match.
#[derive(Debug, Serialize)]
pub(in crate::http) struct Findings<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    host: Option<&'a str>,
    /// The worst first.
    pub(in crate::http) findings: Vec<Finding>,
    pub(in crate::http) excepted: Vec<Excepted>,
    pub(in crate::http) not_checked: Vec<Unchecked>,
    /// Checks that were made.
    checked: u64,
    pub(in crate::http) coverage_ratio: f64,
}

#[derive(Debug, Serialize)]
pub(in crate::http) struct Finding {
    pub(in crate::http) class: &'static str,
    pub(in crate::http) severity: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    project: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    service: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    subject: Option<String>,
    pub(in crate::http) message: String,
    /// What to do.
    pub(in crate::http) help: &'static str,
    /// When the agent saw it first; not kept over its restart.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::http) since: Option<Timestamp>,
    #[serde(skip)]
    pub(in crate::http) place: String,
}

#[derive(Debug, Serialize)]
pub(in crate::http) struct Excepted {
    #[serde(flatten)]
    finding: Finding,
    reason: String,
    until: String,
}

#[derive(Debug, Serialize)]
pub(in crate::http) struct Unchecked {
    /// Left out where nothing of it could be checked.
    #[serde(skip_serializing_if = "Option::is_none")]
    class: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    project: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    service: Option<String>,
    reason: String,
}

impl<'a> Findings<'a> {
    pub(super) fn new(host: Option<&'a str>, verdict: &Verdict, filter: &Filter<'_>) -> Self {
        let asked = |service: &Option<ServiceKey>| match service {
            Some(key) => filter.matches(key),
            None => filter.is_empty(),
        };
        let findings = verdict.findings.iter().filter(|finding| asked(&finding.service));
        let excepted = verdict.excepted.iter().filter(|(finding, _)| asked(&finding.service));
        let not_checked = verdict.not_checked.iter().filter(|look| asked(&look.service));
        Self {
            host,
            findings: findings.map(finding).collect(),
            excepted: excepted
                .map(|(found, exception)| Excepted {
                    finding: finding(found),
                    reason: exception.reason.to_string(),
                    until: exception.until.to_string(),
                })
                .collect(),
            not_checked: not_checked.map(unchecked).collect(),
            checked: verdict.checked,
            coverage_ratio: verdict.coverage(),
        }
    }
}

/// The whole answer as text, for the command line.
pub(in crate::http) fn text(verdict: &Verdict, host: Option<&str>) -> String {
    let findings = Findings::new(host, verdict, &Filter::default());
    // Keys are text and numbers are finite: nothing of it cannot be written.
    serde_json::to_string_pretty(&findings).unwrap_or_default() + "\n"
}

fn finding(found: &Found) -> Finding {
    let word = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    Finding {
        class: found.class.as_str(),
        severity: found.severity.as_str(),
        project: found.service.as_ref().map(|key| key.project.to_string()),
        service: found.service.as_ref().map(|key| key.service.to_string()),
        subject: word(&found.subject),
        message: found.message.clone(),
        help: found.class.help(),
        since: found.since,
        place: found.place(),
    }
}

fn unchecked(look: &NotChecked) -> Unchecked {
    Unchecked {
        class: look.class.map(Class::as_str),
        project: look.service.as_ref().map(|key| key.project.to_string()),
        service: look.service.as_ref().map(|key| key.service.to_string()),
        reason: look.reason.clone(),
    }
}
