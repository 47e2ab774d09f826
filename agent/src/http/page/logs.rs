//! The page's section on logs: the destinations, and the services of which something waits or is missing.

use std::fmt::{self, Write};

use jiff::SignedDuration;

use super::{Age, html::Text};
use crate::http::api::{
    Filter, View,
    logs::{Destination, Service},
};

/// Services shown; the JSON has them all.
const ROWS: usize = 100;

/// A shorter lag is the time lines take.
const LAG: f64 = 60.0;

/// Nothing while logs go nowhere.
pub(super) fn write(page: &mut String, view: &View<'_>) -> fmt::Result {
    let logs = view.logs(&Filter::default());
    if logs.destinations.is_empty() {
        return Ok(());
    }
    page.push_str(
        "<h2 id=\"logs\">Logs</h2>\n<div class=\"wide\" role=\"region\" aria-labelledby=\"logs\" tabindex=\"0\">\n<table>\n\
         <thead><tr><th scope=\"col\">Destination</th><th scope=\"col\">State</th>\
         <th scope=\"col\" class=\"number\">Lines taken</th><th scope=\"col\">Last</th>\
         <th scope=\"col\" class=\"number\">Waiting in memory</th><th scope=\"col\" class=\"number\">On disk</th>\
         </tr></thead>\n<tbody>\n",
    );
    for destination in &logs.destinations {
        write_destination(page, destination, view)?;
    }
    page.push_str("</tbody>\n</table>\n</div>\n");
    let troubled: Vec<_> = logs.services.iter().filter(|service| is_troubled(service)).collect();
    if troubled.is_empty() {
        page.push_str("<p>Nothing is late, lost or missing.</p>\n");
        return Ok(());
    }
    page.push_str(
        "<div class=\"wide\" role=\"region\" aria-label=\"Services whose lines are late or missing\" tabindex=\"0\">\n<table>\n\
         <thead><tr><th scope=\"col\">Project</th><th scope=\"col\">Service</th><th scope=\"col\">Oldest line waiting</th>\
         <th scope=\"col\" class=\"number\">Lines lost</th><th scope=\"col\" class=\"number\">Gaps</th>\
         <th scope=\"col\">Engine</th></tr></thead>\n<tbody>\n",
    );
    for service in troubled.iter().take(ROWS) {
        write_service(page, service)?;
    }
    page.push_str("</tbody>\n</table>\n</div>\n");
    if troubled.len() > ROWS {
        writeln!(
            page,
            "<p>{} more are left out here; <a href=\"/api/v1/logs\">/api/v1/logs</a> has them all.</p>",
            troubled.len() - ROWS
        )?;
    }
    Ok(())
}

fn write_destination(page: &mut String, destination: &Destination, view: &View<'_>) -> fmt::Result {
    write!(page, "<tr><th scope=\"row\"><bdi>{}</bdi></th>", Text(&destination.name))?;
    match &destination.trouble {
        Some(trouble) => write!(page, "<td class=\"bad\">kept back: {}</td>", Text(&trouble.text))?,
        None => page.push_str("<td class=\"good\">ok</td>"),
    }
    write!(page, "<td class=\"number\">{}</td><td>", destination.sent_lines)?;
    if let Some(at) = destination.last_ack_at {
        write!(page, "<time datetime=\"{at:.0}\">{} ago</time>", Age(view.now.duration_since(at)))?;
    }
    write!(page, "</td><td class=\"number\">{}</td><td class=\"number\">", Size(destination.queued_bytes))?;
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

fn write_service(page: &mut String, service: &Service) -> fmt::Result {
    write!(
        page,
        "<tr><th scope=\"row\"><bdi>{}</bdi></th><td><bdi>{}</bdi></td>",
        Text(&service.project),
        Text(&service.service)
    )?;
    let lag = SignedDuration::try_from_secs_f64(service.lag_seconds).unwrap_or_default();
    match lag.as_secs_f64() {
        seconds if seconds >= LAG => write!(page, "<td class=\"warn\">{} old</td>", Age(lag))?,
        _ => page.push_str("<td></td>"),
    }
    for count in [service.lost_lines(), service.gaps.values().sum()] {
        let class = if count > 0 { "number bad" } else { "number" };
        write!(page, "<td class=\"{class}\">{count}</td>")?;
    }
    let engine = if service.upstream_lossy { "may lose lines" } else { "" };
    writeln!(page, "<td class=\"warn\">{engine}</td></tr>")
}

/// Bytes in their largest binary unit, rounded down.
struct Size(u64);

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            bytes @ ..0x400 => write!(f, "{bytes} B"),
            bytes @ ..0x10_0000 => write!(f, "{} KiB", bytes >> 10),
            bytes @ ..0x4000_0000 => write!(f, "{} MiB", bytes >> 20),
            bytes => write!(f, "{} GiB", bytes >> 30),
        }
    }
}
