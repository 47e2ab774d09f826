//! Keys of structured lines, whatever wrote them: JSON objects and logfmt share this.

use super::{Found, bytes, ids::Ids, level};
use crate::model::LogLevel;

/// What a key is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Name {
    Level,
    /// OpenTelemetry's number.
    Severity,
    /// journald's number of syslog.
    Priority,
    /// MongoDB's letter.
    Letter,
    /// The mark of GELF, whose `level` is a number of syslog.
    Gelf,
    Trace,
    Span,
    Parent,
    Request,
    /// Goes through several requests: second choice.
    Correlation,
    /// An id of what the object around it is.
    Id,
    Method,
    Path,
    /// nginx's `$request`, or an object.
    Asked,
    Status,
    /// Its presence makes the line one of an audit.
    Audit,
    /// A sort of line, which may be an audit.
    Sort,
}

/// A value as it stands.
#[derive(Clone, Copy, Debug)]
pub(super) enum Value<'a> {
    /// Between quotes, or bare in logfmt.
    Text { raw: &'a str, escaped: bool },
    /// A number or a word without quotes.
    Bare(&'a str),
    /// An object or a list.
    Nested,
}

/// What the fields of a line have said so far; the first of equals wins.
#[derive(Debug, Default)]
pub(super) struct Fields<'a> {
    level: Option<LogLevel>,
    /// A number of `level`: what it means depends on who wrote it.
    number: Option<u16>,
    otel: Option<LogLevel>,
    other: Option<LogLevel>,
    gelf: bool,
    method: bool,
    path: bool,
    status: Option<u16>,
    audit: bool,
    ids: Ids<'a>,
}

/// The purpose of a key. In the tables `_` also stands for `.` and `-`, and letters for both cases.
pub(super) fn name(key: &[u8]) -> Option<Name> {
    use Name::*;
    let names: &[(&[u8], Name)] = match key.len() {
        1 => &[(b"s", Letter)],
        2 => &[(b"id", Id), (b"@l", Level)],
        3 => &[(b"lvl", Level), (b"@tr", Trace), (b"@sp", Span), (b"uri", Path), (b"url", Path)],
        4 => &[(b"path", Path), (b"type", Sort), (b"kind", Sort)],
        5 => &[
            (b"level", Level),
            (b"reqid", Request),
            (b"audit", Audit),
            (b"trace", Trace),
            (b"atype", Audit),
            (b"route", Path),
        ],
        6 => &[
            (b"method", Method),
            (b"status", Status),
            (b"spanid", Span),
            (b"req_id", Request),
            (b"@level", Level),
            (b"logger", Sort),
        ],
        7 => &[(b"traceid", Trace), (b"span_id", Span), (b"request", Asked), (b"logtype", Sort), (b"channel", Sort)],
        8 => &[
            (b"severity", Level),
            (b"trace_id", Trace),
            (b"loglevel", Level),
            (b"log_type", Sort),
            (b"log_kind", Sort),
            (b"category", Sort),
            (b"priority", Priority),
            (b"url_path", Path),
        ],
        9 => &[(b"log_level", Level), (b"levelname", Level), (b"requestid", Request), (b"http_path", Path)],
        10 => &[
            (b"request_id", Request),
            (b"level_name", Level),
            (b"statuscode", Status),
            (b"dd_span_id", Span),
            (b"otelspanid", Span),
            (b"event_kind", Sort),
            (b"apiversion", Sort),
            (b"requesturi", Path),
            (b"requesturl", Path),
            (b"http_route", Path),
        ],
        11 => &[
            (b"traceparent", Parent),
            (b"status_code", Status),
            (b"dd_trace_id", Trace),
            (b"oteltraceid", Trace),
            (b"http_method", Method),
            (b"http_status", Status),
            (b"request_uri", Path),
            (b"requestpath", Path),
        ],
        12 => &[(b"severitytext", Level), (b"x_request_id", Request), (b"request_path", Path)],
        13 => &[
            (b"severity_text", Level),
            (b"requestmethod", Method),
            (b"short_message", Gelf),
            (b"correlationid", Correlation),
            (b"response_code", Status),
        ],
        14 => &[
            (b"severitynumber", Severity),
            (b"correlation_id", Correlation),
            (b"request_method", Method),
            (b"error_severity", Level),
            (b"aws_request_id", Request),
        ],
        15 => &[(b"severity_number", Severity), (b"http_request_id", Request)],
        16 => &[(b"downstreamstatus", Status), (b"x_correlation_id", Correlation), (b"http_status_code", Status)],
        28 => &[(b"logging_googleapis_com/trace", Trace)],
        29 => &[(b"logging_googleapis_com/spanid", Span)],
        _ => return None,
    };
    names.iter().find(|(name, _)| like(key, name)).map(|(_, name)| *name)
}

fn like(key: &[u8], name: &[u8]) -> bool {
    key.iter().zip(name).all(|(&b, &name)| match name {
        b'_' => matches!(b, b'_' | b'.' | b'-'),
        b'a'..=b'z' => b | 0x20 == name,
        _ => b == name,
    })
}

