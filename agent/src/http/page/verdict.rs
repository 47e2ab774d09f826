//! The first line: is this host fine? And the row of figures below it.

use std::fmt::{self, Write};

use super::{
    facts::Facts,
    fragment::Sheet,
    html::{Away, Count, Size, Text},
    problems::Problem,
    usage,
};
use crate::{model::ContainerState, policy::Severity};

/// Things that are named in the line; the list has them all.
const NAMED: usize = 3;

pub(super) fn write(sheet: &mut Sheet, facts: &Facts<'_>, problems: &[Problem]) {
    sheet.piece("verdict", |page| line(page, facts, problems));
    sheet.piece("facts", |page| figures(page, facts));
}

/// The line in words, with a mark that does without colour.
fn line(page: &mut String, facts: &Facts<'_>, problems: &[Problem]) -> fmt::Result {
    let of = |severity| problems.iter().filter(move |problem| problem.severity == severity);
    let (urgent, later) = (of(Severity::Critical).count(), of(Severity::Warning).count());
    let ready = facts.view.engine().ready_since.is_some();
    let (class, mark) = match (ready, urgent, later) {
        (false, ..) => ("warn", "?"),
        (true, 0, 0) => ("good", "\u{2713}"),
        (true, 0, _) => ("warn", "!"),
        (true, ..) => ("bad", "\u{2715}"),
    };
    write!(
        page,
        "<div id=\"verdict\" class=\"verdict {class}\" role=\"status\" aria-live=\"polite\" aria-atomic=\"true\">\
         <span class=\"mark\" aria-hidden=\"true\">{mark}</span><p><strong>"
    )?;
    match (ready, urgent, later) {
        (false, ..) => page.push_str("Not known yet"),
        (true, 0, 0) => page.push_str("All is well"),
        (true, 0, later) => write!(page, "Nothing is urgent; {} to put right", Count(later, "thing", "things"))?,
        (true, 1, _) => page.push_str("1 thing is wrong"),
        (true, urgent, _) => write!(page, "{urgent} things are wrong")?,
    }
    page.push_str("</strong> <span>");
    if !ready {
        let trouble = facts.view.engine().trouble.unwrap_or("the first answer of the container engine is waited for");
        write!(page, "{}", Text(trouble))?;
    }
    let named = problems.iter().filter(|problem| problem.severity > Severity::Info);
    for (at, problem) in named.take(NAMED).enumerate() {
        let joint = if at == 0 { "" } else { " \u{b7} " };
        write!(page, "{joint}<b><bdi>{}</bdi></b> {}", Text(&problem.place), Text(&problem.what))?;
    }
    match (urgent + later).saturating_sub(NAMED) {
        0 => {}
        more => write!(page, " \u{b7} <a href=\"#findings\">{more} more</a>")?,
    }
    if ready && urgent + later == 0 {
        let services = facts.view.snapshot.services.len();
        write!(page, "{} as they should be", Count(services, "service is", "services are"))?;
    }
    page.push_str("</span></p></div>\n");
    Ok(())
}

fn figures(page: &mut String, facts: &Facts<'_>) -> fmt::Result {
    let view = &facts.view;
    let containers = &view.snapshot.containers;
    let running = containers.iter().filter(|entry| entry.container.state == ContainerState::Running).count();
    page.push_str("<dl id=\"facts\" class=\"facts\">");
    write!(page, "<div><dt>Containers</dt><dd>{running} <small>of {} run</small></dd></div>", containers.len())?;
    write!(page, "<div><dt>Services</dt><dd>{}</dd></div>", view.snapshot.services.len())?;
    let info = view.snapshot.engine.info.as_deref();
    if let Some(sparks) = view.history.and_then(crate::history::Board::host) {
        if let Some(busy) = last(&sparks.cpu_busy) {
            let of = info.and_then(|info| info.cpus).map(|cpus| format!(" of {cpus} cores")).unwrap_or_default();
            usage::share(page, "CPU", &format!("<small>{of}</small>"), busy, &sparks.cpu_busy, "CPU in use")?;
        }
        if let Some(used) = last(&sparks.memory_used) {
            let of =
                info.and_then(|info| info.memory_bytes).map(|all| format!(" of {}", Size(all))).unwrap_or_default();
            usage::share(page, "Memory", &format!("<small>{of}</small>"), used, &sparks.memory_used, "Memory in use")?;
        }
        if let Some(load) = last(&sparks.load) {
            usage::load(page, load, &sparks.load)?;
        }
    }
    let engine = view.engine();
    let version = engine.version.unwrap_or("engine");
    write!(page, "<div><dt>Engine</dt><dd>{} <small>", Text(version))?;
    match (engine.connected, engine.heard_at) {
        (true, _) => page.push_str("<span class=\"good\">connected</span>"),
        (false, Some(heard)) => write!(page, "<span class=\"bad\">silent for {}</span>", Away(heard, view.now))?,
        (false, None) => page.push_str("<span class=\"warn\">has not answered yet</span>"),
    }
    page.push_str("</small></dd></div></dl>\n");
    Ok(())
}

/// The newest figure.
pub(super) fn last(spark: &[f32]) -> Option<f64> {
    // The minute that runs may have no reading yet.
    spark.iter().rev().take(2).copied().find(|value| value.is_finite()).map(f64::from)
}
