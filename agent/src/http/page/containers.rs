//! Every container, one row each.

use std::fmt::{self, Write};

use super::{
    facts::{Facts, health, state},
    fragment::Sheet,
    html::{Away, Text},
    table, usage,
};
use crate::{
    inventory::Entry,
    model::{ContainerState, HealthStatus},
};

/// Containers shown; the JSON has them all.
pub(super) const ROWS: usize = 1000;
/// With more containers than this their last hour is left out: it is most of the page by then, and services have theirs.
const SPARKS: usize = 200;

pub(super) fn write(sheet: &mut Sheet, facts: &Facts<'_>) {
    let containers = &facts.view.snapshot.containers;
    sheet.piece("containers", |page| {
        table::section(page, "containers", "Containers", format_args!("{}", containers.len()))?;
        if containers.is_empty() {
            page.push_str("<p>None is known.</p>\n");
        }
        let columns = ["Name", "State", "Health", "CPU", "Memory", "Restarts", "Since"];
        table::list(page, "containers-list", "t-containers", "Containers", &columns)?;
        table::rest(page, containers.len(), ROWS, "/api/v1/containers")?;
        page.push_str("</section>\n");
        Ok(())
    });
    let sparks = containers.len() <= SPARKS;
    for entry in containers.iter().take(ROWS) {
        let id = format!("c-{}", entry.container.id.short());
        sheet.row("containers-list", id.clone(), |page| write_row(page, &id, entry, facts, sparks));
    }
}

fn write_row(page: &mut String, id: &str, entry: &Entry, facts: &Facts<'_>, sparks: bool) -> fmt::Result {
    let container = &entry.container;
    let (class, word) = state(entry);
    let health = health(entry);
    let told = health.map_or("none", HealthStatus::as_str);
    table::row(page, id, format_args!(" data-state=\"{}\" data-health=\"{told}\"", container.state.as_str()))?;
    write!(page, "<th scope=\"row\"><bdi>{}</bdi></th>", Text(&container.name))?;
    match container.exit_code.filter(|_| container.state == ContainerState::Exited) {
        Some(code) => table::state(page, class, format_args!("{word} ({code})"))?,
        None => table::state(page, class, word)?,
    }
    match health {
        None => page.push_str("<td></td>"),
        Some(status @ HealthStatus::Healthy) => table::state(page, "good", status.as_str())?,
        Some(status @ HealthStatus::Unhealthy) => table::state(page, "bad", status.as_str())?,
        Some(status @ (HealthStatus::Starting | HealthStatus::Unknown)) => table::state(page, "warn", status.as_str())?,
    }
    write_usage(page, entry, facts, sparks)?;
    match container.restart_count {
        Some(0) => page.push_str("<td class=\"none\" data-label=\"Restarts\">0</td>"),
        Some(restarts) => write!(page, "<td data-label=\"Restarts\">{restarts}</td>")?,
        None => page.push_str("<td></td>"),
    }
    page.push_str("<td data-label=\"Since\">");
    let running = matches!(container.state, ContainerState::Running | ContainerState::Paused);
    if let Some(since) = if running { container.started_at } else { container.finished_at } {
        write!(page, "{} ago", Away(since, facts.view.now))?;
    }
    page.push_str("</td>");
    table::details(page, |page| write_details(page, entry))
}

fn write_usage(page: &mut String, entry: &Entry, facts: &Facts<'_>, sparks: bool) -> fmt::Result {
    let container = &entry.container;
    if !container.has_processes() {
        page.push_str("<td></td><td></td>");
        return Ok(());
    }
    let used = facts.usage(entry);
    let past = facts.view.history.filter(|_| sparks).and_then(|history| history.container(&container.id));
    page.push_str("<td data-label=\"CPU\">");
    let line = past.as_ref().map(|past| past.cpu_cores.as_slice());
    usage::cpu(page, used.and_then(|used| used.cpu_cores), container.limits.cpu_cores, line)?;
    page.push_str("</td><td data-label=\"Memory\">");
    let line = past.as_ref().map(|past| past.memory_bytes.as_slice());
    usage::memory(page, used.and_then(|used| used.memory_bytes), container.limits.memory_bytes, line)?;
    page.push_str("</td>");
    Ok(())
}

fn write_details(page: &mut String, entry: &Entry) -> fmt::Result {
    let container = &entry.container;
    let key = &container.identity.key;
    if !key.project.is_empty() {
        table::pair(page, "Project", format_args!("<bdi>{}</bdi>", Text(&key.project)))?;
    }
    let (service, replica) = (Text(&key.service), Text(&entry.replica));
    table::pair(page, "Service", format_args!("<bdi>{service}</bdi>, replica <bdi>{replica}</bdi>"))?;
    table::pair(page, "Image", format_args!("<bdi>{}</bdi>", Text(&container.image)))?;
    table::pair(page, "Id", format_args!("<code>{}</code>", Text(container.id.short())))?;
    for network in &container.networks {
        let addresses: Vec<_> = network.addresses.iter().map(ToString::to_string).collect();
        let name = Text(&network.network);
        table::pair(page, "Network", format_args!("<bdi>{name}</bdi> {}", addresses.join(", ")))?;
    }
    for port in container.ports.iter().take(20) {
        let (ip, protocol) = (Text(&port.host_ip), Text(&port.protocol));
        let (inside, outside) = (port.container_port, port.host_port);
        table::pair(page, "Published", format_args!("{ip}:{outside} to {inside}/{protocol}"))?;
    }
    if container.oom_killed == Some(true) || entry.oom_events > 0 {
        table::pair(page, "Killed for want of memory", format_args!("{} times", entry.oom_events.max(1)))?;
    }
    if let Some(health) = &container.health
        && let Some(streak) = health.failing_streak.filter(|streak| *streak > 0)
    {
        table::pair(page, "Check", format_args!("failed {streak} times in a row"))?;
    }
    Ok(())
}
