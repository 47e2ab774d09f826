//! Packed files, unpacked as they are read.

use std::{
    fs::File,
    io::{self, BufReader, Read},
};

use flate2::bufread::MultiGzDecoder;

use super::file::pread_full;

/// What is read of a packed file at a time.
const PACKED_BUFFER: usize = 8 << 10;

/// An unpacking under way.
pub(super) struct Stream {
    decoder: MultiGzDecoder<BufReader<Cursor>>,
    /// Bytes unpacked so far.
    at: u64,
    /// The last of them, which are not done with.
    carry: Vec<u8>,
    /// It could not be unpacked to its end.
    pub(super) faulty: bool,
}

impl Stream {
    /// Begins at the beginning of `file`, whoever else reads it.
    pub(super) fn of(file: &File) -> io::Result<Self> {
        let cursor = Cursor { file: file.try_clone()?, at: 0 };
        let decoder = MultiGzDecoder::new(BufReader::with_capacity(PACKED_BUFFER, cursor));
        Ok(Self { decoder, at: 0, carry: Vec::new(), faulty: false })
    }

    /// Unpacks; what comes before a fault is good, the fault is remembered.
    pub(super) fn unpack(&mut self, room: &mut [u8]) -> usize {
        let mut filled = 0;
        while let Some(room) = room.get_mut(filled..).filter(|room| !room.is_empty() && !self.faulty) {
            match self.decoder.read(room) {
                Ok(0) => break,
                Ok(read) => filled += read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => self.faulty = true,
            }
        }
        self.at += u64::try_from(filled).unwrap_or_default();
        filled
    }

    pub(super) fn fill(&mut self, buffer: &mut [u8], offset: u64) -> usize {
        let begins = self.at.saturating_sub(u64::try_from(self.carry.len()).unwrap_or_default());
        let done = usize::try_from(offset.saturating_sub(begins)).unwrap_or(usize::MAX).min(self.carry.len());
        self.carry.drain(..done);
        while self.at < offset {
            // The first time only: up to the place where another process stopped.
            let wanted = usize::try_from(offset - self.at).unwrap_or(usize::MAX).min(buffer.len());
            if self.unpack(buffer.get_mut(..wanted).unwrap_or_default()) == 0 {
                return 0;
            }
        }
        let carried = self.carry.len().min(buffer.len());
        let (head, room) = buffer.split_at_mut_checked(carried).unwrap_or_default();
        head.copy_from_slice(self.carry.get(..carried).unwrap_or_default());
        let read = self.unpack(room);
        self.carry.extend_from_slice(room.get(..read).unwrap_or_default());
        carried + read
    }
}

impl std::fmt::Debug for Stream {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Stream").field("at", &self.at).finish_non_exhaustive()
    }
}

/// Reads a file from its beginning, whoever else reads it.
struct Cursor {
    file: File,
    at: u64,
}

impl Read for Cursor {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = pread_full(&self.file, buffer, self.at)?;
        self.at += u64::try_from(read).unwrap_or_default();
        Ok(read)
    }
}
