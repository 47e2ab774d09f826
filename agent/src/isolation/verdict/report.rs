//! What a judgement on isolation comes to.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use jiff::Timestamp;

use crate::{
    isolation::{
        Edge, End, Evidence, Tier,
        passive::{LeftOut, Stranger},
    },
    model::{Protocol, ServiceKey},
    policy::{self, Class, Exception, Severity},
};

/// One thing that is not as the policy wants it, with the tiers that say so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// One of the ten of isolation.
    pub class: Class,
    /// How bad: the class's own, or what `checks.severity` says.
    pub severity: Severity,
    /// Whose; the service is empty where it is about a network of the project.
    pub service: ServiceKey,
    /// Whom it is about, where it is about somebody.
    pub to: Option<End>,
    /// Port there; `None` where it is about none.
    pub port: Option<(u16, Protocol)>,
    /// What an exception names.
    pub subject: Arc<str>,
    /// What is so and what should be, by the surest tier.
    pub message: String,
    /// Tiers that say it in their newest look.
    pub evidence: Evidence,
    /// Since when it has been so without a break.
    pub since: Timestamp,
}

impl Finding {
    /// The port as labels and reports have it: `5432/tcp`, empty where there is none.
    pub fn port_label(&self) -> String {
        self.port.map(|(port, protocol)| format!("{port}/{}", protocol.as_str())).unwrap_or_default()
    }

    /// The tiers that agree, the surest last: `static+passive`.
    pub fn evidence_words(&self) -> String {
        self.evidence.tiers().map(Tier::as_str).collect::<Vec<_>>().join("+")
    }

    /// The same for whoever lists findings of all kinds.
    pub fn plain(&self) -> policy::Finding {
        policy::Finding {
            class: self.class,
            severity: self.severity,
            service: Some(self.service.clone()),
            subject: Arc::clone(&self.subject),
            message: format!("{} ({})", self.message, self.evidence_words()),
            since: Some(self.since),
        }
    }
}

/// How much of what there is a tier has looked at.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Coverage {
    /// Looked at.
    pub looked: u64,
    /// All there is to look at: containers (static), services that run (passive), edges to be tried (active).
    pub of: u64,
    /// What was not, with the reason; at most [`super::MAX_REASONS`].
    pub missing: Vec<(String, String)>,
}

impl Coverage {
    /// The share; 1 where there is nothing to look at.
    pub fn ratio(&self) -> f64 {
        if self.of == 0 { 1.0 } else { self.looked as f64 / self.of as f64 }
    }

    /// Takes down something that was not looked at.
    pub(super) fn misses(&mut self, what: String, why: impl Into<String>) {
        self.of += 1;
        self.cannot(what, why);
    }

    /// Takes down something that nobody can look at. It is told and counts for nothing: a host on which all is well is never without it.
    pub(super) fn cannot(&mut self, what: String, why: impl Into<String>) {
        if self.missing.len() < super::MAX_REASONS {
            self.missing.push((what, why.into()));
        }
    }

    /// Takes down something that was.
    pub(super) const fn looks(&mut self) {
        self.of += 1;
        self.looked += 1;
    }
}

/// What is known of an edge.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum State {
    /// A connection was seen within [`super::REMEMBER`].
    Used,
    /// A probe got an answer, a refusal among them.
    Open,
    /// A probe got none, or there is no way.
    Closed,
    /// Nobody has tried.
    Untested,
    /// It was to be tried and could not be.
    Unsupported,
}

impl State {
    /// All of them, in the order of the label's values.
    pub const ALL: [Self; 5] = [Self::Used, Self::Open, Self::Closed, Self::Untested, Self::Unsupported];

    /// The label `observed`, and the word in reports.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Used => "used",
            Self::Open => "open",
            Self::Closed => "closed",
            Self::Untested => "untested",
            Self::Unsupported => "unsupported",
        }
    }
}

/// One edge of the matrix.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cell {
    /// From which service to which port of whom.
    pub edge: Edge,
    /// Whether a flow names it.
    pub allowed: bool,
    /// What is known of it.
    pub state: State,
    /// A flow marks it with `!`.
    pub required: bool,
    /// The two share a network, whose ports nobody can close.
    pub neighbours: bool,
    /// What the last probe said.
    pub probed: Option<super::Answer>,
}

/// One edge of the graph of what was seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// Who to whom.
    pub edge: Edge,
    /// When it was first seen; not kept over a restart of the agent.
    pub first: Timestamp,
    /// When it was last seen.
    pub last: Timestamp,
    /// Connections since it was first seen, each once; those that left no trace are not among them.
    pub connections: u64,
}

/// Somebody who has no name in the picture, and what he reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Newcomer {
    /// From where to whom.
    pub stranger: Stranger,
    /// When it was first seen; not kept over a restart of the agent.
    pub first: Timestamp,
    /// When it was last seen.
    pub last: Timestamp,
    /// Connections since it was first seen, each once; those that left no trace are not among them.
    pub connections: u64,
}

