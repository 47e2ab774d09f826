//! What is taken and sent as OTLP: back ends, and services by what they answer.

use std::fmt::{self, Write};

use super::{
    facts::{Facts, place},
    fragment::{Sheet, id},
    html::{Away, Count, Size, Text},
    table,
};
use crate::http::api::traces::{Destination, Service};

/// Services shown; the JSON has them all.
const ROWS: usize = 100;

/// Nothing while nothing is taken or sent.
pub(super) fn write(sheet: &mut Sheet, facts: &Facts<'_>) {
    let traces = &facts.traces;
    let idle = traces.destinations.is_empty() && traces.services.is_empty();
    sheet.piece("traces", |page| {
        if idle {
            return table::absent(page, "traces");
        }
        let up = traces.destinations.iter().filter(|destination| destination.trouble.is_none()).count();
        let all = traces.destinations.len();
        table::section(page, "traces", "Traces", format_args!("{up} of {all} back ends up"))?;
        table::head(page, "t-traces", "Back ends of OTLP", &["Back end", "State", "Sent", "Lost", "Last", "Waiting"])?;
        page.push_str("<tbody>");
        for destination in &traces.destinations {
            write_destination(page, destination, facts)?;
        }
        page.push_str("</tbody></table>\n");
        let refused: u64 = traces.refused.values().sum();
        let nobodys: u64 = traces.unattributed.values().flat_map(|reasons| reasons.values()).sum();
        if refused + nobodys > 0 {
            writeln!(page, "<p class=\"note\">Refused: {refused}. Attributed to nobody: {nobodys}.</p>")?;
        }
        if !traces.services.is_empty() {
            let columns = ["Service", "Requests a minute", "Errors", "p50", "p95"];
            table::list(page, "traces-list", "t-red", "Services in the last full minute", &columns)?;
            table::rest(page, traces.services.len(), ROWS, "/api/v1/traces")?;
        }
        page.push_str("</section>\n");
        Ok(())
    });
    for service in traces.services.iter().take(ROWS) {
        let id = id('q', (&service.project, &service.service));
        sheet.row("traces-list", id.clone(), |page| write_service(page, &id, service));
    }
}

fn write_destination(page: &mut String, destination: &Destination, facts: &Facts<'_>) -> fmt::Result {
    let name = Text(&destination.name);
    write!(page, "<tr class=\"row\" tabindex=\"-1\"><th scope=\"row\"><bdi>{name}</bdi></th>")?;
    match &destination.trouble {
        Some(trouble) => table::state(page, "bad", format_args!("kept back: {}", Text(trouble)))?,
        None => table::state(page, "good", "ok")?,
    }
    let spans = destination.records.get("traces").and_then(|words| words.get("sent")).copied().unwrap_or_default();
    let lost: u64 = destination.lost.values().flat_map(|reasons| reasons.values()).sum();
    write!(
        page,
        "<td data-label=\"Sent\">{}</td>",
        Count(usize::try_from(spans).unwrap_or(usize::MAX), "span", "spans")
    )?;
    let class = if lost > 0 { "bad" } else { "none" };
    write!(page, "<td data-label=\"Lost\" class=\"{class}\">{lost}</td><td data-label=\"Last\">")?;
    if let Some(at) = destination.last_ack_at {
        write!(page, "{} ago", Away(at, facts.view.now))?;
    }
    writeln!(page, "</td><td data-label=\"Waiting\">{}</td></tr>", Size(destination.queue_bytes))
}

fn write_service(page: &mut String, id: &str, service: &Service) -> fmt::Result {
    table::row(page, id, format_args!(""))?;
    let named = place(&service.project, &service.service);
    write!(
        page,
        "<th scope=\"row\"><bdi>{}</bdi></th><td data-label=\"Requests\">{}</td>",
        Text(&named),
        service.requests
    )?;
    let class = if service.errors > 0 { "bad" } else { "none" };
    write!(page, "<td data-label=\"Errors\" class=\"{class}\">{}</td>", service.errors)?;
    for (name, seconds) in [("p50", service.p50_seconds), ("p95", service.p95_seconds)] {
        match seconds {
            Some(seconds) => write!(page, "<td data-label=\"{name}\">{:.0} ms</td>", seconds * 1000.0)?,
            None => page.push_str("<td></td>"),
        }
    }
    page.push_str("</tr>\n");
    Ok(())
}
