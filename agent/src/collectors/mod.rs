//! (to come)

use std::collections::BTreeSet;

use bytes::Bytes;

use crate::{exposition::Format, model::metric::Group};

/// What one scrape asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// Text format.
    pub format: Format,
    /// `?collect[]=`; `None` is everything switched on.
    pub groups: Option<BTreeSet<Group>>,
    /// Compress the page.
    pub gzip: bool,
}

/// One page.
#[derive(Clone, Debug)]
pub struct ScrapeBody {
    /// The page.
    pub bytes: Bytes,
    /// Whether it is compressed.
    pub gzip: bool,
}

/// Why there is no page.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ScrapeError {
    /// More scrapes wait than are queued.
    #[error("scrape: too many are waiting")]
    Busy,
    /// The scrape thread has ended.
    #[error("scrape: the scrape thread has ended")]
    Stopped,
}
