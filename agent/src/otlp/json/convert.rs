//! A document against the tables, into bytes.

use base64::{
    Engine,
    alphabet::{STANDARD, URL_SAFE},
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};

use super::{
    Mistake, What,
    reader::{Reader, number_length},
    table::{self, Entry, Kind},
};
use crate::otlp::{Signal, wire::Writer};

/// Padding may be there or not, and is not looked at closely: so says the mapping, of both alphabets.
const LENIENT: GeneralPurposeConfig = GeneralPurposeConfig::new()
    .with_decode_padding_mode(DecodePaddingMode::Indifferent)
    .with_decode_allow_trailing_bits(true);
const BASE64: GeneralPurpose = GeneralPurpose::new(&STANDARD, LENIENT);
const BASE64_URL: GeneralPurpose = GeneralPurpose::new(&URL_SAFE, LENIENT);

/// Bytes that a request may be as protobuf in any case; above it may have twice the size of its JSON.
///
/// Nearly every field is shorter than in JSON. A list of the number 0 is four times as long, and of it alone nobody has a request.
const MIN_OUTPUT: usize = 1 << 20;

/// Writes the protobuf of a request in JSON behind what `out` holds: about `most` bytes of it, and not more than twice what the JSON has.
///
/// A key that comes twice is what it would be on the wire: of a single value the last counts, lists are joined.
///
/// # Errors
/// The body is no such request; `out` is then as it was.
pub fn to_protobuf(signal: Signal, body: &[u8], most: usize, out: &mut Vec<u8>) -> Result<(), Mistake> {
    let before = out.len();
    let limit = before.saturating_add(body.len().saturating_mul(2).max(MIN_OUTPUT).min(most));
    let mut convert = Convert { reader: Reader::new(body)?, writer: Writer::after(std::mem::take(out)), limit };
    let done = convert.message(table::request(signal)).and_then(|()| convert.reader.end());
    if done.is_err() {
        convert.writer.truncate(before);
    }
    *out = convert.writer.into_bytes();
    done
}

struct Convert<'a> {
    reader: Reader<'a>,
    writer: Writer,
    /// Bytes the writer may hold.
    limit: usize,
}

