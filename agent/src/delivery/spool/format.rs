//! The bytes of a segment. Pure.
//!
//! ```text
//! 0   "spyhopS", version (1)                                          numbers are little-endian
//! 8   mark: eight random bytes, different in each segment
//! 16  length of the key (4), CRC-32 of bytes 0 to 20 and the key (4)
//! 24  two slots of 16: generation (4), offset of the first record not taken out yet (8), CRC-32 of the mark and these (4)
//! 56  key, then records:
//!     mark (8), CRC-32 of what follows up to the meta (4), of the meta (4), of the payload (4),
//!     time (8), lines (4), length of the meta (4), of the payload (4), meta, payload
//! ```
//!
//! The mark is what a reader looks for behind damage. It is drawn at random, so that nobody whose bytes end up in a payload can write a
//! record of his own in there.

use std::hash::{BuildHasher as _, RandomState};

/// The only version there is.
pub(super) const VERSION: u8 = 1;
const MAGIC: &[u8; 7] = b"spyhopS";
const SLOT: usize = 16;
const SLOTS: usize = 24;
/// Bytes before the key.
pub(super) const FIXED: usize = SLOTS + 2 * SLOT;
/// Bytes before a record's meta.
pub(super) const RECORD: usize = 40;

/// Begins every record of one segment.
pub(super) type Mark = [u8; 8];

/// Draws a mark.
pub(super) fn draw_mark(seed: u64) -> Mark {
    // Keyed at random by the standard library: no need for a source of its own.
    RandomState::new().hash_one(seed).to_le_bytes()
}

/// What the head of a segment says.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct SegmentHead {
    pub(super) mark: Mark,
    pub(super) key: Vec<u8>,
    /// The newest slot; generation 0 and the first record where none was written.
    pub(super) slot: Slot,
    /// Slots that were written and cannot be read.
    pub(super) bad_slots: u32,
}

/// How far a segment has been taken out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Slot {
    pub(super) generation: u32,
    pub(super) position: u64,
}

/// Why the head of a segment cannot be read.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Unreadable {
    /// It ends before its head does: there is no record in it.
    Short,
    /// Another version of this program wrote it.
    Version(u8),
    /// Its bytes are wrong.
    Damaged,
}

/// The head of a new segment, nothing taken out.
pub(super) fn put_head(into: &mut Vec<u8>, mark: Mark, key: &[u8]) {
    let from = into.len();
    into.extend_from_slice(MAGIC);
    into.push(VERSION);
    into.extend_from_slice(&mark);
    into.extend_from_slice(&length(key).to_le_bytes());
    let crc = crc(&[into.get(from..).unwrap_or_default(), key]);
    into.extend_from_slice(&crc.to_le_bytes());
    into.extend_from_slice(&[0; 2 * SLOT]);
    into.extend_from_slice(key);
}

/// Reads the head from the first bytes of a file: as many as [`FIXED`] and the longest key, or the whole file.
pub(super) fn read_head(bytes: &[u8], longest_key: usize) -> Result<SegmentHead, Unreadable> {
    let Some(magic) = bytes.get(..MAGIC.len()) else { return Err(Unreadable::Short) };
    let Some(version) = bytes.get(MAGIC.len()) else { return Err(Unreadable::Short) };
    if magic != MAGIC {
        return Err(Unreadable::Damaged);
    }
    if *version != VERSION {
        return Err(Unreadable::Version(*version));
    }
    let (Some(mark), Some(key_length), Some(checksum)) = (take(bytes, 8), u32_at(bytes, 16), u32_at(bytes, 20)) else {
        return Err(Unreadable::Short);
    };
    let key_length = usize::try_from(key_length).unwrap_or(usize::MAX);
    if key_length > longest_key {
        return Err(Unreadable::Damaged);
    }
    let Some(key) = bytes.get(FIXED..FIXED + key_length) else { return Err(Unreadable::Short) };
    if crc(&[bytes.get(..20).unwrap_or_default(), key]) != checksum {
        return Err(Unreadable::Damaged);
    }
    let mut slot = Slot { generation: 0, position: u64::try_from(FIXED + key_length).unwrap_or(u64::MAX) };
    let mut bad_slots = 0;
    for at in [SLOTS, SLOTS + SLOT] {
        let bytes = bytes.get(at..at + SLOT).unwrap_or_default();
        match read_slot(bytes, mark) {
            Some(read) if read.generation > slot.generation && read.position >= slot.position => slot = read,
            Some(_) => {}
            None => bad_slots += u32::from(bytes.iter().any(|byte| *byte != 0)),
        }
    }
    Ok(SegmentHead { mark, key: key.to_vec(), slot, bad_slots })
}

