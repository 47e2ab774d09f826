//! JSON read from front to back, a value at a time. RFC 8259 to the letter, but for lone surrogates: programs write them (JavaScript's own
//! `JSON.stringify` does), protobuf has no place for them, and a whole request is not refused for a broken character.

use std::borrow::Cow;

use super::{Mistake, What};

/// Objects and lists in each other. What passes here is below the 100 messages at which receivers of protobuf stop.
pub(super) const MAX_DEPTH: usize = 128;

/// A place in a document.
pub(super) struct Reader<'a> {
    text: &'a str,
    at: usize,
    depth: usize,
}

impl<'a> Reader<'a> {
    /// At the beginning.
    pub(super) fn new(document: &'a [u8]) -> Result<Self, Mistake> {
        let text = str::from_utf8(document).map_err(|error| Mistake { at: error.valid_up_to(), what: What::Utf8 })?;
        Ok(Self { text, at: 0, depth: 0 })
    }

    /// A mistake here.
    pub(super) fn mistake(&self, what: What) -> Mistake {
        Mistake { at: self.at, what }
    }

    fn expected<T>(&self, what: &'static str) -> Result<T, Mistake> {
        Err(self.mistake(What::Expected(what)))
    }

    fn byte(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    /// First byte of the next value or sign.
    pub(super) fn peek(&mut self) -> Option<u8> {
        while let Some(b' ' | b'\n' | b'\r' | b'\t') = self.byte() {
            self.at += 1;
        }
        self.byte()
    }

    fn takes(&mut self, sign: u8) -> bool {
        let is = self.peek() == Some(sign);
        self.at += usize::from(is);
        is
    }

    fn descend(&mut self) -> Result<(), Mistake> {
        if self.depth == MAX_DEPTH {
            return Err(self.mistake(What::Depth));
        }
        self.depth += 1;
        Ok(())
    }

    /// Begins an object; [`Self::key`] is called next, until it gives none.
    pub(super) fn object(&mut self) -> Result<(), Mistake> {
        if self.takes(b'{') { self.descend() } else { self.expected("an object") }
    }

    /// The next key of an object, behind which its value follows; `None` at the end of the object. `first` is true on the first call.
    pub(super) fn key(&mut self, first: &mut bool) -> Result<Option<Cow<'a, str>>, Mistake> {
        if !self.next(b'}', first)? {
            return Ok(None);
        }
        let key = self.string()?;
        if !self.takes(b':') {
            return self.expected("a colon");
        }
        Ok(Some(key))
    }

    /// Begins a list; [`Self::item`] is called next, until it says no.
    pub(super) fn list(&mut self) -> Result<(), Mistake> {
        if self.takes(b'[') { self.descend() } else { self.expected("a list") }
    }

    /// Whether one more value of a list follows. `first` is true on the first call.
    pub(super) fn item(&mut self, first: &mut bool) -> Result<bool, Mistake> {
        self.next(b']', first)
    }

    fn next(&mut self, end: u8, first: &mut bool) -> Result<bool, Mistake> {
        if self.takes(end) {
            self.depth = self.depth.saturating_sub(1);
            return Ok(false);
        }
        if !std::mem::take(first) && !self.takes(b',') {
            return self.expected("a comma, or the end of the object or list,");
        }
        if self.peek() == Some(end) {
            return self.expected("a value behind the comma");
        }
        Ok(true)
    }

    /// Takes a `null`, if there is one.
    pub(super) fn null(&mut self) -> Result<bool, Mistake> {
        if self.peek() == Some(b'n') { self.word("null").map(|()| true) } else { Ok(false) }
    }

    /// True or false.
    pub(super) fn bool(&mut self) -> Result<bool, Mistake> {
        match self.peek() {
            Some(b't') => self.word("true").map(|()| true),
            Some(b'f') => self.word("false").map(|()| false),
            _ => self.expected("true or false"),
        }
    }

    fn word(&mut self, word: &'static str) -> Result<(), Mistake> {
        if !self.rest().starts_with(word) {
            return self.expected(word);
        }
        self.at += word.len();
        Ok(())
    }

    fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or_default()
    }

    /// A number as it is written.
    pub(super) fn number(&mut self) -> Result<&'a str, Mistake> {
        self.peek();
        let rest = self.rest();
        let Some(number) = rest.get(..number_length(rest.as_bytes())).filter(|number| !number.is_empty()) else {
            return self.expected("a number");
        };
        self.at += number.len();
        Ok(number)
    }

    /// A string; borrowed where nothing in it is escaped.
    pub(super) fn string(&mut self) -> Result<Cow<'a, str>, Mistake> {
        if !self.takes(b'"') {
            return self.expected("a string");
        }
        let plain = self.plain();
        if self.takes_now(b'"') {
            return Ok(Cow::Borrowed(plain));
        }
        let mut text = plain.to_owned();
        loop {
            match self.byte() {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(Cow::Owned(text));
                }
                Some(b'\\') => {
                    self.at += 1;
                    let escaped = self.escape()?;
                    text.push(escaped);
                }
                Some(..0x20) => return self.expected("no control character in a string"),
                Some(_) => text.push_str(self.plain()),
                None => return self.expected("the end of the string"),
            }
        }
    }

    fn takes_now(&mut self, sign: u8) -> bool {
        let is = self.byte() == Some(sign);
        self.at += usize::from(is);
        is
    }

    /// What of a string needs no look: up to a quote, an escape or a control character. All three are ASCII, so that the ends are ends of
    /// characters.
    fn plain(&mut self) -> &'a str {
        let rest = self.rest();
        let length = rest.bytes().position(|byte| matches!(byte, b'"' | b'\\' | ..0x20)).unwrap_or(rest.len());
        self.at += length;
        rest.get(..length).unwrap_or_default()
    }

    fn escape(&mut self) -> Result<char, Mistake> {
        let escaped = match self.byte() {
            Some(sign @ (b'"' | b'\\' | b'/')) => char::from(sign),
            Some(b'b') => '\u{8}',
            Some(b'f') => '\u{c}',
            Some(b'n') => '\n',
            Some(b'r') => '\r',
            Some(b't') => '\t',
            Some(b'u') => {
                self.at += 1;
                return self.unicode();
            }
            _ => return self.expected("an escape that JSON has"),
        };
        self.at += 1;
        Ok(escaped)
    }

    fn unicode(&mut self) -> Result<char, Mistake> {
        let unit = self.unit()?;
        if let 0xd800..0xdc00 = unit
            && self.rest().starts_with("\\u")
        {
            let low = self.at;
            self.at += 2;
            if let second @ 0xdc00..0xe000 = self.unit()? {
                let whole = 0x10000 + ((u32::from(unit) - 0xd800) << 10 | (u32::from(second) - 0xdc00));
                return Ok(char::from_u32(whole).unwrap_or(char::REPLACEMENT_CHARACTER));
            }
            // Not its other half: it stands for itself.
            self.at = low;
        }
        Ok(char::from_u32(u32::from(unit)).unwrap_or(char::REPLACEMENT_CHARACTER))
    }

    fn unit(&mut self) -> Result<u16, Mistake> {
        let digits = self.rest().get(..4).filter(|digits| digits.bytes().all(|digit| digit.is_ascii_hexdigit()));
        let Some(unit) = digits.and_then(|digits| u16::from_str_radix(digits, 16).ok()) else {
            return self.expected("four hexadecimal digits");
        };
        self.at += 4;
        Ok(unit)
    }

    /// Passes over a value of any kind.
    pub(super) fn skip(&mut self) -> Result<(), Mistake> {
        match self.peek() {
            Some(b'{') => {
                self.object()?;
                let mut first = true;
                while self.key(&mut first)?.is_some() {
                    self.skip()?;
                }
                Ok(())
            }
            Some(b'[') => {
                self.list()?;
                let mut first = true;
                while self.item(&mut first)? {
                    self.skip()?;
                }
                Ok(())
            }
            Some(b'"') => self.string().map(drop),
            Some(b't' | b'f') => self.bool().map(drop),
            Some(b'n') => self.null().map(drop),
            Some(b'-' | b'0'..=b'9') => self.number().map(drop),
            _ => self.expected("a value"),
        }
    }

    /// Nothing follows but blanks.
    pub(super) fn end(&mut self) -> Result<(), Mistake> {
        if self.peek().is_none() { Ok(()) } else { self.expected("the end of the document") }
    }
}

