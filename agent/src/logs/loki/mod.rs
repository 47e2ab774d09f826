//! Loki: how a push is written, and what its answers mean.

mod encode;
mod labels;
mod verdict;

pub use encode::{
    MAX_LINE, MAX_METADATA, MAX_METADATA_PAIRS, Metadata, Pusher, TooLarge, body_len, entry, entry_len, entry_of,
};
pub use labels::{MAX_LABELS, MAX_NAME, MAX_VALUE, labels, pairs};
pub use verdict::{Reason, Refusal, Sorted, sort};

/// Where pushes go, below Loki's address.
pub const PUSH_PATH: &str = "/loki/api/v1/push";
/// What a push is.
pub const CONTENT_TYPE: &str = "application/x-protobuf";
/// How it is compressed: Loki takes it for granted, and says nothing when it is named.
pub const CONTENT_ENCODING: &str = "snappy";
