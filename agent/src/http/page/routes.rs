//! Routes that labels ask Traefik for, and whether it has them as far as a probe has asked.

use std::{
    collections::BTreeMap,
    fmt::{self, Write},
};

use super::{
    facts::{Facts, place},
    fragment::{Sheet, id},
    html::{Count, Text},
    table,
};
use crate::{
    model::IntoTree as _,
    probes::{Figures, traefik::Protocol},
};

/// Routes shown.
const ROWS: usize = 300;

/// One router.
#[derive(Debug, Default)]
struct Route {
    /// As the label says it; empty of one that no label here asks for.
    rule: String,
    /// `project/service` of who asks.
    asked_by: String,
    /// What Traefik makes of it, the worst first; empty is nothing said against it.
    troubles: Vec<&'static str>,
    missing: bool,
}

/// By protocol and name.
type Routes = BTreeMap<(&'static str, String), Route>;

pub(super) fn write(sheet: &mut Sheet, facts: &Facts<'_>) {
    let (routes, asked) = routes(facts);
    sheet.piece("routes", |page| {
        if routes.is_empty() {
            return table::absent(page, "routes");
        }
        let missing = routes.values().filter(|route| route.missing).count();
        let note = match (asked, missing) {
            (false, _) => format!("{}; nobody asks Traefik whether it has them", routes.len()),
            (true, 0) => format!("{}, all there", routes.len()),
            (true, missing) => format!("{} of {} missing", missing, Count(routes.len(), "route", "routes")),
        };
        table::section(page, "routes", "Routes", format_args!("{note}"))?;
        table::list(page, "routes-list", "t-routes", "Routes", &["Route", "State", "Rule", "Leads to"])?;
        page.push_str("</section>\n");
        Ok(())
    });
    for ((protocol, name), route) in routes.iter().take(ROWS) {
        let id = id('r', (protocol, name));
        sheet.row("routes-list", id.clone(), |page| write_row(page, &id, (protocol, name), route, asked));
    }
}

/// All routes, and whether any Traefik was asked.
fn routes(facts: &Facts<'_>) -> (Routes, bool) {
    let mut routes = labelled(facts);
    let records = facts.view.probes.map(crate::probes::Board::records).unwrap_or_default();
    let reports: Vec<_> = records
        .iter()
        .filter_map(|record| match &record.last.as_ref()?.1.facts.figures {
            Some(Figures::Routes(report)) => Some(report),
            _ => None,
        })
        .collect();
    for report in &reports {
        for missing in &report.missing {
            let route = entry(&mut routes, missing.place.protocol, &missing.place.router);
            route.missing = true;
            route.troubles.insert(0, missing.reason.word());
            if route.asked_by.is_empty() {
                route.asked_by = place(&missing.place.project, &missing.place.service);
            }
        }
        for (finding, at) in &report.findings {
            entry(&mut routes, at.protocol, &at.router).troubles.push(finding.word());
        }
    }
    (routes, !reports.is_empty())
}

fn entry<'r>(routes: &'r mut Routes, protocol: Protocol, router: &str) -> &'r mut Route {
    routes.entry((protocol.word(), router.to_ascii_lowercase())).or_default()
}

/// Routers that labels of running containers name, `traefik.<protocol>.routers.<name>.rule`. Rules alone are read: other labels of
/// Traefik's hold hashes of passwords.
fn labelled(facts: &Facts<'_>) -> Routes {
    let containers = facts.view.snapshot.containers.iter().filter(|entry| entry.container.has_processes());
    let labels = containers.flat_map(|entry| {
        let key = &entry.container.identity.key;
        entry.container.labels.iter().filter_map(move |(label, rule)| {
            let (protocol, name) = router(label)?;
            let asked_by = place(&key.project, &key.service);
            Some(((protocol, name), Route { rule: rule.to_owned(), asked_by, ..Route::default() }))
        })
    });
    labels.into_map()
}

/// Protocol and name of the router whose rule a label says.
fn router(label: &str) -> Option<(&'static str, String)> {
    let lower = label.to_ascii_lowercase();
    let mut parts = lower.split('.');
    let (Some("traefik"), Some(protocol), Some("routers")) = (parts.next(), parts.next(), parts.next()) else {
        return None;
    };
    let (name, Some("rule"), None) = (parts.next()?, parts.next(), parts.next()) else { return None };
    let protocol = Protocol::ALL.into_iter().find(|known| known.word() == protocol)?;
    Some((protocol.word(), name.to_owned()))
}

fn write_row(page: &mut String, id: &str, (protocol, name): (&str, &str), route: &Route, asked: bool) -> fmt::Result {
    table::row(page, id, format_args!(""))?;
    write!(page, "<th scope=\"row\"><bdi>{}</bdi> <small>{protocol}</small></th>", Text(name))?;
    match (asked, route.missing, route.troubles.first()) {
        (_, true, Some(why)) => table::state(page, "bad", format_args!("missing: {}", words(why)))?,
        (_, _, Some(trouble)) => table::state(page, "warn", words(trouble))?,
        (true, ..) => table::state(page, "good", "there")?,
        (false, ..) => page.push_str("<td><small>not asked</small></td>"),
    }
    writeln!(page, "<td><code>{}</code></td><td><bdi>{}</bdi></td></tr>", Text(&route.rule), Text(&route.asked_by))
}

fn words(word: &str) -> String {
    word.replace('_', " ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_of_routers_are_read_and_no_other_label() {
        for (label, expected) in [
            ("traefik.http.routers.web.rule", Some(("http", "web"))),
            ("Traefik.HTTP.Routers.Web.Rule", Some(("http", "web"))),
            ("traefik.tcp.routers.db.rule", Some(("tcp", "db"))),
            ("traefik.http.routers.web.rule.x", None),
            ("traefik.http.routers.web.entrypoints", None),
            ("traefik.http.middlewares.auth.basicauth.users", None),
            ("traefik.smtp.routers.web.rule", None),
            ("traefik", None),
        ] {
            assert_eq!(router(label), expected.map(|(protocol, name)| (protocol, name.to_owned())), "{label}");
        }
    }
}
