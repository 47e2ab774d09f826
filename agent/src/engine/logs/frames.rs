//! Cuts what `GET /containers/{id}/logs` sends into messages. Pure: bytes in, values out.
//!
//! Without a terminal a message is a frame: output (0 and 1 stdout, 2 stderr, 3 trouble of the engine), three zeros, length in big-endian
//! (moby, `stdcopy`). With one there are no frames. Every message, whole line or part of one, begins with its time and a space;
//! behind a part without a line end that time stands in the middle of the line.

use std::collections::VecDeque;

use crate::model::{LogStream, rfc3339};

/// Longest message that is handed on. dockerd cuts at 16 KiB; the rest of a longer one is passed over and counted.
pub(super) const MAX_MESSAGE: usize = 1 << 20;

/// Longest prefix: time with nanoseconds and an offset, and a space.
const MAX_PREFIX: usize = 40;

/// dockerd's parts are this long, which is where a time may stand in the middle of a terminal's line.
const PART: usize = 16 << 10;

/// Length of a time as the engine writes it here: always nine digits of fraction, and `Z`.
const TIME: usize = 30;

/// One message of a container's output.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// Which output.
    pub stream: LogStream,
    /// When the engine took it, in nanoseconds since 1970.
    pub time: i64,
    /// Without time and line end. Not always UTF-8: drivers other than json-file keep the bytes as they were.
    pub bytes: Vec<u8>,
    /// A line end followed.
    pub ended: bool,
}

/// Why the stream cannot be read on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum BadFrame {
    /// A header that is none: where the next one stands is not known.
    Header,
    /// The engine says, in the stream, why it stops.
    Told(String),
}

/// Bytes received and not yet understood.
#[derive(Debug)]
pub(super) struct Frames {
    tty: bool,
    bytes: VecDeque<u8>,
    /// Of a frame beyond the bound: still to be passed over.
    skip: u64,
    /// Bytes passed over.
    pub(super) skipped: u64,
    /// Messages without a time, which are dropped.
    pub(super) timeless: u64,
}

impl Frames {
    pub(super) const fn new(tty: bool) -> Self {
        Self { tty, bytes: VecDeque::new(), skip: 0, skipped: 0, timeless: 0 }
    }

    /// Takes what has arrived. What belongs to a frame too long is dropped at once.
    pub(super) fn push(&mut self, chunk: &[u8]) {
        let passed = usize::try_from(self.skip).unwrap_or(usize::MAX).min(chunk.len());
        self.pass(passed);
        self.bytes.extend(chunk.get(passed..).unwrap_or_default());
    }

    /// Whether a message has begun and not ended.
    pub(super) fn is_mid_message(&self) -> bool {
        self.skip > 0 || !self.bytes.is_empty()
    }

    /// The next message; `None` when more bytes are needed.
    pub(super) fn next(&mut self) -> Option<Result<Message, BadFrame>> {
        loop {
            let found = if self.tty { self.raw(false)? } else { self.framed()? };
            match found {
                Ok(Some(message)) => return Some(Ok(message)),
                Ok(None) => self.timeless += 1,
                Err(bad) => return Some(Err(bad)),
            }
        }
    }

    /// What a terminal's stream ends with, when it ends without a line end.
    pub(super) fn rest(&mut self) -> Option<Message> {
        if self.tty { self.raw(true)?.ok().flatten() } else { None }
    }

    /// Forgets what was not understood.
    pub(super) fn clear(&mut self) {
        self.bytes = VecDeque::new();
        self.skip = 0;
    }

    fn pass(&mut self, length: usize) {
        let length = u64::try_from(length).unwrap_or_default();
        self.skip -= length.min(self.skip);
        self.skipped += length;
    }

