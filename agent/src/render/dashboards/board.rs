//! A board: one question, its panels from the general to the special.

use serde_json::{Value, json};

use super::{annotation, layout::Cursor, link, panel::Panel, steps::Context, variable::Variable};
use crate::render::Rendered;

/// One dashboard.
#[derive(Debug)]
pub struct Board {
    /// `spyhop-...`: alerts and other boards link to it.
    pub uid: &'static str,
    /// Its name, without what all begin with.
    pub title: &'static str,
    /// Its purpose, in two sentences.
    pub about: &'static str,
    /// What it is narrowed by, in order.
    pub variables: &'static [Variable],
    /// What it shows unless told otherwise: `now-1h`.
    pub from: &'static str,
    /// Links to what is no board: title and address.
    pub elsewhere: &'static [(&'static str, &'static str)],
    /// Its rows.
    pub rows: &'static [Row],
}

/// Panels under a heading.
#[derive(Debug)]
pub struct Row {
    /// Unique on its board, as the ids of panels are.
    pub id: u16,
    /// The heading.
    pub title: &'static str,
    /// Closed at first: what few have, and nobody is asked for until it is opened.
    pub closed: bool,
    /// Its panels.
    pub panels: &'static [Panel],
}

/// Id of the text at the head of every board.
pub(super) const TEXT: u16 = 1;

impl Board {
    /// What all boards have.
    pub const BASE: Self =
        Self { uid: "", title: "", about: "", variables: &[], from: "now-1h", elsewhere: &[], rows: &[] };

    /// Name of its file.
    pub fn file(&self) -> String {
        format!("{}.json", self.uid.trim_start_matches("spyhop-"))
    }

    /// Every panel, those of closed rows among them.
    pub fn panels(&self) -> impl Iterator<Item = &'static Panel> + use<> {
        self.rows.iter().flat_map(|row| row.panels)
    }

    /// Its file.
    pub(super) fn render(&self, context: &Context) -> Rendered {
        // A value without a number that is none, and keys that are text: it is always written.
        let text = serde_json::to_string_pretty(&self.write(context)).unwrap_or_default();
        Rendered { name: self.file(), text: text + "\n" }
    }

    fn write(&self, context: &Context) -> Value {
        json!({
            "annotations": annotation::write(self),
            "description": self.about,
            "editable": false,
            "fiscalYearStartMonth": 0,
            "graphTooltip": 1,
            "links": link::head(self),
            "panels": self.places(context),
            "refresh": "30s",
            "schemaVersion": 41,
            "tags": ["spyhop"],
            "templating": { "list": self.variables.iter().map(|variable| variable.write()).collect::<Vec<_>>() },
            "time": { "from": self.from, "to": "now" },
            "timepicker": {},
            "timezone": "browser",
            "title": format!("spyhop / {}", self.title),
            "uid": self.uid,
            "version": 1,
            "weekStart": "",
        })
    }

    /// The text, and the rows below it. Panels of a closed row have the place they take when it is opened, and hold it: Grafana moves up what
    /// is below.
    fn places(&self, context: &Context) -> Vec<Value> {
        let mut cursor = Cursor::default();
        let mut all = vec![json!({
            "fieldConfig": { "defaults": {}, "overrides": [] },
            "gridPos": cursor.place((24, 3)),
            "id": TEXT,
            "options": { "code": { "language": "plaintext", "showLineNumbers": false, "showMiniMap": false }, "content": self.about, "mode": "markdown" },
            "title": "",
            "transparent": true,
            "type": "text",
        })];
        for row in self.rows {
            cursor.line();
            let place = cursor.place((24, 1));
            cursor.line();
            let panels: Vec<Value> =
                row.panels.iter().map(|panel| panel.write(self, context, &cursor.place(panel.size))).collect();
            let (inside, below) = if row.closed { (panels, Vec::new()) } else { (Vec::new(), panels) };
            all.push(json!({
                "collapsed": row.closed, "gridPos": place, "id": row.id, "panels": inside, "title": row.title, "type": "row",
            }));
            all.extend(below);
        }
        all
    }
}
