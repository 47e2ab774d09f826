//! From the body of a push to its streams. `loki_api` decides whether it can be read; what it does not know, metadata, is read here.

use loki_api::{logproto::PushRequest, prost::Message as _};

/// Pairs of metadata.
pub type Pairs = Vec<(String, String)>;

/// One line.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Entry {
    /// Nanoseconds since 1970.
    pub time: i64,
    /// The line.
    pub line: String,
    /// Metadata in the order it came.
    pub metadata: Pairs,
}

impl Entry {
    /// Bytes of line and metadata, which is what Loki counts.
    pub fn size(&self) -> usize {
        self.line.len() + self.metadata_size()
    }

    /// Bytes of metadata; `detected_level` is not counted.
    pub fn metadata_size(&self) -> usize {
        let counted = self.metadata.iter().filter(|(name, _)| name != "detected_level");
        counted.map(|(name, value)| name.len() + value.len()).sum()
    }
}

/// Streams with their labels as they came, and the length before compression.
pub type Decoded = (Vec<(String, Vec<Entry>)>, usize);

/// Reads a body; the error is what Loki says.
pub fn decode(body: &[u8]) -> Result<Decoded, String> {
    let plain = snap::raw::Decoder::new().decompress_vec(body).map_err(|_| "snappy: corrupt input".to_owned())?;
    let push = PushRequest::decode(&plain[..]).map_err(|_| "unexpected EOF".to_owned())?;
    let metadata = fields(&plain, 1).map(|stream| fields(stream, 2).map(pairs).collect::<Vec<_>>());
    let streams = push.streams.into_iter().zip(metadata).map(|(stream, metadata)| {
        let entries = stream.entries.into_iter().zip(metadata).map(|(entry, metadata)| {
            let stamp = entry.timestamp.unwrap_or_default();
            Entry { time: stamp.seconds * 1_000_000_000 + i64::from(stamp.nanos), line: entry.line, metadata }
        });
        (stream.labels, entries.collect())
    });
    Ok((streams.collect(), plain.len()))
}

fn pairs(entry: &[u8]) -> Pairs {
    let text = |pair, field| fields(pair, field).last().map(|text| String::from_utf8_lossy(text).into_owned());
    fields(entry, 3).map(|pair| (text(pair, 1).unwrap_or_default(), text(pair, 2).unwrap_or_default())).collect()
}

/// The byte fields of that number. `loki_api` has read the message before: it is well-formed.
fn fields(mut bytes: &[u8], wanted: u64) -> impl Iterator<Item = &[u8]> {
    std::iter::from_fn(move || {
        while !bytes.is_empty() {
            let key = number(&mut bytes);
            match key & 7 {
                0 => drop(number(&mut bytes)),
                1 => bytes = &bytes[8..],
                2 => {
                    let length = usize::try_from(number(&mut bytes)).unwrap();
                    let (inside, rest) = bytes.split_at(length);
                    bytes = rest;
                    if key >> 3 == wanted {
                        return Some(inside);
                    }
                }
                5 => bytes = &bytes[4..],
                other => panic!("wire type {other} passed"),
            }
        }
        None
    })
}

fn number(bytes: &mut &[u8]) -> u64 {
    let mut number = 0;
    for shift in 0..10 {
        let (first, rest) = bytes.split_first().unwrap();
        *bytes = rest;
        number |= u64::from(first & 0x7f) << (7 * shift);
        if first & 0x80 == 0 {
            break;
        }
    }
    number
}
