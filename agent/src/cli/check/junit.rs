//! JUnit XML, as continuous integration shows it: a test case for each class that was looked for.

use std::fmt::Write as _;

use crate::policy::{CLASSES, Class, Policy, Severity, Verdict, place_of};

/// The classes of isolation are among them when they were looked for.
pub(super) fn report(policy: &Policy, verdict: &Verdict, host: Option<&str>, isolation: bool) -> String {
    let classes: Vec<Class> = CLASSES
        .iter()
        .copied()
        .filter(|class| (isolation || !class.is_isolation()) && policy.enabled(*class))
        .collect();
    let violates = |class: Class| {
        let findings = verdict.findings.iter().filter(move |finding| finding.class == class);
        findings.filter(|finding| finding.severity > Severity::Info)
    };
    let unseen = |class: Class| verdict.not_checked.iter().filter(move |look| look.class.is_none_or(|it| it == class));
    let failures = classes.iter().filter(|class| violates(**class).next().is_some()).count();
    let is_skipped = |class: &&Class| violates(**class).next().is_none() && unseen(**class).next().is_some();
    let skipped = classes.iter().filter(is_skipped).count();
    let mut out = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    // Writing to a string cannot fail.
    let _infallible = writeln!(
        out,
        "<testsuites>\n  <testsuite name=\"spyhop check\" hostname=\"{}\" tests=\"{}\" failures=\"{failures}\" errors=\"0\" skipped=\"{skipped}\">",
        Escaped(host.unwrap_or("this host")),
        classes.len(),
    );
    for class in classes {
        let _infallible = write!(out, "    <testcase classname=\"spyhop.check\" name=\"{}\">", class.as_str());
        let mut lines = String::new();
        violates(class).for_each(|finding| {
            let _infallible = writeln!(lines, "{}: {}", finding.place(), finding.message);
        });
        if !lines.is_empty() {
            let title = Escaped(class.title());
            let _infallible = write!(out, "\n      <failure message=\"{title}\">{}</failure>\n    ", Escaped(&lines));
        }
        let mut reasons = String::new();
        unseen(class).for_each(|look| {
            let _infallible = writeln!(reasons, "{}: {}", place_of(look.service.as_ref()), look.reason);
        });
        match (lines.is_empty(), reasons.is_empty()) {
            (_, true) => {}
            (true, false) => {
                let reasons = Escaped(reasons.trim_end());
                let _infallible = write!(out, "\n      <skipped message=\"{reasons}\"/>\n    ");
            }
            (false, false) => {
                let _infallible = write!(out, "  <system-out>{}</system-out>\n    ", Escaped(&reasons));
            }
        }
        out.push_str("</testcase>\n");
    }
    out.push_str("  </testsuite>\n</testsuites>\n");
    out
}

/// Text in XML 1.0, which has no way to write most control characters.
struct Escaped<'a>(&'a str);

impl std::fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for c in self.0.chars() {
            match c {
                '<' => f.write_str("&lt;")?,
                '>' => f.write_str("&gt;")?,
                '&' => f.write_str("&amp;")?,
                '"' => f.write_str("&quot;")?,
                '\n' | '\t' => f.write_char(c)?,
                c if c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}') => f.write_char('?')?,
                c => f.write_char(c)?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_class_is_a_test_case() {
        let report = report(&Policy::default(), &super::super::tests::verdict(), Some("whale"), false);
        let head = format!(
            "hostname=\"whale\" tests=\"{}\" failures=\"2\" errors=\"0\" skipped=\"1\">",
            CLASSES.iter().filter(|class| !class.is_isolation()).count()
        );
        assert!(report.contains(&head), "{report}");
        let failed = "name=\"port_unlisted\">\n      <failure message=\"A port is published that the policy does not list.\">\
                      shop/d&lt;b&gt;: port 5432/tcp is published on 0.0.0.0 &amp; not listed\n</failure>\n    </testcase>";
        assert!(report.contains(failed), "{report}");
        assert!(report.contains("no memory is set?[2J"), "{report}");
        assert!(
            report.contains("name=\"secret_stale\">\n      <skipped message=\"shop/d&lt;b&gt;: secret a: not seen\"/>"),
            "{report}"
        );
        assert!(report.contains("name=\"overcommit\"></testcase>"), "worth knowing is no failure: {report}");
        let report = super::report(&Policy::default(), &super::super::tests::verdict(), None, true);
        assert!(report.contains(&format!("tests=\"{}\"", CLASSES.len())), "{report}");
        assert!(report.contains("name=\"host_reach\"></testcase>") && !report.contains("skipped=\"2\""), "{report}");
    }
}
