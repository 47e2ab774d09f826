//! OTLP/JSON: requests into the bytes of the same protobuf message, and answers.
//!
//! Requests are read once, from front to back, by tables of the messages ([`table`]); nothing is built of them but the output. The form is
//! proto3's JSON mapping with OTLP's four deviations:
//!
//! - ids of traces and spans are hexadecimal, in either case, and not base64;
//! - enums are numbers, never names;
//! - fields nobody here knows are ignored, whatever is in them;
//! - keys are in lowerCamelCase alone: the names of the proto files are unknown fields.
//!
//! Source: OTLP specification 1.11.0, "JSON Protobuf Encoding"; "ProtoJSON Format" of Protocol Buffers.

mod answer;
mod convert;
mod reader;
pub(super) mod table;

pub use answer::{partial, status, success};
pub use convert::to_protobuf;

/// Why a body is no request, and where in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("byte {at}: {what}")]
pub struct Mistake {
    /// Bytes before the place.
    pub at: usize,
    /// What is wrong there.
    pub what: What,
}

/// What is wrong with a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum What {
    /// It is not UTF-8, which JSON is.
    #[error("the body is not UTF-8")]
    Utf8,
    /// It is not JSON.
    #[error("{0} expected")]
    Expected(&'static str),
    /// Objects and lists in each other, deeper than 128.
    #[error("objects and lists are nested too deeply")]
    Depth,
    /// A number of more than its field holds, or of less.
    #[error("the number is out of range")]
    Range,
    /// The output would be far larger than the body: lists of small numbers, which take eight bytes each.
    #[error("the request is too large as protobuf")]
    Growth,
}
