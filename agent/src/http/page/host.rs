//! The host: the last hour of its CPU, memory and load, its engine, its kernel.

use std::fmt::{self, Write};

use super::{
    facts::Facts,
    fragment::Sheet,
    html::{Count, Percent, Size, Text},
    table,
    usage::{spark_shares, spark_values},
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
            write!(page, "<div><dt>CPU in use</dt><dd>{} ", Percent(busy))?;
            spark_shares(page, &sparks.cpu_busy, "CPU in use")?;
            page.push_str("</dd></div>");
        }
        if let Some(used) = last(&sparks.memory_used) {
            write!(page, "<div><dt>Memory in use</dt><dd>{} ", Percent(used))?;
            spark_shares(page, &sparks.memory_used, "Memory in use")?;
            page.push_str("</dd></div>");
        }
        if let Some(load) = last(&sparks.load) {
            write!(page, "<div><dt>Load</dt><dd>{load:.1} ")?;
            spark_values(page, &sparks.load, "Load")?;
            page.push_str("</dd></div>");
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
