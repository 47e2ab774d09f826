//! What a judgement comes to.

use std::{collections::BTreeMap, fmt, sync::Arc};

use jiff::Timestamp;

use super::{Class, Exception, Policy};
use crate::model::{InOrder as _, ServiceKey};

/// How bad it is, the worst last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// Worth knowing; no violation.
    Info,
    /// To be put right in working hours.
    Warning,
    /// To be put right now.
    Critical,
}

impl Severity {
    /// All of them, the mildest first.
    pub const ALL: [Self; 3] = [Self::Info, Self::Warning, Self::Critical];

    /// The word in the file, in labels and in alerts.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Critical => "critical",
        }
    }

    /// The severity of that word.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|severity| severity.as_str() == word)
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// One thing that is not as it should be. Two replicas with the same fault are one finding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// What kind of thing.
    pub class: Class,
    /// How bad.
    pub severity: Severity,
    /// Whose; the host's own where there is none.
    pub service: Option<ServiceKey>,
    /// Which resource, port, variable or file; empty where the class says it all. Bounded by what the policy or the engine names.
    pub subject: Arc<str>,
    /// What is so and what should be, for people.
    pub message: String,
    /// Since when it is known to be so.
    pub since: Option<Timestamp>,
}

impl Finding {
    /// What makes it the same finding at another time.
    pub fn key(&self) -> (Class, Option<&ServiceKey>, &str) {
        (self.class, self.service.as_ref(), &self.subject)
    }

    /// `project/service`, `service`, or `host`.
    pub fn place(&self) -> String {
        place_of(self.service.as_ref())
    }
}

/// `project/service`, `service`, `project` for what is about the whole of one, or `host` for what is no service's.
pub fn place_of(service: Option<&ServiceKey>) -> String {
    match service {
        None => "host".to_owned(),
        Some(key) if key.project.is_empty() => key.service.to_string(),
        Some(key) if key.service.is_empty() => key.project.to_string(),
        Some(key) => format!("{}/{}", key.project, key.service),
    }
}

/// Something that ought to have been looked at and could not be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotChecked {
    /// What was to be looked for; `None` is everything.
    pub class: Option<Class>,
    /// Where; the host where there is none.
    pub service: Option<ServiceKey>,
    /// Why not, and what would help.
    pub reason: String,
}

/// Findings of one class in one service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// How bad.
    pub severity: Severity,
    /// What kind of thing.
    pub class: Class,
    /// Whose; the host's own where there is none.
    pub service: Option<ServiceKey>,
    /// How many.
    pub findings: u64,
}

/// All that one judgement found, in order: the worst first, then by service.
#[derive(Clone, Debug, Default)]
pub struct Verdict {
    /// What is not as it should be.
    pub findings: Vec<Finding>,
    /// How many there are of each class, classes without any left out.
    pub counts: BTreeMap<Class, u64>,
    /// How many there are by severity, class and service: the worst first.
    pub groups: Vec<Group>,
    /// What the policy excepts, with who says so.
    pub excepted: Vec<(Finding, Arc<Exception>)>,
    /// Checks that were made: one a class and service.
    pub checked: u64,
    /// Checks that could not be made.
    pub not_checked: Vec<NotChecked>,
    /// The policy it was made by.
    pub policy: Arc<Policy>,
    /// The tier of each service that has one, those without a container among them.
    pub tiers: BTreeMap<ServiceKey, Arc<str>>,
    /// Profiles in force, by project.
    pub profiles: BTreeMap<Arc<str>, Vec<Arc<str>>>,
}

impl Verdict {
    /// The same with other findings, and with more that is excepted, could not be checked and was.
    #[must_use]
    pub fn with(
        &self,
        findings: Vec<Finding>,
        excepted: impl IntoIterator<Item = (Finding, Arc<Exception>)>,
        not_checked: Vec<NotChecked>,
        checked: u64,
    ) -> Self {
        let mut verdict = Self { findings, counts: BTreeMap::new(), groups: Vec::new(), ..self.clone() };
        verdict.excepted.extend(excepted);
        verdict.not_checked.extend(not_checked);
        verdict.checked = verdict.checked.saturating_add(checked);
        verdict.close();
        verdict
    }

    /// Puts findings in order and counts them.
    pub(super) fn close(&mut self) {
        let order = |a: &Finding, b: &Finding| b.severity.cmp(&a.severity).then_with(|| a.key().cmp(&b.key()));
        self.findings.order_by(order);
        for Finding { class, severity, service, .. } in &self.findings {
            *self.counts.entry(*class).or_default() += 1;
            match self.groups.last_mut() {
                Some(group) if group.class == *class && group.service == *service => group.findings += 1,
                _ => self.groups.push(Group {
                    severity: *severity,
                    class: *class,
                    service: service.clone(),
                    findings: 1,
                }),
            }
        }
    }

    /// Whether anything is worse than worth knowing.
    pub fn is_violated(&self) -> bool {
        self.findings.iter().any(|finding| finding.severity > Severity::Info)
    }

    /// Checks made, of all there were to make; 1 where there were none.
    pub fn coverage(&self) -> f64 {
        let missed = u64::try_from(self.not_checked.len()).unwrap_or(u64::MAX);
        match self.checked.saturating_add(missed) {
            0 => 1.0,
            all => self.checked as f64 / all as f64,
        }
    }
}
