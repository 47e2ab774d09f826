//! What Loki's answers mean.
//!
//! Loki tells its reasons in sentences only. They are written by `pkg/validation/validate.go` and `pkg/ingester/stream.go` of Loki
//! 3.x, and hold label values which anybody may have chosen: what stands between double quotes is not looked at.
//!
//! What no answer tells: an ingester reports the last stream's failure alone, so a push of several streams may be answered 204 with
//! one of them refused, and a failure in the ingester hides the lines which the distributor refused before.

use crate::delivery::{Verdict, http::MAX_BODY};

/// Why Loki refused something, by the words of its `loki_discarded_samples_total{reason}` where it has one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reason {
    /// Longer than `max_line_size`.
    LineTooLong,
    /// Older than `reject_old_samples_max_age`, a week.
    TooOld,
    /// Newer than now and `creation_grace_period`, ten minutes.
    TooFarInFuture,
    /// An hour (half of `max_chunk_age`) behind the newest line of its stream.
    TooFarBehind,
    /// Older than the newest line of its stream, in a Loki that takes no unordered lines.
    OutOfOrder,
    /// A stream without labels.
    MissingLabels,
    /// Labels which cannot be read.
    InvalidLabels,
    /// More labels than `max_label_names_per_series`.
    TooManyLabels,
    /// Longer than `max_label_name_length`.
    LabelNameTooLong,
    /// Longer than `max_label_value_length`.
    LabelValueTooLong,
    /// One name twice.
    DuplicateLabels,
    /// Labels which the operator demands are not there.
    MissingEnforcedLabels,
    /// Metadata is not allowed there.
    MetadataDisallowed,
    /// More bytes than `max_structured_metadata_size`.
    MetadataTooLarge,
    /// More pairs than `max_structured_metadata_entries_count`.
    MetadataTooMany,
    /// More bytes a second than the tenant may send.
    RateLimited,
    /// More bytes a second than one stream may have.
    StreamRateLimit,
    /// More streams than the tenant may have.
    StreamLimit,
    /// The operator takes nothing for a while.
    Blocked,
    /// Too large to be taken in one piece.
    TooLarge,
    /// Not read: protobuf, compression or labels are broken.
    Malformed,
    /// Credentials, tenant or address are not accepted.
    Denied,
    /// What answers is not Loki.
    NotLoki,
    /// Loki, or something before it, is not able to now.
    Unavailable,
}

impl Reason {
    /// Its word in logs and labels.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::LineTooLong => "line_too_long",
            Self::TooOld => "greater_than_max_sample_age",
            Self::TooFarInFuture => "too_far_in_future",
            Self::TooFarBehind => "too_far_behind",
            Self::OutOfOrder => "out_of_order",
            Self::MissingLabels => "missing_labels",
            Self::InvalidLabels => "invalid_labels",
            Self::TooManyLabels => "max_label_names_per_series",
            Self::LabelNameTooLong => "label_name_too_long",
            Self::LabelValueTooLong => "label_value_too_long",
            Self::DuplicateLabels => "duplicate_label_names",
            Self::MissingEnforcedLabels => "missing_enforced_labels",
            Self::MetadataDisallowed => "disallowed_structured_metadata",
            Self::MetadataTooLarge => "structured_metadata_too_large",
            Self::MetadataTooMany => "structured_metadata_too_many",
            Self::RateLimited => "rate_limited",
            Self::StreamRateLimit => "per_stream_rate_limit",
            Self::StreamLimit => "stream_limit",
            Self::Blocked => "blocked_ingestion",
            Self::TooLarge => "too_large",
            Self::Malformed => "malformed",
            Self::Denied => "denied",
            Self::NotLoki => "not_loki",
            Self::Unavailable => "unavailable",
        }
    }

    /// The refusal is of a whole stream of the push: how many lines that are is known to the sender alone.
    const fn is_of_stream(self) -> bool {
        matches!(
            self,
            Self::MissingLabels
                | Self::InvalidLabels
                | Self::TooManyLabels
                | Self::LabelNameTooLong
                | Self::LabelValueTooLong
                | Self::DuplicateLabels
                | Self::MissingEnforcedLabels
        )
    }
}

/// What was refused for good.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// Why.
    pub reason: Reason,
    /// Lines; `None` where whole streams were refused, whose lines Loki does not count.
    pub lines: Option<u64>,
}

