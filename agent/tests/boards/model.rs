//! The classic schema of Grafana's dashboards, as far as ours use it: a key that is not here is refused.
//!
//! Keys and ranges are those of Grafana's own kind (`kinds/dashboard`) at schema version 41. What Grafana fills in when it is missing must be
//! there: its default is often not what was meant (`editable` is true).

#![expect(dead_code, reason = "most keys are here so that others are refused")]

use std::{fmt, fs, path::Path};

use serde::Deserialize;
use serde_json::{Map, Value};

use crate::root;

/// A dashboard.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct Board {
    pub(crate) uid: String,
    pub(crate) title: String,
    pub(crate) description: String,
    pub(crate) tags: Vec<String>,
    pub(crate) timezone: String,
    pub(crate) editable: bool,
    pub(crate) graph_tooltip: u8,
    pub(crate) refresh: String,
    pub(crate) schema_version: u32,
    pub(crate) version: u32,
    pub(crate) time: Span,
    pub(crate) templating: Listed<Variable>,
    pub(crate) annotations: Listed<Annotation>,
    pub(crate) links: Vec<Link>,
    pub(crate) panels: Vec<Panel>,
    #[serde(default)]
    pub(crate) timepicker: Option<Map<String, Value>>,
    #[serde(default)]
    pub(crate) week_start: Option<String>,
    #[serde(default)]
    pub(crate) fiscal_year_start_month: Option<u8>,
    #[serde(default)]
    pub(crate) live_now: Option<bool>,
}

/// What it shows at first.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Span {
    pub(crate) from: String,
    pub(crate) to: String,
}

/// Grafana puts some lists into an object.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Listed<T> {
    pub(crate) list: Vec<T>,
}

/// A data source: `{ type, uid }`, never a name.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub(crate) struct Source {
    #[serde(rename = "type")]
    pub(crate) kind: String,
    pub(crate) uid: String,
}

/// A variable.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct Variable {
    #[serde(rename = "type")]
    pub(crate) kind: String,
    pub(crate) name: String,
    pub(crate) label: String,
    #[serde(default)]
    pub(crate) description: Option<String>,
    pub(crate) query: Query,
    #[serde(default)]
    pub(crate) datasource: Option<Source>,
    #[serde(default)]
    pub(crate) definition: Option<String>,
    #[serde(default)]
    pub(crate) refresh: Option<u8>,
    #[serde(default)]
    pub(crate) multi: bool,
    #[serde(default)]
    pub(crate) include_all: bool,
    #[serde(default)]
    pub(crate) all_value: Option<String>,
    #[serde(default)]
    pub(crate) current: Option<Value>,
    #[serde(default)]
    pub(crate) options: Vec<Value>,
    #[serde(default)]
    pub(crate) regex: Option<String>,
    #[serde(default)]
    pub(crate) sort: Option<u8>,
    #[serde(default)]
    pub(crate) hide: Option<u8>,
    #[serde(default)]
    pub(crate) skip_url_sync: Option<bool>,
}

/// What a variable asks: a text, or a text with its reference.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
pub(crate) enum Query {
    /// `label_values(up, job)`, or the type of a data source.
    Text(String),
    /// The same as Grafana saves it.
    Saved(SavedQuery),
}

/// The long form.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct SavedQuery {
    pub(crate) query: String,
    pub(crate) ref_id: String,
    #[serde(default)]
    pub(crate) qry_type: Option<u8>,
}

impl Query {
    pub(crate) fn text(&self) -> &str {
        match self {
            Self::Text(text) => text,
            Self::Saved(saved) => &saved.query,
        }
    }
}

/// Events drawn over all panels.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct Annotation {
    pub(crate) name: String,
    pub(crate) datasource: Source,
    pub(crate) enable: bool,
    pub(crate) icon_color: String,
    #[serde(default)]
    pub(crate) expr: Option<String>,
    #[serde(default)]
    pub(crate) hide: Option<bool>,
    #[serde(default)]
    pub(crate) built_in: Option<u8>,
    #[serde(default, rename = "type")]
    pub(crate) kind: Option<String>,
    #[serde(default)]
    pub(crate) step: Option<String>,
    #[serde(default)]
    pub(crate) title_format: Option<String>,
    #[serde(default)]
    pub(crate) text_format: Option<String>,
    #[serde(default)]
    pub(crate) tag_keys: Option<String>,
    #[serde(default)]
    pub(crate) use_value_for_time: Option<bool>,
    #[serde(default)]
    pub(crate) target: Option<Map<String, Value>>,
}

