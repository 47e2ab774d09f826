//! `GET /loki/api/v1/query_range` with a selector, line filters, a range, a limit and a direction.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{
    labels::{fits, quoted, selector},
    proto::Entry,
    store::Stored,
};

/// The answer to a query string.
pub fn query(parameters: &str, streams: &[Stored]) -> Result<Value, String> {
    let parameters: BTreeMap<String, String> =
        parameters.split('&').filter_map(|pair| pair.split_once('=')).map(|(k, v)| (decoded(k), decoded(v))).collect();
    let text = parameters.get("query").map_or("", String::as_str);
    let (matchers, rest) = selector(text)?;
    if !matchers.iter().any(|(_, operator, value)| matches!(*operator, "=" | "=~") && !value.is_empty()) {
        return Err("parse error : queries require at least one regexp or equality matcher that does not have an \
                    empty-compatible value. For instance, app=~\".*\" does not meet this requirement, but app=~\".+\" will"
            .to_owned());
    }
    let filters = filters(rest)?;
    let number = |name: &str| parameters.get(name).and_then(|text| text.parse::<i64>().ok());
    let (start, end) = (number("start").unwrap_or(i64::MIN), number("end").unwrap_or(i64::MAX));
    let limit = number("limit").and_then(|limit| usize::try_from(limit).ok()).unwrap_or(100);
    let forward = parameters.get("direction").is_some_and(|direction| direction == "forward");

    let chosen = streams.iter().filter(|stream| fits(&stream.labels, &matchers));
    let mut found: Vec<(&Entry, &Stored)> =
        chosen.flat_map(|stream| stream.entries.iter().map(move |entry| (entry, stream))).collect();
    found.retain(|(entry, _)| (start..end).contains(&entry.time) && passes(entry, &filters));
    // Stable: entries of one time keep the order in which they were taken.
    found.sort_by_key(|(entry, _)| entry.time);
    if !forward {
        found.reverse();
    }
    found.truncate(limit);
    Ok(json!({ "status": "success", "data": { "resultType": "streams", "result": grouped(&found) } }))
}

/// Labels and metadata together name a stream of the answer.
fn grouped(found: &[(&Entry, &Stored)]) -> Vec<Value> {
    let mut groups: BTreeMap<BTreeMap<&String, &String>, Vec<Value>> = BTreeMap::new();
    for (entry, stream) in found {
        let metadata = entry.metadata.iter().map(|(name, value)| (name, value));
        let name = stream.labels.iter().chain(metadata).collect();
        groups.entry(name).or_default().push(json!([entry.time.to_string(), entry.line]));
    }
    groups.into_iter().map(|(stream, values)| json!({ "stream": stream, "values": values })).collect()
}

fn passes(entry: &Entry, filters: &[(bool, String)]) -> bool {
    filters.iter().all(|(wanted, text)| entry.line.contains(text.as_str()) == *wanted)
}

/// `|= "x"` and `!= "x"`.
fn filters(mut rest: &str) -> Result<Vec<(bool, String)>, String> {
    let mut filters = Vec::new();
    loop {
        rest = rest.trim_start();
        let wanted = match rest.get(..2) {
            _ if rest.is_empty() => return Ok(filters),
            Some("|=") => true,
            Some("!=") => false,
            _ => return Err(format!("parse error: this receiver does not know: {rest}")),
        };
        let (text, after) = quoted(rest[2..].trim_start())?;
        filters.push((wanted, text));
        rest = after;
    }
}

/// Percent-encoding undone.
fn decoded(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'+' => b' ',
            b'%' => {
                let digits: String = rest.by_ref().take(2).map(char::from).collect();
                u8::from_str_radix(&digits, 16).expect("two digits after a percent sign")
            }
            byte => byte,
        });
    }
    String::from_utf8(bytes).expect("a query is UTF-8")
}
