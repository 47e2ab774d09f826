//! The file as a whole: schema, identity, where panels stand.

use std::collections::BTreeSet;

use super::Fleet;
use crate::model::{Board, Panel};

/// Uids of the product: alerts link to them.
pub(crate) const UIDS: [&str; 11] = [
    "spyhop-overview",
    "spyhop-service",
    "spyhop-tiers",
    "spyhop-slo",
    "spyhop-isolation",
    "spyhop-logs",
    "spyhop-traces",
    "spyhop-host",
    "spyhop-edge",
    "spyhop-databases",
    "spyhop-agent",
];

/// Every key is one that we mean, every value has its type.
pub(crate) fn schema(fleet: &Fleet<'_>) -> Vec<String> {
    let wrong = fleet.files.iter().filter_map(|file| Some(format!("{}: {}", file.name, file.board.as_ref().err()?)));
    // What only an import by hand resolves.
    let texts = fleet
        .files
        .iter()
        .filter(|file| ["__inputs", "__requires", "${DS_"].iter().any(|part| file.json.to_string().contains(part)));
    wrong.chain(texts.map(|file| format!("{}: made for import, not for provisioning", file.name))).collect()
}

/// One board a uid and title, and the same settings everywhere.
pub(crate) fn identity(fleet: &Fleet<'_>) -> Vec<String> {
    let mut found = Vec::new();
    let mut uids: Vec<&str> = fleet.boards().map(|board| board.uid.as_str()).collect();
    uids.sort_unstable();
    let mut wanted = UIDS;
    wanted.sort_unstable();
    // A uid or title that is there twice stops Grafana from loading all boards of the folder.
    if fleet.files.iter().all(|file| file.board.is_ok()) && uids != wanted {
        found.push(format!("uids are {uids:?}"));
    }
    let titles: BTreeSet<&str> = fleet.boards().map(|board| board.title.as_str()).collect();
    if titles.len() != fleet.boards().count() {
        found.push(format!("a title is there twice: {titles:?}"));
    }
    for (file, board) in fleet.files.iter().filter_map(|file| Some((file, file.board.as_ref().ok()?))) {
        let name = format!("{}.json", board.uid.trim_start_matches("spyhop-"));
        let holds = [
            (file.name == name, "the file is named after the uid"),
            ((8..=40).contains(&board.uid.len()), "a uid has 8 to 40 letters"),
            (board.title.starts_with("spyhop / ") && board.title.len() > 9, "the title begins with `spyhop / `"),
            (board.description.ends_with('.'), "the description is a sentence"),
            (board.tags == ["spyhop"], "the tag is spyhop, by which boards find each other"),
            (board.timezone == "browser", "times are those of who looks"),
            (board.refresh == "30s", "it is refreshed every 30 s"),
            (board.graph_tooltip == 1, "one cross-hair over all panels"),
            (board.schema_version == 41, "schema version 41"),
            (board.version == 1, "version 1"),
            (board.time.from.starts_with("now-") && board.time.to == "now", "it shows what was until now"),
        ];
        found
            .extend(holds.iter().filter(|(holds, _)| !holds).map(|(_, what)| format!("{}: not so: {what}", board.uid)));
    }
    found
}

/// `uneditable-dashboard`: said, because Grafana takes what is missing for true.
pub(crate) fn uneditable(fleet: &Fleet<'_>) -> Vec<String> {
    fleet.each(|board, found| {
        if board.editable {
            found.push("editable: what is provisioned is changed where it is rendered".to_owned());
        }
    })
}

/// Panels in 24 columns, none over another, in the order of reading, each id once.
pub(crate) fn layout(fleet: &Fleet<'_>) -> Vec<String> {
    fleet.each(|board, found| {
        let mut ids = BTreeSet::new();
        for panel in board.all_panels() {
            let place = panel.grid_pos;
            if !ids.insert(panel.id) || panel.id == 0 {
                found.push(format!("{panel}: its id is another's, or 0"));
            }
            if place.w == 0 || place.h == 0 || place.x + place.w > 24 {
                found.push(format!("{panel}: outside of the 24 columns: {place:?}"));
            }
            if panel.kind == "row" && (place.x, place.w, place.h) != (0, 24, 1) {
                found.push(format!("{panel}: a row is a line of its own"));
            }
            if panel.kind != "row" && !panel.panels.is_empty() {
                found.push(format!("{panel}: only rows have panels"));
            }
            if panel.kind == "row" && panel.collapsed != Some(!panel.panels.is_empty()) {
                found.push(format!("{panel}: a row holds its panels when it is collapsed, and only then"));
            }
        }
        apart(&board.panels.iter().collect::<Vec<_>>(), found);
        for row in board.panels.iter().filter(|panel| !panel.panels.is_empty()) {
            apart(&row.panels.iter().collect::<Vec<_>>(), found);
            for panel in row.panels.iter().filter(|panel| panel.grid_pos.y <= row.grid_pos.y) {
                found.push(format!("{panel}: above its row"));
            }
        }
        in_order(board, found);
    })
}

fn apart(panels: &[&Panel], found: &mut Vec<String>) {
    for (index, one) in panels.iter().enumerate() {
        for other in &panels[index + 1..] {
            let (a, b) = (one.grid_pos, other.grid_pos);
            if a.x < b.x + b.w && b.x < a.x + a.w && a.y < b.y + b.h && b.y < a.y + a.h {
                found.push(format!("{one} lies over {other}"));
            }
        }
    }
}

