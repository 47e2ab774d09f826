//! What holds whatever is written, and whenever it is read.

use proptest::{prelude::*, sample::select};

use super::{
    Assembler, Line, Multiline, Settings,
    fuzz::{Entry, Written, check, run},
};
use crate::model::LogStream;

const MILLISECOND: i64 = 1_000_000;

/// Lines which begin, continue and end traces, and lines which do none of that.
const LINES: &[&str] = &[
    "",
    "   ",
    "plain",
    "  indented",
    "ERROR failed",
    "{\"a\":1}",
    "{",
    "}",
    "I1128 05:21:41.1 1 a.go:1] klog",
    "java.lang.Broken: first",
    "Broken$Pipe: first",
    "second line of a message",
    "[info] a logger's line",
    "\tat a.B.c(B.java:1)",
    "Caused by: a.B: c",
    "\t... 3 more",
    "Nov 28, 2026 5:21:41 AM Orders main",
    "SEVERE: failed",
    "Traceback (most recent call last):",
    "  File \"a.py\", line 1, in b",
    "ValueError: 1",
    "During handling of the above exception, another exception occurred:",
    "  + Exception Group Traceback (most recent call last):",
    "panic: nil map",
    "goroutine 1 [running]:",
    "main.main()",
    "\t/app/main.go:3 +0x1",
    "exit status 2",
    "/app/a.js:1",
    "throw 1",
    "^",
    "Require stack:",
    "- /app/a.js",
    "Node.js v20.20.2",
    "thread 'main' panicked at src/main.rs:1:1:",
    "note: run with `RUST_BACKTRACE=1` environment variable to display a backtrace",
    "stack backtrace:",
    "PHP Fatal error:  Uncaught Exception: a",
    "Stack trace:",
    "#0 {main}",
];

/// Times between pieces, in tenths of milliseconds: those around the limits among them.
const APART: &[i64] = &[0, 0, 0, 1, 1, 1000, 2499, 2500, 2501, 30_000, 40_000, 40_001, 60_000];

fn pieces(longest: usize) -> impl Strategy<Value = Vec<Written>> {
    let stream = select(LogStream::ALL.as_slice());
    let piece = (stream, select(APART), select(LINES), prop::bool::weighted(0.9));
    prop::collection::vec(piece, 1..longest).prop_map(|pieces| {
        let mut time = 0;
        let written = pieces.into_iter().map(|(stream, apart, text, ended)| {
            time += apart * MILLISECOND / 10;
            Written { ended, ..Written::line(stream, time, text) }
        });
        written.collect()
    })
}

/// As a reader does it: pieces arrive some time after they were written, and what is due is flushed when nothing has come by then.
fn run_live(pieces: &[Written], delays: &[u64], settings: &Settings) -> Vec<Entry> {
    let mut assembler = Assembler::new(settings.clone());
    let mut entries = Vec::new();
    let mut emit = |line: Line<'_>| entries.push(Entry::of(line));
    let mut now = 0;
    for ((piece, number), delay) in pieces.iter().zip(0..).zip(delays.iter().cycle()) {
        let arrives = now.max(u64::try_from(piece.time / MILLISECOND).unwrap() + delay);
        while let Some(due) = assembler.next_deadline().filter(|due| *due < arrives) {
            assembler.flush_due(due, &mut emit);
        }
        now = arrives;
        assembler.push(piece.piece(number), now, &mut emit);
    }
    while let Some(due) = assembler.next_deadline() {
        assembler.flush_due(due, &mut emit);
    }
    assert_eq!(assembler.memory(), 0, "an idle container holds nothing");
    entries
}

fn of(stream: LogStream, entries: &[Entry]) -> Vec<&Entry> {
    entries.iter().filter(|entry| entry.stream == stream).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1500))]

    #[test]
    fn nothing_is_lost_or_mixed_and_reading_again_gives_the_same(pieces in pieces(24)) {
        check(&pieces, &Settings::default());
    }

    #[test]
    fn nor_with_little_room(pieces in pieces(24), max_line_bytes in 20usize..80, max_lines in 1u32..6) {
        check(&pieces, &Settings { max_line_bytes, max_lines, beyond_bytes: 4, ..Settings::default() });
    }

    #[test]
    fn nor_when_lines_are_not_joined(pieces in pieces(12)) {
        check(&pieces, &Settings { multiline: Multiline::Off, ..Settings::default() });
    }

    #[test]
    fn it_does_not_matter_when_pieces_arrive(pieces in pieces(24), delays in prop::collection::vec(0u64..490, 1..9)) {
        let settings = Settings::default();
        let (there, live) = (run(&pieces, &settings), run_live(&pieces, &delays, &settings));
        for stream in LogStream::ALL {
            prop_assert_eq!(of(stream, &there), of(stream, &live));
        }
    }
}
