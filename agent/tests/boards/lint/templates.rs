//! Variables.

use super::Fleet;
use crate::{
    interpolate::{MARKED, MODES, interpolate},
    model::{Board, Variable},
    promql,
    queries::{Lookup, SOURCES, awkward, lookup},
};

/// Variables about what is watched, from the widest to the narrowest: each is asked for within those before it.
pub(crate) const NARROWER: [&str; 4] = ["job", "host", "project", "service"];

/// `template-datasource-rule`: Prometheus first, then others that the board asks, each by its type.
pub(crate) fn datasources(fleet: &Fleet<'_>) -> Vec<String> {
    fleet.each(|board, found| {
        let variables: Vec<&Variable> =
            board.templating.list.iter().filter(|variable| variable.kind == "datasource").collect();
        if board.templating.list.first().is_none_or(|variable| variable.name != "datasource") {
            found.push("the first variable is `datasource`".to_owned());
        }
        let mut before = 0;
        for variable in &variables {
            let known =
                SOURCES.iter().position(|(name, kind, _)| *name == variable.name && *kind == variable.query.text());
            match known {
                Some(at) if at >= before => before = at,
                other => found.push(format!("variable {}: unknown, or out of order ({other:?})", variable.name)),
            }
            if variable.multi || variable.include_all {
                found.push(format!("variable {}: one data source at a time", variable.name));
            }
            // The linter's words for the first one.
            if variable.name == "datasource" && variable.label != "Data source" {
                found.push("the label of `datasource` is `Data source`".to_owned());
            }
        }
        let heads = board.templating.list.iter().take(variables.len()).all(|variable| variable.kind == "datasource");
        if !heads {
            found.push("data sources come before what is asked of them".to_owned());
        }
    })
}

/// What a variable about what is watched is called, and what "All" of it is. `.*` where series may be without the label, which `.+` would leave
/// out.
const ABOUT: [(&str, &[&str], &str); 6] = [
    ("job", &["Job"], ".+"),
    ("instance", &["Instance"], ".+"),
    ("host", &["Host"], ".*"),
    ("project", &["Project"], ".*"),
    ("service", &["Service", "Target", "Database"], ".*"),
    ("tier", &["Tier"], ".*"),
];

fn asks(variable: &Variable, found: &mut Vec<String>) {
    let Some((name, labels, all)) = ABOUT.iter().find(|(name, ..)| *name == variable.name) else { return };
    let of = |kind: &str, uid: &str| {
        variable.datasource.as_ref().is_some_and(|source| source.kind == kind && source.uid == uid)
    };
    let holds = [
        (variable.kind == "query", "it is a query"),
        (of("prometheus", "${datasource}"), "it asks ${datasource}"),
        (variable.multi && variable.include_all, "it may have several values and all"),
        (variable.all_value.as_deref() == Some(all), "what all is"),
        (labels.contains(&variable.label.as_str()), "its label"),
    ];
    let broken = holds.iter().filter(|(holds, _)| !holds);
    found.extend(broken.map(|(_, what)| format!("variable {name}: not so: {what} ({labels:?}, {all})")));
}

/// `template-job-rule`.
pub(crate) fn job(fleet: &Fleet<'_>) -> Vec<String> {
    fleet.each(|board, found| match board.variable("job") {
        None => found.push("no variable job".to_owned()),
        Some(variable) => asks(variable, found),
    })
}

/// `template-instance-rule`: what tells hosts apart is `host`, which outlives an address, or `instance` where series have no host. All the
/// others about what is watched are held to the same.
pub(crate) fn instance(fleet: &Fleet<'_>) -> Vec<String> {
    fleet.each(|board, found| {
        if board.variable("host").is_none() && board.variable("instance").is_none() {
            found.push("no variable host, no variable instance".to_owned());
        }
        let others = board.templating.list.iter().filter(|variable| variable.name != "job");
        others.for_each(|variable| asks(variable, found));
    })
}

