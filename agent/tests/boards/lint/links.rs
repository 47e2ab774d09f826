//! Ways between boards, from alerts to boards, and events over panels.

use std::collections::BTreeMap;

use serde_json::Value;
use spyhop::{
    policy::Policy,
    render::{self, Kind, Options},
};

use super::Fleet;
use crate::model::{Board, Link};

/// Every link leads to a board that exists, to variables it has, and keeps the time.
pub(crate) fn lead_somewhere(fleet: &Fleet<'_>) -> Vec<String> {
    let boards: BTreeMap<&str, &Board> = fleet.boards().map(|board| (board.uid.as_str(), board)).collect();
    let mut found = Vec::new();
    for (file, board) in fleet.files.iter().filter_map(|file| Some((file, file.board.as_ref().ok()?))) {
        let mut say = |what: String| found.push(format!("{}: {what}", board.uid));
        let to_all = |link: &Link| link.kind.as_deref() == Some("dashboards") && link.tags == ["spyhop"];
        if !board
            .links
            .iter()
            .any(|link| to_all(link) && link.keep_time == Some(true) && link.include_vars == Some(true))
        {
            say("no link to the other boards that keeps time and variables".to_owned());
        }
        let mut links = Vec::new();
        urls(&file.json, &mut links);
        for (url, keeps_time) in links {
            if let Err(reason) = leads(board, &url, keeps_time, &boards) {
                say(format!("{url}: {reason}"));
            }
        }
    }
    found
}

/// Every address in a file, and whether the link around it adds the time.
fn urls(value: &Value, found: &mut Vec<(String, bool)>) {
    match value {
        Value::Object(map) => {
            if let Some(url) = map.get("url").and_then(Value::as_str).filter(|url| !url.is_empty()) {
                found.push((url.to_owned(), map.get("keepTime") == Some(&Value::Bool(true))));
            }
            map.iter().filter(|(key, _)| *key != "url").for_each(|(_, value)| urls(value, found));
        }
        Value::Array(list) => list.iter().for_each(|value| urls(value, found)),
        // Links in texts are followed in the same window, and keep no time: they lead to what a board is about.
        Value::String(text) => {
            let parts = text.split("](").skip(1).filter_map(|part| part.split_once(')'));
            found.extend(parts.map(|(url, _)| (url.to_owned(), true)));
        }
        _ => {}
    }
}

fn leads(from: &Board, url: &str, keeps_time: bool, boards: &BTreeMap<&str, &Board>) -> Result<(), String> {
    let Some(rest) = url.strip_prefix("/d/") else {
        // Grafana's own pages; nothing outside, which may not be there.
        return if ["/explore", "/a/grafana-"].iter().any(|page| url.starts_with(page)) {
            Ok(())
        } else {
            Err("leads out".to_owned())
        };
    };
    let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
    let uid = path.split('/').next().unwrap_or_default();
    let to = boards.get(uid).ok_or("no such board")?;
    if !keeps_time && !query.contains("${__url_time_range}") {
        return Err("forgets the time".to_owned());
    }
    for part in query.split('&').filter(|part| !part.is_empty() && *part != "${__url_time_range}") {
        // `${host:queryparam}` writes `var-host=...` for each value.
        let name = match part.strip_prefix("${").and_then(|part| part.strip_suffix(":queryparam}")) {
            Some(name) if from.variable(name).is_none() => return Err(format!("this board has no variable {name}")),
            Some(name) => name,
            None if part == "${__all_variables}" => continue,
            None => {
                let (name, value) = part.split_once('=').ok_or(format!("not understood: {part}"))?;
                if value.is_empty() {
                    return Err(format!("no value: {part}"));
                }
                name.strip_prefix("var-").ok_or(format!("not understood: {part}"))?
            }
        };
        if to.variable(name).is_none() {
            return Err(format!("{uid} has no variable {name}"));
        }
    }
    Ok(())
}

/// `dashboard_url` of every alert leads to a board, and sets variables that it has.
pub(crate) fn alerts(fleet: &Fleet<'_>) -> Vec<String> {
    let boards: BTreeMap<&str, &Board> = fleet.boards().map(|board| (board.uid.as_str(), board)).collect();
    let mut found = Vec::new();
    let rules = render::rules(&Policy::default(), &Options::default());
    for rule in rules.iter().flat_map(|file| &file.groups).flat_map(|group| &group.rules) {
        let Kind::Alert { annotations, .. } = &rule.kind else { continue };
        let url = annotations.iter().find(|(name, _)| *name == "dashboard_url").map_or("", |(_, url)| url);
        let (path, query) = url.split_once('?').unwrap_or((url, ""));
        let Some(board) = path.strip_prefix("/d/").and_then(|uid| boards.get(uid)) else {
            found.push(format!("{}: no such board: `{url}`", rule.name()));
            continue;
        };
        let names = query.split('&').filter_map(|part| part.split_once('=')?.0.strip_prefix("var-"));
        for name in names.filter(|name| board.variable(name).is_none()) {
            found.push(format!("{}: {} has no variable {name}", rule.name(), board.uid));
        }
    }
    found
}

/// Events that every board can show over its panels, and a part of the series each is made of.
const EVENTS: [(&str, &str); 4] = [
    ("alerts", "ALERTS"),
    ("restarts", "restarts_total"),
    ("memory that ran out", "oom_kills_total"),
    ("deploys", "_created_timestamp_seconds"),
];

/// Deploys, restarts, kills for want of memory and alerts are drawn on each board, by names that people read.
pub(crate) fn annotations(fleet: &Fleet<'_>) -> Vec<String> {
    fleet.each(|board, found| {
        let list = &board.annotations.list;
        let ours = || list.iter().filter(|annotation| annotation.built_in.is_none());
        for (event, series) in EVENTS {
            if !ours().any(|annotation| annotation.expr.as_deref().is_some_and(|expr| expr.contains(series))) {
                found.push(format!("no annotation for {event}"));
            }
        }
        for annotation in ours() {
            let complete = annotation.title_format.as_deref().is_some_and(|text| !text.is_empty())
                && !annotation.icon_color.is_empty();
            if !complete || annotation.expr.as_deref().is_none_or(|expr| expr.trim().is_empty()) {
                found.push(format!("annotation {}: without a title, a colour or a query", annotation.name));
            }
        }
    })
}
