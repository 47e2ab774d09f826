//! What every board keeps to. The files themselves are judged by `agent/tests/boards`.

#![expect(clippy::string_slice, reason = "places that a search in the same text has found")]

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use serde_json::Value;

use super::{query::filled, *};
use crate::{exposition::catalogue, policy::Policy, render::catalogue as alerts};

/// Series that are not the agent's, by who makes them.
const FOREIGN: &[(&str, &[&str])] = &[
    ("Prometheus", &["up", "ALERTS"]),
    (
        "applications",
        &[
            "http_requests_total",
            "http_request_duration_seconds",
            "orders_total",
            "inventory_items",
            "product_views_total",
            "active_users",
        ],
    ),
    ("traefik", &["traefik_"]),
    ("postgres_exporter", &["pg_"]),
    ("redis_exporter", &["redis_"]),
];

fn rendered() -> Vec<(&'static Board, Value)> {
    let files = dashboards(&Policy::default());
    BOARDS.iter().copied().zip(files.iter().map(|file| serde_json::from_str(&file.text).unwrap())).collect()
}

fn queries() -> impl Iterator<Item = (String, &'static Query)> {
    let of = |board: &'static &Board| {
        board.panels().flat_map(move |panel| {
            panel.queries.iter().map(move |query| (format!("{}: {}", board.title, panel.title), query))
        })
    };
    BOARDS.iter().flat_map(of)
}

#[test]
fn the_same_policy_gives_the_same_bytes() {
    assert_eq!(dashboards(&Policy::default()), dashboards(&Policy::default()));
}

/// `UPDATE_GOLDEN=1` writes them anew; the diff is then read.
#[test]
fn what_stands_in_dashboards_is_the_default_rendering() {
    let folder = root().join("dashboards");
    let files = dashboards(&Policy::default());
    for file in &files {
        in_step(&folder.join(&file.name), &file.text);
    }
    let found = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let found: BTreeSet<String> = found.collect();
    assert_eq!(
        found,
        files.into_iter().map(|file| file.name).collect(),
        "files that nothing renders, or none of what is"
    );
}