/// `template-label-promql-rule`: queries of variables can be read in each mode, and ask for a label by name.
pub(crate) fn label_promql(fleet: &Fleet<'_>) -> Vec<String> {
    fleet.each(|board, found| {
        for (variable, values) in board.templating.list.iter().flat_map(|v| MODES.map(|mode| (v, awkward(board, mode))))
        {
            if variable.kind != "query" || variable.datasource.as_ref().is_none_or(|source| source.kind != "prometheus")
            {
                continue;
            }
            let read = interpolate(variable.query.text(), &values, MARKED).and_then(|text| match lookup(&text)? {
                Lookup::LabelValues { selector, .. } => match promql::parse(&selector)? {
                    promql::Node::Selector(_) => Ok(()),
                    _ => Err("label_values takes a selector".to_owned()),
                },
                Lookup::Result(expression) => promql::parse(&expression).map(drop),
            });
            if let Err(reason) = read {
                found.push(format!("variable {}: {reason}", variable.name));
            }
        }
    })
}

/// `template-on-time-change-reload-rule`.
pub(crate) fn reload(fleet: &Fleet<'_>) -> Vec<String> {
    fleet.each(|board, found| {
        let queries = board.templating.list.iter().filter(|variable| variable.kind == "query");
        let stale = queries.filter(|variable| variable.refresh != Some(2));
        found
            .extend(stale.map(|variable| format!("variable {}: not asked again when the time changes", variable.name)));
    })
}

/// Each variable is asked for within what the wider ones have chosen.
pub(crate) fn chain(fleet: &Fleet<'_>) -> Vec<String> {
    fleet.each(|board, found| {
        let order = |name: &str| NARROWER.iter().position(|narrower| *narrower == name);
        let mut before: Vec<&Variable> = Vec::new();
        for variable in board.templating.list.iter().filter(|variable| order(&variable.name).is_some()) {
            for wider in &before {
                if order(&wider.name) >= order(&variable.name) {
                    found.push(format!("variable {} comes after {}", variable.name, wider.name));
                }
                if !names(variable.query.text(), &wider.name) {
                    found.push(format!("variable {} is asked for without ${}", variable.name, wider.name));
                }
            }
            before.push(variable);
        }
        for variable in ["instance", "tier"].iter().filter_map(|name| board.variable(name)) {
            for wider in before.iter().take_while(|wider| ["job", "host"].contains(&wider.name.as_str())) {
                if !names(variable.query.text(), &wider.name) {
                    found.push(format!("variable {} is asked for without ${}", variable.name, wider.name));
                }
            }
        }
    })
}

/// No variable that chooses nothing.
pub(crate) fn used(fleet: &Fleet<'_>) -> Vec<String> {
    fleet.each(|board, found| {
        for variable in &board.templating.list {
            if !everything(board).iter().any(|text| names(text, &variable.name)) {
                found.push(format!("variable {} is in no panel", variable.name));
            }
        }
    })
}

/// Every text in panels and annotations which can have variables, data sources among them.
fn everything(board: &Board) -> Vec<&str> {
    let mut found = Vec::new();
    for panel in board.all_panels() {
        for target in &panel.targets {
            found.extend(
                [
                    Some(&target.datasource.uid),
                    target.expr.as_ref(),
                    target.query.as_ref(),
                    target.service_map_query.as_ref(),
                ]
                .into_iter()
                .flatten(),
            );
        }
    }
    found.into_iter().map(String::as_str).collect()
}

/// Whether a text has `$name` or `${name...}`.
fn names(text: &str, name: &str) -> bool {
    let mut rest = text;
    while let Some((_, after)) = rest.split_once('$') {
        let inside = after.strip_prefix('{').unwrap_or(after);
        let ends = |after: &str| !after.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_');
        if inside.strip_prefix(name).is_some_and(ends) {
            return true;
        }
        rest = after;
    }
    false
}
