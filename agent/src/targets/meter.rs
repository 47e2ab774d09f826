//! Counts what a body is once it is unpacked, and throws the unpacked bytes away: a page of zeros packs a thousand to one,
//! and whoever is behind the agent would unpack it.

use flate2::{Decompress, FlushDecompress, Status};

use super::body::BodyError;

/// Bytes unpacked at a time.
const SCRATCH: usize = 8 << 10;

/// Window of gzip.
const WINDOW_BITS: u8 = 15;

/// Counts up to a ceiling.
#[derive(Debug)]
pub(super) struct Meter {
    left: u64,
    limit: u64,
    unpack: Option<Unpack>,
}

#[derive(Debug)]
struct Unpack {
    inflate: Decompress,
    done: bool,
}

impl Meter {
    pub(super) fn new(gzip: bool, limit: u64) -> Self {
        let unpack = gzip.then(|| Unpack { inflate: Decompress::new_gzip(WINDOW_BITS), done: false });
        Self { left: limit, limit, unpack }
    }

    /// Counts one piece.
    pub(super) fn count(&mut self, data: &[u8]) -> Result<(), BodyError> {
        let Some(unpack) = &mut self.unpack else {
            return take(&mut self.left, data.len(), self.limit);
        };
        let mut data = data;
        let mut scratch = [0; SCRATCH];
        loop {
            // Bytes behind the end could be a second member, which would be unpacked unseen.
            if unpack.done {
                return if data.is_empty() { Ok(()) } else { Err(BodyError::Encoding) };
            }
            let (before_in, before_out) = (unpack.inflate.total_in(), unpack.inflate.total_out());
            let status = unpack.inflate.decompress(data, &mut scratch, FlushDecompress::None);
            let status = status.map_err(|_| BodyError::Encoding)?;
            let read = usize::try_from(unpack.inflate.total_in() - before_in).unwrap_or(usize::MAX);
            let wrote = usize::try_from(unpack.inflate.total_out() - before_out).unwrap_or(usize::MAX);
            take(&mut self.left, wrote, self.limit)?;
            data = data.get(read..).unwrap_or_default();
            unpack.done = status == Status::StreamEnd;
            let idle = read == 0 && wrote == 0;
            if !unpack.done && (idle || (data.is_empty() && wrote < SCRATCH)) {
                return Ok(());
            }
        }
    }

    /// The body is over; an archive must be, too.
    pub(super) const fn finish(&self) -> Result<(), BodyError> {
        match &self.unpack {
            Some(Unpack { done: false, .. }) => Err(BodyError::Encoding),
            _ => Ok(()),
        }
    }
}

fn take(left: &mut u64, bytes: usize, limit: u64) -> Result<(), BodyError> {
    let rest = u64::try_from(bytes).ok().and_then(|bytes| left.checked_sub(bytes));
    *left = rest.ok_or(BodyError::TooLarge(limit))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::{Compression, write::GzEncoder};
    use proptest::prelude::*;

    use super::*;

    fn packed(plain: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(plain).unwrap();
        encoder.finish().unwrap()
    }

    fn run(gzip: bool, limit: u64, body: &[u8], piece: usize) -> Result<(), BodyError> {
        let mut meter = Meter::new(gzip, limit);
        body.chunks(piece).try_for_each(|piece| meter.count(piece))?;
        meter.finish()
    }

    #[test]
    fn a_bomb_is_as_large_as_it_would_be() {
        let bomb = packed(&vec![b'0'; 10 << 20]);
        assert!(bomb.len() < 20 << 10);
        for piece in [1, 1000, 1 << 20] {
            assert!(matches!(run(true, (10 << 20) - 1, &bomb, piece), Err(BodyError::TooLarge(_))), "{piece}");
            assert!(run(true, 10 << 20, &bomb, piece).is_ok(), "{piece}");
        }
    }

    #[test]
    fn what_is_no_whole_archive_is_refused() {
        let good = packed(b"up 1\n");
        assert!(run(true, 5, &good, 3).is_ok());
        assert!(matches!(run(true, 4, &good, 3), Err(BodyError::TooLarge(4))));
        let cut = good.get(..good.len() - 1).unwrap();
        assert!(matches!(run(true, 99, cut, 3), Err(BodyError::Encoding)));
        let twice = [good.clone(), good.clone()].concat();
        assert!(matches!(run(true, 99, &twice, 3), Err(BodyError::Encoding)));
        assert!(matches!(run(true, 99, b"up 1\n", 3), Err(BodyError::Encoding)));
        assert!(matches!(run(true, 99, b"", 3), Err(BodyError::Encoding)));
    }

    proptest! {
        #[test]
        fn plain_and_packed_bodies_count_alike(plain in prop::collection::vec(0_u8..4, 0..30_000), limit in 0_u64..30_000, piece in 1_usize..5000) {
            let fits = plain.len() as u64 <= limit;
            prop_assert_eq!(run(false, limit, &plain, piece).is_ok(), fits);
            prop_assert_eq!(run(true, limit, &packed(&plain), piece).is_ok(), fits);
        }
    }
}