fn in_order(board: &Board, found: &mut Vec<String>) {
    for pair in board.panels.windows(2) {
        let at = |panel: &Panel| (panel.grid_pos.y, panel.grid_pos.x);
        if at(&pair[0]) > at(&pair[1]) {
            found.push(format!("{} stands before {} and below it", pair[0], pair[1]));
        }
    }
}

/// Types of panels that Grafana 10.4 and later have built in, and keys of their options. None of them is deprecated.
const TYPES: &[(&str, &[&str])] = &[
    ("row", &[]),
    ("text", &["mode", "content", "code"]),
    (
        "stat",
        &[
            "reduceOptions",
            "orientation",
            "textMode",
            "colorMode",
            "graphMode",
            "justifyMode",
            "wideLayout",
            "showPercentChange",
            "percentChangeColorMode",
            "text",
        ],
    ),
    (
        "gauge",
        &[
            "reduceOptions",
            "orientation",
            "showThresholdLabels",
            "showThresholdMarkers",
            "minVizHeight",
            "minVizWidth",
            "sizing",
            "text",
        ],
    ),
    (
        "bargauge",
        &[
            "reduceOptions",
            "orientation",
            "displayMode",
            "valueMode",
            "namePlacement",
            "showUnfilled",
            "sizing",
            "minVizWidth",
            "minVizHeight",
            "maxVizHeight",
            "legend",
            "text",
        ],
    ),
    ("timeseries", &["legend", "tooltip", "timezone", "orientation"]),
    ("table", &["showHeader", "cellHeight", "footer", "sortBy", "frameIndex"]),
    (
        "logs",
        &[
            "showTime",
            "showLabels",
            "showCommonLabels",
            "wrapLogMessage",
            "prettifyLogMessage",
            "enableLogDetails",
            "dedupStrategy",
            "sortOrder",
            "showLogContextToggle",
            "enableInfiniteScrolling",
        ],
    ),
    ("state-timeline", &["showValue", "rowHeight", "mergeValues", "alignValue", "legend", "tooltip", "perPage"]),
    ("status-history", &["showValue", "rowHeight", "colWidth", "legend", "tooltip", "perPage"]),
    (
        "heatmap",
        &[
            "calculate",
            "calculation",
            "color",
            "cellGap",
            "cellValues",
            "cellRadius",
            "exemplars",
            "filterValues",
            "legend",
            "rowsFrame",
            "showValue",
            "tooltip",
            "yAxis",
        ],
    ),
    (
        "barchart",
        &[
            "orientation",
            "xField",
            "xTickLabelRotation",
            "xTickLabelSpacing",
            "xTickLabelMaxLength",
            "stacking",
            "showValue",
            "barWidth",
            "groupWidth",
            "barRadius",
            "fullHighlight",
            "legend",
            "tooltip",
            "text",
            "colorByField",
        ],
    ),
    ("piechart", &["reduceOptions", "pieType", "displayLabels", "legend", "tooltip"]),
    ("nodeGraph", &["nodes", "edges", "zoomMode", "layoutAlgorithm"]),
    ("traces", &[]),
    (
        "alertlist",
        &[
            "viewMode",
            "groupMode",
            "groupBy",
            "maxItems",
            "sortOrder",
            "dashboardAlerts",
            "alertName",
            "alertInstanceLabelFilter",
            "datasource",
            "folder",
            "stateFilter",
            "showInstances",
            "showInactiveAlerts",
            "showLinked",
        ],
    ),
    (
        "dashlist",
        &[
            "showStarred",
            "showRecentlyViewed",
            "showSearch",
            "showHeadings",
            "showFolderNames",
            "includeVars",
            "keepTime",
            "maxItems",
            "query",
            "tags",
            "folderUID",
        ],
    ),
];

/// Only panels that every supported Grafana has, with options that exist.
pub(crate) fn panel_types(fleet: &Fleet<'_>) -> Vec<String> {
    fleet.each(|board, found| {
        for panel in board.all_panels() {
            let Some((_, known)) = TYPES.iter().find(|(name, _)| *name == panel.kind) else {
                found.push(format!("{panel}: no such type: {}", panel.kind));
                continue;
            };
            let unknown =
                panel.options.iter().flat_map(|options| options.keys()).filter(|key| !known.contains(&key.as_str()));
            found.extend(unknown.map(|key| format!("{panel}: {} has no option {key}", panel.kind)));
            for thresholds in panel.field_config.iter().filter_map(|config| config.defaults.thresholds.as_ref()) {
                let values: Vec<Option<f64>> = thresholds.steps.iter().map(|step| step.value).collect();
                let rises = values
                    .windows(2)
                    .all(|pair| pair[1].is_some_and(|value| pair[0].is_none_or(|before| before < value)));
                let mode = ["absolute", "percentage"].contains(&thresholds.mode.as_str());
                if values.first() != Some(&None)
                    || !rises
                    || !mode
                    || thresholds.steps.iter().any(|step| step.color.is_empty())
                {
                    found.push(format!("{panel}: thresholds begin with a colour for everything and rise from there"));
                }
            }
        }
    })
}
