//! What fuzzers feed: lines of any form.

use super::{Hint, LOOK, read};
use crate::logs::ansi;

/// Whatever a container writes: what is found stands in the line, keeps its bounds, and does not depend on what was remembered but
/// for the parts of PostgreSQL's messages.
pub fn log_lines(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let clean = ansi::strip(&text);
    assert!(!clean.chars().any(|c| c.is_control() && c != '\t' && c != '\n'), "{clean:?}");
    assert_eq!(ansi::strip(&clean), clean);
    let mut hint = Hint::default();
    for line in clean.split('\n').chain([&*clean]) {
        let facts = read(line, &mut hint);
        for id in [facts.trace_id, facts.span_id].into_iter().flatten() {
            assert!(line.contains(id) && (8..=32).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_hexdigit()));
        }
        if let Some(id) = &facts.request_id {
            assert!((1..=128).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_graphic()), "{id:?}");
        }
        if line.len() <= LOOK {
            let again = read(line, &mut hint);
            assert_eq!((again.format, again.kind), (facts.format, facts.kind), "{line:?}");
        }
    }
}