impl Convert<'_> {
    fn message(&mut self, table: &'static [Entry]) -> Result<(), Mistake> {
        self.reader.object()?;
        let mut first = true;
        while let Some(key) = self.reader.key(&mut first)? {
            match table.iter().find(|entry| entry.key == key) {
                None => self.reader.skip()?,
                // The same as if it were not there, for every field.
                Some(_) if self.reader.null()? => {}
                Some(entry) if entry.many => self.list(entry)?,
                Some(entry) => self.value(entry)?,
            }
        }
        Ok(())
    }

    fn list(&mut self, entry: &Entry) -> Result<(), Mistake> {
        self.reader.list()?;
        let packed = !matches!(entry.kind, Kind::Text | Kind::Message(_));
        let at = packed.then(|| self.writer.open(entry.number));
        let mut first = true;
        while self.reader.item(&mut first)? {
            if packed {
                self.packed(entry.kind)?;
            } else if matches!(entry.kind, Kind::Message(table) if std::ptr::eq(table, &table::ANY_VALUE))
                && self.reader.null()?
            {
                self.writer.bytes(entry.number, &[]);
            } else {
                self.value(entry)?;
            }
            if self.writer.len() > self.limit {
                return Err(self.reader.mistake(What::Growth));
            }
        }
        if let Some(at) = at {
            self.writer.close(at);
        }
        Ok(())
    }

    /// A number of a list: these stand side by side without tags.
    fn packed(&mut self, kind: Kind) -> Result<(), Mistake> {
        match kind {
            Kind::Double => {
                let bits = self.double()?.to_bits();
                self.writer.raw(&bits.to_le_bytes());
            }
            Kind::Fixed64 => {
                let number: u64 = self.whole()?;
                self.writer.raw(&number.to_le_bytes());
            }
            // The tables have lists of no other numbers.
            _ => {
                let number = self.whole()?;
                self.writer.number(number);
            }
        }
        Ok(())
    }

    fn value(&mut self, entry: &Entry) -> Result<(), Mistake> {
        let number = entry.number;
        match entry.kind {
            Kind::Message(table) => {
                let at = self.writer.open(number);
                self.message(table)?;
                self.writer.close(at);
            }
            Kind::Text => {
                let text = self.reader.string()?;
                self.writer.string(number, &text);
            }
            Kind::Id => self.id(number)?,
            Kind::Base64 => self.base64(number)?,
            Kind::Bool => {
                let value = self.reader.bool()?;
                self.writer.varint(number, value.into());
            }
            Kind::Enum => self.choice(number)?,
            Kind::Double => {
                let bits = self.double()?.to_bits();
                self.writer.fixed64(number, bits);
            }
            Kind::Uint32 => {
                let value: u32 = self.whole()?;
                self.writer.varint(number, value.into());
            }
            Kind::Int64 => {
                let value: i64 = self.whole()?;
                self.writer.varint(number, value.cast_unsigned());
            }
            Kind::Uint64 => {
                let value = self.whole()?;
                self.writer.varint(number, value);
            }
            Kind::Sint32 => {
                let value: i32 = self.whole()?;
                self.writer.varint(number, (value << 1 ^ value >> 31).cast_unsigned().into());
            }
            Kind::Fixed32 => {
                let value = self.whole()?;
                self.writer.fixed32(number, value);
            }
            Kind::Fixed64 => {
                let value = self.whole()?;
                self.writer.fixed64(number, value);
            }
            Kind::Sfixed64 => {
                let value: i64 = self.whole()?;
                self.writer.fixed64(number, value.cast_unsigned());
            }
        }
        Ok(())
    }

    fn expected(&self, what: &'static str) -> Mistake {
        self.reader.mistake(What::Expected(what))
    }

    /// An id of any length: whether it is one is asked where spans are looked at, and costs this span alone.
    fn id(&mut self, number: u32) -> Result<(), Mistake> {
        let text = self.reader.string()?;
        let digit = |byte: &u8| char::from(*byte).to_digit(16);
        let (pairs, rest) = text.as_bytes().as_chunks::<2>();
        let bytes: Option<Vec<u8>> =
            pairs.iter().map(|[high, low]| Some((digit(high)? << 4 | digit(low)?) as u8)).collect();
        let bytes = bytes
            .filter(|_| rest.is_empty())
            .ok_or_else(|| self.expected("an id in hexadecimal digits before this"))?;
        self.writer.bytes(number, &bytes);
        Ok(())
    }

    fn base64(&mut self, number: u32) -> Result<(), Mistake> {
        let text = self.reader.string()?;
        let engine = if text.contains(['-', '_']) { &BASE64_URL } else { &BASE64 };
        let bytes = engine.decode(text.as_bytes()).map_err(|_| self.expected("base64 before this"))?;
        self.writer.bytes(number, &bytes);
        Ok(())
    }

    /// An enum: a number, of those that came later, too. A name is what proto3's JSON allows and OTLP does not.
    fn choice(&mut self, number: u32) -> Result<(), Mistake> {
        if self.reader.peek() == Some(b'"') {
            return Err(self.expected("the number of an enum, and not its name,"));
        }
        let value: i32 = self.whole()?;
        self.writer.varint(number, i64::from(value).cast_unsigned());
        Ok(())
    }

    /// A whole number, written as a number or as a string.
    fn whole<T: TryFrom<i128>>(&mut self) -> Result<T, Mistake> {
        let number = if self.reader.peek() == Some(b'"') {
            let text = self.reader.string()?;
            whole(&text)
        } else {
            whole(self.reader.number()?)
        };
        let number = number.ok_or_else(|| self.expected("a whole number before this"))?;
        T::try_from(number).map_err(|_| self.reader.mistake(What::Range))
    }

    fn double(&mut self) -> Result<f64, Mistake> {
        let number = if self.reader.peek() == Some(b'"') {
            match self.reader.string()?.as_ref() {
                "NaN" => return Ok(f64::NAN),
                "Infinity" => return Ok(f64::INFINITY),
                "-Infinity" => return Ok(f64::NEG_INFINITY),
                text => numeric(text).and_then(|text| text.parse::<f64>().ok()),
            }
        } else {
            self.reader.number()?.parse().ok()
        };
        let number = number.ok_or_else(|| self.expected("a number before this"))?;
        if number.is_finite() { Ok(number) } else { Err(self.reader.mistake(What::Range)) }
    }
}

/// A string that is a number of JSON, and nothing else.
fn numeric(text: &str) -> Option<&str> {
    (!text.is_empty() && number_length(text.as_bytes()) == text.len()).then_some(text)
}

/// `1`, `"1"`, `1.0` and `1e0` are the same whole number.
fn whole(text: &str) -> Option<i128> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    if digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return text.parse().ok();
    }
    let number: f64 = numeric(text)?.parse().ok()?;
    // Below this an f64 is a whole number, and the same one; nothing beyond it fits a field.
    (number.fract() == 0.0 && number.abs() < 1e20).then_some(number as i128)
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
