//! The bytes of a journal. Pure.
//!
//! ```text
//! "spyhopJ", version (1), then entries, numbers little-endian:
//! CRC-32 of the rest (4), length of the key (4), of the value or 0xffffffff for a removal (4), key, value
//! ```

use std::collections::BTreeMap;

use super::{MAX_ENTRIES, MAX_KEY, MAX_VALUE};

pub(super) const MAGIC: [u8; 7] = *b"spyhopJ";
pub(super) const VERSION: u8 = 1;
/// Bytes before the first entry.
pub(super) const HEAD: u64 = 8;
const ENTRY: u64 = 12;
const REMOVED: u32 = u32::MAX;

/// The entries.
pub(super) type Map = BTreeMap<Box<[u8]>, Box<[u8]>>;

/// Bytes of an entry in the file.
pub(super) fn size(key: &[u8], value: &[u8]) -> u64 {
    ENTRY + (key.len() + value.len()) as u64
}

pub(super) fn put(into: &mut Vec<u8>, key: &[u8], value: Option<&[u8]>) {
    let length = |bytes: &[u8]| u32::try_from(bytes.len()).unwrap_or(REMOVED);
    let (key_length, value_length) = (length(key).to_le_bytes(), value.map_or(REMOVED, length).to_le_bytes());
    let value = value.unwrap_or_default();
    let mut crc = crc32fast::Hasher::new();
    [&key_length, &value_length, key, value].iter().for_each(|part| crc.update(part));
    into.extend_from_slice(&crc.finalize().to_le_bytes());
    [&key_length, &value_length, key, value].iter().for_each(|part| into.extend_from_slice(part));
}

/// What the bytes of a file say.
pub(super) struct Content {
    pub(super) entries: Map,
    /// Where what is believed ends.
    pub(super) end: u64,
    /// What stands there is wrong, rather than cut off.
    pub(super) damaged: bool,
}

/// Reads a file as far as it can be believed. Pure. `Err`: it is not a journal, or one of the version in there.
pub(super) fn understand(bytes: &[u8]) -> Result<Content, Option<u8>> {
    let mut content = Content { entries: Map::new(), end: 0, damaged: false };
    let (magic, rest) = bytes.split_at(bytes.len().min(MAGIC.len()));
    if !MAGIC.starts_with(magic) {
        return Err(None);
    }
    let mut rest = match rest.split_first() {
        None => return Ok(content),
        Some((&VERSION, rest)) => rest,
        Some((version, _)) => return Err(Some(*version)),
    };
    content.end = HEAD;
    while !rest.is_empty() {
        match next(rest) {
            Next::Entry { key, value, after } => {
                match value {
                    Some(value) => content.entries.insert(key.into(), value.into()),
                    None => content.entries.remove(key),
                };
                content.end += (rest.len() - after.len()) as u64;
                content.damaged = content.entries.len() > MAX_ENTRIES;
                rest = after;
            }
            Next::Torn => break,
            Next::Wrong => content.damaged = true,
        }
        if content.damaged {
            break;
        }
    }
    Ok(content)
}

enum Next<'a> {
    Entry { key: &'a [u8], value: Option<&'a [u8]>, after: &'a [u8] },
    Torn,
    Wrong,
}

fn next(bytes: &[u8]) -> Next<'_> {
    let number = |at: usize| bytes.get(at..at + 4)?.try_into().ok().map(u32::from_le_bytes);
    let (Some(crc), Some(key_length), Some(value_length)) = (number(0), number(4), number(8)) else {
        return Next::Torn;
    };
    let removal = value_length == REMOVED;
    let value_length = if removal { 0 } else { value_length };
    let lengths = (usize::try_from(key_length), usize::try_from(value_length));
    let (Ok(key_length), Ok(value_length)) = lengths else { return Next::Wrong };
    if key_length > MAX_KEY || value_length > MAX_VALUE {
        return Next::Wrong;
    }
    let key_end = 12 + key_length;
    let parts = (bytes.get(4..), bytes.get(12..key_end), bytes.get(key_end..), bytes.get(key_end + value_length..));
    let (Some(checked), Some(key), Some(value), Some(after)) = parts else { return Next::Torn };
    let (checked, value) = (checked.get(..8 + key_length + value_length), value.get(..value_length));
    let (Some(checked), Some(value)) = (checked, value) else { return Next::Torn };
    if crc32fast::hash(checked) != crc {
        return Next::Wrong;
    }
    Next::Entry { key, value: (!removal).then_some(value), after }
}
