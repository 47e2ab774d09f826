//! A buffer between two scrapes.

use bytes::Bytes;

/// A buffer that goes out with an answer and is used again once the answer has been sent: no page is copied, and a steady
/// scraper costs no allocation.
#[derive(Debug, Default)]
pub(super) struct Spare {
    kept: Vec<u8>,
    lent: Option<Bytes>,
}

impl Spare {
    /// An empty buffer: the lent one when it is back, else the kept one.
    pub(super) fn take(&mut self) -> Vec<u8> {
        if let Some(Ok(mut returned)) = self.lent.take().map(Bytes::try_into_mut) {
            returned.clear();
            return returned.into();
        }
        std::mem::take(&mut self.kept)
    }

    /// Keeps a buffer for the next time.
    pub(super) fn keep(&mut self, mut buffer: Vec<u8>) {
        buffer.clear();
        self.kept = buffer;
    }

    /// Lends a buffer out.
    pub(super) fn share(&mut self, buffer: Vec<u8>) -> Bytes {
        let bytes = Bytes::from(buffer);
        self.lent = Some(bytes.clone());
        bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_buffer_that_came_back_is_used_again() {
        let mut spare = Spare::default();
        let lent = spare.share(b"page".to_vec());
        let address = lent.as_ptr();
        drop(lent);
        let again = spare.take();
        assert_eq!((again.as_ptr(), again.len()), (address, 0));
        let still_out = spare.share(again);
        assert_eq!(spare.take().capacity(), 0, "a buffer on the wire is not touched");
        drop(still_out);
    }
}
