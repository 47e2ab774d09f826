//! The page's section on findings, below the containers; above them how many there are.

use std::fmt::{self, Write};

use super::{Age, html::Text};
use crate::http::api::{Filter, View};

/// Findings shown; the JSON has them all.
const ROWS: usize = 50;

/// How many there are that are worse than worth knowing, as red or yellow as the worst. Nothing where nobody judges.
pub(super) fn write_count(page: &mut String, view: &View<'_>) -> fmt::Result {
    let Some(findings) = view.findings(&Filter::default()) else { return Ok(()) };
    let violations = findings.findings.iter().filter(|finding| finding.severity != "info").count();
    let class = match findings.findings.first().map(|finding| finding.severity) {
        Some("critical") => "bad",
        Some("warning") => "warn",
        _ => "good",
    };
    writeln!(page, "<div><dt><a href=\"#findings\">Findings</a></dt><dd class=\"{class}\">{violations}</dd></div>")
}

/// Nothing where nobody judges.
pub(super) fn write(page: &mut String, view: &View<'_>) -> fmt::Result {
    let Some(findings) = view.findings(&Filter::default()) else { return Ok(()) };
    page.push_str("<h2 id=\"findings\">Findings</h2>\n");
    if findings.findings.is_empty() {
        page.push_str("<p><span class=\"good\">Nothing</span> is other than it should be");
    } else {
        page.push_str(
            "<div class=\"wide\" role=\"region\" aria-labelledby=\"findings\" tabindex=\"0\">\n<table>\n\
             <thead><tr><th scope=\"col\">Severity</th><th scope=\"col\">Where</th><th scope=\"col\">Finding</th>\
             <th scope=\"col\">What is so</th><th scope=\"col\">Known for</th></tr></thead>\n<tbody>\n",
        );
        for finding in findings.findings.iter().take(ROWS) {
            let class = match finding.severity {
                "critical" => "bad",
                "warning" => "warn",
                _ => "",
            };
            write!(
                page,
                "<tr><td class=\"{class}\">{}</td><th scope=\"row\"><bdi>{}</bdi></th><td>{}</td><td>{}</td><td>",
                finding.severity,
                Text(&finding.place),
                finding.class,
                Text(&finding.message)
            )?;
            if let Some(since) = finding.since {
                write!(page, "{}", Age(view.now.duration_since(since)))?;
            }
            page.push_str("</td></tr>\n");
        }
        page.push_str("</tbody>\n</table>\n</div>\n<p>");
        match findings.findings.len().saturating_sub(ROWS) {
            0 => page.push_str("<a href=\"/api/v1/findings\">/api/v1/findings</a> says what to do about each"),
            more => write!(page, "{more} more are in <a href=\"/api/v1/findings\">/api/v1/findings</a>")?,
        }
    }
    match (findings.excepted.len(), findings.not_checked.len()) {
        (0, 0) => {}
        (excepted, 0) => write!(page, "; {excepted} excepted")?,
        (excepted, unseen) => write!(page, "; {excepted} excepted, {unseen} could not be looked at")?,
    }
    page.push_str(".</p>\n");
    Ok(())
}