/// What a key means inside an object of that name; ids mean themselves everywhere.
fn within(parent: &str, name: Name) -> Option<Name> {
    Some(match (parent, name) {
        (_, Name::Trace | Name::Span | Name::Parent | Name::Request | Name::Correlation) => name,
        ("trace", Name::Id) => Name::Trace,
        ("span", Name::Id) => Name::Span,
        ("req" | "request", Name::Id) => Name::Request,
        ("log", Name::Level) => Name::Level,
        ("event", Name::Sort) => Name::Sort,
        ("req" | "request" | "res" | "response" | "http" | "httpRequest", Name::Method | Name::Path | Name::Status) => {
            name
        }
        _ => return None,
    })
}

impl<'a> Fields<'a> {
    /// Takes a field of the line itself, or of an object in it.
    pub(super) fn take(&mut self, parent: Option<&str>, key: &str, value: Value<'a>) {
        let Some(name) = name(key.as_bytes()) else { return };
        match parent.map(|parent| within(parent, name)) {
            None => self.put(name, key, value, 0),
            Some(Some(name)) => self.put(name, key, value, 1),
            Some(None) => {}
        }
    }

    fn put(&mut self, name: Name, key: &str, value: Value<'a>, rank: u8) {
        match (name, value) {
            (Name::Level, Value::Text { raw, escaped }) => self.level_text(key, raw, escaped),
            (Name::Level, Value::Bare(number)) => self.level_number(key, number),
            (Name::Severity, value) => {
                self.otel = self.otel.or_else(|| level::otel(value.text()?.parse().ok()?));
            }
            // In lower case it is the importance of something else.
            (Name::Priority, value) if key == "PRIORITY" => {
                self.other = self.other.or_else(|| level::syslog(value.text()?.parse().ok()?));
            }
            (Name::Letter, Value::Text { raw, .. }) => {
                self.other = self.other.or_else(|| level::letter(raw.as_bytes()));
            }
            (Name::Gelf, _) => self.gelf = true,
            (Name::Method, Value::Text { .. }) => self.method = true,
            (Name::Path, Value::Text { .. }) => self.path = true,
            (Name::Asked, Value::Text { raw, .. }) => {
                let request = bytes::after_method(raw.as_bytes()).is_some();
                (self.method, self.path) = (self.method | request, self.path | request);
            }
            (Name::Status, value) => {
                self.status = self.status.or_else(|| bytes::status(value.text()?.as_bytes()));
            }
            (Name::Audit, value) => {
                self.audit |= value.text().is_none_or(|text| !matches!(text, "" | "false" | "null" | "0" | "no"));
            }
            (Name::Sort, Value::Text { raw, .. }) => self.audit |= bytes::says_audit(raw.as_bytes()),
            (Name::Trace, Value::Text { raw, .. } | Value::Bare(raw)) => self.ids.trace(raw, rank),
            (Name::Span, Value::Text { raw, .. } | Value::Bare(raw)) => self.ids.span(raw, rank),
            (Name::Parent, Value::Text { raw, .. }) => self.ids.parent(raw, rank),
            (Name::Request, Value::Text { raw, escaped }) => self.ids.request(raw, escaped, rank),
            (Name::Request, Value::Bare(raw)) => self.ids.request(raw, false, rank),
            (Name::Correlation, Value::Text { raw, escaped }) => self.ids.request(raw, escaped, rank + 2),
            _ => {}
        }
    }

    fn level_text(&mut self, key: &str, raw: &str, escaped: bool) {
        // winston writes colours into JSON: `\u001b[32minfo\u001b[39m`.
        let coloured = || raw.strip_prefix("\\u001b[").and_then(|rest| rest.split_once('m')?.1.split_once('\\'));
        let word = if escaped { coloured().map_or("", |(word, _)| word) } else { raw };
        self.level = self.level.or_else(|| level::value(word.as_bytes()));
        if self.level.is_none() {
            self.level_number(key, word);
        }
    }

    /// Numbers of `severity` are syslog's, OpenTelemetry's or somebody's own: nobody can tell.
    fn level_number(&mut self, key: &str, number: &str) {
        if !key.eq_ignore_ascii_case("severity") {
            self.number = self.number.or_else(|| number.parse().ok());
        }
    }

    /// What all fields together say.
    pub(super) fn finish(self) -> Found<'a> {
        let number =
            self.number.and_then(|number| if self.gelf { level::syslog(number) } else { level::number(number) });
        let own = self.level.or(number).or(self.otel).or(self.other);
        // A request is as serious as its answer; a program that knows better (a slow one at `warn`) is heard.
        let answer = self.status.filter(|_| self.method && self.path).map(level::status);
        let level = match answer {
            Some(LogLevel::Info) => own.or(answer),
            answer => own.max(answer),
        };
        Found { level, ids: self.ids, access: answer.is_some(), audit: self.audit, continues: false }
    }
}

impl<'a> Value<'a> {
    fn text(self) -> Option<&'a str> {
        match self {
            Self::Text { raw, .. } | Self::Bare(raw) => Some(raw),
            Self::Nested => None,
        }
    }
}
