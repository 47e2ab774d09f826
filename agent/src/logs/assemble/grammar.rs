//! What belongs to the entry before it. An entry's state is made of its own lines alone, so that reading again from where it begins
//! comes to the same end.

use super::{
    shape::Shape,
    words::{self, alarms, goes_on, head, opens},
};

/// What an entry is in: which lines may follow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// A line; an indented one makes it a trace.
    Text,
    /// First line of two by Java's own logger.
    Jul,
    /// An exception and its message, no frame yet.
    Named,
    /// Frames, or any other indented lines.
    Trace,
    /// Python: frames, until a line that is not indented names the exception.
    Traceback,
    /// Python: the exception was named.
    Raised,
    /// Python: another traceback is announced.
    Chained,
    /// Go: a reason, no goroutine yet.
    Panic,
    /// Go: goroutines; functions are not indented.
    Goroutine,
    /// Node: where, before the line of source.
    NodePlace,
    /// Node: the line of source, before the carets.
    NodeSource,
    /// Node: the carets, before the error.
    NodeCarets,
    /// Node: a list of dashes inside of a message.
    Listing,
    /// Rust: where, before the message.
    RustPanic,
    /// Rust: the message's first line was there.
    RustMessage,
    /// PHP: numbered frames are not indented.
    Php,
}

impl State {
    /// Whether a trace has begun, which is waited for longer than for a line.
    pub(super) const fn begun(self) -> bool {
        !matches!(self, Self::Text | Self::Jul)
    }

    /// Whether the trace may go on after a blank line.
    pub(super) const fn spans_blank(self) -> bool {
        !matches!(self, Self::Text | Self::Jul | Self::Traceback | Self::RustPanic | Self::NodePlace)
    }
}

/// The state of an entry with this line as its first.
pub(super) fn begin(text: &[u8]) -> State {
    match head(text) {
        Some(head) => head.state,
        None if words::jul_head(text) => State::Jul,
        None => State::Text,
    }
}

/// The state after this line, if it belongs to the entry in `state` whose bytes are `entry`.
pub(super) fn follow(state: State, shape: Shape, text: &[u8], entry: &[u8]) -> Option<State> {
    match shape {
        Shape::Blank | Shape::Alone => None,
        Shape::Indented => indented(state, text, entry),
        Shape::Text => unindented(state, text, entry),
    }
}

/// Whether this line may be part of a message of several lines, which only a later line shows: see [`settles`].
pub(super) fn doubtful(state: State, shape: Shape, text: &[u8]) -> bool {
    matches!(state, State::Named | State::RustMessage)
        && shape == Shape::Text
        // Most loggers begin so.
        && !matches!(text.first(), Some(b'0'..=b'9' | b'['))
        // If it turns out to be of the next entry, that is a plain line: a trace would have been waited for longer than for this.
        && begin(text) == State::Text
        && opens(text).is_none()
        && !settles(state, text)
}

/// Whether this line shows that the doubtful ones before it belonged to the entry.
pub(super) fn settles(state: State, text: &[u8]) -> bool {
    match state {
        State::Named => frame(text) || text.starts_with(b"Caused by: "),
        State::RustMessage => opens(text).is_some() || goes_on(text),
        _ => false,
    }
}

/// A frame as the virtual machines of Java, JavaScript and .NET write it.
fn frame(text: &[u8]) -> bool {
    matches!(text.first(), Some(b' ' | b'\t')) && text.trim_ascii_start().starts_with(b"at ")
}

fn indented(state: State, text: &[u8], entry: &[u8]) -> Option<State> {
    match state {
        State::Text | State::Jul => below_a_message(text, entry).unwrap_or(Some(State::Trace)),
        State::NodePlace => Some(State::NodeSource),
        State::NodeSource if words::carets(text) => Some(State::NodeCarets),
        State::RustPanic => Some(State::RustMessage),
        State::Named if frame(text) => Some(State::Trace),
        State::Listing => Some(State::Trace),
        State::Chained => Some(State::Traceback),
        // The next of them: it begins as indented as it goes on.
        _ if text.starts_with(b"  + Exception Group Traceback") => None,
        State::Raised if text.starts_with(b"  File \"") => None,
        _ => Some(state),
    }
}

fn unindented(state: State, text: &[u8], entry: &[u8]) -> Option<State> {
    let when = |holds: bool, state| holds.then_some(state);
    match state {
        State::Text => below_a_message(text, entry).unwrap_or_else(|| opens(text)),
        State::Jul => when(words::jul_level(text), State::Text),
        State::Traceback => when(words::raised(text), State::Raised),
        State::Raised => when(
            text.starts_with(b"The above exception was the direct cause of")
                || text.starts_with(b"During handling of the above exception"),
            State::Chained,
        ),
        State::Chained => when(text.starts_with(b"Traceback (most recent call last)"), State::Traceback),
        State::Panic | State::Goroutine if words::goroutine(text) || text == b"runtime stack:" => {
            Some(State::Goroutine)
        }
        State::Panic => when(words::go_reason(text), State::Panic),
        State::Goroutine => when(words::go_frame(text), State::Goroutine),
        // Source at the very left of its file.
        State::NodePlace => Some(State::NodeSource),
        State::NodeSource => when(words::carets(text), State::NodeCarets),
        State::NodeCarets => Some(State::Named),
        State::RustPanic => Some(State::RustMessage),
        State::Listing if text.starts_with(b"- ") => Some(State::Listing),
        State::Php if text.starts_with(b"#") || text.starts_with(b"Next ") => Some(State::Php),
        State::Named | State::Trace | State::Listing | State::RustMessage | State::Php => {
            opens(text).or(when(goes_on(text), State::Trace))
        }
    }
}

/// A head below a plain message: the inner `None` begins an entry of its own.
fn below_a_message(text: &[u8], entry: &[u8]) -> Option<Option<State>> {
    // A goroutine's dump is written below a message that need not say what is wrong: `http: panic serving`.
    let head = head(text).filter(|_| !words::goroutine(text))?;
    Some((head.logged && alarms(entry)).then_some(head.state))
}
