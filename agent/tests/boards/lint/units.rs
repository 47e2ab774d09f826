//! Units: there is one, and it is that of what is shown.

use super::{Fleet, targets::trees};
use crate::{
    model::{FieldConfig, Panel},
    names::Catalogue,
    promql::Node,
    queries::Place,
};

/// Units of Grafana that a host of containers has use for. What is not here is no unit, or one to be added on purpose.
const UNITS: &[&str] = &[
    "none",
    "string",
    "short",
    "percent",
    "percentunit",
    "locale",
    "bytes",
    "decbytes",
    "binBps",
    "Bps",
    "bps",
    "pps",
    "s",
    "ms",
    "m",
    "h",
    "d",
    "dtdurations",
    "dtdurationms",
    "dateTimeAsIso",
    "dateTimeAsLocal",
    "dateTimeAsSystem",
    "dateTimeFromNow",
    "cps",
    "ops",
    "reqps",
    "rps",
    "wps",
    "iops",
    "cpm",
    "opm",
    "bool",
    "bool_yes_no",
    "bool_on_off",
    "hertz",
    "celsius",
];

/// Panels whose fields have a unit.
const WITH_UNITS: [&str; 10] = [
    "stat",
    "gauge",
    "bargauge",
    "table",
    "timeseries",
    "barchart",
    "heatmap",
    "state-timeline",
    "status-history",
    "piechart",
];

/// `panel-units-rule`: every panel with numbers has a unit, overrides name units that exist, and a share is held between its ends.
pub(crate) fn present(fleet: &Fleet<'_>) -> Vec<String> {
    fleet.each(|board, found| {
        for panel in board.all_panels().filter(|panel| WITH_UNITS.contains(&panel.kind.as_str())) {
            let config = panel.field_config.as_ref();
            match config.and_then(|config| config.defaults.unit.as_deref()) {
                None => found.push(format!("{panel}: no unit")),
                Some(unit) if !UNITS.contains(&unit) => found.push(format!("{panel}: no such unit: {unit}")),
                Some(_) => {}
            }
            for unit in config.into_iter().flat_map(of_overrides).filter(|unit| !UNITS.contains(unit)) {
                found.push(format!("{panel}: no such unit: {unit}"));
            }
            if let Some(FieldConfig { defaults, .. }) = config {
                let gauge = matches!(panel.kind.as_str(), "gauge" | "bargauge");
                let share = matches!(defaults.unit.as_deref(), Some("percentunit" | "percent"));
                if gauge && share && !(defaults.min == Some(0.0) && defaults.max.is_some()) {
                    found.push(format!("{panel}: a share without its ends"));
                }
            }
        }
    })
}

fn of_overrides(config: &FieldConfig) -> impl Iterator<Item = &str> {
    let properties = config.overrides.iter().flat_map(|chosen| &chosen.properties);
    properties.filter(|property| property.id == "unit").filter_map(|property| property.value.as_str())
}

/// What a number is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Of {
    Bytes,
    BytesASecond,
    Seconds,
    Moment,
    Share,
    /// Not told by names.
    Unknown,
}

/// A panel in which every query gives the same kind of number has a unit of that kind.
pub(crate) fn fit(fleet: &Fleet<'_>) -> Vec<String> {
    fleet.each(|board, found| {
        let trees = trees(board);
        for panel in board.all_panels().filter(|panel| WITH_UNITS.contains(&panel.kind.as_str())) {
            let of_panel =
                trees.iter().filter(|(asked, _)| matches!(asked.place, Place::Panel(of, _) if of.id == panel.id));
            let kinds: Vec<Of> = of_panel.map(|(_, tree)| kind(tree, fleet.catalogue)).collect();
            let Some(first) = kinds.first().filter(|first| kinds.iter().all(|kind| kind == *first)) else { continue };
            let unit =
                panel.field_config.as_ref().and_then(|config| config.defaults.unit.as_deref()).unwrap_or_default();
            if !fits(*first, unit) && !units_by_field(panel) {
                found.push(format!("{panel}: {first:?} shown as `{unit}`"));
            }
        }
    })
}

/// Tables show labels too, and have a unit for each field that needs one.
fn units_by_field(panel: &Panel) -> bool {
    panel.field_config.as_ref().is_some_and(|config| of_overrides(config).next().is_some())
}

fn fits(of: Of, unit: &str) -> bool {
    match of {
        Of::Bytes => ["bytes", "decbytes"].contains(&unit),
        Of::BytesASecond => ["binBps", "Bps"].contains(&unit),
        Of::Seconds => ["s", "dtdurations"].contains(&unit),
        // Seconds since 1970 are no date to Grafana, which counts milliseconds.
        Of::Moment => false,
        Of::Share => ["percentunit", "short", "none"].contains(&unit),
        Of::Unknown => true,
    }
}

fn kind(node: &Node, catalogue: &Catalogue) -> Of {
    match node {
        Node::Selector(selector) => {
            let name = selector.metric().unwrap_or_default();
            match catalogue.get(name).map(|metric| metric.unit) {
                Some("seconds") if name.contains("timestamp_seconds") || name.ends_with("_time_seconds") => Of::Moment,
                Some("seconds") => Of::Seconds,
                Some("bytes") => Of::Bytes,
                Some("ratio") => Of::Share,
                _ => Of::Unknown,
            }
        }
        Node::Range { of, .. } | Node::Inside(of) => kind(of, catalogue),
        Node::Call { name, arguments } => {
            let inner = || {
                arguments
                    .iter()
                    .find(|argument| !argument.selectors().is_empty())
                    .map_or(Of::Unknown, |a| kind(a, catalogue))
            };
            match (name.as_str(), inner()) {
                ("rate" | "irate", Of::Bytes) => Of::BytesASecond,
                (
                    "max_over_time" | "min_over_time" | "avg_over_time" | "last_over_time" | "clamp_min" | "clamp_max"
                    | "sort" | "sort_desc",
                    of,
                ) => of,
                ("increase", Of::Bytes) => Of::Bytes,
                _ => Of::Unknown,
            }
        }
        Node::Aggregate { operator, arguments, .. } => match operator.as_str() {
            "sum" | "avg" | "max" | "min" | "topk" | "bottomk" => {
                arguments.last().map_or(Of::Unknown, |series| kind(series, catalogue))
            }
            _ => Of::Unknown,
        },
        Node::Binary { operator, left, right, .. } => {
            let sides = (kind(left, catalogue), kind(right, catalogue));
            match (operator.as_str(), sides) {
                // What is no moment is a time on the clock: time().
                ("-", (Of::Unknown, Of::Moment) | (Of::Moment, Of::Unknown | Of::Moment)) => Of::Seconds,
                ("+" | "-" | "or", (a, b)) if a == b => a,
                ("and" | "unless" | ">" | "<" | ">=" | "<=", (a, _)) => a,
                _ => Of::Unknown,
            }
        }
        Node::Number | Node::Text(_) => Of::Unknown,
    }
}
