//! The page's section on isolation: what stands, how much was looked at, and who may talk to whom, a letter a pair.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::{self, Write},
};

use super::{
    facts::{Facts, place},
    fragment::Sheet,
    html::{Away, Count, Text},
    table,
};
use crate::{
    http::api::isolation::{Cell, Finding, Isolation},
    model::IntoTree as _,
};

/// Violations shown here; the list of findings and the JSON go on.
const ROWS: usize = 20;

/// Services in a matrix; of larger projects the JSON has it.
const MAX_SERVICES: usize = 40;

/// What a letter says of a pair of services, the most important first: of several ports the first counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Letter {
    Violated,
    Missing,
    Used,
    Allowed,
    Neighbours,
    Closed,
    Untried,
}

impl Letter {
    const ALL: [Self; 7] =
        [Self::Violated, Self::Missing, Self::Used, Self::Allowed, Self::Neighbours, Self::Closed, Self::Untried];

    const fn of(cell: &Cell, same_network: bool) -> Self {
        match (cell.expected.as_bytes(), cell.observed.as_bytes()) {
            (b"allowed", b"used") => Self::Used,
            (b"allowed", _) => Self::Allowed,
            (_, b"used") => Self::Violated,
            (_, b"open") if !same_network => Self::Violated,
            _ if same_network => Self::Neighbours,
            (_, b"closed") => Self::Closed,
            _ => Self::Untried,
        }
    }

    /// The letter, how it is shown, and what it means.
    const fn shown(self) -> (&'static str, &'static str, &'static str) {
        match self {
            Self::Violated => ("X", "bad", "open or used, and no flow names it"),
            Self::Missing => ("!", "bad", "must work and does not"),
            Self::Used => ("u", "good", "allowed, and used within an hour"),
            Self::Allowed => ("a", "", "allowed, and not seen"),
            Self::Neighbours => ("s", "", "on one network without a flow, which nobody can close"),
            Self::Closed => ("-", "", "closed, as a probe found"),
            Self::Untried => (".", "", "not allowed, and nobody has tried"),
        }
    }
}

/// Nothing while nobody looks.
pub(super) fn write(sheet: &mut Sheet, facts: &Facts<'_>) {
    sheet.piece("isolation", |page| match &facts.isolation {
        Some(known) => section(page, facts, known),
        None => table::absent(page, "isolation"),
    });
}

fn section(page: &mut String, facts: &Facts<'_>, known: &Isolation<'_>) -> fmt::Result {
    let violations = violations(known);
    table::section(page, "isolation", "Isolation", format_args!("{}", Count(violations, "violation", "violations")))?;
    page.push_str("<p>");
    match violations {
        0 => page.push_str("<span class=\"good\">Nothing</span> is reached that should not be"),
        more => write!(page, "<span class=\"bad\">{}</span>", Count(more, "violation", "violations"))?,
    }
    let excess = known.findings.iter().filter(|finding| finding.class == EXCESS && finding.is_about_two()).count();
    if excess > 0 {
        write!(page, "; {} a network without a flow", Count(excess, "pair shares", "pairs share"))?;
    }
    if !known.waived.is_empty() {
        write!(page, "; {} waived", known.waived.len())?;
    }
    page.push_str(". <a href=\"/api/v1/isolation\">/api/v1/isolation</a> has who was seen with whom.</p>\n");
    write_violations(page, facts, known)?;
    write_coverage(page, known)?;
    page.push_str("<div id=\"matrix\">");
    let mut projects = BTreeMap::<&str, Vec<&Cell>>::new();
    for cell in &known.matrix {
        projects.entry(&cell.project).or_default().push(cell);
    }
    for (at, (project, cells)) in projects.into_iter().enumerate() {
        write_matrix(page, at, project, &cells, known)?;
    }
    page.push_str("</div></section>\n");
    Ok(())
}

/// The class that is a count.
const EXCESS: &str = "excess_reachability";

fn violations(known: &Isolation<'_>) -> usize {
    known.findings.iter().filter(|finding| finding.severity != "info").count()
}

/// Those that stand, the worst first; nothing where there is none.
fn write_violations(page: &mut String, facts: &Facts<'_>, known: &Isolation<'_>) -> fmt::Result {
    let violations = known.findings.iter().filter(|finding| finding.severity != "info");
    if violations.clone().next().is_none() {
        return Ok(());
    }
    let columns = ["Severity", "Where", "What is so", "Said by", "Since"];
    table::head(page, "t-violations", "Violations of isolation", &columns)?;
    page.push_str("<tbody>");
    for finding in violations.take(ROWS) {
        let class = if finding.severity == "critical" { "bad" } else { "warn" };
        page.push_str("<tr class=\"row\" tabindex=\"-1\">");
        table::state(page, class, finding.severity)?;
        let named = place(&finding.project, finding.service.as_deref().unwrap_or_default());
        let (what, since) = (Text(&finding.message), Away(finding.since, facts.view.now));
        writeln!(
            page,
            "<th scope=\"row\"><bdi>{}</bdi></th><td>{what} <small>{}</small></td><td>{}</td><td>{since}</td></tr>",
            Text(&named),
            finding.class,
            finding.evidence.join(", "),
        )?;
    }
    page.push_str("</tbody></table>\n");
    Ok(())
}