/// A sorted answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sorted {
    /// What to do.
    pub verdict: Verdict,
    /// Why, when it is not simply delivered.
    pub reason: Option<Reason>,
    /// With [`Verdict::Delivered`]: what Loki refused for good, each reason once. It may have refused more than it says.
    pub refusals: Vec<Refusal>,
    /// The stream which the answer names, in Loki's spelling ([`super::labels`] writes the same).
    pub stream: Option<String>,
    /// The answer was longer than is read: more was refused than `refusals` says.
    pub cut: bool,
}

/// Sorts an answer to a push of so many streams.
pub fn sort(status: u16, body: &str, streams: usize) -> Sorted {
    let words = unquoted(body);
    let alone = streams <= 1;
    let (verdict, reason) = match status {
        // Loki never answers a push with a page: a gateway's login or error page is no acknowledgement.
        200..=259 if !is_page(body) => (Verdict::Delivered, None),
        // `blocked_ingestion` with the status which operators set for it so that clients do not repeat.
        260 => (Verdict::Hold, Some(Reason::Blocked)),
        400 => return bad_request(body, &words, alone),
        408 | 499 => (Verdict::Retry, Some(Reason::Unavailable)),
        413 => (Verdict::Halve, Some(Reason::TooLarge)),
        422 => (Verdict::Drop, Some(Reason::Malformed)),
        429 => return too_many(body, &words, alone),
        401 | 403 | 407 => (Verdict::Hold, Some(if blocked(&words) { Reason::Blocked } else { Reason::Denied })),
        // More than the ingesters' gRPC takes: it would fail for ever.
        500..=599 if words.contains("ResourceExhausted") || words.contains("larger than max") => {
            (Verdict::Halve, Some(Reason::TooLarge))
        }
        // A name of metadata that is none: not a refusal for Loki, but the whole push fails by it however often it is sent.
        500 if words.contains("label name is empty") || words.contains("resulted in invalid name") => {
            (if alone { Verdict::Drop } else { Verdict::Bisect }, Some(Reason::Malformed))
        }
        500..=599 if blocked(&words) => (Verdict::Hold, Some(Reason::Blocked)),
        501 | 505 => (Verdict::Hold, Some(Reason::NotLoki)),
        500..=599 => (Verdict::Retry, Some(Reason::Unavailable)),
        _ => (Verdict::Hold, Some(if blocked(&words) { Reason::Blocked } else { Reason::NotLoki })),
    };
    Sorted { verdict, reason, ..Sorted::nothing() }
}

impl Sorted {
    const fn nothing() -> Self {
        Self { verdict: Verdict::Delivered, reason: None, refusals: Vec::new(), stream: None, cut: false }
    }

    fn because(verdict: Verdict, reason: Reason) -> Self {
        Self { verdict, reason: Some(reason), ..Self::nothing() }
    }
}

/// 400 says one of three things: some lines are refused and the others stored; nothing could be read and nothing is stored; or whoever
/// answers is not Loki.
fn bad_request(body: &str, words: &str, alone: bool) -> Sorted {
    if is_page(body) || body.trim().is_empty() || words.contains("HTTP request to an HTTPS server") {
        return Sorted::because(Verdict::Hold, Reason::NotLoki);
    }
    // Operators may choose this status for it, and then nothing at all is stored.
    if blocked(words) {
        return Sorted::because(Verdict::Hold, Reason::Blocked);
    }
    if ["no org id", "tenant ID", "multiple org IDs"].iter().any(|sign| words.contains(sign)) {
        return Sorted::because(Verdict::Hold, Reason::Denied);
    }
    let refusals = match ignored(words) {
        Some((reason, lines)) => vec![Refusal { reason, lines: Some(lines) }],
        None => refused(words),
    };
    if let Some(first) = refusals.first() {
        let reason = Some(first.reason);
        return Sorted { reason, refusals, stream: named(body), cut: body.len() >= MAX_BODY, ..Sorted::nothing() };
    }
    if words.contains("too large") || words.contains("exceeds limit") {
        return Sorted::because(Verdict::Halve, Reason::TooLarge);
    }
    // Nothing is stored when one stream cannot be read. What is not understood here either is refused for good as well.
    Sorted::because(if alone { Verdict::Drop } else { Verdict::Bisect }, Reason::Malformed)
}

