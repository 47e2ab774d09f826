//! Tiers with their services: who runs, how well, and how much is used of what is allowed.

use std::fmt::{self, Write};

use super::{
    facts::{Facts, missing, place},
    fragment::{Sheet, id},
    html::{Cores, Count, Percent, Size, Text},
    table,
    usage::{self, sum},
};
use crate::{
    history::Objective,
    inventory::ServiceEntry,
    model::{InOrder as _, ServiceKey},
    policy::Severity,
};

/// Services shown; the JSON has them all.
const ROWS: usize = 1000;

pub(super) fn write(sheet: &mut Sheet, facts: &Facts<'_>) {
    let tiers: Vec<(&str, Severity)> = facts.tiers().collect();
    let rank = |key: &ServiceKey| {
        let own = facts.tier(key);
        tiers.iter().position(|(name, _)| Some(*name) == own).unwrap_or(tiers.len())
    };
    let mut services: Vec<&ServiceEntry> = facts.view.snapshot.services.iter().map(AsRef::as_ref).collect();
    // Stable: within a tier by their names.
    services.order_by_key(|service| rank(&service.key));
    sheet.piece("tiers", |page| {
        let title = if tiers.is_empty() { "Services" } else { "Tiers and their services" };
        table::section(page, "tiers", title, format_args!("{}", services.len()))?;
        page.push_str("<div id=\"services\">");
        if services.is_empty() {
            page.push_str("<p>None is known.</p>\n");
        }
        let columns = ["Service", "Runs", "Health", "CPU", "Memory", "Restarts", "Probes", "Budget left"];
        table::list(page, "services-list", "t-services", "Services", &columns)?;
        table::rest(page, services.len(), ROWS, "/api/v1/services")?;
        page.push_str("</div></section>\n");
        Ok(())
    });
    let mut last = None;
    for service in services.iter().take(ROWS) {
        let at = rank(&service.key);
        if !tiers.is_empty() && last != Some(at) {
            let (name, severity) = tiers.get(at).map_or(("", None), |(name, severity)| (*name, Some(*severity)));
            let of: Vec<_> = services.iter().filter(|service| rank(&service.key) == at).copied().collect();
            let id = id('t', name);
            sheet.row("services-list", id.clone(), |page| write_tier(page, &id, name, severity, &of, facts));
            last = Some(at);
        }
        let id = id('s', &service.key);
        sheet.row("services-list", id.clone(), |page| write_row(page, &id, service, facts));
    }
}

/// The head of a tier: how many of its services are well, and what it takes of the host.
fn write_tier(
    page: &mut String,
    id: &str,
    name: &str,
    severity: Option<Severity>,
    services: &[&ServiceEntry],
    facts: &Facts<'_>,
) -> fmt::Result {
    let troubled = services.iter().filter(|service| is_troubled(service)).count();
    let used: Vec<_> = services.iter().map(|service| facts.used(&service.key)).collect();
    let cpus: f64 = used.iter().filter_map(|used| used.cpu).sum();
    let memory: u64 = used.iter().filter_map(|used| used.memory).sum();
    write!(page, "<tr id=\"{id}\" class=\"group\"><th scope=\"rowgroup\" colspan=\"9\">")?;
    match severity {
        Some(severity) => {
            write!(page, "Tier <bdi>{}</bdi> <small>{severity} when it fails</small>", Text(name))?;
        }
        None => page.push_str("Without a tier"),
    }
    write!(page, " <small>{}</small>", Count(services.len(), "service", "services"))?;
    match troubled {
        0 => page.push_str(" <small class=\"good\">all well</small>"),
        troubled => write!(page, " <small class=\"bad\">{troubled} not well</small>")?,
    }
    if used.iter().any(|used| used.memory.is_some()) {
        write!(page, " <small>{} cores, {} in use</small>", Cores(cpus), Size(memory))?;
    }
    page.push_str("</th></tr>\n");
    Ok(())
}

fn is_troubled(service: &ServiceEntry) -> bool {
    missing(service) > service.stopped || service.healthy < service.running
}

