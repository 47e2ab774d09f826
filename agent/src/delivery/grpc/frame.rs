//! One message as it goes over HTTP/2: a byte that says whether it is compressed, four of length, and itself.

use std::{
    convert::Infallible,
    pin::Pin,
    task::{Context, Poll},
};

use bytes::{BufMut as _, Bytes, BytesMut};
use hyper::body::{Body, Frame, SizeHint};

/// Bytes in front of a message.
pub(super) const PREFIX: usize = 5;

/// A body of one message, which is not copied for its prefix.
#[derive(Debug)]
pub(super) struct Framed {
    prefix: Bytes,
    message: Bytes,
}

impl Framed {
    /// This message. One of four gibibytes or more cannot be framed; no queue holds one.
    pub(super) fn new(message: Bytes, compressed: bool) -> Self {
        let mut prefix = BytesMut::with_capacity(PREFIX);
        prefix.put_u8(u8::from(compressed));
        prefix.put_u32(u32::try_from(message.len()).unwrap_or(u32::MAX));
        Self { prefix: prefix.freeze(), message }
    }
}

impl Body for Framed {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let this = &mut *self;
        let next = if this.prefix.is_empty() { &mut this.message } else { &mut this.prefix };
        let next = std::mem::take(next);
        Poll::Ready((!next.is_empty()).then(|| Ok(Frame::data(next))))
    }

    fn is_end_stream(&self) -> bool {
        self.prefix.is_empty() && self.message.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact((self.prefix.len() + self.message.len()) as u64)
    }
}
