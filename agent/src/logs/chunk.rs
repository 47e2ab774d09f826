//! A run of one stream's lines, encoded and ready to be sent: what is queued, spooled, sent again and acknowledged as a whole.

use std::sync::Arc;

use super::{
    Position,
    piece::{Mark, Rank},
    stream::{Origin, Stream},
};
use crate::model::LogStream;

/// A chunk is closed when its entries have this many bytes. Loki forgets duplicates of what is further apart than 256 KiB, so the
/// whole of what is sent again after a lost answer should be well below; and one stream's share of a push is at most this.
pub(super) const CHUNK_BYTES: usize = 64 << 10;

/// Room for one entry more than usual, so that the last one of a chunk need not make its buffer twice as large.
const SPARE: usize = 2 << 10;

/// A closed chunk keeps no more room than this: it may wait.
const MOST_SPARE: usize = 8 << 10;

/// How far a chunk takes the reader of one output of one container.
#[derive(Clone, Debug)]
pub(super) struct Progress {
    /// The container.
    pub origin: Arc<Origin>,
    /// Which output.
    pub output: LogStream,
    /// Where the reader stood behind the last of its lines.
    pub end: Position,
    /// That place in the reader's own order; `None` for a reader of an earlier process.
    pub rank: Option<Rank>,
    /// Its lines in the chunk.
    pub lines: u32,
}

/// A closed chunk.
#[derive(Debug)]
pub(super) struct Chunk {
    /// Where it goes.
    pub stream: Arc<Stream>,
    /// Encoded entries, one behind the other.
    pub entries: Vec<u8>,
    /// How many.
    pub lines: u32,
    /// Time of the oldest line, in nanoseconds since 1970.
    pub first: i64,
    /// Time of the newest.
    pub last: i64,
    /// Whose, and how far.
    pub progress: Vec<Progress>,
}

impl Chunk {
    /// Its lines in two chunks, the first without progress; `None` for a single line, or entries that are not what they should be.
    pub(super) fn halve(&self) -> Option<(Self, Self)> {
        let half = self.lines / 2;
        let mut at = 0;
        for _ in 0..half {
            at += entry_length(self.entries.get(at..)?)?;
        }
        let (first, second) = self.entries.split_at_checked(at).filter(|_| half > 0)?;
        let part = |entries: &[u8], lines, progress| Self {
            stream: Arc::clone(&self.stream),
            entries: entries.to_vec(),
            lines,
            first: self.first,
            last: self.last,
            progress,
        };
        Some((part(first, half, Vec::new()), part(second, self.lines - half, self.progress.clone())))
    }

    /// What [`Self::halve`] has parted: `before`, and the last part, which alone takes the reader further.
    pub(super) fn join(before: &[Arc<Self>], last: &Self) -> Self {
        let parts = || before.iter().map(AsRef::as_ref).chain([last]);
        Self {
            stream: Arc::clone(&last.stream),
            entries: parts().flat_map(|part| part.entries.iter().copied()).collect(),
            lines: parts().map(|part| part.lines).sum(),
            first: parts().map(|part| part.first).min().unwrap_or(last.first),
            last: parts().map(|part| part.last).max().unwrap_or(last.last),
            progress: last.progress.clone(),
        }
    }
}

/// Bytes of the protobuf field in front: a tag of one byte, a length (varint), and so many bytes.
fn entry_length(bytes: &[u8]) -> Option<usize> {
    let mut length = 0_usize;
    for (at, byte) in bytes.iter().enumerate().skip(1).take(5) {
        length |= usize::from(byte & 0x7f) << (7 * (at - 1));
        if byte & 0x80 == 0 {
            return Some(at + 1 + length);
        }
    }
    None
}

/// A chunk that still grows.
#[derive(Debug)]
pub(super) struct Builder {
    stream: Arc<Stream>,
    entries: Vec<u8>,
    lines: u32,
    first: i64,
    last: i64,
    progress: Vec<Progress>,
}

impl Builder {
    /// An empty chunk, with room for about so many bytes.
    pub(super) fn new(stream: Arc<Stream>, bytes: usize) -> Self {
        let entries = Vec::with_capacity(bytes.min(CHUNK_BYTES) + SPARE);
        Self { stream, entries, lines: 0, first: i64::MAX, last: i64::MIN, progress: Vec::new() }
    }

    /// Where the next entry is to be encoded; [`Self::took`] must follow.
    pub(super) fn entries(&mut self) -> &mut Vec<u8> {
        if self.entries.capacity() - self.entries.len() < SPARE {
            // Twice as much as long as it is small, but not twice a chunk.
            let room = self.entries.len().min(CHUNK_BYTES - self.entries.len().min(CHUNK_BYTES)) + SPARE;
            self.entries.reserve_exact(room);
        }
        &mut self.entries
    }

