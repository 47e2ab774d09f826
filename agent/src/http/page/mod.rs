//! The page for people at `/`: written on the server, readable without scripts, nothing loaded but its own style sheet.

mod findings;
mod html;
mod isolation;
mod logs;
mod probes;

use std::fmt::{self, Write};

use jiff::{SignedDuration, Timestamp};

use self::html::Text;
use super::{
    api::{self, View},
    routes::ROUTES,
};
use crate::{
    inventory::Entry,
    model::{ContainerState, HealthStatus},
};

/// The style sheet. A file of its own, so that the content policy needs no exception for inline styles.
pub(super) const STYLE: &str = include_str!("style.css");

/// Containers shown; the JSON has them all.
const ROWS: usize = 1000;

/// The whole page.
pub(super) fn index(view: &View<'_>) -> String {
    let shown = view.snapshot.containers.len().min(ROWS);
    let mut page = String::with_capacity((4 << 10) + shown * 400);
    // Writing into a `String` cannot fail; a failure could only come from a `Display` of ours and would cut the page short.
    if write_page(&mut page, view).is_err() {
        tracing::error!("write page");
    }
    page
}

fn write_page(page: &mut String, view: &View<'_>) -> fmt::Result {
    let host = Text(view.host.unwrap_or("this host"));
    write!(
        page,
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <title>{host} - spyhop</title>\n<link rel=\"stylesheet\" href=\"/style.css\">\n</head>\n<body>\n\
         <header>\n<h1><bdi>{host}</bdi></h1>\n"
    )?;
    write_engine(page, view)?;
    page.push_str("</header>\n<main>\n");
    write_counts(page, view)?;
    probes::write(page, view)?;
    logs::write(page, view)?;
    write_containers(page, view)?;
    isolation::write(page, view)?;
    findings::write(page, view)?;
    page.push_str("</main>\n");
    write_links(page)?;
    page.push_str("</body>\n</html>\n");
    Ok(())
}

/// One sentence on how far the rest can be trusted.
fn write_engine(page: &mut String, view: &View<'_>) -> fmt::Result {
    let engine = view.engine();
    let age = engine.heard_at.map(|heard| Age(view.now.duration_since(heard)));
    match (engine.connected, age) {
        (true, _) => page.push_str("<p><span class=\"good\">Connected</span> to the container engine"),
        (false, Some(age)) => write!(
            page,
            "<p role=\"status\"><span class=\"bad\">The container engine is silent</span>; the list below is {age} old"
        )?,
        (false, None) => {
            page.push_str("<p role=\"status\"><span class=\"warn\">The container engine has not answered yet</span>");
        }
    }
    if let Some(version) = engine.version {
        write!(page, " (version {})", Text(version))?;
    }
    if let Some(trouble) = engine.trouble.filter(|_| !engine.connected) {
        write!(page, ": {}", Text(trouble))?;
    }
    page.push_str(".</p>\n");
    Ok(())
}

fn write_counts(page: &mut String, view: &View<'_>) -> fmt::Result {
    let containers = &view.snapshot.containers;
    let running = containers.iter().filter(|entry| entry.container.state == ContainerState::Running).count();
    let unhealthy = containers.iter().filter(|entry| health(entry) == Some(HealthStatus::Unhealthy)).count();
    page.push_str("<dl class=\"facts\">\n");
    for (name, count) in [
        ("Containers", containers.len()),
        ("Running", running),
        ("Unhealthy", unhealthy),
        ("Services", view.snapshot.services.len()),
        ("Networks", view.snapshot.networks.len()),
    ] {
        writeln!(page, "<div><dt>{name}</dt><dd>{count}</dd></div>")?;
    }
    probes::write_count(page, view)?;
    isolation::write_count(page, view)?;
    findings::write_count(page, view)?;
    page.push_str("</dl>\n");
    Ok(())
}

