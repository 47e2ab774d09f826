//! Traces of each language, as programs write them: which entries come out.

use std::{fs, path::Path};

use super::{
    Assembler, Settings,
    fuzz::{Entry, Written, run, run_from},
};
use crate::{logs::Rank, model::LogStream};

const MILLISECOND: i64 = 1_000_000;

/// File below `fixtures/traces`, and how many of its lines each entry holds.
const TRACES: &[(&str, &[u32])] = &[
    ("dotnet-console", &[2, 4]),
    ("dotnet-unhandled", &[8]),
    ("go-d", &[6]),
    ("go-f", &[10]),
    ("go-http", &[1, 10, 1]),
    ("go-n", &[11]),
    ("go-p", &[8]),
    ("go-sigquit", &[15]),
    ("java-logback", &[1, 7, 1]),
    // The logger's lines, with a message of two; a blank line of its own; one without trace; two uncaught.
    ("java-orders", &[13, 9, 1, 2, 3, 13]),
    ("node-async", &[9, 1]),
    ("node-cause", &[15, 1, 1]),
    ("node-missing", &[22]),
    ("node-reason", &[12]),
    ("node-reject", &[18]),
    ("node-syntax", &[14]),
    ("node-uncaught", &[14]),
    ("php-fatal", &[9]),
    ("python-chained", &[26]),
    ("python-group", &[21]),
    // Nothing tells a message's second line and a note from the next line of the log.
    ("python-logging", &[5, 1, 1, 1]),
    ("python-syntax", &[4]),
    ("ruby-uncaught", &[4]),
    // Each begins with a blank line.
    ("rust-backtrace", &[1, 9, 1, 20]),
    ("rust-note", &[1, 4, 1, 2]),
];

fn fixture(name: &str) -> Vec<String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/traces").join(name).with_extension("txt");
    let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    text.lines().map(str::to_owned).collect()
}

/// Lines `apart` milliseconds from each other, the first at `from`.
fn written(lines: &[String], stream: LogStream, from: i64, apart: i64) -> Vec<Written> {
    let times = (0..).map(|line| (from + line * apart) * MILLISECOND);
    lines.iter().zip(times).map(|(line, time)| Written::line(stream, time, line)).collect()
}

fn lengths(entries: &[Entry]) -> Vec<u32> {
    entries.iter().map(|entry| entry.lines).collect()
}

fn lines_of(entries: &[Entry]) -> Vec<String> {
    entries.iter().flat_map(|entry| entry.text.split('\n').map(str::to_owned)).collect()
}

#[test]
fn every_fixture_is_in_the_table() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/traces");
    let mut names: Vec<_> = fs::read_dir(folder).unwrap().map(|file| file.unwrap().path()).collect();
    names.retain(|path| path.extension().is_some_and(|extension| extension == "txt"));
    names.sort();
    let names: Vec<_> = names.iter().filter_map(|path| path.file_stem()?.to_str()).collect();
    assert_eq!(names, TRACES.iter().map(|(name, _)| *name).collect::<Vec<_>>());
}

#[test]
fn each_trace_is_one_entry_between_lines_that_are_not_its_own() {
    for (name, expected) in TRACES {
        let mut lines = vec!["service is starting".to_owned()];
        lines.extend(fixture(name));
        lines.push("service goes on".to_owned());
        let entries = run(&written(&lines, LogStream::Stderr, 0, 1), &Settings::default());
        assert_eq!(lengths(&entries), [&[1], *expected, &[1]].concat(), "{name}: {entries:#?}");
        assert_eq!(lines_of(&entries), lines, "{name}");
    }
}

#[test]
fn traces_one_after_the_other_stay_apart() {
    for (name, expected) in TRACES {
        let lines = [fixture(name), fixture(name)].concat();
        let entries = run(&written(&lines, LogStream::Stdout, 0, 0), &Settings::default());
        assert_eq!(lengths(&entries), expected.repeat(2), "{name}: {entries:#?}");
    }
}

#[test]
fn gaps_of_three_seconds_do_not_break_a_trace() {
    // A line of a log is not waited for that long, nor are the lines of a message of several.
    let waited = TRACES.iter().filter(|(_, expected)| expected.len() == 1);
    let patient: Vec<_> = waited.filter(|(name, _)| *name != "ruby-uncaught").collect();
    assert!(patient.len() >= 12);
    for (name, expected) in patient {
        let entries = run(&written(&fixture(name), LogStream::Stderr, 0, 3000), &Settings::default());
        assert_eq!(lengths(&entries), *expected, "{name}: {entries:#?}");
    }
}

#[test]
fn a_trace_does_not_wait_for_ever() {
    let lines = fixture("java-logback");
    let entries = run(&written(&lines, LogStream::Stderr, 0, 4001), &Settings::default());
    assert_eq!(lengths(&entries), vec![1; lines.len()]);
    assert_eq!(lines_of(&entries), lines, "nothing is lost by it");
}

