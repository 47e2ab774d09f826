//! A panel: what it asks, how it shows the answer, and its JSON in Grafana's classic schema.

use serde_json::{Map, Value, json};

use super::{
    board::Board,
    link::{self, Link},
    query::{Query, Source},
    steps::{self, Color, Context, Steps},
};

/// One panel.
#[derive(Debug)]
pub struct Panel {
    /// Unique on its board and never given to another: links and alerts may point at it.
    pub id: u16,
    /// A few words.
    pub title: &'static str,
    /// What it shows, in a sentence or two; what may be empty is said by [`Panel::empty`].
    pub about: &'static str,
    /// When it may show nothing.
    pub empty: Empty,
    /// How.
    pub show: Show,
    /// Width of 24, and height.
    pub size: (u8, u8),
    /// In what.
    pub unit: Unit,
    /// Values that are good and bad.
    pub steps: Option<&'static Steps>,
    /// Words for values.
    pub words: Option<Words>,
    /// Where the axis begins; `None` where values may be negative.
    pub floor: Option<f64>,
    /// The column a table is sorted by, the largest first; otherwise as it comes.
    pub sort: Option<&'static str>,
    /// Where a value leads.
    pub link: Option<&'static Link>,
    /// What is asked.
    pub queries: &'static [Query],
}

/// When a panel may show nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Empty {
    /// Never while an agent is scraped.
    Never,
    /// While all is well.
    Healthy,
    /// Without this.
    Without(Feature),
}

/// Words for values: value, word, colour.
pub(super) type Words = &'static [(&'static str, &'static str, Color)];

