//! JSON objects without a tree: one pass, fields of the object and of objects in it, what lies deeper is stepped over.

use memchr::memchr2;

use super::{
    Found, Line,
    fields::{Fields, Value},
};

/// Why reading ended early.
enum Stop {
    /// No JSON.
    Malformed,
    /// The text ended.
    End,
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
}

/// Reads one object with nothing but blanks behind it. A text that was cut off is taken for what it began as; another one that ends
/// early is none.
pub(super) fn read<'a>(line: Line<'a>) -> Option<Found<'a>> {
    let mut reader = Reader { text: line.text, at: 0 };
    let mut fields = Fields::default();
    if reader.next() != Some(b'{') {
        return None;
    }
    let read = reader.object(None, &mut fields);
    let complete = read.is_ok() && reader.blanks().is_none();
    (complete || matches!(read, Err(Stop::End)) && !line.whole).then(|| fields.finish())
}

impl<'a> Reader<'a> {
    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn next(&mut self) -> Option<u8> {
        let byte = self.peek()?;
        self.at += 1;
        Some(byte)
    }

    /// Steps over blanks and looks at what follows.
    #[inline]
    fn blanks(&mut self) -> Option<u8> {
        loop {
            match self.peek()? {
                b' ' | b'\t' | b'\n' | b'\r' => self.at += 1,
                byte => return Some(byte),
            }
        }
    }

    /// Takes one byte behind blanks.
    #[inline]
    fn token(&mut self) -> Result<u8, Stop> {
        let byte = self.blanks().ok_or(Stop::End)?;
        self.at += 1;
        Ok(byte)
    }

    /// Behind `{`, to behind its `}`. Calls itself once: an object in an object is stepped over where it is in one itself.
    fn object(&mut self, parent: Option<&str>, fields: &mut Fields<'a>) -> Result<(), Stop> {
        let mut token = self.token()?;
        if token == b'}' {
            return Ok(());
        }
        loop {
            if token != b'"' {
                return Err(Stop::Malformed);
            }
            let (key, _) = self.string()?;
            if self.token()? != b':' {
                return Err(Stop::Malformed);
            }
            match self.token()? {
                b'"' => {
                    let (raw, escaped) = self.string()?;
                    fields.take(parent, key, Value::Text { raw, escaped });
                }
                b'{' => {
                    fields.take(parent, key, Value::Nested);
                    if parent.is_none() { self.object(Some(key), fields)? } else { self.skip()? }
                }
                b'[' => {
                    fields.take(parent, key, Value::Nested);
                    self.skip()?;
                }
                first => {
                    let bare = self.bare(first)?;
                    fields.take(parent, key, Value::Bare(bare));
                }
            }
            match self.token()? {
                b',' => token = self.token()?,
                b'}' => return Ok(()),
                _ => return Err(Stop::Malformed),
            }
        }
    }

    /// Behind the opening quote, to behind the closing one; and whether there are escapes.
    #[inline]
    fn string(&mut self) -> Result<(&'a str, bool), Stop> {
        let (start, mut escaped) = (self.at, false);
        loop {
            let rest = self.text.as_bytes().get(self.at..).ok_or(Stop::End)?;
            let found = near(rest).or_else(|| memchr2(b'"', b'\\', rest)).ok_or(Stop::End)?;
            let end = self.at + found;
            if rest.get(found) == Some(&b'"') {
                self.at = end + 1;
                return Ok((self.text.get(start..end).unwrap_or_default(), escaped));
            }
            escaped = true;
            self.at = end + 2;
        }
    }

    /// A number, `true`, `false`, `null`, or what Python writes for numbers that are none.
    fn bare(&mut self, first: u8) -> Result<&'a str, Stop> {
        let start = self.at.saturating_sub(1);
        while let Some(byte) = self.peek() {
            if !(byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'+' | b'-')) {
                break;
            }
            self.at += 1;
        }
        let text = self.text.get(start..self.at).unwrap_or_default();
        let known = first.is_ascii_digit()
            || matches!(first, b'-') && text.len() > 1
            || matches!(text, "true" | "false" | "null" | "NaN" | "Infinity");
        if known {
            Ok(text)
        } else if self.at == self.text.len() {
            Err(Stop::End)
        } else {
            Err(Stop::Malformed)
        }
    }

    /// Behind an opening bracket, to behind its closing one: counted, not remembered, so that depth costs nothing.
    fn skip(&mut self) -> Result<(), Stop> {
        let mut depth = 1_usize;
        while depth > 0 {
            match self.next().ok_or(Stop::End)? {
                b'"' => _ = self.string()?,
                b'{' | b'[' => depth += 1,
                b'}' | b']' => depth -= 1,
                _ => {}
            }
        }
        Ok(())
    }
}

/// The first quote or backslash among the next sixteen bytes: keys and levels end so early, and setting up a search costs more.
#[inline]
fn near(bytes: &[u8]) -> Option<usize> {
    let (first, rest) = bytes.split_first_chunk::<8>()?;
    first_special(u64::from_le_bytes(*first))
        .or_else(|| Some(8 + first_special(u64::from_le_bytes(*rest.first_chunk::<8>()?))?))
}

/// The same in a word: a byte less one borrows from its highest bit only where it was zero. Bits above the first may be wrong.
#[inline]
fn first_special(word: u64) -> Option<usize> {
    const ONES: u64 = u64::from_le_bytes([1; 8]);
    const HIGH: u64 = u64::from_le_bytes([0x80; 8]);
    let zeros = |word: u64| word.wrapping_sub(ONES) & !word & HIGH;
    let found = zeros(word ^ u64::from_le_bytes([b'"'; 8])) | zeros(word ^ u64::from_le_bytes([b'\\'; 8]));
    // Eight bits to a byte: at most 7.
    (found != 0).then_some(found.trailing_zeros() as usize / 8)
}
