//! Cuts the byte stream of `GET /events` into events. Pure: bytes in, values out.
//!
//! A line has a ceiling, two events may arrive together without a newline between them, and a word which nobody knows ends nothing.

use serde_json::Value;

use super::{answers::EventMessage, lenient};

/// Longest event. One carries all labels of its container; a few KiB is usual.
pub(super) const MAX_EVENT: usize = 1 << 20;

/// Why the stream cannot be read on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BadFrame {
    /// What comes is not JSON: where the next event begins is not known.
    NotJson,
    /// An event beyond 1 MiB.
    TooLong,
}

/// One event, and whether it had to be mended.
#[derive(Debug, PartialEq)]
pub(super) struct Frame {
    pub(super) event: EventMessage,
    pub(super) mended: bool,
}

/// Bytes received and not yet understood.
#[derive(Debug, Default)]
pub(super) struct Frames(Values);

impl Frames {
    /// Takes what has arrived.
    pub(super) fn push(&mut self, chunk: &[u8]) {
        self.0.push(chunk);
    }

    /// Whether an event has begun and not ended.
    pub(super) fn is_mid_event(&self) -> bool {
        self.0.is_mid_value()
    }

    /// The next whole event; `None` when more bytes are needed.
    pub(super) fn next(&mut self) -> Option<Result<Frame, BadFrame>> {
        loop {
            let value = match self.0.next()? {
                Ok(value) => with_health(value),
                Err(bad) => return Some(Err(bad)),
            };
            match lenient::strict(&value) {
                Some(event) => return Some(Ok(Frame { event, mended: false })),
                // JSON of another shape tells nothing and hides nothing: passed over.
                None => match lenient::mend(value) {
                    Some(event) => return Some(Ok(Frame { event, mended: true })),
                    None => continue,
                },
            }
        }
    }
}

/// Cuts bytes into JSON documents, whatever stands between them.
#[derive(Debug, Default)]
pub struct Values {
    bytes: Vec<u8>,
}

impl Values {
    /// Takes what has arrived.
    pub fn push(&mut self, chunk: &[u8]) {
        self.bytes.extend_from_slice(chunk);
    }

    /// Whether a document has begun and not ended.
    pub fn is_mid_value(&self) -> bool {
        !self.bytes.iter().all(|byte| is_separator(*byte))
    }

    /// The next whole document; `None` when more bytes are needed.
    #[expect(clippy::should_implement_trait, reason = "its end is only the end of what has arrived")]
    pub fn next(&mut self) -> Option<Result<Value, BadFrame>> {
        let start = self.bytes.iter().position(|byte| !is_separator(*byte)).unwrap_or(self.bytes.len());
        self.bytes.drain(..start);
        // No event ends in anything but a brace; asking for one saves parsing a long event again at every chunk.
        if !self.bytes.contains(&b'}') {
            return self.too_long();
        }
        let mut values = serde_json::Deserializer::from_slice(&self.bytes).into_iter::<Value>();
        match values.next()? {
            Ok(value) => {
                let end = values.byte_offset();
                self.bytes.drain(..end);
                Some(Ok(value))
            }
            Err(error) if error.is_eof() => self.too_long(),
            Err(_) => Some(Err(BadFrame::NotJson)),
        }
    }

    fn too_long(&self) -> Option<Result<Value, BadFrame>> {
        (self.bytes.len() > MAX_EVENT).then_some(Err(BadFrame::TooLong))
    }
}

/// Podman tells a health status in a field of its own beside the attributes, which Docker does not have: moved among them.
fn with_health(mut event: Value) -> Value {
    let told = event.get("HealthStatus").and_then(Value::as_str).filter(|word| !word.is_empty()).map(str::to_owned);
    let attributes = event.pointer_mut("/Actor/Attributes").and_then(Value::as_object_mut);
    if let Some((word, attributes)) = told.zip(attributes) {
        attributes.entry("health_status").or_insert(Value::from(word));
    }
    event
}

/// White space, and the record separator of the `application/json-seq` form.
const fn is_separator(byte: u8) -> bool {
    byte.is_ascii_whitespace() || byte == 0x1e
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const RECORDED: &str = include_str!("../../tests/fixtures/engine/1.41/events.ndjson");

    fn actions(chunks: &[&[u8]]) -> Result<Vec<String>, BadFrame> {
        let mut frames = Frames::default();
        let mut actions = Vec::new();
        for chunk in chunks {
            frames.push(chunk);
            while let Some(frame) = frames.next() {
                actions.push(frame?.event.action.unwrap_or_default());
            }
        }
        assert!(!frames.is_mid_event());
        Ok(actions)
    }

    #[test]
    fn separators_do_not_matter() {
        let check = |text: &str| assert_eq!(actions(&[text.as_bytes()]).unwrap(), ["a", "b"], "{text:?}");
        check("{\"Action\":\"a\"}\n{\"Action\":\"b\"}\n");
        check("{\"Action\":\"a\"}{\"Action\":\"b\"}");
        check("\n\r\n{\"Action\":\"a\"} \n\n\n{\"Action\":\"b\"}");
        check("\u{1e}{\"Action\":\"a\"}\n\u{1e}{\"Action\":\"b\"}\n");
        check("{\n \"Action\":\n\"a\"\n}\n{\"Action\":\"b\"}");
    }

    #[test]
    fn an_unknown_word_is_mended_and_the_stream_goes_on() {
        let mut frames = Frames::default();
        frames.push(b"{\"Type\":\"newthing\",\"Action\":\"a\"}\n{\"Type\":\"container\",\"Action\":\"b\"}\n[1]\n{\"Action\":\"c\"}");
        let mended: Vec<_> = std::iter::from_fn(|| frames.next()).map(|frame| frame.unwrap().mended).collect();
        assert_eq!(mended, [true, false, false]);
    }

    #[test]
    fn what_is_not_json_ends_the_stream() {
        for text in ["<html>}", "{\"a\":}", "{\"Action\":\"a\"}}", "nonsense }"] {
            assert_eq!(actions(&[text.as_bytes()]), Err(BadFrame::NotJson), "{text:?}");
        }
    }

    #[test]
    fn an_endless_event_is_cut_off() {
        for filler in ["x", "}"] {
            let mut frames = Frames::default();
            frames.push(b"{\"Action\":\"");
            let chunk = filler.repeat(64 * 1024);
            let refused = (0..64).find_map(|_| {
                frames.push(chunk.as_bytes());
                frames.next()
            });
            assert_eq!(refused, Some(Err(BadFrame::TooLong)), "{filler}");
            assert!(frames.0.bytes.len() <= MAX_EVENT + 2 * chunk.len());
        }
    }

    proptest! {
        #[test]
        fn where_chunks_end_does_not_matter(cuts in prop::collection::vec(1usize..4000, 1..60)) {
            let mut chunks = Vec::new();
            let mut rest = RECORDED.as_bytes();
            for cut in cuts {
                let (chunk, tail) = rest.split_at(cut.min(rest.len()));
                chunks.push(chunk);
                rest = tail;
            }
            chunks.push(rest);
            prop_assert_eq!(actions(&chunks), actions(&[RECORDED.as_bytes()]));
        }

        #[test]
        fn no_bytes_bring_it_down(chunks in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..50), 0..20)) {
            let mut frames = Frames::default();
            for chunk in chunks {
                frames.push(&chunk);
                while let Some(Ok(_)) = frames.next() {}
            }
        }
    }
}