/// 429 of the distributor: nothing is stored. 429 of an ingester: one stream is refused, others may be stored.
fn too_many(body: &str, words: &str, alone: bool) -> Sorted {
    let (whole, reason) = if words.contains("Per stream rate limit") {
        (false, Reason::StreamRateLimit)
    } else if words.contains("active stream limit") {
        (false, Reason::StreamLimit)
    } else {
        (true, Reason::RateLimited)
    };
    let verdict = if whole || alone { Verdict::Slower } else { Verdict::Apart };
    let stream = if whole { None } else { named(body) };
    Sorted { stream, ..Sorted::because(verdict, reason) }
}

/// Sentences of the distributor, which it joins with `; ` and counts (`3 errors like: ...`) when there are several.
const REFUSALS: &[(&str, Reason)] = &[
    ("timestamp too old", Reason::TooOld),
    ("timestamp too new", Reason::TooFarInFuture),
    ("max entry size", Reason::LineTooLong),
    ("label names", Reason::TooManyLabels),
    ("label name too long", Reason::LabelNameTooLong),
    ("label value too long", Reason::LabelValueTooLong),
    ("duplicate label name", Reason::DuplicateLabels),
    ("includes structured metadata", Reason::MetadataDisallowed),
    ("structured metadata too large", Reason::MetadataTooLarge),
    ("too many structured metadata labels", Reason::MetadataTooMany),
    ("at least one label pair", Reason::MissingLabels),
    ("error parsing labels", Reason::InvalidLabels),
    ("missing required labels", Reason::MissingEnforcedLabels),
];

fn refused(words: &str) -> Vec<Refusal> {
    let mut refusals: Vec<Refusal> = Vec::new();
    for sentence in words.split("; ") {
        let Some((_, reason)) = REFUSALS.iter().find(|(sign, _)| sentence.contains(sign)) else { continue };
        let times = sentence.split_once(" errors like: ").and_then(|(count, _)| count.trim().parse().ok()).unwrap_or(1);
        let lines = (!reason.is_of_stream()).then_some(times);
        match refusals.iter_mut().find(|refusal| refusal.reason == *reason) {
            Some(refusal) => {
                refusal.lines = refusal.lines.zip(lines).map(|(before, more): (u64, u64)| before.saturating_add(more));
            }
            None => refusals.push(Refusal { reason: *reason, lines }),
        }
    }
    refusals
}

/// `total ignored: 3 out of 5 for stream: {...}`: an ingester's word.
fn ignored(words: &str) -> Option<(Reason, u64)> {
    let (before, after) = words.rsplit_once("total ignored: ")?;
    let count = after.split_once(' ')?.0.parse().ok()?;
    let reason = if before.contains("too far behind") { Reason::TooFarBehind } else { Reason::OutOfOrder };
    Some((reason, count))
}

fn blocked(words: &str) -> bool {
    words.contains("ingestion blocked for user")
}

fn is_page(body: &str) -> bool {
    body.trim_start().starts_with('<')
}

/// The stream in braces after the last of the phrases which name one.
fn named(body: &str) -> Option<String> {
    let phrases = ["for stream: ", "for stream '", "to create stream ", "entry for stream '", "stream '"];
    let (_, rest) =
        phrases.iter().find_map(|phrase| body.split_once(phrase).filter(|(_, rest)| rest.starts_with('{')))?;
    let mut outside = Outside::default();
    let end = rest.char_indices().find(|(_, c)| outside.step(*c) && *c == '}')?.0;
    rest.get(..=end).map(str::to_owned)
}

/// The text without what stands between double quotes.
fn unquoted(body: &str) -> String {
    let mut outside = Outside::default();
    body.chars().filter(|c| outside.step(*c)).collect()
}

/// Follows Go's quoting: inside quotes a backslash takes the next character with it.
#[derive(Default)]
struct Outside {
    quoted: bool,
    escaped: bool,
}

impl Outside {
    /// Whether this character stands outside of quotes; the quotes themselves do not.
    fn step(&mut self, c: char) -> bool {
        match (self.quoted, self.escaped, c) {
            (false, _, '"') => self.quoted = true,
            (false, ..) => return true,
            (true, true, _) => self.escaped = false,
            (true, false, '\\') => self.escaped = true,
            (true, false, '"') => self.quoted = false,
            (true, false, _) => {}
        }
        false
    }
}

#[cfg(test)]
#[path = "tests/verdict.rs"]
mod tests;
