//! One log line and its two forms.

use std::{borrow::Cow, fmt::Write};

use jiff::Timestamp;
use serde::ser::{Serialize, SerializeMap, Serializer};
use serde_json::Value;

use crate::settings::LogFormat;

/// How much a line matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    /// For its author.
    Debug,
    /// Normal work.
    Info,
    /// Odd, and survived.
    Warn,
    /// Something was not done.
    Error,
}

impl Level {
    /// Every level, mildest first.
    pub const ALL: [Self; 4] = [Self::Debug, Self::Info, Self::Warn, Self::Error];

    /// The word in lines and metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Debug => "debug",
            Self::Info => "info",
            Self::Warn => "warn",
            Self::Error => "error",
        }
    }
}

/// Who writes.
#[derive(Debug, Clone, Copy)]
pub struct Origin<'a> {
    /// Name of the service.
    pub service: &'a str,
    /// What it is deployed to.
    pub environment: Option<&'a str>,
}

/// A line before it has a form. The time and who writes are added when it is written.
#[derive(Debug, Clone, PartialEq)]
pub struct Line {
    level: Level,
    message: Cow<'static, str>,
    request_id: Option<String>,
    fields: Vec<(&'static str, Value)>,
    trace: &'static [&'static str],
}

impl Line {
    /// A line without any field.
    pub fn new(level: Level, message: impl Into<Cow<'static, str>>) -> Self {
        Self { level, message: message.into(), request_id: None, fields: Vec::new(), trace: &[] }
    }

    /// Says which request it belongs to.
    #[must_use]
    pub fn request(mut self, id: String) -> Self {
        self.request_id = Some(id);
        self
    }

    /// Adds a field.
    #[must_use]
    pub fn field(mut self, key: &'static str, value: impl Into<Value>) -> Self {
        self.fields.push((key, value.into()));
        self
    }

    /// Adds a stack trace: one frame an element.
    #[must_use]
    pub fn trace(mut self, frames: &'static [&'static str]) -> Self {
        self.trace = frames;
        self
    }

    /// Its level.
    pub fn level(&self) -> Level {
        self.level
    }

    /// Appends the line in the given form, with its line end.
    pub fn render(&self, format: LogFormat, time: Timestamp, origin: Origin<'_>, into: &mut String) {
        match format {
            LogFormat::Json => {
                // Text and JSON values only: there is nothing which could fail to serialize.
                into.push_str(&serde_json::to_string(&Json { line: self, time, origin }).unwrap_or_default());
                into.push('\n');
            }
            LogFormat::Plain => self.render_plain(time, origin, into),
        }
    }

    fn render_plain(&self, time: Timestamp, origin: Origin<'_>, into: &mut String) {
        let level = self.level.as_str().to_ascii_uppercase();
        // Writing to a String cannot fail.
        let _infallible: std::fmt::Result = write!(into, "{time:.3} {level:<5} {} {}", origin.service, self.message);
        if let Some(environment) = origin.environment {
            let _infallible: std::fmt::Result = write!(into, " environment={environment}");
        }
        if let Some(id) = &self.request_id {
            let _infallible: std::fmt::Result = write!(into, " request_id={id}");
        }
        for (key, value) in &self.fields {
            let _infallible: std::fmt::Result = write!(into, " {key}={value}");
        }
        into.push('\n');
        for frame in self.trace {
            let _infallible: std::fmt::Result = writeln!(into, "    at {frame}");
        }
    }
}

/// The JSON form, with the fields in the order in which one reads them.
struct Json<'a> {
    line: &'a Line,
    time: Timestamp,
    origin: Origin<'a>,
}

impl Serialize for Json<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("timestamp", &format_args!("{:.3}", self.time))?;
        map.serialize_entry("level", self.line.level.as_str())?;
        map.serialize_entry("service", self.origin.service)?;
        if let Some(environment) = self.origin.environment {
            map.serialize_entry("environment", environment)?;
        }
        map.serialize_entry("message", &self.line.message)?;
        if let Some(id) = &self.line.request_id {
            map.serialize_entry("request_id", id)?;
        }
        for (key, value) in &self.line.fields {
            map.serialize_entry(key, value)?;
        }
        if !self.line.trace.is_empty() {
            map.serialize_entry("stack", &self.line.trace.join("\n"))?;
        }
        map.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rendered(format: LogFormat, environment: Option<&str>) -> String {
        let line =
            Line::new(Level::Warn, "payment \"late\"").request("r1".to_owned()).field("tries", 2).field("peer", "db:1");
        let mut text = String::new();
        let time: Timestamp = "2026-01-02T03:04:05.0678Z".parse().unwrap();
        line.trace(&["pay::charge (pay.rs:42)", "main (main.rs:7)"]).render(
            format,
            time,
            Origin { service: "shop", environment },
            &mut text,
        );
        text
    }

    #[test]
    fn json_is_one_line_with_everything_in_it() {
        assert_eq!(
            rendered(LogFormat::Json, None),
            concat!(
                r#"{"timestamp":"2026-01-02T03:04:05.067Z","level":"warn","service":"shop","message":"payment \"late\"","#,
                r#""request_id":"r1","tries":2,"peer":"db:1","stack":"pay::charge (pay.rs:42)\nmain (main.rs:7)"}"#,
                "\n"
            )
        );
    }

    #[test]
    fn the_environment_is_in_both_forms() {
        let json = rendered(LogFormat::Json, Some("production"));
        assert!(json.contains(r#""service":"shop","environment":"production","message""#), "{json}");
        let plain = rendered(LogFormat::Plain, Some("production"));
        assert!(plain.contains(r#"payment "late" environment=production request_id=r1"#), "{plain}");
    }

    #[test]
    fn plain_puts_each_frame_on_its_own_line() {
        assert_eq!(
            rendered(LogFormat::Plain, None),
            "2026-01-02T03:04:05.067Z WARN  shop payment \"late\" request_id=r1 tries=2 peer=\"db:1\"\n    \
             at pay::charge (pay.rs:42)\n    at main (main.rs:7)\n"
        );
    }
}
