//! What a container writes, and how its engine keeps it.

use std::sync::Arc;

/// Which of a container's two outputs. With a terminal (`Tty`) everything is [`LogStream::Stdout`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LogStream {
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
}

impl LogStream {
    /// Both, in the order of their file descriptors.
    pub const ALL: [Self; 2] = [Self::Stdout, Self::Stderr];

    /// The word in json-file's records and in the label `stream`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Stdout => "stdout",
            Self::Stderr => "stderr",
        }
    }

    /// Its place in arrays of both.
    pub const fn index(self) -> usize {
        match self {
            Self::Stdout => 0,
            Self::Stderr => 1,
        }
    }
}

/// How an engine keeps a container's output (`HostConfig.LogConfig`, `LogPath`, `Config.Tty`).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LogSetup {
    /// `LogConfig.Type`: `json-file`, `local`, `journald`, `none`, or a plug-in's name; `None` where the engine does not say.
    pub driver: Option<Arc<str>>,
    /// `LogPath`: the newest file on the engine's host; `None` for drivers without one.
    pub path: Option<Arc<str>>,
    /// `Config.Tty`: one output, lines end in CR LF, the API sends it without frames.
    pub tty: bool,
    /// Option `mode=non-blocking`: the engine drops messages when its buffer is full, and counts none of them.
    pub non_blocking: bool,
    /// Option `cache-disabled=true`: a driver that cannot be read leaves nothing to read.
    pub cache_disabled: bool,
    /// Option `max-file`: files kept, the newest among them; `None` for the driver's default (1 for json-file).
    pub max_files: Option<u32>,
}

/// How serious a line is: the values of `detected_level` in Loki.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LogLevel {
    /// Finest detail.
    Trace,
    /// For developers.
    Debug,
    /// Normal operation.
    Info,
    /// Something to look at in time.
    Warn,
    /// Something failed.
    Error,
    /// A part is out of order; `crit`, `alert`, `emerg`, `panic` among them.
    Critical,
    /// The process is about to end.
    Fatal,
}

impl LogLevel {
    /// Every level, least serious first.
    pub const ALL: [Self; 7] =
        [Self::Trace, Self::Debug, Self::Info, Self::Warn, Self::Error, Self::Critical, Self::Fatal];

    /// Loki's word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Trace => "trace",
            Self::Debug => "debug",
            Self::Info => "info",
            Self::Warn => "warn",
            Self::Error => "error",
            Self::Critical => "critical",
            Self::Fatal => "fatal",
        }
    }
}
