//! What a back end's answer means for the request it answers.
//!
//! Source: OTLP 1.11.0, "Failures", "Retryable Response Codes", "OTLP/gRPC Throttling", "Partial Success". What is retryable there is sent
//! again, all else never. Two readings are ours, because servers say the same thing in several ways (recorded from the Collector 0.159):
//! a refusal which speaks of size asks for smaller requests, whatever its code; and where the address or the credentials are wrong, nothing
//! that waits is thrown at them.

#[cfg(test)]
mod tests;

use std::time::Duration;

use super::{Code, Signal, Status, wire::Fields};
use crate::delivery::Verdict;

/// Longest wait that a server may ask for. A mistake in its clock or its settings must not stop deliveries for hours.
pub const MAX_WAIT: Duration = Duration::from_secs(300);

/// Kept of what a server says, in characters.
const MAX_WORDS: usize = 300;

/// An answer, sorted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sorted {
    /// What becomes of the request. [`Verdict::Hold`] asks for others to be held back: this one is never sent again.
    pub verdict: Verdict,
    /// How long the server asks to be left alone, at most [`MAX_WAIT`].
    pub after: Option<Duration>,
    /// Spans, data points or log records of a request that was taken which were not.
    pub rejected: u64,
    /// What the server says, for people: of a request that was taken whole, a warning.
    pub words: String,
}

/// Sorts an answer of OTLP/HTTP; `after` is its `Retry-After`.
pub fn http(status: u16, after: Option<Duration>, body: &[u8]) -> Sorted {
    if (200..300).contains(&status) {
        // A gateway's login page is no acknowledgement.
        return if is_page(body) { sorted(Verdict::Hold, "a page in place of an answer") } else { taken(body) };
    }
    let (words, retry) = told(body);
    let after = after.max(retry).map(|after| after.min(MAX_WAIT));
    let verdict = match status {
        413 => Verdict::Halve,
        // The Collector answers so to a body above its limit.
        400 if speaks_of_size(&words) => Verdict::Halve,
        429 => Verdict::Slower,
        503 if after.is_some() => Verdict::Slower,
        502..=504 => Verdict::Retry,
        // Who we are, or what is listening there, is not what it should be. A redirect is not followed, so it is one of them.
        ..=399 | 401 | 403 | 404 | 405 | 407 | 415 | 501 | 505 => Verdict::Hold,
        _ => Verdict::Drop,
    };
    Sorted { after: after.filter(|_| waits(verdict)), ..sorted(verdict, &words) }
}

/// Sorts a status of OTLP/gRPC: its code, message and `google.rpc.Status`, and the message that came with it.
pub fn grpc(code: u32, message: &str, details: &[u8], body: &[u8]) -> Sorted {
    if code == 0 {
        return taken(body);
    }
    let after = told(details).1.map(|after| after.min(MAX_WAIT));
    let verdict = match Code::of(u64::from(code)) {
        // OUT_OF_RANGE is what some servers say to a message that is too long.
        Code::ResourceExhausted | Code::OutOfRange if after.is_none() && speaks_of_size(message) => Verdict::Halve,
        Code::ResourceExhausted | Code::Unavailable if after.is_some() => Verdict::Slower,
        Code::Cancelled
        | Code::DeadlineExceeded
        | Code::Aborted
        | Code::OutOfRange
        | Code::Unavailable
        | Code::DataLoss => Verdict::Retry,
        Code::PermissionDenied | Code::Unimplemented | Code::Unauthenticated => Verdict::Hold,
        _ => Verdict::Drop,
    };
    Sorted { after: after.filter(|_| waits(verdict)), ..sorted(verdict, message) }
}

fn waits(verdict: Verdict) -> bool {
    matches!(verdict, Verdict::Retry | Verdict::Slower | Verdict::Hold)
}

fn sorted(verdict: Verdict, words: &str) -> Sorted {
    Sorted { verdict, after: None, rejected: 0, words: shortened(words) }
}

/// A request that was taken, whole or in part. Neither is ever sent again, so what cannot be read of it is as good as nothing.
fn taken(body: &[u8]) -> Sorted {
    let (rejected, words) = if body.first() == Some(&b'{') { from_json(body) } else { from_protobuf(body) };
    Sorted { rejected, ..sorted(Verdict::Delivered, &words) }
}

/// `partial_success` of the answers to all three signals. Its end may be missing: long messages are not kept whole.
fn from_protobuf(body: &[u8]) -> (u64, String) {
    let Some(rest) = body.strip_prefix(&[0x0a]) else { return (0, String::new()) };
    let length = rest.iter().take_while(|byte| **byte >= 0x80).count() + 1;
    let mut partial = (0, String::new());
    for field in Fields::new(rest.get(length..).unwrap_or_default()).map_while(Result::ok) {
        match (field.number, field.varint(), field.bytes()) {
            // An `int64`: below 0 it is nonsense.
            (1, Ok(rejected), _) => partial.0 = u64::try_from(rejected.cast_signed()).unwrap_or(0),
            (2, _, Ok(words)) => partial.1 = String::from_utf8_lossy(words).into_owned(),
            _ => {}
        }
    }
    partial
}

/// Some answer in JSON whatever they were asked in.
fn from_json(body: &[u8]) -> (u64, String) {
    let answer: serde_json::Value = serde_json::from_slice(body).unwrap_or_default();
    let partial = answer.get("partialSuccess");
    let count = |value: &serde_json::Value| value.as_u64().or_else(|| value.as_str()?.parse().ok());
    let rejected =
        Signal::ALL.iter().find_map(|signal| partial?.get(signal.rejected_key()).and_then(count)).unwrap_or(0);
    let words = partial.and_then(|partial| partial.get("errorMessage")?.as_str());
    (rejected, words.unwrap_or_default().to_owned())
}

/// What a `google.rpc.Status` says, and when to come again; where there is none, the words are what is there instead.
fn told(body: &[u8]) -> (String, Option<Duration>) {
    match Status::decode(body) {
        Ok(status) => (status.message, status.retry),
        Err(_) => (String::from_utf8_lossy(body).into_owned(), None),
    }
}

/// How servers say that a request is too long, as recorded: gRPC in Go, C, Java, .NET and Rust, and Go's HTTP.
fn speaks_of_size(words: &str) -> bool {
    let words = words.to_ascii_lowercase();
    let said =
        ["larger than max", "too large", "too long", "exceeds maximum size", "exceeds the maximum", "size limit"];
    said.iter().any(|said| words.contains(said))
}

fn is_page(body: &[u8]) -> bool {
    body.trim_ascii_start().first() == Some(&b'<')
}

/// One line of bounded length.
fn shortened(words: &str) -> String {
    let visible = |c: char| if c.is_control() { ' ' } else { c };
    words.trim().chars().take(MAX_WORDS).map(visible).collect()
}
