//! The distributor: reads a push, refuses what it refuses, hands the rest to the store.

use std::collections::BTreeMap;

use super::{
    labels::{labels, spell},
    limits::Limits,
    proto::{Entry, decode},
    store::{Store, Stream},
};

/// Status and sentence; an empty sentence for success.
pub type Outcome = (u16, String);

/// What the head of a request says.
pub struct Head<'a> {
    pub tenant: Option<&'a str>,
    pub authorization: Option<&'a str>,
    pub content_type: Option<&'a str>,
    pub content_encoding: Option<&'a str>,
}

/// The tenant of a request, or why there is none.
pub fn tenant(head: &Head<'_>, limits: &Limits) -> Result<String, Outcome> {
    if limits.authorization.is_some() && limits.authorization.as_deref() != head.authorization {
        return Err((401, "Unauthorized".to_owned()));
    }
    if !limits.tenants {
        return Ok("fake".to_owned());
    }
    let tenant = head.tenant.filter(|tenant| !tenant.is_empty()).ok_or((401, "no org id".to_owned()))?;
    if tenant.contains('|') {
        return Err((400, "multiple org IDs present".to_owned()));
    }
    let odd = |c: &char| !c.is_ascii_alphanumeric() && !"!-_.*'()".contains(*c);
    match tenant.chars().find(odd) {
        Some(c) => Err((400, format!("tenant ID '{tenant}' contains unsupported character '{c}'"))),
        None => Ok(tenant.to_owned()),
    }
}

/// A whole push.
pub fn push(head: &Head<'_>, body: &[u8], limits: &Limits, store: &mut Store, now: i64) -> Outcome {
    let tenant = match tenant(head, limits) {
        Ok(tenant) => tenant,
        Err(refused) => return refused,
    };
    match read(head, body) {
        Err(sentence) => (400, sentence),
        Ok((streams, size)) => distribute(&tenant, streams, size, limits, store, now),
    }
}

/// Streams with their entries, and the length before compression.
type Read = (Vec<(Stream, Vec<Entry>)>, usize);

fn read(head: &Head<'_>, body: &[u8]) -> Result<Read, String> {
    match head.content_encoding {
        None | Some("" | "snappy") => {}
        Some("gzip") => return Err("gzip: invalid header".to_owned()),
        Some(other) => return Err(format!("Content-Encoding {other:?} not supported")),
    }
    match head.content_type.map(|kind| kind.split(';').next().unwrap_or_default().trim()) {
        None | Some("") => return Err("mime: no media type".to_owned()),
        Some(kind) if !kind.contains('/') => return Err("mime: expected slash after first token".to_owned()),
        // The real one reads it: no client of ours sends it.
        Some("application/json") => return Err("readObjectStart: expect { or n".to_owned()),
        Some(_) => {}
    }
    let (streams, size) = decode(body)?;
    let mut read = Vec::new();
    for (text, entries) in streams {
        let (pairs, twice) = labels(&text).map_err(|error| format!("couldn't parse labels: {error}"))?;
        let name = spell(pairs.iter().map(|(name, value)| (name, value)));
        read.push((Stream { name, count: pairs.len(), labels: pairs.into_iter().collect(), twice }, entries));
    }
    Ok((read, size))
}

fn distribute(
    tenant: &str,
    streams: Vec<(Stream, Vec<Entry>)>,
    size: usize,
    limits: &Limits,
    store: &mut Store,
    now: i64,
) -> Outcome {
    if streams.is_empty() {
        return (422, "error at least one valid stream is required for ingestion".to_owned());
    }
    let mut refusals = Refusals::default();
    let mut blocked = None;
    let mut valid = Vec::new();
    for (stream, entries) in streams.into_iter().filter(|(_, entries)| !entries.is_empty()) {
        if let Err((reason, sentence)) = check_labels(&stream, tenant, limits) {
            store.discard(reason, entries.len());
            refusals.add(sentence);
            continue;
        }
        if let Some(status) = limits.blocked {
            store.discard("blocked_ingestion", entries.len());
            let until = "2030-01-01T00:00:00Z";
            let sentence = format!("ingestion blocked for user '{tenant}' until '{until}' with status code '{status}'");
            blocked = (status != 200).then_some((status, sentence));
            continue;
        }
        let mut kept = Vec::new();
        for entry in entries {
            if let Err((reason, sentence)) = check_entry(&stream.name, &entry, limits, now) {
                store.discard(reason, 1);
                refusals.add(sentence);
                continue;
            }
            match tidy(entry) {
                Ok(entry) => kept.push(entry),
                // Not a refusal: the whole push fails as if Loki were out of order.
                Err(sentence) => return (500, sentence),
            }
        }
        if !kept.is_empty() {
            valid.push((stream, kept));
        }
    }
    let refused = refusals.outcome().or(blocked);
    if valid.is_empty() {
        return refused.unwrap_or((204, String::new()));
    }
    let lines: usize = valid.iter().map(|(_, entries)| entries.len()).sum();
    let bytes: usize = valid.iter().flat_map(|(_, entries)| entries).map(Entry::size).sum();
    if !store.take(tenant, bytes, limits.rate, now) {
        store.discard("rate_limited", lines);
        let rate = limits.rate.0.trunc();
        return (
            429,
            format!(
                "ingestion rate limit exceeded for user {tenant} (limit: {rate} bytes/sec) while attempting to ingest '{lines}' lines \
             totaling '{bytes}' bytes, reduce log volume or contact your Loki administrator to see if the limit can be increased"
            ),
        );
    }
    if size > limits.message {
        let limit = limits.message;
        return (
            500,
            format!(
                "rpc error: code = ResourceExhausted desc = grpc: received message larger than max ({size} vs. {limit})"
            ),
        );
    }
    // An ingester's failure hides what the distributor refused.
    store.ingest(tenant, valid, limits, now).err().or(refused).unwrap_or((204, String::new()))
}

