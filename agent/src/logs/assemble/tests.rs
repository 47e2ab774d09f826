//! Parts, limits and deadlines.

use super::{
    Assembler, Line, Multiline, Settings,
    fuzz::{Entry, Written, run},
};
use crate::{
    logs::{Mark, Piece, Position},
    model::LogStream,
};

const PART: usize = 16_384;

/// A line as the engine cuts it.
fn parts(stream: LogStream, time: i64, line: &str) -> Vec<Written> {
    let mut parts: Vec<_> = line.as_bytes().chunks(PART).map(|text| (text.to_vec(), false)).collect();
    // A line of exactly so many bytes is a full part and then the end.
    if line.len().is_multiple_of(PART) {
        parts.push((Vec::new(), false));
    }
    parts.last_mut().unwrap().1 = true;
    parts.into_iter().map(|(text, ended)| Written { stream, time, text, ended }).collect()
}

fn letters(length: usize) -> String {
    ('a'..='z').cycle().take(length).collect()
}

fn texts(entries: &[Entry]) -> Vec<&str> {
    entries.iter().map(|entry| entry.text.as_str()).collect()
}

/// Pushes at a time of arrival.
fn push(assembler: &mut Assembler, number: u64, written: &Written, now: u64) -> Vec<Entry> {
    let mut entries = Vec::new();
    assembler.push(written.piece(number), now, &mut |line| entries.push(Entry::of(line)));
    entries
}

fn flush_due(assembler: &mut Assembler, now: u64) -> Vec<Entry> {
    let mut entries = Vec::new();
    assembler.flush_due(now, &mut |line| entries.push(Entry::of(line)));
    entries
}

#[test]
fn lines_around_the_size_of_a_part_are_put_together_across_files() {
    for length in [1, PART - 1, PART, PART + 1, 2 * PART, 90_000] {
        let line = letters(length);
        let entries = run(&parts(LogStream::Stdout, 7, &line), &Settings::default());
        assert_eq!(texts(&entries), [&line]);
        let entry = entries.first().unwrap();
        assert_eq!((entry.start.0, entry.lines, entry.cut), (0, 1, 0));
        assert_eq!(entry.end.0, length.div_ceil(PART).max(length / PART + 1) as u64 / 3, "three parts to a file");
    }
}

#[test]
fn parts_of_two_outputs_do_not_meet() {
    let (one, other) = (letters(40_000), letters(40_000).to_uppercase());
    let (out, err) = (parts(LogStream::Stdout, 1, &one), parts(LogStream::Stderr, 1, &other));
    let pieces: Vec<_> = out.into_iter().zip(err).flat_map(|(out, err)| [out, err]).collect();
    assert_eq!(texts(&run(&pieces, &Settings::default())), [&one, &other]);
}

#[test]
fn another_run_does_not_end_the_line_of_the_one_before() {
    let foo = Written { ended: false, ..Written::line(LogStream::Stdout, 1, "foo") };
    let bar = Written::line(LogStream::Stdout, 2, "bar");
    assert_eq!(texts(&run(&[foo.clone(), bar.clone()], &Settings::default())), ["foo", "bar"]);
    let same_time = Written { time: 1, ..bar };
    assert_eq!(texts(&run(&[foo, same_time], &Settings::default())), ["foobar"]);
}

#[test]
fn a_lonely_fragment_waits_less_than_five_seconds_and_not_at_all_at_the_end() {
    let foo = Written { ended: false, ..Written::line(LogStream::Stderr, 1, "foo") };
    let mut assembler = Assembler::new(Settings::default());
    assert_eq!(push(&mut assembler, 0, &foo, 100), []);
    assert!(assembler.pending(LogStream::Stderr) && !assembler.pending(LogStream::Stdout));
    let due = assembler.next_deadline().unwrap();
    assert!(due <= 5100, "{due}");
    assert_eq!(flush_due(&mut assembler, due - 1), []);
    assert_eq!(texts(&flush_due(&mut assembler, due)), ["foo"]);
    assert_eq!((assembler.next_deadline(), assembler.memory()), (None, 0));

    push(&mut assembler, 1, &foo, 9000);
    let mut entries = Vec::new();
    assembler.flush_all(&mut |line| entries.push(Entry::of(line)));
    assert_eq!(texts(&entries), ["foo"]);
}

