//! Where lines go, and the services of which something waits or is missing.

use std::fmt::{self, Write};

use jiff::SignedDuration;

use super::{
    facts::{Facts, place},
    fragment::{Sheet, id},
    html::{Age, Away, Size, Text},
    table,
};
use crate::http::api::logs::{Destination, Service};

/// Services shown; the JSON has them all.
const ROWS: usize = 100;
/// A shorter lag is the time lines take.
const LAG: f64 = 60.0;

/// Nothing while logs go nowhere.
pub(super) fn write(sheet: &mut Sheet, facts: &Facts<'_>) {
    let logs = &facts.logs;
    let troubled: Vec<_> = logs.services.iter().filter(|service| is_troubled(service)).collect();
    sheet.piece("logs", |page| {
        if logs.destinations.is_empty() {
            return table::absent(page, "logs");
        }
        let up = logs.destinations.iter().filter(|destination| destination.trouble.is_none()).count();
        let all = logs.destinations.len();
        table::section(page, "logs", "Logs", format_args!("{up} of {all} destinations up"))?;
        let columns = ["Destination", "State", "Lines taken", "Last", "Waiting in memory", "On disk"];
        table::head(page, "t-logs", "Destinations of logs", &columns)?;
        page.push_str("<tbody>");
        for destination in &logs.destinations {
            write_destination(page, destination, facts)?;
        }
        page.push_str("</tbody></table>\n");
        if troubled.is_empty() {
            page.push_str("<p class=\"note\">Nothing is late, lost or missing.</p>\n");
        } else {
            let columns = ["Service", "Oldest line waiting", "Lines lost", "Gaps", "Engine"];
            table::list(page, "logs-list", "t-late", "Services whose lines are late or missing", &columns)?;
            table::rest(page, troubled.len(), ROWS, "/api/v1/logs")?;
        }
        page.push_str("</section>\n");
        Ok(())
    });
    for service in troubled.into_iter().take(ROWS).filter(|_| !logs.destinations.is_empty()) {
        let id = id('l', (&service.project, &service.service));
        sheet.row("logs-list", id.clone(), |page| write_service(page, &id, service));
    }
}

fn write_destination(page: &mut String, destination: &Destination, facts: &Facts<'_>) -> fmt::Result {
    let name = Text(&destination.name);
    write!(page, "<tr class=\"row\" tabindex=\"-1\"><th scope=\"row\"><bdi>{name}</bdi></th>")?;
    match &destination.trouble {
        Some(trouble) => table::state(page, "bad", format_args!("kept back: {}", Text(&trouble.text)))?,
        None => table::state(page, "good", "ok")?,
    }
    write!(page, "<td data-label=\"Taken\">{}</td><td data-label=\"Last\">", destination.sent_lines)?;
    if let Some(at) = destination.last_ack_at {
        write!(page, "{} ago", Away(at, facts.view.now))?;
    }
    write!(page, "</td><td data-label=\"Waiting\">{}</td><td data-label=\"On disk\">", Size(destination.queued_bytes))?;
    match &destination.spool {
        Some(spool) => write!(page, "{}", Size(spool.bytes))?,
        None => page.push_str("no state directory"),
    }
    page.push_str("</td></tr>\n");
    Ok(())
}

fn is_troubled(service: &Service) -> bool {
    service.lag_seconds >= LAG || service.lost_lines() > 0 || !service.gaps.is_empty() || service.upstream_lossy
}

fn write_service(page: &mut String, id: &str, service: &Service) -> fmt::Result {
    table::row(page, id, format_args!(""))?;
    write!(page, "<th scope=\"row\"><bdi>{}</bdi></th>", Text(&place(&service.project, &service.service)))?;
    let lag = SignedDuration::try_from_secs_f64(service.lag_seconds).unwrap_or_default();
    match lag.as_secs_f64() {
        seconds if seconds >= LAG => table::state(page, "warn", format_args!("{} old", Age(lag)))?,
        _ => page.push_str("<td></td>"),
    }
    for (name, count) in [("Lost", service.lost_lines()), ("Gaps", service.gaps.values().sum())] {
        let class = if count > 0 { "bad" } else { "none" };
        write!(page, "<td data-label=\"{name}\" class=\"{class}\">{count}</td>")?;
    }
    let engine = if service.upstream_lossy { "may lose lines" } else { "" };
    writeln!(page, "<td class=\"warn\">{engine}</td></tr>")
}
