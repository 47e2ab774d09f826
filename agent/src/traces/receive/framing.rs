//! Messages of gRPC in the body of a request: one byte of flags, four of length, the message.
//!
//! Pieces come as the network cuts them. A call that is not a stream carries exactly one message.

use bytes::{Buf, Bytes};

use super::refusal::Refusal;

/// Bytes before a message.
pub(super) const PREFIX: usize = 5;

/// What was read of a piece.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// A message begins.
    Begin {
        /// Whether it is compressed by what `grpc-encoding` says.
        compressed: bool,
        /// Its bytes as they come.
        length: usize,
    },
    /// Some of its bytes; never none.
    Bytes(Bytes),
}

/// Reads the one message of a call.
#[derive(Debug, Default)]
pub(super) struct Unary {
    prefix: [u8; PREFIX],
    /// Bytes of the prefix that have come.
    have: usize,
    /// Bytes of the message that have not.
    left: usize,
}

impl Unary {
    /// Takes the next part off a piece; `None` once all of the piece is read.
    pub(super) fn next(&mut self, piece: &mut Bytes) -> Result<Option<Part>, Refusal> {
        while self.have < PREFIX {
            if !piece.has_remaining() {
                return Ok(None);
            }
            let byte = piece.get_u8();
            if let Some(place) = self.prefix.get_mut(self.have) {
                *place = byte;
            }
            self.have += 1;
            if self.have == PREFIX {
                return self.begin().map(Some);
            }
        }
        if piece.is_empty() {
            return Ok(None);
        }
        if self.left == 0 {
            return Err(Refusal::cardinality("the call carries more than one message"));
        }
        let bytes = piece.split_to(piece.len().min(self.left));
        self.left -= bytes.len();
        Ok(Some(Part::Bytes(bytes)))
    }

    fn begin(&mut self) -> Result<Part, Refusal> {
        let [flags, length @ ..] = self.prefix;
        let compressed = match flags {
            0 => false,
            1 => true,
            _ => return Err(Refusal::frames("the flags of a message are neither 0 nor 1")),
        };
        let length = usize::try_from(u32::from_be_bytes(length)).unwrap_or(usize::MAX);
        self.left = length;
        Ok(Part::Begin { compressed, length })
    }

    /// The body is over.
    pub(super) fn finish(&self) -> Result<(), Refusal> {
        match (self.have, self.left) {
            (0, _) => Err(Refusal::cardinality("the call carries no message")),
            (PREFIX, 0) => Ok(()),
            _ => Err(Refusal::frames("the body ends in the middle of a message")),
        }
    }
}

/// A message that is not compressed, framed.
pub(super) fn frame(message: &[u8]) -> Bytes {
    let mut framed = Vec::with_capacity(PREFIX + message.len());
    framed.push(0);
    // Answers are some bytes long.
    framed.extend_from_slice(&u32::try_from(message.len()).unwrap_or(u32::MAX).to_be_bytes());
    framed.extend_from_slice(message);
    framed.into()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{super::fuzz, *};
    use crate::otlp::Code;

    fn code(pieces: &[&[u8]]) -> Option<Code> {
        fuzz::message(pieces.iter().map(|piece| Bytes::copy_from_slice(piece))).err().map(|refusal| refusal.status.code)
    }

    #[test]
    fn exactly_one_whole_message_is_taken() {
        for (pieces, expected) in [
            (&[&[0, 0, 0, 0, 0][..]][..], None),
            (&[&[0, 0, 0, 0, 2, 7, 8]], None),
            (&[&[1, 0, 0][..], &[0, 2, 7], &[8], &[]], None),
            (&[], Some(Code::Unimplemented)),
            (&[&[][..]], Some(Code::Unimplemented)),
            (&[&[0, 0, 0, 0, 0, 0, 0, 0, 0, 0]], Some(Code::Unimplemented)),
            (&[&[0, 0, 0, 0, 1, 7][..], &[0]], Some(Code::Unimplemented)),
            (&[&[0, 0, 0, 0]], Some(Code::Internal)),
            (&[&[0, 0, 0, 0, 2, 7]], Some(Code::Internal)),
            (&[&[2, 0, 0, 0, 0]], Some(Code::Internal)),
            (&[&[0x80, 0, 0, 0, 0]], Some(Code::Internal)),
        ] {
            assert_eq!(code(pieces), expected, "{pieces:?}");
        }
    }

    #[test]
    fn the_length_is_known_before_the_message() {
        let mut piece = Bytes::from_static(&[1, 0xff, 0xff, 0xff, 0xff]);
        let begun = Part::Begin { compressed: true, length: u32::MAX as usize };
        assert_eq!(Unary::default().next(&mut piece), Ok(Some(begun)));
    }

    proptest! {
        #[test]
        fn what_is_framed_is_read(
            message in proptest::collection::vec(any::<u8>(), 0..300),
            cut in any::<u8>(),
        ) {
            let framed = frame(&message);
            prop_assert_eq!(fuzz::message([framed.clone()]), Ok(message));
            let mut bytes = vec![cut];
            bytes.extend_from_slice(&framed);
            fuzz::grpc_frames(&bytes);
        }
    }
}
