//! Lines as programs write them, and what is read out of them.

mod daemons;
mod json;
mod plain;
mod properties;
mod requests;

use super::{Facts, Format, Hint, Kind, read};
use crate::model::LogLevel;

/// Format, level and kind in one word each, then the ids: `json warn application request=7`.
fn described(facts: &Facts<'_>) -> String {
    let Facts { format, level, kind, trace_id, span_id, request_id } = facts;
    let mut text = format!("{format:?} {} {}", level.map_or("-", LogLevel::as_str), kind.as_str()).to_lowercase();
    let ids = [("trace", *trace_id), ("span", *span_id), ("request", request_id.as_deref())];
    ids.iter().filter_map(|(name, id)| Some((name, (*id)?))).for_each(|(name, id)| text += &format!(" {name}={id}"));
    text
}

/// Every line says what stands beside it, whatever format came before.
fn check(table: &[(&str, &str)]) {
    const FORMATS: [Format; 9] = [
        Format::Json,
        Format::Logfmt,
        Format::Klog,
        Format::Access,
        Format::Nginx,
        Format::Postgres,
        Format::Redis,
        Format::Syslog,
        Format::Plain,
    ];
    let mut wrong = Vec::new();
    for (line, expected) in table {
        for format in FORMATS {
            let found = described(&read(line, &mut Hint { format, message: None }));
            if found != *expected {
                wrong.push(format!("{line}\n  after {format:?}: {found}\n  expected: {expected}"));
                break;
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn kinds_are_words_of_an_operator() {
    let words = [Kind::Application, Kind::Access, Kind::Error, Kind::Audit].map(Kind::as_str);
    assert_eq!(words, ["application", "access", "error", "audit"]);
}