    /// An entry of this time was encoded. `from` says whose it is and how far the reader is behind it; `true` when it is the first of
    /// its container and output in this chunk.
    pub(super) fn took(&mut self, time: i64, from: Option<(&Arc<Origin>, LogStream, Mark)>) -> bool {
        self.lines += 1;
        self.first = self.first.min(time);
        self.last = self.last.max(time);
        let Some((origin, output, end)) = from else { return false };
        let same = |known: &&mut Progress| Arc::ptr_eq(&known.origin, origin) && known.output == output;
        if let Some(known) = self.progress.iter_mut().find(same) {
            (known.end, known.rank) = (end.position, Some(end.rank));
            known.lines += 1;
            return false;
        }
        let (origin, rank) = (Arc::clone(origin), Some(end.rank));
        self.progress.push(Progress { origin, output, end: end.position, rank, lines: 1 });
        true
    }

    /// Bytes of entries so far.
    pub(super) const fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether it has no entry.
    pub(super) const fn is_empty(&self) -> bool {
        self.lines == 0
    }

    /// Closes it.
    pub(super) fn close(self) -> Chunk {
        let Self { stream, mut entries, lines, first, last, progress } = self;
        if entries.capacity() - entries.len() > MOST_SPARE {
            entries.shrink_to_fit();
        }
        Chunk { stream, entries, lines, first, last, progress }
    }
}

/// What of a chunk is written beside its entries when it goes to disk: enough to go on reading behind it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Meta {
    /// As [`Chunk::first`].
    pub first: i64,
    /// As [`Chunk::last`].
    pub last: i64,
    /// Container id, output, position behind the last line, lines.
    pub progress: Vec<(Arc<str>, LogStream, Position, u32)>,
}

/// Longest container id that is written down.
const MAX_ID: usize = 255;

impl Meta {
    /// That of a chunk.
    pub(super) fn of(chunk: &Chunk) -> Self {
        let progress = chunk
            .progress
            .iter()
            .map(|known| (Arc::<str>::from(known.origin.id.as_str()), known.output, known.end, known.lines));
        Self { first: chunk.first, last: chunk.last, progress: progress.collect() }
    }

    /// Its form on disk: times, then for each container and output the length of the id, the id, the output, the position, the lines.
    pub(super) fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(16 + self.progress.len() * 96);
        out.extend_from_slice(&self.first.to_le_bytes());
        out.extend_from_slice(&self.last.to_le_bytes());
        for (id, output, position, lines) in &self.progress {
            // Ids are 64 characters; the engine edge lets nothing longer than this through.
            let id = id.as_bytes().get(..MAX_ID).unwrap_or(id.as_bytes());
            out.push(u8::try_from(id.len()).unwrap_or(0));
            out.extend_from_slice(id);
            out.push(u8::from(*output == LogStream::Stderr));
            out.extend_from_slice(&position.encode());
            out.extend_from_slice(&lines.to_le_bytes());
        }
        out
    }

    /// Reads [`Self::encode`]'s form; `None` for anything else.
    pub(super) fn decode(bytes: &[u8]) -> Option<Self> {
        let (first, rest) = bytes.split_first_chunk::<8>()?;
        let (last, mut rest) = rest.split_first_chunk::<8>()?;
        let mut progress = Vec::new();
        while let Some((length, after)) = rest.split_first() {
            let (id, after) = after.split_at_checked(usize::from(*length))?;
            let (output, after) = after.split_first()?;
            let (position, after) = after.split_at_checked(Position::ENCODED)?;
            let (lines, after) = after.split_first_chunk::<4>()?;
            let output = match output {
                0 => LogStream::Stdout,
                1 => LogStream::Stderr,
                _ => return None,
            };
            let id = std::str::from_utf8(id).ok()?.into();
            progress.push((id, output, Position::decode(position)?, u32::from_le_bytes(*lines)));
            rest = after;
        }
        Some(Self { first: i64::from_le_bytes(*first), last: i64::from_le_bytes(*last), progress })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_is_written_beside_a_chunk_comes_back(
            first: i64, last: i64,
            rows in proptest::collection::vec(("[0-9a-f]{0,64}", any::<bool>(), any::<(u64, u64, u64)>(), any::<u32>()), 0..5),
        ) {
            let progress = rows.into_iter().map(|(id, stderr, (inode, fingerprint, offset), lines)| {
                let output = if stderr { LogStream::Stderr } else { LogStream::Stdout };
                (id.into(), output, Position::File { inode, fingerprint, offset }, lines)
            });
            let meta = Meta { first, last, progress: progress.collect() };
            let bytes = meta.encode();
            prop_assert_eq!(Meta::decode(&bytes), Some(meta));
            for end in 0..bytes.len() {
                let cut = Meta::decode(bytes.get(..end).unwrap());
                prop_assert!(cut.is_none_or(|cut| cut.encode().len() == end));
            }
        }
    }
}