/// The engine cuts at a full buffer and the rest is sure to come: an engine that stops for half a minute in between parts no line.
#[test]
fn a_part_that_the_engine_cut_waits_for_the_rest() {
    let line = letters(PART + 7);
    let mut assembler = Assembler::new(Settings::default());
    let written = parts(LogStream::Stdout, 1, &line);
    assert_eq!(push(&mut assembler, 0, &written[0], 100), []);
    assert_eq!(flush_due(&mut assembler, 30_000), []);
    assert_eq!(texts(&push(&mut assembler, 1, &written[1], 30_000)), [] as [&str; 0]);
    let due = assembler.next_deadline().unwrap();
    assert_eq!(texts(&flush_due(&mut assembler, due)), [&line]);
    // Its writer was killed between the two: it does not wait for ever.
    push(&mut assembler, 2, &written[0], 40_000);
    let due = assembler.next_deadline().unwrap();
    assert!(due <= 40_000 + 120_000, "{due}");
    assert_eq!(texts(&flush_due(&mut assembler, due)), [&letters(PART)]);
}

#[test]
fn a_part_with_its_end_under_way_keeps_the_trace_waiting() {
    let mut assembler = Assembler::new(Settings::default());
    let head = Written::line(LogStream::Stderr, 0, "java.lang.Broken: pipe");
    let frame = parts(LogStream::Stderr, 1, &format!("\tat {}", letters(PART)));
    assert_eq!(push(&mut assembler, 0, &head, 0), []);
    assert_eq!(push(&mut assembler, 1, frame.first().unwrap(), 4000), []);
    assert_eq!(flush_due(&mut assembler, 6000), [], "the trace alone was due at five seconds");
    assert_eq!(push(&mut assembler, 2, frame.last().unwrap(), 7000), []);
    let entries = flush_due(&mut assembler, 12_000);
    assert_eq!(entries.iter().map(|entry| entry.lines).collect::<Vec<_>>(), [2]);
}

#[test]
fn a_plain_line_waits_shortly_and_a_whole_one_not_at_all() {
    let mut assembler = Assembler::new(Settings::default());
    assert_eq!(push(&mut assembler, 0, &Written::line(LogStream::Stdout, 0, "plain"), 10), []);
    assert_eq!(assembler.next_deadline(), Some(760));
    assert_eq!(assembler.held_from(LogStream::Stdout), Some(Written::line(LogStream::Stdout, 0, "").piece(0).start));
    assert_eq!(texts(&flush_due(&mut assembler, 760)), ["plain"]);
    assert_eq!(texts(&push(&mut assembler, 1, &Written::line(LogStream::Stdout, 0, "{\"a\":1}"), 800)), ["{\"a\":1}"]);
    assert_eq!((assembler.next_deadline(), assembler.memory()), (None, 0));

    let mut one_by_one = Assembler::new(Settings { multiline: Multiline::Off, ..Settings::default() });
    assert_eq!(texts(&push(&mut one_by_one, 0, &Written::line(LogStream::Stdout, 0, "plain"), 0)), ["plain"]);
    assert_eq!(texts(&push(&mut one_by_one, 1, &Written::line(LogStream::Stdout, 0, "  more"), 0)), ["  more"]);
}

#[test]
fn a_line_that_seems_to_be_of_a_message_waits_no_longer_than_any_other() {
    let mut assembler = Assembler::new(Settings::default());
    push(&mut assembler, 0, &Written::line(LogStream::Stderr, 0, "Error: no such order"), 0);
    assert_eq!(push(&mut assembler, 1, &Written::line(LogStream::Stderr, 0, "going on"), 100), []);
    assert_eq!(assembler.next_deadline(), Some(850));
    assert_eq!(texts(&flush_due(&mut assembler, 850)), ["Error: no such order", "going on"]);
}

#[test]
fn a_terminal_ends_its_lines_with_two_bytes() {
    let settings = Settings { tty: true, ..Settings::default() };
    let long = letters(40_000);
    let mut pieces = parts(LogStream::Stdout, 1, &format!("{long}\r"));
    pieces.extend(parts(LogStream::Stdout, 2, &format!("{}\r", letters(PART - 1))));
    pieces.extend(parts(LogStream::Stdout, 3, "\x1b[31mred\x1b[0m\r"));
    pieces.extend(parts(LogStream::Stdout, 4, "\r"));
    assert_eq!(texts(&run(&pieces, &settings)), [&long, &letters(PART - 1), "\x1b[31mred\x1b[0m", ""]);
    assert_eq!(texts(&run(&parts(LogStream::Stdout, 1, "as it is\r"), &Settings::default())), ["as it is\r"]);
}