/// What is known of one project that has a say.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Project {
    /// What tells what is wanted of it from anything else that could be.
    pub hash: Arc<str>,
    /// Findings of each class that stand, waived ones left out; also of those whose details were left out.
    pub counts: BTreeMap<Class, u64>,
    /// By tier; a tier that does not run has none.
    pub coverage: BTreeMap<Tier, Coverage>,
    /// Edges between its services. Empty where flows are not judged.
    pub matrix: Vec<Cell>,
    /// How many there are: allowed and denied by [`State::ALL`]. `None` where flows are not judged.
    pub edges: Option<[[u64; 5]; 2]>,
    /// Attempts at what is not allowed, by service, since the first of them that is not yet forgotten ([`super::DENIED_KEPT`]).
    pub denied: BTreeMap<Arc<str>, u64>,
    /// More findings than [`super::MAX_FINDINGS`], or more edges than [`super::MAX_CELLS`]: not all are listed.
    pub truncated: bool,
}

/// When a tier looked last, and how long it took.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sweep {
    /// When it was done.
    pub at: Timestamp,
    /// How long.
    pub took: Duration,
}

/// The class that is missed first where a tier does not look.
const fn foremost(tier: Tier) -> Class {
    match tier {
        Tier::Static => Class::Placement,
        Tier::Passive => Class::UnexpectedFlow,
        Tier::Active => Class::UnexpectedReachability,
    }
}

/// All that is known, at one time.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// What stands, the worst first.
    pub findings: Vec<Finding>,
    /// What the policy excepts, with who says so.
    pub waived: Vec<(Finding, Arc<Exception>)>,
    /// Exceptions that would cover something and have expired.
    pub expired: Vec<Arc<Exception>>,
    /// Projects that have a say, or findings, by name.
    pub projects: BTreeMap<Arc<str>, Project>,
    /// Connections seen within [`super::REMEMBER`].
    pub graph: Vec<Link>,
    /// The same from addresses of nobody.
    pub strangers: Vec<Newcomer>,
    /// What sweeps have seen since the start and attributed to nobody: what is not found among it nobody has looked for.
    pub left_out: LeftOut,
    /// The newest look of each tier.
    pub sweeps: BTreeMap<Tier, Sweep>,
    /// Answers to probes since the agent started, by [`super::Answer::ALL`].
    pub probes: [u64; 5],
    /// Tiers that do not run, and why; empty while nothing is asked for.
    pub idle: BTreeMap<Tier, String>,
}

impl Report {
    /// Whether anything is looked at.
    pub fn is_idle(&self) -> bool {
        self.projects.is_empty() && self.sweeps.is_empty()
    }

    /// What could not be looked at, for whoever lists that of all kinds.
    pub fn not_checked(&self) -> Vec<policy::NotChecked> {
        let mut all = Vec::new();
        for (project, known) in &self.projects {
            for (tier, coverage) in &known.coverage {
                for (what, why) in &coverage.missing {
                    let service = Some(ServiceKey { project: Arc::clone(project), service: Arc::default() });
                    let reason = format!("{} tier: {what}: {why}", tier.as_str());
                    all.push(policy::NotChecked { class: Some(foremost(*tier)), service, reason });
                }
            }
        }
        all
    }

    /// Whether a finding of the policy is told here as well: a port that is open and not listed.
    fn tells(&self, finding: &policy::Finding) -> bool {
        finding.class == Class::PortUnlisted
            && self.findings.iter().any(|exposure| {
                exposure.class == Class::Exposure
                    && Some(&exposure.service) == finding.service.as_ref()
                    && exposure.subject.strip_prefix(&*finding.subject).is_some_and(|rest| rest.starts_with(" on "))
            })
    }

    /// The policy's findings without those that are told here as well, for who tells both side by side; `None` where there are none of those.
    pub fn apart(&self, verdict: &policy::Verdict) -> Option<policy::Verdict> {
        // Asked at every scrape, and nearly always none: nothing is copied then.
        let told = verdict.findings.iter().any(|finding| self.tells(finding));
        told.then(|| {
            let kept = verdict.findings.iter().filter(|finding| !self.tells(finding)).cloned().collect();
            verdict.with(kept, [], Vec::new(), 0)
        })
    }

    /// Findings of all kinds in one list: the policy's with those of isolation, and what could not be looked at of either.
    ///
    /// A port that is open and not listed is both; it is told once, by isolation, which knows the addresses apart.
    pub fn join(&self, verdict: &policy::Verdict) -> policy::Verdict {
        let kept = verdict.findings.iter().filter(|finding| !self.tells(finding)).cloned();
        let expired = self.expired.iter().filter_map(|exception| exception.as_finding(&verdict.policy));
        let findings = kept.chain(self.findings.iter().map(Finding::plain)).chain(expired).collect();
        let waived = self.waived.iter().map(|(finding, exception)| (finding.plain(), Arc::clone(exception)));
        verdict.with(findings, waived, self.not_checked(), self.looked())
    }

    /// Looks that were taken, over all tiers and projects.
    pub fn looked(&self) -> u64 {
        self.projects.values().flat_map(|project| project.coverage.values()).map(|coverage| coverage.looked).sum()
    }
}
