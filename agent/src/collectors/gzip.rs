//! gzip for pages, with a compressor that is kept: its tables are a quarter of a megabyte.

use flate2::{Compress, Compression, FlushCompress, Status};

/// A reusable compressor. Level 1: higher levels cost three times the time for a third of the size, and the time is more
/// than everything else a scrape does.
#[derive(Debug)]
pub(super) struct Gzip {
    compress: Compress,
    last_size: usize,
}

/// Largest window of the format.
const WINDOW_BITS: u8 = 15;

impl Gzip {
    pub(super) fn new() -> Self {
        Self { compress: Compress::new_gzip(Compression::fast(), WINDOW_BITS), last_size: 0 }
    }

    /// Appends the compressed `page` to `out`. `false` when the compressor failed; `out` is then of no use.
    pub(super) fn write(&mut self, page: &[u8], out: &mut Vec<u8>) -> bool {
        self.compress.reset();
        // Pages of consecutive scrapes are alike: what the last one took and a little more is rarely too little.
        out.reserve(self.last_size + self.last_size / 16 + MIN_ROOM);
        loop {
            let done = usize::try_from(self.compress.total_in()).unwrap_or(usize::MAX);
            let rest = page.get(done..).unwrap_or_default();
            match self.compress.compress_vec(rest, out, FlushCompress::Finish) {
                Ok(Status::StreamEnd) => break,
                Ok(Status::Ok | Status::BufError) => out.reserve(out.len() / 2 + MIN_ROOM),
                Err(_) => return false,
            }
        }
        self.last_size = out.len();
        true
    }
}

/// Room the compressor is given at least; below it would make no progress on the trailer.
const MIN_ROOM: usize = 4096;

#[cfg(test)]
mod tests {
    use std::io::Read;

    use flate2::read::GzDecoder;
    use proptest::prelude::*;

    use super::*;

    fn read_back(compressed: &[u8]) -> Vec<u8> {
        let mut page = Vec::new();
        GzDecoder::new(compressed).read_to_end(&mut page).unwrap();
        page
    }

    #[test]
    fn one_compressor_serves_many_pages() {
        let mut gzip = Gzip::new();
        let mut random = 1_u32;
        let mut noise = || {
            random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (random >> 24) as u8
        };
        let pages: [Vec<u8>; 4] = [
            Vec::new(),
            b"container_last_seen 1\n".repeat(10_000),
            (0..200_000).map(|_| noise()).collect(),
            b"x".to_vec(),
        ];
        for page in &pages {
            let mut out = Vec::new();
            assert!(gzip.write(page, &mut out));
            assert_eq!(&read_back(&out), page);
        }
    }

    proptest! {
        #[test]
        fn reads_back(page in prop::collection::vec(any::<u8>(), 0..5000)) {
            let mut out = Vec::new();
            prop_assert!(Gzip::new().write(&page, &mut out));
            prop_assert_eq!(read_back(&out), page);
        }
    }
}