/// Names for small numbers: a text of its own on each of two hundred panels would cost more than all of these.
macro_rules! named {
    ($(#[$about:meta])* $name:ident { $($variant:ident $text:literal)* }) => {
        $(#[$about])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum $name {
            $(#[doc = concat!("`", $text, "`.")] $variant,)*
        }

        impl $name {
            /// The text.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text,)* }
            }
        }
    };
}

named! {
    /// What a host may do without, as the page of dashboards names it.
    Feature {
        Logs "logs" Traces "traces" Probes "probes" Isolation "isolation" Objectives "objectives" Tiers "tiers" Traefik "traefik"
        Exporters "exporters" Applications "applications" Limits "limits" HealthChecks "health checks" Tls "TLS" Pressure "pressure"
        DiskAccounting "disk accounting"
    }
}

named! {
    /// Units, by Grafana's ids.
    Unit {
        Short "short" Plain "none" Share "percentunit" Bytes "bytes" BytesASecond "Bps" Seconds "s" ASecond "ops" RequestsASecond "reqps"
        LinesASecond "cps" PacketsASecond "pps"
    }
}

/// How an answer is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Show {
    /// One number, or a few.
    Stat,
    /// Lines over time.
    Lines,
    /// Parts of a whole over time.
    Stack,
    /// Counts over time.
    Bars,
    /// A bar a series, as it is now.
    Gauges,
    /// Rows as they are now.
    Table,
    /// Rows against columns, by two labels.
    Matrix(&'static (&'static str, &'static str)),
    /// A state over time, a row a series.
    States,
    /// Buckets of a histogram over time.
    Heat,
    /// Lines of logs.
    Logs,
    /// Traces that were found.
    Traces,
}

/// What panels have in common; each names the rest.
const BASE: Panel = Panel {
    id: 0,
    title: "",
    about: "",
    empty: Empty::Never,
    show: Show::Lines,
    size: (12, 8),
    unit: Unit::Short,
    steps: None,
    words: None,
    floor: Some(0.0),
    sort: None,
    link: None,
    queries: &[],
};

impl Panel {
    /// One number.
    pub const STAT: Self = Self { show: Show::Stat, size: (4, 4), floor: None, ..BASE };
    /// Lines.
    pub const LINES: Self = BASE;
    /// Parts of a whole.
    pub const STACK: Self = Self { show: Show::Stack, ..BASE };
    /// Counts.
    pub const BARS: Self = Self { show: Show::Bars, ..BASE };
    /// Bars of now.
    pub const GAUGES: Self = Self { show: Show::Gauges, ..BASE };
    /// Rows.
    pub const TABLE: Self = Self { show: Show::Table, floor: None, ..BASE };
    /// States.
    pub const STATES: Self = Self { show: Show::States, floor: None, ..BASE };
    /// Buckets.
    pub const HEAT: Self = Self { show: Show::Heat, unit: Unit::Seconds, floor: None, ..BASE };
    /// Lines of logs.
    pub const LOGS: Self = Self { show: Show::Logs, size: (24, 10), floor: None, ..BASE };
    /// Traces.
    pub const TRACES: Self = Self { show: Show::Traces, size: (24, 9), floor: None, ..BASE };

    /// What is said of it, with when it may be empty.
    pub fn description(&self) -> String {
        match self.empty {
            Empty::Never => self.about.to_owned(),
            Empty::Healthy => format!("{} Empty when healthy.", self.about),
            Empty::Without(what) => format!("{} Empty without {}.", self.about, what.as_str()),
        }
    }

    /// What stands in it while there is nothing.
    const fn nothing(&self) -> &'static str {
        match (self.empty, self.show) {
            (Empty::Healthy, Show::Stat) => "0",
            (Empty::Healthy, _) => "none",
            _ => "-",
        }
    }

    /// Its JSON, at this place.
    pub(super) fn write(&self, board: &Board, context: &Context, place: &Value) -> Value {
        let source = self.queries.first().map_or(Source::Metrics, |query| query.source);
        let targets: Vec<Value> =
            self.queries.iter().enumerate().map(|(at, query)| query.target(reference(at), self.show)).collect();
        let mut panel = json!({
            "id": self.id,
            "title": self.title,
            "description": self.description(),
            "type": self.kind(),
            "datasource": source.reference(),
            "gridPos": place,
            "targets": targets,
            "options": self.options(),
            "fieldConfig": { "defaults": self.defaults(board, context), "overrides": self.overrides(context) },
        });
        let transformations = self.transformations();
        if let (Some(panel), false) = (panel.as_object_mut(), transformations.is_empty()) {
            panel.insert("transformations".to_owned(), transformations.into());
        }
        panel
    }

    const fn kind(&self) -> &'static str {
        match self.show {
            Show::Stat => "stat",
            Show::Lines | Show::Stack | Show::Bars => "timeseries",
            Show::Gauges => "bargauge",
            Show::Table | Show::Matrix(..) | Show::Traces => "table",
            Show::States => "state-timeline",
            Show::Heat => "heatmap",
            Show::Logs => "logs",
        }
    }

    /// A table of rows whose values are columns.
    const fn is_table(&self) -> bool {
        matches!(self.show, Show::Table | Show::Matrix(..))
    }

    fn options(&self) -> Value {
        let last = json!({ "calcs": ["lastNotNull"], "fields": "", "values": false });
        match self.show {
            Show::Stat => json!({
                "colorMode": "value", "graphMode": "none", "justifyMode": "auto", "orientation": "auto",
                "percentChangeColorMode": "standard", "reduceOptions": last, "showPercentChange": false,
                "textMode": "auto", "wideLayout": true,
            }),
            Show::Lines | Show::Stack | Show::Bars => json!({
                "legend": { "calcs": ["lastNotNull", "max"], "displayMode": "table", "placement": "bottom", "showLegend": true },
                "tooltip": { "mode": "multi", "sort": "desc" },
            }),
            Show::Gauges => json!({
                "displayMode": "basic", "minVizHeight": 16, "minVizWidth": 8, "orientation": "horizontal",
                "reduceOptions": last, "showUnfilled": true, "valueMode": "color",
            }),
            Show::Table | Show::Matrix(..) | Show::Traces => {
                let sort = self.sort.iter().map(|column| json!({ "displayName": column, "desc": true }));
                let sort: Vec<Value> = sort.collect();
                json!({ "cellHeight": "sm", "showHeader": true, "sortBy": sort })
            }
            Show::States => json!({
                "alignValue": "left", "legend": { "displayMode": "list", "placement": "bottom", "showLegend": false },
                "mergeValues": true, "rowHeight": 0.9, "showValue": "auto", "tooltip": { "mode": "single", "sort": "none" },
            }),
            Show::Heat => json!({
                "calculate": false, "cellGap": 1, "exemplars": { "color": "rgba(255,0,255,0.7)" },
                "color": { "exponent": 0.5, "fill": "dark-orange", "mode": "scheme", "reverse": false, "scale": "exponential", "scheme": "Oranges", "steps": 64 },
                "filterValues": { "le": 1e-9 }, "legend": { "show": true }, "rowsFrame": { "layout": "auto" },
                "tooltip": { "mode": "single", "showColorScale": false, "yHistogram": false },
                "yAxis": { "axisPlacement": "left", "reverse": false, "unit": self.unit.as_str() },
            }),
            Show::Logs => json!({
                "dedupStrategy": "none", "enableLogDetails": true, "prettifyLogMessage": false, "showCommonLabels": false,
                "showLabels": false, "showTime": true, "sortOrder": "Descending", "wrapLogMessage": true,
            }),
        }
    }

    fn defaults(&self, board: &Board, context: &Context) -> Value {
        let mut defaults = Map::new();
        let mut set = |key: &str, value: Value| defaults.insert(key.to_owned(), value);
        set("noValue", self.nothing().into());
        set("unit", self.unit.as_str().into());
        set("mappings", words(self.words.unwrap_or_default()));
        set("thresholds", self.steps.map_or_else(steps::none, |steps| steps.write(context)));
        set("custom", self.custom());
        let palette = matches!(self.show, Show::Lines | Show::Stack | Show::Bars);
        let mode = if palette { "palette-classic-by-name" } else { "thresholds" };
        set("color", json!({ "mode": mode }));
        if let Some(floor) = self.floor {
            set("min", floor.into());
        }
        if let (Show::Gauges, Unit::Share) = (self.show, self.unit) {
            set("max", 1.into());
        }
        if let Some(link) = self.link {
            set("links", json!([link::data(link, board, self.is_table())]));
        }
        Value::Object(defaults)
    }

    /// What the kind of panel wants of each field.
    fn custom(&self) -> Value {
        let lines = |draw: &str, opacity: u8, stacking: &str| {
            let style = if self.steps.is_some() { "dashed" } else { "off" };
            json!({
                "axisBorderShow": false, "axisLabel": "", "axisPlacement": "auto", "drawStyle": draw, "fillOpacity": opacity,
                "lineInterpolation": "linear", "lineWidth": 1, "pointSize": 4, "showPoints": "auto", "spanNulls": false,
                "stacking": { "group": "A", "mode": stacking }, "thresholdsStyle": { "mode": style },
            })
        };
        match self.show {
            Show::Lines => lines("line", 8, "none"),
            Show::Stack => lines("line", 40, "normal"),
            Show::Bars => lines("bars", 60, "normal"),
            Show::Matrix(..) if self.steps.is_some() || self.words.is_some() => {
                json!({ "align": "auto", "cellOptions": { "mode": "basic", "type": "color-background" }, "inspect": false })
            }
            Show::Table | Show::Matrix(..) | Show::Traces => {
                json!({ "align": "auto", "cellOptions": { "type": "auto" }, "inspect": false })
            }
            Show::States => json!({ "fillOpacity": 70, "lineWidth": 0 }),
            Show::Heat => json!({ "hideFrom": { "legend": false, "tooltip": false, "viz": false } }),
            Show::Stat | Show::Gauges | Show::Logs => json!({}),
        }
    }

    /// What single queries have of their own, and what the policy says of single series.
    fn overrides(&self, context: &Context) -> Vec<Value> {
        let mut all = self.steps.map_or_else(Vec::new, |steps| steps.overrides(context));
        for (at, query) in self.queries.iter().enumerate() {
            let mut properties = Vec::new();
            let mut set = |id: &str, value: Value| properties.push(json!({ "id": id, "value": value }));
            if let Some(unit) = query.unit {
                set("unit", unit.as_str().into());
            }
            if let Some(steps) = query.steps {
                set("thresholds", steps.write(context));
            }
            if let Some(known) = query.words {
                set("mappings", words(known));
            }
            if self.is_table() && (query.steps.is_some() || query.words.is_some()) {
                set("custom.cellOptions", json!({ "type": "color-text" }));
            }
            if query.bound {
                set("custom.lineStyle", json!({ "dash": [10, 10], "fill": "dash" }));
                set("custom.fillOpacity", 0.into());
                set("custom.stacking", json!({ "group": "bound", "mode": "none" }));
            }
            if !properties.is_empty() {
                let (id, options) = match self.is_table() {
                    true => ("byName", query.name),
                    false => ("byFrameRefID", reference(at)),
                };
                all.push(json!({ "matcher": { "id": id, "options": options }, "properties": properties }));
            }
        }
        all
    }

    /// What makes rows of answers: columns get the names of their queries, and a value without a name is left out.
    fn transformations(&self) -> Vec<Value> {
        if let Show::Matrix((row, column)) = self.show {
            return vec![json!({
                "id": "groupingToMatrix",
                "options": { "columnField": column, "emptyValue": "empty", "rowField": row, "valueField": "Value" },
            })];
        }
        if self.show != Show::Table {
            return Vec::new();
        }
        let (mut left_out, mut renamed) = (Map::new(), Map::new());
        left_out.insert("Time".to_owned(), true.into());
        for (at, query) in self.queries.iter().enumerate() {
            let column = match self.queries.len() {
                1 => "Value".to_owned(),
                _ => format!("Value #{}", reference(at)),
            };
            match query.name {
                "" => left_out.insert(column, true.into()),
                name => renamed.insert(column, name.into()),
            };
        }
        let organize = json!({
            "id": "organize",
            "options": { "excludeByName": left_out, "indexByName": {}, "renameByName": renamed },
        });
        match self.queries.len() {
            1 => vec![organize],
            _ => vec![json!({ "id": "merge", "options": {} }), organize],
        }
    }
}

/// `A` for the first query. No panel has more than eight.
fn reference(at: usize) -> &'static str {
    ["A", "B", "C", "D", "E", "F", "G", "H"].get(at).copied().unwrap_or("Z")
}

fn words(words: Words) -> Value {
    let mut options = Map::new();
    for (at, (value, text, color)) in words.iter().enumerate() {
        options.insert((*value).to_owned(), json!({ "color": color.name(), "index": at, "text": text }));
    }
    match options.is_empty() {
        true => json!([]),
        false => json!([{ "type": "value", "options": options }]),
    }
}
