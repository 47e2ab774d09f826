//! One look at the bytes of one file.

use std::io;

use super::{Progress, file::LogFile};
use crate::logs::{
    Mark, Piece, Position, Rank,
    json_file::{Decoder, Step},
};

/// What is read at a time. Larger reads cost cache misses, smaller ones system calls.
pub(super) const CHUNK: usize = 128 << 10;
/// A pause this short, in nanoseconds, is no file missed: none fills sooner.
const LEAST_PAUSE: i64 = 500_000;

/// What reading needs beside a [`Tail`]; one serves all of them.
#[derive(Debug)]
pub struct Buffer {
    pub(super) bytes: Vec<u8>,
    decoder: Decoder,
}

impl Default for Buffer {
    fn default() -> Self {
        Self { bytes: vec![0; CHUNK], decoder: Decoder::default() }
    }
}

impl Buffer {
    pub(super) fn shrink(&mut self) {
        if self.bytes.len() > CHUNK {
            self.bytes = vec![0; CHUNK];
        }
        self.decoder.shrink();
    }
}

/// How a look at the bytes of a file ended.
pub(super) enum Pass {
    /// There may be more.
    Read,
    /// A record is longer than what was read.
    Longer,
    /// At the end of the file, as it was.
    End,
}

/// Reads up to `wanted` bytes of a file and hands on the records in them.
pub(super) fn pass(
    file: &mut LogFile,
    buffer: &mut Buffer,
    wanted: usize,
    take: &mut dyn FnMut(Piece<'_>),
    progress: &mut Progress,
) -> io::Result<Pass> {
    if buffer.bytes.len() < wanted {
        buffer.bytes.resize(wanted, 0);
    }
    let room = buffer.bytes.get_mut(..wanted).unwrap_or_default();
    let filled = file.fill(room)?;
    let bytes = room.get(..filled).unwrap_or_default();
    // Whoever has seen a whole record finds a fingerprint.
    let fingerprint = file.ensure_fingerprint()?.unwrap_or_default();
    let inode = file.identity().inode;
    let (begin, mut at) = (file.offset, 0);
    let mark = |at: usize| {
        let offset = begin + u64::try_from(at).unwrap_or_default();
        Mark { position: Position::File { inode, fingerprint, offset }, rank: Rank(file.serial, offset) }
    };
    let mut hollow = file.hollow;
    let mut end = mark(0);
    loop {
        let rest = bytes.get(at..).unwrap_or_default();
        match buffer.decoder.step(rest) {
            Step::Record { record, used } => {
                let start = if at == 0 { mark(0) } else { end };
                at += used;
                end = mark(at);
                let (stream, time, text, ended) = (record.stream, record.time, record.text, record.ended);
                if let Some((before, pause)) = file.after.take() {
                    progress.rotations_missed += u32::from(time.saturating_sub(before) > pause.max(LEAST_PAUSE));
                }
                file.times = match file.times {
                    Some((first, _)) => Some((first, time)),
                    None if hollow || file.offset == 0 => Some((time, time)),
                    None => None,
                };
                take(Piece { stream, time, text, ended, start, end });
                progress.records += 1;
                hollow = false;
            }
            Step::Corrupt(used) => {
                // A hole from the beginning on is what emptying a file leaves that is written to at its old end.
                hollow &= rest.first() == Some(&0);
                progress.corrupt_bytes += if hollow { 0 } else { u64::try_from(used).unwrap_or_default() };
                at += used;
                end = mark(at);
            }
            Step::Oversized(used) => {
                progress.skipped_records += 1;
                progress.corrupt_bytes += u64::try_from(used).unwrap_or_default();
                hollow = false;
                at += used;
                end = mark(at);
            }
            Step::More => break,
        }
    }
    let nothing_but_nuls = filled > 0 && at == filled && bytes.iter().all(|byte| *byte == 0);
    progress.bytes += u64::try_from(at).unwrap_or_default();
    (file.offset, file.hollow) = (end.rank.1, hollow);
    if nothing_but_nuls {
        let behind = file.behind_hole()?;
        progress.corrupt_bytes += if hollow { 0 } else { behind.saturating_sub(file.offset) };
        file.offset = behind;
    }
    Ok(match filled < wanted {
        true => Pass::End,
        false if at == 0 => Pass::Longer,
        false => Pass::Read,
    })
}
