//! What is asked and what came of it: what fails first, then what cannot be asked, then what answers.

use std::fmt::{self, Write};

use super::{
    facts::{Facts, place},
    fragment::{Sheet, id},
    html::{Away, Count, Text},
    table,
};
use crate::http::api::probes::Probe;

/// Targets shown; the JSON has them all.
const ROWS: usize = 200;

pub(super) fn write(sheet: &mut Sheet, facts: &Facts<'_>) {
    let probes = &facts.probes;
    sheet.piece("probes", |page| {
        if probes.is_empty() {
            return table::absent(page, "probes");
        }
        let failing = probes.iter().filter(|probe| probe.state == "failing").count();
        let note = match failing {
            0 => format!("{}, none fails", Count(probes.len(), "target", "targets")),
            failing => format!("{failing} of {} fail", probes.len()),
        };
        table::section(page, "probes", "Probes", format_args!("{note}"))?;
        let columns = ["Probe", "State", "Where", "Took", "Every"];
        table::list(page, "probes-list", "t-probes", "Probes", &columns)?;
        table::rest(page, probes.len(), ROWS, "/api/v1/probes")?;
        page.push_str("</section>\n");
        Ok(())
    });
    for probe in probes.iter().take(ROWS) {
        let id = id('p', (&probe.project, &probe.service, &probe.replica, &probe.probe));
        sheet.row("probes-list", id.clone(), |page| write_row(page, &id, probe, facts));
    }
}

fn write_row(page: &mut String, id: &str, probe: &Probe, facts: &Facts<'_>) -> fmt::Result {
    let class = match probe.state {
        "failing" => "bad",
        "unreachable" => "warn",
        "ok" => "good",
        _ => "",
    };
    table::row(page, id, format_args!(" data-state=\"{}\"", probe.state))?;
    write!(page, "<th scope=\"row\"><bdi>{}</bdi></th>", Text(&probe.probe))?;
    match &probe.text {
        Some(why) => write!(page, "<td><span class=\"state {class}\">{}</span> {}", probe.state, Text(why))?,
        None => write!(page, "<td><span class=\"state {class}\">{}</span>", probe.state)?,
    }
    if let Some(since) = probe.failing_since {
        write!(page, " for {}", Away(since, facts.view.now))?;
    }
    let replica = if probe.replica.is_empty() || probe.replica == "1" { "" } else { &probe.replica };
    let named = place(&probe.project, &probe.service);
    write!(page, "</td><td><bdi>{}</bdi> {}</td><td data-label=\"Took\">", Text(&named), Text(replica))?;
    if let Some(seconds) = probe.duration_seconds {
        write!(page, "{}", Milliseconds(seconds))?;
    }
    write!(page, "</td><td data-label=\"Every\">{} s</td>", probe.interval_seconds)?;
    table::details(page, |page| {
        table::pair(page, "Target", format_args!("<bdi>{}</bdi>", Text(&probe.target)))?;
        if let Some(certificate) = &probe.certificate
            && let Some(ends) = certificate.not_after
        {
            let verb = if ends < facts.view.now { "ended" } else { "ends" };
            let day = ends.strftime("%Y-%m-%d");
            table::pair(page, "Certificate", format_args!("{verb} on {day}, {} from now", Away(ends, facts.view.now)))?;
        }
        Ok(())
    })
}

/// A duration as far as a person asks. Coarse, so that a row is not new with every answer.
struct Milliseconds(f64);

impl fmt::Display for Milliseconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 * 1000.0 {
            ms if ms < 10.0 => f.write_str("&lt; 10 ms"),
            ms if ms < 100.0 => write!(f, "{:.0} ms", (ms / 10.0).round() * 10.0),
            ms if ms < 1000.0 => write!(f, "{:.0} ms", (ms / 100.0).round() * 100.0),
            ms => write!(f, "{:.1} s", ms / 1000.0),
        }
    }
}
