//! What a receiver does with a request: the seam between sockets and everything behind them.

use std::{any::Any, sync::Arc, time::Duration};

use bytes::Bytes;
use futures_util::future::BoxFuture;

use super::caller::Caller;
use crate::otlp::Signal;

/// Takes requests. One for all receivers.
pub trait Intake: Send + Sync + 'static {
    /// Called once for each connection, when it is accepted: who it is from is bound then and there; and for each request that a trusted
    /// proxy passes on for somebody. Must not block.
    fn greet(&self, caller: Caller) -> Greeted;

    /// Takes the protobuf bytes of one `Export*ServiceRequest`, decompressed. Ready when the request is acknowledged or refused; dropping the
    /// future refuses it.
    fn take<'a>(&'a self, from: &'a Bound, signal: Signal, request: Bytes) -> BoxFuture<'a, Answer>;
}

/// Who is there.
#[derive(Clone)]
pub struct Greeted {
    /// What requests from there are taken with.
    pub bound: Bound,
    /// Over a unix socket: the id of the container whose process connected. All its processes are one when places and room are shared out.
    pub container: Option<Arc<str>>,
}

/// What an [`Intake`] has bound to a connection; its own affair.
pub type Bound = Arc<dyn Any + Send + Sync>;

/// What a request is answered with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// Acknowledged: it is in the queue of every destination. With 0 rejected and no message it is a full success.
    Taken {
        /// Spans, data points or log records that were not taken.
        rejected: u64,
        /// Why, in English; alone it is a warning.
        message: String,
    },
    /// It is no request of this signal: never sent again. gRPC INVALID_ARGUMENT, HTTP 400.
    Malformed(String),
    /// No room at present: to be sent again after this. gRPC UNAVAILABLE with RetryInfo, HTTP 503 with Retry-After.
    Busy(Duration),
    /// Not taken here at all, such as a signal for which there is no destination. gRPC UNIMPLEMENTED, HTTP 404.
    Unwanted(String),
}

impl Answer {
    /// All of it was taken.
    pub const fn taken() -> Self {
        Self::Taken { rejected: 0, message: String::new() }
    }
}
