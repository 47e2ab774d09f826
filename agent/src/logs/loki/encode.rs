//! The body of a push: Loki's `PushRequest` in protobuf, as one raw snappy block.
//!
//! ```text
//!  PushRequest { 1: stream* }   stream { 1: labels, 2: entry* }   entry { 1: time, 2: line, 3: pair* }
//!  time { 1: seconds, 2: nanoseconds }   pair { 1: name, 2: value }
//! ```
//!
//! Entries are written one by one, as lines come, and the same bytes are sent however often: Loki recognises a repeated entry by time,
//! line and metadata only, and only when they are equal to the byte.

use bytes::Bytes;
use snap::raw::{Encoder, max_compress_len};

/// Longest line Loki takes unless told otherwise (`max_line_size`), in bytes.
pub const MAX_LINE: usize = 256 << 10;
/// Names and values of one line's metadata, in bytes together (`max_structured_metadata_size`).
pub const MAX_METADATA: usize = 64 << 10;
/// Pairs of one line's metadata (`max_structured_metadata_entries_count`).
pub const MAX_METADATA_PAIRS: usize = 128;

/// Largest push before compression that [`Pusher`] writes: far above what any Loki takes, and far below what snappy can count.
const MAX_PUSH: usize = 256 << 20;

/// Field numbers with wire type 2, a length and as many bytes.
const FIRST: u8 = 1 << 3 | 2;
const SECOND: u8 = 2 << 3 | 2;
const THIRD: u8 = 3 << 3 | 2;
/// Field numbers with wire type 0, a number.
const FIRST_NUMBER: u8 = 1 << 3;
const SECOND_NUMBER: u8 = 2 << 3;

const NANOS: i64 = 1_000_000_000;

/// Pairs of metadata which many lines share, written once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Metadata {
    bytes: Vec<u8>,
}

impl Metadata {
    /// No pairs.
    pub const fn new() -> Self {
        Self { bytes: Vec::new() }
    }

    /// Adds a pair. Names should be letters, digits and `_`: Loki renames others. Without a letter or digit a name is none for Loki,
    /// which then fails the whole push (500); such pairs are left out.
    pub fn push(&mut self, name: &str, value: &str) {
        if is_name(name) {
            pair(&mut self.bytes, name, value);
        }
    }
}

impl<'a> FromIterator<(&'a str, &'a str)> for Metadata {
    fn from_iter<I: IntoIterator<Item = (&'a str, &'a str)>>(pairs: I) -> Self {
        let mut this = Self::new();
        pairs.into_iter().for_each(|(name, value)| this.push(name, value));
        this
    }
}

/// Appends one entry: a line at `time` (nanoseconds since 1970) with the pairs of `shared`, then `pairs`; for their names see
/// [`Metadata::push`], of equal names Loki keeps the last. Limits are the caller's:
/// [`MAX_LINE`], [`MAX_METADATA`], [`MAX_METADATA_PAIRS`].
pub fn entry(into: &mut Vec<u8>, time: i64, line: &str, shared: &Metadata, pairs: &[(&str, &str)]) {
    entry_of(into, time, line, [shared, &Metadata::new()], pairs);
}

/// [`entry`] with pairs of two kinds that are written already: those of whoever wrote the line, and those of its sort.
pub fn entry_of(into: &mut Vec<u8>, time: i64, line: &str, shared: [&Metadata; 2], pairs: &[(&str, &str)]) {
    let inner = inner_len(time, line, shared, pairs);
    into.reserve(field_len(inner));
    into.push(SECOND);
    varint(into, inner);
    let (seconds, nanos) = split(time);
    into.push(FIRST);
    varint(into, time_len(time));
    if seconds != 0 {
        into.push(FIRST_NUMBER);
        varint64(into, seconds.cast_unsigned());
    }
    if nanos != 0 {
        into.push(SECOND_NUMBER);
        varint64(into, nanos);
    }
    bytes(into, SECOND, line.as_bytes());
    shared.into_iter().for_each(|shared| into.extend_from_slice(&shared.bytes));
    for (name, value) in named(pairs) {
        pair(into, name, value);
    }
}

/// Bytes which [`entry`] appends.
pub fn entry_len(time: i64, line: &str, shared: &Metadata, pairs: &[(&str, &str)]) -> usize {
    field_len(inner_len(time, line, [shared, &Metadata::new()], pairs))
}

/// Bytes, before compression, of a push of streams with labels and entries of these lengths. An ingester refuses more than 4 MiB.
pub fn body_len(streams: impl IntoIterator<Item = (usize, usize)>) -> usize {
    streams.into_iter().map(|(labels, entries)| field_len(stream_len(labels, entries))).sum()
}

/// A push that would be larger than any server takes, in bytes before compression.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a push of {0} bytes is too large")]
pub struct TooLarge(pub usize);

/// What snappy compresses at a time: nothing in one block refers to another, so that a body can be written block by block.
const BLOCK: usize = 64 << 10;

/// Compression is taken for this good when room is made for a body: lines of logs come to a quarter or less.
const PACKED_SHARE: usize = 4;