fn write_containers(page: &mut String, view: &View<'_>) -> fmt::Result {
    let containers = &view.snapshot.containers;
    page.push_str("<h2 id=\"containers\">Containers</h2>\n");
    if containers.is_empty() {
        page.push_str("<p>None is known.</p>\n");
        return Ok(());
    }
    page.push_str(
        "<div class=\"wide\" role=\"region\" aria-labelledby=\"containers\" tabindex=\"0\">\n<table>\n<thead><tr>\
         <th scope=\"col\">Name</th><th scope=\"col\">Project</th><th scope=\"col\">Service</th>\
         <th scope=\"col\">Replica</th><th scope=\"col\">State</th><th scope=\"col\">Health</th>\
         <th scope=\"col\" class=\"number\">Restarts</th><th scope=\"col\">Since</th><th scope=\"col\">Image</th>\
         </tr></thead>\n<tbody>\n",
    );
    for entry in containers.iter().take(ROWS) {
        write_row(page, entry, view.now)?;
    }
    page.push_str("</tbody>\n</table>\n</div>\n");
    if containers.len() > ROWS {
        writeln!(
            page,
            "<p>{} more are left out here; <a href=\"/api/v1/containers\">/api/v1/containers</a> has them all.</p>",
            containers.len() - ROWS
        )?;
    }
    Ok(())
}

fn write_row(page: &mut String, entry: &Entry, now: Timestamp) -> fmt::Result {
    let container = &entry.container;
    let key = &container.identity.key;
    write!(
        page,
        "<tr><th scope=\"row\"><bdi>{}</bdi></th><td><bdi>{}</bdi></td><td><bdi>{}</bdi></td><td><bdi>{}</bdi></td>",
        Text(&container.name),
        Text(&key.project),
        Text(&key.service),
        Text(&entry.replica),
    )?;
    let (class, state) = state(entry);
    write!(page, "<td class=\"{class}\">{state}")?;
    if let Some(code) = container.exit_code.filter(|_| container.state == ContainerState::Exited) {
        write!(page, " ({code})")?;
    }
    let (class, status) = match health(entry) {
        None => ("", ""),
        Some(status @ HealthStatus::Healthy) => ("good", status.as_str()),
        Some(status @ HealthStatus::Unhealthy) => ("bad", status.as_str()),
        Some(status @ (HealthStatus::Starting | HealthStatus::Unknown)) => ("warn", status.as_str()),
    };
    write!(page, "</td><td class=\"{class}\">{status}</td><td class=\"number\">")?;
    if let Some(restarts) = container.restart_count {
        write!(page, "{restarts}")?;
    }
    page.push_str("</td><td>");
    let running = matches!(container.state, ContainerState::Running | ContainerState::Paused);
    if let Some(since) = if running { container.started_at } else { container.finished_at } {
        write!(page, "<time datetime=\"{since:.0}\">{} ago</time>", Age(now.duration_since(since)))?;
    }
    writeln!(page, "</td><td><bdi>{}</bdi></td></tr>", Text(&container.image))
}

/// The state in a word, and how to show it.
fn state(entry: &Entry) -> (&'static str, &'static str) {
    match entry.container.state {
        ContainerState::Exited if entry.stopped_by_person => ("", "stopped"),
        ContainerState::Exited if entry.container.completed() => ("", "completed"),
        state @ ContainerState::Running => ("good", state.as_str()),
        state @ (ContainerState::Created | ContainerState::Removing) => ("", state.as_str()),
        state @ (ContainerState::Paused | ContainerState::Unknown) => ("warn", state.as_str()),
        state @ (ContainerState::Exited | ContainerState::Dead | ContainerState::Restarting) => ("bad", state.as_str()),
    }
}

/// Health of a container which runs; of others the engine only remembers it.
fn health(entry: &Entry) -> Option<HealthStatus> {
    let container = &entry.container;
    container.health.as_ref().filter(|_| container.has_processes()).map(|health| health.status)
}

fn write_links(page: &mut String) -> fmt::Result {
    page.push_str("<footer>\n<h2>Routes</h2>\n<ul>\n");
    for route in ROUTES {
        if route.is_pattern() {
            writeln!(page, "<li>{}: {}</li>", Text(route.path), Text(route.about))?;
        } else {
            writeln!(page, "<li><a href=\"{0}\">{0}</a>: {1}</li>", route.path, Text(route.about))?;
        }
    }
    write!(page, "</ul>\n<p>spyhop {}</p>\n</footer>\n", api::AGENT_VERSION)
}

/// A span of time, rounded down to its largest unit.
struct Age(SignedDuration);

impl fmt::Display for Age {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.as_secs().max(0) {
            seconds @ ..60 => write!(f, "{seconds} s"),
            seconds @ ..3_600 => write!(f, "{} min", seconds / 60),
            seconds @ ..86_400 => write!(f, "{} h", seconds / 3_600),
            seconds => write!(f, "{} d", seconds / 86_400),
        }
    }
}

#[cfg(test)]
mod tests;
