//! Messages written field by field into one buffer.

/// A message, or a part of one, that grows at its end.
///
/// Lengths of nested messages are written in three bytes where they may be ([`Self::message`]): padded varints are allowed by the encoding,
/// and nothing has to be moved when the length is known.
#[derive(Clone, Debug, Default)]
pub struct Writer(Vec<u8>);

impl Writer {
    /// An empty one.
    pub fn new() -> Self {
        Self::default()
    }

    /// Goes on at the end of what is there.
    pub fn after(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }

    /// What was written.
    pub fn into_bytes(self) -> Vec<u8> {
        self.0
    }

    /// What was written so far.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// Bytes of memory it takes, written or not.
    pub const fn capacity(&self) -> usize {
        self.0.capacity()
    }

    /// Fields as they are, tags included.
    pub fn raw(&mut self, fields: &[u8]) {
        self.0.extend_from_slice(fields);
    }

    /// A string, bytes, or a message that is made already.
    pub fn bytes(&mut self, number: u32, value: &[u8]) {
        self.tag(number, 2);
        self.number(u64::try_from(value.len()).unwrap_or(u64::MAX));
        self.0.extend_from_slice(value);
    }

    /// A string.
    pub fn string(&mut self, number: u32, value: &str) {
        self.bytes(number, value.as_bytes());
    }

    /// A varint: `uint32`, `uint64`, `int64` in its two's complement, `bool`, an enum.
    pub fn varint(&mut self, number: u32, value: u64) {
        self.tag(number, 0);
        self.number(value);
    }

    /// A `fixed64`, or the bits of a `double`.
    pub fn fixed64(&mut self, number: u32, value: u64) {
        self.tag(number, 1);
        self.0.extend_from_slice(&value.to_le_bytes());
    }

    /// A `fixed32`.
    pub fn fixed32(&mut self, number: u32, value: u32) {
        self.tag(number, 5);
        self.0.extend_from_slice(&value.to_le_bytes());
    }

    /// A message whose fields `write` writes.
    pub fn message(&mut self, number: u32, write: impl FnOnce(&mut Self)) {
        let at = self.open(number);
        write(self);
        self.close(at);
    }

    /// Begins a message: what is written until [`Self::close`] with what this returns stands in it.
    pub fn open(&mut self, number: u32) -> usize {
        self.tag(number, 2);
        let at = self.0.len();
        self.0.extend_from_slice(&[0x80, 0x80, 0]);
        at
    }

    /// Ends the message that began at `at`, which is where its length stands.
    pub fn close(&mut self, at: usize) {
        let length = self.0.len().saturating_sub(at + 3);
        if length < 1 << 21 {
            let piece = |shift: u32| (length >> shift & 0x7f) as u8;
            if let Some(room) = self.0.get_mut(at..at + 3) {
                room.copy_from_slice(&[piece(0) | 0x80, piece(7) | 0x80, piece(14)]);
            }
            return;
        }
        let mut long = Self::new();
        long.number(u64::try_from(length).unwrap_or(u64::MAX));
        drop(self.0.splice(at..at + 3, long.0));
    }

    /// Takes back all that was written after the first `length` bytes.
    pub fn truncate(&mut self, length: usize) {
        self.0.truncate(length);
    }

    /// Bytes written so far.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether nothing was written yet.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn tag(&mut self, number: u32, wire_type: u64) {
        self.number(u64::from(number) << 3 | wire_type);
    }

    /// A varint without a tag, as they stand in packed lists.
    pub fn number(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.0.push((value & 0x7f) as u8 | 0x80);
            value >>= 7;
        }
        self.0.push(value as u8);
    }
}

#[cfg(test)]
mod tests {
    use super::{
        super::field::{Fields, Value},
        *,
    };

    #[test]
    fn what_is_written_is_read() {
        for length in [0, 1, 127, 128, 20_000, (1 << 21) - 3, 1 << 21, 3 << 20] {
            let text = vec![b'x'; length];
            let mut writer = Writer::new();
            writer.message(7, |inner| {
                inner.varint(1, u64::MAX);
                inner.bytes(2, &text);
            });
            writer.fixed32(3, 5);
            let bytes = writer.into_bytes();
            let fields: Vec<_> = Fields::new(&bytes).map(Result::unwrap).collect();
            assert_eq!(fields.len(), 2);
            let inner: Vec<_> = Fields::new(fields[0].bytes().unwrap()).map(|field| field.unwrap().value).collect();
            assert_eq!(inner, [Value::Varint(u64::MAX), Value::Bytes(&text)]);
            assert_eq!(fields[1].value, Value::Fixed32(5));
        }
    }
}