    fn framed(&mut self) -> Option<Result<Option<Message>, BadFrame>> {
        let bytes = self.bytes.make_contiguous();
        let header: &[u8; 8] = bytes.first_chunk()?;
        let [output @ 0..=3, 0, 0, 0, l0, l1, l2, l3] = *header else { return Some(Err(BadFrame::Header)) };
        let length = usize::try_from(u32::from_be_bytes([l0, l1, l2, l3])).unwrap_or(usize::MAX);
        let kept = length.min(MAX_MESSAGE);
        let frame = bytes.get(8..8 + kept)?;
        let found = if output == 3 {
            Err(BadFrame::Told(String::from_utf8_lossy(frame).trim_end().to_owned()))
        } else {
            let stream = if output == 2 { LogStream::Stderr } else { LogStream::Stdout };
            Ok(message(stream, frame))
        };
        self.bytes.drain(..8 + kept);
        self.skip = u64::try_from(length - kept).unwrap_or_default();
        let passed = usize::try_from(self.skip).unwrap_or(usize::MAX).min(self.bytes.len());
        self.bytes.drain(..passed);
        self.pass(passed);
        self.shrink();
        Some(found)
    }

    /// A terminal's message ends at its line end, before the next time where a part ends, or, with `last`, where the stream does.
    fn raw(&mut self, last: bool) -> Option<Result<Option<Message>, BadFrame>> {
        let bytes = self.bytes.make_contiguous();
        let begin = bytes.iter().position(|byte| *byte == b' ').map_or(0, |at| at + 1).min(MAX_PREFIX);
        let end = memchr::memchr(b'\n', bytes).map(|at| at + 1);
        let seen = bytes.get(..end.unwrap_or(bytes.len())).unwrap_or_default();
        let part = seen.get(begin + PART..).filter(|behind| rfc3339_at(behind)).map(|_| begin + PART);
        let length = match part.or(end) {
            Some(length) => length,
            // Enough to see whether a time stands where a part would end, else wait.
            None if last && !bytes.is_empty() => bytes.len(),
            None if bytes.len() > MAX_MESSAGE => MAX_MESSAGE,
            None => return None,
        };
        let cut = length.min(MAX_MESSAGE);
        let found = message(LogStream::Stdout, bytes.get(..cut).unwrap_or_default());
        self.bytes.drain(..length);
        self.skipped += u64::try_from(length - cut).unwrap_or_default();
        self.shrink();
        Some(Ok(found))
    }

    fn shrink(&mut self) {
        if self.bytes.is_empty() && self.bytes.capacity() > 64 << 10 {
            self.bytes = VecDeque::new();
        }
    }
}

/// Whether a time as the engine writes it, with a space behind, stands here.
fn rfc3339_at(bytes: &[u8]) -> bool {
    bytes.get(TIME) == Some(&b' ') && rfc3339::read(bytes).is_some_and(|(_, length)| length == TIME)
}

/// Time, text and line end of one message; `None` without a time.
fn message(stream: LogStream, bytes: &[u8]) -> Option<Message> {
    let (time, length) = rfc3339::read(bytes)?;
    let text = bytes.get(length..)?.strip_prefix(b" ")?;
    let (text, ended) = match text.strip_suffix(b"\n") {
        Some(text) => (text.strip_suffix(b"\r").unwrap_or(text), true),
        None => (text, false),
    };
    Some(Message { stream, time, bytes: text.to_vec(), ended })
}

/// What fuzzers feed.
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzz {
    use super::{Frames, MAX_MESSAGE};

    /// The stream of a container's output: where its pieces end does not matter, and nothing makes the cutter keep what it should not.
    pub(crate) fn log_frames(bytes: &[u8]) {
        let (at, rest) = bytes.split_first().map_or((0, bytes), |(first, rest)| (usize::from(*first), rest));
        for tty in [false, true] {
            let (front, back) = rest.split_at(at.min(rest.len()));
            assert_eq!(cut(tty, &[rest]), cut(tty, &[front, back]), "pieces matter");
        }
    }

    fn cut(tty: bool, chunks: &[&[u8]]) -> Vec<String> {
        let mut frames = Frames::new(tty);
        let mut found = Vec::new();
        for chunk in chunks {
            frames.push(chunk);
            while let Some(frame) = frames.next() {
                found.push(format!("{frame:?}"));
                if frame.is_err() {
                    return found;
                }
            }
            assert!(frames.bytes.len() <= MAX_MESSAGE + 8 + chunk.len(), "keeps too much");
        }
        while let Some(last) = frames.rest() {
            found.push(format!("{last:?}"));
        }
        found
    }
}
