//! The body of a target's answer on its way through: never kept as a whole, counted in plain bytes, ended at the deadline.

use std::{
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use hyper::body::{Body as _, Frame, Incoming, SizeHint};
use tokio::time::{Sleep, sleep_until};

use super::{
    fetch::{Ask, Driver},
    gate::Place,
    meter::Meter,
};
use crate::telemetry::{Metrics, TargetOutcome};

/// Why a body ended early. Whoever passes it on must break off its own answer: half a page must not look whole.
#[derive(Debug, thiserror::Error)]
pub enum BodyError {
    /// More plain bytes than allowed.
    #[error("the target's answer is larger than {0} bytes")]
    TooLarge(u64),
    /// Not over at the deadline.
    #[error("the target's answer did not end in time")]
    Timeout,
    /// The target broke off.
    #[error("the target broke off its answer")]
    Broken(#[source] hyper::Error),
    /// It says gzip and is not.
    #[error("the target's answer is not the gzip it says to be")]
    Encoding,
}

impl BodyError {
    /// The word it is counted under.
    pub const fn outcome(&self) -> TargetOutcome {
        match self {
            Self::TooLarge(_) => TargetOutcome::TooLarge,
            Self::Timeout => TargetOutcome::Timeout,
            Self::Broken(_) => TargetOutcome::Broken,
            Self::Encoding => TargetOutcome::Encoding,
        }
    }
}

/// The rest of an answer.
#[derive(Debug)]
pub struct Body {
    incoming: Incoming,
    _driver: Driver,
    meter: Meter,
    deadline: Pin<Box<Sleep>>,
    ended: bool,
    account: Option<Account>,
}

/// Where the end of it is told.
#[derive(Debug)]
pub(super) struct Account {
    pub(super) place: Place,
    pub(super) metrics: Metrics,
}

impl Body {
    pub(super) fn new(incoming: Incoming, driver: Driver, gzip: bool, ask: &Ask) -> Self {
        let meter = Meter::new(gzip, ask.max_body);
        let deadline = Box::pin(sleep_until(ask.deadline));
        let ended = incoming.is_end_stream();
        Self { incoming, _driver: driver, meter, deadline, ended, account: None }
    }

    /// From now on the end is counted, and the place kept until then.
    pub(super) fn on_account(mut self, account: Account) -> Self {
        self.account = Some(account);
        if self.ended {
            self.end(TargetOutcome::Ok);
        }
        self
    }

    fn end(&mut self, outcome: TargetOutcome) {
        self.ended = true;
        if let Some(mut account) = self.account.take() {
            account.place.ended(outcome == TargetOutcome::Ok);
            account.metrics.target_request(outcome);
        }
    }

    fn next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, BodyError>>> {
        // The clock first: a target that always has one more byte must not outrun it.
        if self.deadline.as_mut().poll(cx).is_ready() {
            return Poll::Ready(Some(Err(BodyError::Timeout)));
        }
        loop {
            return match Pin::new(&mut self.incoming).poll_frame(cx) {
                Poll::Pending => Poll::Pending,
                Poll::Ready(None) => Poll::Ready(self.meter.finish().err().map(Err)),
                Poll::Ready(Some(Err(error))) => Poll::Ready(Some(Err(BodyError::Broken(error)))),
                Poll::Ready(Some(Ok(frame))) => match frame.into_data() {
                    Ok(data) => Poll::Ready(Some(self.meter.count(&data).map(|()| data))),
                    // Trailers are not passed on.
                    Err(_) => continue,
                },
            };
        }
    }
}

impl hyper::body::Body for Body {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        if self.ended {
            return Poll::Ready(None);
        }
        let polled = self.next(cx);
        match &polled {
            Poll::Ready(None) => self.end(TargetOutcome::Ok),
            Poll::Ready(Some(Err(error))) => {
                tracing::debug!(%error, "a target's answer is broken off");
                let outcome = error.outcome();
                self.end(outcome);
            }
            _ => {}
        }
        polled.map(|next| next.map(|result| result.map(Frame::data)))
    }

    /// An end only where the meter has agreed to it; the length is unknown on purpose, so that it is sent in chunks and a
    /// missing last chunk tells the client.
    fn is_end_stream(&self) -> bool {
        self.ended
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::default()
    }
}

impl Drop for Body {
    fn drop(&mut self) {
        // The client left, which says nothing of the target: the place keeps what was known of it.
        if let Some(account) = self.account.take() {
            account.metrics.target_request(TargetOutcome::Abandoned);
        }
    }
}
