//! Who stands on which network, and who was seen with whom: one drawing a project, and the same in words.
//!
//! Services are rows, networks lines from top to bottom with a dot for each service on them, and whoever talks to another has an arc on the
//! right, with its head where the connection goes. Nothing is laid out by chance, so a drawing changes only where something did.

mod draw;

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::{self, Write},
};

use super::{
    facts::Facts,
    fragment::Sheet,
    html::{Count, Text},
    isolation::{Letter, letters},
    table,
};
use crate::{
    http::api::isolation::{Cell, Link},
    model::InOrder as _,
};

/// Rows and arcs of one drawing; beyond, the words alone.
const MAX_ROWS: usize = 60;
const MAX_ARCS: usize = 200;
/// Projects drawn.
const MAX_PROJECTS: usize = 20;

/// What is drawn of one project.
#[derive(Debug, Default, PartialEq)]
struct Map {
    /// Services in order, then who else is talked to.
    rows: Vec<String>,
    /// Networks in order, with whether each is closed to the outside.
    networks: Vec<(String, bool)>,
    /// Row and network.
    dots: BTreeSet<(usize, usize)>,
    /// From row to row.
    arcs: Vec<Arc>,
}

#[derive(Debug, PartialEq)]
struct Arc {
    from: usize,
    to: usize,
    ports: Vec<String>,
    /// How it is shown.
    class: &'static str,
    /// What is to be said of it.
    says: &'static str,
}

pub(super) fn write(sheet: &mut Sheet, facts: &Facts<'_>) {
    let mut projects: BTreeSet<&str> =
        facts.view.snapshot.services.iter().map(|service| &*service.key.project).collect();
    projects.remove("");
    let maps: Vec<_> = projects.into_iter().map(|project| (project, map(facts, project))).collect();
    let maps: Vec<_> = maps.into_iter().filter(|(_, map)| !map.dots.is_empty() || !map.arcs.is_empty()).collect();
    sheet.piece("map", |page| {
        if maps.is_empty() {
            return table::absent(page, "map");
        }
        let networks: BTreeSet<&str> =
            maps.iter().flat_map(|(_, map)| map.networks.iter().map(|(name, _)| name.as_str())).collect();
        let note = Count(networks.len(), "network", "networks");
        table::section(page, "map", "Networks and who talks to whom", format_args!("{note}"))?;
        for (at, (project, map)) in maps.iter().take(MAX_PROJECTS).enumerate() {
            write_map(page, at, project, map)?;
        }
        let seen = maps.iter().any(|(_, map)| !map.arcs.is_empty());
        page.push_str("<p class=\"note\">");
        page.push_str(match (seen, facts.isolation.is_some()) {
            (true, _) => "Arcs are connections seen within an hour, or calls told by traces.",
            (false, true) => "No connection was seen within an hour.",
            (false, false) => "Who talks to whom is not known here: neither isolation nor traces tell.",
        });
        page.push_str("</p>\n");
        page.push_str("</section>\n");
        Ok(())
    });
}

fn write_map(page: &mut String, at: usize, project: &str, map: &Map) -> fmt::Result {
    write!(page, "<h3 id=\"map-{at}\"><bdi>{}</bdi></h3>", Text(project))?;
    if map.rows.len() <= MAX_ROWS && map.arcs.len() <= MAX_ARCS {
        write!(page, "<div class=\"wide\" role=\"region\" aria-labelledby=\"map-{at}\" tabindex=\"0\">")?;
        draw::svg(page, project, map)?;
        page.push_str("</div>");
    }
    page.push_str("<details class=\"words\"><summary>The same in words</summary>");
    write_words(page, map)?;
    page.push_str("</details>\n");
    Ok(())
}

/// What the drawing shows, for those who do not see it.
fn write_words(page: &mut String, map: &Map) -> fmt::Result {
    table::head(page, "t-words", "Networks and connections", &["Service", "On networks", "Talks to"])?;
    page.push_str("<tbody>");
    for (row, name) in map.rows.iter().enumerate() {
        write!(page, "<tr class=\"row\" tabindex=\"-1\"><th scope=\"row\"><bdi>{}</bdi></th><td>", Text(name))?;
        let on = map.networks.iter().enumerate().filter(|(network, _)| map.dots.contains(&(row, *network)));
        for (at, (_, (network, _))) in on.enumerate() {
            write!(page, "{}<bdi>{}</bdi>", if at == 0 { "" } else { ", " }, Text(network))?;
        }
        page.push_str("</td><td>");
        for (at, arc) in map.arcs.iter().filter(|arc| arc.from == row).enumerate() {
            let to = map.rows.get(arc.to).map(String::as_str).unwrap_or_default();
            let (joint, ports) = (if at == 0 { "" } else { ", " }, arc.ports.join(" "));
            write!(
                page,
                "{joint}<bdi>{}</bdi> {} <small class=\"{}\">{}</small>",
                Text(to),
                Text(&ports),
                arc.class,
                arc.says
            )?;
        }
        page.push_str("</td></tr>\n");
    }
    page.push_str("</tbody></table>");
    Ok(())
}

