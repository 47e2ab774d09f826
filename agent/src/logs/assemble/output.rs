//! One output of a container: parts become a line, lines an entry.

use std::time::Duration;

use super::{
    Emit, Line, Multiline, Patience, Settings,
    grammar::{self, State},
    shape::{self, Shape},
    text,
};
use crate::{
    logs::{Mark, Piece},
    model::LogStream,
};

/// Capacity of a buffer that stays between two lines; what grew larger is given back.
const KEPT_BUFFER: usize = 4 << 10;

/// Bytes after which a line that does not end is taken to be ended: somebody writes without line ends, and places must move on.
const ENDLESS: u64 = 16 << 20;

/// One output.
#[derive(Debug)]
pub(super) struct Output {
    stream: LogStream,
    part: Option<Part>,
    /// Bytes of the unfinished line, as many as are kept.
    part_bytes: Vec<u8>,
    held: Option<Held>,
    /// Bytes of the entry, and of the blank line after it.
    held_bytes: Vec<u8>,
}

/// A line that has not ended.
#[derive(Clone, Copy, Debug)]
struct Part {
    place: Place,
    total: u64,
    arrived: u64,
}

/// An entry that may go on.
#[derive(Clone, Copy, Debug)]
struct Held {
    state: State,
    place: Place,
    lines: u32,
    /// Engine's time of its newest line.
    newest: i64,
    arrived: u64,
    blank: Option<Blank>,
}

/// A blank line after an entry: part of it if a line follows that is.
#[derive(Clone, Copy, Debug)]
struct Blank {
    place: Place,
    /// Length of the entry before it.
    entry_len: usize,
}

#[derive(Clone, Copy, Debug)]
struct Place {
    time: i64,
    start: Mark,
    end: Mark,
}

/// A whole line.
#[derive(Clone, Copy)]
struct Whole<'a> {
    /// Its first bytes, as many as are kept.
    bytes: &'a [u8],
    total: u64,
    place: Place,
    /// A line end followed.
    ended: bool,
}

impl Output {
    pub(super) const fn new(stream: LogStream) -> Self {
        Self { stream, part: None, part_bytes: Vec::new(), held: None, held_bytes: Vec::new() }
    }

    pub(super) fn push(&mut self, piece: Piece<'_>, now: u64, rules: &Settings, emit: &mut Emit<'_>) {
        // All parts of a line carry the time of its first: another time means that the writer has gone in the middle of the line.
        if self.part.is_some_and(|part| part.place.time != piece.time) {
            self.end_part(now, false, rules, emit);
        }
        let place = Place { time: piece.time, start: piece.start, end: piece.end };
        if self.part.is_none() && piece.ended {
            let bytes = piece.text.get(..room(rules)).unwrap_or(piece.text);
            let line = Whole { bytes, total: piece.text.len() as u64, place, ended: true };
            return self.line(line, now, rules, emit);
        }
        let part = self.part.get_or_insert(Part { place, total: 0, arrived: now });
        part.place.end = piece.end;
        part.total += piece.text.len() as u64;
        part.arrived = now;
        let endless = part.total > ENDLESS;
        let left = room(rules).saturating_sub(self.part_bytes.len());
        self.part_bytes.extend_from_slice(piece.text.get(..left).unwrap_or(piece.text));
        if piece.ended || endless {
            self.end_part(now, piece.ended, rules, emit);
        }
    }

    pub(super) fn flush_due(&mut self, now: u64, rules: &Settings, emit: &mut Emit<'_>) {
        if self.deadline(&rules.patience).is_some_and(|due| due <= now) {
            self.flush(rules, emit);
        }
    }

    pub(super) fn flush(&mut self, rules: &Settings, emit: &mut Emit<'_>) {
        // Nothing is held after a line without an end, so that it does not matter when that arrived.
        self.end_part(0, false, rules, emit);
        self.release(rules, emit);
        self.held_bytes = Vec::new();
    }

    /// An unfinished line may go on with the entry before it, which waits for it.
    pub(super) fn deadline(&self, patience: &Patience) -> Option<u64> {
        let (arrived, hold) = match (self.part, self.held) {
            (Some(part), _) => (part.arrived, patience.part_hold),
            (None, Some(held)) if held.state.begun() => (held.arrived, patience.trace_hold),
            (None, Some(held)) => (held.arrived, patience.line_hold),
            (None, None) => return None,
        };
        Some(arrived.saturating_add(u64::try_from(hold.as_millis()).unwrap_or(u64::MAX)))
    }

    pub(super) fn held_from(&self) -> Option<Mark> {
        let place = self.held.map(|held| held.place).or(self.part.map(|part| part.place))?;
        Some(place.start)
    }

