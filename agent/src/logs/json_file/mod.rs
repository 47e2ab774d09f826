//! Records of Docker's `json-file` driver, out of bytes. Pure, and the hottest loop of the agent.
//!
//! A record is one line: `{"log":"..","stream":"stdout",("attrs":{..},)"time":".."}` (moby, `daemon/logger/jsonfilelog`). A
//! quote inside a string is escaped, so `{"log":` never stands inside one: wherever it stands, a record may begin. That is how
//! half a record with the next one behind it, a hole of NULs after a power cut, and plain garbage are got over.

mod record;
mod text;

use memchr::{memchr, memmem};

use crate::model::{LogStream, rfc3339};

/// Longest record that is read. dockerd cuts messages at 16 KiB, of which escaping makes 96 KiB at most; the rest is `attrs`.
pub const MAX_RECORD: usize = 1 << 20;

/// Where a record begins.
const MARKER: &[u8] = b"{\"log\":";

/// Beginnings tried in one line which is no record, before its front is given up: real lines of that kind have one or two.
const MAX_TRIES: usize = 64;

/// One message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Record<'a> {
    /// Which output.
    pub stream: LogStream,
    /// Nanoseconds since 1970.
    pub time: i64,
    /// Valid UTF-8, without the line end (LF, or CR LF).
    pub text: &'a [u8],
    /// It had a line end.
    pub ended: bool,
}

/// What stands at the beginning of the bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step<'a> {
    /// A whole record.
    Record {
        /// What it says.
        record: Record<'a>,
        /// Its length in bytes, newline included.
        used: usize,
    },
    /// This many bytes (at least one) which are no record.
    Corrupt(usize),
    /// This many bytes (at least one) of a record beyond [`MAX_RECORD`]; what follows of it comes as [`Step::Corrupt`].
    Oversized(usize),
    /// Nothing, or the beginning of a record.
    More,
}

/// Decodes; holds nothing but a buffer for texts with escapes, and the second it read last.
#[derive(Debug, Default)]
pub struct Decoder {
    scratch: Vec<u8>,
    times: rfc3339::Reader,
}

impl Decoder {
    /// Takes the first step into `bytes`. The caller goes on behind what the step used, and comes back with the same beginning
    /// and more behind it after [`Step::More`], which never comes for [`MAX_RECORD`] bytes.
    pub fn step<'a>(&'a mut self, bytes: &'a [u8]) -> Step<'a> {
        let within = bytes.get(..MAX_RECORD).unwrap_or(bytes);
        let parsed = match record::usual(within, &mut self.scratch, &mut self.times) {
            Some(parsed) => parsed,
            None => match self.unusual(bytes) {
                Ok(parsed) => parsed,
                Err(step) => return step,
            },
        };
        let text = parsed.text.unwrap_or(&self.scratch);
        let record = Record { stream: parsed.stream, time: parsed.time, text, ended: parsed.ended };
        Step::Record { record, used: parsed.used }
    }

    /// Gives the buffer's memory back where one odd text made it large.
    pub fn shrink(&mut self) {
        if self.scratch.capacity() > 64 << 10 {
            self.scratch = Vec::new();
        }
    }

    /// Everything that dockerd does not write every day.
    fn unusual<'a>(&mut self, bytes: &'a [u8]) -> Result<record::Parsed<'a>, Step<'static>> {
        let hole = nuls(bytes);
        if hole > 0 {
            return Err(Step::Corrupt(hole));
        }
        let Some(end) = memchr(b'\n', bytes) else { return Err(unended(bytes)) };
        let line = bytes.get(..end).unwrap_or_default();
        // No record that is whole holds a NUL, nor stands before one in the same line.
        if let Some(at) = memchr(0, line) {
            return Err(Step::Corrupt(at + nuls(line.get(at..).unwrap_or_default())));
        }
        if line.len() >= MAX_RECORD {
            return Err(Step::Oversized(
                memmem::find(line.get(1..).unwrap_or_default(), MARKER).map_or(end + 1, |at| at + 1),
            ));
        }
        if let Some(parsed) = record::any(line, &mut self.scratch) {
            return Ok(record::Parsed { used: end + 1, ..parsed });
        }
        // Half of a record or garbage, and perhaps a record behind them.
        let mut beginnings = memmem::find_iter(line, MARKER).filter(|at| *at > 0).take(MAX_TRIES);
        let mut last = 0;
        let found = beginnings.by_ref().find(|at| {
            last = *at;
            record::any(line.get(*at..).unwrap_or_default(), &mut self.scratch).is_some()
        });
        let given_up = memmem::find(line.get(last + 1..).unwrap_or_default(), MARKER).map(|at| last + 1 + at);
        Err(Step::Corrupt(found.or(given_up).unwrap_or(end + 1)))
    }
}

/// Bytes without an end of line: a record that is being written, unless it cannot become one.
fn unended(bytes: &[u8]) -> Step<'static> {
    if let Some(at) = memchr(0, bytes) {
        return Step::Corrupt(at + nuls(bytes.get(at..).unwrap_or_default()));
    }
    if bytes.len() < MAX_RECORD {
        return Step::More;
    }
    let behind = bytes.get(1..).unwrap_or_default();
    // A beginning may be cut in half at the end.
    let cut = bytes.len() - (MARKER.len() - 1);
    let length = memmem::find(behind, MARKER).map_or(cut, |at| at + 1);
    if bytes.starts_with(MARKER) { Step::Oversized(length) } else { Step::Corrupt(length) }
}

/// NULs at the beginning.
fn nuls(bytes: &[u8]) -> usize {
    bytes.iter().position(|byte| *byte != 0).unwrap_or(bytes.len())
}

#[cfg(any(test, fuzzing))]
pub mod fuzz;

#[cfg(test)]
mod tests;