/// What is known of one project.
fn map(facts: &Facts<'_>, project: &str) -> Map {
    let services = facts.view.snapshot.services.iter().filter(|service| *service.key.project == *project);
    let mut map =
        Map { rows: services.clone().map(|service| service.key.service.to_string()).collect(), ..Map::default() };
    let known = &facts.view.snapshot.networks;
    let mut on: BTreeMap<&str, BTreeSet<usize>> = BTreeMap::new();
    for (row, service) in services.enumerate() {
        for entry in facts.replicas(&service.key) {
            for attachment in &entry.container.networks {
                on.entry(&attachment.network).or_default().insert(row);
            }
        }
    }
    for (network, rows) in on {
        let details = known.iter().find(|known| *known.name == *network);
        let short = details.map_or(network, |details| details.short_name(project));
        let column = map.networks.len();
        map.networks.push((short.to_owned(), details.and_then(|details| details.internal) == Some(true)));
        map.dots.extend(rows.into_iter().map(|row| (row, column)));
    }
    arcs(facts, project, &mut map);
    map
}

/// Connections that were seen, then calls that traces tell of and nobody has seen.
fn arcs(facts: &Facts<'_>, project: &str, map: &mut Map) {
    let mut seen: BTreeMap<(usize, usize), BTreeSet<String>> = BTreeMap::new();
    let links = facts.isolation.iter().flat_map(|known| &known.graph).filter(|link| link.project == project);
    for link in links {
        let (Some(from), Some(to)) = (row(map, &link.service), target(map, link, project)) else { continue };
        seen.entry((from, to)).or_default().insert(link.port.clone());
    }
    let cells: Vec<&Cell> =
        facts.isolation.iter().flat_map(|known| &known.matrix).filter(|cell| cell.project == project).collect();
    let verdicts: BTreeMap<(&str, &str), Letter> =
        facts.isolation.as_ref().map(|known| letters(project, &cells, known)).unwrap_or_default();
    for ((from, to), ports) in seen {
        let name = |row: usize| map.rows.get(row).map(String::as_str).unwrap_or_default();
        let (class, says) = match verdicts.get(&(name(from), name(to))) {
            Some(Letter::Violated) => ("bad", "no flow names it"),
            Some(Letter::Missing) => ("bad", "must work and does not"),
            Some(_) => ("good", "allowed"),
            None => ("", "seen"),
        };
        map.arcs.push(Arc { from, to, ports: ports.into_iter().collect(), class, says });
    }
    for call in
        facts.traces.calls.iter().filter(|call| call.client.project == project && call.server.project == project)
    {
        let (Some(from), Some(to)) = (row(map, &call.client.service), row(map, &call.server.service)) else { continue };
        if from != to && !map.arcs.iter().any(|arc| (arc.from, arc.to) == (from, to)) {
            map.arcs.push(Arc { from, to, ports: Vec::new(), class: "", says: "called, as traces tell" });
        }
    }
    map.arcs.order_by_key(|arc| (arc.from, arc.to));
}

fn row(map: &Map, name: &str) -> Option<usize> {
    map.rows.iter().position(|row| row == name)
}

/// The row of whoever is talked to; a new one below the services for who is none of them.
fn target(map: &mut Map, link: &Link, project: &str) -> Option<usize> {
    let to = &link.to;
    let name = match (to.kind, &to.service) {
        ("service", Some(service)) if to.project.as_deref() == Some(project) => return row(map, service),
        ("service", Some(service)) => super::facts::place(to.project.as_deref().unwrap_or_default(), service),
        // One row for everybody outside: a service may talk to thousands.
        ("external", _) => "(outside)".to_owned(),
        (kind, _) => format!("({kind})"),
    };
    if let Some(row) = row(map, &name) {
        return Some(row);
    }
    map.rows.push(name);
    Some(map.rows.len() - 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::api::{
        View,
        tests::{isolated, snapshot, view},
    };

    #[test]
    fn services_networks_and_connections_are_one_map() {
        let (snapshot, board, policies) = (snapshot(), isolated(), crate::policy::Board::default());
        let view = View { isolation: Some(&board), policy: Some(&policies), ..view(&snapshot) };
        let map = map(&Facts::new(&view), "shop");
        assert_eq!(map.rows, ["web", "(outside)"]);
        assert_eq!(map.networks, [("shop_default".to_owned(), false)]);
        assert_eq!(map.dots, [(0, 0)].into());
        let arc = Arc { from: 0, to: 1, ports: vec!["443/tcp".to_owned()], class: "", says: "seen" };
        assert_eq!(map.arcs, [arc]);
        let mut page = String::new();
        write_map(&mut page, 0, "shop", &map).unwrap();
        for part in ["<svg", "<path", "(outside)", "<bdi>web</bdi></th><td><bdi>shop_default</bdi></td>", "443/tcp"] {
            assert!(page.contains(part), "{part} is not in {page}");
        }
    }
}
