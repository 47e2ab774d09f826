//! Protocol Buffers as bytes: tags, values, and nothing copied.
//!
//! Source: the encoding document of Protocol Buffers. Groups (wire types 3 and 4) have never been in OTLP and are refused.

use super::Malformed;

/// Longest varint.
const MAX_VARINT: usize = 10;

/// What stands in a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Value<'a> {
    /// Wire type 0.
    Varint(u64),
    /// Wire type 1, little endian.
    Fixed64(u64),
    /// Wire type 2: strings, bytes, messages, packed lists.
    Bytes(&'a [u8]),
    /// Wire type 5, little endian.
    Fixed32(u32),
}

/// One field of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Field<'a> {
    /// Its number, above 0.
    pub number: u32,
    /// What stands in it.
    pub value: Value<'a>,
    /// The field as it was written, its tag included: what is passed on unread.
    pub raw: &'a [u8],
}

impl<'a> Field<'a> {
    /// A message, string or bytes.
    ///
    /// # Errors
    /// It is something else.
    pub fn bytes(&self) -> Result<&'a [u8], Malformed> {
        match self.value {
            Value::Bytes(bytes) => Ok(bytes),
            _ => Err(Malformed::WireType),
        }
    }

    /// A number written as a varint.
    ///
    /// # Errors
    /// It is something else.
    pub fn varint(&self) -> Result<u64, Malformed> {
        match self.value {
            Value::Varint(number) => Ok(number),
            _ => Err(Malformed::WireType),
        }
    }

    /// A number of eight bytes: times are `fixed64`.
    ///
    /// # Errors
    /// It is something else.
    pub fn fixed64(&self) -> Result<u64, Malformed> {
        match self.value {
            Value::Fixed64(number) => Ok(number),
            _ => Err(Malformed::WireType),
        }
    }

    /// A number of four bytes: flags are `fixed32`.
    ///
    /// # Errors
    /// It is something else.
    pub fn fixed32(&self) -> Result<u32, Malformed> {
        match self.value {
            Value::Fixed32(number) => Ok(number),
            _ => Err(Malformed::WireType),
        }
    }
}

/// The fields of a message in the order they were written. Ends at the first mistake.
#[derive(Clone, Copy, Debug)]
pub struct Fields<'a> {
    rest: &'a [u8],
}

impl<'a> Fields<'a> {
    /// Those of this message.
    pub fn new(message: &'a [u8]) -> Self {
        Self { rest: message }
    }

    fn read(&mut self) -> Result<Field<'a>, Malformed> {
        let whole = self.rest;
        let tag = self.varint()?;
        let number = u32::try_from(tag >> 3).ok().filter(|number| *number > 0).ok_or(Malformed::Tag)?;
        let value = match tag & 7 {
            0 => Value::Varint(self.varint()?),
            1 => Value::Fixed64(u64::from_le_bytes(self.array()?)),
            2 => {
                let length = usize::try_from(self.varint()?).map_err(|_| Malformed::Length)?;
                let (bytes, rest) = self.rest.split_at_checked(length).ok_or(Malformed::Length)?;
                self.rest = rest;
                Value::Bytes(bytes)
            }
            5 => Value::Fixed32(u32::from_le_bytes(self.array()?)),
            _ => return Err(Malformed::WireType),
        };
        let raw = whole.get(..whole.len() - self.rest.len()).ok_or(Malformed::Length)?;
        Ok(Field { number, value, raw })
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Malformed> {
        let (bytes, rest) = self.rest.split_first_chunk::<N>().ok_or(Malformed::Length)?;
        self.rest = rest;
        Ok(*bytes)
    }

    fn varint(&mut self) -> Result<u64, Malformed> {
        // Tags and most lengths are of one byte.
        if let [byte @ ..0x80, rest @ ..] = self.rest {
            self.rest = rest;
            return Ok(u64::from(*byte));
        }
        let mut number = 0_u64;
        for (at, byte) in self.rest.iter().take(MAX_VARINT).enumerate() {
            let bits = u64::from(byte & 0x7f);
            if at == MAX_VARINT - 1 && bits > 1 {
                return Err(Malformed::Varint);
            }
            number |= bits << (7 * at);
            if byte & 0x80 == 0 {
                self.rest = self.rest.get(at + 1..).unwrap_or_default();
                return Ok(number);
            }
        }
        Err(Malformed::Varint)
    }
}

impl<'a> Iterator for Fields<'a> {
    type Item = Result<Field<'a>, Malformed>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let read = self.read();
        if read.is_err() {
            self.rest = &[];
        }
        Some(read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_read_as_they_were_written() {
        let bytes = [0x08, 0x96, 0x01, 0x12, 0x02, b'h', b'i', 0x1d, 1, 0, 0, 0, 0x21, 2, 0, 0, 0, 0, 0, 0, 0];
        let read: Vec<_> = Fields::new(&bytes).collect::<Result<_, _>>().unwrap();
        let values: Vec<_> = read.iter().map(|field| (field.number, field.value)).collect();
        assert_eq!(
            values,
            [(1, Value::Varint(150)), (2, Value::Bytes(b"hi")), (3, Value::Fixed32(1)), (4, Value::Fixed64(2))]
        );
        assert_eq!(read.iter().flat_map(|field| field.raw).copied().collect::<Vec<_>>(), bytes);
    }

    #[test]
    fn what_is_none_is_refused() {
        for (bytes, why) in [
            (&[0x08][..], Malformed::Varint),
            (&[0x08, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02], Malformed::Varint),
            (&[0x12, 0x05, b'h'], Malformed::Length),
            (&[0x0b], Malformed::WireType),
            (&[0x00, 0x01], Malformed::Tag),
            (&[0x1d, 1, 0, 0], Malformed::Length),
        ] {
            assert_eq!(Fields::new(bytes).last(), Some(Err(why)), "{bytes:?}");
        }
        let largest = [0x08, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01];
        assert_eq!(Fields::new(&largest).next().map(|field| field.unwrap().value), Some(Value::Varint(u64::MAX)));
    }
}