/// A link of a dashboard or a panel.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct Link {
    pub(crate) title: String,
    #[serde(default, rename = "type")]
    pub(crate) kind: Option<String>,
    #[serde(default)]
    pub(crate) url: Option<String>,
    #[serde(default)]
    pub(crate) tags: Vec<String>,
    #[serde(default)]
    pub(crate) as_dropdown: Option<bool>,
    #[serde(default)]
    pub(crate) include_vars: Option<bool>,
    #[serde(default)]
    pub(crate) keep_time: Option<bool>,
    #[serde(default)]
    pub(crate) target_blank: Option<bool>,
    #[serde(default)]
    pub(crate) icon: Option<String>,
    #[serde(default)]
    pub(crate) tooltip: Option<String>,
}

/// Where a panel stands: 24 columns, rows without end.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub(crate) struct Place {
    pub(crate) x: u32,
    pub(crate) y: u32,
    pub(crate) w: u32,
    pub(crate) h: u32,
}

/// A panel, or a row of them.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct Panel {
    #[serde(rename = "type")]
    pub(crate) kind: String,
    pub(crate) id: u32,
    pub(crate) grid_pos: Place,
    #[serde(default)]
    pub(crate) title: String,
    #[serde(default)]
    pub(crate) description: String,
    #[serde(default)]
    pub(crate) datasource: Option<Source>,
    #[serde(default)]
    pub(crate) targets: Vec<Target>,
    #[serde(default)]
    pub(crate) field_config: Option<FieldConfig>,
    #[serde(default)]
    pub(crate) options: Option<Map<String, Value>>,
    #[serde(default)]
    pub(crate) transformations: Vec<Transformation>,
    #[serde(default)]
    pub(crate) links: Vec<Link>,
    #[serde(default)]
    pub(crate) interval: Option<String>,
    #[serde(default)]
    pub(crate) max_data_points: Option<u32>,
    #[serde(default)]
    pub(crate) time_from: Option<String>,
    #[serde(default)]
    pub(crate) hide_time_override: Option<bool>,
    #[serde(default)]
    pub(crate) repeat: Option<String>,
    #[serde(default)]
    pub(crate) repeat_direction: Option<String>,
    #[serde(default)]
    pub(crate) max_per_row: Option<u32>,
    #[serde(default)]
    pub(crate) transparent: Option<bool>,
    #[serde(default)]
    pub(crate) plugin_version: Option<String>,
    #[serde(default)]
    pub(crate) collapsed: Option<bool>,
    #[serde(default)]
    pub(crate) panels: Vec<Self>,
}

/// One query of a panel.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct Target {
    pub(crate) ref_id: String,
    pub(crate) datasource: Source,
    /// PromQL or LogQL.
    #[serde(default)]
    pub(crate) expr: Option<String>,
    /// TraceQL.
    #[serde(default)]
    pub(crate) query: Option<String>,
    #[serde(default)]
    pub(crate) query_type: Option<String>,
    #[serde(default)]
    pub(crate) legend_format: Option<String>,
    #[serde(default)]
    pub(crate) instant: bool,
    #[serde(default)]
    pub(crate) range: Option<bool>,
    #[serde(default)]
    pub(crate) format: Option<String>,
    #[serde(default)]
    pub(crate) exemplar: Option<bool>,
    #[serde(default)]
    pub(crate) interval: Option<String>,
    #[serde(default)]
    pub(crate) editor_mode: Option<String>,
    #[serde(default)]
    pub(crate) hide: Option<bool>,
    #[serde(default)]
    pub(crate) max_lines: Option<u32>,
    #[serde(default)]
    pub(crate) direction: Option<String>,
    #[serde(default)]
    pub(crate) limit: Option<u32>,
    #[serde(default)]
    pub(crate) table_type: Option<String>,
    #[serde(default)]
    pub(crate) filters: Option<Vec<Value>>,
    #[serde(default)]
    pub(crate) service_map_query: Option<String>,
    #[serde(default)]
    pub(crate) service_map_include_namespace: Option<bool>,
}