fn check_labels(stream: &Stream, tenant: &str, limits: &Limits) -> Result<(), (&'static str, String)> {
    let name = &stream.name;
    let count = stream.count - 1;
    if count > limits.label_names {
        let limit = limits.label_names;
        let sentence = format!("entry for stream '{name}' has {count} label names; limit {limit}");
        return Err(("max_label_names_per_series", sentence));
    }
    for (label, value) in &stream.labels {
        if label.len() > limits.label_name {
            return Err(("label_name_too_long", format!("stream '{name}' has label name too long: '{label}'")));
        }
        if value.len() > limits.label_value {
            return Err(("label_value_too_long", format!("stream '{name}' has label value too long: '{value}'")));
        }
    }
    if let Some(twice) = &stream.twice {
        return Err(("duplicate_label_names", format!("stream '{name}' has duplicate label name: '{twice}'")));
    }
    let missing: Vec<&str> =
        limits.enforced.iter().map(String::as_str).filter(|label| !stream.labels.contains_key(*label)).collect();
    if !missing.is_empty() {
        let missing = missing.join(",");
        let sentence =
            format!("missing required labels '{missing}' for user '{tenant}' for stream '{name}' (policy: '')");
        return Err(("missing_enforced_labels", sentence));
    }
    Ok(())
}

fn check_entry(stream: &str, entry: &Entry, limits: &Limits, now: i64) -> Result<(), (&'static str, String)> {
    let nanos = |span: std::time::Duration| i64::try_from(span.as_nanos()).unwrap_or(i64::MAX);
    let oldest = now - nanos(limits.max_age);
    if entry.time < oldest {
        let (time, oldest) = (second(entry.time), second(oldest));
        let sentence = format!(
            "entry for stream '{stream}' has timestamp too old: {time}, oldest acceptable timestamp is: {oldest}"
        );
        return Err(("greater_than_max_sample_age", sentence));
    }
    if entry.time > now + nanos(limits.grace) {
        let time = second(entry.time);
        return Err(("too_far_in_future", format!("entry for stream '{stream}' has timestamp too new: {time}")));
    }
    let length = entry.line.len();
    if length > limits.line {
        let limit = limits.line;
        let sentence = format!(
            "max entry size '{limit}' bytes exceeded for stream '{stream}' while adding an entry with length '{length}' bytes"
        );
        return Err(("line_too_long", sentence));
    }
    check_metadata(stream, entry, limits)
}

fn check_metadata(stream: &str, entry: &Entry, limits: &Limits) -> Result<(), (&'static str, String)> {
    let see = |setting: &str| format!("Please see `limits_config.{setting}` or contact your Loki administrator to");
    let (count, size) = (entry.metadata.len(), entry.metadata_size());
    if count > 0 && !limits.metadata {
        let see = see("allow_structured_metadata");
        let sentence =
            format!("stream '{stream}' includes structured metadata, but this feature is disallowed. {see} enable it");
        return Err(("disallowed_structured_metadata", sentence));
    }
    if size > limits.metadata_bytes {
        let (limit, see) = (limits.metadata_bytes, see("max_structured_metadata_size"));
        let sentence = format!(
            "stream '{stream}' has structured metadata too large: '{size}' bytes, limit: '{limit}' bytes. {see} increase it"
        );
        return Err(("structured_metadata_too_large", sentence));
    }
    if count > limits.metadata_pairs {
        let (limit, see) = (limits.metadata_pairs, see("max_structured_metadata_entries_count"));
        let sentence = format!(
            "stream '{stream}' has too many structured metadata labels: '{count}', limit: '{limit}'. {see} increase it"
        );
        return Err(("structured_metadata_too_many", sentence));
    }
    Ok(())
}

/// Metadata as it is stored: names made of letters, digits and `_`, sorted, of equal ones the last, U+FFFD replaced.
fn tidy(mut entry: Entry) -> Result<Entry, String> {
    let mut tidy = BTreeMap::new();
    for (name, value) in entry.metadata {
        if name.is_empty() {
            return Err("label name is empty".to_owned());
        }
        let mut short = String::new();
        for c in name.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }) {
            // Underscores in a row become one.
            if c != '_' || !short.ends_with('_') {
                short.push(c);
            }
        }
        if short.starts_with(|c: char| c.is_ascii_digit()) {
            short.insert_str(0, "key_");
        }
        if short == "_" {
            return Err(format!("normalization for label name \"{name}\" resulted in invalid name \"_\""));
        }
        if !value.is_empty() {
            tidy.insert(short, value.replace(char::REPLACEMENT_CHARACTER, " "));
        }
    }
    entry.metadata = tidy.into_iter().collect();
    Ok(entry)
}

/// RFC 3339 to the second.
pub fn second(time: i64) -> String {
    jiff::Timestamp::from_second(time.div_euclid(1_000_000_000)).expect("a time").to_string()
}

/// Sentences, equal ones counted.
#[derive(Default)]
struct Refusals(BTreeMap<String, usize>);

impl Refusals {
    fn add(&mut self, sentence: String) {
        *self.0.entry(sentence).or_default() += 1;
    }

    fn outcome(&self) -> Option<Outcome> {
        let several = self.0.len() > 1;
        let sentences: Vec<String> = self
            .0
            .iter()
            .map(|(sentence, times)| match *times {
                1 if !several => sentence.clone(),
                times => format!("{times} errors like: {sentence}"),
            })
            .collect();
        (!sentences.is_empty()).then(|| (400, sentences.join("; ")))
    }
}