fn write_coverage(page: &mut String, known: &Isolation<'_>) -> fmt::Result {
    table::head(page, "t-coverage", "Coverage of isolation", &["Project", "Looked at by", "How much", "What is not"])?;
    page.push_str("<tbody>");
    for coverage in &known.coverage {
        let class = if coverage.looked_at == coverage.of { "good" } else { "warn" };
        let (project, mode) = (Text(&coverage.project), coverage.mode);
        write!(page, "<tr class=\"row\" tabindex=\"-1\"><th scope=\"row\"><bdi>{project}</bdi></th><td>{mode}</td>")?;
        table::state(page, class, format_args!("{} of {}", coverage.looked_at, coverage.of))?;
        page.push_str("<td>");
        if let Some((what, reason)) = coverage.first_missing() {
            write!(page, "{}: {}", Text(what), Text(reason))?;
            let more = coverage.of.saturating_sub(coverage.looked_at).saturating_sub(1);
            if more > 0 {
                write!(page, ", and {more} more")?;
            }
        }
        page.push_str("</td></tr>\n");
    }
    page.push_str("</tbody></table>\n");
    Ok(())
}

/// Rows are those who begin, columns those they reach.
fn write_matrix(page: &mut String, at: usize, project: &str, cells: &[&Cell], known: &Isolation<'_>) -> fmt::Result {
    let services: BTreeSet<&str> = cells.iter().flat_map(|cell| [&*cell.from, &*cell.to]).into_set();
    if services.len() > MAX_SERVICES {
        return writeln!(
            page,
            "<p>{} has {} services: its matrix is in <a href=\"/api/v1/isolation\">/api/v1/isolation</a>.</p>",
            Text(project),
            services.len()
        );
    }
    let targets: BTreeSet<&str> = cells.iter().map(|cell| &*cell.to).into_set();
    let letters = letters(project, cells, known);
    write!(
        page,
        "<div class=\"wide\" role=\"region\" aria-labelledby=\"matrix-{at}\" tabindex=\"0\">\n<table class=\"matrix\">\n\
         <caption id=\"matrix-{at}\"><bdi>{}</bdi>: who (rows) reaches whom (columns)</caption>\n<thead><tr><td></td>",
        Text(project)
    )?;
    for target in &targets {
        write!(page, "<th scope=\"col\"><bdi>{}</bdi></th>", Text(target))?;
    }
    page.push_str("</tr></thead>\n<tbody>\n");
    for from in &services {
        write!(page, "<tr><th scope=\"row\"><bdi>{}</bdi></th>", Text(from))?;
        for target in &targets {
            match letters.get(&(*from, *target)) {
                Some(letter) => {
                    let (word, class, _) = letter.shown();
                    write!(page, "<td class=\"{class}\">{word}</td>")?;
                }
                None => page.push_str(if from == target { "<td>#</td>" } else { "<td></td>" }),
            }
        }
        page.push_str("</tr>\n");
    }
    page.push_str("</tbody>\n</table>\n</div>\n<p class=\"legend\">");
    let seen: BTreeSet<Letter> = letters.values().copied().into_set();
    for letter in Letter::ALL.into_iter().filter(|letter| seen.contains(letter)) {
        let (word, class, meaning) = letter.shown();
        write!(page, "<b class=\"{class}\">{word}</b> {meaning}; ")?;
    }
    page.push_str("<b>#</b> itself.</p>\n");
    Ok(())
}

/// Of each pair of services of a project the most important thing to say.
pub(super) fn letters<'a>(
    project: &str,
    cells: &[&'a Cell],
    known: &'a Isolation<'_>,
) -> BTreeMap<(&'a str, &'a str), Letter> {
    let mut letters = BTreeMap::<(&str, &str), Letter>::new();
    for cell in cells {
        let letter = Letter::of(cell, cell.same_network);
        let known = letters.entry((&*cell.from, &*cell.to)).or_insert(letter);
        *known = letter.min(*known);
    }
    let missing = known.findings.iter().filter(|finding| finding.class == "missing_flow");
    for (from, to) in missing.filter_map(|finding| Finding::pair(finding, project)) {
        if let Some(known) = letters.get_mut(&(from, to)) {
            *known = Letter::Missing.min(*known);
        }
    }
    letters
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_letter_is_the_most_important_of_a_pair() {
        let cell = |expected, observed, same_network| Cell {
            project: "shop".into(),
            from: "web".into(),
            to: "db".into(),
            port: "5432/tcp".into(),
            expected,
            observed,
            probed: None,
            required: false,
            same_network,
        };
        for (cell, expected) in [
            (cell("allowed", "used", true), "u"),
            (cell("allowed", "closed", true), "a"),
            (cell("denied", "used", true), "X"),
            (cell("denied", "open", true), "s"),
            (cell("denied", "open", false), "X"),
            (cell("denied", "closed", false), "-"),
            (cell("denied", "untested", false), "."),
            (cell("denied", "unsupported", false), "."),
            (cell("denied", "untested", true), "s"),
        ] {
            assert_eq!(Letter::of(&cell, cell.same_network).shown().0, expected, "{cell:?}");
        }
        assert!(Letter::ALL.is_sorted());
    }
}