/// How values look.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct FieldConfig {
    pub(crate) defaults: Field,
    pub(crate) overrides: Vec<Override>,
}

/// What holds for all fields.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase", default)]
pub(crate) struct Field {
    pub(crate) unit: Option<String>,
    pub(crate) decimals: Option<u8>,
    pub(crate) min: Option<f64>,
    pub(crate) max: Option<f64>,
    pub(crate) no_value: Option<String>,
    pub(crate) color: Option<Map<String, Value>>,
    pub(crate) custom: Option<Map<String, Value>>,
    pub(crate) mappings: Vec<Map<String, Value>>,
    pub(crate) thresholds: Option<Thresholds>,
    pub(crate) links: Vec<Link>,
    pub(crate) display_name: Option<String>,
    pub(crate) description: Option<String>,
}

/// From which value on which colour.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Thresholds {
    pub(crate) mode: String,
    pub(crate) steps: Vec<Step>,
}

/// One of them; the first has no value.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Step {
    pub(crate) color: String,
    #[serde(deserialize_with = "Option::deserialize")]
    pub(crate) value: Option<f64>,
}

/// What holds for some fields.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Override {
    pub(crate) matcher: Chosen,
    pub(crate) properties: Vec<Property>,
}

/// Which fields.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Chosen {
    pub(crate) id: String,
    #[serde(default)]
    pub(crate) options: Value,
}

/// What of them.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Property {
    pub(crate) id: String,
    #[serde(default)]
    pub(crate) value: Value,
}

/// A step between answers and what is shown.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Transformation {
    pub(crate) id: String,
    pub(crate) options: Value,
    #[serde(default)]
    pub(crate) filter: Option<Value>,
}

/// A file of `dashboards/`, read or not.
#[derive(Clone, Debug)]
pub(crate) struct File {
    /// Its name without a folder.
    pub(crate) name: String,
    /// All of it.
    pub(crate) json: Value,
    /// The same by the schema, or what does not fit.
    pub(crate) board: Result<Board, String>,
}

impl File {
    pub(crate) fn new(name: &str, json: Value) -> Self {
        let board = Board::deserialize(&json).map_err(|error| error.to_string());
        Self { name: name.to_owned(), json, board }
    }
}

/// Every dashboard of the repository, by name.
pub(crate) fn shipped() -> Vec<File> {
    let mut files = read(&root().join("dashboards"));
    files.sort_by(|a, b| a.name.cmp(&b.name));
    files
}

fn read(folder: &Path) -> Vec<File> {
    let entries = fs::read_dir(folder).unwrap_or_else(|error| panic!("read {}: {error}", folder.display()));
    let paths = entries.map(|entry| entry.expect("an entry").path());
    let json = paths.filter(|path| path.extension().is_some_and(|extension| extension == "json"));
    json.map(|path| {
        let name = path.file_name().expect("a file").to_string_lossy().into_owned();
        let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("read {}: {error}", path.display()));
        File::new(&name, serde_json::from_str(&text).unwrap_or_else(|error| panic!("read {}: {error}", path.display())))
    })
    .collect()
}

impl Board {
    /// Every panel, those in rows among them.
    pub(crate) fn all_panels(&self) -> impl Iterator<Item = &Panel> {
        self.panels.iter().flat_map(|panel| std::iter::once(panel).chain(&panel.panels))
    }

    /// A variable by its name.
    pub(crate) fn variable(&self, name: &str) -> Option<&Variable> {
        self.templating.list.iter().find(|variable| variable.name == name)
    }
}

impl Panel {
    /// Rows and texts ask nothing.
    pub(crate) fn shows_data(&self) -> bool {
        !matches!(self.kind.as_str(), "row" | "text")
    }
}

impl fmt::Display for Panel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "panel {} `{}`", self.id, self.title)
    }
}
