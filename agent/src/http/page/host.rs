//! The host: the last hour of its CPU, memory and load, its engine, its kernel.

use std::fmt;

use super::{
    facts::Facts,
    fragment::Sheet,
    html::{Count, Size, Text},
    table, usage,
    verdict::last,
};

pub(super) fn write(sheet: &mut Sheet, facts: &Facts<'_>) {
    sheet.piece("host", |page| section(page, facts));
}

fn section(page: &mut String, facts: &Facts<'_>) -> fmt::Result {
    let view = &facts.view;
    let (engine, info) = (view.engine(), view.snapshot.engine.info.as_deref());
    table::section(page, "host", "Host", format_args!("{}", Text(view.host.unwrap_or_default())))?;
    page.push_str("<dl class=\"pairs\">");
    if let Some(sparks) = view.history.and_then(crate::history::Board::host) {
        if let Some(busy) = last(&sparks.cpu_busy) {
            usage::share(page, "CPU in use", "", busy, &sparks.cpu_busy, "CPU in use")?;
        }
        if let Some(used) = last(&sparks.memory_used) {
            usage::share(page, "Memory in use", "", used, &sparks.memory_used, "Memory in use")?;
        }
        if let Some(load) = last(&sparks.load) {
            usage::load(page, load, &sparks.load)?;
        }
    }
    if let Some(cpus) = info.and_then(|info| info.cpus) {
        table::pair(page, "Processors", format_args!("{cpus}"))?;
    }
    if let Some(memory) = info.and_then(|info| info.memory_bytes) {
        table::pair(page, "Memory", format_args!("{}", Size(memory)))?;
    }
    for (name, text) in [
        ("Operating system", engine.operating_system),
        ("Kernel", engine.kernel),
        ("Engine", engine.version),
        ("API spoken with it", engine.api_version),
        ("Its trouble", engine.trouble.filter(|_| !engine.connected)),
        ("Storage", info.and_then(|info| info.storage_driver.as_deref())),
        ("Cgroups", info.and_then(|info| info.cgroup_version.as_deref())),
    ] {
        if let Some(text) = text {
            table::pair(page, name, format_args!("{}", Text(text)))?;
        }
    }
    let networks = view.snapshot.networks.len();
    table::pair(page, "Networks", format_args!("{}", Count(networks, "network", "networks")))?;
    page.push_str("</dl></section>\n");
    Ok(())
}