#[test]
fn a_line_of_five_megabytes_is_cut_and_costs_no_more_than_the_limit() {
    let line = letters(5_000_000);
    let settings = Settings::default();
    let mut assembler = Assembler::new(settings.clone());
    let mut entries = Vec::new();
    for (part, number) in parts(LogStream::Stdout, 1, &line).iter().zip(0..) {
        assembler.push(part.piece(number), 0, &mut |line: Line<'_>| {
            let kept = format!("{}{}", line.text, line.beyond);
            entries.push((line.text.len(), line.cut_bytes, kept));
        });
        assert!(assembler.memory() <= 2 * (settings.max_line_bytes + settings.beyond_bytes), "{}", assembler.memory());
    }
    let [(text, cut, kept)] = entries.as_slice() else { panic!("{} entries", entries.len()) };
    assert_eq!((*text, *cut), (settings.max_line_bytes, (line.len() - settings.max_line_bytes) as u64));
    assert_eq!(kept.as_str(), line.get(..settings.max_line_bytes + settings.beyond_bytes).unwrap());
    assert_eq!(assembler.memory(), 0);
}

#[test]
fn a_piece_larger_than_the_limit_is_cut_without_a_copy() {
    let settings = Settings { max_line_bytes: 10, beyond_bytes: 3, ..Settings::default() };
    let pieces = [Written::line(LogStream::Stdout, 0, "ERROR"), Written::line(LogStream::Stdout, 0, "  0123456789abc")];
    let entries = run(&pieces, &settings);
    assert_eq!(texts(&entries), ["ERROR", "  01234567"]);
    assert_eq!(entries.last().unwrap().cut, 5);
}

#[test]
fn a_line_without_end_moves_on_in_the_end() {
    let part = Written { ended: false, ..Written::line(LogStream::Stdout, 1, &letters(PART)) };
    let mut assembler = Assembler::new(Settings::default());
    let entries: Vec<_> = (0..2500).flat_map(|number| push(&mut assembler, number, &part, 0)).collect();
    let shown: u64 = entries.iter().map(|entry| entry.text.len() as u64 + entry.cut).sum();
    assert_eq!((entries.len(), shown), (2, 2 * 1025 * PART as u64));
    assert_eq!(entries.first().unwrap().end, entries.last().unwrap().start);
}

#[test]
fn a_character_between_two_parts_is_whole() {
    let piece = |text: &[u8], ended| Written { stream: LogStream::Stdout, time: 1, text: text.to_vec(), ended };
    assert_eq!(texts(&run(&[piece(b"f\xc3", false), piece(b"\xbcr", true)], &Settings::default())), ["für"]);
}

#[test]
fn entries_begin_where_somebody_says() {
    let first = crate::model::Expression::new(r"^\d{4}-", crate::model::Room::Large).unwrap();
    let settings = Settings { multiline: Multiline::Start(first), ..Settings::default() };
    let mut assembler = Assembler::new(settings);
    let mut entries = Vec::new();
    let lines = ["lost head", "2026-01-01 one", "more", "{\"of\":\"it\"}", "2026-01-01 two"];
    for (number, text) in (0_u64..).zip(lines) {
        let mark = |offset| Mark {
            position: Position::File { inode: 1, fingerprint: 1, offset },
            rank: crate::logs::Rank(0, offset),
        };
        let (stream, time) = (LogStream::Stdout, 1_000_000);
        let (start, end) = (mark(number), mark(number + 1));
        let piece = Piece { stream, time, text: text.as_bytes(), ended: true, start, end };
        assembler.push(piece, 0, &mut |line| entries.push(line.text.to_owned()));
    }
    assembler.flush_all(&mut |line| entries.push(line.text.to_owned()));
    assert_eq!(entries, ["lost head", "2026-01-01 one\nmore\n{\"of\":\"it\"}", "2026-01-01 two"]);
}
