//! Objectives of the policy, as far as this agent has seen them kept.

use std::fmt::{self, Write};

use jiff::SignedDuration;

use super::{
    facts::{Facts, place},
    fragment::{Sheet, id},
    html::{Age, Cores, Count, Percent, Text},
    table, usage,
};
use crate::history::{Judge, Objective};

/// Objectives shown; the JSON has them all.
const ROWS: usize = 200;

pub(super) fn write(sheet: &mut Sheet, facts: &Facts<'_>) {
    let objectives = &facts.objectives;
    sheet.piece("objectives", |page| {
        if objectives.is_empty() {
            return table::absent(page, "objectives");
        }
        let spent = objectives.iter().filter(|slo| slo.known_left().is_some_and(|left| left <= 0.0)).count();
        let note = match spent {
            0 => format!("{}", objectives.len()),
            spent => format!("{} without budget", Count(spent, "is", "are")),
        };
        table::section(page, "objectives", "Objectives", format_args!("{note}"))?;
        let columns = ["Objective", "Where", "Budget left", "Burn", "Seen"];
        table::list(page, "objectives-list", "t-objectives", "Objectives", &columns)?;
        table::rest(page, objectives.len(), ROWS, "/api/v1/objectives")?;
        page.push_str("</section>\n");
        Ok(())
    });
    for objective in objectives.iter().take(ROWS) {
        let id = id('o', (&objective.project, &objective.service, &objective.name));
        sheet.row("objectives-list", id.clone(), |page| write_row(page, &id, objective));
    }
}

fn write_row(page: &mut String, id: &str, objective: &Objective) -> fmt::Result {
    table::row(page, id, format_args!(""))?;
    let window = age(objective.window);
    let named = place(&objective.project, &objective.service);
    write!(
        page,
        "<th scope=\"row\"><bdi>{}</bdi> <small>{} in {window}</small></th><td><bdi>{}</bdi></td>",
        Text(&objective.name),
        objective.target,
        Text(if named.is_empty() { "host" } else { &named }),
    )?;
    match (objective.known_left(), objective.judge) {
        (_, Judge::Prometheus) => page.push_str("<td><small>Prometheus knows</small></td>"),
        (None, Judge::Agent) if objective.left.is_none() => page.push_str("<td><small>nothing seen yet</small></td>"),
        (None, Judge::Agent) => page.push_str("<td><small>too little seen yet</small></td>"),
        (Some(left), Judge::Agent) => {
            let class = usage::budget_class(left);
            write!(page, "<td data-label=\"Budget\"><span class=\"state {class}\">{}</span>", Percent(left))?;
            usage::left(page, left)?;
            page.push_str("</td>");
        }
    }
    match objective.known_burn() {
        Some(burn) => write!(page, "<td data-label=\"Burn\">{}\u{d7}</td>", Cores(burn))?,
        None => page.push_str("<td></td>"),
    }
    match objective.judge {
        Judge::Prometheus => page.push_str("<td></td></tr>\n"),
        Judge::Agent => writeln!(page, "<td data-label=\"Seen\">{} of it</td></tr>", age(objective.covers))?,
    }
    Ok(())
}

fn age(duration: std::time::Duration) -> Age {
    Age(SignedDuration::try_from(duration).unwrap_or(SignedDuration::MAX))
}
