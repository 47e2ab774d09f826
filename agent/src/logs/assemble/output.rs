//! One output of a container: parts become a line, lines an entry.

use super::{
    Emit, Line, Multiline, Patience, Settings,
    grammar::{self, State},
    held::{Held, Place, Step, Tail},
    shape::{self, Shape},
    text,
};
use crate::{
    logs::{Mark, Piece},
    model::{Expression, LogStream},
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
    /// Bytes of the entry and of its tails, a line end before each.
    held_bytes: Vec<u8>,
}

/// The engine's buffer (moby, `daemon/logger/copier.go`): a part this long was cut because the buffer was full, and the rest is on its way
/// however long the engine takes. A shorter one is the last word of a writer that has gone. Bytes that are no UTF-8 only make parts longer.
const ENGINE_BUFFER: usize = 16 << 10;

/// A line that has not ended.
#[derive(Clone, Copy, Debug)]
struct Part {
    place: Place,
    total: u64,
    arrived: u64,
    /// Its newest part was cut by the engine.
    goes_on: bool,
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

impl Whole<'_> {
    /// Without what a terminal puts before the line end.
    fn without_cr(self, rules: &Settings) -> Self {
        match self.bytes.strip_suffix(b"\r") {
            Some(bytes) if rules.tty && self.ended && self.total == self.bytes.len() as u64 => {
                Self { bytes, total: self.total - 1, ..self }
            }
            _ => self,
        }
    }
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
            return self.line(line.without_cr(rules), now, rules, emit);
        }
        let part = self.part.get_or_insert(Part { place, total: 0, arrived: now, goes_on: false });
        part.place.end = piece.end;
        part.total += piece.text.len() as u64;
        (part.arrived, part.goes_on) = (now, piece.text.len() >= ENGINE_BUFFER);
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
        self.clear(rules, emit);
        self.held_bytes = Vec::new();
    }

    /// An unfinished line may go on with the entry before it, which waits for it.
    pub(super) fn deadline(&self, patience: &Patience) -> Option<u64> {
        let (arrived, hold) = match (self.part, &self.held) {
            (Some(part), _) if part.goes_on => (part.arrived, patience.cut_hold),
            (Some(part), _) => (part.arrived, patience.part_hold),
            (None, Some(held)) => (held.arrived, held.hold(patience)),
            (None, None) => return None,
        };
        Some(arrived.saturating_add(u64::try_from(hold.as_millis()).unwrap_or(u64::MAX)))
    }

    pub(super) fn held_from(&self) -> Option<Mark> {
        let place = self.held.as_ref().map(|held| held.place).or(self.part.map(|part| part.place))?;
        Some(place.start)
    }

    pub(super) fn memory(&self) -> usize {
        self.part_bytes.capacity() + self.held_bytes.capacity()
    }

    fn end_part(&mut self, now: u64, ended: bool, rules: &Settings, emit: &mut Emit<'_>) {
        let Some(Part { place, total, .. }) = self.part.take() else { return };
        let bytes = std::mem::take(&mut self.part_bytes);
        let line = Whole { bytes: &bytes, total, place, ended };
        self.line(line.without_cr(rules), now, rules, emit);
    }

    fn line(&mut self, line: Whole<'_>, now: u64, rules: &Settings, emit: &mut Emit<'_>) {
        match &rules.multiline {
            Multiline::Auto => {}
            Multiline::Off => return self.show(line, 1, rules, emit),
            Multiline::Start(first) => return self.line_by(first, line, now, rules, emit),
        }
        let (shape, text) = shape::look(line.bytes);
        let fits = line.total <= rules.max_line_bytes as u64;
        loop {
            if fits && self.join(line, shape, text, now, rules) {
                if !line.ended {
                    self.clear(rules, emit);
                }
                return;
            }
            if self.held.is_none() {
                break;
            }
            self.release(rules, emit);
        }
        if !fits || !line.ended || matches!(shape, Shape::Alone | Shape::Blank) {
            self.held_bytes = Vec::new();
            return self.show(line, 1, rules, emit);
        }
        self.held_bytes.extend_from_slice(line.bytes);
        self.held = Some(Held::new(grammar::begin(text), line.place, line.bytes.len(), now));
    }

    /// Takes a line where somebody has said how entries begin.
    fn line_by(&mut self, first: &Expression, line: Whole<'_>, now: u64, rules: &Settings, emit: &mut Emit<'_>) {
        let begins = first.is_match(line.bytes);
        let fits = line.total <= rules.max_line_bytes as u64;
        if let Some(held) = self.held.as_mut().filter(|_| fits && !begins) {
            let room = self.held_bytes.len() + 1 + line.bytes.len() <= rules.max_line_bytes;
            if room && held.lines < rules.max_lines && held.reaches(line.place.time, false, &rules.patience) {
                self.held_bytes.push(b'\n');
                self.held_bytes.extend_from_slice(line.bytes);
                (held.arrived, held.newest, held.len) = (now, line.place.time, self.held_bytes.len());
                (held.lines, held.place.end) = (held.lines + 1, line.place.end);
                return;
            }
        }
        self.clear(rules, emit);
        if !fits || !line.ended {
            return self.show(line, 1, rules, emit);
        }
        self.held_bytes.extend_from_slice(line.bytes);
        self.held = Some(Held::new(State::Text, line.place, line.bytes.len(), now));
    }

    /// Adds a line to the entry that is held or to its tails, if it may belong there and there is room.
    fn join(&mut self, line: Whole<'_>, shape: Shape, text: &[u8], now: u64, rules: &Settings) -> bool {
        let Some(held) = &mut self.held else { return false };
        let Some(step) = held.step(shape, text, &self.held_bytes) else { return false };
        let doubt = held.doubt || step == Step::Doubt;
        let lines = held.lines + 1 + u32::try_from(held.tails.len()).unwrap_or(u32::MAX);
        let fits = self.held_bytes.len() + 1 + line.bytes.len() <= rules.max_line_bytes && lines <= rules.max_lines;
        if !fits || !held.reaches(line.place.time, doubt, &rules.patience) {
            return false;
        }
        self.held_bytes.push(b'\n');
        self.held_bytes.extend_from_slice(line.bytes);
        (held.arrived, held.newest) = (now, line.place.time);
        if let Step::On(state) = step {
            (held.state, held.lines, held.len, held.doubt) = (state, lines, self.held_bytes.len(), false);
            held.place.end = line.place.end;
            held.tails.clear();
        } else {
            held.tails.push(Tail { place: line.place, len: line.bytes.len(), arrived: now });
            held.doubt = doubt;
        }
        true
    }

    /// Emits the entry that is held. Its tails turn out not to be of it: they are taken as if they came now, and may be held.
    fn release(&mut self, rules: &Settings, emit: &mut Emit<'_>) {
        let Some(held) = self.held.take() else { return };
        let mut bytes = std::mem::take(&mut self.held_bytes);
        let (entry, mut rest) = bytes.split_at_checked(held.len).unwrap_or((&bytes, &[]));
        let whole = |bytes, place| Whole { bytes, total: <[u8]>::len(bytes) as u64, place, ended: true };
        self.show(whole(entry, held.place), held.lines, rules, emit);
        for tail in held.tails {
            let Some((line, after)) = rest.split_at_checked(tail.len + 1) else { break };
            self.line(whole(line.strip_prefix(b"\n").unwrap_or(line), tail.place), tail.arrived, rules, emit);
            rest = after;
        }
        if self.held.is_none() && bytes.capacity() <= KEPT_BUFFER {
            bytes.clear();
            self.held_bytes = bytes;
        }
    }

    /// Emits all that is held.
    fn clear(&mut self, rules: &Settings, emit: &mut Emit<'_>) {
        while self.held.is_some() {
            self.release(rules, emit);
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

/// Bytes of one line that are remembered.
const fn room(rules: &Settings) -> usize {
    rules.max_line_bytes.saturating_add(rules.beyond_bytes)
}
