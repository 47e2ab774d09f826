//! One record of a json-file: as dockerd writes it, else as JSON allows it.

use memchr::memchr2;

use super::text;
use crate::model::{LogStream, rfc3339};

/// A record found; its text is in the scratch buffer where `text` is none.
pub(super) struct Parsed<'a> {
    pub(super) stream: LogStream,
    pub(super) time: i64,
    pub(super) text: Option<&'a [u8]>,
    pub(super) ended: bool,
    pub(super) used: usize,
}

/// The very form in which dockerd writes without `attrs`, line end included. `None` says nothing but that it is not that.
pub(super) fn usual<'a>(bytes: &'a [u8], scratch: &mut Vec<u8>, times: &mut rfc3339::Reader) -> Option<Parsed<'a>> {
    let rest = bytes.strip_prefix(b"{\"log\":\"")?;
    let (text, used) = text::read(rest, scratch)?;
    let rest = rest.get(used..)?.strip_prefix(b",\"stream\":\"std")?;
    let (stream, rest) = match rest.strip_prefix(b"out\",\"time\":\"") {
        Some(rest) => (LogStream::Stdout, rest),
        None => (LogStream::Stderr, rest.strip_prefix(b"err\",\"time\":\"")?),
    };
    let (time, used) = times.read(rest)?;
    let rest = rest.get(used..)?.strip_prefix(b"\"}\n")?;
    Some(Parsed { stream, time, text: text.plain, ended: text.ended, used: bytes.len() - rest.len() })
}

/// Any JSON object that fills the line and has a time. A field that dockerd leaves out is empty (`omitempty`).
pub(super) fn any<'a>(line: &'a [u8], scratch: &mut Vec<u8>) -> Option<Parsed<'a>> {
    let mut cursor = Cursor(line);
    let (mut stream, mut time) = (LogStream::Stdout, None);
    let mut text = text::Text { plain: Some(&[]), ended: false };
    cursor.expect(b'{')?;
    loop {
        cursor.expect(b'"')?;
        let key = cursor.string()?;
        cursor.expect(b':')?;
        match key {
            b"log" => {
                cursor.expect(b'"')?;
                let (read, used) = text::read(cursor.0, scratch)?;
                cursor.0 = cursor.0.get(used..)?;
                text = read;
            }
            b"stream" => stream = cursor.stream()?,
            b"time" => {
                cursor.expect(b'"')?;
                let word = cursor.string()?;
                time = Some(rfc3339::read(word).filter(|(_, length)| *length == word.len())?.0);
            }
            _ => cursor.value()?,
        }
        match cursor.byte()? {
            b',' => {}
            b'}' => break,
            _ => return None,
        }
    }
    let end = cursor.0.iter().all(u8::is_ascii_whitespace);
    let used = line.len();
    end.then_some(Parsed { stream, time: time?, text: text.plain, ended: text.ended, used })
}

/// The rest of a line.
struct Cursor<'a>(&'a [u8]);

impl<'a> Cursor<'a> {
    /// The next byte that is no white space.
    fn byte(&mut self) -> Option<u8> {
        let (byte, rest) = self.0.trim_ascii_start().split_first()?;
        self.0 = rest;
        Some(*byte)
    }

    fn expect(&mut self, byte: u8) -> Option<()> {
        (self.byte()? == byte).then_some(())
    }

    /// The rest of a string as it stands, its closing quote taken. Escapes are passed over, not read.
    fn string(&mut self) -> Option<&'a [u8]> {
        let mut length = 0;
        loop {
            let rest = self.0.get(length..)?;
            length += memchr2(b'"', b'\\', rest)?;
            let (string, rest) = self.0.split_at_checked(length)?;
            match rest {
                [b'"', rest @ ..] => {
                    self.0 = rest;
                    return Some(string);
                }
                _ => length += 2,
            }
        }
    }

    fn stream(&mut self) -> Option<LogStream> {
        self.expect(b'"')?;
        let word = self.string()?;
        LogStream::ALL.into_iter().find(|stream| stream.as_str().as_bytes() == word)
    }

    /// Passes over a value of any depth: brackets are counted, not matched.
    fn value(&mut self) -> Option<()> {
        let mut depth = 0u32;
        loop {
            match *self.0.trim_ascii_start().first()? {
                b',' | b'}' | b']' if depth == 0 => return Some(()),
                byte => {
                    self.byte()?;
                    match byte {
                        b'"' => drop(self.string()?),
                        b'{' | b'[' => depth += 1,
                        b'}' | b']' => depth -= 1,
                        _ => {}
                    }
                }
            }
        }
    }
}