#[test]
fn the_page_of_dashboards_has_every_board() {
    let path = root().join("docs/dashboards.md");
    let page = fs::read_to_string(&path).unwrap();
    let mark = "--lib dashboards`. -->\n";
    let (head, _) = page.split_once(mark).expect("the mark below which it is written");
    in_step(&path, &format!("{head}{mark}{}", markdown()));
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn in_step(path: &Path, text: &str) {
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    let found = fs::read_to_string(path).unwrap_or_default();
    assert!(found == text, "{} is not in step, renew it with UPDATE_GOLDEN=1", path.display());
}

#[test]
fn uids_titles_and_ids_are_unique_and_ids_of_text_are_free() {
    let (mut uids, mut titles) = (BTreeSet::new(), BTreeSet::new());
    for board in BOARDS {
        assert!(uids.insert(board.uid) && titles.insert(board.title), "{}", board.uid);
        assert!(board.uid.starts_with("spyhop-") && (8..=40).contains(&board.uid.len()), "{}", board.uid);
        let mut ids = BTreeSet::from([board::TEXT]);
        for id in board.rows.iter().map(|row| row.id).chain(board.panels().map(|panel| panel.id)) {
            assert!(id > 1 && ids.insert(id), "{}: {id}", board.uid);
        }
        let mut names = BTreeSet::new();
        for panel in board.panels() {
            assert!(names.insert(panel.title), "{}: {} stands twice", board.uid, panel.title);
        }
    }
}

#[test]
fn every_panel_says_what_it_is_and_in_what() {
    for board in BOARDS {
        let ends =
            |mark: &str| board.about.matches(&format!("{mark} ")).count() + usize::from(board.about.ends_with(mark));
        assert_eq!(ends(".") + ends("?"), 2, "{}: two sentences: {}", board.uid, board.about);
        for panel in board.panels() {
            let at = format!("{}: {}", board.uid, panel.title);
            assert!(panel.about.len() > 10 && panel.about.ends_with('.'), "{at}");
            assert!(!panel.queries.is_empty() && panel.queries.len() <= 8, "{at}");
            assert!(panel.size.0 > 0 && panel.size.0 <= WIDTH && panel.size.1 > 0, "{at}");
            let mut names = BTreeSet::new();
            for query in panel.queries.iter().filter(|query| !query.name.is_empty()) {
                assert!(names.insert(query.name), "{at}: {} stands twice", query.name);
            }
        }
    }
}

#[test]
fn no_hole_is_left_and_no_series_is_unknown() {
    for (at, query) in queries() {
        let text = query.text();
        for hole in text.split('<').skip(1) {
            let name = hole.split(|c: char| !c.is_ascii_lowercase() && c != '_').next().unwrap();
            assert!(name.is_empty() || !hole[name.len()..].starts_with('>'), "{at}: <{name}>");
        }
        if query.source != Source::Metrics {
            continue;
        }
        let names = metrics(&text);
        assert!(!names.is_empty(), "{at}: {text}");
        for name in names {
            assert!(known(name), "{at}: `{name}` is neither in the catalogue nor of anybody named");
        }
    }
}

/// Names which have a selector behind them.
fn metrics(text: &str) -> Vec<&str> {
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == ':';
    text.match_indices('{')
        .map(|(at, _)| text[..at].rsplit(|c| !is_name(c)).next().unwrap())
        .filter(|name| !name.is_empty())
        .collect()
}

fn known(name: &str) -> bool {
    let stem = ["_bucket", "_count", "_sum"].iter().find_map(|end| name.strip_suffix(end)).unwrap_or(name);
    let foreign = FOREIGN.iter().flat_map(|(_, names)| *names);
    let is_foreign = foreign.into_iter().any(|known| match known.strip_suffix('_') {
        Some(_) => name.starts_with(known),
        None => name == *known || stem == *known,
    });
    is_foreign || name.starts_with("spyhop:slo_") || catalogue::find(name).is_some() || catalogue::find(stem).is_some()
}

#[test]
fn panels_stand_beside_each_other_and_within_the_width() {
    for (board, json) in rendered() {
        let mut taken = BTreeSet::new();
        let panels = json["panels"].as_array().unwrap();
        let inside = panels.iter().flat_map(|panel| panel["panels"].as_array().into_iter().flatten());
        for panel in panels.iter().chain(inside) {
            let [x, y, w, h] = ["x", "y", "w", "h"].map(|key| panel["gridPos"][key].as_u64().unwrap());
            assert!(w > 0 && h > 0 && x + w <= u64::from(WIDTH), "{}: {}", board.uid, panel["title"]);
            for cell in (x..x + w).flat_map(|x| (y..y + h).map(move |y| (x, y))) {
                assert!(taken.insert(cell), "{}: {} overlaps", board.uid, panel["title"]);
            }
        }
    }
}

#[test]
fn links_lead_to_boards_that_have_their_variables() {
    let links = BOARDS.iter().flat_map(|board| board.panels()).filter_map(|panel| panel.link);
    let links: Vec<_> = links.map(|link| (link.uid, link.by)).collect();
    let alerts = alerts::all().map(|(_, alert)| (alert.board.uid, alert.board.by));
    for (uid, by) in links.into_iter().chain(alerts) {
        let Some(board) = BOARDS.iter().find(|board| board.uid == uid) else { panic!("no board {uid}") };
        for by in by {
            let variable = by.split_once('=').map_or(*by, |(variable, _)| variable);
            assert!(board.variables.iter().any(|known| known.name() == variable), "{uid} has no variable {variable}");
        }
    }
}

#[test]
fn steps_of_alerts_are_in_their_catalogue() {
    let steps = BOARDS.iter().flat_map(|board| board.panels());
    let steps = steps.flat_map(|panel| panel.queries.iter().map(|query| query.steps).chain([panel.steps]));
    for step in steps {
        if let Some(Steps::Alert(name, value)) = step {
            let alert = alerts::all().find(|(_, alert)| alert.name == *name);
            let (_, alert) = alert.unwrap_or_else(|| panic!("no alert {name}"));
            assert!(alert.all_values().iter().any(|(_, known)| known.name == *value), "{name} has no value {value}");
        }
    }
}

#[test]
fn selectors_have_the_variables_of_their_board() {
    for board in BOARDS {
        let has: Vec<&str> = board.variables.iter().map(|variable| variable.name()).collect();
        let texts = board.panels().flat_map(|panel| panel.queries).map(Query::text);
        let texts = texts.chain(board.variables.iter().filter_map(|variable| variable.query()));
        for text in texts {
            for used in
                text.split("\"$").skip(1).map(|rest| rest.split(|c: char| !c.is_ascii_lowercase()).next().unwrap())
            {
                assert!(has.contains(&used), "{} has no variable {used}: {text}", board.uid);
            }
        }
    }
}

#[test]
fn holes_may_have_holes() {
    assert_eq!(
        filled("a{<service>} < b"),
        r#"a{job=~"$job",host=~"$host",project=~"$project",service=~"$service"} < b"#
    );
    assert_eq!(filled("<nobody> 1 > 0"), "<nobody> 1 > 0");
}