/// How many bytes at the beginning are a number of JSON; 0 where there is none.
pub(super) fn number_length(text: &[u8]) -> usize {
    let digits = |from: usize| text.iter().skip(from).take_while(|byte| byte.is_ascii_digit()).count();
    let mut length = usize::from(text.first() == Some(&b'-'));
    length += match text.get(length) {
        Some(b'0') => 1,
        Some(b'1'..=b'9') => digits(length),
        _ => return 0,
    };
    if text.get(length) == Some(&b'.') && digits(length + 1) > 0 {
        length += 1 + digits(length + 1);
    }
    if let Some(b'e' | b'E') = text.get(length) {
        let sign = usize::from(matches!(text.get(length + 1), Some(b'+' | b'-')));
        let exponent = digits(length + 1 + sign);
        if exponent > 0 {
            length += 1 + sign + exponent;
        }
    }
    length
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn passes(document: &[u8]) -> bool {
        Reader::new(document).is_ok_and(|mut reader| reader.skip().and_then(|()| reader.end()).is_ok())
    }

    #[test]
    fn strings_are_what_they_say() {
        for (written, meant) in [
            (r#""""#, ""),
            (r#""plain é""#, "plain é"),
            (r#""\"\\\/\b\f\n\r\t""#, "\"\\/\u{8}\u{c}\n\r\t"),
            (r#""a\u00e9b""#, "aéb"),
            (r#""\ud83d\ude00""#, "😀"),
            (r#""\uD83D\uDE00 and \u0000""#, "😀 and \0"),
            (r#""lone \ud83d and \ude00""#, "lone \u{fffd} and \u{fffd}"),
            (r#""\ud83d\u0041""#, "\u{fffd}A"),
            (r#""\ud83d\ud83d\ude00""#, "\u{fffd}😀"),
        ] {
            assert_eq!(Reader::new(written.as_bytes()).unwrap().string().unwrap(), meant, "{written}");
        }
    }

    #[test]
    fn what_is_not_json_is_refused() {
        for document in [
            "",
            " ",
            "{",
            "[1,]",
            "{\"a\":1,}",
            "[1 2]",
            "{\"a\" 1}",
            "{a:1}",
            "{1:1}",
            "01",
            "-",
            "1.",
            ".5",
            "1e",
            "+1",
            "tru",
            "nul",
            "\"",
            "\"\n\"",
            r#""\x""#,
            r#""\u12""#,
            r#""\u12g4""#,
            "[1]]",
            "{}{}",
            "[,1]",
            "{,}",
            "'a'",
            "NaN",
            "\u{feff}{}",
            r#""\ud83d\u12""#,
        ] {
            assert!(!passes(document.as_bytes()), "{document}");
            assert!(serde_json::from_str::<serde_json::Value>(document).is_err(), "{document}");
        }
        assert!(!passes(b"\"\xff\""));
    }

    #[test]
    fn depth_has_a_limit() {
        let nested = |depth: usize| [vec![b'['; depth], vec![b']'; depth]].concat();
        assert!(passes(&nested(MAX_DEPTH)));
        assert!(!passes(&nested(MAX_DEPTH + 1)));
        let side_by_side = format!("[{}]", vec!["[{}]"; 1000].join(","));
        assert!(passes(side_by_side.as_bytes()));
    }

    proptest! {
        #[test]
        fn a_document_is_taken_or_refused_as_by_serde(document in r#"[\[\]{},:"\\ue0-9a.+\-truefalsn \n]{0,24}"#) {
            // Lone surrogates apart, see above; and numbers beyond an f64, which are the fields' affair.
            let serde = serde_json::from_str::<serde::de::IgnoredAny>(&document);
            prop_assert_eq!(passes(document.as_bytes()), serde.is_ok(), "{}: {:?}", document, serde.err());
        }

        #[test]
        fn a_string_written_is_read(text in any::<String>()) {
            let written = serde_json::to_string(&text).unwrap();
            prop_assert_eq!(Reader::new(written.as_bytes()).unwrap().string().unwrap(), text);
        }
    }
}
