//! Panels: whom they ask, what they are called, what they show when there is nothing.

use std::collections::BTreeSet;

use super::Fleet;
use crate::{
    model::{Panel, Source},
    queries,
};

/// Sentences that say when a panel may be empty: the live check believes nothing else.
pub(crate) const HEALTHY: &str = "Empty when healthy.";
/// What a host may do without, in `Empty without <this>.`
pub(crate) const FEATURES: [&str; 15] = [
    "logs",
    "traces",
    "probes",
    "isolation",
    "objectives",
    "traefik",
    "exporters",
    "swarm",
    "applications",
    "tiers",
    "limits",
    "health checks",
    "TLS",
    "pressure",
    "disk accounting",
];

/// When a panel may be empty.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Emptiness<'a> {
    Never,
    Healthy,
    Without(&'a str),
}

/// By the last sentence of its description.
pub(crate) fn emptiness_of(panel: &Panel) -> Result<Emptiness<'_>, String> {
    let text = panel.description.trim_end();
    if text.ends_with(HEALTHY) {
        return Ok(Emptiness::Healthy);
    }
    let Some((_, tail)) = text.rsplit_once("Empty without ") else {
        return if text.contains("Empty") {
            Err("says when it is empty in words of its own".to_owned())
        } else {
            Ok(Emptiness::Never)
        };
    };
    match FEATURES.iter().find(|feature| tail.strip_suffix('.') == Some(feature)) {
        Some(feature) => Ok(Emptiness::Without(feature)),
        None => Err(format!("no such feature: `{tail}`")),
    }
}

/// `panel-datasource-rule`: every panel, query, variable and annotation asks a data source that can be chosen.
pub(crate) fn datasources(fleet: &Fleet<'_>) -> Vec<String> {
    fleet.each(|board, found| {
        let chosen = |source: &Source| {
            let name = source.uid.strip_prefix("${").and_then(|uid| uid.strip_suffix('}'));
            name.and_then(|name| board.variable(name)).is_some_and(|variable| variable.query.text() == source.kind)
                && queries::language(source).is_some()
        };
        let mixed = |source: &Source| (source.kind.as_str(), source.uid.as_str()) == ("datasource", "-- Mixed --");
        for panel in board.all_panels().filter(|panel| panel.shows_data()) {
            let kinds: BTreeSet<&str> = panel.targets.iter().map(|target| target.datasource.uid.as_str()).collect();
            match &panel.datasource {
                None => found.push(format!("{panel}: no data source")),
                Some(source) if mixed(source) && kinds.len() < 2 => found.push(format!("{panel}: mixed, and asks one")),
                Some(source) if mixed(source) => {}
                Some(source) if !chosen(source) => {
                    found.push(format!("{panel}: {source:?} is no variable of the board"))
                }
                Some(source) if panel.targets.iter().any(|target| target.datasource != *source) => {
                    found.push(format!("{panel}: its queries ask another data source than it"));
                }
                Some(_) => {}
            }
            for target in panel.targets.iter().filter(|target| !chosen(&target.datasource)) {
                found.push(format!("{panel} {}: {:?} is no variable of the board", target.ref_id, target.datasource));
            }
        }
        for variable in board.templating.list.iter().filter(|variable| variable.kind == "query") {
            if !variable.datasource.as_ref().is_some_and(chosen) {
                found
                    .push(format!("variable {}: {:?} is no variable of the board", variable.name, variable.datasource));
            }
        }
        for annotation in &board.annotations.list {
            let built_in = annotation.built_in.is_some() && annotation.datasource.uid == "-- Grafana --";
            if !built_in && !chosen(&annotation.datasource) {
                found.push(format!(
                    "annotation {}: {:?} is no variable of the board",
                    annotation.name, annotation.datasource
                ));
            }
        }
    })
}

/// `panel-title-description-rule`, for every panel but rows and texts; a row has a title.
pub(crate) fn title_description(fleet: &Fleet<'_>) -> Vec<String> {
    fleet.each(|board, found| {
        let mut titles = BTreeSet::new();
        for panel in board.all_panels().filter(|panel| panel.kind != "text") {
            let trimmed = panel.title.trim();
            if trimmed.is_empty() || trimmed != panel.title || trimmed.ends_with('.') {
                found.push(format!("{panel}: no title, or one that is a sentence"));
            }
            if panel.shows_data() && !(panel.description.len() >= 20 && panel.description.ends_with('.')) {
                found.push(format!("{panel}: no description in sentences"));
            }
            if panel.shows_data() && !titles.insert(&panel.title) {
                found.push(format!("{panel}: another panel has this title"));
            }
        }
    })
}

/// `panel-no-targets-rule`: every panel asks something, each query under its own letter.
pub(crate) fn targets(fleet: &Fleet<'_>) -> Vec<String> {
    fleet.each(|board, found| {
        for panel in board.all_panels() {
            // These list what Grafana itself knows.
            let asks_nobody = !panel.shows_data() || matches!(panel.kind.as_str(), "alertlist" | "dashlist");
            if asks_nobody != panel.targets.is_empty() {
                found.push(format!("{panel}: asks nothing, or has no business to ask"));
            }
            let mut letters = BTreeSet::new();
            for target in &panel.targets {
                let service_map = target.query_type.as_deref() == Some("serviceMap");
                let text = target.expr.as_deref().or(target.query.as_deref()).unwrap_or_default();
                if text.trim().is_empty() && !service_map {
                    found.push(format!("{panel} {}: asks nothing", target.ref_id));
                }
                if target.ref_id.is_empty() || !letters.insert(&target.ref_id) {
                    found.push(format!("{panel} {}: two queries of one name", target.ref_id));
                }
                if target.instant && target.range == Some(true) {
                    found.push(format!("{panel} {}: asked for a moment and for a time", target.ref_id));
                }
                if target.hide == Some(true) {
                    found.push(format!("{panel} {}: asked and not shown", target.ref_id));
                }
            }
        }
    })
}

/// Panels that say "No data" by themselves.
const WITH_VALUES: [&str; 8] =
    ["stat", "gauge", "bargauge", "table", "timeseries", "barchart", "state-timeline", "piechart"];

/// What a panel says when nothing came: never Grafana's "No data", which leaves open whether that is good.
pub(crate) fn no_value(fleet: &Fleet<'_>) -> Vec<String> {
    fleet.each(|board, found| {
        for panel in board.all_panels().filter(|panel| WITH_VALUES.contains(&panel.kind.as_str())) {
            let said = panel.field_config.as_ref().and_then(|config| config.defaults.no_value.as_deref());
            if !said.is_some_and(|text| ["0", "none", "-"].contains(&text)) {
                found.push(format!("{panel}: noValue is {said:?}"));
            }
        }
    })
}

/// A panel says when it may be empty in one of the two sentences, or not at all.
pub(crate) fn emptiness(fleet: &Fleet<'_>) -> Vec<String> {
    fleet.each(|board, found| {
        let judged = board.all_panels().filter(|panel| panel.shows_data());
        found.extend(judged.filter_map(|panel| Some(format!("{panel}: {}", emptiness_of(panel).err()?))));
    })
}
