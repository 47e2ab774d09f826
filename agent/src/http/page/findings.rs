//! What is wrong, one row a thing; many of one kind are one row.

use std::{
    collections::BTreeSet,
    fmt::{self, Write},
};

use super::{
    facts::Facts,
    fragment::{Sheet, id},
    html::{Away, Count, Text},
    problems::{Problem, coverage},
    table,
};
use crate::{model::IntoTree as _, policy::Severity};

/// Rows shown; the JSON has them all.
const ROWS: usize = 100;
/// From so many of one kind on they are one row.
const MANY: usize = 4;
/// Members of a row that are listed in it.
const MEMBERS: usize = 50;

pub(super) fn write(sheet: &mut Sheet, facts: &Facts<'_>, problems: &[Problem]) {
    let rows = grouped(problems);
    sheet.piece("findings", |page| {
        let wrong = problems.iter().filter(|problem| problem.severity > Severity::Info).count();
        let known = problems.len() - wrong;
        let note = match (wrong, known) {
            (0, 0) => String::new(),
            (wrong, 0) => format!("{wrong}"),
            (wrong, known) => format!("{wrong}, and {known} worth knowing"),
        };
        table::section(page, "findings", "What is wrong", format_args!("{note}"))?;
        if problems.is_empty() {
            page.push_str("<p><span class=\"good\">Nothing</span> is other than it should be.</p>\n");
        }
        table::list(
            page,
            "findings-list",
            "t-findings",
            "What is wrong",
            &["Severity", "Where", "What is so", "Since"],
        )?;
        table::rest(page, rows.len(), ROWS, "/api/v1/findings")?;
        foot(page, facts)?;
        page.push_str("</section>\n");
        Ok(())
    });
    for row in rows.iter().take(ROWS) {
        let (first, members) = (row.0, row.1.as_slice());
        let id = match members {
            [only] => id('f', (only.class, only.severity, &only.place, identity(only))),
            _ => id('g', (first.class, first.severity)),
        };
        sheet.row("findings-list", id.clone(), |page| write_row(page, &id, members, facts));
    }
}

/// What tells two findings of one class and place apart. The figures in a text change while the finding is the same.
fn identity(problem: &Problem) -> String {
    problem.what.chars().filter(|character| !character.is_ascii_digit()).collect()
}

/// In order; those of a kind of which there are many at the place of the first.
fn grouped(problems: &[Problem]) -> Vec<(&Problem, Vec<&Problem>)> {
    let mut rows: Vec<(&Problem, Vec<&Problem>)> = Vec::new();
    for problem in problems {
        let alike = |other: &&Problem| other.class == problem.class && other.severity == problem.severity;
        if problems.iter().filter(alike).take(MANY).count() < MANY {
            rows.push((problem, vec![problem]));
        } else if let Some((_, members)) = rows.iter_mut().find(|(first, _)| alike(first)) {
            members.push(problem);
        } else {
            rows.push((problem, vec![problem]));
        }
    }
    rows
}

fn write_row(page: &mut String, id: &str, members: &[&Problem], facts: &Facts<'_>) -> fmt::Result {
    let Some(first) = members.first() else { return Ok(()) };
    let (class, mark) = match first.severity {
        Severity::Critical => ("bad", "critical"),
        Severity::Warning => ("warn", "warning"),
        Severity::Info => ("", "info"),
    };
    table::row(page, id, format_args!(" data-class=\"{}\"", first.class))?;
    table::state(page, class, mark)?;
    if let [only] = members {
        let (place, what) = (Text(&only.place), Text(&only.what));
        write!(page, "<th scope=\"row\"><bdi>{place}</bdi></th><td>{what}</td>")?;
    } else {
        let word = first.class.replace('_', " ");
        let places: BTreeSet<&str> = members.iter().map(|member| &*member.place).into_set();
        write!(
            page,
            "<th scope=\"row\">{}</th><td>{} {word}: ",
            Count(places.len(), "place", "places"),
            members.len()
        )?;
        for (at, place) in places.iter().take(3).enumerate() {
            write!(page, "{}<bdi>{}</bdi>", if at == 0 { "" } else { ", " }, Text(place))?;
        }
        page.push_str(if places.len() > 3 { "\u{2026}</td>" } else { "</td>" });
    }
    page.push_str("<td data-label=\"Since\">");
    if let Some(since) = members.iter().filter_map(|member| member.since).min() {
        write!(page, "{}", Away(since, facts.view.now))?;
    }
    page.push_str("</td>");
    table::details(page, |page| {
        if members.len() > 1 {
            for member in members.iter().take(MEMBERS) {
                write!(page, "<div><dt><bdi>{}</bdi></dt><dd>{}</dd></div>", Text(&member.place), Text(&member.what))?;
            }
            if members.len() > MEMBERS {
                table::pair(page, "and", format_args!("{}", Count(members.len() - MEMBERS, "other", "others")))?;
            }
        }
        if !first.help.is_empty() {
            table::pair(page, "What to do", format_args!("{}", Text(first.help)))?;
        }
        let (area, alert) = first.runbook;
        table::pair(page, "Runbook", format_args!("<code>docs/runbooks/{area}.md#{}</code>", alert.to_lowercase()))?;
        table::pair(page, "Kind", format_args!("<code>{}</code>", first.class))
    })
}

fn foot(page: &mut String, facts: &Facts<'_>) -> fmt::Result {
    let excepted = facts.findings.as_ref().map_or(0, |findings| findings.excepted.len());
    let mut notes = Vec::new();
    if excepted > 0 {
        notes.push(format!("{} by leave of the policy", Count(excepted, "is excepted", "are excepted")));
    }
    notes.extend(coverage(facts));
    if notes.is_empty() {
        return Ok(());
    }
    writeln!(page, "<p class=\"note\">{}.</p>", notes.join("; "))
}