/// Writes bodies, block by block: what it keeps in memory is as large as a block, not as a push.
#[derive(Debug)]
pub struct Pusher {
    /// The block that grows.
    plain: Vec<u8>,
    /// Room for one that is compressed.
    packed: Vec<u8>,
    encoder: Encoder,
}

impl Default for Pusher {
    fn default() -> Self {
        Self::new()
    }
}

impl Pusher {
    /// With empty buffers.
    pub fn new() -> Self {
        Self { plain: Vec::new(), packed: Vec::new(), encoder: Encoder::new() }
    }

    /// The body of a push: each stream's labels ([`super::labels`]) and its entries, as [`entry`] wrote them one after the other.
    ///
    /// # Errors
    /// The streams are more than 256 MiB together.
    pub fn body<'a>(&mut self, streams: impl Iterator<Item = (&'a str, &'a [u8])> + Clone) -> Result<Bytes, TooLarge> {
        let length = body_len(streams.clone().map(|(labels, entries)| (labels.len(), entries.len())));
        if length > MAX_PUSH {
            return Err(TooLarge(length));
        }
        self.plain.clear();
        // A raw block of snappy's begins with the length of all of it.
        let mut body = Vec::with_capacity(length / PACKED_SHARE + max_compress_len(0));
        varint(&mut body, length);
        for (labels, entries) in streams {
            let mut head = Vec::with_capacity(16 + labels.len());
            head.push(FIRST);
            varint(&mut head, stream_len(labels.len(), entries.len()));
            bytes(&mut head, FIRST, labels.as_bytes());
            self.add(&head, &mut body);
            self.add(entries, &mut body);
        }
        self.pack(&mut body);
        // Kept until it is acknowledged: exactly its size.
        Ok(Bytes::from(body.into_boxed_slice()))
    }

    /// Takes bytes into the block; each one that is full goes into the body.
    fn add(&mut self, mut bytes: &[u8], body: &mut Vec<u8>) {
        while let Some((now, later)) = bytes.split_at_checked(bytes.len().min(BLOCK - self.plain.len())) {
            self.plain.extend_from_slice(now);
            if self.plain.len() < BLOCK {
                return;
            }
            self.pack(body);
            bytes = later;
        }
    }

    /// Compresses the block and begins another.
    fn pack(&mut self, body: &mut Vec<u8>) {
        if self.plain.is_empty() {
            return;
        }
        self.packed.resize(max_compress_len(BLOCK), 0);
        // A buffer of that size takes whatever a block becomes.
        let packed = self.encoder.compress(&self.plain, &mut self.packed).unwrap_or_default();
        body.extend_from_slice(self.packed.get(varint_len(self.plain.len() as u64)..packed).unwrap_or_default());
        self.plain.clear();
    }
}

/// Seconds and nanoseconds; the latter are never negative, as protobuf's `Timestamp` wants it.
const fn split(time: i64) -> (i64, u64) {
    (time.div_euclid(NANOS), time.rem_euclid(NANOS).cast_unsigned())
}

fn inner_len(time: i64, line: &str, shared: [&Metadata; 2], pairs: &[(&str, &str)]) -> usize {
    let pairs: usize = named(pairs).map(|(name, value)| field_len(pair_len(name, value))).sum();
    let shared: usize = shared.iter().map(|shared| shared.bytes.len()).sum();
    field_len(time_len(time)) + field_len(line.len()) + shared + pairs
}

fn named<'a>(pairs: &'a [(&'a str, &'a str)]) -> impl Iterator<Item = &'a (&'a str, &'a str)> {
    pairs.iter().filter(|(name, _)| is_name(name))
}

fn is_name(name: &str) -> bool {
    name.bytes().any(|byte| byte.is_ascii_alphanumeric())
}

fn time_len(time: i64) -> usize {
    let (seconds, nanos) = split(time);
    let of = |number| if number == 0 { 0 } else { 1 + varint_len(number) };
    of(seconds.cast_unsigned()) + of(nanos)
}

const fn stream_len(labels: usize, entries: usize) -> usize {
    field_len(labels) + entries
}

const fn pair_len(name: &str, value: &str) -> usize {
    field_len(name.len()) + field_len(value.len())
}

/// A field's number, its length, and as many bytes.
const fn field_len(length: usize) -> usize {
    1 + varint_len(length as u64) + length
}

/// Seven bits a byte, one byte at least.
const fn varint_len(number: u64) -> usize {
    (64 - (number | 1).leading_zeros() as usize).div_ceil(7)
}

fn pair(into: &mut Vec<u8>, name: &str, value: &str) {
    into.push(THIRD);
    varint(into, pair_len(name, value));
    bytes(into, FIRST, name.as_bytes());
    bytes(into, SECOND, value.as_bytes());
}

fn bytes(into: &mut Vec<u8>, field: u8, value: &[u8]) {
    into.push(field);
    varint(into, value.len());
    into.extend_from_slice(value);
}

fn varint(into: &mut Vec<u8>, length: usize) {
    varint64(into, length as u64);
}

fn varint64(into: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        into.push((number & 0x7f) as u8 | 0x80);
        number >>= 7;
    }
    into.push(number as u8);
}

#[cfg(test)]
#[path = "tests/encode.rs"]
mod tests;
