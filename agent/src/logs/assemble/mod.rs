//! Pieces become entries: long lines put together again, traces of several lines joined.
//!
//! ```text
//!  piece -> output (one of two) -> part: until the line ends -> held: until a line comes that does not go on -> Line
//!                                                                 |
//!                                                   shape, grammar: what goes on
//! ```
//!
//! What becomes one entry is decided by bytes and by the times which the engine wrote, never by when they are read, as long as the next
//! piece is pushed before the deadline that is set for it. So a retry after a restart holds the same bytes: reading again from the `end` of
//! any entry gives the same entries after it. The deadlines exceed the gaps which are joined by the slack a reader may have.

#[cfg(any(test, fuzzing))]
pub mod fuzz;
mod grammar;
mod held;
mod output;
#[cfg(test)]
mod properties;
mod shape;
#[cfg(test)]
mod tests;
mod text;
#[cfg(test)]
mod traces;
mod words;

use std::time::Duration;

use self::output::Output;
use super::{Mark, Piece};
use crate::model::{Expression, LogStream};

/// Bytes kept of one entry unless the settings say otherwise: Loki refuses lines above 256 KiB (`max_line_size`), and the mark of a cut
/// wants its place.
pub const MAX_LINE_BYTES: usize = (256 << 10) - 1024;

/// How pieces become entries, for one container.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// The container has a terminal: lines end in CR LF, and the CR is no part of them.
    pub tty: bool,
    /// Bytes kept of one entry; what is above is left out and counted.
    pub max_line_bytes: usize,
    /// Bytes shown after the cut, see [`Line::beyond`].
    pub beyond_bytes: usize,
    /// Lines of one entry; the next one begins another.
    pub max_lines: u32,
    /// Whether lines are joined at all. Parts of one line always are.
    pub multiline: Multiline,
    /// How long to wait, and how far apart lines may be.
    pub patience: Patience,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            tty: false,
            max_line_bytes: MAX_LINE_BYTES,
            beyond_bytes: 1024,
            max_lines: 512,
            multiline: Multiline::Auto,
            patience: Patience::default(),
        }
    }
}

/// Whether lines are joined.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Multiline {
    /// Traces and indented lines are joined to the line they belong to.
    #[default]
    Auto,
    /// Each line is an entry.
    Off,
    /// An entry begins with a line which this matches, and has all that follow.
    Start(Expression),
}

/// Gaps are between the engine's times of two lines; holds run from a piece's arrival. The difference is the slack of readers: a piece
/// may arrive later than the one before it by gap and slack, and is joined all the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Patience {
    /// Largest gap between a plain line and the first that continues it.
    pub line_gap: Duration,
    /// How long a plain line is held.
    pub line_hold: Duration,
    /// Largest gap inside a trace.
    pub trace_gap: Duration,
    /// How long a trace is held after its newest line.
    pub trace_hold: Duration,
    /// How long a line without an end is held after its newest part.
    pub part_hold: Duration,
    /// How long it is held after a part which the engine cut: an engine or a disk under load may take its time for the next one.
    pub cut_hold: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            // Lines of one write are microseconds apart.
            line_gap: Duration::from_millis(250),
            line_hold: Duration::from_millis(750),
            trace_gap: Duration::from_secs(4),
            trace_hold: Duration::from_secs(5),
            part_hold: Duration::from_secs(4),
            cut_hold: Duration::from_secs(120),
        }
    }
}

/// One entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Line<'a> {
    /// The output it came from.
    pub stream: LogStream,
    /// When the engine took its first piece, in nanoseconds since 1970.
    pub time: i64,
    /// What is kept, at most [`Settings::max_line_bytes`]; joined lines have `\n` between them and none at the end. Bytes that are no
    /// UTF-8 have become U+FFFD.
    pub text: &'a str,
    /// The beginning of what was left out, so that nobody takes the half of a secret at the cut for harmless. Not to be sent; counted in
    /// `cut_bytes`.
    pub beyond: &'a str,
    /// Where its first piece begins: read again from here, it comes again.
    pub start: Mark,
    /// Where its last piece ends.
    pub end: Mark,
    /// Bytes of the container's line that are not in `text`; 0 for nearly all.
    pub cut_bytes: u64,
    /// Lines of the container in it; 1 for most.
    pub joined_lines: u32,
}

/// Where entries go.
pub type Emit<'a> = dyn FnMut(Line<'_>) + 'a;

/// Puts the pieces of one container together; its two outputs never meet. Holds no memory on the heap while nothing is pending.
///
/// Times called `now` are milliseconds of any clock that never goes back.
#[derive(Debug)]
pub struct Assembler {
    settings: Settings,
    outputs: [Output; 2],
}

impl Assembler {
    /// With nothing pending.
    pub fn new(settings: Settings) -> Self {
        Self { settings, outputs: LogStream::ALL.map(Output::new) }
    }

    /// Whether the container has a terminal, where that was not known at once.
    pub const fn set_tty(&mut self, tty: bool) {
        self.settings.tty = tty;
    }

    /// Takes the next piece of an output; emits what it shows to be complete, and itself when nothing can follow it.
    pub fn push(&mut self, piece: Piece<'_>, now: u64, emit: &mut Emit<'_>) {
        let [stdout, stderr] = &mut self.outputs;
        let output = match piece.stream {
            LogStream::Stdout => stdout,
            LogStream::Stderr => stderr,
        };
        output.push(piece, now, &self.settings, emit);
    }

    /// Emits what has waited long enough. Call it only when the reader has nothing more to push: in a backlog the next line is there, and
    /// it decides.
    pub fn flush_due(&mut self, now: u64, emit: &mut Emit<'_>) {
        for output in &mut self.outputs {
            output.flush_due(now, &self.settings, emit);
        }
    }

    /// When [`Self::flush_due`] has something to do; `None` while nothing is pending.
    pub fn next_deadline(&self) -> Option<u64> {
        self.outputs.iter().filter_map(|output| output.deadline(&self.settings.patience)).min()
    }

    /// Emits everything: the container has ended, and its outputs are read to their ends. Not for the agent's own end: what is pending
    /// then is read again after the restart, from [`Self::held_from`].
    pub fn flush_all(&mut self, emit: &mut Emit<'_>) {
        for output in &mut self.outputs {
            output.flush(&self.settings, emit);
        }
    }

    /// Whether something of this output is held.
    pub fn pending(&self, stream: LogStream) -> bool {
        self.held_from(stream).is_some()
    }

    /// Where what is held of this output begins.
    pub fn held_from(&self, stream: LogStream) -> Option<Mark> {
        self.outputs.get(stream.index())?.held_from()
    }

    /// Bytes on the heap.
    pub fn memory(&self) -> usize {
        self.outputs.iter().map(Output::memory).sum()
    }
}
