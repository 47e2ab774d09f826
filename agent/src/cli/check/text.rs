//! A line a finding, and a line that sums up.

use std::fmt::Write as _;

use super::super::harmless;
use crate::policy::{Class, Finding, Severity, Verdict, place_of};

/// Characters of a place or a message.
const MAX_CELL: usize = 200;

pub(super) fn report(verdict: &Verdict, host: Option<&str>) -> String {
    let mut out = String::new();
    let width = |cells: &mut dyn Iterator<Item = usize>| cells.max().unwrap_or_default();
    let place = |finding: &Finding| harmless(&finding.place(), MAX_CELL);
    let places = width(&mut verdict.findings.iter().map(|finding| place(finding).chars().count()));
    let classes = width(&mut verdict.findings.iter().map(|finding| finding.class.as_str().len()));
    for finding in &verdict.findings {
        let (severity, class) = (finding.severity.as_str(), finding.class.as_str());
        let message = harmless(&finding.message, MAX_CELL);
        // Writing to a string cannot fail.
        let _infallible = writeln!(out, "{severity:<8}  {:<places$}  {class:<classes$}  {message}", place(finding));
    }
    for look in &verdict.not_checked {
        let place = place_of(look.service.as_ref());
        let reason = harmless(&look.reason, MAX_CELL);
        let _infallible = writeln!(
            out,
            "not seen  {:<places$}  {:<classes$}  {reason}",
            harmless(&place, MAX_CELL),
            look.class.map_or("everything", Class::as_str)
        );
    }
    if !out.is_empty() {
        out.push('\n');
    }
    let count = |severity| verdict.findings.iter().filter(|finding| finding.severity == severity).count();
    let _infallible = writeln!(
        out,
        "{}: {} critical, {} warning, {} info; {} excepted; {} checks made, {} not possible",
        harmless(host.unwrap_or("this host"), MAX_CELL),
        count(Severity::Critical),
        count(Severity::Warning),
        count(Severity::Info),
        verdict.excepted.len(),
        verdict.checked,
        verdict.not_checked.len(),
    );
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_reads_as_a_table() {
        let expected = "\
critical  shop/d<b>  port_unlisted  port 5432/tcp is published on 0.0.0.0 & not listed
warning   shop/d<b>  limit_missing  no memory is set?[2J
info      host       overcommit     limits of memory come to 9GiB
not seen  shop/d<b>  secret_stale   secret a: not seen

whale: 1 critical, 1 warning, 1 info; 1 excepted; 12 checks made, 1 not possible
";
        assert_eq!(report(&super::super::tests::verdict(), Some("whale")), expected);
        let clean = report(&Verdict::default(), None);
        assert_eq!(clean, "this host: 0 critical, 0 warning, 0 info; 0 excepted; 0 checks made, 0 not possible\n");
    }
}