/// The bytes of a slot, and where they stand: the two take turns, so that one is whole whatever happens to the other.
pub(super) fn put_slot(slot: Slot, mark: Mark) -> (u64, [u8; SLOT]) {
    let (generation, position) = (slot.generation.to_le_bytes(), slot.position.to_le_bytes());
    let crc = crc(&[&mark, &generation, &position]).to_le_bytes();
    let mut bytes = [0; SLOT];
    let parts = generation.iter().chain(&position).chain(&crc);
    bytes.iter_mut().zip(parts).for_each(|(into, byte)| *into = *byte);
    (if slot.generation.is_multiple_of(2) { SLOTS as u64 } else { (SLOTS + SLOT) as u64 }, bytes)
}

fn read_slot(bytes: &[u8], mark: Mark) -> Option<Slot> {
    let (generation, position) = (u32_at(bytes, 0)?, u64::from_le_bytes(take(bytes, 4)?));
    let whole = u32_at(bytes, 12)? == crc(&[&mark, bytes.get(..12)?]);
    whole.then_some(Slot { generation, position })
}

/// What stands before the meta of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct RecordHead {
    pub(super) time_ms: i64,
    pub(super) lines: u32,
    pub(super) meta: u32,
    pub(super) payload: u32,
    meta_crc: u32,
    payload_crc: u32,
}

impl RecordHead {
    /// Bytes of the whole record.
    pub(super) fn length(&self) -> u64 {
        RECORD as u64 + u64::from(self.meta) + u64::from(self.payload)
    }

    /// Whether these are the bytes it was written with.
    pub(super) fn is_meta(&self, meta: &[u8]) -> bool {
        length(meta) == self.meta && crc(&[meta]) == self.meta_crc
    }

    /// Whether these are the bytes it was written with.
    pub(super) fn is_payload(&self, payload: &[u8]) -> bool {
        length(payload) == self.payload && crc(&[payload]) == self.payload_crc
    }
}

/// Puts a record at the end of `into`. Lengths beyond the limits of the spool are its business.
pub(super) fn put_record(into: &mut Vec<u8>, mark: Mark, time_ms: i64, lines: u32, meta: &[u8], payload: &[u8]) {
    let mut head = [0; RECORD - 12];
    let fields = [crc(&[meta]).to_le_bytes(), crc(&[payload]).to_le_bytes()].into_iter().flatten();
    let fields = fields.chain(time_ms.to_le_bytes());
    let fields = fields.chain([lines, length(meta), length(payload)].into_iter().flat_map(u32::to_le_bytes));
    head.iter_mut().zip(fields).for_each(|(into, byte)| *into = byte);
    into.extend_from_slice(&mark);
    into.extend_from_slice(&crc(&[&head]).to_le_bytes());
    into.extend_from_slice(&head);
    into.extend_from_slice(meta);
    into.extend_from_slice(payload);
}

/// Reads what stands before a record's meta; `None` where no record of this segment begins.
pub(super) fn read_record(bytes: &[u8], mark: Mark) -> Option<RecordHead> {
    let fields = bytes.get(12..RECORD)?;
    if take(bytes, 0)? != mark || u32_at(bytes, 8)? != crc(&[fields]) {
        return None;
    }
    Some(RecordHead {
        meta_crc: u32_at(bytes, 12)?,
        payload_crc: u32_at(bytes, 16)?,
        time_ms: i64::from_le_bytes(take(bytes, 20)?),
        lines: u32_at(bytes, 28)?,
        meta: u32_at(bytes, 32)?,
        payload: u32_at(bytes, 36)?,
    })
}

fn crc(parts: &[&[u8]]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    parts.iter().for_each(|part| hasher.update(part));
    hasher.finalize()
}

fn length(bytes: &[u8]) -> u32 {
    u32::try_from(bytes.len()).unwrap_or(u32::MAX)
}

fn take(bytes: &[u8], at: usize) -> Option<[u8; 8]> {
    bytes.get(at..at + 8)?.try_into().ok()
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}
