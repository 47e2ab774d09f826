//! A stream of events on its way through: each one is read, redacted and written again, no faster than it is taken.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use hyper::body::{Body, Frame, Incoming};

use super::redact;
use crate::engine::Values;

/// The body. At most one event and what came with it in one piece are kept.
#[derive(Debug)]
pub(super) struct Lines {
    body: Incoming,
    values: Values,
}

impl Lines {
    pub(super) fn new(body: Incoming) -> Self {
        Self { body, values: Values::default() }
    }
}

impl Body for Lines {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        loop {
            match self.values.next() {
                Some(Ok(event)) => return Poll::Ready(Some(Ok(Frame::data(redact::event(event).into())))),
                // Where the next one begins is not known: nothing of the rest is passed on.
                Some(Err(bad)) => {
                    let reason = format!("the engine's events cannot be read: {bad:?}");
                    return Poll::Ready(Some(Err(io::Error::new(io::ErrorKind::InvalidData, reason))));
                }
                None => {}
            }
            match ready!(Pin::new(&mut self.body).poll_frame(context)) {
                Some(Ok(frame)) => {
                    if let Some(data) = frame.data_ref() {
                        self.values.push(data);
                    }
                }
                Some(Err(error)) => return Poll::Ready(Some(Err(io::Error::other(error)))),
                None if self.values.is_mid_value() => {
                    return Poll::Ready(Some(Err(io::ErrorKind::UnexpectedEof.into())));
                }
                None => return Poll::Ready(None),
            }
        }
    }
}
