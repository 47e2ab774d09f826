//! From record to record through one segment, over damage: heads alone are read.

use std::{fs::File, io, os::unix::fs::FileExt as _};

use super::format::{Mark, RECORD, RecordHead, read_record};

/// Read at a time when a mark is looked for.
const CHUNK: usize = 64 * 1024;

/// What can be read at an offset: a file, or bytes in memory.
pub(super) trait Bytes {
    /// Reads until `into` is full or the bytes end; how many were read.
    fn read(&self, into: &mut [u8], at: u64) -> io::Result<usize>;
}

impl Bytes for File {
    fn read(&self, into: &mut [u8], at: u64) -> io::Result<usize> {
        let mut done = 0;
        while let Some(rest) = into.get_mut(done..).filter(|rest| !rest.is_empty()) {
            match self.read_at(rest, at + done as u64) {
                Ok(0) => break,
                Ok(read) => done += read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(done)
    }
}

impl Bytes for [u8] {
    fn read(&self, into: &mut [u8], at: u64) -> io::Result<usize> {
        let rest = usize::try_from(at).ok().and_then(|at| self.get(at..)).unwrap_or_default();
        Ok(into.iter_mut().zip(rest).map(|(into, byte)| *into = *byte).count())
    }
}

/// A walk through the records of a segment.
pub(super) struct Walk<'a, B: Bytes + ?Sized> {
    bytes: &'a B,
    mark: Mark,
    /// Where the next record should begin; after the last one, where whole records end.
    pub(super) at: u64,
    end: u64,
    /// Places without a record, with records behind them, and their bytes.
    pub(super) damage: (u64, u64),
}

/// A record that was met. Only its head has been looked at.
#[derive(Clone, Copy, Debug)]
pub(super) struct Found {
    pub(super) at: u64,
    pub(super) head: RecordHead,
}

impl<'a, B: Bytes + ?Sized> Walk<'a, B> {
    /// From the record at `at` to the end of the segment at `end`.
    pub(super) fn new(bytes: &'a B, mark: Mark, at: u64, end: u64) -> Self {
        Self { bytes, mark, at, end, damage: (0, 0) }
    }

    /// The next record; `None` at the end.
    pub(super) fn next(&mut self) -> io::Result<Option<Found>> {
        let found = match self.record_at(self.at)? {
            Some(found) => Some(found),
            None => self.search(self.at.saturating_add(1))?,
        };
        let Some(found) = found else { return Ok(None) };
        if found.at > self.at {
            self.damage = (self.damage.0 + 1, self.damage.1 + (found.at - self.at));
        }
        self.at = found.at + found.head.length();
        Ok(Some(found))
    }

    /// A record that begins here and ends before the segment does.
    fn record_at(&self, at: u64) -> io::Result<Option<Found>> {
        let mut head = [0; RECORD];
        if at.saturating_add(RECORD as u64) > self.end || self.bytes.read(&mut head, at)? < RECORD {
            return Ok(None);
        }
        let fits = |head: &RecordHead| at.checked_add(head.length()).is_some_and(|end| end <= self.end);
        Ok(read_record(&head, self.mark).filter(fits).map(|head| Found { at, head }))
    }

    /// The first record at or behind `from`.
    fn search(&self, mut from: u64) -> io::Result<Option<Found>> {
        if from.saturating_add(RECORD as u64) > self.end {
            return Ok(None);
        }
        let finder = memchr::memmem::Finder::new(&self.mark);
        let mut chunk = vec![0; CHUNK];
        while from < self.end {
            let read = self.bytes.read(&mut chunk, from)?;
            let chunk = chunk.get(..read).unwrap_or_default();
            for at in finder.find_iter(chunk) {
                if let Some(found) = self.record_at(from + at as u64)? {
                    return Ok(Some(found));
                }
            }
            if read < CHUNK {
                break;
            }
            // A mark may lie across two chunks.
            from += (CHUNK - self.mark.len() + 1) as u64;
        }
        Ok(None)
    }

    /// The meta of a record, when it is what was written.
    pub(super) fn meta(&self, found: &Found) -> io::Result<Option<Vec<u8>>> {
        let meta = self.slice(found.at + RECORD as u64, found.head.meta)?;
        Ok(meta.filter(|meta| found.head.is_meta(meta)))
    }

    /// The meta and the payload of a record, when they are what was written.
    pub(super) fn body(&self, found: &Found) -> io::Result<Option<(Vec<u8>, Vec<u8>)>> {
        let Some(meta) = self.meta(found)? else { return Ok(None) };
        let payload = self.slice(found.at + RECORD as u64 + u64::from(found.head.meta), found.head.payload)?;
        Ok(payload.filter(|payload| found.head.is_payload(payload)).map(|payload| (meta, payload)))
    }

    /// Within [`Self::end`], as records found are: no length from the disk is believed before that.
    fn slice(&self, at: u64, length: u32) -> io::Result<Option<Vec<u8>>> {
        let mut bytes = vec![0; usize::try_from(length).map_err(io::Error::other)?];
        let read = self.bytes.read(&mut bytes, at)?;
        Ok((read == bytes.len()).then_some(bytes))
    }
}