#[test]
fn two_outputs_with_a_trace_each_are_never_mixed() {
    let traces = ["python-chained", "go-p", "node-missing", "dotnet-unhandled", "python-group"].map(fixture);
    for (one, other) in traces.iter().flat_map(|one| traces.iter().map(move |other| (one, other))) {
        let mut pieces = written(one, LogStream::Stdout, 0, 7);
        pieces.extend(written(other, LogStream::Stderr, 3, 5));
        pieces.sort_by_key(|piece| piece.time);
        let entries = run(&pieces, &Settings::default());
        for (stream, lines) in [(LogStream::Stdout, one), (LogStream::Stderr, other)] {
            let texts: Vec<_> =
                entries.iter().filter(|entry| entry.stream == stream).map(|entry| &entry.text).collect();
            assert_eq!(texts, [&lines.join("\n")]);
        }
    }
}

#[test]
fn two_containers_share_nothing() {
    let (one, other) = (fixture("python-chained"), fixture("java-logback"));
    let mut containers = [&one, &other].map(|lines| {
        let pieces = written(lines, LogStream::Stderr, 0, 1);
        (Assembler::new(Settings::default()), pieces, Vec::new())
    });
    for turn in 0..one.len().max(other.len()) {
        for (assembler, pieces, entries) in &mut containers {
            if let Some(piece) = pieces.get(turn) {
                assembler.push(piece.piece(turn as u64), 0, &mut |line| entries.push(Entry::of(line)));
            }
        }
    }
    let counts = containers.map(|(mut assembler, _, mut entries)| {
        assembler.flush_all(&mut |line| entries.push(Entry::of(line)));
        lengths(&entries)
    });
    assert_eq!(counts, [vec![26], vec![1, 7, 1]]);
}

#[test]
fn a_trace_cut_by_rotation_and_by_a_restart_is_whole_afterwards() {
    let pieces = written(&fixture("node-missing"), LogStream::Stderr, 0, 1);
    let whole = run(&pieces, &Settings::default());
    let [entry] = whole.as_slice() else { panic!("{whole:#?}") };
    assert_eq!((entry.start, entry.end), (Rank(0, 0), Rank(7, 1)), "three pieces to a file");
    for stop in 1..pieces.len() {
        let mut before = Assembler::new(Settings::default());
        for (piece, number) in pieces.iter().take(stop).zip(0..) {
            before.push(piece.piece(number), 0, &mut |line| panic!("too early: {line:?}"));
        }
        let from = before.held_from(LogStream::Stderr).unwrap().rank;
        assert_eq!(run_from(&pieces, from, &[LogStream::Stderr], &Settings::default()), whole);
    }
}

#[test]
fn lines_that_are_whole_join_nothing() {
    let lines = [
        "ERROR import failed",
        r#"{"level":"error","msg":"one"}"#,
        "  at nothing",
        "I1128 05:21:41.123456       1 main.go:12] up",
        "\tat nothing",
        r#"172.17.0.1 - - [28/Nov/2026:05:21:41 +0000] "GET / HTTP/1.1" 200 3"#,
        "    at nothing",
        "level=info msg=up",
    ]
    .map(str::to_owned);
    let entries = run(&written(&lines, LogStream::Stdout, 0, 0), &Settings::default());
    assert_eq!(lengths(&entries), vec![1; lines.len()]);
}

#[test]
fn indented_lines_go_on_with_the_line_before() {
    let lines = ["config is", "  a: 1", "", "  b: 2", "ready", "GET {", "  x: 1", "}", "", "", "  left", "  right"]
        .map(str::to_owned);
    let entries = run(&written(&lines, LogStream::Stdout, 0, 1), &Settings::default());
    assert_eq!(lengths(&entries), [4, 1, 3, 1, 1, 2], "{entries:#?}");
    assert_eq!(lines_of(&entries), lines);
}

#[test]
fn colours_hide_no_trace() {
    let lines = [
        "\x1b[31mTraceback (most recent call last):\x1b[0m",
        "\x1b[31m  File \"a.py\", line 1, in run",
        "\x1b[1;31mValueError: 3\x1b[0m",
    ]
    .map(str::to_owned);
    assert_eq!(lengths(&run(&written(&lines, LogStream::Stdout, 0, 1), &Settings::default())), [3]);
}

#[test]
fn an_entry_has_so_many_lines_and_so_many_bytes() {
    let mut lines = vec!["java.lang.StackOverflowError".to_owned()];
    lines.extend((0..1200).map(|depth| format!("\tat Deep.go(Deep.java:{depth})")));
    let entries = run(&written(&lines, LogStream::Stderr, 0, 0), &Settings::default());
    assert_eq!(lengths(&entries), [512, 512, 177]);
    assert_eq!(lines_of(&entries), lines);
    let small = Settings { max_line_bytes: 100, ..Settings::default() };
    let entries = run(&written(&lines, LogStream::Stderr, 0, 0), &small);
    assert!(entries.iter().all(|entry| entry.text.len() <= 100 && entry.cut == 0));
    assert_eq!(lines_of(&entries), lines);
}
