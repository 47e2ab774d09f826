//! `/api/v1/isolation`: who reaches whom, and should not; how much of it was looked at; the matrix and the graph.

use jiff::Timestamp;
use serde::Serialize;

use super::Filter;
use crate::{
    isolation::{
        Edge, End, Tier, passive,
        verdict::{self, Report},
    },
    model::ServiceKey,
    policy::Exception,
};

/// The whole answer; of everything that is a service's, those that match.
#[derive(Debug, Serialize)]
pub(in crate::http) struct Isolation<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    host: Option<&'a str>,
    tiers: Vec<Mode>,
    /// The worst first.
    pub(in crate::http) findings: Vec<Finding>,
    pub(in crate::http) waived: Vec<Waived>,
    pub(in crate::http) coverage: Vec<Coverage>,
    pub(in crate::http) matrix: Vec<Cell>,
    pub(in crate::http) graph: Vec<Link>,
    /// Who reached a service from an address of nobody.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    strangers: Vec<Newcomer>,
    /// What sweeps have seen since the start and attributed to nobody.
    left_out: LeftOut,
    /// Projects of which not everything is here.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    truncated: Vec<String>,
}

/// Connections, but for `rows` (sockets) and `strange` (lines that were not understood).
#[derive(Debug, Serialize)]
struct LeftOut {
    rows: u64,
    edges: u64,
    ambiguous: u64,
    strangers: u64,
    resolver: u64,
    strange: u64,
}

impl From<passive::LeftOut> for LeftOut {
    fn from(counted: passive::LeftOut) -> Self {
        let passive::LeftOut { rows, edges, ambiguous, strangers, resolver, strange } = counted;
        Self { rows, edges, ambiguous, strangers, resolver, strange }
    }
}

/// One tier.
#[derive(Debug, Serialize)]
struct Mode {
    mode: &'static str,
    runs: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_sweep: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    duration_seconds: Option<f64>,
}

#[derive(Debug, Serialize)]
pub(in crate::http) struct Finding {
    pub(in crate::http) class: &'static str,
    pub(in crate::http) severity: &'static str,
    pub(in crate::http) project: String,
    /// Left out where it is about a network of the project.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::http) service: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    to: Option<Target>,
    #[serde(skip_serializing_if = "Option::is_none")]
    port: Option<String>,
    subject: String,
    pub(in crate::http) message: String,
    help: &'static str,
    pub(in crate::http) evidence: Vec<&'static str>,
    pub(in crate::http) since: Timestamp,
}

#[derive(Debug, Serialize)]
pub(in crate::http) struct Waived {
    #[serde(flatten)]
    finding: Finding,
    reason: String,
    until: String,
}

/// One end of an edge: a service, or what kind of somebody it is.
#[derive(Debug, Serialize)]
pub(in crate::http) struct Target {
    /// `service`, `host`, `agent`, `unlisted` or `external`.
    pub(in crate::http) kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::http) project: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::http) service: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    address: Option<String>,
}

#[derive(Debug, Serialize)]
pub(in crate::http) struct Coverage {
    pub(in crate::http) project: String,
    pub(in crate::http) mode: &'static str,
    pub(in crate::http) ratio: f64,
    pub(in crate::http) looked_at: u64,
    pub(in crate::http) of: u64,
    missing: Vec<Missing>,
}

#[derive(Debug, Serialize)]
struct Missing {
    what: String,
    reason: String,
}

#[derive(Debug, Serialize)]
pub(in crate::http) struct Cell {
    pub(in crate::http) project: String,
    pub(in crate::http) from: String,
    pub(in crate::http) to: String,
    pub(in crate::http) port: String,
    /// `allowed` or `denied`.
    pub(in crate::http) expected: &'static str,
    pub(in crate::http) observed: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::http) probed: Option<&'static str>,
    /// A flow marks it with `!`.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(in crate::http) required: bool,
    /// The two share a network, whose ports nobody can close.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(in crate::http) same_network: bool,
}

#[derive(Debug, Serialize)]
pub(in crate::http) struct Link {
    pub(in crate::http) project: String,
    pub(in crate::http) service: String,
    pub(in crate::http) to: Target,
    pub(in crate::http) port: String,
    first_seen: Timestamp,
    last_seen: Timestamp,
    connections: u64,
}

#[derive(Debug, Serialize)]
struct Newcomer {
    address: String,
    /// The engine's name of it.
    network: String,
    to: Target,
    port: String,
    first_seen: Timestamp,
    last_seen: Timestamp,
    connections: u64,
}

impl Finding {
    /// Whether it is about somebody else, too.
    pub(in crate::http) const fn is_about_two(&self) -> bool {
        self.to.is_some()
    }

    /// The two services of one project that it is about, where it is about two.
    pub(in crate::http) fn pair(&self, project: &str) -> Option<(&str, &str)> {
        let to = self.to.as_ref().filter(|to| to.project.as_deref() == Some(project) && self.project == project)?;
        Some((self.service.as_deref()?, to.service.as_deref()?))
    }
}

impl Coverage {
    /// Something that was not looked at, and why.
    pub(in crate::http) fn first_missing(&self) -> Option<(&str, &str)> {
        self.missing.first().map(|missing| (&*missing.what, &*missing.reason))
    }
}

