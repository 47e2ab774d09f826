//! What becomes of a resource.

use bytes::Bytes;

/// What becomes of a resource. By default nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Change {
    /// Attributes of these keys are taken out.
    pub without: Vec<&'static str>,
    /// Ready-made fields of a `Resource` that are written behind its own: `KeyValue`s, each with its tag (1) and its length.
    pub add: Bytes,
}
