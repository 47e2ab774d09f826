//! What the pipeline is told beside what is done to lines.

use std::time::Duration;

use super::Settings;

/// How lines are read and put together; what is done to them stands in [`Settings`].
#[derive(Clone, Debug)]
pub struct Options {
    /// Where lines come from.
    pub source: SourceChoice,
    /// Chunks are closed after this time at the latest.
    pub batch_wait: Duration,
    /// Lines older than this are not sent.
    pub max_age: Duration,
    /// Longest line that is sent, in bytes; what is longer is cut.
    pub max_line_bytes: usize,
    /// What happens to lines.
    pub lines: Settings,
    /// Events of the engine are sent too, as a service of their own.
    pub events: bool,
    /// The agent's own log is sent too.
    pub own: bool,
    /// Bytes on disk for each destination.
    pub spool_bytes: u64,
    /// How long they are kept.
    pub spool_age: Duration,
    /// Bytes a second of one stream; 0 for no limit.
    pub stream_rate: u64,
}

/// Where lines come from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SourceChoice {
    /// Files where they can be read, else the engine.
    #[default]
    Auto,
    /// The engine, also where files could be read.
    Engine,
}

impl SourceChoice {
    /// Every choice.
    pub const ALL: [Self; 2] = [Self::Auto, Self::Engine];

    /// The word in the configuration.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Engine => "engine",
        }
    }
}