impl<'a> Isolation<'a> {
    pub(super) fn new(host: Option<&'a str>, report: &Report, filter: &Filter<'_>) -> Self {
        let known = report.projects.iter().filter(|(project, _)| filter.admits_project(project));
        let cells = known.clone().flat_map(|(project, known)| known.matrix.iter().map(move |cell| (project, cell)));
        let asked = |edge: &Edge| {
            filter.matches(&edge.from) || matches!(&edge.to, End::Service(target) if filter.matches(target))
        };
        Self {
            host,
            tiers: tiers(report),
            findings: report.findings.iter().filter(|finding| filter.matches(&finding.service)).map(finding).collect(),
            waived: report
                .waived
                .iter()
                .filter(|(finding, _)| filter.matches(&finding.service))
                .map(|(found, exception)| waived(found, exception))
                .collect(),
            coverage: known
                .clone()
                .flat_map(|(project, known)| known.coverage.iter().map(|(tier, known)| coverage(project, *tier, known)))
                .collect(),
            matrix: cells.filter(|(_, cell)| asked(&cell.edge)).map(|(project, found)| cell(project, found)).collect(),
            graph: report.graph.iter().filter(|link| asked(&link.edge)).map(link).collect(),
            strangers: report
                .strangers
                .iter()
                .filter(|known| filter.matches(&known.stranger.to))
                .map(newcomer)
                .collect(),
            left_out: report.left_out.into(),
            truncated: known.filter(|(_, known)| known.truncated).map(|(project, _)| project.to_string()).collect(),
        }
    }
}

fn tiers(report: &Report) -> Vec<Mode> {
    let mode = |tier: Tier| {
        let reason = report.idle.get(&tier).cloned();
        let sweep = report.sweeps.get(&tier);
        Mode {
            mode: tier.as_str(),
            runs: reason.is_none() && !report.is_idle(),
            reason: reason.or_else(|| report.is_idle().then(|| "no project of the policy has a say in it".to_owned())),
            last_sweep: sweep.map(|sweep| sweep.at),
            duration_seconds: sweep.map(|sweep| sweep.took.as_secs_f64()),
        }
    };
    Tier::ALL.map(mode).into()
}

fn finding(found: &verdict::Finding) -> Finding {
    let port = found.port_label();
    Finding {
        class: found.class.as_str(),
        severity: found.severity.as_str(),
        project: found.service.project.to_string(),
        service: (!found.service.service.is_empty()).then(|| found.service.service.to_string()),
        to: found.to.as_ref().map(target),
        port: (!port.is_empty()).then_some(port),
        subject: found.subject.to_string(),
        message: found.message.clone(),
        help: found.class.help(),
        evidence: found.evidence.tiers().map(Tier::as_str).collect(),
        since: found.since,
    }
}

fn waived(found: &verdict::Finding, exception: &Exception) -> Waived {
    Waived { finding: finding(found), reason: exception.reason.to_string(), until: exception.until.to_string() }
}

fn target(end: &End) -> Target {
    let of = |kind, key: Option<&ServiceKey>, address: Option<String>| Target {
        kind,
        project: key.map(|key| key.project.to_string()),
        service: key.map(|key| key.service.to_string()),
        address,
    };
    match end {
        End::Service(key) => of("service", Some(key), None),
        End::Host => of("host", None, None),
        End::Agent => of("agent", None, None),
        End::Unlisted(address) => of("unlisted", None, Some(address.to_string())),
        End::External(address) => of("external", None, Some(address.to_string())),
    }
}

fn coverage(project: &str, tier: Tier, known: &verdict::Coverage) -> Coverage {
    let missing = known.missing.iter().map(|(what, reason)| Missing { what: what.clone(), reason: reason.clone() });
    Coverage {
        project: project.to_owned(),
        mode: tier.as_str(),
        ratio: known.ratio(),
        looked_at: known.looked,
        of: known.of,
        missing: missing.collect(),
    }
}

fn cell(project: &str, cell: &verdict::Cell) -> Cell {
    let to = match &cell.edge.to {
        End::Service(key) => key.service.to_string(),
        other => other.to_string(),
    };
    Cell {
        project: project.to_owned(),
        from: cell.edge.from.service.to_string(),
        to,
        port: format!("{}/{}", cell.edge.port, cell.edge.protocol.as_str()),
        expected: if cell.allowed { "allowed" } else { "denied" },
        observed: cell.state.as_str(),
        probed: cell.probed.map(verdict::Answer::as_str),
        required: cell.required,
        same_network: cell.neighbours,
    }
}

fn link(link: &verdict::Link) -> Link {
    Link {
        project: link.edge.from.project.to_string(),
        service: link.edge.from.service.to_string(),
        to: target(&link.edge.to),
        port: format!("{}/{}", link.edge.port, link.edge.protocol.as_str()),
        first_seen: link.first,
        last_seen: link.last,
        connections: link.connections,
    }
}

fn newcomer(known: &verdict::Newcomer) -> Newcomer {
    let passive::Stranger { to, port, protocol, network, address } = &known.stranger;
    Newcomer {
        address: address.to_string(),
        network: network.to_string(),
        to: target(&End::Service(to.clone())),
        port: format!("{port}/{}", protocol.as_str()),
        first_seen: known.first,
        last_seen: known.last,
        connections: known.connections,
    }
}
