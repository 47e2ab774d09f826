//! The bytes of one request as they come together: unpacked piece by piece where they are compressed, below the ceiling all the way.

use bytes::Bytes;
use flate2::{Decompress, FlushDecompress, Status};

use super::{refusal::Refusal, room::Place};

/// Least that a buffer grows by.
const GROWTH: usize = 8 << 10;

/// Bytes a buffer is made for before any have come, however many were announced.
const TRUSTED: usize = 256 << 10;

/// Bytes unpacked before others get their turn, about: what one piece unpacks to without a larger buffer is not cut.
const STRETCH: usize = 256 << 10;

/// Archives in one request.
const MAX_MEMBERS: usize = 1000;

/// Window of gzip, and what it costs to keep one open.
const WINDOW_BITS: u8 = 15;
const WINDOW: usize = 48 << 10;

/// Collects one request.
#[derive(Debug)]
pub(super) struct Payload {
    place: Place,
    limit: usize,
    /// Bytes that came, before decompression.
    came: usize,
    /// The only piece so far, as it came.
    single: Bytes,
    /// All there is, once it is more than one piece or unpacked.
    buffer: Vec<u8>,
    announced: usize,
    gzip: Option<Gzip>,
}

#[derive(Debug)]
struct Gzip {
    inflate: Decompress,
    /// What was not looked at yet.
    input: Bytes,
    /// Whether the last member is whole.
    ended: bool,
    /// Members that have ended.
    members: usize,
}

impl Payload {
    /// For a request of at most `limit` bytes, before and after decompression.
    pub(super) const fn new(place: Place, limit: usize) -> Self {
        Self { place, limit, came: 0, single: Bytes::new(), buffer: Vec::new(), announced: 0, gzip: None }
    }

    /// So many bytes will come, it says.
    pub(super) fn announce(&mut self, bytes: usize) -> Result<(), Refusal> {
        if bytes > self.limit {
            return Err(Refusal::too_long(self.limit));
        }
        self.announced = bytes;
        Ok(())
    }

    /// They will be compressed.
    pub(super) fn unpack(&mut self) -> Result<(), Refusal> {
        self.grow_place(WINDOW)?;
        self.gzip =
            Some(Gzip { inflate: Decompress::new_gzip(WINDOW_BITS), input: Bytes::new(), ended: false, members: 0 });
        Ok(())
    }

    /// The next piece. Where it is compressed, [`Self::work`] is to be called until all of it is unpacked.
    pub(super) fn push(&mut self, piece: Bytes) -> Result<(), Refusal> {
        self.came = self.came.saturating_add(piece.len());
        if self.came > self.limit {
            return Err(Refusal::too_long(self.limit));
        }
        if let Some(gzip) = &mut self.gzip {
            gzip.input = piece;
            return Ok(());
        }
        if self.came == piece.len() {
            self.grow_place(piece.len())?;
            self.single = piece;
            return Ok(());
        }
        // What was paid for the first piece goes on paying for its copy.
        let paid = std::mem::take(&mut self.single);
        self.reserve(paid.len() + piece.len(), paid.len())?;
        self.buffer.extend_from_slice(&paid);
        self.buffer.extend_from_slice(&piece);
        Ok(())
    }

    /// Unpacks some of what has come; whether there is more to do.
    pub(super) fn work(&mut self) -> Result<bool, Refusal> {
        let until = self.buffer.len().saturating_add(STRETCH);
        while self.gzip.as_ref().is_some_and(|gzip| !gzip.input.is_empty()) {
            if self.buffer.len() >= until {
                return Ok(true);
            }
            self.unpack_some()?;
        }
        Ok(false)
    }

    fn unpack_some(&mut self) -> Result<(), Refusal> {
        if self.buffer.len() == self.buffer.capacity() {
            self.reserve(1, 0)?;
        }
        let Some(gzip) = &mut self.gzip else { return Ok(()) };
        if gzip.ended {
            // Archives one after the other are one archive. Of empty ones there is no end.
            gzip.members += 1;
            if gzip.members > MAX_MEMBERS {
                return Err(Refusal::gzip());
            }
            gzip.inflate = Decompress::new_gzip(WINDOW_BITS);
            gzip.ended = false;
        }
        let (read_before, wrote_before) = (gzip.inflate.total_in(), self.buffer.len());
        let status = gzip.inflate.decompress_vec(&gzip.input, &mut self.buffer, FlushDecompress::None);
        let status = status.map_err(|_| Refusal::gzip())?;
        let read = usize::try_from(gzip.inflate.total_in() - read_before).unwrap_or(usize::MAX);
        gzip.input = gzip.input.slice(read.min(gzip.input.len())..);
        gzip.ended = status == Status::StreamEnd;
        if self.buffer.len() > self.limit {
            return Err(Refusal::too_long(self.limit));
        }
        // With input and room there is progress, or there never is.
        let stuck = read == 0 && self.buffer.len() == wrote_before && !gzip.ended;
        if stuck { Err(Refusal::gzip()) } else { Ok(()) }
    }

    /// The request is over: its bytes, and the place they take until it is answered.
    pub(super) fn finish(mut self) -> Result<(Bytes, Place), Refusal> {
        if let Some(gzip) = self.gzip.take() {
            if !gzip.ended {
                return Err(Refusal::gzip());
            }
            // Some come as an archive of nothing; no buffer was made for it.
            return Ok((self.buffer.into(), self.place));
        }
        let bytes = if self.buffer.is_empty() { self.single } else { self.buffer.into() };
        Ok((bytes, self.place))
    }

    /// Makes room in the buffer for so many more bytes, of which `paid` are paid for.
    fn reserve(&mut self, more: usize, paid: usize) -> Result<(), Refusal> {
        let (length, capacity) = (self.buffer.len(), self.buffer.capacity());
        let least = length.saturating_add(more);
        if least <= capacity {
            return Ok(());
        }
        // One byte above the limit, so that one that is exactly as long is not taken for longer.
        let most = self.limit.saturating_add(1).max(least);
        let doubled = capacity.saturating_mul(2).max(GROWTH);
        let trusted = doubled.max(TRUSTED);
        let wanted = match (&self.gzip, self.announced) {
            (None, 0) => doubled,
            (None, announced) => announced.min(trusted),
            // Requests pack ten to one; a buffer too small is made anew, one too large is not touched.
            (Some(_), announced) => announced.saturating_mul(8).min(trusted).max(doubled),
        };
        let wanted = wanted.clamp(least, most);
        self.grow_place(wanted.saturating_sub(capacity).saturating_sub(paid))?;
        self.buffer.reserve_exact(wanted - length);
        Ok(())
    }

    fn grow_place(&mut self, bytes: usize) -> Result<(), Refusal> {
        self.place.grow(bytes).map_err(Refusal::no_room)
    }
}

#[cfg(test)]
mod tests;
