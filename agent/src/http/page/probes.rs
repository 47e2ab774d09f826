//! The page's section on probes: what fails and since when, what cannot be asked, and which certificates end soon.

use std::fmt::{self, Write};

use jiff::SignedDuration;

use super::{Age, html::Text};
use crate::http::api::{Filter, View, probes::Probe};

/// Targets shown; the JSON has them all.
const ROWS: usize = 100;

/// A certificate that ends sooner is shown although nothing fails.
const SOON: SignedDuration = SignedDuration::from_hours(21 * 24);

/// One number among those above the containers; nothing while nobody is asked.
pub(super) fn write_count(page: &mut String, view: &View<'_>) -> fmt::Result {
    let probes = view.probes(&Filter::default()).probes;
    if probes.is_empty() {
        return Ok(());
    }
    let failing = probes.iter().filter(|probe| probe.state == "failing").count();
    writeln!(page, "<div><dt>Probes failing</dt><dd>{failing} of {}</dd></div>", probes.len())
}

/// Nothing while nobody is asked.
pub(super) fn write(page: &mut String, view: &View<'_>) -> fmt::Result {
    let probes = view.probes(&Filter::default()).probes;
    if probes.is_empty() {
        return Ok(());
    }
    let ends_soon = |probe: &Probe| {
        let ends = probe.certificate.as_ref().and_then(|certificate| certificate.not_after);
        ends.filter(|ends| ends.duration_since(view.now) < SOON)
    };
    page.push_str("<h2 id=\"probes\">Probes</h2>\n");
    let shown: Vec<_> = probes.iter().filter(|probe| probe.state != "ok" || ends_soon(probe).is_some()).collect();
    if shown.is_empty() {
        writeln!(page, "<p><span class=\"good\">All {} answer</span>.</p>", probes.len())?;
        return Ok(());
    }
    page.push_str(
        "<div class=\"wide\" role=\"region\" aria-labelledby=\"probes\" tabindex=\"0\">\n<table>\n<thead><tr>\
         <th scope=\"col\">Project</th><th scope=\"col\">Service</th><th scope=\"col\">Replica</th>\
         <th scope=\"col\">Probe</th><th scope=\"col\">State</th><th scope=\"col\">Since</th><th scope=\"col\">Why</th>\
         <th scope=\"col\">Target</th></tr></thead>\n<tbody>\n",
    );
    for probe in shown.iter().take(ROWS) {
        write_row(page, probe, view, ends_soon(probe))?;
    }
    page.push_str("</tbody>\n</table>\n</div>\n");
    writeln!(
        page,
        "<p>{} of {} probes; <a href=\"/api/v1/probes\">/api/v1/probes</a> has them all.</p>",
        shown.len().min(ROWS),
        probes.len()
    )
}

fn write_row(page: &mut String, probe: &Probe, view: &View<'_>, ends: Option<jiff::Timestamp>) -> fmt::Result {
    write!(page, "<tr>")?;
    for name in [&probe.project, &probe.service, &probe.replica] {
        write!(page, "<td><bdi>{}</bdi></td>", Text(name))?;
    }
    let class = match probe.state {
        "failing" => "bad",
        "unreachable" => "warn",
        _ => "",
    };
    write!(
        page,
        "<th scope=\"row\"><bdi>{}</bdi></th><td class=\"{class}\">{}</td><td>",
        Text(&probe.probe),
        probe.state
    )?;
    if let Some(since) = probe.failing_since {
        write!(page, "<time datetime=\"{since:.0}\">{} ago</time>", Age(view.now.duration_since(since)))?;
    }
    write!(page, "</td><td>{}", Text(probe.text.as_deref().unwrap_or_default()))?;
    if let Some(ends) = ends {
        let left = ends.duration_since(view.now);
        let joint = if probe.text.is_some() { "; " } else { "" };
        if left.is_negative() {
            write!(page, "{joint}<span class=\"bad\">its certificate ended {} ago</span>", Age(-left))?;
        } else {
            write!(page, "{joint}<span class=\"warn\">its certificate ends in {}</span>", Age(left))?;
        }
    }
    writeln!(page, "</td><td><bdi>{}</bdi></td></tr>", Text(&probe.target))
}
