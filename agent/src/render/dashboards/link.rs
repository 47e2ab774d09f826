//! Ways from one board to another, which keep time and variables.

use serde_json::{Value, json};

use super::{BOARDS, board::Board};

/// To a board.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Link {
    /// What it is called.
    pub title: &'static str,
    /// Uid of the board.
    pub uid: &'static str,
    /// Variables of the board that come from labels of what was chosen: `host`, or `service=compose_service` where the label has another
    /// name. Its other variables stay what they are.
    pub by: &'static [&'static str],
}

/// To the board of a service.
pub(super) static SERVICE: Link = Link { title: "Service", uid: "spyhop-service", by: &["host", "project", "service"] };
/// To the board of a host.
pub(super) static HOST: Link = Link { title: "Host", uid: "spyhop-host", by: &["host"] };

/// A link of values: in a table by fields of the row, elsewhere by labels of the series.
pub(super) fn data(link: &Link, from: &Board, table: bool) -> Value {
    let chosen = link.by.iter().map(|by| {
        let (variable, label) = by.split_once('=').unwrap_or((by, by));
        let of = if table { "__data.fields" } else { "__field.labels" };
        (variable, format!("var-{variable}=${{{of}.{label}:percentencode}}"))
    });
    let chosen: Vec<(&str, String)> = chosen.collect();
    let to = BOARDS.iter().find(|board| board.uid == link.uid);
    // What both boards have and nobody chose.
    let kept = to.iter().flat_map(|board| board.variables).filter(|variable| from.variables.contains(variable));
    let kept = kept.map(|variable| variable.name()).filter(|name| chosen.iter().all(|(variable, _)| variable != name));
    let mut parts: Vec<String> = kept.map(|name| format!("${{{name}:queryparam}}")).collect();
    parts.extend(chosen.into_iter().map(|(_, part)| part));
    parts.push("${__url_time_range}".to_owned());
    json!({ "targetBlank": false, "title": link.title, "url": format!("/d/{}?{}", link.uid, parts.join("&")) })
}

/// The links at the head of every board.
pub(super) fn head(board: &Board) -> Value {
    let mut links = vec![json!({
        "asDropdown": true, "icon": "external link", "includeVars": true, "keepTime": true, "tags": ["spyhop"],
        "targetBlank": false, "title": "spyhop", "tooltip": "", "type": "dashboards", "url": "",
    })];
    links.extend(board.elsewhere.iter().map(|(title, url)| {
        json!({
            "asDropdown": false, "icon": "external link", "includeVars": false, "keepTime": true, "tags": [],
            "targetBlank": false, "title": title, "tooltip": "", "type": "link", "url": url,
        })
    }));
    links.into()
}
