//! OTLP as it is on the wire: requests are walked and written as bytes, so that what newer senders add passes through unread.
//!
//! The three signals have one outer form, and share what works on it:
//!
//! ```text
//!  Export*ServiceRequest { 1: Resource* { 1: Resource { 1: KeyValue.. }, 2: Scope* { 1: scope, 2: record.., 3: schema_url }.., 3: schema_url }.. }
//! ```
//!
//! Source: opentelemetry-proto 1.11.0, `common/v1`, `resource/v1`, `trace/v1`, `metrics/v1`, `logs/v1`, `collector/*/v1`.

mod count;
pub mod field;
pub mod splice;
pub mod view;
pub mod write;

pub use count::count;
pub use field::{Field, Fields, Value};
pub use view::{AnyValue, Attributes, Group, KeyValue, Scope, Span, groups};
pub use write::Writer;

/// Why bytes are no message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// A number does not end, or is beyond 64 bits.
    #[error("a number is longer than 64 bits")]
    Varint,
    /// More is announced than there is.
    #[error("the message ends in the middle of a field")]
    Length,
    /// The number of a field is none.
    #[error("a field has no valid number")]
    Tag,
    /// A known field is of another type than the protocol says, or of none there is.
    #[error("a field is of the wrong type")]
    WireType,
    /// A string is not UTF-8.
    #[error("a string is not UTF-8")]
    Text,
    /// Messages in messages, deeper than anybody means.
    #[error("values are nested too deeply")]
    Depth,
}
