//! What is known to be otherwise: a reason, and a day on which it ends.

use std::sync::Arc;

use jiff::{Timestamp, civil::Date, tz::TimeZone};

use super::{Class, Finding, Policy, Verdict};
use crate::model::{Glob, ServiceKey};

/// One named exception.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exception {
    /// What it excepts.
    pub class: Class,
    /// In which project; `None` is any, the host too.
    pub project: Option<Glob>,
    /// For which service; `None` is any.
    pub service: Option<Glob>,
    /// Which port, resource, variable or file; `None` is any.
    pub subject: Option<Glob>,
    /// Why.
    pub reason: Arc<str>,
    /// The last day it holds, in UTC.
    pub until: Date,
}

impl Exception {
    /// Whether it is about this finding, by date or not.
    pub fn covers(&self, finding: &Finding) -> bool {
        self.names(finding.class, finding.service.as_ref(), &finding.subject)
    }

    /// The same by what makes a finding the same one.
    pub fn names(&self, class: Class, service: Option<&ServiceKey>, subject: &str) -> bool {
        let names = |glob: &Option<Glob>, text: Option<&str>| match glob {
            None => true,
            Some(glob) => text.is_some_and(|text| glob.matches(text)),
        };
        self.class == class
            && names(&self.project, service.map(|key| &*key.project))
            && names(&self.service, service.map(|key| &*key.service))
            && names(&self.subject, Some(subject))
    }

    /// Whom it is about, as it is written: `shop/db 5432/tcp`, with `*` for what it does not say.
    fn whom(&self) -> String {
        let word = |glob: &Option<Glob>| glob.as_ref().map_or_else(|| "*".to_owned(), |glob| glob.as_str().to_owned());
        let subject = self.subject.as_ref().map(|subject| format!(" {}", subject.as_str())).unwrap_or_default();
        format!("{}/{}{subject}", word(&self.project), word(&self.service))
    }

    /// The finding that it has expired; `None` where nobody asks for those.
    pub fn as_finding(&self, policy: &Policy) -> Option<Finding> {
        let severity = policy.checks.severity(Class::ExceptionExpired)?;
        let Self { class, reason, until, .. } = self;
        Some(Finding {
            class: Class::ExceptionExpired,
            severity,
            service: None,
            subject: format!("{} {}", class.as_str(), self.whom()).into(),
            message: format!("the exception of {} for {} ({reason}) held until {until}", class.as_str(), self.whom()),
            since: None,
        })
    }

    /// Whether its day has passed.
    pub fn has_expired(&self, now: Timestamp) -> bool {
        now.to_zoned(TimeZone::UTC).date() > self.until
    }
}

/// Takes excepted findings out, and says which exceptions have expired that would have taken one.
pub(super) fn apply(policy: &Policy, now: Timestamp, verdict: &mut Verdict) {
    let (mut kept, mut expired) = (Vec::new(), Vec::<Arc<Exception>>::new());
    for finding in std::mem::take(&mut verdict.findings) {
        let mut covering = policy.exceptions.iter().filter(|exception| exception.covers(&finding));
        match covering.clone().find(|exception| !exception.has_expired(now)) {
            Some(exception) => verdict.excepted.push((finding, Arc::clone(exception))),
            None => {
                if let Some(late) = covering.next()
                    && !expired.iter().any(|known| (known.class, known.whom()) == (late.class, late.whom()))
                {
                    expired.push(Arc::clone(late));
                }
                kept.push(finding);
            }
        }
    }
    verdict.findings = kept;
    verdict.findings.extend(expired.iter().filter_map(|exception| exception.as_finding(policy)));
}
