//! What fuzzers feed: pieces of any form. The promises are the same ones which the properties hold pieces of likely forms against.

use super::{Assembler, Settings};
use crate::{
    logs::{Mark, Piece, Position, Rank},
    model::LogStream,
};

/// A piece as it is written.
#[derive(Clone, Debug)]
pub(super) struct Written {
    pub(super) stream: LogStream,
    pub(super) time: i64,
    pub(super) text: Vec<u8>,
    pub(super) ended: bool,
}

impl Written {
    /// A whole line.
    pub(super) fn line(stream: LogStream, time: i64, text: &str) -> Self {
        Self { stream, time, text: text.as_bytes().to_vec(), ended: true }
    }

    /// With its place: pieces are numbered, and three to a file.
    pub(super) fn piece(&self, number: u64) -> Piece<'_> {
        let mark = |number: u64| {
            let position = Position::File { inode: number / 3, fingerprint: 0, offset: number % 3 };
            Mark { position, rank: Rank(number / 3, number % 3) }
        };
        let Self { stream, time, ref text, ended } = *self;
        Piece { stream, time, text, ended, start: mark(number), end: mark(number + 1) }
    }
}

/// An entry as it comes out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) stream: LogStream,
    pub(super) time: i64,
    pub(super) text: String,
    pub(super) start: Rank,
    pub(super) end: Rank,
    pub(super) cut: u64,
    pub(super) lines: u32,
}

impl Entry {
    pub(super) fn of(line: super::Line<'_>) -> Self {
        Self {
            stream: line.stream,
            time: line.time,
            text: line.text.to_owned(),
            start: line.start.rank,
            end: line.end.rank,
            cut: line.cut_bytes,
            lines: line.joined_lines,
        }
    }
}

/// What comes out of pieces that are all there, and of the end after them.
pub(super) fn run(pieces: &[Written], settings: &Settings) -> Vec<Entry> {
    run_from(pieces, Rank::default(), LogStream::ALL.as_slice(), settings)
}

/// The same with the pieces of some outputs, from a place on.
pub(super) fn run_from(pieces: &[Written], from: Rank, streams: &[LogStream], settings: &Settings) -> Vec<Entry> {
    let mut assembler = Assembler::new(settings.clone());
    let mut entries = Vec::new();
    for (piece, number) in pieces.iter().zip(0..) {
        let piece = piece.piece(number);
        if piece.start.rank >= from && streams.contains(&piece.stream) {
            assembler.push(piece, 0, &mut |line| entries.push(Entry::of(line)));
        }
    }
    assembler.flush_all(&mut |line| entries.push(Entry::of(line)));
    assert_eq!((assembler.memory(), assembler.next_deadline()), (0, None), "nothing is left at the end");
    entries
}

/// What must hold of any pieces.
pub(super) fn check(pieces: &[Written], settings: &Settings) {
    let entries = run(pieces, settings);
    for stream in LogStream::ALL {
        let of_it: Vec<&Entry> = entries.iter().filter(|entry| entry.stream == stream).collect();
        let lines = lines(pieces, stream);
        assert_eq!(of_it.iter().map(|entry| u64::from(entry.lines)).sum::<u64>(), lines.len() as u64, "lines");
        if of_it.iter().all(|entry| entry.cut == 0) {
            let texts: Vec<&str> = of_it.iter().map(|entry| entry.text.as_str()).collect();
            let lines: Vec<_> = lines.iter().map(|line| String::from_utf8_lossy(line)).collect();
            assert_eq!(texts.join("\n"), lines.join("\n"), "nothing lost, nothing mixed, in order");
        } else if lines.iter().all(|line| line.is_ascii()) {
            let shown = |entry: &&Entry| entry.text.len() as u64 + entry.cut - u64::from(entry.lines - 1);
            let written: u64 = lines.iter().map(|line| line.len() as u64).sum();
            assert_eq!(of_it.iter().map(shown).sum::<u64>(), written, "each byte is shown or counted");
        }
        assert!(of_it.iter().all(|entry| entry.text.len() <= settings.max_line_bytes && entry.start < entry.end));
        assert!(of_it.is_sorted_by(|one, next| one.end <= next.start), "places go forward");
        for (done, entry) in of_it.iter().enumerate() {
            let again = run_from(pieces, entry.end, &[stream], settings);
            assert!(
                again.iter().eq(of_it.iter().skip(done + 1).copied()),
                "read again from {:?}: {again:?}",
                entry.end
            );
        }
    }
}

/// Lines of an output, put together without regard for what they say.
fn lines(pieces: &[Written], stream: LogStream) -> Vec<Vec<u8>> {
    let mut lines: Vec<Vec<u8>> = Vec::new();
    let mut open: Option<i64> = None;
    for piece in pieces.iter().filter(|piece| piece.stream == stream) {
        match lines.last_mut() {
            Some(line) if open == Some(piece.time) => line.extend_from_slice(&piece.text),
            _ => lines.push(piece.text.clone()),
        }
        open = (!piece.ended).then_some(piece.time);
    }
    lines
}

/// Each line of the input is a piece; its first byte says of which output, how much later, and whether it ends.
pub fn assembly(bytes: &[u8]) {
    let mut time = 0;
    let pieces: Vec<Written> = bytes
        .split(|byte| *byte == b'\n')
        .take(64)
        .filter_map(|line| {
            let (how, text) = line.split_first()?;
            let apart = [0, 1, 200, 300, 3000, 4001, -5, 1_000_000];
            time += apart.get(usize::from(how >> 2 & 7)).copied().unwrap_or_default() * 1_000_000;
            let stream = if how & 1 == 0 { LogStream::Stdout } else { LogStream::Stderr };
            Some(Written { stream, time, text: text.to_vec(), ended: how & 2 == 0 })
        })
        .collect();
    check(&pieces, &Settings::default());
    check(&pieces, &Settings { max_line_bytes: 60, beyond_bytes: 8, max_lines: 4, ..Settings::default() });
    check(&pieces, &Settings { multiline: super::Multiline::Off, ..Settings::default() });
}