    pub(super) fn memory(&self) -> usize {
        self.part_bytes.capacity() + self.held_bytes.capacity()
    }

    fn end_part(&mut self, now: u64, ended: bool, rules: &Settings, emit: &mut Emit<'_>) {
        let Some(Part { place, total, .. }) = self.part.take() else { return };
        let bytes = std::mem::take(&mut self.part_bytes);
        self.line(Whole { bytes: &bytes, total, place, ended }, now, rules, emit);
    }

    fn line(&mut self, mut line: Whole<'_>, now: u64, rules: &Settings, emit: &mut Emit<'_>) {
        if let (true, true, Some(bytes)) = (rules.tty, line.ended, line.bytes.strip_suffix(b"\r"))
            && line.total == line.bytes.len() as u64
        {
            (line.bytes, line.total) = (bytes, line.total - 1);
        }
        if rules.multiline == Multiline::Off {
            return self.show(line, 1, rules, emit);
        }
        let (shape, text) = shape::look(line.bytes);
        let fits = line.total <= rules.max_line_bytes as u64;
        if fits && self.join(line, shape, text, now, rules) {
            if !line.ended {
                self.release(rules, emit);
            }
            return;
        }
        self.release(rules, emit);
        if !fits || !line.ended || matches!(shape, Shape::Alone | Shape::Blank) {
            return self.show(line, 1, rules, emit);
        }
        self.held_bytes.extend_from_slice(line.bytes);
        let Place { time: newest, .. } = line.place;
        let state = grammar::begin(text);
        self.held = Some(Held { state, place: line.place, lines: 1, newest, arrived: now, blank: None });
    }

    /// Adds a line to the entry that is held, if it belongs to it and there is room.
    fn join(&mut self, line: Whole<'_>, shape: Shape, text: &[u8], now: u64, rules: &Settings) -> bool {
        let Some(held) = &mut self.held else { return false };
        let state = match shape {
            Shape::Blank if held.blank.is_none() && held.state.spans_blank() => Some(held.state),
            _ => grammar::follow(held.state, shape, text, &self.held_bytes),
        };
        let Some(state) = state else { return false };
        let (gap, lines) = (held.state.gap(&rules.patience), held.lines + 1 + u32::from(held.blank.is_some()));
        let fits = self.held_bytes.len() + 1 + line.bytes.len() <= rules.max_line_bytes && lines <= rules.max_lines;
        if !fits || i128::from(line.place.time) - i128::from(held.newest) > gap {
            return false;
        }
        let entry_len = self.held_bytes.len();
        self.held_bytes.push(b'\n');
        self.held_bytes.extend_from_slice(line.bytes);
        (held.arrived, held.newest) = (now, line.place.time);
        if shape == Shape::Blank {
            held.blank = Some(Blank { place: line.place, entry_len });
        } else {
            (held.state, held.lines, held.blank) = (state, lines, None);
            held.place.end = line.place.end;
        }
        true
    }

    /// Emits the entry that is held, and the blank line after it.
    fn release(&mut self, rules: &Settings, emit: &mut Emit<'_>) {
        let Some(held) = self.held.take() else { return };
        let mut bytes = std::mem::take(&mut self.held_bytes);
        let (entry, blank) = bytes.split_at(held.blank.map_or(bytes.len(), |blank| blank.entry_len.min(bytes.len())));
        let whole = |bytes, place| Whole { bytes, total: <[u8]>::len(bytes) as u64, place, ended: true };
        self.show(whole(entry, held.place), held.lines, rules, emit);
        if let (Some(Blank { place, .. }), Some(blank)) = (held.blank, blank.strip_prefix(b"\n")) {
            self.show(whole(blank, place), 1, rules, emit);
        }
        if bytes.capacity() <= KEPT_BUFFER {
            bytes.clear();
            self.held_bytes = bytes;
        }
    }

    fn show(&self, line: Whole<'_>, joined_lines: u32, rules: &Settings, emit: &mut Emit<'_>) {
        let Place { time, start, end } = line.place;
        text::keep(line.bytes, line.total, rules.max_line_bytes, |kept| {
            let (text, beyond, cut_bytes) = (kept.text, kept.beyond, kept.cut);
            emit(Line { stream: self.stream, time, text, beyond, start, end, cut_bytes, joined_lines });
        });
    }
}

impl State {
    /// Largest difference of times to a line that goes on, in nanoseconds.
    fn gap(self, patience: &Patience) -> i128 {
        let gap: Duration = if self.begun() { patience.trace_gap } else { patience.line_gap };
        i128::try_from(gap.as_nanos()).unwrap_or(i128::MAX)
    }
}

/// Bytes of one line that are remembered.
const fn room(rules: &Settings) -> usize {
    rules.max_line_bytes.saturating_add(rules.beyond_bytes)
}
