//! The log over a real subscriber, with a buffer in place of standard error.

use std::sync::{Arc, Mutex};

use serde_json::Value;

use super::*;

#[derive(Clone, Default)]
struct Buffer(Arc<Mutex<Vec<u8>>>);

impl io::Write for Buffer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Buffer {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }

    fn json(&self) -> Vec<Value> {
        self.text().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}

fn log(level: Level, json: bool, metrics: &Metrics, run: impl FnOnce(&Handle)) -> Buffer {
    let buffer = Buffer::default();
    let writer = buffer.clone();
    let (subscriber, handle) = subscriber(level, Style { json, colour: false }, metrics, move || writer.clone());
    tracing::subscriber::with_default(subscriber, || {
        run(&handle);
        drop(handle);
    });
    buffer
}

#[test]
fn json_lines_are_flat() {
    let buffer = log(Level::Info, true, &Metrics::default(), |_| {
        tracing::warn!(target: "spyhop", container = "web-1", attempts = 3, "gave up");
    });
    let lines = buffer.json();
    assert_eq!(lines.len(), 1);
    let line = lines[0].as_object().unwrap();
    let keys: Vec<&str> = line.keys().map(String::as_str).collect();
    assert_eq!(keys, ["attempts", "container", "level", "message", "target", "timestamp"]);
    assert_eq!((&line["level"], &line["message"], &line["attempts"]), (&"WARN".into(), &"gave up".into(), &3.into()));
    line["timestamp"].as_str().unwrap().parse::<jiff::Timestamp>().unwrap();
}

#[test]
fn text_lines_hold_level_message_and_fields() {
    let buffer = log(Level::Info, false, &Metrics::default(), |_| {
        tracing::info!(target: "spyhop", container = "web-1", "seen");
    });
    let text = buffer.text();
    assert!(text.contains(" INFO ") && text.contains("seen") && text.contains("container=\"web-1\""), "{text}");
    assert!(!text.contains('\u{1b}'), "{text}");
}

#[test]
fn the_level_changes_at_run_time_and_libraries_stay_quiet() {
    let buffer = log(Level::Info, true, &Metrics::default(), |handle| {
        for _ in 0..2 {
            tracing::debug!(target: "spyhop", "own debug");
            tracing::info!(target: "hyper::proto", "library info");
            tracing::info!(target: "spyhopper", "not ours");
            tracing::warn!(target: "hyper::proto", "library warn");
            handle.set_level(Level::Trace);
        }
        handle.set_level(Level::Error);
        tracing::warn!(target: "hyper::proto", "library warn");
        tracing::warn!(target: "spyhop", "own warn");
    });
    let messages: Vec<_> = buffer.json().iter().map(|line| line["message"].as_str().unwrap().to_owned()).collect();
    assert_eq!(messages, ["library warn", "own debug", "library warn"]);
}

#[test]
fn floods_are_cut_counted_and_summed_up() {
    let metrics = Metrics::default();
    let buffer = log(Level::Info, true, &metrics, |_| {
        for attempt in 0..25 {
            for name in ["one", "two"] {
                tracing::warn!(target: "spyhop", attempt, "cannot read {name}");
            }
        }
    });
    let lines = buffer.json();
    let count = |message: &str| lines.iter().filter(|line| line["message"] == message).count();
    assert_eq!((count("cannot read one"), count("cannot read two")), (10, 10));
    let mut summaries: Vec<_> = lines.iter().filter(|line| line["target"] == SUMMARY_TARGET).collect();
    summaries.sort_by_key(|line| line["of"].to_string());
    assert_eq!(summaries.len(), 2);
    assert_eq!((&summaries[0]["of"], &summaries[0]["suppressed"]), (&"cannot read one".into(), &15.into()));
    assert_eq!(metrics.log_lines_suppressed.get(), 30);
}

#[test]
fn a_flood_of_errors_is_summed_up_where_only_errors_are_written() {
    let buffer = log(Level::Error, true, &Metrics::default(), |_| {
        for _ in 0..12 {
            tracing::error!(target: "spyhop", "broken");
            tracing::warn!(target: "spyhop", "odd");
        }
    });
    let lines = buffer.json();
    assert_eq!(lines.len(), 11);
    assert_eq!((&lines[10]["of"], &lines[10]["suppressed"]), (&"broken".into(), &2.into()));
}

#[test]
fn the_sweeper_sums_up_when_a_window_ends() {
    let (_, handle) = subscriber(Level::Info, Style { json: true, colour: false }, &Metrics::default(), io::sink);
    *handle.shared.lock() = Limiter::with_windows_of(Duration::from_millis(50));
    let shared = Arc::clone(&handle.shared);
    let sweeper = thread::spawn(move || shared.wait_for_summaries());
    let start = Instant::now();
    let callsite = tracing::callsite::Identifier(&CALLSITE);
    for _ in 0..12 {
        if handle.shared.lock().admit(callsite.clone(), "m", start) == Verdict::FirstDrop {
            handle.shared.dropping.notify_one();
        }
    }
    assert_eq!(sweeper.join().unwrap(), [Summary { message: "m".to_owned(), suppressed: 2 }]);
    assert!(start.elapsed() >= Duration::from_millis(50));
}

/// Something to be identified by.
struct Callsite;

static CALLSITE: Callsite = Callsite;

impl tracing::callsite::Callsite for Callsite {
    fn set_interest(&self, _: Interest) {}

    fn metadata(&self) -> &Metadata<'_> {
        unreachable!("only its address is used")
    }
}
