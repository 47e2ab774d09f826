//! Text of no known form: the level by the place and shape of its word.
//!
//! | mark | example |
//! |---|---|
//! | before the message, behind times, threads and names | `12:00:00.000 [main] WARN  a.B - message` |
//! | in brackets of its own | `service [error] message` |
//! | value of `level`, word between colons | `done level=warn`, `prog: error: message` |
//! | in quotes | `state "ERROR" reached` |
//! | in capitals | `cannot start, FATAL for now` |
//!
//! The uppermost mark decides. Marks of one sort that contradict each other decide nothing, and words in prose are never marks:
//! `errors=0`, `no error`, `ErrorHandler`.

use super::{
    Found,
    bytes::{is_word, run},
    keys::{self, HEAD},
    level::{self, Vote},
    preamble,
};
use crate::logs::lanes;

/// Never fails.
pub(super) fn read(line: &str) -> Found<'_> {
    let keys = keys::scan(line, 0);
    let preamble = preamble::read(line);
    let level = preamble.level.or_else(|| {
        let (quoted, bare) = shouts(line.as_bytes().get(..HEAD).unwrap_or(line.as_bytes()));
        level::decide(&[keys.brackets, keys.tags, quoted, bare])
    });
    Found { level, ids: keys.ids, audit: keys.audit || preamble.audit, ..Found::default() }
}

/// Words in capitals: in quotes, and bare.
fn shouts(bytes: &[u8]) -> (Vote, Vote) {
    let (mut quoted, mut bare) = (Vote::default(), Vote::default());
    let mut rest = bytes;
    let mut before = b' ';
    // Most lines have none behind their beginning.
    while lanes::has_two_capitals(rest) {
        let Some(start) = rest.iter().position(u8::is_ascii_uppercase) else { break };
        before = start.checked_sub(1).and_then(|at| rest.get(at)).copied().unwrap_or(before);
        let (word, behind) = run(rest.get(start..).unwrap_or_default(), is_word);
        match level::shouted(word).filter(|_| stands_alone(before, behind)) {
            Some(level) if before == b'"' && behind.starts_with(b"\"") => quoted.cast(level),
            Some(level) => bare.cast(level),
            None => {}
        }
        before = word.last().copied().unwrap_or(before);
        rest = behind;
    }
    (quoted, bare)
}

/// Whether a word is no part of a path, a name or an assignment.
fn stands_alone(before: u8, behind: &[u8]) -> bool {
    let joins = |b: u8| matches!(b, b'/' | b'.' | b'-' | b'=' | b'$' | b'\\' | b'%' | b'&' | b'?' | b'@');
    let goes_on = match behind {
        [b'.' | b'-', next, ..] => is_word(*next),
        [b'=' | b'/' | b'\\' | b'(' | b'@', ..] => true,
        _ => false,
    };
    !is_word(before) && !joins(before) && !goes_on
}
