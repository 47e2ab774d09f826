//! What a line says of itself: its format, how serious it is, which kind of log it belongs to, and the ids it carries.
//!
//! ```text
//!  line -> json | syslog | klog | redis | nginx | postgres | logfmt | access -> Facts
//!            \______ fields ______________________________/         /
//!                      plain: prefix > [LEVEL] > level: > "LEVEL" > LEVEL
//! ```
//!
//! Recognised by content alone, line by line: one output may carry several formats. What a line does not say is absent. Nothing is
//! decoded as a whole, no more than [`LOOK`] bytes are looked at, and nothing is allocated, but for a request id with escapes in it.

mod access;
mod bytes;
mod daemons;
mod fields;
#[cfg(any(test, fuzzing))]
pub mod fuzz;
mod ids;
mod json;
mod keys;
mod level;
mod logfmt;
mod plain;
mod preamble;
#[cfg(test)]
mod tests;

use std::borrow::Cow;

use memchr::memchr;

use crate::model::LogLevel;
use ids::Ids;

/// Bytes of a line that are looked at: fields of a record which stand behind so many are not found.
pub const LOOK: usize = 16 * 1024;

/// What a line says; absent where it does not say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Facts<'a> {
    /// How it is written.
    pub format: Format,
    /// How serious it is.
    pub level: Option<LogLevel>,
    /// Which log it belongs to.
    pub kind: Kind,
    /// Hexadecimal, 8 to 32 digits as they stand; Datadog's decimal ones among them.
    pub trace_id: Option<&'a str>,
    /// Hexadecimal, 8 to 20 digits as they stand.
    pub span_id: Option<&'a str>,
    /// Visible ASCII without spaces, up to 128 bytes. Owned where JSON's escapes were undone.
    pub request_id: Option<Cow<'a, str>>,
}

/// How a line is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Format {
    /// A JSON object.
    Json,
    /// `key=value` pairs from the beginning.
    Logfmt,
    /// `I0102 15:04:05.000000 1 file.go:12] message`, from Kubernetes' and Google's libraries.
    Klog,
    /// A request and its answer: NCSA common or combined, and what Gin, morgan and HAProxy write.
    Access,
    /// nginx's error log.
    Nginx,
    /// PostgreSQL's stderr log, whatever `log_line_prefix`.
    Postgres,
    /// Redis and Valkey.
    Redis,
    /// `<PRI>` first: syslog, the kernel, sd-daemon.
    Syslog,
    /// Everything else.
    #[default]
    Plain,
}

/// Which of an operator's four logs a line belongs to: exactly one, as the files of old.
///
/// `Access` and `Audit` are what the line is about; `Error` is the error log of everything else: lines of [`LogLevel::Error`] or
/// above, which is what web servers, winston or log4j write to an `error.log` by default. So a request that failed stays in the access
/// log with its level, notices of a web server's error log are no errors, and the four kinds add up to all lines.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// None of the others.
    #[default]
    Application,
    /// One request and its answer.
    Access,
    /// Something failed.
    Error,
    /// Who did what, for a reader who was not there.
    Audit,
}

impl Kind {
    /// The value of `log_kind`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Application => "application",
            Self::Access => "access",
            Self::Error => "error",
            Self::Audit => "audit",
        }
    }
}

/// What is remembered between lines of one output: the last format, which is tried first, and PostgreSQL's last level.
///
/// PostgreSQL writes a message in one piece, its `DETAIL` and `STATEMENT` as lines behind: these take the level of the line before.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Hint {
    format: Format,
    message: Option<LogLevel>,
}

/// A line on its way through the recognisers.
#[derive(Clone, Copy, Debug)]
struct Line<'a> {
    /// The first [`LOOK`] bytes, without blanks before.
    text: &'a str,
    /// Its first line.
    first: &'a str,
    /// Nothing was cut off.
    whole: bool,
}

/// What a recogniser found.
#[derive(Clone, Debug, Default)]
struct Found<'a> {
    level: Option<LogLevel>,
    ids: Ids<'a>,
    access: bool,
    audit: bool,
    /// Belongs to the message before.
    continues: bool,
}

/// In the order of certainty; [`Format::Plain`] takes what is left.
const SNIFFED: [Format; 8] = [
    Format::Json,
    Format::Syslog,
    Format::Klog,
    Format::Redis,
    Format::Nginx,
    Format::Postgres,
    Format::Logfmt,
    Format::Access,
];

/// Reads one line, or several joined to one message, without escape sequences. Linear in time and never fails: what is no known
/// format is plain text.
pub fn read<'a>(text: &'a str, hint: &mut Hint) -> Facts<'a> {
    let line = Line::new(text);
    let hinted = try_as(hint.format, line).map(|found| (hint.format, found));
    let sniff = || SNIFFED.iter().find_map(|&format| Some((format, try_as(format, line)?)));
    let (format, found) = hinted.or_else(sniff).unwrap_or_else(|| (Format::Plain, plain::read(line.first)));
    hint.format = format;
    let level = if found.continues { hint.message } else { found.level };
    if format == Format::Postgres {
        hint.message = level;
    }
    let kind = match level {
        _ if found.audit => Kind::Audit,
        _ if found.access => Kind::Access,
        Some(level) if level >= LogLevel::Error => Kind::Error,
        _ => Kind::Application,
    };
    let Ids { trace, span, request } = found.ids;
    Facts { format, level, kind, trace_id: trace.value, span_id: span.value, request_id: request.value }
}

fn try_as<'a>(format: Format, line: Line<'a>) -> Option<Found<'a>> {
    match format {
        Format::Json => json::read(line),
        Format::Syslog => daemons::syslog(line.first),
        Format::Klog => daemons::klog(line.first),
        Format::Redis => daemons::redis(line.first),
        Format::Nginx => daemons::nginx(line.first),
        Format::Postgres => daemons::postgres(line.first),
        Format::Logfmt => logfmt::read(line.first),
        Format::Access => access::read(line.first),
        Format::Plain => None,
    }
}

impl<'a> Line<'a> {
    fn new(text: &'a str) -> Self {
        let seen = text.get(..text.floor_char_boundary(LOOK)).unwrap_or(text);
        let whole = seen.len() == text.len();
        let text = seen.trim_ascii_start();
        let end = memchr(b'\n', text.as_bytes()).unwrap_or(text.len());
        Self { text, first: text.get(..end).unwrap_or(text), whole }
    }
}