fn write_row(page: &mut String, id: &str, service: &ServiceEntry, facts: &Facts<'_>) -> fmt::Result {
    let key = &service.key;
    table::row(
        page,
        id,
        format_args!(" data-project=\"{}\" data-service=\"{}\"", Text(&key.project), Text(&key.service)),
    )?;
    write!(page, "<th scope=\"row\"><bdi>{}</bdi>", Text(&key.service))?;
    if !key.project.is_empty() {
        write!(page, " <small><bdi>{}</bdi></small>", Text(&key.project))?;
    }
    page.push_str("</th>");
    let class = match (missing(service), service.stopped) {
        (0, _) => "good",
        (missing, stopped) if stopped >= missing => "",
        _ => "bad",
    };
    let word = match (service.running, service.expected) {
        (_, 0) if service.completed > 0 => "completed".to_owned(),
        (0, expected) if expected > 0 && service.stopped >= expected => "stopped".to_owned(),
        (running, expected) => format!("{running} of {expected}"),
    };
    table::state(page, class, word)?;
    match (service.checked, service.running) {
        (false, _) => page.push_str("<td><small>no check</small></td>"),
        (true, 0) => page.push_str("<td></td>"),
        (true, running) if service.healthy >= running => table::state(page, "good", "healthy")?,
        (true, running) => table::state(page, "bad", format_args!("{} of {running} healthy", service.healthy))?,
    }
    let used = facts.used(key);
    let sparks: Vec<_> = sparks(facts, key);
    page.push_str("<td data-label=\"CPU\">");
    let line = sum(sparks.iter().map(|sparks| sparks.cpu_cores.as_slice()));
    usage::cpu(page, used.cpu, used.cpu_limit, line.as_deref())?;
    page.push_str("</td><td data-label=\"Memory\">");
    let line = sum(sparks.iter().map(|sparks| sparks.memory_bytes.as_slice()));
    usage::memory(page, used.memory, used.memory_limit, line.as_deref())?;
    page.push_str("</td>");
    let restarts = service.counters.restarts;
    let class = if restarts > 0 { "" } else { " class=\"none\"" };
    write!(page, "<td data-label=\"Restarts\"{class}>{restarts}</td>")?;
    write_probes(page, key, facts)?;
    write_budget(page, key, facts)?;
    table::details(page, |page| write_details(page, service, facts))
}

fn sparks(facts: &Facts<'_>, key: &ServiceKey) -> Vec<crate::history::Sparks> {
    let Some(history) = facts.view.history else { return Vec::new() };
    facts.replicas(key).iter().filter_map(|entry| history.container(&entry.container.id)).collect()
}

fn write_probes(page: &mut String, key: &ServiceKey, facts: &Facts<'_>) -> fmt::Result {
    let of: Vec<_> =
        facts.probes.iter().filter(|probe| *probe.project == *key.project && *probe.service == *key.service).collect();
    let failing = of.iter().filter(|probe| probe.state == "failing").count();
    let well = of.iter().filter(|probe| probe.state == "ok").count();
    match (of.len(), failing) {
        (0, _) => page.push_str("<td class=\"none\" data-label=\"Probes\">none</td>"),
        (all, 0) if well == all => table::state(page, "good", format_args!("{all} ok"))?,
        (all, 0) => table::state(page, "warn", format_args!("{well} of {all} ok"))?,
        (all, failing) => table::state(page, "bad", format_args!("{failing} of {all} failing"))?,
    }
    Ok(())
}

/// Of several objectives the one with the least left.
fn write_budget(page: &mut String, key: &ServiceKey, facts: &Facts<'_>) -> fmt::Result {
    let of = facts.objectives.iter().filter(|slo| slo.project == key.project && slo.service == key.service);
    let Some(left) = of.filter_map(Objective::known_left).reduce(f64::min) else {
        page.push_str("<td></td>");
        return Ok(());
    };
    let class = usage::budget_class(left);
    table::state(page, class, format_args!("{}", Percent(left)))
}

fn write_details(page: &mut String, service: &ServiceEntry, facts: &Facts<'_>) -> fmt::Result {
    let counters = &service.counters;
    if let Some(tier) = facts.tier(&service.key) {
        table::pair(page, "Tier", format_args!("<bdi>{}</bdi>", Text(tier)))?;
    }
    let (starts, restarts) = (counters.starts, counters.restarts);
    table::pair(page, "Since the agent knows it", format_args!("{starts} starts, {restarts} restarts"))?;
    if counters.oom_kills > 0 {
        table::pair(page, "Killed for want of memory", format_args!("{}", counters.oom_kills))?;
    }
    if service.checked {
        let (passed, failed) = (counters.health_passed, counters.health_failed + counters.health_timed_out);
        table::pair(page, "Checks", format_args!("{passed} passed, {failed} failed"))?;
    }
    let replicas = facts.replicas(&service.key);
    let networks: std::collections::BTreeSet<&str> =
        replicas.iter().flat_map(|entry| &entry.container.networks).map(|network| &*network.network).collect();
    if !networks.is_empty() {
        let names: Vec<_> = networks.into_iter().map(|name| Text(name).to_string()).collect();
        table::pair(page, "Networks", format_args!("<bdi>{}</bdi>", names.join("</bdi>, <bdi>")))?;
    }
    page.push_str("<div><dt>Containers</dt><dd>");
    for (at, entry) in replicas.iter().take(20).enumerate() {
        let joint = if at == 0 { "" } else { ", " };
        let (id, name) = (Text(entry.container.id.short()), Text(&entry.container.name));
        write!(page, "{joint}<a href=\"#c-{id}\"><bdi>{name}</bdi></a>")?;
    }
    match replicas.len() {
        0 => page.push_str("none"),
        all if all > 20 => write!(page, ", and {} more", all - 20)?,
        _ => {}
    }
    let named = place(&service.key.project, &service.key.service);
    write!(page, "</dd></div><div><dt>Name</dt><dd><bdi>{}</bdi></dd></div>", Text(&named))
}
